"""How do decisions hang together, and how does the audit chain vouch for them?

Each writer chains its own records in a segment, so that writers do not queue for one lock. The first record follows the hash of
the audit entry that opened the segment; every so often an audit entry anchors how many records there are and the hash of the last.

A writer renews its segment with every transaction. A segment that was not renewed for ``LEASE`` is closed by whoever finds it;
its writer, should it wake up, sees that (``Closed``) and goes on in a new one. The segment's row is the lock between the two.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rulesets import clock
from rulesets.audit import SERVICE, Change, enter
from rulesets.models import AuditEntry, Base, DecisionRecord, Segment

LEASE: Final = 180 * clock.SECOND
OPENED: Final = "log.opened"
ANCHORED: Final = "log.anchored"
CLOSED: Final = "log.closed"
REMOVED: Final = "log.removed"

_TABLE: Final = Base.metadata.tables["segments"]
_RENEW: Final = _TABLE.update().where(_TABLE.c.id == sa.bindparam("segment"), _TABLE.c.closed_at.is_(None)).values(alive_until=sa.bindparam("until"))


class Closed(Exception):
    """The segment was closed by somebody else."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Where a segment stands: how many records it has had, and the hash that the next one follows."""

    segment: str
    count: int
    head: str

    def linked(self, texts: Sequence[str]) -> tuple[list[tuple[int, str, str]], Chain]:
        """The (position, previous, hash) of records that follow, and where the segment stands then."""
        links, previous = [], self.head
        for position, text in enumerate(texts, self.count + 1):
            hash_ = link(previous, text)
            links.append((position, previous, hash_))
            previous = hash_
        return links, Chain(self.segment, self.count + len(texts), previous)


def link(previous: str, text: str) -> str:
    """The hash of a record that follows ``previous``."""
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def open_segment(session: Session) -> Chain:
    """A new segment of this process."""
    id_, now = str(uuid.uuid4()), clock.now()
    session.add(Segment(id=id_, opened_at=now, alive_until=now + LEASE, closed_at=None, anchored=0))
    entry = enter(session, SERVICE, Change(OPENED, id_, details={"host": socket.gethostname()[:64], "process": os.getpid()}), at=now)
    return Chain(id_, 0, entry.hash)


def renew(session: Session, segment: str) -> None:
    """Say that the segment's writer lives, and hold the segment until the transaction ends. Raises ``Closed``."""
    renewed = session.connection().execute(_RENEW, {"segment": segment, "until": clock.now() + LEASE})
    if renewed.rowcount != 1:
        raise Closed(segment)


def anchor(session: Session, chain: Chain) -> None:
    """Let the audit chain vouch for every record so far. Raises ``Closed``."""
    renew(session, chain.segment)
    _enter(session, ANCHORED, chain)


def close_segment(session: Session, chain: Chain) -> None:
    """Anchor the last record and take no more. Raises ``Closed``."""
    renew(session, chain.segment)
    session.execute(sa.update(Segment).where(Segment.id == chain.segment).values(closed_at=clock.now()))
    _enter(session, CLOSED, chain)


def abandoned(session: Session) -> Sequence[str]:
    """Open segments whose writers are gone."""
    return session.scalars(sa.select(Segment.id).where(Segment.closed_at.is_(None), Segment.alive_until < clock.now()).order_by(Segment.opened_at)).all()


def close_abandoned(session: Session, segment: str) -> bool:
    """Close the segment of a writer that is gone; False when the writer came back or another was quicker."""
    now = clock.now()
    gone = sa.update(Segment).where(Segment.id == segment, Segment.closed_at.is_(None), Segment.alive_until < now).values(closed_at=now)
    if _changed(session, gone) != 1:
        return False
    _enter(session, CLOSED, stands(session, segment))
    return True


def stands(session: Session, segment: str) -> Chain:
    """Where a segment stands according to the store: at its last record or, when its records were removed, at its last anchor."""
    last = sa.select(DecisionRecord.position, DecisionRecord.hash).where(DecisionRecord.segment == segment)
    row = session.execute(last.order_by(DecisionRecord.position.desc()).limit(1)).one_or_none()
    return anchors(session, segment)[-1] if row is None else Chain(segment, *row)


def anchors(session: Session, segment: str) -> list[Chain]:
    """Where the audit chain says that a segment stood, from its opening on."""
    told = sa.select(AuditEntry).where(AuditEntry.object == segment, AuditEntry.action.in_((OPENED, ANCHORED, CLOSED)))
    return [_told(entry) for entry in session.scalars(told.order_by(AuditEntry.number))]


def _told(entry: AuditEntry) -> Chain:
    details = json.loads(entry.details_json)
    return Chain(entry.object, 0, entry.hash) if entry.action == OPENED else Chain(entry.object, details["count"], details["hash"])


def _enter(session: Session, action: str, chain: Chain) -> None:
    session.execute(sa.update(Segment).where(Segment.id == chain.segment).values(anchored=chain.count))
    enter(session, SERVICE, Change(action, chain.segment, details={"count": chain.count, "hash": chain.head}))


def _changed(session: Session, statement: sa.Update) -> int:
    result: Any = session.execute(statement)
    return int(result.rowcount)
