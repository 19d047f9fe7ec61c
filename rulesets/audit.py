"""What was changed, by whom, from where and why? A log that only grows, each entry vouching for the one before.

An entry's hash is the SHA-256 of the hash before it, a line feed, and the canonical JSON of ``CHAINED`` (format in
``docs/security.md``), so that a small program without our database can check a copy.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from unicodedata import normalize

import sqlalchemy as sa
from sqlalchemy.orm import Session

from engine import canonical_json
from rulesets import clock
from rulesets.models import AuditEntry, Counter

FIRST: Final = "0" * 64
"""What stands for the hash before the first entry of a chain."""
CHAINED: Final = ("number", "at", "actor", "origin", "action", "object", "reason", "before", "after", "details")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and from where. ``name`` is ``user:liwei``, ``system:crm``, ``command:backup`` or ``service``."""

    name: str
    origin: str = "local"

    @property
    def user(self) -> str:
        """The user's name; "" for everybody else."""
        kind, _, name = self.name.partition(":")
        return name if kind == "user" else ""


SERVICE: Final = Actor("service")


@dataclass(frozen=True, slots=True)
class Change:
    """What is entered: ``action`` is a verb of the object (``draft.submitted``), ``before`` and ``after`` are content hashes."""

    action: str
    object: str
    reason: str = ""
    before: str | None = None
    after: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


def enter(session: Session, actor: Actor, change: Change, *, at: clock.Instant | None = None) -> AuditEntry:
    """Add an entry; it is there if and only if the transaction commits. Whoever enters waits for others that do."""
    number = next_number(session, "audit")
    previous = session.scalar(sa.select(AuditEntry.hash).where(AuditEntry.number == number - 1)) or FIRST
    entry = AuditEntry(
        number=number,
        at=clock.now() if at is None else at,
        actor=normalize("NFC", actor.name),
        origin=actor.origin,
        action=change.action,
        object=normalize("NFC", change.object),
        reason=normalize("NFC", change.reason),
        before=change.before,
        after=change.after,
        details_json=canonical_json(change.details),
        previous=previous,
        hash="",
    )
    entry.hash = linked(previous, chained(entry))
    session.add(entry)
    session.flush()
    return entry


def next_number(session: Session, counter: str) -> int:
    """Count up; others that count wait until this transaction ends."""
    session.execute(sa.update(Counter).where(Counter.name == counter).values(value=Counter.value + 1))
    number = session.scalar(sa.select(Counter.value).where(Counter.name == counter))
    assert number is not None
    return number


def chained(entry: AuditEntry) -> dict[str, Any]:
    """What an entry's hash vouches for."""
    return {name: json.loads(entry.details_json) if name == "details" else getattr(entry, name) for name in CHAINED}


def linked(previous: str, data: Mapping[str, Any]) -> str:
    """The hash of a record that follows ``previous`` in its chain."""
    return sha256_of(f"{previous}\n{canonical_json(data)}")


def sha256_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
