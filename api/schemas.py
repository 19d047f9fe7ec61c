"""What do requests and answers look like? The marshmallow schemas that OpenAPI is made from.

Facts themselves are judged by the engine, which knows the vocabulary; here is only their frame.
"""

from __future__ import annotations

from typing import Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields, validate

MAX_OUTCOMES: Final = 1000
MAX_REFERENCE: Final = 128
MOST_VERSIONS: Final = 2**31 - 1
"""The largest number that the store keeps for a version."""


class TrueOrFalse(fields.Boolean):
    """A boolean and nothing that equals one: 1 is no ``true``."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Pins(fields.Dict):
    """Ruleset → the number of a version. A fault is told at the ruleset it belongs to."""

    def __init__(self, **options: Any) -> None:
        super().__init__(keys=fields.String(), values=fields.Integer(strict=True, validate=validate.Range(1, MOST_VERSIONS)), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]  # marshmallow's own
        except ValidationError as error:
            found = error.messages if isinstance(error.messages, dict) else {}
            raise ValidationError({name: faults["value"] for name, faults in found.items()} or error.messages) from None


class Strict(Schema):
    """A schema that refuses members it does not know."""

    class Meta:
        unknown = RAISE


class Bilingual(Schema):
    zh = fields.String(required=True, metadata={"description": "中文 / Chinese"})
    en = fields.String(required=True, metadata={"description": "英文 / English"})


class DecisionRequest(Strict):
    """A customer, and what is wanted of the rules."""

    def load(self, data: Any, **options: Any) -> Any:
        """As the fields below say; what is plainly right is not searched for faults, which takes longer than to decide."""
        return {"trace": False, **data} if _plainly_right(data) else super().load(data, **options)

    facts = fields.Dict(
        required=True,
        metadata={
            "description": "字段 → 值。数字可写 JSON 数字或十进制文字；null 表示已知为空 / Field → value; numbers as JSON numbers or plain decimal text; null means known to be empty",
            "example": {"deposit_balance": "1200000.00", "loan_balance": 800000},
        },
    )
    outcomes = fields.List(
        fields.String(),
        validate=validate.Length(min=1, max=MAX_OUTCOMES),
        metadata={"description": "想要的结论；省略则为全部对外结论 / Outcomes wanted; by default all exported ones"},
    )
    trace = TrueOrFalse(
        load_default=False,
        metadata={"description": "是否附上逐步依据 / Whether to add the steps and reasons"},
    )
    reference = fields.String(
        validate=validate.Length(1, MAX_REFERENCE),
        metadata={
            "description": "调用方的参考号：同一参考号和请求总得到同一决策 / The caller's reference: the same reference and request give the same decision"
        },
    )
    as_of = fields.String(metadata={"description": "按何时生效的规则 / By the rules in force at this instant"})
    known_as_of = fields.String(metadata={"description": "按何时所知的规则 / As the rules were known at this instant"})
    versions = Pins(
        metadata={"description": "指定规则集的版本 / Pin rulesets to versions", "example": {"loan-pricing": 1}},
    )


def _plainly_right(data: Any) -> bool:
    """Whether this is a decision request without any fault; only a yes is to be relied on."""
    if type(data) is not dict or not data.keys() <= {"facts", "outcomes", "trace", "reference"}:
        return False
    reference = data.get("reference", "none")
    if type(reference) is not str or not 0 < len(reference) <= MAX_REFERENCE:
        return False
    wanted = data.get("outcomes", ["all"])
    named = type(wanted) is list and 0 < len(wanted) <= MAX_OUTCOMES and all(type(name) is str for name in wanted)
    return named and type(data.get("facts")) is dict and type(data.get("trace", False)) is bool


class UndecidedSchema(Schema):
    outcome = fields.String(required=True, metadata={"description": "未定的结论 / The undecided outcome"})
    reason = fields.String(
        required=True,
        validate=validate.OneOf(["missing_facts", "no_row_matched", "empty_result", "upstream"]),
        metadata={"description": "原因：缺字段、无行命中、结果为空、上游未定 / missing_facts, no_row_matched, empty_result or upstream"},
    )
    missing = fields.List(fields.String(), required=True, metadata={"description": "还需提供的字段 / Facts still needed"})
    because = fields.List(fields.String(), required=True, metadata={"description": "所等待的结论 / Outcomes it waits for"})


class RulesetReference(Schema):
    name = fields.String(required=True, metadata={"description": "规则集 / Ruleset"})
    version = fields.Integer(required=True, metadata={"description": "版本号 / Version"})
    sha256 = fields.String(required=True, metadata={"description": "内容的 SHA-256 / SHA-256 of the content"})


class ReadingSchema(Schema):
    field = fields.String(required=True, metadata={"description": "字段 / Field"})
    value = fields.Raw(allow_none=True, metadata={"description": "读到的值 / Value read"})
    origin = fields.String(
        required=True, data_key="from", metadata={"description": "given（调用方给出）或 规则集/表 / given, or the ruleset/table that derived it"}
    )


class MissSchema(Schema):
    row = fields.String(required=True, metadata={"description": "未命中的行 / Row that did not match"})
    column = fields.String(required=True, metadata={"description": "不成立的列 / Column that failed"})
    test = fields.String(required=True, metadata={"description": "该格的条件 / Test of that cell"})
    value = fields.Raw(allow_none=True, metadata={"description": "读到的值 / Value read"})


class StepSchema(Schema):
    ruleset = fields.String(required=True, metadata={"description": "规则集 / Ruleset"})
    production = fields.String(required=True, metadata={"description": "表或公式 / Table or formula"})
    kind = fields.String(
        required=True, validate=validate.OneOf(["table", "formula", "given"]), metadata={"description": "table、formula 或 given / table, formula or given"}
    )
    outcomes = fields.Dict(keys=fields.String(), required=True, metadata={"description": "这一步得到的结论 / Outcomes of this step"})
    read = fields.List(fields.Nested(ReadingSchema), required=True, metadata={"description": "读到的值和来源 / Values read, and where from"})
    rows = fields.List(fields.String(), required=True, metadata={"description": "命中的行 / Rows that fired"})
    misses = fields.List(fields.Nested(MissSchema), required=True, metadata={"description": "上面各行为何不命中 / Why rows above did not match"})
    text = fields.Nested(Bilingual, required=True, metadata={"description": "一句话说明 / In plain words"})


class DecisionAnswer(Schema):
    """Outcomes by name; what stayed undecided, and why; the rulesets used; on request the steps."""

    decision_id = fields.String(required=True, metadata={"description": "本次决策的编号 / Id of this decision"})
    outcomes = fields.Dict(keys=fields.String(), required=True, metadata={"description": "结论 → 值，数字精确 / Outcome → value, numbers exact"})
    undecided = fields.List(fields.Nested(UndecidedSchema), required=True, metadata={"description": "未定的结论 / Outcomes without a value"})
    rulesets = fields.List(fields.Nested(RulesetReference), required=True, metadata={"description": "用到的规则集及版本 / Rulesets used, with versions"})
    trace = fields.List(fields.Nested(StepSchema), metadata={"description": "逐步依据（请求时） / Steps and reasons, on request"})


class RulesetSummary(RulesetReference):
    title = fields.Nested(Bilingual, required=True, metadata={"description": "名称 / Title"})
    owner = fields.Nested(Bilingual, required=True, metadata={"description": "归口部门 / Owning department"})
    exports = fields.List(fields.String(), required=True, metadata={"description": "对外结论 / Exported outcomes"})
    tables = fields.Integer(required=True, metadata={"description": "表数 / Tables"})
    rows = fields.Integer(required=True, metadata={"description": "行数 / Rows"})


class RulesetList(Schema):
    rulesets = fields.List(fields.Nested(RulesetSummary), required=True, metadata={"description": "现行规则集 / Rulesets in force"})


class NeedSchema(Schema):
    field = fields.String(required=True, metadata={"description": "字段 / Field"})
    derived_by = fields.String(allow_none=True, required=True, metadata={"description": "由哪个规则集得出 / Ruleset that derives it"})


class RulesetDetail(RulesetSummary):
    description = fields.Nested(Bilingual, required=True, metadata={"description": "用途 / Purpose"})
    needs = fields.List(fields.Nested(NeedSchema), required=True, metadata={"description": "需要的字段 / Fields it needs"})
    document = fields.Dict(keys=fields.String(), required=True, metadata={"description": "规范形式的文档 / The canonical document"})
    sentences = fields.Dict(keys=fields.String(), required=True, metadata={"description": "每一行的一句话说明 / Every row in plain words"})


class VocabularyAnswer(Schema):
    version = fields.Integer(required=True, metadata={"description": "版本号 / Version"})
    sha256 = fields.String(required=True, metadata={"description": "内容的 SHA-256 / SHA-256 of the content"})
    title = fields.Nested(Bilingual, required=True, metadata={"description": "名称 / Title"})
    fields_ = fields.List(
        fields.Dict(keys=fields.String()),
        required=True,
        data_key="fields",
        metadata={"description": "字段：编号、名称、类型、单位、小数位、范围、取值 / Fields: id, labels, type, unit, scale, bounds, choices"},
    )


class Health(Schema):
    status = fields.String(required=True, metadata={"description": "状态 / Status"})


class Readiness(Health):
    rulesets = fields.Integer(required=True, metadata={"description": "已装载的规则集数 / Rulesets loaded"})


class ErrorDetail(Schema):
    code = fields.String(required=True)
    pointer = fields.String(required=True)
    title = fields.String(required=True)
    detail = fields.String(required=True)


class ProblemSchema(Schema):
    """RFC 9457 problem details; ``errors`` lists every fault with its place in the request."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True)
    errors = fields.List(fields.Nested(ErrorDetail), required=True)
