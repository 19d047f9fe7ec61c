"""How is a draft written, checked, submitted and decided about? The endpoints of drafts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from flask import Response
from sqlalchemy.orm import Session

from api import instants
from api.blueprint import ApiBlueprint, json_response, revised_response, tagged_response
from api.callers import Caller
from api.findings import finding_views
from api.service import Service
from api.version_schemas import (
    Approval,
    CarryForward,
    CheckAnswer,
    Comment,
    DraftContent,
    DraftDetail,
    DraftList,
    DraftQuery,
    DraftSummary,
    NewDraft,
    Rebase,
    Submission,
)
from rulesets import drafts
from rulesets.changes import change_view, differences
from rulesets.drafts import Work
from rulesets.models import Draft
from rulesets.parts import DELETED
from rulesets.release import Candidate, check
from rulesets.timeline import Entry

blueprint = ApiBlueprint("drafts", "drafts", url_prefix="/v1/drafts", description="草稿与审批 / Drafts and approval")


@blueprint.route("", methods=["GET"])
@blueprint.reads(DraftList, allow="viewer", summary="草稿一览 / All drafts", query=DraftQuery)
def listed(held: Service, caller: Caller, query: dict[str, Any]) -> Response:
    wanted = [getattr(Draft, name) == value for name, value in query.items()]
    with held.database.reading() as session:
        found = session.scalars(sa.select(Draft).where(*wanted).order_by(Draft.changed_at.desc()))
        return tagged_response({"drafts": [summary_view(held, draft) for draft in found if caller.may("viewer", ruleset=draft.ruleset)]})


@blueprint.route("", methods=["POST"])
@blueprint.takes(NewDraft, DraftDetail, allow="editor", summary="新建草稿 / Open a draft", refuses=[404], status=201)
def opened(held: Service, caller: Caller, body: dict[str, Any]) -> Response:
    caller.must("editor", ruleset=body["ruleset"])
    with held.database.writing() as session:
        draft = drafts.open_draft(session, caller.actor, body["ruleset"], body["title"], number=body.get("version"))
        return _answer(held, session, draft, 201)


@blueprint.route("/<id_>", methods=["GET"])
@blueprint.reads(DraftDetail, allow="viewer", summary="一份草稿 / One draft", refuses=[404])
def one(held: Service, caller: Caller, id_: str) -> Response:
    with held.database.reading() as session:
        draft = drafts.find(session, id_)
        caller.must("viewer", ruleset=draft.ruleset)
        return _answer(held, session, draft)


@blueprint.route("/<id_>", methods=["PUT"])
@blueprint.takes(DraftContent, DraftDetail, allow="editor", summary="保存草稿 / Save a draft", refuses=[404, 409], matches=True)
def saved(held: Service, caller: Caller, body: dict[str, Any], id_: str, revision: int) -> Response:
    with held.database.writing() as session:
        caller.must("editor", ruleset=drafts.find(session, id_).ruleset)
        work = Work(body["document"], body["cases"])
        return _answer(held, session, drafts.save(session, caller.actor, id_, revision, work, title=body.get("title")))


@blueprint.route("/<id_>", methods=["DELETE"])
@blueprint.does(DraftDetail, allow="editor", summary="放弃草稿 / Discard a draft", refuses=[404, 409], matches=True)
def discarded(held: Service, caller: Caller, id_: str, revision: int) -> Response:
    with held.database.writing() as session:
        caller.must("editor", ruleset=drafts.find(session, id_).ruleset)
        return _answer(held, session, drafts.discard(session, caller.actor, id_, revision))


@blueprint.route("/<id_>/check", methods=["POST"])
@blueprint.does(CheckAnswer, allow="viewer", summary="检查草稿 / Check a draft", refuses=[404])
def checked(held: Service, caller: Caller, id_: str) -> Response:
    with held.database.reading() as session:
        draft = drafts.find(session, id_)
    caller.must("viewer", ruleset=draft.ruleset)
    work = drafts.work_of(draft)
    found = check(held.database, Candidate(draft.ruleset, work.document, work.cases, draft.effective_from))
    return json_response({"findings": finding_views(found.findings)})


@blueprint.route("/<id_>/rebase", methods=["POST"])
@blueprint.takes(Rebase, DraftDetail, allow="editor", summary="变基到现行版本 / Rebase onto the version in force", refuses=[404, 409], matches=True)
def rebased(held: Service, caller: Caller, body: dict[str, Any], id_: str, revision: int) -> Response:
    resolutions = {tuple(chosen["path"]): chosen.get("value", DELETED) for chosen in body["resolutions"]}
    with held.database.writing() as session:
        caller.must("editor", ruleset=drafts.find(session, id_).ruleset)
        return _answer(held, session, drafts.rebase(session, caller.actor, id_, revision, resolutions))


@blueprint.route("/<id_>/carry-forward", methods=["POST"])
@blueprint.takes(
    CarryForward, DraftDetail, allow="editor", summary="把改动带到稍后生效的版本 / Make the change to a later version too", refuses=[404], status=201
)
def carried(held: Service, caller: Caller, body: dict[str, Any], id_: str) -> Response:
    with held.database.writing() as session:
        draft = drafts.find(session, id_)
        caller.must("editor", ruleset=draft.ruleset)
        return _answer(held, session, drafts.carry_forward(session, caller.actor, draft, body["version"]), 201)


@blueprint.route("/<id_>/submit", methods=["POST"])
@blueprint.takes(Submission, DraftDetail, allow="editor", summary="送审 / Submit for approval", refuses=[404, 409], matches=True)
def submitted(held: Service, caller: Caller, body: dict[str, Any], id_: str, revision: int) -> Response:
    _must(held, caller, "editor", id_)
    when = instants.effective_from(held, body)
    return _reread(held, drafts.submit(held.database, caller.actor, id_, revision, body["reason"], when))


@blueprint.route("/<id_>/take-back", methods=["POST"])
@blueprint.does(DraftDetail, allow="editor", summary="撤回送审 / Take back", refuses=[404, 409], matches=True)
def taken_back(held: Service, caller: Caller, id_: str, revision: int) -> Response:
    with held.database.writing() as session:
        caller.must("editor", ruleset=drafts.find(session, id_).ruleset)
        return _answer(held, session, drafts.take_back(session, caller.actor, id_, revision))


@blueprint.route("/<id_>/reject", methods=["POST"])
@blueprint.takes(Comment, DraftDetail, allow="approver", summary="退回 / Reject", refuses=[404, 409], matches=True)
def rejected(held: Service, caller: Caller, body: dict[str, Any], id_: str, revision: int) -> Response:
    with held.database.writing() as session:
        caller.must("approver", ruleset=drafts.find(session, id_).ruleset)
        return _answer(held, session, drafts.reject(session, caller.actor, id_, revision, body["comment"]))


@blueprint.route("/<id_>/approve", methods=["POST"])
@blueprint.takes(Approval, DraftDetail, allow="approver", summary="批准并发布 / Approve and publish", refuses=[404, 409], matches=True)
def approved(held: Service, caller: Caller, body: dict[str, Any], id_: str, revision: int) -> Response:
    _must(held, caller, "approver", id_)
    draft, _ = drafts.approve(held.database, caller.actor, id_, revision, body["comment"])
    held.releases.look()
    return _reread(held, draft)


def _must(held: Service, caller: Caller, role: Any, id_: str) -> None:
    with held.database.reading() as session:
        draft = drafts.find(session, id_)
    caller.must(role, ruleset=draft.ruleset)


# --- answers --------------------------------------------------------------------------------------------------------------


def _reread(held: Service, draft: Draft) -> Response:
    with held.database.reading() as session:
        return _answer(held, session, drafts.find(session, draft.id))


def _answer(held: Service, session: Session, draft: Draft, status: int = 200) -> Response:
    return revised_response(detail_view(held, session, draft), draft.revision, status)


def summary_view(held: Service, draft: Draft) -> dict[str, Any]:
    """What a list says of a draft: every member of ``DraftSummary``."""
    instant_names = {"created_at", "changed_at", "submitted_at", "decided_at", "effective_from"}
    return {name: instants.shown(held, getattr(draft, name)) if name in instant_names else getattr(draft, name) for name in DraftSummary().fields}


def detail_view(held: Service, session: Session, draft: Draft) -> dict[str, Any]:
    work, base = drafts.work_of(draft), drafts.base_work(session, draft)
    is_open = draft.state in ("draft", "submitted", "rejected")
    return {
        **summary_view(held, draft),
        "document": work.document,
        "cases": work.cases,
        "contributors": drafts.contributors(session, draft),
        "stale": is_open and drafts.is_stale(session, draft),
        "changes": [change_view(change) for change in differences(base.document, work.document)],
        "warnings": list(_warnings(held, drafts.undone_by(session, draft, draft.effective_from))) if is_open else [],
    }


def _warnings(held: Service, later: Iterable[Entry]) -> Iterable[dict[str, Any]]:
    for entry in later:
        when = instants.shown(held, entry.effective_from)
        zh = f"第 {entry.number} 版将于 {when} 生效，届时会覆盖这次改动。可把改动带到该版本。"
        en = f"Version {entry.number} takes effect at {when} and would undo this change. The change can be carried forward to it."
        yield {"version": entry.number, "effective_from": when, "text": {"zh": zh, "en": en}}
