"""Which condition cells can a column hold?"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from engine.datatypes import BooleanType, ChoiceType, DateType, DurationType, NumberType, TextType, Type
from engine.source.syntax import AnyOf, Anything, Compare, ComparisonOperator, Empty, Interval, Literal_, NoneOf, Test
from engine.values import Months
from tests.strategies.pen import Pen

TEXTS: Final = ("a", "", "A股", "北京", 'say "hi"', "back\\slash", "ＡＢ，、", "-", "null", "金卡 或 银卡", "1,000", "”引’", "\u3000", "línea\n2")
DATES: Final = tuple(
    datetime.date.fromisoformat(text) for text in ("2024-01-31", "2024-02-29", "2024-12-31", "2025-01-01", "2000-02-29", "0001-01-01", "9999-12-31")
)
ROUND: Final = tuple(Decimal(text) for text in ("0", "1", "2", "10", "100", "10000", "1000000", "-1", "-100", "0.5", "2.25", "99.99"))
_ORDERED: Final[tuple[ComparisonOperator, ...]] = (">=", "<", ">", "<=")


def points(pen: Pen, type_: NumberType) -> Decimal:
    """A number on the lattice of a type, inside its bounds; often an end or a round number."""
    unit = Decimal(1).scaleb(-type_.scale)
    low = -(Decimal(10) ** 12) if type_.minimum is None else type_.minimum
    high = Decimal(10) ** 12 if type_.maximum is None else type_.maximum
    wanted = pen.pick((*ROUND, low, high, low + unit, high - unit))
    clipped = min(max(wanted, low), high)
    return clipped.quantize(unit, rounding="ROUND_DOWN") + 0


def constants(pen: Pen, type_: Type, count: int) -> list[Any]:
    """Values a column of ``type_`` is compared with; few, so that cells share their ends."""
    match type_:
        case NumberType():
            found = {points(pen, type_) for _ in range(count)}
            neighbours = {value + Decimal(1).scaleb(-type_.scale) for value in found} if pen.chance(2) else set()
            return sorted(value for value in found | neighbours if type_.maximum is None or value <= type_.maximum)
        case ChoiceType():
            return list(type_.codes)
        case TextType():
            return pen.several(TEXTS, count)
        case BooleanType():
            return [True, False]
        case DateType():
            return sorted(pen.several(DATES, count))
        case DurationType("days"):
            return [datetime.timedelta(days=days) for days in (-31, 0, 30, 366)]
        case DurationType():
            return [Months(months) for months in (-12, 0, 1, 14)]
        case _:
            return []


def cell(pen: Pen, type_: Type, values: Sequence[Any]) -> Test:
    """A condition cell in normal form, as the checker leaves it, that the checker lets pass."""
    if not values:
        return Anything()
    match pen.number(0, 9):
        case 0 | 1 | 2:
            return Anything()
        case 3 | 4 | 5 | 6:
            return positive(pen, type_, values)
        case 7:
            return AnyOf(tuple(positive(pen, type_, values) for _ in range(pen.number(2, 3))))
        case 8:
            return NoneOf(tuple(positive(pen, type_, values) for _ in range(pen.number(1, 3))))
        case _:
            test = positive(pen, type_, values)
            tests: tuple[Test, ...] = (Empty(), AnyOf((Empty(), test)), AnyOf((NoneOf((test,)), Empty())))
            return pen.pick(tests)


def positive(pen: Pen, type_: Type, values: Sequence[Any]) -> Test:
    """A comparison, a range, or null."""
    kinds: list[Callable[[], Test]] = [lambda: _equal(pen, values), lambda: _equal(pen, values)]
    if ranked(type_):
        kinds += [lambda: _compare(pen, type_, values)] * 3 + [lambda: _interval(pen, type_, values)] * 3
    return pen.pick([*kinds, Empty])()


def ranked(type_: Type) -> bool:
    """Whether cells may compare values of this type by size."""
    return isinstance(type_, NumberType | DateType | DurationType) or (isinstance(type_, ChoiceType) and type_.ordered)


def order_of(type_: Type) -> tuple[str, ...]:
    return type_.codes if isinstance(type_, ChoiceType) and type_.ordered else ()


def _equal(pen: Pen, values: Sequence[Any]) -> Test:
    return Compare(pen.pick(("=", "=", "!=")), Literal_(pen.pick(values)))


def _compare(pen: Pen, type_: Type, values: Sequence[Any]) -> Test:
    value = pen.pick(values)
    operator = pen.pick(_ORDERED)
    if isinstance(type_, NumberType) and ((operator == ">" and value == type_.maximum) or (operator == "<" and value == type_.minimum)):
        operator = "="
        return Compare(operator, Literal_(value))
    return Compare(operator, Literal_(value), order_of(type_))


def _interval(pen: Pen, type_: Type, values: Sequence[Any]) -> Test:
    order = order_of(type_)
    low, high = sorted((pen.number(0, len(values) - 1), pen.number(0, len(values) - 1)))
    low_closed, high_closed = pen.pick(((True, False), (True, True), (False, True), (False, False)))
    if low == high or not (low_closed or high_closed):
        low_closed = high_closed = True
    return Interval(Literal_(values[low]), Literal_(values[high]), low_closed, high_closed, order)


def split_cells(pen: Pen, type_: NumberType | DateType, values: Sequence[Any]) -> list[Test]:
    """Cells that split a column without gap or overlap."""
    inner = [value for value in values if not isinstance(type_, NumberType) or (value != type_.minimum and value != type_.maximum)]
    if not inner:
        return [Anything()]
    between: list[Test] = [Interval(Literal_(low), Literal_(high), True, False) for low, high in pairwise(inner)]
    return pen.shuffled([Compare("<", Literal_(inner[0])), *between, Compare(">=", Literal_(inner[-1]))])
