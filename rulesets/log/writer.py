"""How is a decision durable before it is answered, and still quickly?

Callers hand their records to one writer thread per process and wait. It takes what has gathered, chains it, commits once and wakes
everybody. A caller is told that its record is kept only after the commit. When a commit's fate is unknown the writer goes on in a
new segment: whatever became of those records, they stand at the end of the old one.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from rulesets.database import Database
from rulesets.log import segments
from rulesets.log.records import Record, same_question
from rulesets.log.sealing import Sealer, Unavailable, reaching
from rulesets.log.segments import Chain, Closed
from rulesets.models import Base, Counter, Usage, UsedVersion

log = logging.getLogger("zhunsheng.log")

BATCH: Final = 500
"""Most records of one transaction."""
QUEUE: Final = 2_000
"""Most records that wait; more are refused at once."""
PATIENCE: Final = 10.0
"""Seconds until a caller is told that its record could not be kept."""
GATHERING: Final = 0.01
"""Most seconds that a busy writer lets records gather. It waits as long as its last transaction took, so that half of the time
other processes get their turn and its commits are fewer and larger."""
ANCHOR_SECONDS: Final = 60.0
ANCHOR_RECORDS: Final = 1_000
RACES: Final = 5
"""How often a transaction is tried again because another process was quicker."""

REFUSALS: Final = (DataError, IntegrityError, OverflowError, ValueError)
"""What the store says to a record that it cannot take."""


class LogUnavailable(Unavailable):
    """The record could not be kept in time. It is not acknowledged; whether it is there, the same reference will tell."""


class ReferenceTaken(Exception):
    """The system has used this reference for another request."""


class RecordRefused(Exception):
    """The store does not take this record, whoever tries."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A decision that is kept. ``existing``: it is an earlier one, made for the same reference and request.

    ``releases`` counts the publications that the store knew when it was written.
    """

    id: str
    text: str
    segment: str
    position: int
    hash: str
    existing: bool
    releases: int


class _Waiting:
    """A record whose caller waits. Whoever claims it, the writer or a caller that has waited too long, decides its fate."""

    __slots__ = ("_claim", "_done", "outcome", "record")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.outcome: Stored | Exception | None = None
        self._claim, self._done = threading.Lock(), threading.Lock()
        self._done.acquire()

    def claimed(self) -> bool:
        return self._claim.acquire(blocking=False)

    def settle(self, outcome: Stored | Exception) -> None:
        if self.outcome is None:
            self.outcome = outcome
            self._done.release()

    def result(self, patience: float) -> Stored:
        """What became of it; raises what it was refused with, or ``LogUnavailable``."""
        if not self._done.acquire(timeout=patience) and (self.claimed() or not self._done.acquire(blocking=False)):
            raise LogUnavailable("no answer in time")
        if isinstance(self.outcome, Stored):
            return self.outcome
        assert self.outcome is not None
        raise self.outcome


class DecisionLog:
    """The decision log of one process. Safe to share between threads, and to fork before it is used."""

    _make: Callable[[], _Writer]
    _starting: threading.Lock
    _writer: _Writer | None
    _closed: bool

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        *,
        patience: float = PATIENCE,
        queue: int = QUEUE,
        anchor_seconds: float = ANCHOR_SECONDS,
        anchor_records: int = ANCHOR_RECORDS,
    ) -> None:
        self.patience, self._limit = patience, queue
        self.observe: Callable[[int, float], object] = lambda queued, seconds: None
        """Called by the writer after each group: how many records wait, and the seconds the group took."""
        self._make = lambda: _Writer(database, sealer, self.observe, anchor_seconds=anchor_seconds, anchor_records=anchor_records)
        self._start_over()
        forgets = weakref.WeakMethod(self._start_over)
        os.register_at_fork(after_in_child=lambda: _call(forgets()))

    def write(self, record: Record) -> Stored:
        """Keep a record: it is durable when this returns. Raises ``LogUnavailable``, ``ReferenceTaken`` or ``RecordRefused``."""
        return self.write_all([record])[0]

    def write_all(self, records: Sequence[Record]) -> list[Stored]:
        """Keep records, in order; raises what the first refused one was refused with, when the fate of all is known."""
        found = self.settle_all(records)
        for outcome in found:
            if isinstance(outcome, Exception):
                raise outcome
        return [outcome for outcome in found if isinstance(outcome, Stored)]

    def settle_all(self, records: Sequence[Record]) -> list[Stored | Exception]:
        """Keep records; for each what became of it, or why it was refused. Raises ``LogUnavailable`` when it takes none of them."""
        until = monotonic() + self.patience
        queue = self._running().queue
        if queue.qsize() + len(records) > self._limit:
            raise LogUnavailable("too many records wait")
        waiting = [_Waiting(record) for record in records]
        for one in waiting:
            queue.put(one)
        return [_outcome(one, until) for one in waiting]

    @property
    def backlog(self) -> int:
        """How many records wait."""
        return self._writer.queue.qsize() if self._writer else 0

    def close(self) -> None:
        """Write what waits, close the segment and take no more. A log that was never used has nothing to do."""
        with self._starting:
            self._closed = True
            if self._writer is not None:
                self._writer.stop(self.patience)

    def _running(self) -> _Writer:
        writer = self._writer
        if writer is None or self._closed:
            with self._starting:
                if self._closed:
                    raise LogUnavailable("the log is closed")
                writer = self._writer = self._writer or self._make()
        return writer

    def _start_over(self) -> None:
        """Forget the threads and locks that a fork left behind."""
        self._starting = threading.Lock()
        self._writer = None
        self._closed = False


def _call(method: Callable[[], None] | None) -> None:
    if method is not None:
        method()


def _outcome(one: _Waiting, until: float) -> Stored | Exception:
    try:
        return one.result(max(0.0, until - monotonic()))
    except (LogUnavailable, ReferenceTaken, RecordRefused) as refused:
        return refused


class _Writer:
    """The thread that writes, and what it knows of its segment."""

    def __init__(self, database: Database, sealer: Sealer, observe: Callable[[int, float], object], *, anchor_seconds: float, anchor_records: int) -> None:
        self._observe = observe
        self.queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._database, self._sealer = database, sealer
        self._anchor_seconds, self._anchor_records = anchor_seconds, anchor_records
        self._chain: Chain | None = None
        self._anchored = 0
        self._duty = 0.0
        self._busy = False
        self._took = 0.0
        self._usages: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="decision-log", daemon=True)
        self._thread.start()

    def stop(self, patience: float) -> None:
        self.queue.put(None)
        self._thread.join(patience)

    # --- the thread -------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        going = True
        while going:
            batch, going = self._gather()
            self._busy = len(batch) > 1
            self._keep(batch)
            self._quietly(self._see_to_duties)
        self._keep(self._left_over())
        self._quietly(self._close)

    def _gather(self) -> tuple[list[_Waiting], bool]:
        """What waits, up to a batch, and whether to go on; without any, until there is a duty."""
        batch: list[_Waiting] = []
        try:
            one = self.queue.get(timeout=max(0.0, self._duty - monotonic()) if self._chain else None)
            if self._busy:
                sleep(min(self._took, GATHERING))
            while one is not None:
                if one.claimed():
                    batch.append(one)
                if len(batch) == BATCH:
                    return batch, True
                one = self.queue.get_nowait()
        except Empty:
            return batch, True
        return batch, False

    def _left_over(self) -> list[_Waiting]:
        """What came in while the log was closed."""
        return [one for _ in range(self.queue.qsize()) if (one := self.queue.get()) is not None and one.claimed()]

    def _keep(self, batch: Sequence[_Waiting]) -> None:
        """Settle every waiting record; nobody is left waiting whatever happens."""
        started = monotonic()
        try:
            if batch:
                self._write(batch, RACES)
                self._took = monotonic() - started
                self._observe(self.queue.qsize(), self._took)
        except Exception as error:
            log.exception("%d decisions could not be kept", len(batch))
            self._refuse(batch, LogUnavailable(type(error).__name__))

    def _write(self, batch: Sequence[_Waiting], races: int) -> None:
        """Keep a batch in one transaction. Records that the store refuses are found by halving."""
        try:
            with reaching():
                outcomes = self._transact([one.record for one in batch])
        except Unavailable as error:
            self._refuse(batch, LogUnavailable(str(error)))
        except Closed:
            self._chain = None
            self._write(batch, races)
        except REFUSALS as error:
            self._write_anyway(batch, races, error)
        else:
            for one, outcome in zip(batch, outcomes, strict=True):
                one.settle(outcome)

    def _write_anyway(self, batch: Sequence[_Waiting], races: int, error: Exception) -> None:
        if isinstance(error, IntegrityError) and races:
            self._write(batch, races - 1)
        elif len(batch) == 1:
            log.error("a decision was refused by the store", exc_info=error)
            batch[0].settle(RecordRefused(type(error).__name__))
        else:
            middle = len(batch) // 2
            self._write(batch[:middle], races)
            self._write(batch[middle:], races)

    def _refuse(self, batch: Sequence[_Waiting], why: Exception) -> None:
        """Tell the callers; the transaction may have been kept or not, so nothing more is chained after it."""
        self._chain = None
        for one in batch:
            one.settle(why)

    def _transact(self, records: Sequence[Record]) -> list[Stored | Exception]:
        if self._chain is None:
            self._open()
        assert self._chain is not None
        with self._database.writing() as session:
            segments.renew(session, self._chain.segment)
            batch = _Batch(session, records, self._sealer, releases=_releases(session, self._database))
            links, chain = self._chain.linked([record.text for record in batch.new])
            batch.insert(chain.segment, links, self._usages)
        self._chain = chain
        self._usages.update(record.used.sha256 for record in batch.new)
        return batch.outcomes(chain.segment, links)

    # --- duties -----------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        with self._database.writing() as session:
            chain = segments.open_segment(session)
        self._chain, self._anchored = chain, 0
        self._duty = monotonic() + self._anchor_seconds
        self._quietly(self._close_abandoned)

    def _see_to_duties(self) -> None:
        """Anchor what was written when it is time or much; every so often say that we live, and close what others left."""
        if self._chain is None:
            return
        if self._chain.count - self._anchored >= self._anchor_records:
            self._anchor(self._chain)
        if monotonic() >= self._duty:
            self._duty = monotonic() + self._anchor_seconds
            self._anchor(self._chain)
            self._close_abandoned()

    def _anchor(self, chain: Chain) -> None:
        with self._database.writing() as session:
            (segments.anchor if chain.count > self._anchored else _renew)(session, chain)
        self._anchored = chain.count

    def _close_abandoned(self) -> None:
        with self._database.reading() as session:
            found = segments.abandoned(session)
        for segment in found:
            with self._database.writing() as session:
                segments.close_abandoned(session, segment)

    def _close(self) -> None:
        if self._chain is not None:
            with self._database.writing() as session:
                segments.close_segment(session, self._chain)

    def _quietly(self, duty: Callable[[], None]) -> None:
        """See to a duty that can also be seen to later, by us or by another writer."""
        try:
            with reaching():
                duty()
        except Closed:
            self._chain = None
        except Unavailable:
            log.warning("the store cannot be reached: %s is put off", duty.__name__.strip("_"))
        except Exception:
            log.exception("%s failed", duty.__name__.strip("_"))


def _renew(session: Session, chain: Chain) -> None:
    segments.renew(session, chain.segment)


class _Batch:
    """The records of one transaction: which are new, and which were kept before."""

    def __init__(self, session: Session, records: Sequence[Record], sealer: Sealer, *, releases: int) -> None:
        self.new: list[Record] = []
        self._session, self._sealer, self._releases = session, sealer, releases
        self._kept = _kept(session, records)
        self._first: dict[tuple[str, str], int] = {}
        self._settled = [self._place(record) for record in records]

    def _place(self, record: Record) -> Stored | Exception | int:
        """What was kept for the same reference, or the record's number among the new ones (negative: one that came before it)."""
        if record.reference is not None:
            key = (record.system, record.reference)
            if (kept := self._kept.get(key)) is not None:
                same = same_question(record, kept.record_json, self._sealer)
                return Stored(kept.id, kept.record_json, kept.segment, kept.position, kept.hash, True, self._releases) if same else ReferenceTaken(key[1])
            if (first := self._first.setdefault(key, len(self.new))) < len(self.new):
                return ~first if self.new[first].asked == record.asked else ReferenceTaken(key[1])
        self.new.append(record)
        return len(self.new) - 1

    def insert(self, segment: str, links: Sequence[tuple[int, str, str]], known_usages: set[str]) -> None:
        """Insert the new records, in the order of their references so that two writers never wait for each other."""
        if not self.new:
            return
        self._insert_usages({record.used.sha256: record for record in self.new if record.used.sha256 not in known_usages})
        rows = [
            {
                "id": record.id,
                "segment": segment,
                "position": position,
                "at": record.at,
                "system": record.system,
                "reference": record.reference,
                "usage": record.used.sha256,
                "record_json": record.text,
                "previous": previous,
                "hash": hash_,
            }
            for record, (position, previous, hash_) in zip(self.new, links, strict=True)
        ]
        self._session.connection().execute(_INSERT, sorted(rows, key=lambda row: (row["system"], row["reference"] or "")))

    def _insert_usages(self, unknown: Mapping[str, Record]) -> None:
        if not unknown:
            return
        found = set(self._session.scalars(sa.select(Usage.sha256).where(Usage.sha256.in_(unknown))))
        for sha256 in sorted(unknown.keys() - found):
            used = unknown[sha256].used
            self._session.execute(sa.insert(Usage), {"sha256": sha256, "versions_json": used.versions_json})
            self._session.execute(sa.insert(UsedVersion), [{"usage": sha256, "ruleset": name, "number": number} for name, number, _ in used.versions])

    def outcomes(self, segment: str, links: Sequence[tuple[int, str, str]]) -> list[Stored | Exception]:
        """What became of every record, once the transaction is durable."""
        return [self._stored(placed, segment, links) if isinstance(placed, int) else placed for placed in self._settled]

    def _stored(self, placed: int, segment: str, links: Sequence[tuple[int, str, str]]) -> Stored:
        number = placed if placed >= 0 else ~placed
        record, (position, _, hash_) = self.new[number], links[number]
        return Stored(record.id, record.text, segment, position, hash_, placed < 0, self._releases)


