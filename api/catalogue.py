"""Which fields and rulesets are in force, now or at another instant? The reading endpoints."""

from __future__ import annotations

from typing import Any

from flask import Response

from api import instants
from api.blueprint import ApiBlueprint, tagged_response
from api.callers import Caller
from api.schemas import RulesetDetail, RulesetList, VocabularyAnswer
from api.service import Service
from api.version_schemas import AsOfQuery
from rulesets.deciding import NoSuchRuleset
from rulesets.release import Release
from rulesets.views import summary_view

blueprint = ApiBlueprint("catalogue", "catalogue", url_prefix="/v1", description="词汇表与规则集 / Vocabulary and rulesets")


@blueprint.route("/vocabulary")
@blueprint.reads(VocabularyAnswer, allow="read", summary="词汇表 / The vocabulary", query=AsOfQuery, refuses=[404])
def vocabulary(held: Service, caller: Caller, query: dict[str, Any]) -> Response:
    return tagged_response(_release(held, query).vocabulary)


@blueprint.route("/rulesets")
@blueprint.reads(RulesetList, allow="read", summary="规则集一览 / All rulesets", query=AsOfQuery, refuses=[404])
def rulesets(held: Service, caller: Caller, query: dict[str, Any]) -> Response:
    release = _release(held, query)
    return tagged_response({"rulesets": [summary_view(ruleset, release.entries[ruleset.id].number) for ruleset in release.engine.program.rulesets]})


@blueprint.route("/rulesets/<name>")
@blueprint.reads(RulesetDetail, allow="read", summary="一个规则集 / One ruleset", query=AsOfQuery, refuses=[404])
def ruleset(held: Service, caller: Caller, query: dict[str, Any], name: str) -> Response:
    release = _release(held, query)
    if name not in release.references:
        raise NoSuchRuleset(release, name)
    return tagged_response(release.rulesets[name])


def _release(held: Service, query: dict[str, Any]) -> Release:
    return held.releases.at(instants.asked(held, query, "as_of"), instants.asked(held, query, "known_as_of"))
