"""Which rows of a table accept a value? Per column and atom, a bit vector of rows (bit n is row n)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.datatypes import Type
from engine.grid.axes import ListedAxis, OrderedAxis, axis_of
from engine.grid.boxes import Listed, Runs, lattice
from engine.program import Table
from engine.source.syntax import Anything, Test
from engine.values import Value


@dataclass(frozen=True, slots=True)
class OrderedColumn:
    """``rows[axis.atom(point)]`` are the rows that accept a lattice point; ``empty`` those that accept null."""

    cuts: Sequence[int]
    rows: Sequence[int]
    empty: int


@dataclass(frozen=True, slots=True)
class ListedColumn:
    """``rows[value]`` are the rows that accept a value, ``other`` those that accept any unlisted one; null is a key."""

    rows: Mapping[Any, int]
    other: int


ColumnIndex = OrderedColumn | ListedColumn


@dataclass(frozen=True, slots=True)
class TableIndex:
    """One index per column; None where every cell is ``-``. ``all_rows`` has a bit for each row."""

    columns: tuple[ColumnIndex | None, ...]
    all_rows: int

    def matching(self, values: Sequence[Value], types: Sequence[Type]) -> int:
        """The rows that accept all ``values`` (typed, natural)."""
        hits = self.all_rows
        for column, value, type_ in zip(self.columns, values, types, strict=True):
            if column is not None:
                hits &= accepting(column, value, type_)
        return hits


def accepting(column: ColumnIndex, value: Value, type_: Type) -> int:
    """The rows of one column that accept a typed value."""
    match column:
        case ListedColumn(rows, other):
            return rows.get(value, other)
        case OrderedColumn(_, _, empty) if value is None:
            return empty
        case OrderedColumn(cuts, rows, _):
            return rows[OrderedAxis(tuple(cuts)).atom(lattice(value, type_))]


def index_table(table: Table) -> TableIndex:
    """Build the index of a table; time and space are linear in rows × atoms."""
    columns = tuple(_column([row.tests[n] for row in table.rows], column.type) for n, column in enumerate(table.columns))
    return TableIndex(columns, (1 << len(table.rows)) - 1)


def _column(tests: Sequence[Test], type_: Type) -> ColumnIndex | None:
    if all(isinstance(test, Anything) for test in tests):
        return None
    axis, sets = axis_of(tests, type_)
    empty = sum(1 << n for n, cell in enumerate(sets) if cell.empty)
    if isinstance(axis, OrderedAxis):
        return OrderedColumn(list(axis.cuts), _by_atom(axis, sets), empty)
    return ListedColumn({**_by_value(axis, sets), None: empty}, _others(axis, sets))


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


def _by_value(axis: ListedAxis, sets: Sequence[Runs | Listed]) -> dict[Any, int]:
    return {value: sum(1 << n for n, cell in enumerate(sets) if isinstance(cell, Listed) and (value in cell.values) != cell.others) for value in axis.values}


def _others(axis: ListedAxis, sets: Sequence[Runs | Listed]) -> int:
    return sum(1 << n for n, cell in enumerate(sets) if isinstance(cell, Listed) and cell.others) if axis.open else 0


def positions(rows: int) -> Iterator[int]:
    """Row numbers of a bit vector, in row order."""
    while rows:
        low = rows & -rows
        yield low.bit_length() - 1
        rows ^= low
