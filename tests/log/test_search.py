"""Are kept decisions found by reference, system, outcome, version and time, page by page?"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from engine import Decision
from rulesets.log.records import Record, new_record, used
from rulesets.log.search import MOST, Cursor, NotSearchable, find, get
from rulesets.models import DecisionRecord
from tests.log.writing import USED, Desk, answer, ask, logging

OTHER = used(frozenset({("tier", 4, "4" * 64), ("vocabulary", 1, "1" * 64)}))


def made(desk: Desk, reference: str | None, at: int, outcomes: dict[str, Any], *, system: str = "crm", versions=USED) -> Record:
    return new_record(
        ask(reference, {"remark": "\x00"}, system), answer(Decision(outcomes, (), ("tier",)), at, versions), fields=desk.fields, sealer=desk.sealer
    )


@pytest.fixture
def session(database, desk):
    with logging(database, desk) as log:
        log.write_all(
            [
                made(desk, "a", 10, {"tier": "gold", "rate": Decimal("4.50"), "frequent": True, "limit": 7}),
                made(desk, "b", 20, {"tier": "plain", "rate": 4, "frequent": False, "echo": "true"}, versions=OTHER),
                made(desk, "c", 20, {"tier": "gold", "echo": '\x00"\\é'}),
                made(desk, None, 30, {"rate": 4, "echo": "4"}, system="core"),
                made(desk, "a", 40, {"echo": None}, system="core"),
            ]
        )
    with database.reading() as session:
        yield session


def references(session, **asked: Any) -> list[tuple[str, str | None]]:
    return [(found.system, found.reference) for found in find(session, **asked)]


A, B, C, CORE, CORE_A = ("crm", "a"), ("crm", "b"), ("crm", "c"), ("core", None), ("core", "a")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"reference": "a"}, [CORE_A, A]),
        ({"reference": "a", "system": "crm"}, [A]),
        ({"reference": "x"}, []),
        ({"system": "core"}, [CORE_A, CORE]),
        ({"since": 30}, [CORE_A, CORE]),
        ({"until": 20}, [A]),
        ({"since": 20, "until": 21, "reference": "b"}, [B]),
        ({"outcome": "rate"}, [CORE, B, A]),
        ({"outcome": "rate", "value": "4"}, [CORE, B]),
        ({"outcome": "rate", "value": "4.0"}, [CORE, B]),
        ({"outcome": "rate", "value": "4.5"}, [A]),
        ({"outcome": "rate", "value": "1e9999999"}, []),
        ({"outcome": "tier", "value": "plain"}, [B]),
        ({"outcome": "frequent", "value": "true"}, [A]),
        ({"outcome": "frequent", "value": "false"}, [B]),
        ({"outcome": "echo", "value": "true"}, [B]),
        ({"outcome": "echo", "value": "null"}, [CORE_A]),
        ({"outcome": "echo", "value": '\x00"\\é'}, [C]),
        ({"outcome": "echo", "value": ""}, []),
        ({"outcome": "limit"}, [A]),
        ({"outcome": "nothing"}, []),
        ({"outcome": 'x"'}, []),
        ({"outcome": "等级"}, []),
        ({"ruleset": "tier", "version": 4}, [B]),
        ({"ruleset": "tier", "version": 3, "outcome": "rate", "value": "4"}, [CORE]),
        ({"ruleset": "vocabulary", "reference": "b"}, [B]),
        ({"ruleset": "nothing"}, []),
        ({"ruleset": "tier", "version": 10**12}, []),
        ({"reference": "a\x00"}, []),
        ({"system": "\x00"}, []),
        ({"ruleset": "\x00"}, []),
    ],
)
def test_decisions_are_found(session, asked, expected):
    assert references(session, **asked) == expected


def test_pages_follow_each_other_without_gap_or_repetition(session):
    whole = find(session)
    assert [found.at for found in whole] == [40, 30, 20, 20, 10]
    for size in (1, 2, 3, 4, 5, 6):
        pages, after = [], None
        while page := find(session, limit=size, after=after):
            assert len(page) <= size
            pages += page
            after = Cursor.parse(str(page[-1].cursor))
        assert pages == whole


def test_a_page_has_a_most(database, desk):
    with logging(database, desk) as log:
        log.write_all([desk.record(at=5) for _ in range(MOST + 1)])
    with database.reading() as session:
        assert len(find(session, limit=10_000)) == MOST


def test_sealed_outcomes_cannot_be_searched_by_value(session):
    with pytest.raises(NotSearchable):
        find(session, outcome="limit", value="7", sensitive={"limit"})
    assert references(session, outcome="limit", sensitive={"limit"}) == [A]
    assert references(session, outcome="limit", value="7") == []


def test_a_decision_is_got_by_its_id(session):
    row = session.scalars(sa.select(DecisionRecord).where(DecisionRecord.reference == "b")).one()
    found = get(session, row.id)
    assert found is not None
    assert (found.id, found.text, found.hash, found.segment, found.position, found.usage) == (row.id, row.record_json, row.hash, row.segment, 2, OTHER.sha256)
    assert get(session, "nothing") is None
    assert get(session, "\x00") is None


@pytest.mark.parametrize("text", ["", "_", "1", "1_", "_x", "-1_x", "1_" + "x" * 37, "９_x", "1_\n", f"{10**18}_x"])
def test_a_cursor_that_we_did_not_write_is_refused(text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        Cursor.parse(text)
