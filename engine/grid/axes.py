"""Into which atoms do the cells of a column cut its axis?

On an atom no cell of the column changes its mind. Atoms of an ordered column are the runs between consecutive
``cuts``; atoms of an unordered one are its listed values and, in an open world, "any other value". The empty value is
an atom of its own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.datatypes import Type
from engine.grid.boxes import Listed, Run, Runs, closed_world, is_ordered


@dataclass(frozen=True, slots=True)
class OrderedAxis:
    """Atom ``n`` holds the lattice points from ``cuts[n-1]`` up to, not including, ``cuts[n]``."""

    cuts: tuple[int, ...]

    @property
    def atoms(self) -> int:
        return len(self.cuts) + 1

    def span(self, run: Run) -> tuple[int, int]:
        """First atom and one past the last atom of a run whose ends are cuts."""
        low, high = run
        first = 0 if low is None else bisect_left(self.cuts, low) + 1
        return first, self.atoms if high is None else bisect_left(self.cuts, high) + 1


@dataclass(frozen=True, slots=True)
class ListedAxis:
    """One atom per listed value; ``open`` adds the atom "any other value"."""

    values: tuple[Any, ...]
    open: bool


Axis = OrderedAxis | ListedAxis


def axis_of(sets: Sequence[Runs | Listed], type_: Type) -> Axis:
    """The axis that the cells of a column, as sets of values, cut."""
    if is_ordered(type_):
        cuts = {end for cell in sets if isinstance(cell, Runs) for run in cell.runs for end in run if end is not None}
        return OrderedAxis(tuple(sorted(cuts)))
    world = closed_world(type_)
    mentioned = dict.fromkeys(value for cell in sets if isinstance(cell, Listed) for value in sorted(cell.values, key=str))
    return ListedAxis(tuple(mentioned) if world is None else world, world is None)
