"""Do some rows cover a box, and if not, where is a point that none of them holds?

A row that reaches out of the box along one axis only forces the point off the row on that axis; when no row forces
anything, the box is split along the row that is nearest to doing so. Effort is counted in work units (atoms and axes
looked at), never in seconds, so an answer does not depend on the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.verify.grid import Box, Grid, bits

BUDGET: Final = 2_000_000
"""Work units for one question about one table."""


class OutOfBudget(Exception):
    """The work units are used up before there is an answer."""


@dataclass
class Work:
    """Work units: how many there are, and how many are done."""

    budget: int = BUDGET
    done: int = 0

    def spend(self, units: int) -> None:
        """Count ``units``; raises ``OutOfBudget``."""
        self.done += units
        if self.done > self.budget:
            raise OutOfBudget


def uncovered(grid: Grid, box: Box, rows: int, work: Work) -> Box | None:
    """A box inside ``box`` that none of ``rows`` touches, or None when they cover it. Raises ``OutOfBudget``."""
    if not all(box):
        return None
    work.spend(1 + len(box))
    return _search(grid, list(box), rows & grid.touching(box), work)


def _search(grid: Grid, box: list[int], rows: int, work: Work) -> Box | None:
    waiting = [(box, rows)]
    while waiting:
        box, rows = waiting.pop()
        rows = _forced(grid, box, rows, work)
        if not rows:
            return tuple(box)
        if rows > 0:
            waiting += _halves(grid, box, rows, work)
    return None


def _forced(grid: Grid, box: list[int], rows: int, work: Work) -> int:
    """Narrow ``box`` as far as single rows force it, and give the rows that still touch it; -1 when it is covered."""
    while rows:
        work.spend(len(box))
        outside = _outside(grid, box, rows)
        once, twice, _ = _counted(outside)
        if rows & ~once:
            return -1
        if not once & ~twice:
            return rows
        for axis, forced in enumerate(out & once & ~twice for out in outside):
            if forced:
                box[axis] = _off(grid, axis, box[axis], forced, work)
                if not box[axis]:
                    return -1
                rows &= grid.touch(axis, box[axis])
    return 0


def _outside(grid: Grid, box: list[int], rows: int) -> list[int]:
    """Per axis, the rows that reach out of the box along it: those that do not accept all of it."""
    return [rows & ~grid.cover(axis, mask) for axis, mask in enumerate(box)]


def _counted(outside: list[int]) -> tuple[int, int, int]:
    """The rows that reach out of the box along at least one, two, three axes."""
    once = twice = more = 0
    for out in outside:
        more |= twice & out
        twice |= once & out
        once |= out
    return once, twice, more


def _off(grid: Grid, axis: int, mask: int, rows: int, work: Work) -> int:
    """The atoms of ``mask`` that none of ``rows`` accepts."""
    work.spend(mask.bit_count())
    accepting = grid.accepting[axis]
    return sum(1 << atom for atom in bits(mask) if not accepting[atom] & rows)


def _halves(grid: Grid, box: list[int], rows: int, work: Work) -> list[tuple[list[int], int]]:
    """The box inside and outside a row, along one axis: the row and the axis that come nearest to forcing something."""
    outside = _outside(grid, box, rows)
    _, twice, more = _counted(outside)
    wanted = twice & ~more or rows
    axis = max(range(len(box)), key=lambda n: (wanted & outside[n]).bit_count())
    found = wanted & outside[axis]
    inside = box[axis] & grid.boxes[(found & -found).bit_length() - 1][axis]
    work.spend(box[axis].bit_count())
    parts = (inside, box[axis] & ~inside)
    return [([*box[:axis], mask, *box[axis + 1 :]], rows & grid.touch(axis, mask)) for mask in parts]
