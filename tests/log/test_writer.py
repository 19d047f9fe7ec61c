"""Is a decision durable before it is answered, once, in a chain, whatever other threads, processes and the store do?"""

from __future__ import annotations

import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from rulesets import clock
from rulesets.database import Database
from rulesets.log import segments
from rulesets.log.records import parse
from rulesets.log.writer import LogUnavailable, RecordRefused, ReferenceTaken, Stored
from rulesets.models import AuditEntry, Counter, DecisionRecord, Segment, Usage, UsedVersion
from tests.log.writing import FACTS, USED, Desk, logging


def rows(database: Database) -> list[DecisionRecord]:
    with database.reading() as session:
        found = list(session.scalars(sa.select(DecisionRecord).order_by(DecisionRecord.segment, DecisionRecord.position)))
        session.expunge_all()
        return found


def entries(database: Database, *actions: str) -> list[AuditEntry]:
    with database.reading() as session:
        found = list(session.scalars(sa.select(AuditEntry).where(AuditEntry.action.in_(actions)).order_by(AuditEntry.number)))
        session.expunge_all()
        return found


def assert_chained(database: Database) -> None:
    """Every segment starts at its opening entry, has no gap, and agrees with each of its anchors."""
    told: dict[str, list[segments.Chain]] = {}
    with database.reading() as session:
        for segment in session.scalars(sa.select(Segment.id)):
            told[segment] = segments.anchors(session, segment)
    chains = {segment: chains[0] for segment, chains in told.items()}
    passed = {segment: [chains[0]] for segment, chains in told.items()}
    for row in rows(database):
        ((position, previous, hash_),), chains[row.segment] = chains[row.segment].linked([row.record_json])
        assert (row.position, row.previous, row.hash) == (position, previous, hash_)
        passed[row.segment].append(chains[row.segment])
    assert all(anchor in passed[segment] for segment, anchors in told.items() for anchor in anchors)


# --- one writer -----------------------------------------------------------------------------------------------------------


def test_a_record_is_in_the_store_when_write_returns(database, desk):
    with logging(database, desk) as log:
        record = desk.record("a-1")
        stored = log.write(record)
        (row,) = rows(database)
    assert (row.id, row.system, row.reference, row.at, row.usage) == (record.id, "crm", "a-1", record.at, USED.sha256)
    assert row.record_json == record.text == stored.text
    assert (stored.id, stored.segment, stored.position, stored.hash, stored.existing) == (row.id, row.segment, 1, row.hash, False)


def test_the_first_record_follows_the_entry_that_opened_the_segment(database, desk):
    with logging(database, desk) as log:
        stored = log.write(desk.record())
    (opened,) = entries(database, "log.opened")
    assert opened.object == stored.segment
    assert rows(database)[0].previous == opened.hash
    assert_chained(database)


def test_closing_writes_what_waits_and_closes_the_segment(database, desk):
    with logging(database, desk) as log:
        stored = log.write_all([desk.record() for _ in range(3)])
    (closed,) = entries(database, "log.closed")
    assert json.loads(closed.details_json) == {"count": 3, "hash": stored[-1].hash}
    with pytest.raises(LogUnavailable):
        log.write(desk.record())
    with database.reading() as session:
        segment = session.scalars(sa.select(Segment)).one()
        assert (segment.id, segment.anchored, segment.closed_at is None) == (closed.object, 3, False)


def test_a_log_that_was_never_used_leaves_nothing(database, desk):
    with logging(database, desk):
        pass
    assert entries(database, "log.opened") == []


def test_the_versions_used_are_kept_once_and_found_by_version(database, desk):
    with logging(database, desk) as log:
        log.write(desk.record())
        log.write(desk.record())
    with logging(database, desk) as log:
        log.write(desk.record())
    with database.reading() as session:
        usage = session.scalars(sa.select(Usage)).one()
        assert json.loads(usage.versions_json) == [["tier", 3, "3" * 64], ["vocabulary", 1, "1" * 64]]
        found = session.execute(sa.select(UsedVersion.ruleset, UsedVersion.number).order_by(UsedVersion.ruleset)).all()
        assert [tuple(row) for row in found] == [("tier", 3), ("vocabulary", 1)]


def test_a_publication_meanwhile_is_told(database, desk):
    with logging(database, desk) as log:
        assert log.write(desk.record()).releases == 0
        with database.writing() as session:
            session.execute(sa.update(Counter).where(Counter.name == "releases").values(value=7))
        assert log.write(desk.record()).releases == 7


