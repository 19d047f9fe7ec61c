"""Which rows of a table accept a value? Per column and atom, a bit vector of rows (bit n is row n).

A large table is first cut into regions by a tree of its own end points, so that a look-up ANDs the short bit vectors of
one region instead of long ones; a region lists every row that reaches into it, so nothing is missed.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from engine.datatypes import Type
from engine.grid.axes import OrderedAxis, axis_of
from engine.grid.boxes import Listed, Run, Runs, denote, lattice
from engine.program import Table
from engine.values import Value

REGION_ROWS: Final = 48
"""A table of at most this many rows is one region; a larger one is cut for as long as it pays."""
MAX_COPIES: Final = 8
"""How often a row may stand in regions, on average, before cutting stops."""


@dataclass(frozen=True, slots=True)
class OrderedColumn:
    """``rows[n]`` accept the lattice points from ``cuts[n-1]`` up to ``cuts[n]``; ``empty`` those that accept null."""

    cuts: Sequence[int]
    rows: Sequence[int]
    empty: int


@dataclass(frozen=True, slots=True)
class ListedColumn:
    """``rows[value]`` accept a value, ``other`` any unlisted one; null is a key."""

    rows: Mapping[Any, int]
    other: int


ColumnIndex = OrderedColumn | ListedColumn


@dataclass(frozen=True, slots=True)
class Region:
    """The rows of a table that reach into one region, ascending, with an index of each column; bit n is ``rows[n]``."""

    rows: Sequence[int]
    columns: tuple[ColumnIndex, ...]

    def matching(self, values: Sequence[Value], types: Sequence[Type]) -> list[int]:
        """The rows of the table that accept all ``values`` (typed, natural)."""
        hits = (1 << len(self.rows)) - 1
        for column, value, type_ in zip(self.columns, values, types, strict=True):
            hits &= accepting(column, value, type_)
        return [self.rows[n] for n in positions(hits)]


@dataclass(frozen=True, slots=True)
class Split:
    """Lattice points of ``column`` below ``cut`` are in ``low``, the others in ``high``, null in ``empty``."""

    column: int
    cut: int
    low: TableIndex
    high: TableIndex
    empty: TableIndex

    def matching(self, values: Sequence[Value], types: Sequence[Type]) -> list[int]:
        value = values[self.column]
        if value is None:
            return self.empty.matching(values, types)
        return (self.low if lattice(value, types[self.column]) < self.cut else self.high).matching(values, types)


TableIndex = Region | Split


def accepting(column: ColumnIndex, value: Value, type_: Type) -> int:
    """The rows of one column that accept a typed value."""
    match column:
        case ListedColumn(rows, other):
            return other if isinstance(value, list | dict) else rows.get(value, other)
        case OrderedColumn(_, _, empty) if value is None:
            return empty
        case OrderedColumn(cuts, rows, _):
            return rows[bisect_right(cuts, lattice(value, type_))]


def index_table(table: Table) -> TableIndex:
    """Build the index of a table."""
    sets = [[denote(row.tests[n], column.type) for row in table.rows] for n, column in enumerate(table.columns)]
    cutter = _Cutter(sets, [column.type for column in table.columns])
    rows, everything = range(len(table.rows)), [(None, None)] * len(table.columns)
    return cutter.cut(rows, everything) if len(rows) > REGION_ROWS else cutter.region(rows, everything)


class _Cutter:
    """Cuts the rows of one table into regions."""

    def __init__(self, sets: Sequence[Sequence[Runs | Listed]], types: Sequence[Type]) -> None:
        self.sets = sets
        self.types = types
        self.copies = MAX_COPIES * len(sets[0]) if sets else 0

    def cut(self, rows: Sequence[int], bounds: Sequence[Run]) -> TableIndex:
        """Index ``rows`` within ``bounds``, one run per column."""
        best = self.best_cut(rows) if len(rows) > 1 else None
        if best is None:
            return self.region(rows, bounds)
        column, cut = best
        low = [row for row in rows if self.reaches(row, column, None, cut)]
        high = [row for row in rows if self.reaches(row, column, cut, None)]
        self.copies -= len(low) + len(high) - len(rows)
        empty = [row for row in rows if self.sets[column][row].empty]
        below, above = list(bounds), list(bounds)
        below[column], above[column] = (bounds[column][0], cut), (cut, bounds[column][1])
        return Split(column, cut, self.cut(low, below), self.cut(high, above), self.region(empty, bounds))

    def reaches(self, row: int, column: int, low: int | None, high: int | None) -> bool:
        first, last = _hull(self.sets[column][row])
        return (high is None or first < high) and (low is None or last > low)

    def best_cut(self, rows: Sequence[int]) -> tuple[int, int] | None:
        """The column and cut whose larger side is smallest; None when cutting would not pay."""
        best: tuple[int, int, int] | None = None
        for column, sets in enumerate(self.sets):
            if not isinstance(sets[rows[0]], Runs):
                continue
            hulls = [_hull(sets[row]) for row in rows]
            lows, highs = sorted(low for low, _ in hulls), sorted(high for _, high in hulls)
            for cut in {end for hull in hulls for end in hull if abs(end) < _FAR}:
                left, right = bisect_left(lows, cut), len(rows) - bisect_right(highs, cut)
                cost = max(left, right) + (left + right - len(rows))
                if best is None or cost < best[0]:
                    best = cost, column, cut
        if best is None or best[0] > len(rows) * 3 // 4 or self.copies <= 0:
            return None
        return best[1], best[2]

    def region(self, rows: Sequence[int], bounds: Sequence[Run]) -> Region:
        columns = (_column([sets[row] for row in rows], type_) for sets, type_ in zip(self.sets, self.types, strict=True))
        return Region(list(rows), tuple(_clipped(column, run) for column, run in zip(columns, bounds, strict=True)))


def _clipped(column: ColumnIndex, run: Run) -> ColumnIndex:
    """Leave out the cuts that no point of the region can cross."""
    if isinstance(column, ListedColumn):
        return column
    first = 0 if run[0] is None else bisect_right(column.cuts, run[0])
    last = len(column.cuts) if run[1] is None else bisect_left(column.cuts, run[1])
    return OrderedColumn(column.cuts[first:last], column.rows[first : last + 1], column.empty)


_FAR: Final = 10**60


def _hull(cell: Runs | Listed) -> tuple[int, int]:
    """The first point of a cell and the one past its last; an empty cell lies nowhere."""
    assert isinstance(cell, Runs)
    if not cell.runs:
        return _FAR, -_FAR
    low, high = cell.runs[0][0], cell.runs[-1][1]
    return -_FAR if low is None else low, _FAR if high is None else high


def _column(sets: Sequence[Runs | Listed], type_: Type) -> ColumnIndex:
    axis = axis_of(sets, type_)
    empty = sum(1 << n for n, cell in enumerate(sets) if cell.empty)
    if isinstance(axis, OrderedAxis):
        return OrderedColumn(list(axis.cuts), _by_atom(axis, sets), empty)
    by_value = {value: _accepting(sets, value) for value in axis.values}
    others = sum(1 << n for n, cell in enumerate(sets) if isinstance(cell, Listed) and cell.others) if axis.open else 0
    return ListedColumn({**by_value, None: empty}, others)


def _by_atom(axis: OrderedAxis, sets: Sequence[Runs | Listed]) -> list[int]:
    toggles = [0] * (axis.atoms + 1)
    for n, cell in enumerate(sets):
        assert isinstance(cell, Runs)
        for run in cell.runs:
            first, last = axis.span(run)
            toggles[first] ^= 1 << n
            toggles[last] ^= 1 << n
    rows, current = [], 0
    for toggle in toggles[:-1]:
        current ^= toggle
        rows.append(current)
    return rows


def _accepting(sets: Sequence[Runs | Listed], value: object) -> int:
    return sum(1 << n for n, cell in enumerate(sets) if isinstance(cell, Listed) and (value in cell.values) != cell.others)


def positions(rows: int) -> list[int]:
    """Row numbers of a bit vector, in row order."""
    found = []
    while rows:
        low = rows & -rows
        found.append(low.bit_length() - 1)
        rows ^= low
    return found
