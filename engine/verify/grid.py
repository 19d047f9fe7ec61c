"""Into which grid do the cells of a table cut what its columns can hold, and which rows accept which atom?

One axis per distinct column (a field that stands in two columns is one axis), cut at every end point and at the bounds
of the field; atoms outside the field's domain are left out. A box is one bit vector of atoms per axis; a set of rows is
a bit vector of rows. A column that is an expression is an axis of its own, as if its value were free: what is proved of
the grid holds for every customer, but a box of the grid may hold no customer at all.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from engine.datatypes import DateType, DurationType, NumberType, TextType, Type
from engine.diagnostics import Text
from engine.grid.boxes import Listed, Run, Runs, closed_world, denote, is_ordered, lattice
from engine.program import Table
from engine.source.syntax import Expression, Test
from engine.values import Months, Value

Box = tuple[int, ...]
"""One bit vector of atoms per axis."""


@dataclass(frozen=True, slots=True)
class Empty:
    """The atom of the empty value."""


@dataclass(frozen=True, slots=True)
class Others:
    """The atom of every text (or list) that no cell mentions."""


Atom = Run | Empty | Others | str | bool
EMPTY: Final = Empty()
OTHERS: Final = Others()


@dataclass(frozen=True, slots=True)
class Axis:
    """The atoms of one column, lowest bit first; the empty value, where it is possible, is the last atom."""

    columns: tuple[int, ...]
    expression: Expression
    label: Text
    type: Type
    atoms: tuple[Atom, ...]
    field: str | None

    @property
    def full(self) -> int:
        return (1 << len(self.atoms)) - 1

    @property
    def empty(self) -> int:
        """The bit of the empty value; 0 where the column is never empty."""
        return 1 << (len(self.atoms) - 1) if self.atoms and isinstance(self.atoms[-1], Empty) else 0

    @property
    def there(self) -> int:
        """All atoms but the empty value."""
        return self.full & ~self.empty

    @property
    def ordered(self) -> bool:
        return is_ordered(self.type)

    @property
    def free(self) -> bool:
        """Whether the values are taken as free although an expression computes them."""
        return self.field is None


class Grid:
    """A table on its grid: ``boxes[row]``, and ``accepting[axis][atom]`` the rows that accept an atom."""

    def __init__(self, axes: Sequence[Axis], boxes: Sequence[Box]) -> None:
        self.axes = tuple(axes)
        self.boxes = tuple(boxes)
        self.every_row = (1 << len(boxes)) - 1
        self.whole: Box = tuple(axis.full for axis in axes)
        self.accepting = [_accepting(len(axis.atoms), [box[n] for box in boxes]) for n, axis in enumerate(axes)]
        self._touching: list[dict[int, int]] = [{} for _ in axes]
        self._covering: list[dict[int, int]] = [{} for _ in axes]

    def copy(self) -> Grid:
        """A grid to which boxes may be added."""
        return Grid(self.axes, self.boxes)

    def add(self, box: Box) -> None:
        """Add a box as one more row."""
        row = 1 << len(self.boxes)
        self.boxes = (*self.boxes, box)
        self.every_row |= row
        for mask, accepting, touching, covering in zip(box, self.accepting, self._touching, self._covering, strict=True):
            for atom in bits(mask):
                accepting[atom] |= row
            touching.update({part: rows | row for part, rows in touching.items() if part & mask})
            covering.update({part: rows | row for part, rows in covering.items() if not part & ~mask})

    def touching(self, box: Box) -> int:
        """The rows that share a point with ``box``."""
        rows = self.every_row
        for n, mask in enumerate(box):
            rows &= self.touch(n, mask)
        return rows

    def covering(self, box: Box) -> int:
        """The rows that hold all of ``box``."""
        rows = self.every_row
        for n, mask in enumerate(box):
            rows &= self.cover(n, mask)
        return rows

    def touch(self, axis: int, mask: int) -> int:
        """The rows that accept some atom of ``mask`` on one axis."""
        known = self._touching[axis]
        if mask not in known:
            rows = 0
            for atom in bits(mask):
                rows |= self.accepting[axis][atom]
            known[mask] = rows
        return known[mask]

    def cover(self, axis: int, mask: int) -> int:
        """The rows that accept every atom of ``mask`` on one axis."""
        known = self._covering[axis]
        if mask not in known:
            rows = self.every_row
            for atom in bits(mask):
                rows &= self.accepting[axis][atom]
            known[mask] = rows
        return known[mask]

    def size(self, box: Box) -> float:
        """The share of the grid's cells that a box holds, between 0 and 1."""
        share = 1.0
        for mask, axis in zip(box, self.axes, strict=True):
            share *= mask.bit_count() / max(1, len(axis.atoms))
        return share


