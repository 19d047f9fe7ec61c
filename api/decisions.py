"""Which outcomes follow from these facts? The decision endpoints."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Response

from api.blueprint import ApiBlueprint, json_response
from api.problems import Problem
from api.schemas import DecisionAnswer, DecisionRequest
from api.service import Service, service
from engine import Decision, Step

blueprint = ApiBlueprint("decisions", "decisions", url_prefix="/v1", description="决策 / Decisions")


@blueprint.route("/decisions", methods=["POST"])
@blueprint.takes(DecisionRequest, DecisionAnswer, summary="按现行规则决策 / Decide by the rules in force")
def decide(request: dict[str, Any]) -> Response:
    return _answer(service(), request, None)


@blueprint.route("/rulesets/<name>/decisions", methods=["POST"])
@blueprint.takes(DecisionRequest, DecisionAnswer, summary="只问一个规则集 / Decide by one ruleset", missing=True)
def decide_by_ruleset(request: dict[str, Any], name: str) -> Response:
    held = service()
    if name not in held.references:
        raise unknown_ruleset(held, name)
    return _answer(held, request, name)


def unknown_ruleset(held: Service, name: str) -> Problem:
    return Problem("E621", found=name[:60], allowed=", ".join(held.references))


def _answer(held: Service, request: dict[str, Any], ruleset: str | None) -> Response:
    decision = held.engine.decide(request["facts"], request.get("outcomes"), ruleset=ruleset, trace=request["trace"])
    return json_response(_view(held, decision, traced=request["trace"]))


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
