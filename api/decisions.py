"""Which outcomes follow from these facts, and what was decided before? The decision endpoints."""

from __future__ import annotations

from typing import Any, Final

from flask import Response

from api import instants, metrics
from api.blueprint import ApiBlueprint, json_response, tagged_response
from api.callers import Caller
from api.decision_schemas import (
    BatchAnswer,
    BatchRequest,
    DecisionList,
    DecisionQuery,
    KeptDecision,
    ReplayAnswer,
    TryAnswer,
    TryRequest,
)
from api.problems import InvalidRequest, Problem, tell
from api.schemas import DecisionAnswer, DecisionRequest
from api.service import Service
from engine import Decision, Step, Text
from rulesets.deciding import Decided
from rulesets.log import search
from rulesets.log.records import Question, masked, opened, parse
from rulesets.log.search import Cursor
from rulesets.log.search import Found as Kept
from rulesets.release import Release

blueprint = ApiBlueprint("decisions", "decisions", url_prefix="/v1", description="决策 / Decisions")
BATCH_BODY: Final = 16
"""A batch may be this many times longer than another body."""


@blueprint.route("/decisions", methods=["POST"])
@blueprint.takes(DecisionRequest, DecisionAnswer, allow="decide", summary="按规则决策 / Decide by the rules", refuses=[404, 409])
def decide(held: Service, caller: Caller, request: dict[str, Any]) -> Response:
    return _answer(held, caller, request, None)


@blueprint.route("/rulesets/<name>/decisions", methods=["POST"])
@blueprint.takes(DecisionRequest, DecisionAnswer, allow="decide", summary="只问一个规则集 / Decide by one ruleset", refuses=[404, 409])
def decide_by_ruleset(held: Service, caller: Caller, request: dict[str, Any], name: str) -> Response:
    return _answer(held, caller, request, name)


def _answer(held: Service, caller: Caller, request: dict[str, Any], ruleset: str | None) -> Response:
    question = _question(held, caller, request, ruleset)
    found = held.desk.ask(question, traced=request["trace"])
    return json_response(_view(found, traced=request["trace"]))


def _question(held: Service, caller: Caller, request: dict[str, Any], ruleset: str | None) -> Question:
    outcomes = caller.may_ask(request.get("outcomes"))
    if outcomes is not None and ruleset is not None and "outcomes" not in request:
        exported = held.releases.current().engine.program.exported
        outcomes = [name for name in outcomes if exported.get(name) == ruleset]
    return Question(
        system=caller.actor.name.partition(":")[2],
        reference=request.get("reference"),
        facts=request["facts"],
        outcomes=outcomes,
        ruleset=ruleset,
        as_of=instants.asked(held, request, "as_of"),
        known_as_of=instants.asked(held, request, "known_as_of"),
        versions=request.get("versions"),
    )


@blueprint.route("/decisions/batch", methods=["POST"])
@blueprint.takes(BatchRequest, BatchAnswer, allow="decide", summary="一次决策多位客户 / Decide about many at once", limit=BATCH_BODY)
def decide_batch(held: Service, caller: Caller, request: dict[str, Any]) -> Response:
    traced = request["trace"]
    common: dict[str, Any] = {name: request[name] for name in ("outcomes", "as_of", "known_as_of", "versions") if name in request}
    questions = [_question(held, caller, {**common, **item}, request.get("ruleset")) for item in request["items"]]
    found = held.desk.ask_all(questions, traced=traced)
    return json_response({"items": [_item(one, traced=traced) for one in found]})


def _item(found: Decided | Exception, *, traced: bool) -> dict[str, Any]:
    failure = found if isinstance(found, Exception) else found.failure
    if failure is not None:
        body = tell(failure).body
        return {"status": body["status"], "problem": body}
    assert isinstance(found, Decided)
    return {"status": 200, "decision": _view(found, traced=traced)}


def _view(found: Decided, *, traced: bool) -> dict[str, Any]:
    assert found.decision is not None
    metrics.note(found)
    return {"decision_id": found.id, **_said(found.release, found.decision, traced=traced)}


