"""Are JSON facts read exactly or refused with a reason, and is the empty value the same everywhere?"""

from __future__ import annotations

import datetime
import decimal
from decimal import Decimal
from typing import Any

import pytest

from engine import Type, types
from engine.datatypes import Rounding
from engine.values import (
    MAX_LIST,
    Months,
    Refused,
    admit,
    amount,
    both,
    canonical,
    either,
    equal,
    impossible_date,
    lattice_point,
    less,
    negated,
    plain,
    render,
    round_to,
    words,
)
from tests.engine.bank import field

_TRUTHS = (True, False, None)


# --- the empty value ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", _TRUTHS)
@pytest.mark.parametrize("right", _TRUTHS)
def test_and_takes_the_lesser_and_or_the_greater_of_false_empty_true(left: bool | None, right: bool | None) -> None:
    rank = {False: 0, None: 1, True: 2}
    ordered = sorted((left, right), key=rank.__getitem__)
    assert both((left, right)) is ordered[0]
    assert either((left, right)) is ordered[1]


def test_and_and_or_of_nothing() -> None:
    assert (both(()), either(())) == (True, False)


def test_and_and_or_stop_at_the_part_that_settles_them() -> None:
    def parts(first: bool) -> Any:
        yield first
        raise AssertionError("the rest must not be asked")

    assert both(parts(False)) is False
    assert either(parts(True)) is True


def test_not_of_empty_is_empty() -> None:
    assert [negated(truth) for truth in _TRUTHS] == [False, True, None]


def test_empty_equals_empty_only_and_is_less_than_nothing() -> None:
    assert equal(None, None)
    assert not equal(None, Decimal(0))
    assert [less(None, Decimal(1)), less(Decimal(1), None), less(None, None)] == [None, None, None]


# --- numbers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("1.50", "1.5"),
        ("100", "100"),
        ("1E+3", "1000"),
        ("0E+5", "0"),
        ("1E-7", "0.0000001"),
        ("-12.3400", "-12.34"),
        ("1234567890123456789012345678901234", "1234567890123456789012345678901234"),
    ],
)
def test_a_number_has_one_plain_spelling(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text


@pytest.mark.parametrize(("value", "expected"), [("1.00", 1), ("1E+3", 1000), ("-0.0", 0), ("1.50", Decimal("1.5")), ("0.10", Decimal("0.1"))])
def test_a_whole_number_is_answered_as_an_integer(value: str, expected: int | Decimal) -> None:
    found = canonical(Decimal(value))
    assert (found, type(found), str(found)) == (expected, type(expected), str(expected))


@pytest.mark.parametrize(
    ("value", "scale", "point"), [("1.23", 2, 123), ("1.230", 2, 123), ("1.234", 2, None), ("1E+3", 0, 1000), ("-0.01", 2, -1), ("5", 15, 5 * 10**15)]
)
def test_a_lattice_point_counts_units_of_the_last_place(value: str, scale: int, point: int | None) -> None:
    assert lattice_point(Decimal(value), scale) == point


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        ("half_up", "3 -3 4 2 1"),
        ("half_even", "2 -2 4 2 0"),
        ("up", "3 -3 4 3 1"),
        ("down", "2 -2 3 2 0"),
        ("ceiling", "3 -2 4 3 1"),
        ("floor", "2 -3 3 2 0"),
    ],
)
def test_every_rounding_by_its_table(rounding: Rounding, expected: str) -> None:
    assert " ".join(plain(round_to(Decimal(text), 0, rounding)) for text in ("2.5", "-2.5", "3.5", "2.1", "0.5")) == expected


def test_what_thirty_four_digits_cannot_hold_is_not_rounded() -> None:
    with pytest.raises(decimal.InvalidOperation):
        round_to(Decimal(10**30), 10)


