"""Which versions are there, when do they bind, and how is one withdrawn or an older one brought back?"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import Response
from sqlalchemy.exc import IntegrityError

from api import instants
from api.blueprint import ApiBlueprint, json_response, tagged_response
from api.callers import Caller
from api.drafts import detail_view
from api.problems import Problem
from api.service import Service
from api.version_schemas import DraftDetail, HeadSchema, NewRuleset, Reason, RollBack, VersionDetail, VersionList, VersionSchema
from rulesets import clock, drafts, timeline, versions
from rulesets.models import Department, Head
from rulesets.timeline import Entry

blueprint = ApiBlueprint("versions", "versions", url_prefix="/v1/rulesets", description="版本与时间线 / Versions and the timeline")


@blueprint.route("", methods=["POST"])
@blueprint.takes(NewRuleset, HeadSchema, allow="administrator", summary="新建规则集 / Open a ruleset", refuses=[404, 409], status=201)
def opened(held: Service, caller: Caller, body: dict[str, Any]) -> Response:
    caller.must_be_global("administrator")
    with held.database.writing() as session:
        if session.get(Department, body["department"]) is None:
            raise Problem("E632", pointer="/department", found=body["department"][:60])
        try:
            head = versions.open_ruleset(session, body["name"], body["department"], caller.actor)
        except IntegrityError:
            raise Problem("E660", pointer="/name", found=body["name"]) from None
    return json_response({"name": head.ruleset, "department": head.department, "versions": 0}, 201)


@blueprint.route("/<name>/versions", methods=["GET"])
@blueprint.reads(VersionList, allow="read", summary="版本与时间线 / Versions of a ruleset", refuses=[404])
def listed(held: Service, caller: Caller, name: str) -> Response:
    entries, now = _entries(held, name), clock.now()
    return tagged_response({"versions": [version_view(held, entry, entries, now) for entry in reversed(entries)]})


@blueprint.route("/<name>/versions/<int(min=1, max=2147483647):number>", methods=["GET"])
@blueprint.reads(VersionDetail, allow="read", summary="一个版本的全文 / One version, whole", refuses=[404])
def one(held: Service, caller: Caller, name: str, number: int) -> Response:
    entries = _entries(held, name)
    entry = next((entry for entry in entries if entry.number == number), None)
    if entry is None:
        raise versions.NoSuchVersion(name, number)
    with held.database.reading() as session:
        content = {"document": versions.content(session, entry.sha256), "cases": versions.content(session, entry.cases_sha256)}
    return tagged_response({**version_view(held, entry, entries, clock.now()), **content})


@blueprint.route("/<name>/versions/<int(min=1, max=2147483647):number>/withdraw", methods=["POST"])
@blueprint.takes(Reason, VersionSchema, allow="approver", summary="撤回尚未生效的版本 / Withdraw a version before it takes effect", refuses=[404, 409])
def withdrawn(held: Service, caller: Caller, body: dict[str, Any], name: str, number: int) -> Response:
    caller.must("approver", ruleset=name)
    with held.database.writing() as session:
        entry = versions.entry_of(versions.withdraw(session, name, number, caller.actor, body["reason"]))
    held.releases.look()
    return json_response(version_view(held, entry, [entry], clock.now()))


@blueprint.route("/<name>/rollback", methods=["POST"])
@blueprint.takes(
    RollBack, DraftDetail, allow=("editor", "approver"), summary="以旧版内容提请回滚 / Ask to bring an older version back", refuses=[404, 409], status=201
)
def rolled_back(held: Service, caller: Caller, body: dict[str, Any], name: str) -> Response:
    if not caller.may("approver", ruleset=name):
        caller.must("editor", ruleset=name)
    draft = drafts.roll_back(held.database, caller.actor, name, body["version"], body["reason"], instants.effective_from(held, body))
    with held.database.reading() as session:
        return json_response(detail_view(held, session, drafts.find(session, draft.id)), 201)


def _entries(held: Service, name: str) -> list[Entry]:
    with held.database.reading() as session:
        entries = [entry for entry in versions.load_entries(session) if entry.ruleset == name]
        if not entries and session.scalar(sa.select(Head.number).where(Head.ruleset == name)) is None:
            raise drafts.NoSuchRuleset(session, name)
    return entries


def version_view(held: Service, entry: Entry, entries: list[Entry], now: clock.Instant) -> dict[str, Any]:
    """What is said of a version: every member of ``VersionSchema``."""
    return {
        "ruleset": entry.ruleset,
        "version": entry.number,
        "sha256": entry.sha256,
        "state": timeline.state(entry, entries, now),
        "based_on": entry.based_on,
        "author": entry.author,
        "approver": entry.approver,
        "reason": entry.reason,
        "effective_from": instants.shown(held, entry.effective_from),
        "published_at": instants.shown(held, entry.published_at),
        "withdrawn_at": instants.shown(held, entry.withdrawn_at),
    }
