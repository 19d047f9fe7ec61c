"""Which fields and rulesets are in force? The reading endpoints."""

from __future__ import annotations

from flask import Response

from api.blueprint import ApiBlueprint, tagged_response
from api.decisions import unknown_ruleset
from api.schemas import RulesetDetail, RulesetList, VocabularyAnswer
from api.service import service
from rulesets.views import summary_view

blueprint = ApiBlueprint("catalogue", "catalogue", url_prefix="/v1", description="词汇表与规则集 / Vocabulary and rulesets")


@blueprint.route("/vocabulary")
@blueprint.reads(VocabularyAnswer, summary="词汇表 / The vocabulary")
def vocabulary() -> Response:
    return tagged_response(service().vocabulary)


@blueprint.route("/rulesets")
@blueprint.reads(RulesetList, summary="规则集一览 / All rulesets")
def rulesets() -> Response:
    return tagged_response({"rulesets": [summary_view(ruleset) for ruleset in service().engine.program.rulesets]})


@blueprint.route("/rulesets/<name>")
@blueprint.reads(RulesetDetail, summary="一个规则集 / One ruleset", missing=True)
def ruleset(name: str) -> Response:
    held = service()
    if name not in held.references:
        raise unknown_ruleset(held, name)
    return tagged_response(held.rulesets[name])