# --- the door ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("deposits", 1000000, Decimal(1000000)),
        ("deposits", "1000000.00", Decimal("1000000.00")),
        ("deposits", Decimal("0.01"), Decimal("0.01")),
        ("deposits", Decimal("1.500"), Decimal("1.5")),
        ("deposits", Decimal("1E+6"), Decimal(1000000)),
        ("spread", "-500", Decimal(-500)),
        ("deposits", None, None),
        ("tier", "gold", "gold"),
        ("tier", None, None),
        ("product", "", ""),
        ("retail", False, False),
        ("opened", "2024-02-29", datetime.date(2024, 2, 29)),
        ("perks", [], []),
        ("perks", ["lounge", None], ["lounge", None]),
        ("debts", [{"balance": "1.5", "days": 3, "bank": None}], [{"balance": Decimal("1.5"), "days": Decimal(3), "bank": None}]),
    ],
)
def test_a_fact_of_the_right_type_is_read_exactly(name: str, raw: object, value: object) -> None:
    assert admit(raw, field(name).type) == value


@pytest.mark.parametrize(
    ("name", "raw", "code"),
    [
        ("deposits", True, "E402"),
        ("deposits", 1.5, "E402"),
        ("deposits", [], "E402"),
        ("deposits", {}, "E402"),
        ("deposits", -1, "E404"),
        ("deposits", 10**10 + 1, "E404"),
        ("deposits", "0.001", "E405"),
        ("deposits", Decimal("0.001"), "E405"),
        ("deposits", Decimal("NaN"), "E406"),
        ("deposits", Decimal("Infinity"), "E406"),
        ("deposits", "NaN", "E406"),
        ("deposits", "-inf", "E406"),
        ("deposits", "1e6", "E407"),
        ("deposits", "1,000", "E407"),
        ("deposits", " 100 ", "E407"),
        ("deposits", "+1", "E407"),
        ("deposits", "100万", "E407"),
        ("deposits", "１００", "E407"),
        ("deposits", "", "E407"),
        ("deposits", ".5", "E407"),
        ("deposits", "1\n", "E407"),
        ("deposits", "5%", "E407"),
        ("tier", 1, "E402"),
        ("tier", "silver", "E403"),
        ("tier", "金卡", "E403"),
        ("product", 5, "E402"),
        ("product", "x" * 21, "E408"),
        ("retail", "true", "E402"),
        ("retail", 1, "E402"),
        ("opened", 20240930, "E402"),
        ("opened", "2024-9-30", "E410"),
        ("opened", "2024/09/30", "E410"),
        ("opened", "2024-02-30", "E410"),
        ("opened", "0000-01-01", "E410"),
        ("opened", "2024-09-30T00:00:00", "E410"),
        ("perks", "lounge", "E402"),
        ("perks", ["pool"], "E403"),
        ("perks", ["lounge"] * (MAX_LIST + 1), "E408"),
        ("debts", [1], "E402"),
        ("debts", [{"balance": 1, "days": 1}], "E411"),
        ("debts", [{"balance": 1, "days": 1, "bank": "", "note": ""}], "E401"),
        ("debts", [{"balance": "x", "days": 1, "bank": ""}], "E407"),
    ],
)
def test_anything_else_is_refused_with_its_reason(name: str, raw: object, code: str) -> None:
    with pytest.raises(Refused) as caught:
        admit(raw, field(name).type)
    assert caught.value.code == code


def test_a_refusal_inside_a_list_knows_the_element_and_the_member() -> None:
    with pytest.raises(Refused) as caught:
        admit([{"balance": 1, "days": 1, "bank": ""}, {"balance": 1, "days": -1.5, "bank": ""}], field("debts").type)
    assert caught.value.steps == (1, "days")


@pytest.mark.parametrize(
    ("year", "month", "day", "zh", "en"),
    [
        (2023, 2, 29, "2023 年 2 月只有 28 天", "month 2 of 2023 has 28 days"),
        (2024, 2, 30, "2024 年 2 月只有 29 天", "month 2 of 2024 has 29 days"),
        (2024, 4, 31, "2024 年 4 月只有 30 天", "month 4 of 2024 has 30 days"),
        (9999, 12, 32, "9999 年 12 月只有 31 天", "month 12 of 9999 has 31 days"),
        (2024, 13, 1, "一年没有 13 月", "a year has no month 13"),
        (2024, 0, 1, "一年没有 0 月", "a year has no month 0"),
        (0, 1, 1, "没有 0 年", "there is no year 0"),
    ],
)
def test_an_impossible_date_says_why(year: int, month: int, day: int, zh: str, en: str) -> None:
    said = impossible_date(year, month, day)
    assert (said.zh, said.en) == (zh, en)


