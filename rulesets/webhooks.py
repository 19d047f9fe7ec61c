"""How do other systems learn that a version has taken effect? By a signed message to an address of theirs.

A message goes out at least once, and carries an ``id`` by which a receiver knows it again. Messages about one ruleset reach
one address in the order in which its versions took effect: a later one waits until the earlier was accepted or given up.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import logging
import random
import re
import secrets
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Final
from urllib.parse import SplitResult, urlsplit

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, aliased

from engine import canonical_json
from rulesets import audit, clock
from rulesets.audit import Actor
from rulesets.clock import SECOND, Instant
from rulesets.database import Database
from rulesets.log.sealing import SealBroken, Sealer, Unavailable
from rulesets.models import Delivery, Head, Version, Webhook
from rulesets.refusals import Refused

log = logging.getLogger("zhunsheng.webhooks")

IN_FORCE: Final = "version.in_force"
TEST: Final = "webhook.test"
SIGNATURE: Final = "Zhunsheng-Signature"
TIMEOUT: Final = 10
"""Seconds for one attempt."""
LEASE: Final = 60 * SECOND
"""How long a message belongs to the process that tries to deliver it; longer than an attempt can take."""
FIRST_PAUSE: Final = 5 * SECOND
LONGEST_PAUSE: Final = 2 * 3600 * SECOND
GIVE_UP_AFTER: Final = clock.DAY
JITTER: Final = 0.2
MAX_FAILURE: Final = 200
_ID: Final = re.compile(r"[0-9a-f-]{36}", re.ASCII)
MAX_URL: Final = 2000
LEAVING: Final = 5.0
"""Seconds that a stopping process gives the message under way."""
POLL: Final = 2.0
"""Seconds between two looks for messages that are due."""

Post = Callable[[str, bytes, Mapping[str, str]], str | None]
"""Send a body to an address: None when it was accepted, otherwise why not."""


# --- addresses ------------------------------------------------------------------------------------------------------------


def listed(session: Session) -> list[Webhook]:
    return list(session.scalars(sa.select(Webhook).order_by(Webhook.created_at, Webhook.id)))


def find(session: Session, id_: str) -> Webhook:
    """The webhook with this id; raises E671."""
    found = session.get(Webhook, id_) if _ID.fullmatch(id_) else None
    if found is None:
        raise Refused("E671", found=id_[:60])
    return found


def create(database: Database, sealer: Sealer, actor: Actor, *, url: str, rulesets: Sequence[str] | None = None) -> tuple[Webhook, str]:
    """Tell ``url`` from now on, of some rulesets or of all; also the secret that signs, which nobody can show again.

    Raises E672 for the address and E633 for a ruleset that is not there.
    """
    _check_url(url)
    id_, secret = str(uuid.uuid4()), f"zw_{secrets.token_urlsafe(32)}"
    names = None if rulesets is None else canonical_json(sorted(set(rulesets)))
    made = Webhook(
        id=id_,
        url=url,
        rulesets_json=names,
        secret=canonical_json(sealer.seal(secret, "webhook", id_)),
        active=True,
        revision=1,
        created_by=actor.user or actor.name,
        created_at=clock.now(),
    )
    with database.writing() as session:
        _check_rulesets(session, rulesets or ())
        session.add(made)
        audit.enter(session, actor, audit.Change("webhook.created", id_, details={"address": _place(url), "rulesets": rulesets}))
    return made, secret


def remove(session: Session, actor: Actor, id_: str) -> None:
    """Tell this address no more; what still waits for it is dropped. Raises E671."""
    found = find(session, id_)
    session.execute(sa.delete(Delivery).where(Delivery.webhook == id_))
    session.delete(found)
    audit.enter(session, actor, audit.Change("webhook.removed", id_, details={"address": _place(found.url)}))


def deliveries(session: Session, id_: str, *, limit: int) -> list[Delivery]:
    """The newest messages to a webhook; raises E671."""
    find(session, id_)
    return list(session.scalars(sa.select(Delivery).where(Delivery.webhook == id_).order_by(Delivery.number.desc()).limit(limit)))


def rulesets_of(webhook: Webhook) -> list[str] | None:
    """The rulesets that a webhook is told of; None: all."""
    return None if webhook.rulesets_json is None else list(json.loads(webhook.rulesets_json))


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _wrong_url("无法读取", "cannot be read") from None
    if parts.scheme not in ("http", "https"):
        raise _wrong_url("应以 https:// 或 http:// 开头", "should begin with https:// or http://")
    if not parts.hostname or port == 0 or len(url) > MAX_URL or not _is_plain(url):
        raise _wrong_url("无法读取", "cannot be read")
    if parts.username is not None or parts.password is not None:
        raise _wrong_url("不得带用户名或口令，请用签名验证", "must not hold a name or password: check the signature instead")


def _place(url: str) -> str:
    """An address without its query, which may be secret."""
    return url.partition("?")[0]


def _is_plain(url: str) -> bool:
    return url.isascii() and url.isprintable() and " " not in url


def _wrong_url(zh: str, en: str) -> Refused:
    return Refused("E672", pointer="/url", detail_zh=zh, detail_en=en)


def _check_rulesets(session: Session, names: Sequence[str]) -> None:
    known = set(session.scalars(sa.select(Head.ruleset)))
    for number, name in enumerate(names):
        if name not in known:
            raise Refused("E633", pointer=f"/rulesets/{number}", found=name[:60])


# --- messages -------------------------------------------------------------------------------------------------------------


def enqueue_due(session: Session, now: Instant, zone: tzinfo = UTC) -> int:
    """Make a message of each version that has taken effect, for each webhook that was there by then; how many were made.

    Several processes may try at once: the rows of the webhooks make them take turns.
    """
    webhooks = session.scalars(sa.select(Webhook).where(Webhook.active).order_by(Webhook.id).with_for_update()).all()
    made = [_message(webhook, version, zone) for webhook in webhooks for version in _untold(session, webhook, now)]
    session.add_all(made)
    session.flush()
    return len(made)


def _untold(session: Session, webhook: Webhook, now: Instant) -> Sequence[Version]:
    """The versions that took effect since a webhook was made and of which it has no message, in the order they did."""
    told = sa.select(Delivery.version).where(Delivery.webhook == webhook.id)
    due = sa.select(Version).where(
        Version.withdrawn_at.is_(None), Version.effective_from <= now, Version.effective_from > webhook.created_at, Version.id.not_in(told)
    )
    if (names := rulesets_of(webhook)) is not None:
        due = due.where(Version.ruleset.in_(names))
    return session.scalars(due.order_by(Version.effective_from, Version.id)).all()


def _message(webhook: Webhook, version: Version, zone: tzinfo) -> Delivery:
    event = {
        "id": str(uuid.uuid4()),
        "event": IN_FORCE,
        "ruleset": version.ruleset,
        "version": version.number,
        "sha256": version.sha256,
        "effective_from": clock.write(version.effective_from, zone),
        "published_at": clock.write(version.published_at, zone),
    }
    return Delivery(
        webhook=webhook.id, version=version.id, ruleset=version.ruleset, event_json=canonical_json(event), due_at=version.effective_from, attempts=0
    )


def signature(secret: str, body: bytes, at: Instant) -> str:
    """The header that proves who sent ``body`` and when: ``t=<seconds>,v1=<HMAC-SHA256 of "<t>." and the body>``."""
    seconds = at // SECOND
    return f"t={seconds},v1={hmac.digest(secret.encode(), f'{seconds}.'.encode() + body, hashlib.sha256).hex()}"


# --- delivery -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that nobody else delivers until the lease ends; the ``attempt`` tells later claims from this one."""

    number: int
    attempt: int
    webhook: str
    url: str
    secret: str
    event: str


