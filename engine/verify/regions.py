"""How is a box said in the author's terms: as the cells a row of the table would need, and as a sentence?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.datatypes import ListType, NumberType, RecordType, TextType, Type
from engine.diagnostics import LANGUAGES, Language, Text
from engine.explain import Explainer
from engine.grid.boxes import Run
from engine.program import Table
from engine.source.syntax import AnyOf, Anything, Compare, Empty, Interval, Literal_, NoneOf, Test
from engine.source.writer import write_test
from engine.values import plain
from engine.verify.grid import OTHERS, Axis, Box, Grid, bits, domain, value_at


@dataclass(frozen=True, slots=True)
class Clause:
    """What a region says about one column; ``cell`` is canonical text, ``said`` a clause in words."""

    column: Text
    field: str | None
    cell: str
    said: Text


@dataclass(frozen=True, slots=True)
class Region:
    """The customers for whom every clause holds; columns without a clause may hold anything.

    ``cells`` are the condition cells of a row that matches exactly these customers.
    """

    clauses: tuple[Clause, ...]
    cells: tuple[str, ...]

    def words(self, language: Language) -> str:
        """The region as one sentence."""
        joint = " 且 " if language == "zh" else " and "
        anybody = "任何客户" if language == "zh" else "every customer"
        return joint.join(clause.said.in_(language) for clause in self.clauses) or anybody


def region_of(grid: Grid, table: Table, box: Box, explainer: Explainer) -> Region:
    """A box in the author's terms."""
    limited = [(axis, mask) for axis, mask in zip(grid.axes, box, strict=True) if mask != axis.full]
    return Region(tuple(_clause(axis, mask, explainer) for axis, mask in limited), cells_of(grid, table, box))


def _clause(axis: Axis, mask: int, explainer: Explainer) -> Clause:
    test = test_of(axis, mask)
    said = (_said(test, axis, explainer, language) for language in LANGUAGES)
    return Clause(axis.label, axis.field, write_test(test), Text(*said))


def _said(test: Test, axis: Axis, explainer: Explainer, language: Language) -> str:
    zh, label = language == "zh", axis.label.in_(language)
    match test:
        case NoneOf((Empty(),)):
            return f"{label}不为空" if zh else f"{label} is not empty"
        case AnyOf((*others, Empty())):
            present = _said(others[0] if len(others) == 1 else AnyOf(tuple(others)), axis, explainer, language)
            return f"（{present} 或为空）" if zh else f"({present} or empty)"
        case AnyOf(tests) if axis.ordered:
            present = explainer.test(AnyOf(tests), label, axis.type, language)
            return f"（{present}）" if zh else f"({present})"
        case _:
            return explainer.test(test, label, axis.type, language)


def cells_of(grid: Grid, table: Table, box: Box) -> tuple[str, ...]:
    """The texts of the condition cells of a row that is this box."""
    cells = ["-"] * len(table.columns)
    for axis, mask in zip(grid.axes, box, strict=True):
        cells[axis.columns[0]] = write_test(test_of(axis, mask))
    return tuple(cells)


# --- a set of atoms as a cell --------------------------------------------------------------------------------------------

PRESENT = NoneOf((Empty(),))
"""Any value that is there."""


def test_of(axis: Axis, mask: int) -> Test:
    """The condition cell that accepts exactly the atoms of ``mask`` (at least one)."""
    if mask == axis.full:
        return Anything()
    tests: list[Test] = [] if mask == axis.empty else [PRESENT] if mask & axis.there == axis.there else list(_present(axis, mask & axis.there))
    if mask & axis.empty:
        tests.append(Empty())
    return tests[0] if len(tests) == 1 else AnyOf(tuple(tests))


def _present(axis: Axis, mask: int) -> Iterator[Test]:
    if axis.ordered:
        yield from (_within(run, axis.type) for run in runs_of(axis, mask))
    elif OTHERS in (axis.atoms[n] for n in bits(mask)):
        yield NoneOf(tuple(_equal(axis.atoms[n]) for n in bits(axis.there & ~mask)))
    else:
        yield from (_equal(axis.atoms[n]) for n in bits(mask))


