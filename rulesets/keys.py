"""Which systems may call, and what may each of them ask? A key is random; only its SHA-256 is ever kept."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
import threading
import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from engine import canonical_json
from rulesets import audit, clock
from rulesets.database import Database
from rulesets.models import ApiKey
from rulesets.refusals import Refused
from rulesets.views import cut

log = logging.getLogger("zhunsheng.keys")

PREFIX: Final = "zs_"
SYSTEM: Final = "[A-Za-z0-9._-]{1,64}"
"""What a calling system may be called."""
Scope = Literal["decide", "read"]
SCOPES: Final[tuple[Scope, ...]] = ("decide", "read")
MAX_OVERLAP: Final = 30 * clock.DAY
"""How long a key may stay valid beside the one that replaces it."""
_ID: Final = re.compile("[0-9a-f-]{36}", re.ASCII)


def new_key() -> str:
    """A fresh key with 256 bits of randomness."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_key(key: str) -> str:
    """SHA-256 is enough for a key that is random: there is nothing to guess."""
    return hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Key:
    """What a key lets its system do. ``outcomes`` are the only ones it may ask for; None: all of them."""

    id: str
    system: str
    scopes: frozenset[Scope] = frozenset(SCOPES)
    outcomes: frozenset[str] | None = None
    expires_at: clock.Instant | None = None


# --- made, replaced, revoked -----------------------------------------------------------------------------------------------


def listed(session: Session) -> list[ApiKey]:
    """All keys there ever were, by system, the newest first."""
    return list(session.scalars(sa.select(ApiKey).order_by(ApiKey.system, ApiKey.created_at.desc(), ApiKey.id)))


def create(
    session: Session,
    actor: audit.Actor,
    *,
    system: str,
    scopes: Collection[Scope],
    outcomes: Collection[str] | None = None,
    expires_at: clock.Instant | None = None,
) -> tuple[ApiKey, str]:
    """A new key of a system: what is kept of it, and the key itself, which nobody can show again."""
    made, key = _kept(actor, system, canonical_json(sorted(scopes)), None if outcomes is None else canonical_json(sorted(set(outcomes))), expires_at)
    session.add(made)
    _enter(session, actor, "key.created", made)
    return made, key


def rotate(session: Session, actor: audit.Actor, id: str, *, overlap: int, expires_at: clock.Instant | None = None) -> tuple[ApiKey, str]:  # noqa: A002
    """A new key that may do the same; the old one is good for ``overlap`` microseconds more. Raises E639, E640."""
    old = _valid(session, id)
    made, key = _kept(actor, old.system, old.scopes_json, old.outcomes_json, expires_at)
    until = clock.now() + overlap
    old.expires_at = until if old.expires_at is None else min(until, old.expires_at)
    session.add(made)
    _enter(session, actor, "key.rotated", made, replaces=id, old_until=old.expires_at)
    return made, key


def revoke(session: Session, actor: audit.Actor, id: str, *, reason: str = "") -> ApiKey:  # noqa: A002
    """End a key for good; every process knows within about a second. Raises E639; a revoked key stays as it is."""
    key = _find(session, id)
    if key.revoked_at is None:
        key.revoked_at = clock.now()
        _enter(session, actor, "key.revoked", key, reason=reason)
    return key


def scopes_of(key: ApiKey) -> list[Scope]:
    return cast(list[Scope], json.loads(key.scopes_json))


def outcomes_of(key: ApiKey) -> list[str] | None:
    return None if key.outcomes_json is None else cast(list[str], json.loads(key.outcomes_json))


def state_of(key: ApiKey) -> Literal["valid", "expired", "revoked"]:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= clock.now() else "valid"


def _kept(actor: audit.Actor, system: str, scopes: str, outcomes: str | None, expires_at: clock.Instant | None) -> tuple[ApiKey, str]:
    key = new_key()
    made = ApiKey(
        id=str(uuid.uuid4()),
        key_sha256=hash_key(key),
        system=system,
        scopes_json=scopes,
        outcomes_json=outcomes,
        created_by=actor.user or actor.name,
        created_at=clock.now(),
        expires_at=expires_at,
    )
    return made, key


def _find(session: Session, id: str) -> ApiKey:  # noqa: A002
    found = session.get(ApiKey, id, with_for_update=True) if _ID.fullmatch(id) else None
    if found is None:
        raise Refused("E639", found=cut(id))
    return found