def _kept(session: Session, records: Sequence[Record]) -> dict[tuple[str, str], Any]:
    """What is kept under the references of ``records``, by system and reference."""
    by_system: dict[str, list[str]] = {}
    for record in records:
        if record.reference is not None:
            by_system.setdefault(record.system, []).append(record.reference)
    asked = [session.connection().execute(_KEPT, {"system": system, "references": references}) for system, references in by_system.items()]
    return {(row.system, row.reference): row for rows in asked for row in rows}


def _releases(session: Session, database: Database) -> int:
    """How many publications the store knows; on PostgreSQL also makes sure that this transaction is durable, and ends."""
    return int(session.connection().execute(_RELEASES if database.is_sqlite else _RELEASES_DURABLY).scalar_one())


_TABLE: Final = Base.metadata.tables["decisions"]
_INSERT: Final = _TABLE.insert()
_KEPT: Final = sa.select(_TABLE).where(_TABLE.c.system == sa.bindparam("system"), _TABLE.c.reference.in_(sa.bindparam("references", expanding=True)))
_RELEASES: Final = sa.select(Counter.value).where(Counter.name == "releases")
_RELEASES_DURABLY: Final = _RELEASES.add_columns(
    sa.text("set_config('synchronous_commit', replace(replace(current_setting('synchronous_commit'), 'off', 'on'), 'local', 'on'), true)"),
    sa.text(f"set_config('statement_timeout', '{int(PATIENCE * 1000)}', true)"),
)
