"""What do requests and answers about versions and drafts look like?"""

from __future__ import annotations

from typing import Any, Final, cast

from marshmallow import Schema, fields, validate

from api.schemas import MOST_VERSIONS, Bilingual, Strict

NAME: Final = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
MAX_TEXT: Final = 2_000
STATES: Final = ("draft", "submitted", "rejected", "approved", "discarded")
VERSION_STATES: Final = ("scheduled", "in_force", "superseded", "withdrawn")


def said(zh: str, en: str) -> dict[str, str]:
    """The description of a field in both languages."""
    return {"description": f"{zh} / {en}"}


def _text(zh: str, en: str, *, required: bool = False, at_least: int = 1) -> fields.String:
    return fields.String(required=required, validate=validate.Length(at_least, MAX_TEXT), metadata=said(zh, en))


INSTANT: Final = said("时刻，ISO 8601；不写时区则按本行时区", "an instant, ISO 8601; in the bank's time zone unless it says otherwise")


class AsOfQuery(Strict):
    as_of = fields.String(metadata=said("生效时点，默认现在", "in force at; now by default"))
    known_as_of = fields.String(metadata=said("认知时点，默认现在", "as known at; now by default"))


class NewRuleset(Strict):
    name = fields.String(required=True, validate=[validate.Regexp(f"^{NAME}$"), validate.Length(2, 64)], metadata=said("名称", "name"))
    department = fields.String(required=True, metadata=said("主办部门", "department in charge"))


class HeadSchema(Schema):
    name = fields.String(required=True)
    department = fields.String(required=True, metadata=said("主办部门", "department in charge"))
    versions = fields.Integer(required=True, metadata=said("版本数", "number of versions"))


class VersionSchema(Schema):
    ruleset = fields.String(required=True)
    version = fields.Integer(required=True)
    sha256 = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(VERSION_STATES))
    based_on = fields.Integer(required=True, allow_none=True)
    author = fields.String(required=True)
    approver = fields.String(required=True)
    reason = fields.String(required=True)
    effective_from = fields.String(required=True, metadata=said("自何时生效", "binds from"))
    published_at = fields.String(required=True, metadata=said("何时发布", "published at"))
    withdrawn_at = fields.String(required=True, allow_none=True)


class VersionList(Schema):
    versions = fields.List(fields.Nested(VersionSchema), required=True)


class VersionDetail(VersionSchema):
    document = fields.Dict(keys=fields.String(), required=True, metadata=said("规范形式的文档", "the canonical document"))
    cases = fields.Raw(required=True, metadata=said("用例", "the cases"))


class Reason(Strict):
    reason = _text("原因", "why", required=True)


class RollBack(Reason):
    version = fields.Integer(
        required=True, strict=True, validate=validate.Range(1, MOST_VERSIONS), metadata=said("要恢复的版本号", "the version to bring back")
    )
    effective_from = fields.String(metadata=INSTANT)


class DraftQuery(Strict):
    ruleset = fields.String()
    state = fields.String(validate=validate.OneOf(STATES))


class NewDraft(Strict):
    ruleset = fields.String(required=True)
    title = _text("标题", "title", required=True)
    version = fields.Integer(
        strict=True, validate=validate.Range(1, MOST_VERSIONS), metadata=said("从哪个版本开始，默认现行版本", "from which version; the one in force by default")
    )


class DraftContent(Strict):
    title = _text("标题", "title")
    document = fields.Dict(required=True, metadata=said("文档，可以有错", "the document, right or wrong"))
    cases = fields.Dict(required=True, metadata=said("用例", "the cases"))


class FindingSchema(Schema):
    code = fields.String(required=True)
    document = fields.String(required=True, metadata=said("在哪个规则集", "in which ruleset"))
    pointer = fields.String(required=True, metadata=said("在文档中的位置", "place in the document"))
    place = fields.String(required=True, metadata=said("位置的说法", "the place in words"))
    start = fields.Integer(required=True)
    end = fields.Integer(required=True)
    title = fields.String(required=True)
    detail = fields.String(required=True)


class ConflictSchema(Schema):
    path = fields.List(fields.Raw(), required=True)
    kind = fields.String(required=True)
    base = fields.Raw(allow_none=True)
    ours = fields.Raw(allow_none=True)
    theirs = fields.Raw(allow_none=True)


class ChangeSchema(Schema):
    path = fields.List(fields.Raw(), required=True)
    kind = fields.String(required=True)
    before = fields.Raw(allow_none=True)
    after = fields.Raw(allow_none=True)


class WarningSchema(Schema):
    version = fields.Integer(required=True, metadata=said("稍后生效的版本", "the version that takes effect later"))
    effective_from = fields.String(required=True)
    text = fields.Nested(Bilingual, required=True)


class DraftSummary(Schema):
    id = fields.String(required=True)
    ruleset = fields.String(required=True)
    title = fields.String(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    revision = fields.Integer(required=True)
    base = fields.Integer(required=True, metadata=said("所基于的版本", "the version it builds on"))
    created_by = fields.String(required=True)
    created_at = fields.String(required=True)
    changed_by = fields.String(required=True)
    changed_at = fields.String(required=True)
    submitted_by = fields.String(required=True, allow_none=True)
    submitted_at = fields.String(required=True, allow_none=True)
    decided_by = fields.String(required=True, allow_none=True)
    decided_at = fields.String(required=True, allow_none=True)
    comment = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    effective_from = fields.String(required=True, allow_none=True)
    version = fields.Integer(required=True, allow_none=True, metadata=said("发布成的版本", "the version it became"))


class DraftList(Schema):
    drafts = fields.List(fields.Nested(DraftSummary), required=True)


class DraftDetail(DraftSummary):
    document = fields.Raw(required=True)
    cases = fields.Raw(required=True)
    contributors = fields.List(fields.String(), required=True)
    stale = fields.Boolean(required=True, metadata=said("是否需要变基", "whether it must be rebased"))
    changes = fields.List(fields.Nested(ChangeSchema), required=True, metadata=said("与所基于版本的逐格差异", "what differs from its base, cell by cell"))
    warnings = fields.List(fields.Nested(WarningSchema), required=True, metadata=said("时间线提醒", "warnings about the timeline"))


class CheckAnswer(Schema):
    findings = fields.List(fields.Nested(FindingSchema), required=True)


class Submission(Reason):
    effective_from = fields.String(metadata=INSTANT)


class Comment(Strict):
    comment = _text("意见", "comment", required=True)


class Approval(Strict):
    comment = fields.String(load_default="", validate=validate.Length(0, MAX_TEXT), metadata=said("意见", "comment"))


class Step(fields.Field[str | int]):
    """A step of a path into a document: a key or a position."""

    def __init__(self) -> None:
        super().__init__(metadata={"type": ["string", "integer"]}, error_messages={"invalid": "Must be a key or a position."})

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str | int:
        if type(value) not in (str, int):
            raise self.make_error("invalid")
        return cast(str | int, value)


class Resolution(Strict):
    path = fields.List(Step(), required=True)
    value = fields.Raw(allow_none=True, metadata=said("选定的值；不写表示删除", "the value chosen; left out to remove it"))


class Rebase(Strict):
    resolutions = fields.List(fields.Nested(Resolution), load_default=list)


class CarryForward(Strict):
    version = fields.Integer(required=True, strict=True, validate=validate.Range(1, MOST_VERSIONS))