def bits(mask: int) -> Iterator[int]:
    """The positions of the set bits, ascending."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def meet(left: Box, right: Box) -> Box:
    """What two boxes share."""
    return tuple(a & b for a, b in zip(left, right, strict=True))


def hollow(box: Box) -> bool:
    """Whether a box holds no point."""
    return not all(box)


def _accepting(atoms: int, masks: Sequence[int]) -> list[int]:
    """Rows per atom, from the rows that change their mind at each atom."""
    rows_of: dict[int, int] = {}
    for row, mask in enumerate(masks):
        rows_of[mask] = rows_of.get(mask, 0) | 1 << row
    changes = [0] * (atoms + 1)
    for mask, rows in rows_of.items():
        for atom in bits(mask ^ mask << 1):
            changes[atom] ^= rows
    accepting, current = [], 0
    for change in changes[:atoms]:
        current ^= change
        accepting.append(current)
    return accepting


# --- from a table ----------------------------------------------------------------------------------------------------------


def grid_of(table: Table, derived: Iterable[str] = ()) -> Grid:
    """The grid of a table. ``derived`` are the keys of outcomes: a column that reads one is never empty."""
    outcomes = frozenset(derived)
    merged: dict[Expression, list[int]] = {}
    for n, column in enumerate(table.columns):
        merged.setdefault(column.expression, []).append(n)
    axes, cells = [], []
    for columns in merged.values():
        axis, masks = _axis(table, columns, outcomes)
        axes.append(axis)
        cells.append(masks)
    return Grid(axes, [tuple(masks[row] for masks in cells) for row in range(len(table.rows))])


def _axis(table: Table, columns: Sequence[int], outcomes: frozenset[str]) -> tuple[Axis, list[int]]:
    first = table.columns[columns[0]]
    sets: dict[Test, Runs | Listed] = {}
    for row in table.rows:
        for n in columns:
            if row.tests[n] not in sets:
                sets[row.tests[n]] = denote(row.tests[n], first.type)
    atoms = _ordered_atoms(sets.values(), first.type) if is_ordered(first.type) else _listed_atoms(sets.values(), first.type)
    if first.field not in outcomes:
        atoms = [*atoms, EMPTY]
    axis = Axis(tuple(columns), first.expression, first.label, first.type, tuple(atoms), first.field)
    masks = {test: _mask(denoted, axis) for test, denoted in sets.items()}
    rows = []
    for row in table.rows:
        mask = axis.full
        for n in columns:
            mask &= masks[row.tests[n]]
        rows.append(mask)
    return axis, rows


def _ordered_atoms(sets: Iterable[Runs | Listed], type_: Type) -> list[Atom]:
    low, high = domain(type_)
    ends = {end for cell in sets if isinstance(cell, Runs) for run in cell.runs for end in run if end is not None}
    cuts: list[int | None] = [low, *sorted(end for end in ends if (low is None or low < end) and (high is None or end < high)), high]
    return list(pairwise(cuts))


def _listed_atoms(sets: Iterable[Runs | Listed], type_: Type) -> list[Atom]:
    world = closed_world(type_)
    if world is not None:
        return list(world)
    mentioned = {value for cell in sets if isinstance(cell, Listed) for value in cell.values}
    limit = type_.max_length if isinstance(type_, TextType) else 0
    return [*sorted(text for text in mentioned if len(text) <= limit), OTHERS]


def _mask(denoted: Runs | Listed, axis: Axis) -> int:
    there = (atom for atom in axis.atoms if not isinstance(atom, Empty))
    if isinstance(denoted, Runs):
        mask = _run_mask(denoted.runs, [run for run in there if isinstance(run, tuple)])
    else:
        mask = sum(1 << n for n, atom in enumerate(there) if (atom in denoted.values) != denoted.others)
    return mask | (axis.empty if denoted.empty else 0)


def _run_mask(runs: Sequence[Run], atoms: Sequence[Run]) -> int:
    """Atoms inside sorted runs; the ends of the runs are cuts or lie outside the domain."""
    mask = 0
    for n, (start, end) in enumerate(atoms):
        if any((low is None or (start is not None and low <= start)) and (high is None or (end is not None and end <= high)) for low, high in runs):
            mask |= 1 << n
    return mask


def domain(type_: Type) -> Run:
    """The lattice points that a column of an ordered type can hold."""
    match type_:
        case NumberType(minimum=low, maximum=high):
            return (None if low is None else lattice(low, type_), None if high is None else lattice(high, type_) + 1)
        case DateType():
            return datetime.date.min.toordinal(), datetime.date.max.toordinal() + 1
        case _:
            return None, None


def value_at(point: int, type_: Type) -> Value:
    """The value of an ordered type at a lattice point."""
    match type_:
        case NumberType(scale=scale):
            return Decimal(point).scaleb(-scale)
        case DateType():
            return datetime.date.fromordinal(point)
        case DurationType("days"):
            return datetime.timedelta(days=point)
        case DurationType():
            return Months(point)
        case _:
            raise AssertionError(type_)


def atom_of(value: Any, axis: Axis) -> int:
    """The position of the atom that holds a value."""
    if value is None:
        return len(axis.atoms) - 1
    if axis.ordered:
        point = lattice(value, axis.type)
        return next(n for n, atom in enumerate(axis.atoms) if isinstance(atom, tuple) and _within(point, atom))
    if isinstance(value, list | dict) or value not in axis.atoms:
        return axis.atoms.index(OTHERS)
    return axis.atoms.index(value)


def _within(point: int, run: Run) -> bool:
    return (run[0] is None or run[0] <= point) and (run[1] is None or point < run[1])
