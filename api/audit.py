"""What was changed, by whom and why, and does the log still vouch for itself? For compliance."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Response
from marshmallow import Schema, fields, validate

from api import instants
from api.blueprint import ApiBlueprint, json_response, tagged_response
from api.callers import Caller
from api.schemas import Strict
from api.service import Service
from api.version_schemas import INSTANT, said
from rulesets import audit, audit_check
from rulesets.audit import Change
from rulesets.audit_export import export_audit
from rulesets.models import AuditEntry

blueprint = ApiBlueprint("audit", "audit", url_prefix="/v1/audit", description="审计 / Audit")
PAGE = 200
PIECE = 64 * 1024
MOST_ENTRIES = 2**63 - 1
"""The largest number that the store can count to."""


class AuditQuery(Strict):
    actor = fields.String(metadata=said("谁，如 user:liwei", "who, such as user:liwei"))
    action = fields.String(metadata=said("做了什么，如 version.published", "what, such as version.published"))
    object = fields.String(metadata=said("对什么，如 loan-pricing/2", "to what, such as loan-pricing/2"))
    since = fields.String(metadata=INSTANT)
    until = fields.String(metadata=INSTANT)
    before = fields.Integer(validate=validate.Range(1, MOST_ENTRIES), metadata=said("只要编号更小的", "only entries with a smaller number"))
    limit = fields.Integer(load_default=PAGE, validate=validate.Range(1, PAGE))


class EntrySchema(Schema):
    number = fields.Integer(required=True)
    at = fields.String(required=True)
    actor = fields.String(required=True)
    origin = fields.String(required=True)
    action = fields.String(required=True)
    object = fields.String(required=True)
    reason = fields.String(required=True)
    before = fields.String(required=True, allow_none=True, metadata=said("改动前内容的 SHA-256", "SHA-256 of the content before"))
    after = fields.String(required=True, allow_none=True, metadata=said("改动后内容的 SHA-256", "SHA-256 of the content after"))
    details = fields.Dict(required=True)
    hash = fields.String(required=True)


class AuditList(Schema):
    entries = fields.List(fields.Nested(EntrySchema), required=True)
    next = fields.Integer(required=True, allow_none=True, metadata=said("下一页的 before", "the `before` of the next page"))


class Verification(Schema):
    result = fields.String(required=True, validate=validate.OneOf(["intact", "broken"]))
    entries = fields.Integer(metadata=said("审计条数", "audit entries"))
    head = fields.String(metadata=said("最后一条的哈希", "hash of the last entry"))
    decisions = fields.Integer(metadata=said("决策条数", "decisions"))
    unanchored = fields.Integer(metadata=said("已成链、尚未锚定的决策", "decisions chained but not yet anchored"))
    line = fields.Integer(metadata=said("第一处有问题的行", "the first line that is wrong"))
    zh = fields.String()
    en = fields.String()


@blueprint.route("", methods=["GET"])
@blueprint.reads(AuditList, allow="compliance", summary="审计日志 / The audit log", query=AuditQuery)
def listed(held: Service, caller: Caller, query: dict[str, Any]) -> Response:
    caller.must_be_global("compliance")
    asked = sa.select(AuditEntry).order_by(AuditEntry.number.desc()).limit(query["limit"])
    asked = asked.where(*(getattr(AuditEntry, name) == query[name] for name in ("actor", "action", "object") if name in query))
    since, until = instants.asked(held, query, "since"), instants.asked(held, query, "until")
    bounds = [(since, AuditEntry.at >= (since or 0)), (until, AuditEntry.at < (until or 0)), (query.get("before"), AuditEntry.number < query.get("before", 0))]
    asked = asked.where(*(condition for bound, condition in bounds if bound is not None))
    with held.database.reading() as session:
        found = list(session.scalars(asked))
    following = found[-1].number if len(found) == query["limit"] else None
    return tagged_response({"entries": [_view(held, entry) for entry in found], "next": following})


@blueprint.route("/verify", methods=["POST"])
@blueprint.does(Verification, allow="compliance", summary="核对全部日志 / Verify the whole log")
def verified(held: Service, caller: Caller) -> Response:
    caller.must_be_global("compliance")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "audit.jsonl"
        export_audit(held.database, file)
        try:
            with file.open("rb") as source:
                report = audit_check.check(source)
        except audit_check.Broken as broken:
            return json_response({"result": "broken", "line": broken.line, "zh": broken.zh, "en": broken.en})
    return json_response({"result": "intact", "entries": report.entries, "head": report.head, "decisions": report.decisions, "unanchored": report.unanchored})


@blueprint.route("/export", methods=["POST"])
@blueprint.does(None, allow="compliance", summary="导出可离线核对的日志 / Export the log for checking offline", file="application/x-ndjson")
def exported(held: Service, caller: Caller) -> Response:
    caller.must_be_global("compliance")
    folder = tempfile.TemporaryDirectory()
    file = Path(folder.name) / "audit.jsonl"
    done = export_audit(held.database, file)
    with held.database.writing() as session:
        audit.enter(session, caller.actor, Change("audit.exported", "audit", details={"sha256": done.sha256, "entries": done.entries}))
    headers = {"Content-Disposition": "attachment; filename=audit.jsonl", "Cache-Control": "no-store", "Content-Length": str(file.stat().st_size)}
    return Response(_pieces(folder, file), content_type="application/x-ndjson", headers=headers)


def _pieces(folder: tempfile.TemporaryDirectory[str], file: Path) -> Iterator[bytes]:
    with folder, file.open("rb") as source:
        while piece := source.read(PIECE):
            yield piece


def _view(held: Service, entry: AuditEntry) -> dict[str, Any]:
    """What is shown of an entry: every member of ``EntrySchema``."""
    view = {name: getattr(entry, name) for name in EntrySchema().fields if name not in ("at", "details")}
    return {**view, "at": instants.shown(held, entry.at), "details": json.loads(entry.details_json)}