def _said(release: Release, decision: Decision, *, traced: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "outcomes": decision.outcomes,
        "undecided": decision.undecided,
        "rulesets": [release.references[name] for name in decision.rulesets],
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


# --- trying ---------------------------------------------------------------------------------------------------------------


@blueprint.route("/try", methods=["POST"])
@blueprint.takes(TryRequest, TryAnswer, allow="viewer", summary="用草稿试算，不留记录 / Try drafts on a customer; nothing is kept", refuses=[404])
def attempt(held: Service, caller: Caller, request: dict[str, Any]) -> Response:
    release = held.trials.release(request["drafts"], instants.asked(held, request, "as_of"), lambda ruleset: caller.must("viewer", ruleset=ruleset))
    decision = release.engine.decide(request["facts"], request.get("outcomes"), trace=request["trace"])
    return json_response(_said(release, decision, traced=request["trace"]))


# --- what was decided -----------------------------------------------------------------------------------------------------


@blueprint.route("/decisions", methods=["GET"])
@blueprint.reads(DecisionList, allow="read", summary="查询决策记录 / Search decisions", query=DecisionQuery)
def listed(held: Service, caller: Caller, query: dict[str, Any]) -> Response:
    _must_see_decisions(caller)
    limit = query.get("limit", search.MOST)
    with held.database.reading() as session:
        found = search.find(session, limit=limit, **_wanted(held, caller, query))
    following = str(found[-1].cursor) if len(found) == limit else None
    return tagged_response({"decisions": [_kept(held, caller, record) for record in found], "next": following})


def _wanted(held: Service, caller: Caller, query: dict[str, Any]) -> dict[str, Any]:
    """What is searched for; raises ``InvalidRequest`` and E666. A system finds its own decisions only."""
    outcome, given, value = query.get("outcome", "").partition(":")
    wanted: dict[str, Any] = {name: query[name] for name in ("reference", "ruleset", "version") if name in query}
    wanted |= {"since": instants.asked(held, query, "since"), "until": instants.asked(held, query, "until")}
    wanted |= {"system": caller.key.system if caller.key else query.get("system"), "after": _cursor(query)}
    fields = held.releases.current().engine.program.vocabulary.fields
    if given and outcome in fields and fields[outcome].sensitive:
        raise Problem("E666", pointer="/outcome", found=outcome)
    return {**wanted, "outcome": outcome or None, "value": value if given else None}


def _cursor(query: dict[str, Any]) -> Cursor | None:
    try:
        return Cursor.parse(query["after"]) if "after" in query else None
    except ValueError:
        raise InvalidRequest([("/after", Text("应为上一页给出的 next。", "Should be the `next` of the page before."))]) from None


@blueprint.route("/decisions/<id_>", methods=["GET"])
@blueprint.reads(KeptDecision, allow="read", summary="一个决策及其依据 / One decision, with its steps", refuses=[404])
def one(held: Service, caller: Caller, id_: str) -> Response:
    record = _find(held, caller, id_)
    view = _kept(held, caller, record)
    if _sees_all(caller):
        found = held.desk.again(record.text, traced=True)
        view["trace"] = [_step(step) for step in found.decision.steps] if found.decision else []
    return tagged_response(view)


@blueprint.route("/decisions/<id_>/replay", methods=["POST"])
@blueprint.does(ReplayAnswer, allow="read", summary="重算并比对 / Decide again and compare", refuses=[404])
def replayed(held: Service, caller: Caller, id_: str) -> Response:
    found = held.desk.replay(_find(held, caller, id_))
    shown = _sees_all(caller)
    differences = [{"kind": kind, "name": name, **({"was": was, "is": now} if shown else {})} for kind, name, was, now in found.differences]
    return json_response({"result": "different" if differences else "identical", "differences": differences})


def _must_see_decisions(caller: Caller) -> None:
    """A decision reaches across departments: a person needs a grant for everything. A system sees its own."""
    if caller.key is None:
        caller.must_be_global("viewer")


def _find(held: Service, caller: Caller, id_: str) -> Kept:
    _must_see_decisions(caller)
    with held.database.reading() as session:
        record = search.get(session, id_)
    if record is None or (caller.key is not None and record.system != caller.key.system):
        raise Problem("E663", found=id_[:60])
    return record


def _sees_all(caller: Caller) -> bool:
    """Whether sensitive values are shown: to the system that gave them, and to compliance."""
    return caller.key is not None or caller.may_everywhere("compliance")


def _kept(held: Service, caller: Caller, record: Kept) -> dict[str, Any]:
    kept = parse(record.text)
    readable = opened(kept, held.sealer) if _sees_all(caller) else masked(kept)
    fields = held.releases.current().fields
    return {
        "decision_id": record.id,
        "at": instants.shown(held, record.at),
        "system": record.system,
        "reference": record.reference,
        "as_of": instants.shown(held, kept["as_of"]),
        "known_as_of": instants.shown(held, kept["known_as_of"]),
        "facts": fields.exact(readable["request"]["facts"]),
        "outcomes": fields.exact(readable["outcomes"]),
        "undecided": kept["undecided"],
        "failure": kept.get("failure", []),
        "versions": [{"name": name, "version": number, "sha256": sha256} for name, number, sha256 in held.desk.versions_of(record.usage)],
        "hash": record.hash,
    }
