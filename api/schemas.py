"""What do requests and answers look like? The marshmallow schemas that OpenAPI is made from.

Facts themselves are judged by the engine, which knows the vocabulary; here is only their frame.
"""

from __future__ import annotations

from marshmallow import RAISE, Schema, fields, validate


class Strict(Schema):
    """A schema that refuses members it does not know."""

    class Meta:
        unknown = RAISE


class Bilingual(Schema):
    zh = fields.String(required=True)
    en = fields.String(required=True)


class DecisionRequest(Strict):
    """A customer, and what is wanted of the rules."""

    facts = fields.Dict(
        required=True,
        metadata={
            "description": "字段 → 值。数字可写 JSON 数字或十进制文字。Field → value; numbers as JSON numbers or plain decimal text; null means known to be empty.",
            "example": {"deposit_balance": "1200000.00", "loan_balance": 800000},
        },
    )
    outcomes = fields.List(
        fields.String(),
        validate=validate.Length(min=1, max=1000),
        metadata={"description": "想要的结论;省略则为全部对外结论。Outcomes wanted; by default all exported ones."},
    )
    trace = fields.Boolean(
        truthy={True},
        falsy={False},
        load_default=False,
        metadata={"description": "是否附上逐步依据。Whether to add the steps and reasons."},
    )


class UndecidedSchema(Schema):
    outcome = fields.String(required=True)
    reason = fields.String(required=True, validate=validate.OneOf(["missing_facts", "no_row_matched", "empty_result", "upstream"]))
    missing = fields.List(fields.String(), required=True, metadata={"description": "还需提供的字段。Facts still needed."})
    because = fields.List(fields.String(), required=True, metadata={"description": "所等待的结论。Outcomes it waits for."})


class RulesetReference(Schema):
    name = fields.String(required=True)
    version = fields.Integer(required=True)
    sha256 = fields.String(required=True)


class ReadingSchema(Schema):
    field = fields.String(required=True)
    value = fields.Raw(allow_none=True)
    origin = fields.String(required=True, data_key="from")


class MissSchema(Schema):
    row = fields.String(required=True)
    column = fields.String(required=True)
    test = fields.String(required=True)
    value = fields.Raw(allow_none=True)


class StepSchema(Schema):
    ruleset = fields.String(required=True)
    production = fields.String(required=True)
    kind = fields.String(required=True, validate=validate.OneOf(["table", "formula", "given"]))
    outcomes = fields.Dict(keys=fields.String(), required=True)
    read = fields.List(fields.Nested(ReadingSchema), required=True)
    rows = fields.List(fields.String(), required=True)
    misses = fields.List(fields.Nested(MissSchema), required=True)
    text = fields.Nested(Bilingual, required=True)


class DecisionAnswer(Schema):
    """Outcomes by name; what stayed undecided, and why; the rulesets used; on request the steps."""

    decision_id = fields.String(required=True)
    outcomes = fields.Dict(keys=fields.String(), required=True)
    undecided = fields.List(fields.Nested(UndecidedSchema), required=True)
    rulesets = fields.List(fields.Nested(RulesetReference), required=True)
    trace = fields.List(fields.Nested(StepSchema))


class RulesetSummary(RulesetReference):
    title = fields.Nested(Bilingual, required=True)
    owner = fields.Nested(Bilingual, required=True)
    exports = fields.List(fields.String(), required=True)
    tables = fields.Integer(required=True)
    rows = fields.Integer(required=True)


class RulesetList(Schema):
    rulesets = fields.List(fields.Nested(RulesetSummary), required=True)


class NeedSchema(Schema):
    field = fields.String(required=True)
    derived_by = fields.String(allow_none=True, required=True)


class RulesetDetail(RulesetSummary):
    description = fields.Nested(Bilingual, required=True)
    needs = fields.List(fields.Nested(NeedSchema), required=True)
    document = fields.Dict(keys=fields.String(), required=True)
    sentences = fields.Dict(keys=fields.String(), required=True)


class VocabularyAnswer(Schema):
    title = fields.Nested(Bilingual, required=True)
    fields_ = fields.List(fields.Dict(keys=fields.String()), required=True, data_key="fields")


class Health(Schema):
    status = fields.String(required=True)


class Readiness(Health):
    rulesets = fields.Integer(required=True)


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
