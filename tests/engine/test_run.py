"""Does an engine answer what was asked, in the caller's names, and refuse everything wrong at once?"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from engine import DecisionError, Engine, FactsError, compile_program
from tests.engine.bank import VOCABULARY


def _label(zh: str, en: str) -> dict[str, str]:
    return {"zh": zh, "en": en}


def _ruleset(name: str, exports: list[str], **parts: Any) -> dict[str, Any]:
    return {"ruleset": name, "title": _label(name, name), "owner": _label("个人银行部", "personal banking"), "exports": exports, **parts}


def _table(outcome: str, inputs: list[str], rows: list[tuple[list[str], str]], policy: str = "U") -> dict[str, Any]:
    written = [{"id": f"r{n}", "when": when, "then": [then]} for n, (when, then) in enumerate(rows, 1)]
    return {"id": outcome, "title": _label(outcome, outcome), "hit_policy": policy, "inputs": inputs, "outputs": [outcome], "rows": written}


_TIERS = _ruleset("member-tiers", ["tier"], tables=[_table("tier", ["deposits"], [([">= 100万"], "金卡"), (["< 100万"], "普通")])])
_PRICING = _ruleset(
    "loan-pricing",
    ["spread", "ratio"],
    tables=[_table("spread", ["tier"], [(["金卡"], "15"), (["普通"], "30")])],
    formulas=[{"outcome": "ratio", "title": _label("比", "ratio"), "expression": "loans / deposits"}],
)


@pytest.fixture(name="engine")
def _engine() -> Iterator[Engine]:
    engine = compile_program(VOCABULARY, [_PRICING, _TIERS])
    yield engine
    engine.close()


def test_all_exported_outcomes_are_answered_unless_some_are_asked_for(engine: Engine) -> None:
    facts = {"deposits": 1000000, "loans": 250000}
    assert dict(engine.decide(facts).outcomes) == {"spread": 15, "ratio": Decimal("0.25"), "tier": "gold"}
    assert dict(engine.decide(facts, ["tier"]).outcomes) == {"tier": "gold"}
    assert dict(engine.decide(facts, ruleset="loan-pricing").outcomes) == {"spread": 15, "ratio": Decimal("0.25")}
    assert dict(engine.decide(facts, []).outcomes) == {}


def test_only_the_rulesets_that_were_needed_are_named(engine: Engine) -> None:
    facts = {"deposits": 1000000, "loans": 250000}
    assert engine.decide(facts, ["tier"]).rulesets == ("member-tiers",)
    assert engine.decide(facts, ["spread"]).rulesets == ("loan-pricing", "member-tiers")
    assert engine.decide({**facts, "tier": "gold"}, ["spread"]).rulesets == ("loan-pricing",)


@pytest.mark.parametrize("tier", ["plain", "gold"])
def test_a_given_outcome_stands_and_is_what_others_see(engine: Engine, tier: str) -> None:
    decision = engine.decide({"deposits": 1000000, "tier": tier}, ["tier", "spread"])
    assert dict(decision.outcomes) == {"tier": tier, "spread": {"plain": 30, "gold": 15}[tier]}


def test_an_outcome_given_as_empty_is_answered_as_empty(engine: Engine) -> None:
    decision = engine.decide({"deposits": 1000000, "tier": None}, ["tier", "spread"])
    assert dict(decision.outcomes) == {"tier": None}
    assert [(open_.outcome, open_.reason) for open_ in decision.undecided] == [("spread", "no_row_matched")]


def test_a_fact_may_be_spelled_by_label_and_a_choice_too(engine: Engine) -> None:
    assert dict(engine.decide({"会员等级": "金卡"}, ["spread"]).outcomes) == {"spread": 15}
    assert dict(engine.decide({"member tier": "gold card"}, ["spread"]).outcomes) == {"spread": 15}
    assert dict(engine.decide({"ＴＩＥＲ".lower(): "gold"}, ["spread"]).outcomes) == {"spread": 15}


def test_every_refused_fact_is_named_at_once(engine: Engine) -> None:
    with pytest.raises(FactsError) as caught:
        engine.decide({"deposit": 1, "loans": "1e6", "tier": "silver", "会员等级": "gold"})
    assert [(found.code, found.location.pointer) for found in caught.value.diagnostics] == [
        ("E401", "/facts/deposit"),
        ("E407", "/facts/loans"),
        ("E403", "/facts/tier"),
        ("E412", "/facts/会员等级"),
    ]


def test_every_unknown_outcome_is_named_at_once(engine: Engine) -> None:
    with pytest.raises(FactsError) as caught:
        engine.decide({}, ["tier", "teir", "deposits"])
    assert [(found.code, found.location.pointer) for found in caught.value.diagnostics] == [("E409", "/outcomes/1"), ("E409", "/outcomes/2")]


def test_an_outcome_of_another_ruleset_is_unknown_to_the_one_asked(engine: Engine) -> None:
    with pytest.raises(FactsError):
        engine.decide({}, ["tier"], ruleset="loan-pricing")


def test_an_unknown_ruleset_is_a_key_error(engine: Engine) -> None:
    with pytest.raises(KeyError):
        engine.decide({}, ruleset="pricing")


@pytest.mark.parametrize("trace", [False, True])
def test_what_cannot_be_computed_names_its_formula(engine: Engine, trace: bool) -> None:
    with pytest.raises(DecisionError) as caught:
        engine.decide({"deposits": 0, "loans": 1}, trace=trace)
    (found,) = caught.value.diagnostics
    assert (found.code, found.location.document, found.location.path) == ("E503", "loan-pricing", ("ratio",))


def test_a_failure_that_was_not_asked_for_does_not_matter(engine: Engine) -> None:
    assert dict(engine.decide({"deposits": 0, "loans": 1}, ["spread"]).outcomes) == {"spread": 30}


def test_a_question_about_nothing_is_answered(engine: Engine) -> None:
    decision = engine.decide({})
    assert dict(decision.outcomes) == {}
    assert {open_.outcome: open_.missing for open_ in decision.undecided} == {"tier": ("deposits",), "spread": ("deposits",), "ratio": ("deposits", "loans")}


def test_tracing_and_a_fresh_agenda_change_nothing(engine: Engine) -> None:
    facts = {"deposits": 1000000, "loans": 250000}
    plain = engine.decide(facts)
    for decision in (engine.decide(facts, trace=True), engine.decide(facts, fresh_agenda=True)):
        assert (decision.outcomes, decision.undecided, decision.rulesets) == (plain.outcomes, plain.undecided, plain.rulesets)


def test_threads_share_an_engine(engine: Engine) -> None:
    questions: list[dict[str, Any]] = [{"deposits": n * 100000, "loans": 0} for n in range(1, 21)] + [{"tier": "gold"}, {}]
    alone = [engine.decide(facts) for facts in questions]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(engine.decide, questions * 5)) == alone * 5


def test_a_program_without_rulesets_has_nothing_to_answer() -> None:
    engine = compile_program(VOCABULARY, [])
    assert dict(engine.decide({"deposits": 1}).outcomes) == {}
    engine.close()


def test_the_hash_of_a_ruleset_is_that_of_its_meaning_not_of_its_typing() -> None:
    retyped = _ruleset("member-tiers", ["tier"], tables=[_table("tier", ["日均存款"], [(["不低于１００万元"], '"gold"'), (["不足 100万"], "plain")])])
    first, second = (compile_program(VOCABULARY, [document]).program.ruleset("member-tiers") for document in (_TIERS, retyped))
    assert first.sha256 == second.sha256
    other = _ruleset("member-tiers", ["tier"], tables=[_table("tier", ["deposits"], [([">= 100万"], "金卡"), (["<= 100万"], "普通")])])
    assert compile_program(VOCABULARY, [other]).program.ruleset("member-tiers").sha256 != first.sha256


def test_a_canonical_document_compiles_to_itself() -> None:
    program = compile_program(VOCABULARY, [_PRICING, _TIERS]).program
    again = compile_program(VOCABULARY, [ruleset.canonical for ruleset in program.rulesets]).program
    assert [ruleset.canonical for ruleset in again.rulesets] == [ruleset.canonical for ruleset in program.rulesets]
    assert [ruleset.sha256 for ruleset in again.rulesets] == [ruleset.sha256 for ruleset in program.rulesets]


def test_a_count_of_no_rows_must_lie_in_the_range_of_its_outcome() -> None:
    engine = compile_program(VOCABULARY, [_ruleset("counting", ["term"], tables=[_table("term", ["deposits"], [([">= 100"], "7")], policy="C#")])])
    assert dict(engine.decide({"deposits": 100}).outcomes) == {"term": 1}
    with pytest.raises(DecisionError) as refused:
        engine.decide({"deposits": 99})
    assert [finding.code for finding in refused.value.diagnostics] == ["E504"]
    engine.close()
