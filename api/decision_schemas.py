"""What do batches, trials and kept decisions look like?"""

from __future__ import annotations

from typing import Final

from marshmallow import Schema, fields, validate

from api.schemas import MAX_OUTCOMES, MAX_REFERENCE, MOST_VERSIONS, DecisionAnswer, Pins, RulesetReference, StepSchema, Strict, TrueOrFalse, UndecidedSchema
from api.version_schemas import INSTANT, said

MAX_BATCH: Final = 1_000
MAX_TRIED: Final = 20
PAGE: Final = 200


class BatchItem(Strict):
    facts = fields.Dict(required=True)
    reference = fields.String(validate=validate.Length(1, MAX_REFERENCE))


class Shared(Strict):
    outcomes = fields.List(fields.String(), validate=validate.Length(min=1, max=MAX_OUTCOMES), metadata=said("想要的结论", "outcomes wanted"))
    as_of = fields.String(metadata=INSTANT)
    trace = TrueOrFalse(load_default=False)


class BatchRequest(Shared):
    items = fields.List(fields.Nested(BatchItem), required=True, validate=validate.Length(1, MAX_BATCH), metadata=said("客户", "the customers"))
    ruleset = fields.String()
    known_as_of = fields.String(metadata=INSTANT)
    versions = Pins()


class BatchResult(Schema):
    status = fields.Integer(required=True, metadata=said("这一项的状态码", "the status of this item"))
    decision = fields.Nested(DecisionAnswer)
    problem = fields.Dict(metadata=said("这一项的问题", "the problem of this item"))


class BatchAnswer(Schema):
    items = fields.List(fields.Nested(BatchResult), required=True)


class TryRequest(Shared):
    facts = fields.Dict(required=True)
    drafts = fields.List(fields.String(), load_default=list, validate=validate.Length(max=MAX_TRIED), metadata=said("草稿编号", "ids of drafts"))


class TryAnswer(Schema):
    outcomes = fields.Dict(keys=fields.String(), required=True)
    undecided = fields.List(fields.Nested(UndecidedSchema), required=True)
    rulesets = fields.List(fields.Nested(RulesetReference), required=True, metadata=said("草稿的版本号为 0", "a draft has version 0"))
    trace = fields.List(fields.Nested(StepSchema))


class DecisionQuery(Strict):
    reference = fields.String()
    system = fields.String()
    outcome = fields.String(metadata=said("结论，或 结论:值", "an outcome, or outcome:value"))
    ruleset = fields.String()
    version = fields.Integer(validate=validate.Range(1, MOST_VERSIONS))
    since = fields.String(metadata=INSTANT)
    until = fields.String(metadata=INSTANT)
    after = fields.String(metadata=said("上一页给出的 next", "the `next` of the page before"))
    limit = fields.Integer(validate=validate.Range(1, PAGE))


class KeptUndecided(Schema):
    outcome = fields.String(required=True)
    reason = fields.String(required=True)


class KeptSummary(Schema):
    decision_id = fields.String(required=True)
    at = fields.String(required=True)
    system = fields.String(required=True)
    reference = fields.String(required=True, allow_none=True)
    as_of = fields.String(required=True)
    known_as_of = fields.String(required=True)
    facts = fields.Dict(required=True)
    outcomes = fields.Dict(required=True)
    undecided = fields.List(fields.Nested(KeptUndecided), required=True)
    failure = fields.List(fields.String(), required=True)
    versions = fields.List(fields.Nested(RulesetReference), required=True)
    hash = fields.String(required=True)


class KeptDecision(KeptSummary):
    trace = fields.List(fields.Nested(StepSchema))


class DecisionList(Schema):
    decisions = fields.List(fields.Nested(KeptSummary), required=True)
    next = fields.String(required=True, allow_none=True)


class DifferenceSchema(Schema):
    kind = fields.String(required=True, validate=validate.OneOf(["outcome", "undecided", "failure", "input"]))
    name = fields.String(required=True)
    was = fields.Raw(allow_none=True)
    is_ = fields.Raw(allow_none=True, data_key="is")


class ReplayAnswer(Schema):
    result = fields.String(required=True, validate=validate.OneOf(["identical", "different"]))
    differences = fields.List(fields.Nested(DifferenceSchema), required=True)