def test_every_so_many_records_are_anchored(database, desk):
    with logging(database, desk, anchor_records=4) as log:
        for _ in range(5):
            log.write_all([desk.record() for _ in range(2)])
    told = [json.loads(entry.details_json)["count"] for entry in entries(database, "log.anchored", "log.closed")]
    assert told == [4, 8, 10]
    assert_chained(database)


def test_an_idle_writer_anchors_what_it_wrote(database, desk):
    with logging(database, desk, anchor_seconds=0.01) as log:
        stored = log.write(desk.record())
        wait_for(lambda: entries(database, "log.anchored"))
        (anchor,) = entries(database, "log.anchored")
        assert json.loads(anchor.details_json) == {"count": 1, "hash": stored.hash}


# --- the same reference ---------------------------------------------------------------------------------------------------


def test_the_same_reference_and_request_give_the_same_decision(database, desk):
    with logging(database, desk) as log:
        first = log.write(desk.record("r-1"))
        again = log.write(desk.record("r-1"))
    assert again == replace(first, existing=True)
    assert len(rows(database)) == 1


@pytest.mark.parametrize("visits", [8, "8", "8.0", "8.00"])
def test_numbers_are_equal_however_they_are_written(database, desk, visits):
    with logging(database, desk) as log:
        first = log.write(desk.record("r-1"))
        assert log.write(desk.record("r-1", FACTS | {"visits": visits})).id == first.id


@pytest.mark.parametrize("changed", [{"visits": 9}, {"income": 600001}, {"remark": "1.5"}])
def test_the_same_reference_with_another_request_is_refused(database, desk, changed):
    with logging(database, desk) as log:
        log.write(desk.record("r-1"))
        with pytest.raises(ReferenceTaken):
            log.write(desk.record("r-1", FACTS | changed))
    assert len(rows(database)) == 1


def test_a_reference_belongs_to_its_system(database, desk):
    with logging(database, desk) as log:
        first = log.write(desk.record("r-1"))
        assert log.write(desk.record("r-1", system="core")).id != first.id


def test_one_batch_with_a_reference_three_times(database, desk):
    with logging(database, desk) as log:
        first, again, another, last = log.settle_all([desk.record("r"), desk.record("r"), desk.record("r", {"visits": 1}), desk.record()])
    assert isinstance(first, Stored)
    assert again == replace(first, existing=True)
    assert isinstance(another, ReferenceTaken)
    assert isinstance(last, Stored)
    assert last.position == 2
    assert_chained(database)


def test_a_reference_is_recognised_after_its_data_key_was_replaced(database, desk):
    with logging(database, desk) as log:
        first = log.write(desk.record("r-1"))
        desk.sealer._current = ("", 0)
        with database.writing() as session:
            session.execute(sa.text("UPDATE data_keys SET created_at = 0"))
        again = desk.record("r-1")
        assert parse(again.text)["fingerprint"].partition(":")[0] != parse(first.text)["fingerprint"].partition(":")[0]
        assert log.write(again).id == first.id


# --- what the store does not take -----------------------------------------------------------------------------------------


def test_one_bad_record_does_not_fail_its_neighbours(database, desk):
    records = [desk.record(f"n-{number}") for number in range(9)]
    records[4] = replace(records[4], at=2**70)
    with logging(database, desk) as log:
        outcomes = log.settle_all(records)
    assert [type(outcome) for outcome in outcomes] == [Stored] * 4 + [RecordRefused] + [Stored] * 4
    assert {row.reference for row in rows(database)} == {f"n-{number}" for number in range(9) if number != 4}
    assert_chained(database)


def test_an_id_that_exists_is_refused(database, desk):
    record = desk.record("one")
    with logging(database, desk) as log:
        log.write(record)
        with pytest.raises(RecordRefused):
            log.write(replace(desk.record("two"), id=record.id))
        assert log.write(desk.record("three")).position == 2


def test_too_many_that_wait_are_refused_at_once(database, desk):
    with logging(database, desk, queue=5) as log:
        with pytest.raises(LogUnavailable):
            log.write_all([desk.record() for _ in range(6)])
        assert len(log.write_all([desk.record() for _ in range(5)])) == 5


def test_a_caller_does_not_wait_for_ever_and_what_it_gave_up_is_not_written(database, desk):
    with logging(database, desk) as log:
        log.write(desk.record("before"))
        log.patience = 0.1
        with database.writing() as session:
            session.execute(sa.update(Segment).values(opened_at=1))
            for reference in ("during", "after"):
                with pytest.raises(LogUnavailable):
                    log.write(desk.record(reference))
        log.patience = 30
        log.write(desk.record("at last"))
    assert "after" not in {row.reference for row in rows(database)}


