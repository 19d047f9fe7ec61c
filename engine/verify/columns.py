"""Which columns never matter, which choices does a table never give, and which cells speak of values outside the domain?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from engine.datatypes import ChoiceType, NumberType
from engine.program import Program, Table, outcome_item
from engine.source.syntax import AnyOf, Compare, Expression, Interval, ListOf, Literal_, NoneOf, Test
from engine.verify.cover import Work, uncovered
from engine.verify.grid import Grid, bits, meet
from engine.verify.rows import default_outputs

# --- columns ----------------------------------------------------------------------------------------------------------------


def idle_axes(grid: Grid, table: Table, order: list[int] | None, alive: int, work: Work) -> Iterator[int]:
    """The axes whose value changes no answer. Without an ``order`` only those that no living row limits."""
    for n, axis in enumerate(grid.axes):
        unlimited = all(grid.boxes[row][n] == axis.full for row in bits(alive))
        if unlimited or (order is not None and _Column(grid, table, order, n, work).idle()):
            yield n


class _Column:
    """One axis, and the grid of the others, on which the table is compared with itself."""

    def __init__(self, grid: Grid, table: Table, order: list[int], axis: int, work: Work) -> None:
        self.accepting = grid.accepting[axis]
        boxes = [(*box[:axis], *box[axis + 1 :]) for box in grid.boxes]
        self.grid = Grid((*grid.axes[:axis], *grid.axes[axis + 1 :]), boxes)
        self.outputs = [row.outputs for row in table.rows]
        self.default = default_outputs(table)
        self.order = order
        self.work = work

    def idle(self) -> bool:
        """Whether all atoms of the axis give the same answers."""
        first, *others = dict.fromkeys(self.accepting)
        return not any(self.differ(first, rows) for rows in others)

    def differ(self, left: int, right: int) -> bool:
        """Whether some customer gets one answer from the rows ``left`` and another from the rows ``right``."""
        return self.one_sided(left, right) or self.one_sided(right, left) or self.both(left, right)

    def one_sided(self, left: int, right: int) -> bool:
        """Whether a row of ``left`` answers where no row of ``right`` does, and not by the default."""
        above = 0
        for row in self.order:
            if left >> row & 1:
                if self.outputs[row] != self.default and uncovered(self.grid, self.grid.boxes[row], above | right, self.work) is not None:
                    return True
                above |= 1 << row
        return False

    def both(self, left: int, right: int) -> bool:
        """Whether two rows with different outcomes answer, one of which is in one set only: rows of both sets meet alike."""
        above = 0
        for row in self.order:
            if left >> row & 1:
                if self.meets(row, above, right if not right >> row & 1 else right & ~left, right):
                    return True
                above |= 1 << row
        return False

    def meets(self, row: int, above: int, rivals: int, right: int) -> bool:
        box = self.grid.boxes[row]
        rivals &= self.grid.touching(box)
        before = 0
        for other in self.order:
            rival = rivals >> other & 1 and self.outputs[other] != self.outputs[row]
            if rival and uncovered(self.grid, meet(box, self.grid.boxes[other]), above | before, self.work) is not None:
                return True
            if right >> other & 1:
                before |= 1 << other
        return False


# --- outcomes ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unreached:
    """Codes of a choice outcome that the table never gives."""

    outcome: int
    codes: tuple[str, ...]


def unreached_choices(program: Program, table: Table, alive: int, *, default_used: bool) -> Iterator[Unreached]:
    """Per choice outcome without computed cells, the codes that no living row (nor the default, where it is used) gives."""
    for position, key in enumerate(table.gives):
        type_ = outcome_item(program.fields[key].type, table.policy)
        nodes = [table.rows[n].outputs[position] for n in bits(alive)]
        if default_used and key in table.default:
            nodes.append(table.default[key])
        parts = _parts(nodes)
        if not isinstance(type_, ChoiceType) or not all(isinstance(node, Literal_) for node in parts):
            continue
        given = {node.value for node in parts if isinstance(node, Literal_)}
        missing = tuple(code for code in type_.codes if code not in given)
        if missing:
            yield Unreached(position, missing)


def all_constant(program: Program, table: Table) -> bool:
    """Whether no cell of a choice outcome is computed."""
    choices = [n for n, key in enumerate(table.gives) if isinstance(outcome_item(program.fields[key].type, table.policy), ChoiceType)]
    nodes = [row.outputs[n] for row in table.rows for n in choices] + [table.default[table.gives[n]] for n in choices if table.gives[n] in table.default]
    return all(isinstance(node, Literal_) for node in _parts(nodes))


def _parts(nodes: Iterable[Expression]) -> list[Expression]:
    """The nodes, lists taken apart."""
    return [part for node in nodes for part in (node.items if isinstance(node, ListOf) else (node,))]


# --- cells ------------------------------------------------------------------------------------------------------------------


def cells_outside(table: Table) -> Iterator[tuple[int, int]]:
    """Row and column of cells with an end that lies outside the bounds of a number."""
    for row, known in enumerate(table.rows):
        for n, (test, column) in enumerate(zip(known.tests, table.columns, strict=True)):
            if isinstance(column.type, NumberType) and any(_outside(value, column.type) for value in _ends(test)):
                yield row, n


def _ends(test: Test) -> Iterator[object]:
    match test:
        case Compare(_, Literal_(value)):
            yield value
        case Interval(Literal_(low), Literal_(high)):
            yield from (low, high)
        case AnyOf(tests) | NoneOf(tests):
            for part in tests:
                yield from _ends(part)
        case _:
            return


def _outside(value: object, type_: NumberType) -> bool:
    low, high = type_.minimum, type_.maximum
    return isinstance(value, Decimal) and ((low is not None and value < low) or (high is not None and value > high))
