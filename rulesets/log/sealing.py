"""How are sensitive values kept so that nobody reads them in the store?

A sealed value is AES-256-GCM under a key derived from a data key and the value's context (which decision): no two decisions share
a key, and a value moved to another decision or field does not open. Data keys stand in the store, themselves sealed by a master key of
the configuration. Rotation seals the data keys anew and touches no record; a destroyed data key takes its values with it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from engine import Text
from rulesets import clock
from rulesets.audit import SERVICE, Actor, Change, enter
from rulesets.database import Database
from rulesets.models import Counter, DataKey, DecisionRecord, Webhook

KEY_LIFE: Final = 31 * clock.DAY
"""How long a data key seals new values."""
_SIZE: Final = 32
_NONCE: Final = 12
_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


class WrongMasterKeys(ValueError):
    """The configured master keys cannot be read; ``text`` says why and how to mend it."""

    def __init__(self, text: Text) -> None:
        self.text = text
        super().__init__(f"{text.zh} / {text.en}")


class Unavailable(Exception):
    """The store cannot be reached in time: nothing is known to be kept, the caller should ask again."""


@contextmanager
def reaching() -> Iterator[None]:
    """Raise ``Unavailable`` when the block cannot reach the store, or loses it."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise Unavailable(type(error).__name__) from error


class SealBroken(Exception):
    """A sealed value or data key does not open: altered, moved, or its key is gone."""


@dataclass(frozen=True, slots=True)
class MasterKeys:
    """The configured keys by name; the first is the one that seals."""

    keys: Mapping[str, bytes] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> MasterKeys:
        """Read ``k2:base64,k1:base64``; raises ``WrongMasterKeys``."""
        keys: dict[str, bytes] = {}
        for entry in filter(None, (part.strip() for part in text.split(","))):
            name, key = _read_key(entry)
            if name in keys:
                raise WrongMasterKeys(Text(f"主密钥名称重复：{name}", f"two master keys are named {name}"))
            keys[name] = key
        if not keys:
            raise WrongMasterKeys(Text("没有主密钥，每项应为 名称:密钥（32 字节的 Base64）", "no master key; each entry is NAME:KEY (Base64 of 32 bytes)"))
        return cls(keys)

    @property
    def current(self) -> str:
        return next(iter(self.keys))

    def wrap(self, key: bytes, key_id: str) -> str:
        """Seal a data key by the current master key."""
        return _encrypt(AESGCM(self.keys[self.current]), key, f"data key {key_id}")

    def unwrap(self, sealed: str, key_id: str, master: str) -> bytes:
        """Open a data key; raises ``SealBroken``."""
        if master not in self.keys:
            raise SealBroken(f"master key {master} is not configured")
        return _decrypt(AESGCM(self.keys[master]), sealed, f"data key {key_id}")


def new_master_key(name: str) -> str:
    """A fresh entry for the configuration; raises ``WrongMasterKeys`` for a name that could not be read again."""
    if not _NAME.fullmatch(name):
        raise WrongMasterKeys(
            Text("主密钥的名称应为 1 到 64 个字母、数字、点、横线或下划线", "a master key is named by 1 to 64 letters, digits, dots, dashes or underscores")
        )
    return f"{name}:{base64.b64encode(secrets.token_bytes(_SIZE)).decode()}"


def _read_key(entry: str) -> tuple[str, bytes]:
    name, _, encoded = entry.partition(":")
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not _NAME.fullmatch(name) or len(key) != _SIZE:
        raise WrongMasterKeys(Text("主密钥每项应为 名称:密钥（32 字节的 Base64）", "each master key is NAME:KEY (Base64 of 32 bytes)"))
    return name, key


