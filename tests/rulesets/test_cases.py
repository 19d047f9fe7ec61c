"""Is a worked customer that is decided otherwise than stated found, and only such a one?"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from engine import Case, Engine
from rulesets.cases import failures, same
from rulesets.catalog import load_catalog
from tests.api.running import SMALL


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = load_catalog(SMALL).compile()
    yield engine
    engine.close()


def found(engine: Engine, given: dict[str, Any], expect: dict[str, Any], *because: str, ruleset: str = "failing") -> list[tuple[Any, ...]]:
    """Code, and for E308 outcome, expected and actual, of each finding about one case."""
    findings = failures(engine, ruleset, [Case("客户甲", given, expect, because)])
    return [(finding.code, *(finding.parameters.get(name) for name in ("outcome", "expected", "actual"))) for finding in findings]


def test_a_case_that_is_decided_as_stated_gives_no_finding(engine: Engine) -> None:
    assert found(engine, {"visits": 3}, {"band": 1, "verdict": True}, "band#few", "verdict#low") == []


def test_a_case_that_expects_nothing_is_satisfied(engine: Engine) -> None:
    assert found(engine, {}, {}) == []


def test_every_outcome_that_is_not_as_stated_is_found(engine: Engine) -> None:
    assert found(engine, {"visits": 3, "income": 2, "debt": 1}, {"band": 2, "verdict": False, "burden": "0.5"}) == [
        ("E308", "band", "2", "1"),
        ("E308", "verdict", "false", "true"),
    ]


def test_an_outcome_that_stays_undecided_is_found(engine: Engine) -> None:
    assert found(engine, {"visits": 3}, {"burden": "0.5"}) == [("E308", "burden", "0.5", "—")]


def test_an_outcome_that_nobody_gives_is_found(engine: Engine) -> None:
    assert found(engine, {"visits": 3}, {"nothing": 1}) == [("E308", "nothing", "1", "—")]


def test_a_row_that_did_not_fire_is_found_with_those_of_its_table_that_did(engine: Engine) -> None:
    assert found(engine, {"visits": 3}, {"band": 1}, "band#some") == [("E308", "band", "band#some", "band#few")]
    assert found(engine, {}, {}, "band#some") == [("E308", "band", "band#some", "—")]


def test_facts_that_are_refused_and_rules_that_fail_are_found(engine: Engine) -> None:
    assert [code for code, *_ in found(engine, {"visits": -1, "nothing": 1}, {})] == ["E404", "E401"]
    assert [code for code, *_ in found(engine, {"visits": 5}, {"band": 1})] == ["E501"]


def test_one_bad_case_does_not_hide_the_next(engine: Engine) -> None:
    cases = [Case("甲", {"visits": -1}, {}), Case("乙", {"visits": 3}, {"band": 9}), Case("丙", {"visits": 3}, {"band": 1})]
    assert [finding.code for finding in failures(engine, "failing", cases)] == ["E404", "E308"]


def test_a_finding_names_the_case_and_its_ruleset_in_both_languages(engine: Engine) -> None:
    (finding,) = failures(engine, "failing", [Case("客户甲", {"visits": 3}, {"band": 2})])
    for language in ("zh", "en"):
        text = finding.render(language)
        assert "客户甲" in text
        assert "failing" in text
        assert "band" in text


def test_truths_and_lists_are_told_without_python(engine: Engine) -> None:
    (finding,) = failures(engine, "failing", [Case("客户甲", {"visits": 3}, {"verdict": False})])
    assert "True" not in finding.message("zh") + finding.message("en")
    (finding,) = failures(engine, "typed", [Case("客户甲", {"opened": "2019-01-01"}, {"standing": ["new"]})])
    assert "['new']" not in finding.message("zh") + finding.message("en")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, 1),
        (1, Decimal("1.00")),
        (Decimal("4.74"), "4.740"),
        (Decimal("1E+3"), 1000),
        (0, "-0"),
        (True, True),
        ("gold", "gold"),
        (["a", "b"], ["a", "b"]),
        ([Decimal("1.0")], [1]),
        ([], []),
        ("2024-01-01", "2024-01-01"),
        (None, None),
    ],
)
def test_these_values_are_the_same(left: Any, right: Any) -> None:
    assert same(left, right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, True),
        (0, False),
        (True, 1),
        (True, "true"),
        (1, 2),
        (Decimal("4.74"), "4.7400001"),
        (1, "one"),
        (1, ""),
        ("1", 1),
        ("gold", "Gold"),
        (["a", "b"], ["b", "a"]),
        (["a"], ["a", "a"]),
        (["a"], "a"),
        ([True], [1]),
        (None, ""),
        (None, False),
        (1, None),
    ],
)
def test_these_values_are_not_the_same(left: Any, right: Any) -> None:
    assert not same(left, right)
