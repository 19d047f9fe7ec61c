"""What does every function give, on values, on the empty value, and where it has no answer?"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import pytest

from engine.builtins import BUILTINS, add_months, call
from engine.operators import why
from engine.values import Months
from tests.engine.bank import value

_LEAP: Final = datetime.date(2024, 2, 29)

RESULTS: Final[dict[str, list[tuple[str, Any]]]] = {
    "min": [("min(3, 1, 2)", 1), ("min([3, 1, 2])", 1), ('min("b", "a")', "a"), ("min(today, opened)", datetime.date(2020, 2, 29)), ("min([1, null])", None)],
    "max": [("max(3, 1, 2)", 3), ("max(debts.balance)", 500000), ('max(@"P1D", @"P2D")', datetime.timedelta(2)), ("max(1, null)", None)],
    "sum": [
        ("sum(1, 2, 3)", 6),
        ("sum(debts.balance)", 800000),
        ("sum(debts[days > 999].balance)", 0),
        ("sum([1, null])", None),
        ("sum(0.1, 0.2)", Decimal("0.3")),
    ],
    "mean": [("mean(1, 2)", Decimal("1.5")), ("mean(debts[days > 999].balance)", None), ("mean([1, null])", None)],
    "count": [("count([])", 0), ("count([1, null])", 2), ("count(debts)", 2)],
    "abs": [("abs(-5)", 5), ("abs(5)", 5)],
    "floor": [("floor(2.9)", 2), ("floor(-2.1)", -3), ("floor(1.29, 1)", Decimal("1.2")), ("floor(1299, -2)", 1200)],
    "ceiling": [("ceiling(2.1)", 3), ("ceiling(-2.9)", -2), ("ceiling(1.21, 1)", Decimal("1.3"))],
    "round": [("round(2.5)", 3), ("round(-2.5)", -3), ("round(2.345, 2)", Decimal("2.35")), ("round(1250, -2)", 1300)],
    "round up": [("round up(2.1)", 3), ("round up(-2.1)", -3), ("round up(2.0)", 2)],
    "round down": [("round down(2.9)", 2), ("round down(-2.9)", -2)],
    "decimal": [("decimal(2.5, 0)", 2), ("decimal(3.5, 0)", 4), ("decimal(2.345, 2)", Decimal("2.34"))],
    "modulo": [("modulo(7, 3)", 1), ("modulo(-7, 3)", 2), ("modulo(7, -3)", -2), ("modulo(1.5, 1)", Decimal("0.5"))],
    "number": [('number("1000.00")', 1000), ('number("-0.5")', Decimal("-0.5"))],
    "string": [("string(1.50)", "1.5"), ("string(true)", "true"), ("string(today)", "2024-09-30"), ('string("a")', "a"), ("string(tier)", "gold")],
    "string length": [('string length("")', 0), ('string length("准绳")', 2)],
    "upper case": [('upper case("sn-Á1")', "SN-Á1")],
    "lower case": [('lower case("SN-1")', "sn-1")],
    "substring": [
        ('substring("abcde", 2)', "bcde"),
        ('substring("abcde", 2, 3)', "bcd"),
        ('substring("abcde", -2)', "de"),
        ('substring("abcde", -9)', "abcde"),
        ('substring("abcde", 9)', ""),
        ('substring("abcde", 1, 0)', ""),
        ('substring("农商银行", 3)', "银行"),
    ],
    "substring before": [('substring before("SN-001-2", "-")', "SN"), ('substring before("SN", "-")', ""), ('substring before("SN", "")', "")],
    "substring after": [('substring after("SN-001-2", "-")', "001-2"), ('substring after("SN", "-")', ""), ('substring after("SN", "")', "SN")],
    "contains": [('contains("SN-001", "N-0")', True), ('contains("SN", "X")', False), ('contains("SN", "")', True)],
    "starts with": [('starts with("SN-001", "SN")', True), ('starts with("SN", "N")', False)],
    "ends with": [('ends with("SN-001", "001")', True), ('ends with("SN", "S")', False)],
    "join": [('join("a", "b", "c")', "abc"), ('join("a", product)', "aSN-001")],
    "list contains": [
        ("list contains([1, 2], 2)", True),
        ("list contains([1, 2], 3)", False),
        ("list contains([1, null], null)", True),
        ("list contains([1], null)", False),
    ],
    "append": [("append([1], 2)", [1, 2])],
    "concatenate": [("concatenate([1], [2, 3], [])", [1, 2, 3])],
    "distinct values": [("distinct values([2, 1, 2, null, null])", [2, 1, None])],
    "reverse": [("reverse([1, 2, 3])", [3, 2, 1]), ("reverse([])", [])],
    "sort": [("sort([3, 1, 2])", [1, 2, 3]), ('sort(["b", "a"])', ["a", "b"]), ("sort([1, null])", None)],
    "index of": [("index of([1, 2, 1], 1)", [1, 3]), ("index of([1], 2)", [])],
    "date": [('date("2024-02-29")', _LEAP), ("date(2024, 2, 29)", _LEAP), ("date(today.year, 2, 29)", _LEAP)],
    "years and months duration": [
        ("years and months duration(date(2023, 9, 30), today)", Months(12)),
        ("years and months duration(date(2023, 10, 1), today)", Months(11)),
        ("years and months duration(today, date(2023, 10, 1))", Months(-11)),
        ("years and months duration(today, today)", Months(0)),
    ],
    "day of week": [("day of week(today)", 1), ("day of week(date(2024, 10, 6))", 7)],
    "last day of month": [("last day of month(date(2024, 2, 1))", _LEAP), ("last day of month(date(2023, 12, 31))", datetime.date(2023, 12, 31))],
}


def test_every_function_has_its_lines() -> None:
    assert set(RESULTS) == set(BUILTINS)


@pytest.mark.parametrize(("text", "expected"), [line for lines in RESULTS.values() for line in lines])
def test_a_function_gives(text: str, expected: Any) -> None:
    assert value(text) == expected


_ARGUMENTS: Final[dict[str, Sequence[Any]]] = {
    "abs": [None],
    "floor": [None],
    "ceiling": [Decimal(1), None],
    "round": [None, Decimal(1)],
    "round up": [None],
    "round down": [None],
    "decimal": [Decimal(1), None],
    "modulo": [Decimal(1), None],
    "number": [None],
    "string": [None],
    "string length": [None],
    "upper case": [None],
    "lower case": [None],
    "substring": ["a", None],
    "substring before": ["a", None],
    "substring after": [None, "a"],
    "contains": ["a", None],
    "starts with": [None, "a"],
    "ends with": ["a", None],
    "join": ["a", None],
    "list contains": [None, Decimal(1)],
    "append": [None, Decimal(1)],
    "concatenate": [[], None],
    "distinct values": [None],
    "reverse": [None],
    "sort": [None],
    "index of": [None, Decimal(1)],
    "date": [None],
    "years and months duration": [_LEAP, None],
    "day of week": [None],
    "last day of month": [None],
    "min": [None],
    "max": [Decimal(1), None],
    "sum": [None],
    "mean": [None],
    "count": [None],
}


def test_the_empty_value_is_tried_on_every_function() -> None:
    assert set(_ARGUMENTS) == set(BUILTINS)


@pytest.mark.parametrize("name", BUILTINS)
def test_a_function_of_an_empty_argument_is_empty(name: str) -> None:
    assert call(name, _ARGUMENTS[name]) is None


@pytest.mark.parametrize(
    ("text", "zh", "en"),
    [
        ("1 / 0", "除数为零", "a divisor is zero"),
        ("0 / 0", "除数为零", "a divisor is zero"),
        ("modulo(7, 0)", "除数为零", "a divisor is zero"),
        ("10 ** 6000 * 10 ** 6000", "数值超过 34 位有效数字", "the number needs more than 34 digits"),
        ("round(10 ** 33, 2)", "数值超过 34 位有效数字", "the number needs more than 34 digits"),
        ("round(2.5, term / 72)", "小数位数应为 -34 到 34 的整数", "the number of decimals must be a whole number from -34 to 34"),
        ('number(product + "万")', "「SN-001万」不是普通十进制数", "“SN-001万” is not a plain decimal"),
        ("substring(product, term - 36)", "位置从 1 开始，末尾为 -1", "positions start at 1, or at -1 from the end"),
        ("substring(product, 1, 1.5)", "1.5 不是整数", "1.5 is not a whole number"),
        ("date(product)", "「SN-001」不是 YYYY-MM-DD 形式的日期", "“SN-001” is not a date of the form YYYY-MM-DD"),
        ("date(2024, 2, term)", "2024 年 2 月只有 29 天", "month 2 of 2024 has 29 days"),
        ("date(2024.5, term, 1)", "2024.5 不是整数", "2024.5 is not a whole number"),
        ('opened + @"P9999999D"', "日期或时长过大", "the date or duration is too large"),
        ('opened + @"P99999M"', "日期超出公元 1 年至 9999 年", "the date lies outside the years 1 to 9999"),
    ],
)
def test_what_has_no_answer_says_why_in_both_languages(text: str, zh: str, en: str) -> None:
    with pytest.raises((ArithmeticError, ValueError)) as caught:
        value(text)
    assert why(caught.value) == {"why_zh": zh, "why_en": en}


@pytest.mark.parametrize(
    ("start", "months", "expected"),
    [
        ("2024-01-31", 1, "2024-02-29"),
        ("2023-01-31", 1, "2023-02-28"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2024-03-31", -1, "2024-02-29"),
        ("2024-01-15", -1, "2023-12-15"),
        ("2024-12-31", 2, "2025-02-28"),
        ("2024-05-31", 0, "2024-05-31"),
    ],
)
def test_a_month_that_lacks_the_day_ends_on_its_last(start: str, months: int, expected: str) -> None:
    assert add_months(datetime.date.fromisoformat(start), months).isoformat() == expected


def test_text_of_eastern_digits_is_no_number() -> None:
    with pytest.raises(ValueError, match="plain decimal"):
        value('number("１")')