def _valid(session: Session, id: str) -> ApiKey:  # noqa: A002
    found = _find(session, id)
    if state_of(found) != "valid":
        raise Refused("E640", found=id)
    return found


def _enter(session: Session, actor: audit.Actor, action: str, key: ApiKey, *, reason: str = "", **more: Any) -> None:
    details = {"system": key.system, "scopes": scopes_of(key), "outcomes": outcomes_of(key), "expires_at": key.expires_at, **more}
    audit.enter(session, actor, audit.Change(action, f"key:{key.id}", reason, details=details))


# --- recognised ------------------------------------------------------------------------------------------------------------


class KeyRing:
    """The valid keys, as this process knows them: never older than a second. Safe to share between threads.

    A key that is not among them is looked for by itself, but only ``LOOKS`` times in a second: whoever sends made-up keys
    does not make the store busy.
    """

    FRESH: Final = 1.0
    """Seconds."""
    LOOKS: Final = 20
    NOTED_EVERY: Final = 60 * clock.SECOND
    """How often the last use of a key is written."""
    WRITTEN_AFTER: Final = 5.0
    """Seconds that uses are gathered before they are written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._keys: dict[str, Key] = {}
        self._fresh_until = 0.0
        self._unknown: set[str] = set()
        self._noted: dict[str, clock.Instant] = {}
        self._unwritten: dict[str, clock.Instant] = {}
        self._writer: threading.Timer | None = None

    def find(self, key: str) -> Key | None:
        """What ``key`` lets its holder do; None when it is unknown, expired or revoked."""
        sha256 = hash_key(key)
        if time.monotonic() >= self._fresh_until:
            self._look()
        found = self._keys.get(sha256) or self._look_for(sha256)
        now = clock.now()
        if found is None or (found.expires_at is not None and found.expires_at <= now):
            return None
        if now - self._noted.get(found.id, 0) >= self.NOTED_EVERY:
            self._note(found, now)
        return found

    def forget(self) -> None:
        """Look into the store before the next answer."""
        with self._lock:
            self._fresh_until = 0.0

    def flush(self) -> None:
        """Write the last uses gathered so far. When the store cannot take them, they are lost."""
        with self._lock:
            uses, self._unwritten = self._unwritten, {}
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.cancel()
        try:
            self._write(uses)
        except SQLAlchemyError as error:
            log.warning("the last use of %d keys is not written: %s", len(uses), type(error).__name__)

    def close(self) -> None:
        """Write what is gathered; the ring stays as good as before."""
        self.flush()

    def _look(self) -> None:
        with self._lock:
            now = time.monotonic()
            if now >= self._fresh_until:
                self._keys, self._unknown = self._read(ApiKey.revoked_at.is_(None)), set()
                self._fresh_until = now + self.FRESH

    def _look_for(self, sha256: str) -> Key | None:
        with self._lock:
            if sha256 not in self._unknown and len(self._unknown) < self.LOOKS:
                self._unknown.add(sha256)
                self._keys |= self._read(ApiKey.key_sha256 == sha256, ApiKey.revoked_at.is_(None))
        return self._keys.get(sha256)

    def _read(self, *which: sa.ColumnElement[bool]) -> dict[str, Key]:
        with self._database.reading() as session:
            found = session.scalars(sa.select(ApiKey).where(*which, sa.or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > clock.now())))
            return {key.key_sha256: _key(key) for key in found}

    def _write(self, uses: Mapping[str, clock.Instant]) -> None:
        if uses:
            with self._database.writing() as session:
                for id_, at in sorted(uses.items()):
                    unknown_or_older = sa.or_(ApiKey.used_at.is_(None), ApiKey.used_at < at)
                    session.execute(sa.update(ApiKey).where(ApiKey.id == id_, unknown_or_older).values(used_at=at))

    def _note(self, key: Key, at: clock.Instant) -> None:
        """Remember a use; a thread of its own writes it a little later."""
        with self._lock:
            self._noted[key.id] = self._unwritten[key.id] = at
            if self._writer is None:
                self._writer = threading.Timer(self.WRITTEN_AFTER, self.flush)
                self._writer.daemon = True
                self._writer.start()


def _key(kept: ApiKey) -> Key:
    outcomes = outcomes_of(kept)
    return Key(kept.id, kept.system, frozenset(scopes_of(kept)), None if outcomes is None else frozenset(outcomes), kept.expires_at)