# --- values as JSON and as words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        (None, None),
        (Decimal("1.50"), Decimal("1.5")),
        (Decimal("2.00"), 2),
        (datetime.date(2024, 9, 3), "2024-09-03"),
        (datetime.timedelta(days=30), "P30D"),
        ([Decimal("1.0"), None], [1, None]),
        ({"a": Decimal("0.10")}, {"a": Decimal("0.1")}),
        ("gold", "gold"),
        (True, True),
    ],
)
def test_a_value_is_answered_as_json(value: object, raw: object) -> None:
    assert render(value) == raw


@pytest.mark.parametrize(
    ("value", "name", "zh", "en"),
    [
        (None, "deposits", "空", "empty"),
        (Decimal(1000000), "deposits", "100万元", "1,000,000 CNY"),
        (Decimal("0.3"), "monthly_rate", "0.3‰/月", "0.3‰ a month"),
        (Decimal("4.35"), "annual_rate", "4.35%/年", "4.35% a year"),
        (Decimal(36), "term", "36个月", "36 months"),
        (Decimal(90), "overdue", "90天", "90 days"),
        (datetime.timedelta(days=365), "opened", "365天", "365 days"),
        (Months(15), "opened", "15个月", "15 months"),
        (Decimal("0.35"), "ratio", "0.35", "0.35"),
        ("gold", "tier", "金卡", "gold card"),
        ("SN-001", "product", "SN-001", "SN-001"),
        (True, "retail", "是", "yes"),
        (False, "retail", "否", "no"),
        (datetime.date(2024, 9, 30), "opened", "2024-09-30", "2024-09-30"),
        (["lounge", "courier"], "perks", "贵宾厅、上门服务", "lounge, home service"),
        ([], "perks", "无", "none"),
    ],
)
def test_a_value_is_said_in_words(value: object, name: str, zh: str, en: str) -> None:
    assert (words(value, field(name).type, "zh"), words(value, field(name).type, "en")) == (zh, en)


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        ("0", "0元", "0 CNY"),
        ("9999.99", "9999.99元", "9,999.99 CNY"),
        ("10000", "1万元", "10,000 CNY"),
        ("12345", "1.2345万元", "12,345 CNY"),
        ("12345.6", "12345.6元", "12,345.6 CNY"),
        ("1000000", "100万元", "1,000,000 CNY"),
        ("99999999", "9999.9999万元", "99,999,999 CNY"),
        ("100000000", "1亿元", "100,000,000 CNY"),
        ("150000000", "1.5亿元", "150,000,000 CNY"),
        ("123456789", "12345.6789万元", "123,456,789 CNY"),
        ("-2000000", "-200万元", "-2,000,000 CNY"),
        ("1234567.89", "1234567.89元", "1,234,567.89 CNY"),
        ("0.0001", "0.0001元", "0.0001 CNY"),
    ],
)
def test_large_amounts_are_said_in_myriads_in_chinese_and_grouped_in_english(value: str, zh: str, en: str) -> None:
    assert (amount(Decimal(value), "元", "zh"), amount(Decimal(value), "元", "en")) == (zh, en)


def test_an_amount_of_many_digits_is_never_rounded_for_show() -> None:
    assert amount(Decimal(1234567890123456789012345678901234), "元", "zh") == "123456789012345678901234567890.1234万元"


def test_a_pure_number_has_no_unit() -> None:
    assert words(Decimal(5), types.NumberType(), "zh") == "5"


@pytest.mark.parametrize("type_", [types.DurationType("days"), types.DurationType("months"), types.EmptyType()])
def test_a_duration_is_never_a_fact(type_: Type) -> None:
    with pytest.raises(Refused):
        admit("P30D", type_)


def test_months_are_ordered_by_their_count() -> None:
    assert Months(11) < Months(12)
