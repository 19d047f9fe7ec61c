"""Which things of a list have moved, and in which order do two rearrangements of one list agree?

Lists of distinct names. An inserted or moved thing stands after the same neighbour as on the side that put it there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Arrangement:
    """An order of all names. ``contradictory``: both sides put one thing in different places. ``contested``: both sides put
    different things in one place, and neither says which of them comes first."""

    names: list[str]
    contradictory: bool = False
    contested: bool = False


def moved(before: Iterable[str], after: Iterable[str]) -> set[str]:
    """The fewest names that must have changed places, of those in both lists."""
    place = {name: n for n, name in enumerate(before)}
    common = [name for name in after if name in place]
    return set(common) - set(_longest_rising(common, place))


def _longest_rising(names: Sequence[str], place: Mapping[str, int]) -> list[str]:
    """The longest selection of ``names`` whose places rise."""
    lows: list[int] = []
    ends: list[str] = []
    before: dict[str, str | None] = {}
    for name in names:
        length = bisect_left(lows, place[name])
        lows[length : length + 1] = [place[name]]
        ends[length : length + 1] = [name]
        before[name] = ends[length - 1] if length else None
    chain: list[str] = []
    last = ends[-1] if ends else None
    while last is not None:
        chain.append(last)
        last = before[last]
    return chain[::-1]


def arranged(base: Iterable[str], ours: Iterable[str], theirs: Iterable[str], kept: Collection[str], *, strict: bool = False) -> Arrangement:
    """The order of ``kept``, names of ours or theirs, with the moves and the insertions of both sides.

    Where their moves contradict each other those of ours are made and none of theirs. Where they put different things in one
    place, ours come first if ``strict``, else whichever come first by name.
    """
    ours, theirs, base = [name for name in ours if name in kept], [name for name in theirs if name in kept], list(base)
    shared = set(ours) & set(theirs)
    common = [name for name in base if name in shared]
    mine, yours = moved(common, ours), moved(common, theirs)
    still = [name for name in common if name not in mine and name not in yours]
    old = _woven(still, _among(ours, common, yours - mine), _among(theirs, common, mine - yours), mine | yours, strict=strict)
    at_odds = old.contradictory or (strict and old.contested)
    frame = _among(ours, common, set()) if at_odds else old.names
    new = {*ours, *theirs}.difference(base)
    whole = _woven(frame, ours, theirs, new, strict=strict)
    crowded = _crowded(frame, ours, new, yours - mine) or _crowded(frame, theirs, new, mine - yours)
    return Arrangement(whole.names, old.contradictory or whole.contradictory, old.contested or whole.contested or crowded)


def _woven(frame: Sequence[str], ours: Iterable[str], theirs: Iterable[str], put: set[str], *, strict: bool) -> Arrangement:
    """``frame`` with what each side has between its names; ``put`` are those that a side put where they are."""
    mine, yours = _runs(frame, ours), _runs(frame, theirs)
    after = {name: anchor for anchor, run in mine.items() for name in run}
    torn = {name for anchor, run in yours.items() for name in run if after.get(name, anchor) != anchor}
    names: list[str] = []
    contradictory, contested = bool(torn), False
    for anchor in (None, *frame):
        run = _merged(mine[anchor], [name for name in yours[anchor] if name not in torn], put, strict=strict)
        names += [*([] if anchor is None else [anchor]), *run.names]
        contradictory, contested = contradictory or run.contradictory, contested or run.contested
    return Arrangement(names, contradictory, contested)


def _runs(frame: Sequence[str], names: Iterable[str]) -> Mapping[str | None, list[str]]:
    """The names that follow each name of ``frame``; under None those before any."""
    framed = set(frame)
    runs: defaultdict[str | None, list[str]] = defaultdict(list)
    anchor = None
    for name in names:
        if name in framed:
            anchor = name
        else:
            runs[anchor].append(name)
    return runs


def _merged(mine: list[str], yours: list[str], put: set[str], *, strict: bool) -> Arrangement:
    """What both sides have in one place."""
    shared = set(mine) & set(yours)
    both = [name for name in mine if name in shared]
    if both != [name for name in yours if name in shared]:
        return Arrangement([*mine, *(name for name in yours if name not in shared)], contradictory=True)
    names: list[str] = []
    contested = False
    for left, right, end in zip(_split(mine, shared), _split(yours, shared), [*([name] for name in both), []], strict=True):
        names += [*left, *right, *end] if strict else [*min(left, right), *max(left, right), *end]
        contested = contested or not (put.isdisjoint(left) or put.isdisjoint(right))
    return Arrangement(names, contested=contested)


def _among(names: Iterable[str], wanted: Iterable[str], without: set[str]) -> list[str]:
    """The wanted names in the order of a side, without those that only the other side moved."""
    left = set(wanted) - without
    return [name for name in names if name in left]


def _split(names: Iterable[str], at: Collection[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for name in names:
        if name in at:
            parts.append([])
        else:
            parts[-1].append(name)
    return parts


def _crowded(frame: Sequence[str], names: Iterable[str], new: set[str], arrived: set[str]) -> bool:
    """Whether a side inserted something where the other moved something."""
    runs = _runs(frame, names)
    return any(following in arrived and not new.isdisjoint(runs[anchor]) for anchor, following in pairwise((None, *frame)))
