"""Are other systems told that a version has taken effect: at least once, in order, signed, and whatever they do?"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any, Final

import pytest
import sqlalchemy as sa

from rulesets import audit, clock, webhooks
from rulesets.clock import SECOND
from rulesets.database import Database
from rulesets.log.sealing import MasterKeys, Sealer, new_master_key
from rulesets.models import AuditEntry, Content, Delivery, Head, Version, Webhook
from rulesets.refusals import Refused
from rulesets.webhooks import LEASE, MAX_ATTEMPTS, Courier, deliveries, enqueue_due, pause, send_test
from tests.store.receiver import Receiver, receiving, trickling

ADA: Final = audit.Actor("user:ada", "10.0.0.1")
MASTERS: Final = MasterKeys.parse(new_master_key("k1"))


@pytest.fixture
def sealer(database: Database) -> Sealer:
    return Sealer(database, MASTERS)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def courier(database: Database, sealer: Sealer) -> Courier:
    return Courier(database, sealer)


@pytest.fixture
def hook(database: Database, sealer: Sealer, receiver: Receiver) -> Webhook:
    """A webhook of the receiver, for all rulesets."""
    return created(database, sealer, receiver.url)[0]


def created(database: Database, sealer: Sealer, url: str, rulesets: list[str] | None = None) -> tuple[Webhook, str]:
    """A webhook of yesterday."""
    made, secret = webhooks.create(database, sealer, ADA, url=url, rulesets=rulesets)
    with database.writing() as session:
        session.execute(sa.update(Webhook).where(Webhook.id == made.id).values(created_at=clock.now() - clock.DAY))
    return made, secret


def schedule(database: Database, ruleset: str, number: int, effective_from: int, *, withdrawn: bool = False) -> None:
    """A version in the store, with as little around it as possible."""
    with database.writing() as session:
        for row in (Content(sha256="0" * 64, content_json="{}"), Head(ruleset=ruleset, number=number, department="retail")):
            session.merge(row)
        session.flush()
        dates = {"effective_from": effective_from, "published_at": effective_from - SECOND, "withdrawn_at": effective_from if withdrawn else None}
        hashes = {"sha256": "0" * 64, "cases_sha256": "0" * 64}
        session.add(Version(ruleset=ruleset, number=number, author="edda", approver="ada", reason="", **hashes, **dates))


def tell(database: Database, *versions: tuple[str, int]) -> int:
    """Let versions take effect, one after the other, and make the messages of it; the instant by which they have."""
    now = clock.now()
    for place, (ruleset, number) in enumerate(versions):
        schedule(database, ruleset, number, now - (len(versions) - place) * SECOND)
    enqueue(database, now)
    return now


def enqueue(database: Database, now: int) -> int:
    with database.writing() as session:
        return enqueue_due(session, now)


def messages(database: Database, hook: Webhook) -> list[Delivery]:
    """All messages to a webhook, the oldest first."""
    with database.reading() as session:
        found = deliveries(session, hook.id, limit=1000)
        session.expunge_all()
    return found[::-1]


# --- webhooks -------------------------------------------------------------------------------------------------------------


def test_the_secret_is_told_once_and_kept_sealed(database, sealer):
    made, secret = webhooks.create(database, sealer, ADA, url="https://crm.bank/told?token=of-theirs")
    assert len(secret) > 40
    with database.reading() as session:
        kept = webhooks.find(session, made.id)
        entry = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.number.desc())).first()
        assert secret not in kept.secret
        assert (entry.action, entry.actor, entry.object) == ("webhook.created", "user:ada", made.id)
        assert "https://crm.bank/told" in entry.details_json
        assert "of-theirs" not in entry.details_json
        assert secret not in entry.details_json
        assert [found.id for found in webhooks.listed(session)] == [made.id]


WRONG: Final = ["", "crm", "ftp://crm.bank/", "file:///etc/passwd", "https://", "https:///path", "http://crm.bank:99999/", "http://crm.bank:0/",
    "https://user:pass@crm.bank/", "https://crm.bank/ x", "https://crm.bank/\r\nX: 1", "https://银行/", "https://crm.bank/" + "x" * 2000]  # fmt: skip


@pytest.mark.parametrize("url", WRONG)
def test_an_address_that_is_none_is_refused(database, sealer, url):
    with pytest.raises(Refused) as refused:
        webhooks.create(database, sealer, ADA, url=url)
    assert (refused.value.code, refused.value.pointer) == ("E672", "/url")


def test_a_ruleset_that_is_not_there_is_refused_with_its_place(database, sealer):
    schedule(database, "a", 1, clock.now())
    with pytest.raises(Refused) as refused:
        webhooks.create(database, sealer, ADA, url="https://crm.bank/", rulesets=["a", "b"])
    assert (refused.value.code, refused.value.pointer) == ("E633", "/rulesets/1")
    with database.reading() as session:
        assert webhooks.listed(session) == []


def test_a_removed_webhook_is_told_nothing_more(database, courier, hook, receiver):
    now = tell(database, ("a", 1))
    with database.writing() as session:
        webhooks.remove(session, ADA, hook.id)
    assert not courier.deliver_one(now)
    assert enqueue(database, now) == 0
    assert receiver.got == []
    for action in (webhooks.find, lambda session, id_: webhooks.remove(session, ADA, id_), lambda session, id_: deliveries(session, id_, limit=1)):
        with pytest.raises(Refused, match="E671"), database.writing() as session:
            action(session, hook.id)


# --- which messages there are ---------------------------------------------------------------------------------------------


def test_each_version_that_has_taken_effect_since_the_webhook_was_made_is_told_once(database, sealer, hook):
    now = clock.now()
    schedule(database, "b", 7, now - 2 * clock.DAY)
    some = created(database, sealer, "https://other.bank/", ["b"])[0]
    schedule(database, "a", 1, now - 2 * clock.DAY)
    schedule(database, "a", 3, now - 10 * SECOND)
    schedule(database, "a", 2, now - 20 * SECOND)
    schedule(database, "b", 1, now - 15 * SECOND)
    schedule(database, "a", 4, now - 5 * SECOND, withdrawn=True)
    schedule(database, "a", 5, now + 5 * SECOND)
    assert enqueue(database, now) == 4
    assert [event_of(found)[:2] for found in messages(database, hook)] == [("a", 2), ("b", 1), ("a", 3)]
    assert [event_of(found)[:2] for found in messages(database, some)] == [("b", 1)]
    assert enqueue(database, now + 4 * SECOND) == 0
    assert enqueue(database, now + 5 * SECOND) == 1
    assert event_of(messages(database, hook)[-1])[:2] == ("a", 5)


def failure_of(delivery: Delivery) -> str:
    assert delivery.failure is not None
    return delivery.failure


def event_of(delivery: Delivery) -> tuple[Any, ...]:
    event = json.loads(delivery.event_json)
    return event["ruleset"], event["version"], event["id"]


def test_several_processes_that_look_at_once_make_each_message_once(database, hook):
    now = clock.now()
    for number in range(1, 11):
        schedule(database, "a", number, now - (20 - number) * SECOND)
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: enqueue(database, now), range(6)))
    assert sum(made) == 10
    assert [event_of(found)[1] for found in messages(database, hook)] == list(range(1, 11))


# --- delivery -------------------------------------------------------------------------------------------------------------


def test_a_message_says_what_took_effect_and_is_signed(database, sealer, courier, receiver):
    _, secret = created(database, sealer, receiver.url)
    now = tell(database, ("a", 7))
    assert courier.deliver_one(now)
    (got,) = receiver.got
    at = now - SECOND
    assert got.message == {
        "id": got.message["id"],
        "event": "version.in_force",
        "ruleset": "a",
        "version": 7,
        "sha256": "0" * 64,
        "effective_from": clock.write(at, clock.zone("UTC")),
        "published_at": clock.write(at - SECOND, clock.zone("UTC")),
    }
    assert uuid.UUID(got.message["id"])
    assert got.path == "/told?by=us"
    assert got.headers["Content-Type"] == "application/json"
    assert got.is_signed_by(secret)
    assert not got.is_signed_by(secret + "x")
    assert abs(int(got.headers["Zhunsheng-Signature"][2:].partition(",")[0]) - now // SECOND) < 60
    assert not courier.deliver_one(now)


FAILURES: Final = {
    "an error": (500, {}, "系统故障 ".encode() * 200, "HTTP 500: 系统故障"),
    "a redirect": (302, {"Location": "http://127.0.0.1:1/elsewhere"}, b"", "HTTP 302"),
    "no more": (410, {}, b"\0gone\x1b[31m", "HTTP 410:  gone [31m"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_message_that_is_not_accepted_is_sent_again_with_the_same_id(database, courier, hook, receiver, name):
    status, headers, body, told = FAILURES[name]
    receiver.answer = lambda _: (status, headers, body)
    now = tell(database, ("a", 1))
    courier.deliver_one(now)
    (failed,) = messages(database, hook)
    assert failure_of(failed).startswith(told)
    assert len(failure_of(failed)) <= 200
    assert (failed.attempts, failed.done_at) == (1, None)
    assert not courier.deliver_one(now)
    receiver.answer = lambda _: (204, {}, b"")
    courier.deliver_one(failed.due_at)
    (done,) = messages(database, hook)
    assert (done.attempts, done.failure) == (2, None)
    assert done.done_at
    assert len({got.body for got in receiver.got}) == 1
    assert len(receiver.got) == 2


def test_an_address_where_nobody_listens_is_a_failure(database, sealer, courier):
    with receiving() as gone:
        pass
    hook, _ = created(database, sealer, gone.url)
    courier.deliver_one(tell(database, ("a", 1)))
    assert failure_of(messages(database, hook)[0]).startswith("ConnectionRefusedError")


def test_an_address_that_hangs_or_trickles_ends_in_time(database, sealer, courier, hook, receiver, monkeypatch):
    monkeypatch.setattr(webhooks, "TIMEOUT", 0.3)
    release = threading.Event()
    receiver.answer = lambda _: (200 if release.wait(30) else 500, {}, b"")
    now = tell(database, ("a", 1))
    courier.deliver_one(now)
    release.set()
    assert "no answer within 0.3 s" in failure_of(messages(database, hook)[0])
    with trickling() as url:
        trickler, _ = created(database, sealer, url, ["a"])
        enqueue(database, now)
        courier.deliver_one(now)
    (cut,) = messages(database, trickler)
    assert "no answer within 0.3 s" in failure_of(cut)
    assert cut.done_at is None


def test_a_later_message_waits_for_the_earlier_of_its_ruleset_but_for_no_other(database, sealer, courier, hook, receiver):
    with receiving() as another:
        created(database, sealer, another.url)
        receiver.answer = lambda got: (503 if got.message["version"] == 1 and got.message["ruleset"] == "a" else 200, {}, b"")
        now = tell(database, ("a", 1), ("a", 2), ("b", 1))
        while courier.deliver_one(now):
            pass
        assert receiver.told() == [("a", 1), ("b", 1)]
        assert another.told() == [("a", 1), ("a", 2), ("b", 1)]
    receiver.answer = lambda _: (200, {}, b"")
    now = messages(database, hook)[0].due_at
    while courier.deliver_one(now):
        pass
    assert receiver.told() == [("a", 1), ("b", 1), ("a", 1), ("a", 2)]


def test_while_an_answer_is_awaited_nobody_sends_the_same_or_a_later_message(database, sealer, hook, receiver):
    release = threading.Event()
    receiver.answer = lambda got: (200 if got.message["version"] > 1 or release.wait(30) else 500, {}, b"")
    now = tell(database, ("a", 1), ("a", 2))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(Courier(database, sealer).deliver_one, now)
        receiver.await_one()
        assert not Courier(database, sealer).deliver_one(now)
        release.set()
        assert slow.result(30)
    assert Courier(database, sealer).deliver_one(now)
    assert receiver.told() == [("a", 1), ("a", 2)]


def test_a_message_of_a_process_that_died_is_sent_by_another_when_the_lease_ends(database, sealer, courier, hook, receiver):
    now = tell(database, ("a", 1), ("a", 2))
    dead = Courier(database, sealer)
    claimed = dead._claim(now)
    assert claimed
    assert not courier.deliver_one(now + LEASE - 1)
    receiver.answer = lambda _: (503, {}, b"")
    assert courier.deliver_one(now + LEASE)
    dead._settle(claimed, None, now)
    assert [(found.attempts, found.done_at) for found in messages(database, hook)] == [(2, None), (0, None)]
    assert receiver.told() == [("a", 1)]


def test_after_a_day_of_failures_a_message_is_given_up_and_the_next_one_goes(database, courier, hook, receiver, caplog):
    receiver.answer = lambda got: (500 if got.message["version"] == 1 else 200, {}, b"")
    begun = now = tell(database, ("a", 1), ("a", 2))
    for _ in range(MAX_ATTEMPTS):
        now = messages(database, hook)[0].due_at
        with caplog.at_level(logging.ERROR):
            assert courier.deliver_one(now)
    assert (now - begun) / clock.DAY == pytest.approx(0.95, abs=0.3)
    given_up, _ = messages(database, hook)
    assert given_up.done_at
    assert failure_of(given_up).startswith("HTTP 500")
    assert "given up" in caplog.text
    assert courier.deliver_one(now)
    assert receiver.told()[-1] == ("a", 2)


def test_pauses_double_up_to_two_hours_and_are_never_quite_alike():
    for attempt, seconds in ((1, 5), (2, 10), (5, 80), (11, 5120), (12, 7200), (99, 7200)):
        drawn = {pause(attempt) for _ in range(50)}
        assert len(drawn) > 40
        assert 0.8 * seconds * SECOND <= min(drawn) <= max(drawn) <= 1.2 * seconds * SECOND


def test_couriers_that_work_at_once_send_each_message_once_and_in_order(database, sealer, hook, receiver):
    now = tell(database, *[(ruleset, number) for number in range(1, 9) for ruleset in "abc"])

    def work(_: int) -> None:
        courier = Courier(database, sealer)
        while any(not found.done_at for found in messages(database, hook)):
            courier.deliver_one(now)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    for ruleset in "abc":
        assert [number for name, number in receiver.told() if name == ruleset] == list(range(1, 9))


def test_a_secret_that_does_not_open_is_a_failure_that_says_so(database, hook, receiver):
    stranger = Courier(database, Sealer(database, MasterKeys.parse(new_master_key("k2"))))
    stranger.deliver_one(tell(database, ("a", 1)))
    assert "密钥无法解封" in failure_of(messages(database, hook)[0])
    assert receiver.got == []


# --- the thread -----------------------------------------------------------------------------------------------------------


@contextmanager
def at_work(courier: Courier) -> Iterator[None]:
    courier.start()
    try:
        yield
    finally:
        courier.stop()


def test_the_courier_delivers_by_itself_and_stops_when_told(database, courier, hook, receiver, monkeypatch):
    monkeypatch.setattr(webhooks, "POLL", 0.02)
    with at_work(courier):
        tell(database, ("a", 1))
        assert receiver.await_one().message["version"] == 1
        tell(database, ("a", 2))
        assert receiver.await_one().message["version"] == 2
    tell(database, ("a", 3))
    assert receiver.told() == [("a", 1), ("a", 2)]
    assert not [thread for thread in threading.enumerate() if thread.name == "webhooks"]


def test_the_courier_outlives_a_restart_of_the_database(postgres, receiver, monkeypatch, caplog):
    monkeypatch.setattr(webhooks, "POLL", 0.02)
    database = Database(postgres.new_database(upgraded=True))
    sealer = Sealer(database, MASTERS)
    created(database, sealer, receiver.url)
    waited = threading.Event()
    caplog.handler.addFilter(lambda record: waited.set() if "wait for the store" in record.getMessage() else None)
    with closing(database), at_work(Courier(database, sealer)):
        tell(database, ("a", 1))
        receiver.await_one()
        postgres.stop()
        assert waited.wait(30)
        postgres.start()
        tell(database, ("b", 1))
        assert receiver.await_one().message["ruleset"] == "b"


# --- trying it out --------------------------------------------------------------------------------------------------------


def test_a_test_message_is_sent_at_once_and_tells_of_nothing(database, sealer, receiver):
    hook, secret = created(database, sealer, receiver.url)
    assert send_test(database, sealer, hook.id) is None
    (got,) = receiver.got
    assert got.message == {"id": got.message["id"], "event": "webhook.test"}
    assert got.is_signed_by(secret)
    assert messages(database, hook) == []
    receiver.answer = lambda _: (404, {}, b"no such page")
    assert send_test(database, sealer, hook.id) == "HTTP 404: no such page"
    with pytest.raises(Refused, match="E671"):
        send_test(database, sealer, "no-such-webhook")
