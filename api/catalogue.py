"""Which fields and rulesets are in force? The reading endpoints."""

from __future__ import annotations

from flask import Response

from api.blueprint import ApiBlueprint, tagged_response
from api.decisions import unknown_ruleset
from api.schemas import RulesetDetail, RulesetList, VocabularyAnswer
from api.service import Service
from rulesets.views import summary_view

blueprint = ApiBlueprint("catalogue", "catalogue", url_prefix="/v1", description="词汇表与规则集 / Vocabulary and rulesets")


@blueprint.route("/vocabulary")
@blueprint.reads(VocabularyAnswer, summary="词汇表 / The vocabulary")
def vocabulary(held: Service) -> Response:
    return tagged_response(held.vocabulary)


@blueprint.route("/rulesets")
@blueprint.reads(RulesetList, summary="规则集一览 / All rulesets")
def rulesets(held: Service) -> Response:
    return tagged_response({"rulesets": [summary_view(ruleset) for ruleset in held.engine.program.rulesets]})


@blueprint.route("/rulesets/<name>")
@blueprint.reads(RulesetDetail, summary="一个规则集 / One ruleset", missing=True)
def ruleset(held: Service, name: str) -> Response:
    if name not in held.references:
        raise unknown_ruleset(held, name)
    return tagged_response(held.rulesets[name])