class Courier:
    """Delivers what is due, one message after the other, in a thread of its own. Each process has one; the store divides the work."""

    def __init__(self, database: Database, sealer: Sealer, post: Post | None = None, zone: tzinfo = UTC) -> None:
        self._database, self._sealer, self._post, self._zone = database, sealer, post or post_once, zone
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to deliver; to be called after a fork."""
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Deliver no more; waits a little for the message that is under way, which is sent again otherwise."""
        self._stopping.set()
        if self._thread:
            self._thread.join(LEAVING)

    def deliver_one(self, now: Instant | None = None) -> bool:
        """Try to deliver one message that is due; whether there was one."""
        now = clock.now() if now is None else now
        claimed = self._claim(now)
        if claimed is None:
            return False
        failure = self._try(claimed)
        self._settle(claimed, failure, now)
        return True

    def announce(self, now: Instant | None = None) -> int:
        """Make the messages of versions that have taken effect; how many were made. Writes only when there are some."""
        now = clock.now() if now is None else now
        with self._database.reading() as session:
            if not any(_untold(session, webhook, now) for webhook in session.scalars(sa.select(Webhook).where(Webhook.active)).all()):
                return 0
        with self._database.writing() as session:
            return enqueue_due(session, now, self._zone)

    def _run(self) -> None:
        away = False
        while not self._stopping.is_set():
            try:
                busy = self.announce() > 0 or self.deliver_one()
                away = False
            except (SQLAlchemyError, Unavailable) as error:
                if not away:
                    log.warning("webhooks wait for the store: %s", type(error).__name__)
                busy, away = False, True
            if not busy:
                self._stopping.wait(POLL)

    def _claim(self, now: Instant) -> Claimed | None:
        with self._database.reading() as session:
            if session.execute(_due(now)).first() is None:
                return None
        with self._database.writing() as session:
            found = session.execute(_due(now).with_for_update(skip_locked=True, of=Delivery)).first()
            if found is None:
                return None
            delivery, webhook = found
            delivery.due_at, delivery.attempts = now + LEASE, delivery.attempts + 1
            return Claimed(delivery.number, delivery.attempts, webhook.id, webhook.url, webhook.secret, delivery.event_json)

    def _try(self, claimed: Claimed) -> str | None:
        try:
            return send(self._sealer, claimed.webhook, claimed.secret, claimed.url, claimed.event, post=self._post)
        except SealBroken:
            return "密钥无法解封，请重建 Webhook / the secret does not open: make the webhook anew"

    def _settle(self, claimed: Claimed, failure: str | None, now: Instant) -> None:
        """Note what became of an attempt, unless somebody else has tried since."""
        given_up = failure is not None and claimed.attempt >= MAX_ATTEMPTS
        done_at = clock.now() if failure is None or given_up else None
        values = {"failure": failure, "done_at": done_at, "due_at": now + pause(claimed.attempt)}
        ours = sa.and_(Delivery.number == claimed.number, Delivery.attempts == claimed.attempt, Delivery.done_at.is_(None))
        with self._database.writing() as session:
            session.execute(sa.update(Delivery).where(ours).values(values))
        if given_up:
            log.error("webhook %s: message %s given up after %s attempts", claimed.webhook, claimed.number, claimed.attempt)


