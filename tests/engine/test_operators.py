"""What do the operators do to values of every type, the empty one included?"""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest

from engine.operators import arithmetic, arithmetic_of, compare, element, member_of, negative
from engine.values import Months
from tests.engine.bank import value

_DAY = datetime.date(2024, 9, 30)
_ORDER = ("plain", "gold", "diamond")


@pytest.mark.parametrize(
    ("operator", "left", "right", "expected"),
    [
        ("+", Decimal("0.1"), Decimal("0.2"), Decimal("0.3")),
        ("-", Decimal(1), Decimal(3), Decimal(-2)),
        ("*", Decimal("1.5"), Decimal(2), Decimal(3)),
        ("/", Decimal(1), Decimal(3), Decimal("0." + "3" * 34)),
        ("/", Decimal(2), Decimal(3), Decimal("0." + "6" * 33 + "7")),
        ("**", Decimal(2), Decimal(10), Decimal(1024)),
        ("+", "农商", "银行", "农商银行"),
        ("-", _DAY, datetime.date(2024, 9, 1), datetime.timedelta(29)),
        ("+", _DAY, datetime.timedelta(1), datetime.date(2024, 10, 1)),
        ("-", _DAY, Months(7), datetime.date(2024, 2, 29)),
        ("+", Months(11), Months(1), Months(12)),
        ("-", datetime.timedelta(3), datetime.timedelta(5), datetime.timedelta(-2)),
        ("*", Months(5), Decimal("2.5"), Months(12)),
        ("/", Months(7), Decimal(2), Months(3)),
        ("/", datetime.timedelta(-7), Decimal(2), datetime.timedelta(-3)),
        ("*", datetime.timedelta(3), Decimal("1.5"), datetime.timedelta(4)),
    ],
)
def test_arithmetic_on_every_type(operator: str, left: Any, right: Any, expected: Any) -> None:
    assert arithmetic(operator, left, right) == expected
    assert arithmetic_of(operator)(left, right) == expected


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "**"])
def test_arithmetic_on_an_empty_operand_is_empty(operator: str) -> None:
    for left, right in ((None, Decimal(0)), (Decimal(0), None), (None, None)):
        assert arithmetic(operator, left, right) is None
        assert arithmetic_of(operator)(left, right) is None


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
def test_an_order_comparison_with_an_empty_value_is_empty(operator: str) -> None:
    for left, right in ((None, Decimal(0)), (Decimal(0), None), (None, None)):
        assert compare(operator, left, right) is None
    assert compare(operator, None, "gold", _ORDER) is None


@pytest.mark.parametrize(
    ("left", "right", "true"),
    [
        (Decimal("1.0"), Decimal("1.00"), {"=", "<=", ">="}),
        (Decimal(1), Decimal(2), {"!=", "<", "<="}),
        (datetime.date(2024, 1, 2), datetime.date(2024, 1, 1), {"!=", ">", ">="}),
        ("a", "b", {"!=", "<", "<="}),
        (Months(12), Months(12), {"=", "<=", ">="}),
    ],
)
def test_every_comparison(left: Any, right: Any, true: set[str]) -> None:
    assert {operator for operator in ("=", "!=", "<", "<=", ">", ">=") if compare(operator, left, right)} == true


def test_ordered_choices_compare_by_their_place_in_the_list_not_by_their_letters() -> None:
    assert compare("<", "plain", "gold", _ORDER) is True
    assert compare(">", "gold", "diamond", _ORDER) is False
    assert compare(">=", "diamond", "gold", _ORDER) is True


@pytest.mark.parametrize(
    ("operand", "expected"),
    [(None, None), (Decimal(5), Decimal(-5)), (Months(3), Months(-3)), (datetime.timedelta(2), datetime.timedelta(-2))],
)
def test_minus(operand: Any, expected: Any) -> None:
    assert negative(operand) == expected


@pytest.mark.parametrize(
    ("position", "expected"),
    [("1", "a"), ("3", "c"), ("-1", "c"), ("-3", "a"), ("0", None), ("4", None), ("-4", None), ("1.5", None)],
)
def test_positions_count_from_one_or_back_from_minus_one_and_give_nothing_outside(position: str, expected: str | None) -> None:
    assert element(["a", "b", "c"], Decimal(position)) == expected


def test_an_element_of_nothing_or_at_nothing_is_empty() -> None:
    assert element(None, Decimal(1)) is None
    assert element(["a"], None) is None


@pytest.mark.parametrize(
    ("source", "member", "expected"),
    [
        (None, "balance", None),
        ({"balance": Decimal(1)}, "balance", Decimal(1)),
        ([{"balance": Decimal(1)}, None], "balance", [Decimal(1), None]),
        (_DAY, "year", Decimal(2024)),
        (_DAY, "day", Decimal(30)),
        (datetime.timedelta(-5), "days", Decimal(-5)),
        (Months(14), "years", Decimal(1)),
        (Months(14), "months", Decimal(2)),
        (Months(-14), "years", Decimal(-1)),
        (Months(-14), "months", Decimal(-2)),
    ],
)
def test_a_member_of_a_record_a_list_a_date_or_a_duration(source: Any, member: str, expected: Any) -> None:
    assert member_of(source, member) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("if null then 1 else 2", 2),
        ("overdue in (null, 90)", True),
        ("overdue between 90 and 90", True),
        ("some 笔 in debts satisfies 笔.bank = null", True),
        ("every 笔 in debts satisfies 笔.days > 0", False),
        ("every 笔 in debts[days > 999] satisfies 笔.days > 0", True),
        ("some 笔 in debts[days > 999] satisfies 笔.days > 0", False),
        ("for 笔 in debts return 笔.days + 1", [1, 96]),
        ("count(debts[bank = null])", 1),
        ("debts[days > 90].balance", [300000]),
        ("debts[3]", None),
        ("debts[3].balance", None),
        ("(today - opened).days", 1675),
        ("(for 笔 in debts return if 笔.days > 90 then 笔.balance else null)[1]", None),
    ],
)
def test_the_forms_of_an_expression_give(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("deposits in (null, 5)", True),
        ("deposits in (5)", None),
        ("deposits in [0..5]", None),
        ("deposits between 0 and 5", None),
        ("deposits in [0, 5]", False),
        ("deposits = null", True),
        ("deposits != 0", True),
        ("deposits > 0", None),
        ("not(deposits > 0)", None),
        ("deposits > 0 and false", False),
        ("deposits > 0 or true", True),
        ("deposits + 1", None),
        ("-deposits", None),
        ("round(deposits)", None),
        ("if deposits > 0 then 1 else 2", 2),
    ],
)
def test_an_empty_deposit_in_every_form(text: str, expected: Any) -> None:
    found = value(text, deposits=None)
    assert (found, found is None) == (expected, expected is None)


@pytest.mark.parametrize(
    "text",
    [
        "some 笔 in debts satisfies true",
        "every 笔 in debts satisfies true",
        "for 笔 in debts return 1",
        "debts[days > 1]",
        "debts[1]",
        "debts.balance",
        "count(debts)",
    ],
)
def test_an_empty_list_value_leaves_every_form_empty(text: str) -> None:
    assert value(text, debts=None) is None
