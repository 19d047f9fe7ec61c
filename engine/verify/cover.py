"""Do some rows cover a box, and if not, where is a point that none of them holds?

One axis after another is split into classes of atoms that the same rows accept; what is left is a smaller question
about fewer axes and fewer rows, and a question that was answered once is not asked again. Effort is counted in work
units (atoms looked at), never in seconds, so an answer does not depend on the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.verify.grid import Box, Grid, bits

BUDGET: Final = 2_000_000
"""Work units for the questions about one table."""


class OutOfBudget(Exception):
    """The work units are used up before there is an answer."""


@dataclass
class Work:
    """Work units: how many there were, and how many are left."""

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
    rows &= grid.touching(box)
    if rows & grid.covering(box):
        return None
    found = _Search(grid, box, work).search(tuple(n for n, mask in enumerate(box) if mask & (mask - 1)), rows)
    return None if found is None else tuple(found.get(n, mask) for n, mask in enumerate(box))


class _Search:
    """The search within one box."""

    def __init__(self, grid: Grid, box: Box, work: Work) -> None:
        self.accepting = grid.accepting
        self.atoms = [list(bits(mask)) for mask in box]
        self.across = [grid.cover(n, mask) for n, mask in enumerate(box)]
        self.work = work
        self.covered: set[tuple[tuple[int, ...], int]] = set()

    def search(self, axes: tuple[int, ...], rows: int) -> dict[int, int] | None:
        """Masks of some ``axes`` in which no row of ``rows`` is left; None when the rows, which cover all other axes, cover these."""
        if not rows:
            return {}
        axes = tuple(n for n in axes if rows & ~self.across[n])
        whole = rows
        for n in axes:
            whole &= self.across[n]
        if whole or (axes, rows) in self.covered:
            return None
        axis, classes = self.split(axes, rows)
        rest = tuple(n for n in axes if n != axis)
        for left in sorted(classes, key=int.bit_count):
            found = self.search(rest, left)
            if found is not None:
                found[axis] = classes[left]
                return found
        self.covered.add((axes, rows))
        return None

    def split(self, axes: tuple[int, ...], rows: int) -> tuple[int, dict[int, int]]:
        """The axis whose classes leave the fewest rows in all, and its atoms by the rows left."""
        best: tuple[int, int, dict[int, int]] | None = None
        for axis in axes:
            classes: dict[int, int] = {}
            accepting = self.accepting[axis]
            for atom in self.atoms[axis]:
                left = accepting[atom] & rows
                classes[left] = classes.get(left, 0) | 1 << atom
            self.work.spend(len(self.atoms[axis]))
            cost = sum(map(int.bit_count, classes))
            if best is None or cost < best[0]:
                best = cost, axis, classes
        assert best
        return best[1], best[2]
