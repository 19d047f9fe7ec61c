"""Which rows can never fire, which could go without changing any answer, and which could be one?

``Ranking`` puts the rows in the order in which they win: the first that matches decides. Under F that is the order of
the table, under P that of the outcomes, under C< and C> that of the values; U and A need no order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from engine.datatypes import ChoiceType
from engine.program import Program, Table, outcome_item
from engine.source.syntax import Expression, Literal_
from engine.verify.cover import Work, uncovered
from engine.verify.grid import Box, Grid, bits, hollow, meet
from engine.verify.regions import runs_of

MAX_EXPLAINED: Final = 20
"""Dead rows for which the least set of rows that cover them is looked for."""


def ranking(program: Program, table: Table) -> list[int] | None:
    """Rows by the order in which they win, or None where the policy has none (or values to be computed decide)."""
    rows = range(len(table.rows))
    match table.policy:
        case "U" | "A" | "F":
            return list(rows)
        case "P":
            return sorted(rows, key=lambda n: [_rank(program, table, position, n) for position in range(len(table.gives))])
        case "C<" | "C>":
            return _by_value(program, table)
        case _:
            return None


def _rank(program: Program, table: Table, position: int, row: int) -> int:
    type_ = outcome_item(program.fields[table.gives[position]].type, table.policy)
    node = table.rows[row].outputs[position]
    assert isinstance(type_, ChoiceType) and isinstance(node, Literal_)
    return 1 if node.value is None else -type_.codes.index(str(node.value))


def _by_value(program: Program, table: Table) -> list[int] | None:
    type_ = program.fields[table.gives[0]].type
    values = [node.value if isinstance(node, Literal_) else None for (node,) in (row.outputs for row in table.rows)]
    if None in values:
        return None
    sizes = [type_.codes.index(str(value)) if isinstance(type_, ChoiceType) else value for value in values]
    ascending = sorted(range(len(sizes)), key=lambda n: sizes[n])  # type: ignore[arg-type, return-value]
    return ascending if table.policy == "C<" else sorted(range(len(sizes)), key=lambda n: sizes[n], reverse=True)  # type: ignore[arg-type, return-value]


def default_outputs(table: Table) -> tuple[Expression | None, ...]:
    """What stands in for the outputs when no row matches."""
    return tuple(table.default.get(key) for key in table.gives)


# --- rows that never fire ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Dead:
    """A row that never decides; ``by`` are rows that together match whomever it matches, if they were looked for."""

    row: int
    by: tuple[int, ...]


def impossible_rows(grid: Grid) -> list[int]:
    """Rows with a condition that no value fulfils."""
    return [n for n, box in enumerate(grid.boxes) if hollow(box)]


def dead_rows(grid: Grid, order: list[int], work: Work) -> Iterator[Dead]:
    """The rows, none of them impossible, that rows before them in ``order`` cover."""
    above = explained = 0
    for row in order:
        box = grid.boxes[row]
        if hollow(box):
            continue
        if uncovered(grid, box, above, work) is not None:
            above |= 1 << row
            continue
        single = grid.covering(box) & above
        by = single & -single or (_fewest(grid, box, above & grid.touching(box), work) if explained < MAX_EXPLAINED else 0)
        explained += not single
        yield Dead(row, tuple(bits(by)))


def _fewest(grid: Grid, box: Box, rows: int, work: Work) -> int:
    """Rows that cover the box, none of which can be spared."""
    for row in reversed(list(bits(rows))):
        if uncovered(grid, box, rows & ~(1 << row), work) is None:
            rows &= ~(1 << row)
    return rows


# --- rows that could go -----------------------------------------------------------------------------------------------------


def needless_rows(grid: Grid, table: Table, order: list[int], skip: int, work: Work) -> Iterator[int]:
    """The rows, but for those in ``skip``, without which every customer gets the same outcomes.

    Under U no two rows may overlap, under A none contradict one another.
    """
    default = default_outputs(table)
    above = 0
    for row in order:
        if not skip >> row & 1 and _needless(grid, table, order, row, above, default, work):
            yield row
        above |= 1 << row


def _needless(grid: Grid, table: Table, order: list[int], row: int, above: int, default: tuple[Expression | None, ...], work: Work) -> bool:
    box, outputs, others = grid.boxes[row], table.rows[row].outputs, grid.every_row & ~(1 << row)
    if table.policy == "U":
        return outputs == default
    if outputs != default and uncovered(grid, box, others, work) is not None:
        return False
    if table.policy == "A":
        return True
    return not _surfaces(grid, table, order, row, above, grid.touching(box) & others, work)


def _surfaces(grid: Grid, table: Table, order: list[int], row: int, above: int, rivals: int, work: Work) -> bool:
    """Whether some customer of ``row`` would get the other outcome of a row after it."""
    box, outputs = grid.boxes[row], table.rows[row].outputs
    before = above
    for other in order[order.index(row) + 1 :]:
        if rivals >> other & 1:
            if table.rows[other].outputs != outputs and uncovered(grid, meet(box, grid.boxes[other]), before, work) is not None:
                return True
            before |= 1 << other
    return False


# --- rows that could be one --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Merge:
    """Rows, in the order of the table, that could be the one row ``box``; they differ on ``axis`` only."""

    rows: tuple[int, ...]
    axis: int
    box: Box


def mergeable_rows(grid: Grid, table: Table, skip: int, work: Work) -> Iterator[Merge]:
    """Groups of rows with the same outcomes that differ in one column, where one row can take their place; none in two groups."""
    may = _may_join(grid, table, work)
    taken = skip
    for axis in range(len(grid.axes)):
        alike: dict[object, list[int]] = defaultdict(list)
        for n, row in enumerate(table.rows):
            if not taken >> n & 1:
                box = grid.boxes[n]
                alike[row.outputs, box[:axis], box[axis + 1 :]].append(n)
        for rows in alike.values():
            for merge in _joined(grid, axis, rows, may):
                taken |= sum(1 << n for n in merge.rows)
                yield merge


def _joined(grid: Grid, axis: int, rows: list[int], may: Callable[[int, int], bool]) -> Iterator[Merge]:
    """Groups of ``rows``, which differ on one axis only, whose cells together are one cell."""
    waiting = sorted(rows, key=lambda n: (grid.boxes[n][axis] & -grid.boxes[n][axis], n))
    while waiting:
        group, mask, left = [waiting[0]], grid.boxes[waiting[0]][axis], []
        for n in waiting[1:]:
            cell = grid.boxes[n][axis]
            if _one_cell(grid, axis, mask, cell) and all(may(min(n, m), max(n, m)) for m in group):
                group.append(n)
                mask |= cell
            else:
                left.append(n)
        if len(group) > 1:
            box = grid.boxes[group[0]]
            yield Merge(tuple(sorted(group)), axis, (*box[:axis], mask, *box[axis + 1 :]))
        waiting = left


def _one_cell(grid: Grid, axis: int, mask: int, cell: int) -> bool:
    """Whether two cells, neither part of the other, make a list of values or one unbroken range."""
    known = grid.axes[axis]
    if not mask & ~cell or not cell & ~mask:
        return False
    return not known.ordered or len(runs_of(known, mask | cell)) <= 1


def _may_join(grid: Grid, table: Table, work: Work) -> Callable[[int, int], bool]:
    """Whether the second of two rows with the same outcomes may move up into the first without changing an answer."""

    def apart(first: int, second: int) -> bool:
        return hollow(meet(grid.boxes[first], grid.boxes[second]))

    def unhindered(first: int, second: int) -> bool:
        between = (1 << second) - (2 << first)
        return apart(first, second) and not grid.touching(grid.boxes[second]) & between

    def unseen(first: int, second: int) -> bool:
        box, outputs = grid.boxes[second], table.rows[first].outputs
        rivals = (n for n in bits(grid.touching(box) & ((1 << second) - (2 << first))) if table.rows[n].outputs != outputs)
        return all(uncovered(grid, meet(box, grid.boxes[n]), (1 << n) - 1, work) is None for n in rivals)

    match table.policy:
        case "A" | "P" | "C<" | "C>":
            return lambda first, second: True
        case "U" | "O" | "C+" | "C#":
            return apart
        case "R" | "C":
            return unhindered
        case "F":
            return unseen