# --- other threads and processes ------------------------------------------------------------------------------------------


def test_many_threads(database, desk):
    with logging(database, desk, anchor_records=50) as log, ThreadPoolExecutor(16) as pool:
        stored = list(pool.map(lambda number: log.write(desk.record(f"t-{number}")), range(400)))
    kept = rows(database)
    assert {one.id for one in stored} == {row.id for row in kept}
    assert [row.position for row in kept] == list(range(1, 401))
    assert_chained(database)


def test_many_threads_with_the_same_references(database, desk):
    with logging(database, desk) as log, logging(database, desk) as other, ThreadPoolExecutor(16) as pool:
        stored = list(pool.map(lambda number: (log if number % 2 else other).write(desk.record(f"t-{number % 10}")), range(200)))
    assert len({one.id for one in stored}) == len(rows(database)) == 10
    assert sum(not one.existing for one in stored) == 10
    assert_chained(database)


def test_a_reference_that_another_process_is_just_writing_is_waited_for(database, desk):
    """The other one has inserted it, and commits while we insert it too."""
    with logging(database, desk) as log, ThreadPoolExecutor(1) as pool:
        log.write(desk.record("before"))
        theirs = desk.record("r")
        with database.writing() as session:
            ((position, previous, hash_),), chain = segments.open_segment(session).linked([theirs.text])
            row = {"id": theirs.id, "segment": chain.segment, "position": position, "at": theirs.at, "system": "crm", "reference": "r"}
            session.execute(sa.insert(DecisionRecord), row | {"usage": USED.sha256, "record_json": theirs.text, "previous": previous, "hash": hash_})
            ours = pool.submit(log.write, desk.record("r"))
            wait_for(lambda: database.is_sqlite or waits(database))
        assert (ours.result().existing, ours.result().id) == (True, theirs.id)
        assert log.write(desk.record("next")).position == 2
    assert_chained(database)


def waits(database: Database) -> bool:
    """Whether PostgreSQL lets somebody wait for a lock."""
    with database.reading() as session:
        return bool(session.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_a_fork_writes_in_a_segment_of_its_own(database, desk):
    with logging(database, desk) as log:
        log.write(desk.record("parent"))
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            database.forget()
            os.write(writing, log.write(desk.record("child")).segment.encode())
            os._exit(0)
        os.waitpid(child, 0)
        segment = os.read(reading, 100).decode()
        assert log.write(desk.record("parent again")).segment != segment
    assert len(rows(database)) == 3
    assert_chained(database)


# --- segments that others close -------------------------------------------------------------------------------------------


def lapse(database: Database) -> None:
    """Let the leases of all writers run out."""
    with database.writing() as session:
        session.execute(sa.update(Segment).values(alive_until=0))


def test_the_segment_of_a_writer_that_is_gone_is_closed_by_another(database, desk):
    with logging(database, desk) as gone:
        stored = gone.write(desk.record())
        lapse(database)
        with logging(database, desk) as log:
            log.write(desk.record())
            (closed,) = entries(database, "log.closed")
            assert closed.object == stored.segment
            assert json.loads(closed.details_json) == {"count": 1, "hash": stored.hash}
            woken = gone.write(desk.record())
            assert woken.segment not in (stored.segment, log.write(desk.record()).segment)
    assert_chained(database)


def test_a_running_writer_looks_for_segments_to_close(database, desk):
    with logging(database, desk, anchor_seconds=0.01) as log:
        own = log.write(desk.record()).segment
        with database.writing() as session:
            left = segments.open_segment(session)
            session.execute(sa.update(Segment).where(Segment.id == left.segment).values(alive_until=0))
        wait_for(lambda: entries(database, "log.closed"))
        assert [entry.object for entry in entries(database, "log.closed")] == [left.segment] != [own]


def test_a_writer_that_lives_is_not_closed_by_others(database, desk):
    with logging(database, desk) as log:
        log.write(desk.record())
        with database.writing() as session:
            (segment,) = session.scalars(sa.select(Segment.id)).all()
            assert segments.abandoned(session) == []
            assert segments.close_abandoned(session, segment) is False


def test_a_segment_is_closed_once_however_many_try(database, desk):
    with logging(database, desk) as log:
        segment = log.write(desk.record()).segment
        lapse(database)

        def close(_: int) -> bool:
            with database.writing() as session:
                return segments.close_abandoned(session, segment)

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(close, range(4))) == [False, False, False, True]
    assert len(entries(database, "log.closed")) == 1


