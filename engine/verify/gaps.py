"""Which customers does no row match?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from engine.verify.cover import OutOfBudget, Work, uncovered
from engine.verify.grid import Box, Grid, bits

MAX_GAPS: Final = 20
"""Boxes that are looked for, of either kind."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """What no row matches.

    ``boxes`` are pairwise disjoint, and none can be widened along an axis without meeting a row or another box; together
    they hold every customer without an empty value whom no row matches. ``empty`` are boxes in which some columns are
    empty: with the boxes they hold everybody else whom no row matches; none can be widened along another axis without
    meeting a row, but they may share points. ``complete`` is false when there are more boxes than listed, ``open``
    tells that the work ran out.
    """

    boxes: tuple[Box, ...]
    empty: tuple[Box, ...]
    complete: bool
    open: bool


def find_gaps(grid: Grid, work: Work) -> Gaps:
    """The gaps of a table, largest first."""
    search = _Search(grid, work)
    try:
        complete = search.present() and search.absent()
        unfinished = False
    except OutOfBudget:
        complete, unfinished = False, True
    return Gaps(_by_size(grid, search.boxes), _by_size(grid, _without_parts(search.empty)), complete, unfinished)


class _Search:
    """The search; what is found is added to a copy of the grid, so that it is not found again."""

    def __init__(self, grid: Grid, work: Work) -> None:
        self.grid = grid
        self.left = grid.copy()
        self.work = work
        self.boxes: list[Box] = []
        self.empty: list[Box] = []

    def present(self) -> bool:
        """Find the gaps without empty values; false when there are too many."""
        there = tuple(axis.there for axis in self.grid.axes)
        for found in self.found(there):
            if len(self.boxes) == MAX_GAPS:
                return False
            box = widest(self.left, found, self.work, with_empty=False)
            self.boxes.append(box)
            self.left.add(box)
        return True

    def absent(self) -> bool:
        """Find the gaps with empty values, those with one first; false when there are too many."""
        there = tuple(axis.there for axis in self.grid.axes)
        single = [(*there[:n], axis.empty, *there[n + 1 :]) for n, axis in enumerate(self.grid.axes) if axis.empty]
        for start in (*single, self.grid.whole):
            for found in self.found(start):
                if len(self.empty) == MAX_GAPS:
                    return False
                point = tuple(mask & axis.there or mask for mask, axis in zip(found, self.grid.axes, strict=True))
                box = widest(self.grid, point, self.work, with_empty=True)
                self.empty.append(box)
                self.left.add(box)
        return True

    def found(self, start: Box) -> Iterator[Box]:
        while (found := uncovered(self.left, start, self.left.every_row, self.work)) is not None:
            yield found


def widest(grid: Grid, box: Box, work: Work, *, with_empty: bool) -> Box:
    """A maximal box that no row touches, around a point of ``box``; columns that are empty stay so, ordered ones keep one run.

    A column takes the empty value in, too, when it holds all others, or anyway ``with_empty``.

    Of the boxes that come of widening one axis before another, the one that limits the fewest columns, then the largest.
    """
    point = tuple(mask & -mask for mask in box)
    axes = range(len(box))
    tried = [_widened(grid, point, [*axes[n:], *axes[:n]], work, with_empty=with_empty) for n in axes or [0]]
    return min(tried, key=lambda made: (sum(mask != axis.full for mask, axis in zip(made, grid.axes, strict=True)), -grid.size(made)))


def _widened(grid: Grid, point: Box, order: list[int], work: Work, *, with_empty: bool) -> Box:
    box = list(point)
    for n in order:
        axis = grid.axes[n]
        if box[n] == axis.empty:
            continue
        rows = grid.every_row
        for other, mask in enumerate(box):
            if other != n:
                rows &= grid.touch(other, mask)
        free = sum(1 << atom for atom in range(len(axis.atoms)) if not grid.accepting[n][atom] & rows)
        work.spend(len(axis.atoms))
        box[n] = run_around(point[n], free & axis.there) if axis.ordered else free & axis.there
        if with_empty or box[n] == axis.there:
            box[n] |= free & axis.empty
    return tuple(box)


def run_around(atom: int, free: int) -> int:
    """The unbroken run of set bits of ``free`` around ``atom``."""
    run = atom
    while (wider := (run | run << 1 | run >> 1) & free) != run:
        run = wider
    return run


def _without_parts(boxes: list[Box]) -> list[Box]:
    """The boxes that lie in no other one."""
    return [box for n, box in enumerate(boxes) if not any(_inside(box, other) for m, other in enumerate(boxes) if m != n and (box != other or m < n))]


def _inside(box: Box, other: Box) -> bool:
    return not any(mask & ~wide for mask, wide in zip(box, other, strict=True))


def _by_size(grid: Grid, boxes: list[Box]) -> tuple[Box, ...]:
    return tuple(sorted(boxes, key=lambda box: (-grid.size(box), [next(bits(mask), -1) for mask in box])))
