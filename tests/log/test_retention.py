"""Do old decisions leave the store so that what is left verifies, and what left does too?"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from engine import Engine
from rulesets.audit import Actor
from rulesets.audit_check import canonical
from rulesets.database import Database
from rulesets.log import retention
from rulesets.log.retention import NotRemoved, export_and_remove
from rulesets.log.segments import abandoned, close_abandoned
from rulesets.log.writer import DecisionLog
from rulesets.models import AuditEntry, DecisionRecord, Segment
from tests.log.exporting import checked, exported, first_broken
from tests.log.writing import Desk, logging

OFFICER = Actor("command:retention")


@contextmanager
def years(database: Database, engine: Engine) -> Iterator[DecisionLog]:
    """A closed segment with decisions at 1 … 9 and one at 20 … 26, still open, anchored at every second record."""
    desk = Desk(database, engine)
    with logging(database, desk, anchor_records=2) as log:
        for at in range(1, 10):
            log.write(desk.record(f"r-{at}", at=at))
    with logging(database, desk, anchor_records=2) as log:
        for at in range(20, 27):
            log.write(desk.record(f"r-{at}", at=at))
        yield log


def kept(database: Database) -> list[int]:
    with database.reading() as session:
        return list(session.scalars(sa.select(DecisionRecord.at).order_by(DecisionRecord.at)))


def removals(database: Database) -> list[dict]:
    with database.reading() as session:
        found = session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "log.removed").order_by(AuditEntry.number)).all()
        assert {entry.actor for entry in found} <= {OFFICER.name}
        return [json.loads(entry.details_json) for entry in found]


def test_nothing_that_is_young_or_not_anchored_is_removed(database, engine, tmp_path):
    with years(database, engine):
        assert export_and_remove(database, 2, tmp_path / "none", OFFICER) is None
        assert not (tmp_path / "none").exists()
        removed = export_and_remove(database, 6, tmp_path / "old", OFFICER)
        assert removed is not None
        assert (removed.decisions, removed.segments) == (4, 1)
        assert kept(database) == [*range(5, 10), *range(20, 27)]


def test_what_is_left_verifies_and_so_does_what_was_removed(database, engine, tmp_path):
    with years(database, engine):
        removed = export_and_remove(database, 23, tmp_path / "old", OFFICER)
        assert removed is not None
        assert kept(database) == list(range(22, 27))
        old = (tmp_path / "old").read_bytes()
        assert hashlib.sha256(old).hexdigest() == removed.sha256
        assert (checked(old).decisions, checked(old).removed) == (11, 0)
        report = checked(exported(database))
        assert (report.decisions, report.removed, report.segments) == (5, 11, 2)
        assert [(entry["from"], entry["to"], entry["sha256"]) for entry in removals(database)] == [(1, 9, removed.sha256), (1, 2, removed.sha256)]


def test_removing_goes_on_where_it_ended(database, engine, tmp_path):
    with years(database, engine) as log:
        for n, before in enumerate((4, 8, 24, 10**15)):
            assert export_and_remove(database, before, tmp_path / str(n), OFFICER) is not None
            checked(exported(database))
            checked((tmp_path / str(n)).read_bytes())
        assert kept(database) == [26]
        log.write(Desk(database, engine).record("next", at=30))
        checked(exported(database))
    assert checked(exported(database)).removed == 15


def test_large_removals_are_cut_at_anchors(database, engine, tmp_path, monkeypatch):
    monkeypatch.setattr(retention, "AT_ONCE", 3)
    with years(database, engine):
        export_and_remove(database, 23, tmp_path / "old", OFFICER)
        assert [(entry["from"], entry["to"]) for entry in removals(database)] == [(1, 4), (5, 8), (9, 9), (1, 2)]
        checked(exported(database))


def test_a_segment_of_which_all_was_removed_can_still_be_closed(database, engine, tmp_path):
    desk = Desk(database, engine)
    with logging(database, desk, anchor_records=1) as log:
        log.write(desk.record(at=1))
        wait_until_anchored(database)
        export_and_remove(database, 2, tmp_path / "old", OFFICER)
        with database.writing() as session:
            session.execute(sa.update(Segment).values(alive_until=0))
            (segment,) = abandoned(session)
            assert close_abandoned(session, segment)
        assert checked(exported(database)).decisions == 0
        log.write(desk.record(at=3))
        assert checked(exported(database)).decisions == 1


def wait_until_anchored(database: Database) -> None:
    pause = threading.Event()
    for _ in range(2_000):
        with database.reading() as session:
            if session.scalars(sa.select(Segment.anchored)).one():
                return
        pause.wait(0.01)
    pytest.fail("it was not anchored")


def test_a_file_that_exists_is_not_overwritten_and_nothing_is_removed(database, engine, tmp_path):
    (tmp_path / "old").write_text("here before")
    with years(database, engine):
        with pytest.raises(FileExistsError):
            export_and_remove(database, 23, tmp_path / "old", OFFICER)
        assert len(kept(database)) == 16
    assert (tmp_path / "old").read_text() == "here before"


def test_what_does_not_verify_is_not_removed(database, engine, tmp_path, monkeypatch):
    monkeypatch.setattr(retention, "AT_ONCE", 1)
    with years(database, engine):
        with database.writing() as session:
            session.execute(sa.delete(DecisionRecord).where(DecisionRecord.at == 3))
        with pytest.raises(NotRemoved):
            export_and_remove(database, 23, tmp_path / "old", OFFICER)
        assert len(kept(database)) == 15
        assert removals(database) == []


def test_two_who_remove_at_once_remove_once(database, engine, tmp_path):
    failures: list[Exception] = []

    def remove(name: str) -> None:
        try:
            export_and_remove(database, 23, tmp_path / name, OFFICER)
        except NotRemoved as error:
            failures.append(error)

    with years(database, engine):
        threads = [threading.Thread(target=remove, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(kept(database)) == 5
        assert sum(entry["to"] - entry["from"] + 1 for entry in removals(database)) == 11
        checked(exported(database))


def test_a_part_that_is_changed_or_ends_elsewhere_is_found(database, engine, tmp_path):
    with years(database, engine):
        export_and_remove(database, 23, tmp_path / "old", OFFICER)
    old = (tmp_path / "old").read_bytes()
    lines = old.split(b"\n")[:-1]
    for number in range(len(lines)):
        first_broken(b"".join(line + b"\n" for line in lines[:number] + lines[number + 1 :]))
    place = next(n for n, line in enumerate(lines) if b'"kind":"segment"' in line)
    for change in ({"to": 8}, {"from": 2}, {"head": "0" * 64}):
        changed = canonical(json.loads(lines[place]) | change).encode()
        first_broken(b"".join(line + b"\n" for line in [*lines[:place], changed, *lines[place + 1 :]]))


def test_a_removal_that_nobody_entered_is_found(database, engine):
    with years(database, engine):
        with database.writing() as session:
            segment = session.scalars(sa.select(DecisionRecord.segment).where(DecisionRecord.at == 1)).one()
            session.execute(sa.delete(DecisionRecord).where(DecisionRecord.at < 5))
            session.execute(sa.update(Segment).where(Segment.id == segment).values(removed_before=5))
        first_broken(exported(database))
