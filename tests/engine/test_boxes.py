"""Does a cell denote exactly the values it accepts? Checked point by point on small lattices and lists."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import pytest

from engine import types
from engine.backends.reference import matches
from engine.diagnostics import Text
from engine.grid.boxes import EVERYWHERE, Listed, Run, Runs, closed_world, complement, denote, is_ordered, lattice, union
from engine.source.syntax import AnyOf, Anything, Compare, ComparisonOperator, Constant, Empty, Interval, Literal_, NoneOf, Test
from engine.values import Months

# --- runs --------------------------------------------------------------------------------------------------------------

_ENDS: Final = (None, 0, 1, 2, 3)
_RUNS: Final[tuple[Run, ...]] = tuple((low, high) for low in _ENDS for high in _ENDS if low is None or high is None or low < high)
_LINE: Final = range(-2, 6)


def _points(runs: tuple[Run, ...]) -> set[int]:
    return {point for point in _LINE if any((low is None or low <= point) and (high is None or point < high) for low, high in runs)}


def _is_normal(runs: tuple[Run, ...]) -> bool:
    """Sorted, disjoint, not touching, none without points."""
    inner = all(high is not None and low is not None and high < low for (_, high), (low, _) in itertools.pairwise(runs))
    return inner and all(low is None or high is None or low < high for low, high in runs)


def test_a_union_covers_the_same_points_and_is_normal() -> None:
    for runs in itertools.product(_RUNS, repeat=3):
        merged = union(runs)
        assert _points(merged) == _points(runs)
        assert _is_normal(merged)


def test_a_complement_is_every_other_point_and_is_normal() -> None:
    for runs in itertools.product(_RUNS, repeat=2):
        merged = union(runs)
        rest = complement(merged)
        assert _points(rest) == set(_LINE) - _points(merged)
        assert _is_normal(rest)
        assert complement(rest) == merged


def test_the_ends_of_the_line() -> None:
    assert (union(()), complement(()), complement(EVERYWHERE)) == ((), EVERYWHERE, ())


# --- what a cell denotes -----------------------------------------------------------------------------------------------

_OPERATORS: Final[tuple[ComparisonOperator, ...]] = ("=", "!=", "<", "<=", ">", ">=")


def _simple(values: list[Constant], order: tuple[str, ...] = (), *, ranges: bool = True) -> Iterator[Test]:
    yield Anything()
    yield Empty()
    for operator, value in itertools.product(_OPERATORS if ranges else _OPERATORS[:2], values):
        yield Compare(operator, Literal_(value), order)
    for (n, low), (m, high) in itertools.product(enumerate(values), repeat=2) if ranges else ():
        for low_closed, high_closed in itertools.product((True, False), repeat=2):
            if n < m or (n == m and low_closed and high_closed):
                yield Interval(Literal_(low), Literal_(high), low_closed, high_closed, order)


def _every(values: list[Constant], order: tuple[str, ...] = (), *, ranges: bool = True) -> Iterator[Test]:
    """Every simple test, every two together, and none of one, of two, or of either of two."""
    simple = list(_simple(values, order, ranges=ranges))
    yield from simple
    for pair in itertools.product(simple, repeat=2):
        yield AnyOf(pair)
    for one, other in itertools.product(simple[1:], repeat=2):
        yield NoneOf((one,))
        yield NoneOf((one, other))
        yield AnyOf((NoneOf((one,)), other))


def _accepts(cell: Runs | Listed, value: Constant, type_: types.Type) -> bool:
    if value is None:
        return cell.empty
    if isinstance(cell, Runs):
        point = lattice(value, type_)
        return any((low is None or low <= point) and (high is None or point < high) for low, high in cell.runs)
    return (value in cell.values) != cell.others


_CENTS: Final = types.NumberType(scale=2)
_TIER: Final = types.ChoiceType(tuple(types.Choice(code, Text(code, code)) for code in ("plain", "gold", "diamond")), ordered=True)
_WORLDS: Final[dict[str, tuple[types.Type, list[Constant], list[Constant], tuple[str, ...]]]] = {
    "numbers": (_CENTS, [Decimal("-0.01"), Decimal(0), Decimal("0.02")], [Decimal(n) / 100 for n in range(-3, 5)], ()),
    "dates": (
        types.DateType(),
        [datetime.date(2024, 2, 28), datetime.date(2024, 3, 1)],
        [datetime.date(2024, 2, 27) + datetime.timedelta(n) for n in range(5)],
        (),
    ),
    "days": (types.DurationType("days"), [datetime.timedelta(0), datetime.timedelta(2)], [datetime.timedelta(n) for n in range(-1, 4)], ()),
    "months": (types.DurationType("months"), [Months(0), Months(12)], [Months(n) for n in (-1, 0, 1, 11, 12, 13)], ()),
    "ordered choices": (_TIER, ["plain", "gold", "diamond"], ["plain", "gold", "diamond"], _TIER.codes),
}


@pytest.mark.parametrize("world", _WORLDS)
def test_a_cell_of_an_ordered_world_denotes_what_the_reference_accepts(world: str) -> None:
    type_, ends, points, order = _WORLDS[world]
    for test in _every(ends, order):
        cell = denote(test, type_)
        for value in (*points, None):
            assert _accepts(cell, value, type_) == matches(test, value, {}), (test, value)


@pytest.mark.parametrize(
    ("type_", "listed", "points"),
    [
        (types.TextType(), ["SN-001", "SN-002"], ["SN-001", "SN-002", "XD-001", ""]),
        (types.BooleanType(), [True, False], [True, False]),
        (types.ChoiceType(_TIER.choices), ["plain", "gold", "diamond"], ["plain", "gold", "diamond"]),
    ],
)
def test_a_cell_of_an_unordered_world_denotes_what_the_reference_accepts(type_: types.Type, listed: list[Constant], points: list[Constant]) -> None:
    for test in _every(listed, ranges=False):
        cell = denote(test, type_)
        for value in (*points, None):
            assert _accepts(cell, value, type_) == matches(test, value, {}), (test, value)


@pytest.mark.parametrize(("number", "scale", "point"), [("1.5", 2, 150), ("-0.01", 2, -1), ("7", 0, 7), ("0", 15, 0), ("1E+3", 1, 10000)])
def test_a_number_stands_on_the_lattice_of_its_scale(number: str, scale: int, point: int) -> None:
    assert lattice(Decimal(number), types.NumberType(scale=scale)) == point


def test_a_world_is_closed_or_open() -> None:
    assert closed_world(_TIER) == ("plain", "gold", "diamond")
    assert closed_world(types.BooleanType()) == (True, False)
    assert closed_world(types.TextType()) is None


def test_which_columns_lie_on_a_lattice() -> None:
    ordered: list[types.Type] = [types.NumberType(), types.DateType(), types.DurationType("days")]
    listed: list[types.Type] = [_TIER, types.TextType(), types.BooleanType(), types.ListType(types.TextType())]
    assert [is_ordered(type_) for type_ in (*ordered, *listed)] == [True] * 3 + [False] * 4
