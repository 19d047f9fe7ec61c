"""Who is signed in, and may somebody sign in? Passwords are counted before they are verified; cookies are kept as hashes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rulesets import audit, clock, passwords, people
from rulesets.database import Database
from rulesets.models import SignIn, User
from rulesets.people import Granted
from rulesets.refusals import Refused

IDLE: Final = 8 * 3600 * clock.SECOND
"""A sign-in ends when it is not used for so long, …"""
LONGEST: Final = 24 * 3600 * clock.SECOND
"""… and after so long in any case."""
SEEN_EVERY: Final = 60 * clock.SECOND
"""How often it is written that a sign-in is in use."""
FAILURES: Final = 5
"""Wrong passwords in a row that lock an account …"""
LOCKED: Final = 15 * 60 * clock.SECOND
"""… and for how long."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A browser whose user is who they say."""

    user: User
    grants: tuple[Granted, ...]
    cookie_sha256: str
    csrf_sha256: str


def csrf_token(cookie: str) -> str:
    """What a page must send with every change. It follows from the cookie, and the cookie does not follow from it."""
    return urlsafe_b64encode(hmac.digest(cookie.encode(), b"zhunsheng csrf", "sha256")).decode().rstrip("=")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# --- with a password -------------------------------------------------------------------------------------------------------


def sign_in(database: Database, *, name: str, password: str, origin: str) -> tuple[SignedIn, str]:
    """The sign-in of ``name`` and its new cookie. Raises E613, the same whatever is the matter and after the same work."""
    verified = _verified(database, name, password, origin)
    with database.writing() as session:
        user = _unchanged(session, verified)
        if user is None:
            raise Refused("E613")
        return begin(session, user, origin=origin)


def begin(session: Session, user: User, *, origin: str, how: str = "password") -> tuple[SignedIn, str]:
    """Sign ``user`` in, who has proved who they are and whose row is locked."""
    now, cookie = clock.now(), secrets.token_urlsafe(32)
    ended = sa.or_(SignIn.expires_at <= now, SignIn.seen_at <= now - IDLE)
    session.execute(sa.delete(SignIn).where(SignIn.user == user.name, ended))
    made = SignIn(cookie_sha256=sha256(cookie), user=user.name, csrf_sha256=sha256(csrf_token(cookie)), created_at=now, seen_at=now, expires_at=now + LONGEST)
    session.add(made)
    user.seen_at = now
    audit.enter(session, audit.Actor(f"user:{user.name}", origin), audit.Change("sign-in.succeeded", f"user:{user.name}", details={"how": how}))
    return SignedIn(user, people.grants(session, user.name), made.cookie_sha256, made.csrf_sha256), cookie


def change_password(database: Database, *, name: str, current: str, new: str, keep: str, origin: str) -> User:
    """Give oneself a new password and sign out everywhere else than at ``keep``.

    Raises E636 when the new one is not good enough, E637 when ``current`` is wrong (which counts as a failed sign-in), E643 for who has none.
    """
    with database.reading() as session:
        if people.user(session, name).password is None:
            raise Refused("E643")
    passwords.check(new, name, pointer="/new")
    if passwords.canonical(new) == passwords.canonical(current):
        raise Refused("E636", pointer="/new", detail_zh="应与现在的不同", detail_en="it must differ from the present one")
    try:
        verified = _verified(database, name, current, origin)
    except Refused:
        raise Refused("E637", pointer="/current") from None
    hashed = passwords.hashed(new)
    with database.writing() as session:
        user = _unchanged(session, verified)
        if user is None:
            raise Refused("E637", pointer="/current")
        user.password, user.must_change = hashed, False
        user.revision += 1
        people.end_sign_ins(session, name, but=keep)
        audit.enter(session, audit.Actor(f"user:{name}", origin), audit.Change("user.password_changed", f"user:{name}"))
        return user


