"""Who is calling, a system with a key or a person with a browser, and may they do this?"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, Literal

import sqlalchemy as sa
from flask import Request

from api import logs
from api.problems import Problem
from api.service import Service, current_request, service
from engine import Text
from rulesets import signins
from rulesets.audit import Actor
from rulesets.database import Database
from rulesets.keys import SCOPES, Key, Scope
from rulesets.models import Head
from rulesets.people import ROLES, Granted, Role
from rulesets.signins import SignedIn
from rulesets.views import cut

View = Callable[..., Any]
Who = Role | Scope | Literal["signed-in", "oneself", "anybody"]
"""A role (anywhere), a scope of a key, who is signed in, who looks after their own account, or really anybody."""
COOKIE: Final = "zhunsheng"
CSRF_HEADER: Final = "X-CSRF-Token"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
ROLE_NAMES: Final[dict[Role, Text]] = {
    "viewer": Text("查看", "viewer"),
    "editor": Text("编辑", "editor"),
    "approver": Text("审批", "approver"),
    "compliance": Text("合规", "compliance"),
    "administrator": Text("管理员", "administrator"),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. A system has a ``key``, a person is ``signed_in``."""

    actor: Actor
    key: Key | None = None
    signed_in: SignedIn | None = None
    database: Database | None = None

    @property
    def grants(self) -> tuple[Granted, ...]:
        return self.signed_in.grants if self.signed_in else ()

    @property
    def allowed_outcomes(self) -> frozenset[str] | None:
        """The only outcomes that may be asked; None: all."""
        return self.key.outcomes if self.key else None

    def may(self, role: Role, *, ruleset: str | None = None) -> bool:
        """Whether ``role`` is granted for everything, the ruleset's department or the ruleset; without a ruleset, for anything.

        Every role views what it is granted for.
        """
        held = [granted for granted in self.grants if granted.role == role or role == "viewer"]
        if ruleset is None or any(granted.is_global or granted.ruleset == ruleset for granted in held):
            return bool(held)
        departments = {granted.department for granted in held if granted.department is not None}
        return bool(departments) and self._department(ruleset) in departments

    def may_everywhere(self, role: Role) -> bool:
        return any(granted.is_global and (granted.role == role or role == "viewer") for granted in self.grants)

    def must(self, role: Role, *, ruleset: str | None = None) -> None:
        """Raise E617 unless ``may``."""
        if not self.may(role, ruleset=ruleset):
            where = Text("", "") if ruleset is None else Text(f"（规则集「{cut(ruleset)}」）", f" for the ruleset “{cut(ruleset)}”")
            raise _lacking([role], where)

    def must_be_global(self, role: Role) -> None:
        """Raise E617 unless ``role`` is granted for everything."""
        if not self.may_everywhere(role):
            raise _lacking([role], Text("（全行范围）", " for everything"))

    def may_ask(self, outcomes: Sequence[str] | None) -> list[str] | None:
        """The outcomes to decide on when ``outcomes`` are asked for; raises E615 for one that the key may not ask."""
        allowed = self.allowed_outcomes
        if allowed is None:
            return None if outcomes is None else list(outcomes)
        for number, outcome in enumerate(outcomes or ()):
            if outcome not in allowed:
                raise Problem("E615", pointer=f"/outcomes/{number}", found=cut(outcome))
        return sorted(allowed) if outcomes is None else list(outcomes)

    def _department(self, ruleset: str) -> str | None:
        assert self.database is not None
        if not ruleset.isprintable():
            return None
        with self.database.reading() as session:
            return session.scalar(sa.select(Head.department).where(Head.ruleset == ruleset))


