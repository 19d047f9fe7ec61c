"""Do sealed values open only where they belong, and can keys be rotated and destroyed?"""

from __future__ import annotations

import base64
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from engine import canonical_json
from rulesets import clock
from rulesets.audit import SERVICE
from rulesets.database import Database
from rulesets.log import sealing
from rulesets.log.records import opened, parse
from rulesets.log.sealing import KEY_LIFE, MasterKeys, SealBroken, Sealer, Unavailable, WrongMasterKeys, destroy_keys, missing_masters, new_master_key, rotate
from rulesets.models import AuditEntry, DataKey, Webhook
from tests.log.writing import MASTERS, logging


@pytest.fixture
def sealer(database: Database) -> Sealer:
    return Sealer(database, MASTERS)


def keys(database: Database) -> list[DataKey]:
    with database.reading() as session:
        found = list(session.scalars(sa.select(DataKey).order_by(DataKey.created_at)))
        session.expunge_all()
        return found


def age(database: Database, microseconds: int) -> None:
    """Let all data keys be older."""
    with database.writing() as session:
        session.execute(sa.update(DataKey).values(created_at=DataKey.created_at - microseconds))


# --- values ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["600000", "é 中", None, True, 0, [1, "x", {"a": None}], {"b": "1", "a": []}, ""])
def test_what_is_sealed_opens_in_its_context_only(sealer, value):
    sealed = sealer.seal(value, "d-1", "facts", "income")
    assert sealing.is_sealed(sealed)
    assert sealer.open(sealed, "d-1", "facts", "income") == value
    for other in (("d-2", "facts", "income"), ("d-1", "outcomes", "income"), ("d-1", "facts", "debt"), ("d-1", "facts"), ("income",)):
        with pytest.raises(SealBroken):
            sealer.open(sealed, *other)


def test_equal_values_do_not_look_equal(sealer):
    assert sealer.seal("1", "d") != sealer.seal("1", "d")
    assert b"secret" not in base64.b64decode(sealer.seal("secret", "d")["sealed"].partition(":")[2])


def test_whatever_is_altered_does_not_open(sealer):
    key_id, _, text = sealer.seal("600000", "d")["sealed"].partition(":")
    data = base64.b64decode(text)
    for place in range(len(data)):
        altered = bytearray(data)
        altered[place] ^= 1
        with pytest.raises(SealBroken):
            sealer.open({"sealed": f"{key_id}:{base64.b64encode(altered).decode()}"}, "d")
    for broken in ("", "x", f"{key_id}", f"{key_id}:", f"{key_id}:#", f"another:{text}", f":{text}"):
        with pytest.raises(SealBroken):
            sealer.open({"sealed": broken}, "d")


def test_a_fingerprint_says_nothing_without_the_key_and_tells_equal_from_other(sealer):
    fingerprint = sealer.fingerprint("facts")
    assert sealer.matches("facts", fingerprint)
    assert not sealer.matches("other", fingerprint)
    assert not sealer.matches("facts", fingerprint.replace(fingerprint.partition(":")[0], "gone"))
    other = Sealer(sealer._database, MASTERS)
    other._opened[other.current_key()] = secrets.token_bytes(32)
    assert other.fingerprint("facts") != fingerprint


# --- data keys ------------------------------------------------------------------------------------------------------------


def test_one_data_key_however_many_ask_at_first(database):
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: Sealer(database, MASTERS).current_key(), range(16)))
    assert [key.id for key in keys(database)] == list(found)
    with database.reading() as session:
        assert [entry.object for entry in session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "key.created"))] == list(found)


def test_a_key_is_replaced_when_it_has_served_its_time_and_still_opens(database, sealer):
    sealed = sealer.seal("1", "d")
    age(database, KEY_LIFE - clock.DAY)
    assert Sealer(database, MASTERS).current_key() == keys(database)[0].id
    age(database, clock.DAY)
    fresh = Sealer(database, MASTERS)
    assert fresh.current_key() != keys(database)[0].id
    assert fresh.open(sealed, "d") == "1"


def test_data_keys_stand_in_the_store_sealed(database, sealer):
    sealer.current_key()
    (row,) = keys(database)
    assert row.master == "k1"
    assert sealer._key(row.id) not in base64.b64decode(row.sealed)
    with pytest.raises(SealBroken):
        MasterKeys({"k1": bytes(32)}).unwrap(row.sealed, row.id, "k1")
    with pytest.raises(SealBroken):
        MASTERS.unwrap(row.sealed, "another", "k1")