def runs_of(axis: Axis, mask: int) -> list[Run]:
    """The unbroken runs of lattice points that the atoms of an ordered axis make."""
    runs: list[Run] = []
    for n in bits(mask & axis.there):
        atom = axis.atoms[n]
        assert isinstance(atom, tuple)
        if runs and runs[-1][1] == atom[0] and atom[0] is not None:
            runs[-1] = (runs[-1][0], atom[1])
        else:
            runs.append(atom)
    return runs


def _equal(value: Any) -> Compare:
    return Compare("=", Literal_(value))


def _within(run: Run, type_: Type) -> Test:
    """A run as a comparison or a range; its ends are spelt as the rounder of the two neighbours that an end lies between."""
    low, high = run
    if low is not None and high is not None and high - low == 1:
        return _equal(value_at(low, type_))
    start, end = domain(type_)
    lower = None if low is None or low == start else _lower(low, type_)
    upper = None if high is None or high == end else _upper(high, type_)
    if lower and upper:
        return Interval(lower.operand, upper.operand, lower.operator == ">=", upper.operator == "<=")
    found = lower or upper
    assert found
    return found


def _lower(low: int, type_: Type) -> Compare:
    at, below = value_at(low, type_), value_at(low - 1, type_)
    return Compare(">", Literal_(below)) if _rounder(below, at, type_) else Compare(">=", Literal_(at))


def _upper(high: int, type_: Type) -> Compare:
    at, below = value_at(high, type_), value_at(high - 1, type_)
    whole = isinstance(type_, NumberType) and type_.scale == 0 and not _rounder(at, below, type_)
    return Compare("<=", Literal_(below)) if whole or _rounder(below, at, type_) else Compare("<", Literal_(at))


def _rounder(value: Any, other: Any, type_: Type) -> bool:
    return isinstance(type_, NumberType) and _digits(value) < _digits(other)


def _digits(value: Decimal) -> int:
    return len(plain(value).replace(".", "").strip("-0"))


# --- roundest values -------------------------------------------------------------------------------------------------------


def roundest(run: Run) -> int:
    """The lattice point of a run with the most zeros; of these the nearest to 0."""
    low, high = run
    if low is None and high is None:
        return 0
    if low is None or high is None:
        return _beside(low, high)
    if low <= 0 < high:
        return 0
    if high <= 0:
        return -roundest((1 - high, 1 - low))
    step: int = 10 ** len(str(high))
    while -(-low // step) * step >= high:
        step //= 10
    return -(-low // step) * step


def _beside(low: int | None, high: int | None) -> int:
    if low is not None:
        return roundest((low, max(10 * abs(low), low + 10)))
    assert high is not None
    return roundest((min(-10 * abs(high), high - 10), high))


def samples(axis: Axis, mask: int) -> Sequence[Any]:
    """Values of the atoms of ``mask``, a round one first, then the ends of each run."""
    if not axis.ordered:
        return [_listed(axis, n) for n in bits(mask)]
    runs = runs_of(axis, mask)
    points = [roundest(run) for run in runs] + [end for run in runs for end in (run[0], None if run[1] is None else run[1] - 1) if end is not None]
    values = [value_at(point, axis.type) for point in dict.fromkeys(points)]
    return [*values, None] if mask & axis.empty else values


def _listed(axis: Axis, n: int) -> Any:
    if 1 << n == axis.empty:
        return None
    return unlisted(axis.type, axis.atoms) if axis.atoms[n] == OTHERS else axis.atoms[n]


def unlisted(type_: Type, listed: Sequence[Any]) -> Any:
    """A value of an open world that is not among ``listed``."""
    match type_:
        case TextType(length):
            candidates = ("其他", *map(chr, range(0x4E00, 0x9FA5)))
            return next(text for text in candidates if text not in listed and len(text) <= length)
        case ListType():
            return []
        case RecordType(members):
            return {member.id: None for member in members}
        case _:
            raise AssertionError(type_)