class Sealer:
    """Seals and opens values, with data keys of the store. Safe to share between threads and to fork."""

    def __init__(self, database: Database, masters: MasterKeys) -> None:
        self._database, self._masters = database, masters
        self._opened: dict[str, bytes] = {}
        self._current: tuple[str, clock.Instant] = ("", 0)

    def seal(self, value: object, *context: str) -> dict[str, str]:
        """``{"sealed": "<key id>:<base64>"}``; opens only in the same context. Raises ``Unavailable`` when a new key cannot be kept."""
        return self.seal_all({context[-1]: value}, *context[:-1])[context[-1]]

    def seal_all(self, values: Mapping[str, object], *context: str) -> dict[str, dict[str, str]]:
        """Seal values that share a context, each with its name as the last part of its own."""
        if not values:
            return {}
        key_id = self.current_key()
        cipher = AESGCM(self._derived(key_id, context))
        return {name: {"sealed": f"{key_id}:{_encrypt(cipher, written(value).encode(), name)}"} for name, value in values.items()}

    def open(self, sealed: Mapping[str, str], *context: str) -> Any:
        """The value as it was sealed. Raises ``SealBroken``, or ``Unavailable``."""
        key_id, _, text = sealed["sealed"].partition(":")
        return json.loads(_decrypt(AESGCM(self._derived(key_id, context[:-1])), text, context[-1]))

    def fingerprint(self, text: str, key_id: str | None = None) -> str:
        """``<key id>:<HMAC>`` of a text: equal for equal texts, and nothing to guess from without the key."""
        key_id = key_id or self.current_key()
        return f"{key_id}:{hmac.digest(self._key(key_id), b'fingerprint' + text.encode(), 'sha256').hex()}"

    def matches(self, text: str, fingerprint: str) -> bool:
        """Whether ``fingerprint`` is that of ``text``; not when its key is gone."""
        try:
            return hmac.compare_digest(self.fingerprint(text, fingerprint.partition(":")[0]), fingerprint)
        except SealBroken:
            return False

    def current_key(self) -> str:
        """The id of the data key that seals now; a new one is made when the newest has served its time."""
        key_id, until = self._current
        if clock.now() >= until:
            with reaching():
                key_id, _ = self._current = self._newest()
        return key_id

    def _derived(self, key_id: str, context: Iterable[str]) -> bytes:
        return hmac.digest(self._key(key_id), b"seal" + "\n".join(context).encode(), "sha256")

    def _key(self, key_id: str) -> bytes:
        found = self._opened.get(key_id)
        return found if found is not None else self._load(key_id)

    def _load(self, key_id: str) -> bytes:
        with reaching(), self._database.reading() as session:
            row = session.execute(sa.select(DataKey.sealed, DataKey.master).where(DataKey.id == key_id)).one_or_none()
        if row is None:
            raise SealBroken(f"data key {key_id} is gone")
        return self._opened.setdefault(key_id, self._masters.unwrap(row.sealed, key_id, row.master))

    def _newest(self) -> tuple[str, clock.Instant]:
        """The newest data key and until when it seals; makes one, and only one whoever else tries."""
        with self._database.writing() as session:
            session.scalars(sa.select(Counter).where(Counter.name == "audit").with_for_update()).one()
            newest = session.scalar(sa.select(DataKey).order_by(DataKey.created_at.desc(), DataKey.id).limit(1))
            if newest is None or newest.created_at + KEY_LIFE <= clock.now():
                newest = _make(session, self._masters)
            return newest.id, newest.created_at + KEY_LIFE


def _make(session: Session, masters: MasterKeys) -> DataKey:
    now = clock.now()
    key_id = f"{clock.write(now, clock.zone('UTC'))[:7]}-{secrets.token_hex(3)}"
    made = DataKey(id=key_id, created_at=now, master=masters.current, sealed=masters.wrap(secrets.token_bytes(_SIZE), key_id))
    session.add(made)
    enter(session, SERVICE, Change("key.created", key_id, details={"master": masters.current}), at=now)
    return made


def rotate(session: Session, masters: MasterKeys, actor: Actor) -> int:
    """Seal every data key by the current master key, so that the others are no longer needed; how many were sealed anew.

    Every process must know the current master key by then. Raises ``SealBroken`` when a key's master is not configured.
    """
    old = session.scalars(sa.select(DataKey).where(DataKey.master != masters.current).order_by(DataKey.id).with_for_update()).all()
    for row in old:
        details = {"from": row.master, "to": masters.current}
        row.sealed = masters.wrap(masters.unwrap(row.sealed, row.id, row.master), row.id)
        row.master = masters.current
        enter(session, actor, Change("key.rotated", row.id, details=details))
    return len(old)


def destroy_keys(session: Session, actor: Actor) -> list[str]:
    """Destroy the data keys that nothing in the store needs any more: what they sealed elsewhere (in exports) is unreadable for ever.

    A key is needed while there is a decision from the time in which it sealed, or a webhook whose secret it seals.
    """
    oldest = session.scalar(sa.select(sa.func.min(DecisionRecord.at)))
    horizon = min(clock.now() if oldest is None else oldest, clock.now()) - KEY_LIFE - clock.DAY
    needed = {json.loads(secret)["sealed"].partition(":")[0] for secret in session.scalars(sa.select(Webhook.secret))}
    old = session.scalars(sa.select(DataKey.id).where(DataKey.created_at < horizon).order_by(DataKey.id)).all()
    gone = [key_id for key_id in old if key_id not in needed]
    for key_id in gone:
        session.execute(sa.delete(DataKey).where(DataKey.id == key_id))
        enter(session, actor, Change("key.destroyed", key_id))
    return gone


def missing_masters(session: Session, masters: MasterKeys) -> list[str]:
    """The master keys that data keys need and the configuration lacks."""
    return [name for name in session.scalars(sa.select(DataKey.master).distinct().order_by(DataKey.master)) if name not in masters.keys]


def written(data: object) -> str:
    """Canonical JSON with every text exactly as it came: keys sorted, no blanks."""
    return _ENCODER.encode(data).decode()


def is_sealed(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {"sealed"} and isinstance(value["sealed"], str)


def _encrypt(cipher: AESGCM, data: bytes, context: str) -> str:
    nonce = os.urandom(_NONCE)
    return base64.b64encode(nonce + cipher.encrypt(nonce, data, context.encode())).decode()


def _decrypt(cipher: AESGCM, text: str, context: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
        return cipher.decrypt(data[:_NONCE], data[_NONCE:], context.encode())
    except (InvalidTag, ValueError):
        raise SealBroken(f"what is sealed does not open ({context})") from None
