"""Which change of the document mends a finding?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from engine.datatypes import ChoiceType
from engine.diagnostics import Text
from engine.program import Program, Table, outcome_item
from engine.source.syntax import Expression, Literal_
from engine.source.writer import local_id, write_expression
from engine.verify.findings import Operation, Repair
from engine.verify.grid import Box, Grid, bits
from engine.verify.regions import cells_of, runs_of
from engine.verify.rows import Merge


class Mender:
    """Writes repairs of one table, which is number ``position`` of its document."""

    def __init__(self, program: Program, table: Table, grid: Grid, position: int) -> None:
        self.program = program
        self.table = table
        self.grid = grid
        self.place = ("tables", position)

    # --- rows that are missing ------------------------------------------------------------------------------------------

    def filler(self, box: Box) -> Repair:
        """A row at the end that matches the box, with the outcomes of a neighbour as a proposal."""
        neighbour = self._neighbour(box)
        outputs = self.table.rows[neighbour].outputs if neighbour is not None else self._blank()
        row = {"id": self._new_id(), "when": list(cells_of(self.grid, self.table, box)), "then": [write_expression(node) for node in outputs]}
        like = Text("", "") if neighbour is None else Text(f"，结论暂照第 {neighbour + 1} 行", f", with the outcomes of row {neighbour + 1} for now")
        title = Text(f"补一行{like.zh}，请核对结论", f"Add a row{like.en}; check its outcomes")
        return Repair(title, (Operation("add", (*self.place, "rows", len(self.table.rows)), row),), tuple(map(local_id, self.table.gives)))

    def _neighbour(self, box: Box) -> int | None:
        """The first row that the box meets when it is widened by one step along one axis."""
        for n, (mask, axis) in enumerate(zip(box, self.grid.axes, strict=True)):
            beside = (mask << 1 | mask >> 1 if axis.ordered else -1) & axis.there & ~mask
            rows = self.grid.touching((*box[:n], beside, *box[n + 1 :])) if beside else 0
            if rows:
                return next(bits(rows))
        return None

    def _blank(self) -> Sequence[Expression]:
        """Empty outcomes, or the first choice where the policy ranks outcomes."""
        if self.table.policy != "P":
            return [Literal_(None)] * len(self.table.gives)
        types = [outcome_item(self.program.fields[key].type, "P") for key in self.table.gives]
        return [Literal_(type_.codes[0]) for type_ in types if isinstance(type_, ChoiceType)]

    def _new_id(self) -> str:
        used = {row.id for row in self.table.rows}
        return next(f"r{n}" for n in range(len(used) + 1, 2 * len(used) + 2) if f"r{n}" not in used)

    # --- rows that are too wide or too many --------------------------------------------------------------------------------

    def apart(self, first: int, second: int) -> tuple[Repair, ...]:
        """Ways to set two rows that overlap apart without leaving anybody out."""
        return tuple(repair for row, other in ((second, first), (first, second)) for repair in self._trimmed(row, other))

    def _trimmed(self, row: int, other: int) -> Iterator[Repair]:
        """``row`` without what ``other`` matches, where that is one cell less, or no row at all."""
        box, wide = self.grid.boxes[row], self.grid.boxes[other]
        beyond = [n for n, (mask, limit) in enumerate(zip(box, wide, strict=True)) if mask & ~limit]
        if not beyond:
            yield self.without(row)
        if len(beyond) == 1:
            axis = self.grid.axes[beyond[0]]
            left = box[beyond[0]] & ~wide[beyond[0]]
            if not axis.ordered or len(runs_of(axis, left)) <= 1:
                trimmed = (*box[: beyond[0]], left, *box[beyond[0] + 1 :])
                title = Text(f"收窄第 {row + 1} 行的「{axis.label.zh}」", f"Narrow “{axis.label.en}” of row {row + 1}")
                yield Repair(title, self._recelled(row, trimmed))

    def recelled(self, row: int, box: Box, column: Text) -> Repair:
        """The row with the cells of ``box``."""
        return Repair(Text(f"改写第 {row + 1} 行的「{column.zh}」", f"Rewrite “{column.en}” of row {row + 1}"), self._recelled(row, box))

    def _recelled(self, row: int, box: Box) -> tuple[Operation, ...]:
        changed: list[Any] = list(cells_of(self.grid, self.table, box))
        kept = cells_of(self.grid, self.table, self.grid.boxes[row])
        path = (*self.place, "rows", row, "when")
        return tuple(
            Operation("replace", (*path, column), changed[column])
            for axis in self.grid.axes
            for column in axis.columns
            if changed[column] != kept[column] or len(axis.columns) > 1
        )

    def without(self, *rows: int) -> Repair:
        """The table without some rows."""
        said = "、".join(str(row + 1) for row in rows)
        operations = tuple(Operation("remove", (*self.place, "rows", row)) for row in sorted(rows, reverse=True))
        return Repair(Text(f"删去第 {said} 行", f"Remove row {said.replace('、', ', ')}"), operations)

    def merged(self, merge: Merge) -> Repair:
        """The first of some rows in place of all."""
        first, *others = merge.rows
        removed = self.without(*others).operations
        said = [str(row + 1) for row in merge.rows]
        title = Text(f"把第 {'、'.join(said)} 行合成一行", f"Merge rows {', '.join(said)}")
        return Repair(title, (*self._recelled(first, merge.box), *removed))

    # --- columns ----------------------------------------------------------------------------------------------------------

    def without_column(self, column: int) -> Repair:
        """The table without a column."""
        label = self.table.columns[column].label
        cells = tuple(Operation("remove", (*self.place, "rows", row, "when", column)) for row in range(len(self.table.rows)))
        return Repair(Text(f"删去列「{label.zh}」", f"Remove the column “{label.en}”"), (Operation("remove", (*self.place, "inputs", column)), *cells))