def _due(now: Instant) -> sa.Select[Delivery, Webhook]:
    """The message to try next: due, and with nothing before it to the same address about the same ruleset."""
    earlier = aliased(Delivery)
    before = sa.exists().where(
        earlier.webhook == Delivery.webhook, earlier.ruleset == Delivery.ruleset, earlier.number < Delivery.number, earlier.done_at.is_(None)
    )
    waiting = sa.select(Delivery, Webhook).join(Webhook, Webhook.id == Delivery.webhook)
    return waiting.where(Webhook.active, Delivery.done_at.is_(None), Delivery.due_at <= now, ~before).order_by(Delivery.due_at, Delivery.number).limit(1)


def waiting(session: Session) -> int:
    """How many messages are not delivered yet."""
    return int(session.scalars(sa.select(sa.func.count(Delivery.number)).where(Delivery.done_at.is_(None))).one())


def pause(attempt: int) -> Instant:
    """How long to wait after the attempt with this number failed: twice as long each time, and never quite alike."""
    return round(_pause(attempt) * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - nothing to guess


def _pause(attempt: int) -> Instant:
    return min(FIRST_PAUSE << min(attempt - 1, 32), LONGEST_PAUSE)


def _attempts_until(limit: Instant) -> int:
    attempts, waited = 1, _pause(1)
    while waited <= limit:
        attempts += 1
        waited += _pause(attempts)
    return attempts


MAX_ATTEMPTS: Final = _attempts_until(GIVE_UP_AFTER)
"""So many that the pauses between them add up to a day."""


def send(sealer: Sealer, webhook: str, secret: str, url: str, event: str, *, post: Post) -> str | None:
    """Sign a message and send it once; None when it was accepted, otherwise why not. Raises ``SealBroken``."""
    body = event.encode()
    opened = sealer.open(json.loads(secret), "webhook", webhook)
    headers = {"Content-Type": "application/json", "User-Agent": "Zhunsheng", SIGNATURE: signature(opened, body, clock.now())}
    return post(url, body, headers)


def send_test(database: Database, sealer: Sealer, id_: str, *, post: Post | None = None) -> str | None:
    """Send a message that tells of nothing, at once and once; None when it was accepted, otherwise why not. Raises E671."""
    with database.reading() as session:
        found = find(session, id_)
        secret, url = found.secret, found.url
    event = canonical_json({"id": str(uuid.uuid4()), "event": TEST})
    return send(sealer, id_, secret, url, event, post=post or post_once)


def post_once(url: str, body: bytes, headers: Mapping[str, str]) -> str | None:
    """Send by HTTP within ``TIMEOUT``; follows no redirect and knows no proxy. None for a 2xx, otherwise at most ``MAX_FAILURE`` characters."""
    connection, late = _connection(urlsplit(url)), threading.Event()
    failure: str | None = None
    try:
        with closing(connection), _deadline(connection, late):
            failure = _conversation(connection, _target(urlsplit(url)), body, headers)
    except TimeoutError:
        late.set()
    except (OSError, http.client.HTTPException, ValueError) as error:
        failure = _told(type(error).__name__, str(error))
    return f"{TIMEOUT} 秒内没有回答 / no answer within {TIMEOUT} s" if late.is_set() else failure


def _conversation(connection: http.client.HTTPConnection, target: str, body: bytes, headers: Mapping[str, str]) -> str | None:
    connection.request("POST", target, body, dict(headers))
    answer = connection.getresponse()
    if 200 <= answer.status < 300:
        return None
    return _told(f"HTTP {answer.status}", answer.read(MAX_FAILURE).decode(errors="replace"))


def _told(what: str, more: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in more)
    return f"{what}: {printable}"[:MAX_FAILURE]


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=TIMEOUT)


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


@contextmanager
def _deadline(connection: http.client.HTTPConnection, late: threading.Event) -> Iterator[None]:
    """End the conversation when the block takes longer than ``TIMEOUT``, however busily the other side trickles; says so by ``late``."""

    def end() -> None:
        late.set()
        with suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(TIMEOUT, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