def test_sealing_says_that_the_store_is_away(postgres):
    url = postgres.new_database(upgraded=True)
    database = Database(url)
    postgres.stop()
    try:
        with pytest.raises(Unavailable):
            Sealer(database, MASTERS).seal("1", "d")
    finally:
        postgres.start()
    database.close()
    postgres.drop(url)


# --- master keys ----------------------------------------------------------------------------------------------------------


def test_after_rotation_the_old_master_key_is_not_needed_and_no_record_was_touched(database, desk):
    with logging(database, desk) as log:
        stored = log.write(desk.record("r"))
    age(database, KEY_LIFE)
    desk.sealer._current = ("", 0)
    desk.sealer.current_key()
    both = MasterKeys.parse(f"{new_master_key('k2')},k1:{base64.b64encode(MASTERS.keys['k1']).decode()}")
    only_new = MasterKeys({"k2": both.keys["k2"]})
    with database.reading() as session:
        assert missing_masters(session, only_new) == ["k1"]
    with database.writing() as session:
        assert rotate(session, both, SERVICE) == 2
        assert rotate(session, both, SERVICE) == 0
    with database.reading() as session:
        assert missing_masters(session, only_new) == []
        assert len(session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "key.rotated")).all()) == 2
    sealer = Sealer(database, only_new)
    assert opened(parse(stored.text), sealer)["request"]["facts"]["income"] == "600000"
    assert sealer.current_key() == desk.sealer.current_key()
    desk.sealer = sealer
    with logging(database, desk) as log:
        assert log.write(desk.record("r")).text == stored.text


def test_without_the_master_key_nothing_opens(database, sealer):
    sealed = sealer.seal("1", "d")
    with pytest.raises(SealBroken):
        Sealer(database, MasterKeys({"k2": bytes(32)})).open(sealed, "d")
    with database.writing() as session, pytest.raises(SealBroken):
        rotate(session, MasterKeys({"k2": bytes(32)}), SERVICE)


def test_master_keys_are_read_in_their_order():
    first, second = new_master_key("k2"), new_master_key("k1")
    parsed = MasterKeys.parse(f" {first} , {second},")
    assert (parsed.current, list(parsed.keys)) == ("k2", ["k2", "k1"])
    assert all(len(key) == 32 for key in parsed.keys.values())


@pytest.mark.parametrize(
    "text",
    [
        "",
        " , ",
        "k1",
        "k1:",
        "k1:AAAA",
        "k1:not base64 at all",
        f":{'A' * 43}=",
        f"k 1:{'A' * 43}=",
        f"{'k' * 65}:{'A' * 43}=",
        f"k1:{'A' * 43}=,k1:{'B' * 43}=",
    ],
)
def test_wrong_master_keys_are_refused_in_both_languages_without_saying_them(text):
    with pytest.raises(WrongMasterKeys) as caught:
        MasterKeys.parse(text)
    assert caught.value.text.zh
    assert caught.value.text.en
    assert "AAAA" not in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_master_keys_do_not_show_when_they_are_printed():
    assert "\\x1f" not in repr(MASTERS)


# --- destroying -----------------------------------------------------------------------------------------------------------


def test_a_key_is_destroyed_when_nothing_needs_it_and_what_it_sealed_is_gone(database, desk):
    old = desk.sealer.current_key()
    sealed = desk.sealer.seal("1", "exported")
    with logging(database, desk) as log:
        log.write(desk.record(at=clock.now()))
    with database.writing() as session:
        assert destroy_keys(session, SERVICE) == []
    age(database, KEY_LIFE + clock.DAY + clock.SECOND * 60)
    with database.writing() as session:
        assert destroy_keys(session, SERVICE) == [old]
        assert [entry.object for entry in session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "key.destroyed"))] == [old]
    with pytest.raises(SealBroken):
        Sealer(database, MASTERS).open(sealed, "exported")


def test_a_key_that_a_decision_or_a_webhook_needs_is_kept(database, desk):
    needed = desk.sealer.current_key()
    secret = canonical_json(desk.sealer.seal("s", "webhook", "w"))
    with database.writing() as session:
        session.add(Webhook(id="w", url="http://x", rulesets_json=None, secret=secret, active=True, revision=1, created_by="x", created_at=0))
    age(database, 10 * KEY_LIFE)
    with database.writing() as session:
        assert destroy_keys(session, SERVICE) == []
    with database.writing() as session:
        session.execute(sa.delete(Webhook))
    with logging(database, desk) as log:
        log.write(desk.record(at=clock.now() - 9 * KEY_LIFE))
    with database.writing() as session:
        assert destroy_keys(session, SERVICE) == []
    assert needed in [key.id for key in keys(database)]
