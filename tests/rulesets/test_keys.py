"""Are keys long, random and known only by their hash? Does each let its system do what was said, and end when it was said?"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from rulesets import clock, keys
from rulesets.audit import Actor
from rulesets.database import Database
from rulesets.keys import PREFIX, SCOPES, KeyRing, hash_key, new_key
from rulesets.models import ApiKey, AuditEntry
from rulesets.refusals import Refused

ADMINISTRATOR = Actor("user:chenjing", "10.1.2.3")
HOUR = 3600 * clock.SECOND


# --- made ------------------------------------------------------------------------------------------------------------------


def test_a_key_has_a_recognisable_beginning_and_256_random_bits() -> None:
    assert PREFIX == "zs_"
    assert re.fullmatch(r"zs_[A-Za-z0-9_-]{43}", new_key())


def test_no_two_keys_are_alike() -> None:
    assert len({new_key() for _ in range(1_000)}) == 1_000


def test_the_hash_is_the_sha_256_of_the_utf_8_text() -> None:
    assert hash_key("zs_abc") == hashlib.sha256(b"zs_abc").hexdigest()
    assert hash_key("钥匙") == hashlib.sha256("钥匙".encode()).hexdigest()


def test_a_key_that_differs_in_one_character_has_another_hash() -> None:
    key = new_key()
    assert hash_key(key) != hash_key(key[:-1] + ("a" if key[-1] != "a" else "b"))
    assert hash_key(key) != hash_key(key + " ")


# --- kept ------------------------------------------------------------------------------------------------------------------


def make(database: Database, **options: Any) -> tuple[str, str]:
    """The id of a new key, and the key."""
    with database.writing() as session:
        made, key = keys.create(session, ADMINISTRATOR, **{"system": "crm", "scopes": ["decide"], **options})
        return made.id, key


def rotate(database: Database, id_: str, overlap: int = HOUR, **options: Any) -> tuple[str, str]:
    with database.writing() as session:
        made, key = keys.rotate(session, ADMINISTRATOR, id_, overlap=overlap, **options)
        return made.id, key


def revoke(database: Database, id_: str) -> None:
    with database.writing() as session:
        keys.revoke(session, ADMINISTRATOR, id_)


def kept(database: Database, id_: str) -> dict[str, Any]:
    with database.reading() as session:
        return dict(session.execute(sa.select(ApiKey.__table__).where(ApiKey.id == id_)).mappings().one())


def entered(database: Database) -> list[tuple[str, str, str]]:
    with database.reading() as session:
        return [(entry.actor, entry.action, entry.object) for entry in session.scalars(sa.select(AuditEntry).order_by(AuditEntry.number))]


def rename(database: Database, id_: str, **values: Any) -> None:
    """Change what is kept of a key, past everything that would stop it."""
    with database.writing() as session:
        session.execute(sa.update(ApiKey).where(ApiKey.id == id_).values(**values))


def test_of_a_key_only_the_hash_is_kept(database: Database) -> None:
    id_, key = make(database)
    row = kept(database, id_)
    assert row["key_sha256"] == hash_key(key)
    assert key not in str(row)


def test_what_was_said_of_a_key_is_kept_in_one_way_only(database: Database) -> None:
    id_, _ = make(database, scopes=["read", "decide"], outcomes=["vip_tier", "loan_rate_pct", "vip_tier"])
    row = kept(database, id_)
    assert (row["scopes_json"], row["outcomes_json"]) == ('["decide","read"]', '["loan_rate_pct","vip_tier"]')
    assert (row["system"], row["created_by"], row["expires_at"], row["used_at"]) == ("crm", "chenjing", None, None)


def test_keys_are_listed_by_system_the_newest_first(database: Database) -> None:
    first, _ = make(database, system="esb")
    second, _ = make(database, system="crm")
    third, _ = rotate(database, second)
    with database.reading() as session:
        assert [found.id for found in keys.listed(session)] == [third, second, first]


def test_every_change_is_entered_in_the_audit_log(database: Database) -> None:
    first, _ = make(database)
    second, _ = rotate(database, first)
    revoke(database, second)
    who = ADMINISTRATOR.name
    assert entered(database) == [(who, "key.created", f"key:{first}"), (who, "key.rotated", f"key:{second}"), (who, "key.revoked", f"key:{second}")]


def test_the_audit_log_does_not_hold_the_key(database: Database) -> None:
    id_, key = make(database)
    _, other = rotate(database, id_)
    with database.reading() as session:
        text = " ".join(session.scalars(sa.select(AuditEntry.details_json)))
    assert '"system":"crm"' in text
    assert not {key, other, hash_key(key), hash_key(other)} & set(text.split('"'))


def test_revoking_twice_is_entered_once(database: Database) -> None:
    id_, _ = make(database)
    revoke(database, id_)
    at = kept(database, id_)["revoked_at"]
    revoke(database, id_)
    assert kept(database, id_)["revoked_at"] == at
    assert len(entered(database)) == 2


@pytest.mark.parametrize("id_", ["", "no-such", "00000000-0000-0000-0000-000000000000", "x" * 36, "\x00" * 36])
def test_a_key_that_is_not_there_can_be_neither_replaced_nor_revoked(database: Database, id_: str) -> None:
    for change in (rotate, revoke):
        with pytest.raises(Refused, match="E639"):
            change(database, id_)


def test_a_key_that_has_ended_is_not_replaced(database: Database) -> None:
    revoked, _ = make(database)
    revoke(database, revoked)
    expired, _ = make(database, expires_at=clock.now() - 1)
    for id_ in (revoked, expired):
        with pytest.raises(Refused, match="E640"):
            rotate(database, id_)
    assert [action for _, action, _ in entered(database)] == ["key.created", "key.revoked", "key.created"]


# --- recognised ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def ring(database: Database) -> Iterator[KeyRing]:
    ring = KeyRing(database)
    yield ring
    ring.close()


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every ring looks into the store before each answer."""
    monkeypatch.setattr(KeyRing, "FRESH", 0.0)


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """What is asked of the store inside the block."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "SHOW")):
            said.append(statement.split()[0])

    sa.event.listen(database.engine, "before_cursor_execute", note)
    yield said
    sa.event.remove(database.engine, "before_cursor_execute", note)


def test_a_key_lets_its_system_do_what_was_said(database: Database, ring: KeyRing) -> None:
    id_, key = make(database, system="crm", scopes=["decide"], outcomes=["vip_tier"])
    found = ring.find(key)
    assert found is not None
    assert (found.id, found.system, found.scopes, found.outcomes) == (id_, "crm", frozenset({"decide"}), frozenset({"vip_tier"}))


def test_without_a_list_of_outcomes_all_may_be_asked(database: Database, ring: KeyRing) -> None:
    _, key = make(database, scopes=SCOPES)
    found = ring.find(key)
    assert found is not None
    assert (found.scopes, found.outcomes) == (frozenset({"decide", "read"}), None)


@pytest.mark.parametrize("key", ["", "zs_", "zs_somebody-elses", "钥匙", " "])
def test_a_key_that_nobody_made_opens_nothing(database: Database, ring: KeyRing, key: str) -> None:
    make(database)
    assert ring.find(key) is None


def test_a_key_expires_at_its_instant_even_when_it_was_known_a_moment_ago(database: Database, ring: KeyRing) -> None:
    _, key = make(database, expires_at=clock.now() + clock.SECOND // 5)
    assert ring.find(key) is not None
    ring.FRESH, ring._fresh_until = 60.0, time.monotonic() + 60  # type: ignore[misc]  # it does not look again
    until = time.monotonic() + 10
    while ring.find(key) is not None:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_replaced_key_stays_valid_for_the_overlap_and_no_longer(database: Database, ring: KeyRing, fresh: None) -> None:
    id_, old = make(database, scopes=["read"], outcomes=["vip_tier"])
    _, new = rotate(database, id_, overlap=HOUR)
    before, after = ring.find(old), ring.find(new)
    assert before is not None
    assert after is not None
    assert (before.system, before.scopes, before.outcomes) == (after.system, after.scopes, after.outcomes)
    assert before.expires_at is not None
    assert abs(before.expires_at - clock.now() - HOUR) < HOUR // 10
    assert after.expires_at is None
    rename(database, id_, expires_at=clock.now() - 1)
    assert (ring.find(old), ring.find(new)) == (None, after)


def test_without_overlap_the_old_key_ends_at_once(database: Database, ring: KeyRing, fresh: None) -> None:
    id_, old = make(database)
    _, new = rotate(database, id_, overlap=0)
    assert ring.find(old) is None
    assert ring.find(new) is not None


def test_an_overlap_makes_no_key_last_longer_than_it_would_have(database: Database) -> None:
    soon = clock.now() + HOUR
    id_, _ = make(database, expires_at=soon)
    rotate(database, id_, overlap=2 * HOUR)
    assert kept(database, id_)["expires_at"] == soon


def test_revocation_reaches_another_process_within_its_second(database: Database, ring: KeyRing) -> None:
    id_, key = make(database)
    assert ring.find(key) is not None
    revoke(database, id_)
    assert ring.find(key) is not None, "this ring looked a moment ago"
    until = time.monotonic() + 10
    while ring.find(key) is not None:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_who_revokes_a_key_need_not_wait(database: Database, ring: KeyRing) -> None:
    id_, key = make(database)
    assert ring.find(key) is not None
    revoke(database, id_)
    ring.forget()
    assert ring.find(key) is None


def test_a_key_made_elsewhere_is_known_at_once(database: Database, ring: KeyRing) -> None:
    assert ring.find("zs_nobodys") is None
    _, key = make(database)
    assert ring.find(key) is not None


def test_a_known_key_costs_no_look_into_the_store(database: Database, ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KeyRing, "FRESH", 3600.0)
    _, key = make(database)
    with statements(database) as said:
        assert all(ring.find(key) for _ in range(1_000))
    assert said == ["SELECT"]


def test_made_up_keys_do_not_make_the_store_busy_and_shut_nobody_out(database: Database, ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KeyRing, "FRESH", 3600.0)
    _, key = make(database)
    with statements(database) as said:
        assert not any(ring.find(f"zs_made-up-{number}") for number in range(1_000))
        assert not any(ring.find("zs_again-and-again") for _ in range(1_000))
        assert ring.find(key) is not None
    assert len(said) <= 1 + KeyRing.LOOKS


def test_one_made_up_key_is_looked_for_once(database: Database, ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KeyRing, "FRESH", 3600.0)
    with statements(database) as said:
        assert not any(ring.find("zs_again-and-again") for _ in range(1_000))
    assert said == ["SELECT", "SELECT"]


# --- last use --------------------------------------------------------------------------------------------------------------


def test_a_use_is_written_later_and_not_while_somebody_waits(database: Database, ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KeyRing, "WRITTEN_AFTER", 3600.0)
    id_, key = make(database)
    before = clock.now()
    with statements(database) as said:
        ring.find(key)
    assert "UPDATE" not in said
    assert kept(database, id_)["used_at"] is None
    ring.close()
    assert before <= kept(database, id_)["used_at"] <= clock.now()


def test_uses_are_written_without_anybody_asking(database: Database, ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KeyRing, "WRITTEN_AFTER", 0.01)
    id_, key = make(database)
    ring.find(key)
    until = time.monotonic() + 20
    while kept(database, id_)["used_at"] is None:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_use_is_written_at_most_once_a_minute(database: Database, ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KeyRing, "WRITTEN_AFTER", 3600.0)
    _, key = make(database)
    ring.find(key)
    ring.flush()
    with statements(database) as said:
        for _ in range(100):
            ring.find(key)
        ring.flush()
    assert "UPDATE" not in said


def test_a_use_is_never_replaced_by_an_earlier_one(database: Database, ring: KeyRing) -> None:
    id_, key = make(database)
    later = clock.now() + HOUR
    rename(database, id_, used_at=later)
    ring.find(key)
    ring.close()
    assert kept(database, id_)["used_at"] == later


def test_uses_that_cannot_be_written_stop_nobody(database: Database, ring: KeyRing, caplog: pytest.LogCaptureFixture) -> None:
    _, key = make(database)
    assert ring.find(key) is not None
    with database.writing() as session:
        session.execute(sa.text("ALTER TABLE api_keys RENAME TO gone"))
    ring.close()
    assert "the last use of 1 keys is not written" in caplog.text
    with database.writing() as session:
        session.execute(sa.text("ALTER TABLE gone RENAME TO api_keys"))
