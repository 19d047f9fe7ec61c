"""Which set of values does a condition cell denote?

A set is two parts: whether the empty value is in it, and the set of values that are there. Ordered columns (numbers,
dates, durations) hold half-open intervals on an integer lattice; the others hold listed values, or all but those.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, assert_never

from engine.datatypes import BooleanType, ChoiceType, DateType, DurationType, NumberType, Type
from engine.source.syntax import AnyOf, Anything, Compare, Empty, Interval, Literal_, NoneOf, Test
from engine.values import CONTEXT, Months, Value

Run = tuple[int | None, int | None]
"""A half-open interval of lattice points; None leaves a side open."""

EVERYWHERE: Final[tuple[Run, ...]] = ((None, None),)


@dataclass(frozen=True, slots=True)
class Runs:
    """Values of an ordered column: sorted, disjoint, non-touching runs; ``empty`` tells whether null is in the set."""

    runs: tuple[Run, ...]
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """Values of an unordered column: those listed, or (``others``) all but those; ``empty`` as above."""

    values: frozenset[Any]
    others: bool = False
    empty: bool = False


def is_ordered(type_: Type) -> bool:
    """Whether a column of this type lies on a lattice."""
    return isinstance(type_, NumberType | DateType | DurationType)


def lattice(value: Value, type_: Type) -> int:
    """The lattice point of a value that is there: units of the last decimal, days, or months."""
    match value:
        case Decimal() if isinstance(type_, NumberType):
            return int(CONTEXT.scaleb(value, type_.scale))
        case datetime.date():
            return value.toordinal()
        case datetime.timedelta():
            return value.days
        case Months(count):
            return count
        case _:
            raise AssertionError((value, type_))


def denote(test: Test, type_: Type) -> Runs | Listed:
    """The set of values of a column of ``type_`` that ``test`` accepts."""
    if is_ordered(type_):
        return Runs(_runs(test, type_), _accepts_empty(test))
    values, others = _listed(test, type_)
    return Listed(values, others, _accepts_empty(test))


def _accepts_empty(test: Test) -> bool:
    match test:
        case Anything() | Empty():
            return True
        case AnyOf(tests):
            return any(_accepts_empty(part) for part in tests)
        case _:
            return False


# --- ordered -------------------------------------------------------------------------------------------------------------


def _runs(test: Test, type_: Type) -> tuple[Run, ...]:
    match test:
        case Anything():
            return EVERYWHERE
        case Empty():
            return ()
        case Compare(operator, Literal_(value)):
            return _comparison(operator, lattice(value, type_))
        case Interval(Literal_(low), Literal_(high), low_closed, high_closed):
            return ((lattice(low, type_) + (not low_closed), lattice(high, type_) + high_closed),)
        case AnyOf(tests):
            return union(run for part in tests for run in _runs(part, type_))
        case NoneOf(tests):
            return complement(union(run for part in tests for run in _runs(part, type_)))
        case Compare() | Interval():
            raise AssertionError(test)
        case _:
            assert_never(test)


def _comparison(operator: str, point: int) -> tuple[Run, ...]:
    return {
        "=": ((point, point + 1),),
        "!=": ((None, point), (point + 1, None)),
        "<": ((None, point),),
        "<=": ((None, point + 1),),
        ">": ((point + 1, None),),
        ">=": ((point, None),),
    }[operator]


def union(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Sorted, merged runs covering the same points."""
    merged: list[Run] = []
    for low, high in sorted(runs, key=lambda run: (run[0] is not None, run[0] or 0)):
        if merged and (merged[-1][1] is None or (low is not None and low <= merged[-1][1]) or low is None):
            last = merged[-1][1]
            merged[-1] = (merged[-1][0], None if last is None or high is None else max(last, high))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """The points that sorted, merged runs leave out."""
    gaps: list[Run] = []
    start: int | None = None
    for low, high in runs:
        if low is not None and (start is None or start < low):
            gaps.append((start, low))
        if high is None:
            return tuple(gaps)
        start = high
    return (*gaps, (start, None))


# --- listed --------------------------------------------------------------------------------------------------------------


def _listed(test: Test, type_: Type) -> tuple[frozenset[Any], bool]:
    match test:
        case Anything():
            return frozenset(), True
        case Empty():
            return frozenset(), False
        case Compare("=", Literal_(value)):
            return frozenset({value}), False
        case Compare("!=", Literal_(value)):
            return frozenset({value}), True
        case Compare() | Interval():
            return _ranked(test), False
        case AnyOf(tests):
            return _any(_listed(part, type_) for part in tests)
        case NoneOf(tests):
            values, others = _any(_listed(part, type_) for part in tests)
            return values, not others
        case _:
            assert_never(test)


def _any(sets: Iterable[tuple[frozenset[Any], bool]]) -> tuple[frozenset[Any], bool]:
    values, others = frozenset[Any](), False
    for more, more_others in sets:
        match others, more_others:
            case False, False:
                values |= more
            case True, True:
                values &= more
            case True, False:
                values -= more
            case False, True:
                values, others = more - values, True
    return values, others


def _ranked(test: Compare | Interval) -> frozenset[Any]:
    order = test.order
    ranks = _runs(_on_ranks(test), NumberType(scale=0))
    return frozenset(code for rank, code in enumerate(order) if any(_within(rank, run) for run in ranks))


def _on_ranks(test: Compare | Interval) -> Test:
    def rank(node: object) -> Literal_:
        assert isinstance(node, Literal_)
        return Literal_(Decimal(test.order.index(str(node.value))))

    if isinstance(test, Compare):
        return Compare(test.operator, rank(test.operand))
    return Interval(rank(test.low), rank(test.high), test.low_closed, test.high_closed)


def _within(point: int, run: Run) -> bool:
    low, high = run
    return (low is None or low <= point) and (high is None or point < high)


def closed_world(type_: Type) -> tuple[Any, ...] | None:
    """All values of an unordered column, or None where the world is open (text)."""
    match type_:
        case ChoiceType():
            return type_.codes
        case BooleanType():
            return (True, False)
        case _:
            return None
