"""Is there one canonical spelling for one meaning, and one hash for one content?"""

from __future__ import annotations

import datetime
import json
from decimal import Decimal

import pytest

from engine.source.cells import parse_expression
from engine.source.syntax import Constant
from engine.source.writer import canonical_json, document_json, document_sha256, local_id, write_constant, write_expression
from engine.values import Months
from tests.engine.bank import SCOPE, expression


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (Decimal("1.50"), "1.5"),
        (Decimal("-0.00"), "0"),
        (Decimal("1E+3"), "1000"),
        ('说"是"\\否', '"说\\"是\\"\\\\否"'),
        (datetime.date(2024, 9, 3), '@"2024-09-03"'),
        (datetime.timedelta(days=30), '@"P30D"'),
        (datetime.timedelta(days=-30), '@"-P30D"'),
        (Months(14), '@"P1Y2M"'),
        (Months(12), '@"P1Y"'),
        (Months(0), '@"P0M"'),
        (Months(-5), '@"-P5M"'),
    ],
)
def test_a_constant_has_one_spelling(value: Constant, written: str) -> None:
    assert write_constant(value) == written


@pytest.mark.parametrize(
    "text",
    [
        "1 - (2 - 3)",
        "1 - 2 - 3",
        "1 / (2 * 3)",
        "1 / 2 * 3",
        "(1 + 2) * 3",
        "(2 ** 3) ** 2",
        "2 ** 3 ** 2",
        "-(2 ** 2)",
        "-2 ** 2",
        "1 - -2",
        "not(retail) and (retail or retail)",
        "(retail and retail) and retail",
        "(deposits > 1) = true",
        "(if retail then 1 else 2) + 1",
        "if retail then 1 else if retail then 2 else 3",
        "(some 笔 in debts satisfies 笔.days > 1) and retail",
        "for 笔 in debts return if 笔.days > 1 then 笔.balance else 0",
        "debts[1].balance + debts[-1].balance",
        "(for 笔 in debts return 笔.balance)[1]",
        "deposits in (1, > 2, [3..4))",
        "deposits + 1 in [3..4)",
        "[1, 2, 3][item > 1]",
        'product + "x" = "SN-001x"',
        "(today - opened).days / 2",
    ],
)
def test_a_canonical_expression_has_no_bracket_too_many_and_none_too_few(text: str) -> None:
    assert write_expression(expression(text)[0]) == text


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("((1)) + (2 * 3)", "1 + 2 * 3"),
        ("deposits between 1 and 2", "deposits in [1..2]"),
        ("list contains([1, 2], term)", "term in [1, 2]"),
        ("日均存款 * 0.30", "deposits * 0.3"),
        ("债务[余额 > 1]", "debts[balance > 1]"),
        ("债务[item.余额 > 1]", "debts[balance > 1]"),
        ("1 + 5%", "1 + 0.05"),
    ],
)
def test_what_means_the_same_is_written_the_same(typed: str, written: str) -> None:
    assert write_expression(expression(typed)[0]) == written


def test_an_unchecked_tree_is_written_with_its_words_and_units() -> None:
    assert write_expression(parse_expression("某字段 + 5%", SCOPE.lexicon)) == "某字段 + 5%"


def test_a_local_outcome_is_written_without_its_ruleset() -> None:
    assert (local_id("loan-pricing.spread"), local_id("deposits")) == ("spread", "deposits")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"b": 1, "a": [True, None]}, '{"a":[true,null],"b":1}'),
        ({"利率": Decimal("4.350")}, '{"利率":"4.35"}'),
        ({"e\u0301": "e\u0301"}, '{"\u00e9":"\u00e9"}'),
        ((1, "二"), '[1,"二"]'),
    ],
)
def test_one_content_has_one_text(data: object, text: str) -> None:
    assert canonical_json(data) == text


def test_a_hash_does_not_depend_on_the_order_of_keys_or_trailing_zeros() -> None:
    assert document_sha256({"a": Decimal("1.0"), "b": 2}) == document_sha256({"b": 2, "a": Decimal("1.00")})
    assert document_sha256({"a": Decimal("1.0")}) != document_sha256({"a": Decimal("1.1")})


def test_the_order_of_choices_is_part_of_a_document() -> None:
    """A list of choices says by its order which is higher."""
    low_first, high_first = ({"locals": {"level": {"choices": {code: {"zh": "级"} for code in codes}}}} for codes in ("ab", "ba"))
    assert document_sha256(low_first) != document_sha256(high_first)
    assert json.loads(document_json(high_first)) == high_first
    assert list(json.loads(document_json(high_first))["locals"]["level"]["choices"]) == ["b", "a"]
