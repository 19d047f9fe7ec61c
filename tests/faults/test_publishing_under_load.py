"""Do versions take effect at their instant, in every worker, without a failed call and without growing memory?"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa

from rulesets import clock, drafts, timeline, versions
from rulesets.clock import SECOND
from rulesets.database import Database
from rulesets.deciding import Desk
from rulesets.log.records import Question
from rulesets.log.sealing import MasterKeys, Sealer
from rulesets.log.writer import DecisionLog
from rulesets.models import DecisionRecord, UsedVersion
from rulesets.release import Releases
from tests.api.running import MASTER_KEYS
from tests.faults.afterwards import (
    assert_all_is_well,
    assert_decided_by_what_was_in_force,
    assert_verifies,
    assert_versions_are_whole,
    kept,
)
from tests.faults.load import FIRST_YEAR, YEARS, Load, question
from tests.faults.publishing import People
from tests.faults.site import Site, awaited
from tests.store.bank import ANNA, EDDA, filled, submitted, with_early

SLICE: Final = 15
SOAK: Final = 10_000
PAGE: Final = os.sysconf("SC_PAGE_SIZE")
MIB: Final = 1024 * 1024
SPARE: Final = 24 * MIB
"""What a process may grow by after it has warmed up: its allocator's reserves, not what it was given."""
ENTRY: Final = 2048
"""Bytes that a process keeps of a version: a line of the timeline, not its rules."""
ZONE: Final = clock.zone("Asia/Shanghai")


def memory(process: int) -> int:
    """The bytes that a process has in memory."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * PAGE


def test_versions_published_under_load_fail_no_call_and_hold_no_memory(site: Site, database: Database, tmp_path: Path, soak: bool) -> None:
    number = 40 * SLICE if soak else SLICE
    people = People.signed_in(database, site.port)
    with Load(site.port) as load:
        for _ in range(SLICE):
            people.publish()
            load.more(5)
        before = {worker: memory(worker) for worker in site.workers()}
        for _ in range(number):
            people.publish()
            load.more(5)
        grown = [memory(worker) - before[worker] for worker in site.workers()]
        last = newest(database)
        awaited("the last version", lambda: last in {answer["rulesets"][0]["version"] for answer in list(load.answered.values())[-20:]})
    people.close()
    assert max(grown) < SPARE + number * ENTRY
    assert (load.refused, load.broken) == ([], 0)
    assert last == 1 + SLICE + number
    site.stop()
    assert_all_is_well(database, load.answered, tmp_path)
    assert "Traceback" not in site.complained


def newest(database: Database) -> int:
    with database.reading() as session:
        return max(entry.number for entry in versions.load_entries(session))


def test_a_scheduled_version_binds_in_every_worker_from_its_second_on(site: Site, database: Database, tmp_path: Path) -> None:
    people = People.signed_in(database, site.port)
    instant = clock.now() // SECOND * SECOND + 8 * SECOND
    with Load(site.port) as load:
        version = people.publish(clock.write(instant, ZONE))
        load.more(20)
        awaited("the second", lambda: clock.now() > instant)
        awaited("its use by every worker", lambda: len(writers(database, version)) == len(site.workers()))
    people.close()
    assert (load.refused, load.broken) == ([], 0)
    site.stop()
    assert_all_is_well(database, load.answered, tmp_path)
    found = kept(database)
    for segment in writers(database, version):
        decisions = [one for one in found if one.segment == segment]
        assert [one.versions["typed"] == version for one in decisions] == [one.at >= instant for one in decisions]
        assert decisions[0].at < instant <= decisions[-1].at, "a worker was not asked before and after"


def writers(database: Database, version: int) -> set[str]:
    """The segments with decisions by a version of ``typed``."""
    used = sa.select(UsedVersion.usage).where(UsedVersion.ruleset == "typed", UsedVersion.number == version)
    with database.reading() as session:
        return set(session.scalars(sa.select(DecisionRecord.segment).distinct().where(DecisionRecord.usage.in_(used))))


def test_thousands_of_versions_in_one_process_hold_no_memory(tmp_path: Path, soak: bool) -> None:
    """The same without HTTP, for as many versions as there is time for, while threads decide."""
    database = filled(Database(f"sqlite:///{tmp_path / 'store.db'}"))
    sealer, releases = Sealer(database, MasterKeys.parse(MASTER_KEYS)), Releases(database)
    desk, ending, number = Desk(releases, sealer, DecisionLog(database, sealer)), threading.Event(), SOAK if soak else 4 * SLICE

    def decide(name: str) -> dict[str, str]:
        answered: dict[str, str] = {}
        for n in count():
            if ending.wait(0.005):
                return answered
            asked = question(f"{name}-{n}")
            reference, facts, outcomes = asked["reference"], asked["facts"], asked["outcomes"]
            answered[reference] = desk.ask(Question(system="crm", reference=reference, facts=facts, outcomes=outcomes)).id
        raise AssertionError

    releases.watch()
    with ThreadPoolExecutor(2) as pool:
        deciding = [pool.submit(decide, name) for name in "ab"]
        try:
            for n in range(number // 5):
                publish_next(database, n)
            before = memory(os.getpid())
            for n in range(number // 5, number):
                publish_next(database, n)
            grown = memory(os.getpid()) - before
        finally:
            ending.set()
    answered = {reference: id_ for found in deciding for reference, id_ in found.result().items()}
    releases.unwatch()
    assert desk.log is not None
    desk.log.close()
    assert grown < SPARE + number * ENTRY
    found = kept(database)
    assert {one.reference: one.id for one in found} == answered
    assert_decided_by_what_was_in_force(database, found)
    assert_versions_are_whole(database)
    assert_verifies(database, tmp_path)
    database.close()


def publish_next(database: Database, n: int) -> None:
    """Version ``n + 2``, which follows another that perhaps does not bind yet."""
    with database.writing() as session:
        draft = drafts.open_draft(session, EDDA, "typed", "年份", number=n + 1)
        work = with_early(drafts.work_of(draft), FIRST_YEAR + n * 7 % YEARS)
        draft = drafts.save(session, EDDA, draft.id, draft.revision, work)
    draft = drafts.submit(database, EDDA, draft.id, draft.revision, "监管口径调整", None)
    drafts.approve(database, ANNA, draft.id, draft.revision, "同意")


def test_a_publication_that_takes_too_long_is_undone(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers could not know of it by the instant from which it would bind."""
    database = filled(Database(store_url))
    draft = submitted(database, 2018)
    monkeypatch.setattr(timeline, "PROMPT", -1)
    with pytest.raises(drafts.Busy):
        drafts.approve(database, ANNA, draft.id, draft.revision, "同意")
    assert newest(database) == 1
    monkeypatch.undo()
    drafts.approve(database, ANNA, draft.id, draft.revision, "同意")
    assert_versions_are_whole(database)
    database.close()
