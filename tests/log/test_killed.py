"""When writing processes are killed at any moment, is every acknowledged decision there, and does the chain verify?"""

from __future__ import annotations

import random
import subprocess
import sys
import time

import sqlalchemy as sa

from rulesets.log.segments import abandoned, close_abandoned
from rulesets.models import DecisionRecord, Segment
from tests.log.exporting import checked, exported
from tests.log.writing import ROOT, logging

ROUNDS, LONG = 5, 20


def start(url: str, name: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.log.writing", url, name, "4"]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)


def killed_while_writing(writers: list[subprocess.Popen[bytes]], after: float) -> dict[str, tuple[str, str]]:
    """Kill processes at a random moment after they began to write; what they said was durable, by reference: id and hash."""
    first = [_stdout(writer).readline() for writer in writers]
    time.sleep(after)  # the moment is what is random here
    for writer in writers:
        writer.kill()
    said = [
        line for writer, line in zip(writers, first, strict=True) for line in [line, *_stdout(writer).read().splitlines(keepends=True)] if line.endswith(b"\n")
    ]
    for writer in writers:
        writer.wait()
        assert writer.stdin is not None
        writer.stdin.close()
        _stdout(writer).close()
    return {reference: (id_, hash_) for reference, id_, hash_ in (line.decode().split() for line in said)}


def _stdout(writer: subprocess.Popen[bytes]):
    assert writer.stdout is not None
    return writer.stdout


def test_no_acknowledged_decision_is_lost_and_the_chain_verifies(database, store_url, desk, soak):
    acknowledged: dict[str, tuple[str, str]] = {}
    moments = random.Random() if soak else random.Random(7)
    for round_ in range(LONG if soak else ROUNDS):
        writers = [start(store_url, f"{round_}-{n}") for n in range(2)]
        said = killed_while_writing(writers, moments.uniform(0, 0.3))
        assert said
        acknowledged |= said
        with database.reading() as session:
            rows = session.execute(sa.select(DecisionRecord.reference, DecisionRecord.id, DecisionRecord.hash))
            kept = {reference: (id_, hash_) for reference, id_, hash_ in rows}
        assert acknowledged.items() <= kept.items()
        assert checked(exported(database)).decisions == len(kept)
    close_what_is_left(database)
    reference = next(iter(acknowledged))
    with logging(database, desk) as log:
        again = log.write(desk.record(reference))
        assert (again.existing, again.id) == (True, acknowledged[reference][0])
    assert checked(exported(database)).unanchored == 0


def close_what_is_left(database) -> None:
    """Close the segments of the killed as another writer does when their leases have run out."""
    with database.writing() as session:
        session.execute(sa.update(Segment).values(alive_until=0))
        for segment in abandoned(session):
            assert close_abandoned(session, segment)


def test_a_process_that_is_asked_to_stop_closes_its_segment(database, store_url):
    writer = start(store_url, "asked")
    line = _stdout(writer).readline()
    said, _ = writer.communicate(b"")
    assert writer.returncode == 0
    references = {text.split()[0].decode() for text in [line, *said.splitlines()]}
    with database.reading() as session:
        assert references <= set(session.scalars(sa.select(DecisionRecord.reference)))
        assert session.scalars(sa.select(Segment.closed_at)).one() is not None
    assert checked(exported(database)).unanchored == 0
