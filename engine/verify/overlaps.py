"""Which rows match the same customers, and which of them contradict one another?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from engine.program import Table
from engine.verify.grid import Box, Grid, bits, hollow, meet

MAX_PAIRS: Final = 20
"""Pairs of rows that are listed."""
MAX_WEIGHED: Final = 2_000
"""Pairs among which the largest are looked for."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rows, by position, and the box in which both match."""

    first: int
    second: int
    box: Box


@dataclass(frozen=True, slots=True)
class Overlaps:
    """Pairs of rows that share customers, largest share first, and how many pairs there are in all."""

    pairs: tuple[Pair, ...]
    count: int


def find_overlaps(grid: Grid, table: Table) -> Overlaps:
    """Every two rows that share a customer; under A those only whose outcomes are not written alike."""
    alike = _alike(table) if table.policy == "A" else [0] * len(table.rows)
    rivals = []
    for row, box in enumerate(grid.boxes):
        later = -1 << row + 1
        rivals.append(0 if hollow(box) else grid.touching(box) & later & ~alike[row])
    listed: list[Pair] = []
    for pair in _pairs(grid, rivals):
        listed.append(pair)
        if len(listed) == MAX_WEIGHED:
            break
    listed.sort(key=lambda pair: (-grid.size(pair.box), pair.first, pair.second))
    return Overlaps(tuple(listed[:MAX_PAIRS]), sum(map(int.bit_count, rivals)))


def _pairs(grid: Grid, rivals: list[int]) -> Iterator[Pair]:
    for first, rows in enumerate(rivals):
        for second in bits(rows):
            yield Pair(first, second, meet(grid.boxes[first], grid.boxes[second]))


def _alike(table: Table) -> list[int]:
    """Per row, the rows that give the same outcomes."""
    rows: dict[object, int] = {}
    for n, row in enumerate(table.rows):
        rows[row.outputs] = rows.get(row.outputs, 0) | 1 << n
    return [rows[row.outputs] for row in table.rows]