def test_a_segment_that_never_had_a_record_is_closed_at_its_opening(database, desk):
    with database.writing() as session:
        chain = segments.open_segment(session)
    lapse(database)
    with database.writing() as session:
        assert segments.close_abandoned(session, chain.segment)
    (closed,) = entries(database, "log.closed")
    assert json.loads(closed.details_json) == {"count": 0, "hash": chain.head}


def test_an_idle_writer_renews_its_lease(database, desk):
    def lease() -> int:
        with database.reading() as session:
            return session.scalars(sa.select(Segment.alive_until)).one()

    with logging(database, desk, anchor_seconds=0.01) as log:
        log.write(desk.record())
        with database.writing() as session:
            session.execute(sa.update(Segment).values(alive_until=clock.now() + clock.SECOND))
        wait_for(lambda: lease() > clock.now() + 2 * clock.SECOND)


# --- a store that fails ---------------------------------------------------------------------------------------------------


class Lost:
    """Loses the answer to the next commit that has written a decision, before or after the store has made it durable."""

    def __init__(self, database: Database, *, durable: bool) -> None:
        self._durable, self._armed = durable, False
        sa.event.listen(database.engine, "before_cursor_execute", self._arm)
        sa.event.listen(database.engine, "commit", self._commit)
        self.wanted = True

    def _arm(self, connection, cursor, statement, *_):
        self._armed = self._armed or (self.wanted and statement.startswith("INSERT INTO decisions"))

    def _commit(self, connection):
        if self._armed:
            self._armed = self.wanted = False
            if self._durable:
                connection.connection.dbapi_connection.execute("COMMIT")
            connection.invalidate()
            raise OperationalError("COMMIT", {}, Exception("the connection is lost"))


@pytest.mark.parametrize("durable", [True, False])
def test_after_a_commit_of_unknown_fate_the_log_goes_on_in_a_new_segment(database, desk, durable):
    with logging(database, desk) as log:
        first = log.write(desk.record("first"))
        Lost(database, durable=durable)
        with pytest.raises(LogUnavailable):
            log.write(desk.record("lost"))
        again = log.write(desk.record("lost"))
        assert again.existing is durable
        assert (again.segment == first.segment) is durable
        assert log.write(desk.record("next")).segment != first.segment
    assert {row.reference for row in rows(database)} == {"first", "lost", "next"}
    assert_chained(database)


def test_without_a_database_callers_are_told_and_the_log_recovers_by_itself(postgres, engine):
    url = postgres.new_database(upgraded=True)
    database = Database(url)
    desk = Desk(database, engine)
    with logging(database, desk) as log:
        log.write(desk.record("before"))
        postgres.stop()
        try:
            for _ in range(3):
                with pytest.raises(LogUnavailable):
                    log.write(desk.record("during"))
        finally:
            postgres.start()
        assert log.write(desk.record("during")).existing is False
        log.write(desk.record("after"))
    assert {row.reference for row in rows(database)} == {"before", "during", "after"}
    assert_chained(database)
    database.close()
    postgres.drop(url)


def test_a_server_that_dies_under_load_loses_nothing_that_was_acknowledged(postgres, engine):
    url = postgres.new_database(upgraded=True)
    database = Database(url)
    desk = Desk(database, engine)
    acknowledged: dict[str, str] = {}
    refused = threading.Event()
    over = threading.Event()

    def work(number: int) -> None:
        for count in range(100_000):
            if over.is_set():
                return
            try:
                stored = log.write(desk.record(f"{number}-{count}"))
                acknowledged[f"{number}-{count}"] = stored.hash
            except LogUnavailable:
                refused.set()
                refused.wait(0.01)

    with logging(database, desk) as log:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for round_ in range(2):
            wait_for(lambda: len(acknowledged) > 100 * (round_ + 1))
            postgres.kill()
            assert refused.wait(30)
            postgres.start()
            refused.clear()
        before = len(acknowledged)
        wait_for(lambda: len(acknowledged) > before + 50)
        over.set()
        for thread in threads:
            thread.join()
    kept = {row.reference: row.hash for row in rows(database)}
    assert acknowledged.items() <= kept.items()
    assert_chained(database)
    database.close()
    postgres.drop(url)


def wait_for(condition) -> None:
    """Wait until other threads have come so far."""
    pause = threading.Event()
    for _ in range(3_000):
        if condition():
            return
        pause.wait(0.01)
    pytest.fail("it did not happen in time")
