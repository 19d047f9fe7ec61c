"""Which outcomes follow from these facts? The decision endpoints."""

from __future__ import annotations

import uuid
from itertools import islice
from typing import Any

from flask import Response

from api.blueprint import ApiBlueprint, json_response
from api.problems import Problem, TooManyFacts
from api.schemas import DecisionAnswer, DecisionRequest
from api.service import Service
from engine import Decision, FactsError, Step

blueprint = ApiBlueprint("decisions", "decisions", url_prefix="/v1", description="决策 / Decisions")


@blueprint.route("/decisions", methods=["POST"])
@blueprint.takes(DecisionRequest, DecisionAnswer, summary="按现行规则决策 / Decide by the rules in force")
def decide(held: Service, request: dict[str, Any]) -> Response:
    return _answer(held, request, None)


@blueprint.route("/rulesets/<name>/decisions", methods=["POST"])
@blueprint.takes(DecisionRequest, DecisionAnswer, summary="只问一个规则集 / Decide by one ruleset", missing=True)
def decide_by_ruleset(held: Service, request: dict[str, Any], name: str) -> Response:
    if name not in held.references:
        raise unknown_ruleset(held, name)
    return _answer(held, request, name)


def unknown_ruleset(held: Service, name: str) -> Problem:
    return Problem("E621", found=name[:60], allowed=", ".join(held.references))


def _answer(held: Service, request: dict[str, Any], ruleset: str | None) -> Response:
    facts, outcomes, traced = request["facts"], request.get("outcomes"), request["trace"]
    if len(facts) > held.enough or (outcomes and len(outcomes) > held.enough):
        _refuse_surplus(held, facts, outcomes or [], ruleset)
    decision = held.engine.decide(facts, outcomes, ruleset=ruleset, trace=traced)
    return json_response(_view(held, decision, traced=traced))


def _refuse_surplus(held: Service, facts: dict[str, Any], outcomes: list[str], ruleset: str | None) -> None:
    """Refuse more facts or different outcomes than there are fields: some must be wrong, and only the first ones are looked at."""
    wanted = list(dict.fromkeys(outcomes))
    first_facts, first_wanted = dict(islice(facts.items(), held.enough + 1)), wanted[: held.enough + 1]
    more = len(facts) - len(first_facts) + len(wanted) - len(first_wanted)
    if more:
        try:
            held.engine.decide(first_facts, first_wanted, ruleset=ruleset)
        except FactsError as error:
            raise TooManyFacts(error, more) from None


def _view(held: Service, decision: Decision, *, traced: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "decision_id": str(uuid.uuid4()),
        "outcomes": decision.outcomes,
        "undecided": decision.undecided,
        "rulesets": [held.references[name] for name in decision.rulesets],
    }
    if traced:
        answer["trace"] = [_step(step) for step in decision.steps]
    return answer


def _step(step: Step) -> dict[str, Any]:
    return {
        "ruleset": step.ruleset,
        "production": step.production,
        "kind": step.kind,
        "outcomes": step.outcomes,
        "read": [{"field": reading.name, "value": reading.value, "from": reading.origin} for reading in step.read],
        "rows": step.rows,
        "misses": step.misses,
        "text": step.text,
    }
