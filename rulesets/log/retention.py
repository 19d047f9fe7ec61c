"""How do old decisions leave the store when their time is over, with the chain still whole?

They are exported first, the export is checked, and only then are they removed, up to a record that the audit chain anchors. A
``log.removed`` entry says which, the hash of the last, and the SHA-256 of the file: what is left verifies, and so does what was removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rulesets import audit_check, clock
from rulesets.audit import Actor, Change, enter
from rulesets.audit_export import Exported, Part, write_file
from rulesets.database import Database
from rulesets.log.segments import REMOVED, Chain, anchors
from rulesets.models import DecisionRecord, Segment

AT_ONCE: Final = 5_000
"""About how many decisions one transaction removes."""


class NotRemoved(Exception):
    """The store changed while decisions were being removed, or the export does not verify; what was removed before is exported."""


@dataclass(frozen=True, slots=True)
class Removed:
    """How many decisions are gone, and the file that has them."""

    decisions: int
    segments: int
    file: Path
    sha256: str


def export_and_remove(database: Database, before: clock.Instant, file: Path, actor: Actor) -> Removed | None:
    """Move decisions older than ``before`` from the store to a new file; None, and no file, when there are none.

    Raises ``OSError`` when the file cannot be written, ``NotRemoved`` when something is not as it must be.
    """
    with database.reading() as session:
        chosen = removable(session, before)
        if not chosen:
            return None
        exported = write_file(session, file, chosen, before=before)
        cuts = [cut for part in chosen for cut in _in_pieces(part, anchors(session, part.segment))]
    _verify(file)
    for cut in cuts:
        _remove(database, cut, exported, actor)
    return Removed(sum(part.count for part in chosen), len(chosen), file, exported.sha256)


def removable(session: Session, before: clock.Instant) -> list[Part]:
    """The decisions that may go: from the first of a segment to the last anchor before the first that is young."""
    ids = session.execute(sa.select(Segment.id, Segment.removed_before).order_by(Segment.opened_at, Segment.id)).all()
    found = (_oldest(session, id_, max(1, removed_before), before) for id_, removed_before in ids)
    return [part for part in found if part is not None]


def _oldest(session: Session, segment: str, first: int, before: clock.Instant) -> Part | None:
    young = session.scalar(sa.select(sa.func.min(DecisionRecord.position)).where(DecisionRecord.segment == segment, DecisionRecord.at >= before))
    cuts = [chain for chain in anchors(session, segment) if chain.count >= first and (young is None or chain.count < young)]
    return Part(segment, first, cuts[-1].count, cuts[-1].head) if cuts else None


def _in_pieces(part: Part, anchored: Sequence[Chain]) -> Iterator[Part]:
    """A part cut at anchors, so that no transaction removes too many."""
    first = part.first
    for chain in anchored:
        if first <= chain.count <= part.last and (chain.count - first >= AT_ONCE or chain.count == part.last):
            yield Part(part.segment, first, chain.count, chain.head)
            first = chain.count + 1


def _verify(file: Path) -> None:
    try:
        with file.open("rb") as source:
            audit_check.check(source)
    except audit_check.Broken as error:
        raise NotRemoved(str(error)) from error


def _remove(database: Database, part: Part, exported: Exported, actor: Actor) -> None:
    """Remove a part and enter it in the audit chain, both or neither."""
    with database.writing() as session:
        at_first = Segment.removed_before.in_((0, 1)) if part.first == 1 else Segment.removed_before == part.first
        _changes(session, sa.update(Segment).where(Segment.id == part.segment, at_first).values(removed_before=part.last + 1), 1)
        among = DecisionRecord.position.between(part.first, part.last)
        _changes(session, sa.delete(DecisionRecord).where(DecisionRecord.segment == part.segment, among), part.count)
        details = {"from": part.first, "to": part.last, "hash": part.head, "sha256": exported.sha256}
        enter(session, actor, Change(REMOVED, part.segment, details=details))


def _changes(session: Session, statement: sa.Update | sa.Delete, rows: int) -> None:
    result: Any = session.execute(statement, execution_options={"synchronize_session": False})
    if result.rowcount != rows:
        raise NotRemoved("somebody else changed the segment meanwhile")