def _verified(database: Database, name: str, password: str, origin: str) -> User:
    """The user with this name and password; raises E613."""
    name = name if people.is_name(name) else "?"
    kept = _counted(database, name)
    right = passwords.matches(kept.password if kept else None, password)
    with database.writing() as session:
        user = session.get(User, name, with_for_update=True)
        if right and user is not None and kept is not None and user.active and user.password == kept.password:
            user.failures, user.locked_until = 0, None
            return user
        _enter_failure(session, name, kept, known=user is not None, origin=origin)
    raise Refused("E613")


def _unchanged(session: Session, verified: User) -> User | None:
    """The user as they are now, locked; None when they may no longer sign in with the password that was verified."""
    user = session.get(User, verified.name, with_for_update=True)
    return user if user is not None and user.active and user.password == verified.password else None


def _counted(database: Database, name: str) -> User | None:
    """Count a try before it is made, so that many at once cannot be more than ``FAILURES``.

    None when it must not succeed: nobody is called so, or the account is locked or may not sign in with a password.
    """
    with database.writing() as session:
        user = session.get(User, name, with_for_update=True)
        now = clock.now()
        if user is None or user.password is None or not user.active or (user.locked_until or 0) > now:
            return None
        if user.locked_until is not None:
            user.failures, user.locked_until = 0, None
        user.failures += 1
        if user.failures >= FAILURES:
            user.locked_until = now + LOCKED
        return user


def enter_stranger(session: Session, subject: str, *, origin: str) -> None:
    """Somebody signed in elsewhere who has no active account here."""
    details = {"how": "single sign-on", "subject": subject}
    audit.enter(session, audit.Actor("anonymous", origin), audit.Change("sign-in.failed", "user:?", details=details))


def _enter_failure(session: Session, name: str, counted: User | None, *, known: bool, origin: str) -> None:
    anybody = audit.Actor("anonymous", origin)
    audit.enter(session, anybody, audit.Change("sign-in.failed", f"user:{name}", details={"known": known, "counted": counted is not None}))
    if counted is not None and counted.failures == FAILURES:
        audit.enter(session, anybody, audit.Change("sign-in.locked", f"user:{name}", details={"until": counted.locked_until}))


# --- afterwards ------------------------------------------------------------------------------------------------------------


def find(database: Database, cookie: str) -> SignedIn | None:
    """Whose browser has this cookie; None when it is unknown, too old, or of somebody who is no longer active."""
    now = clock.now()
    with database.reading() as session:
        query = sa.select(SignIn, User).join(User, User.name == SignIn.user)
        alive = SignIn.expires_at > now, SignIn.seen_at > now - IDLE, User.active
        found = session.execute(query.where(SignIn.cookie_sha256 == sha256(cookie), *alive)).one_or_none()
        if found is None:
            return None
        kept, user = found
        signed_in = SignedIn(user, people.grants(session, user.name), kept.cookie_sha256, kept.csrf_sha256)
        session.expunge_all()
    if now - kept.seen_at >= SEEN_EVERY:
        _seen(database, signed_in, now)
    return signed_in


def end(database: Database, signed_in: SignedIn, origin: str) -> None:
    """Sign one browser out."""
    with database.writing() as session:
        session.execute(sa.delete(SignIn).where(SignIn.cookie_sha256 == signed_in.cookie_sha256))
        audit.enter(session, audit.Actor(f"user:{signed_in.user.name}", origin), audit.Change("sign-in.ended", f"user:{signed_in.user.name}"))


def _seen(database: Database, signed_in: SignedIn, now: clock.Instant) -> None:
    with database.writing() as session:
        session.execute(sa.update(User).where(User.name == signed_in.user.name).values(seen_at=now))  # first: who ends sign-ins holds it
        session.execute(sa.update(SignIn).where(SignIn.cookie_sha256 == signed_in.cookie_sha256, SignIn.seen_at < now).values(seen_at=now))
