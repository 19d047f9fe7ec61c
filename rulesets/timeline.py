"""Which version is in force at an instant, as it was known at another?

Two axes: ``effective_from`` says from when a version binds, ``published_at`` from when we know of it. Of the versions
known, not withdrawn and already binding, the one that binds latest is in force; of two from the same instant, the newer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from rulesets.clock import SECOND, Instant

PROPAGATION: Final = 2 * SECOND
"""A version takes effect this long after its publication at the earliest, so that every worker knows of it by then."""
PROMPT: Final = PROPAGATION // 4
"""A publication that takes longer than this to be written is undone and tried again: workers could not know of it in time."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A published version, without its content."""

    id: int
    ruleset: str
    number: int
    sha256: str
    cases_sha256: str
    based_on: int | None
    author: str
    approver: str
    reason: str
    effective_from: Instant
    published_at: Instant
    withdrawn_at: Instant | None = None

    def known(self, at: Instant) -> bool:
        """Whether it was published and not yet withdrawn at ``at``."""
        return self.published_at <= at and (self.withdrawn_at is None or at < self.withdrawn_at)


def in_force(entries: Iterable[Entry], as_of: Instant, known_as_of: Instant) -> dict[str, Entry]:
    """Ruleset → the version in force at ``as_of``, as known at ``known_as_of``."""
    found: dict[str, Entry] = {}
    for entry in entries:
        if entry.effective_from <= as_of and entry.known(known_as_of):
            rival = found.get(entry.ruleset)
            if rival is None or _order(entry) > _order(rival):
                found[entry.ruleset] = entry
    return found


def scheduled(entries: Iterable[Entry], after: Instant, known_as_of: Instant) -> list[Entry]:
    """The versions that take effect after an instant, soonest first."""
    return sorted((entry for entry in entries if entry.effective_from > after and entry.known(known_as_of)), key=_order)


def next_change(entries: Iterable[Entry], after: Instant, known_as_of: Instant) -> Instant | None:
    """When the next version takes effect."""
    coming = scheduled(entries, after, known_as_of)
    return coming[0].effective_from if coming else None


def state(entry: Entry, entries: Sequence[Entry], at: Instant) -> str:
    """``scheduled``, ``in_force``, ``superseded`` or ``withdrawn``, as seen at ``at``."""
    if entry.withdrawn_at is not None and entry.withdrawn_at <= at:
        return "withdrawn"
    if entry.effective_from > at:
        return "scheduled"
    return "in_force" if in_force(entries, at, at).get(entry.ruleset) == entry else "superseded"


def _order(entry: Entry) -> tuple[Instant, int]:
    return entry.effective_from, entry.number
