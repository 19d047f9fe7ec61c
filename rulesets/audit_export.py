"""How does the audit log leave the store, so that somebody else can check it? The format is told in ``rulesets.audit_check``."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rulesets import clock
from rulesets.audit import CHAINED, FIRST
from rulesets.audit_check import FORMAT, canonical, linked
from rulesets.database import Database
from rulesets.log.segments import OPENED, Chain, stands
from rulesets.models import AuditEntry, DecisionRecord, Segment, Usage

AT_ONCE: Final = 500
"""Rows that are held in memory."""


@dataclass(frozen=True, slots=True)
class Part:
    """Decisions of a segment that follow each other: the positions of the first and the last, and the hash of the last."""

    segment: str
    first: int
    last: int
    head: str

    @property
    def count(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written, the SHA-256 of the file, and the newest audit entry: what to note for a later check."""

    entries: int
    head: str
    decisions: int
    sha256: str


def export_audit(database: Database, file: Path) -> Exported:
    """Write the whole log, as it stands at one moment, to a new file. Raises ``OSError``; no file is left then."""
    with database.reading() as session:
        return write_file(session, file, parts(session))


def write_file(session: Session, file: Path, exported: Sequence[Part], *, before: clock.Instant | None = None) -> Exported:
    """Write an export to a new file, durably and readable by its owner only."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            done = write_export(session, out, exported, before=before)
            out.flush()
            os.fsync(out.fileno())
    except BaseException:
        file.unlink()
        raise
    return done


def write_export(session: Session, out: IO[bytes], exported: Sequence[Part], *, before: clock.Instant | None = None) -> Exported:
    """Write an export of the audit chain and of some decisions; ``before`` says that these are all that is meant."""
    header, digest = _header(session, exported, before), hashlib.sha256()
    for line in _lines(session, header, exported):
        data = f"{line}\n".encode()
        digest.update(data)
        out.write(data)
    return Exported(header["audit"], header["head"], header["decisions"], digest.hexdigest())


def parts(session: Session) -> list[Part]:
    """All decisions of all segments, in the order in which the segments were opened."""
    opened = sa.select(AuditEntry.object).where(AuditEntry.action == OPENED).order_by(AuditEntry.number)
    removed = {id_: before for id_, before in session.execute(sa.select(Segment.id, Segment.removed_before))}  # noqa: C416 - rows are no pairs
    in_order = dict.fromkeys([*session.scalars(opened), *sorted(removed)])
    return [_whole(stands(session, segment), max(1, removed.get(segment, 0))) for segment in in_order]


def _whole(stood: Chain, first: int) -> Part:
    return Part(stood.segment, first, stood.count, stood.head)


def _header(session: Session, exported: Sequence[Part], before: clock.Instant | None) -> dict[str, Any]:
    entries, newest = session.execute(sa.select(sa.func.count(), sa.func.max(AuditEntry.number)).select_from(AuditEntry)).one()
    header = {
        "format": FORMAT,
        "exported_at": clock.now(),
        "before": before,
        "audit": entries,
        "head": session.scalar(sa.select(AuditEntry.hash).where(AuditEntry.number == newest)) or FIRST,
        "usages": session.scalar(sa.select(sa.func.count()).select_from(Usage)),
        "segments": len(exported),
        "decisions": sum(part.count for part in exported),
    }
    return header | {"hash": linked(FIRST, header)}


def _lines(session: Session, header: Mapping[str, Any], exported: Sequence[Part]) -> Iterator[str]:
    yield _line("header", header)
    yield from _entries(session)
    for sha256, versions in _rows(session, sa.select(Usage.sha256, Usage.versions_json).order_by(Usage.sha256)):
        yield _line("usage", {"sha256": sha256}, versions=versions)
    for part in exported:
        yield _line("segment", {"id": part.segment, "from": part.first, "to": part.last, "head": part.head})
        yield from _decisions(session, part)


def _entries(session: Session) -> Iterator[str]:
    names = [*(name for name in CHAINED if name != "details"), "previous", "hash"]
    columns = [getattr(AuditEntry, name) for name in names]
    for *values, details in _rows(session, sa.select(*columns, AuditEntry.details_json).order_by(AuditEntry.number)):
        yield _line("audit", dict(zip(names, values, strict=True)), details=details)


def _decisions(session: Session, part: Part) -> Iterator[str]:
    names = ["segment", "position", "id", "at", "system", "reference", "usage", "previous", "hash"]
    columns = [getattr(DecisionRecord, name) for name in names]
    found = sa.select(*columns, DecisionRecord.record_json).where(
        DecisionRecord.segment == part.segment, DecisionRecord.position.between(part.first, part.last)
    )
    for *values, record in _rows(session, found.order_by(DecisionRecord.position)):
        yield _line("decision", dict(zip(names, values, strict=True)), record=record)


def _rows(session: Session, asked: Any) -> Iterator[Any]:
    return iter(session.execute(asked, execution_options={"yield_per": AT_ONCE}))


def _line(kind: str, values: Mapping[str, Any], **written: str) -> str:
    """A line in the canonical spelling; what is ``written`` already stands in it exactly as the store has it."""
    members = {name: canonical(value) for name, value in {**values, "kind": kind}.items()} | written
    return "{" + ",".join(f"{json.dumps(name)}:{members[name]}" for name in sorted(members)) + "}"