def identify(held: Service, *, unchanged_password: bool = False) -> Caller:
    """Who is calling: by ``Authorization: Bearer <key>``, or else by the cookie of a sign-in.

    Raises E610, E611, E612 (401), E614 (429) after too many of these, E618 (403) while an ``unchanged_password`` is not
    enough, and E619 (403) for a change by cookie without its token.
    """
    asked = current_request()
    authorization = asked.environ.get("HTTP_AUTHORIZATION")
    if authorization is not None:
        return _system(held, asked, authorization)
    cookie = asked.cookies.get(COOKIE)
    if not cookie:
        raise refused(held, "E610")
    return _person(held, asked, cookie, unchanged_password=unchanged_password)


def requires(*who: Who) -> Callable[[View], View]:
    """Let a view run for any of ``who``; its first arguments become the service and the caller.

    ``read`` also lets people in who may view anything, ``decide`` only systems.
    """
    scopes = [scope for scope in SCOPES if scope in who]
    roles = [role for role in ROLES if role in who or (role == "viewer" and "read" in who)]
    signed_in = "signed-in" in who or "oneself" in who

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            held = service()
            if "anybody" in who:
                return view(held, Caller(Actor("anonymous", origin_of(held))), *args, **kwargs)
            caller = identify(held, unchanged_password="oneself" in who)
            logs.current().caller = caller.actor.name
            if caller.key is not None:
                _admit_system(caller.key, scopes)
            elif not signed_in:
                _admit_person(caller, roles, scopes)
            return view(held, caller, *args, **kwargs)

        return guarded

    return decorate


def refused(held: Service, code: str) -> Problem:
    """What is answered to somebody who has not shown who they are: ``code``, or E614 when they tried too often."""
    wait = held.limits.wait("refused", origin_of(held))
    return Problem("E614", wait=wait, retry_after=wait) if wait else Problem(code)


def origin_of(held: Service) -> str:
    """The address that is calling; behind a proxy of ours, the one that the proxy saw."""
    environ = current_request().environ
    address: str = environ.get("REMOTE_ADDR") or "local"
    if held.settings.behind_proxy:
        seen = environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        address = seen if _is_address(seen) else address
    return address[:64]


def is_https(held: Service) -> bool:
    """Whether the browser asked by https, as far as we or our proxy know."""
    asked = current_request()
    proxied = held.settings.behind_proxy and asked.headers.get("X-Forwarded-Proto") == "https"
    return asked.scheme == "https" or proxied


def _system(held: Service, asked: Request, authorization: str) -> Caller:
    scheme, _, key = authorization.partition(" ")
    key = key.strip()
    if scheme.lower() != "bearer" or not key:
        raise refused(held, "E610")
    found = held.key_ring.find(key)
    if found is None:
        raise refused(held, "E611")
    return Caller(Actor(f"system:{found.system}", origin_of(held)), key=found)


def _person(held: Service, asked: Request, cookie: str, *, unchanged_password: bool) -> Caller:
    found = signins.find(held.database, cookie)
    if found is None:
        raise refused(held, "E612")
    if asked.method not in SAFE and not hmac.compare_digest(signins.sha256(asked.headers.get(CSRF_HEADER, "")), found.csrf_sha256):
        raise Problem("E619")
    if found.user.must_change and not unchanged_password:
        raise Problem("E618")
    return Caller(Actor(f"user:{found.user.name}", origin_of(held)), signed_in=found, database=held.database)


def _admit_system(key: Key, scopes: Sequence[Scope]) -> None:
    if not scopes:
        raise Problem("E649")
    if not key.scopes.intersection(scopes):
        raise Problem("E616", needed=", ".join(scopes))


def _admit_person(caller: Caller, roles: Sequence[Role], scopes: Sequence[Scope]) -> None:
    if not roles:
        raise Problem("E648", needed=", ".join(scopes))
    if not any(caller.may(role) for role in roles):
        raise _lacking(roles, Text("", ""))


def _lacking(roles: Sequence[Role], where: Text) -> Problem:
    zh, en = ("、".join(ROLE_NAMES[role].zh for role in roles), " or ".join(ROLE_NAMES[role].en for role in roles))
    return Problem("E617", roles_zh=zh, roles_en=en, where_zh=where.zh, where_en=where.en)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
