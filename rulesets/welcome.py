"""Whom does a service that starts let in? A real one its first administrator, once; a demo people for every role."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import sqlalchemy as sa

from rulesets import keys, people
from rulesets.audit import Actor
from rulesets.database import Database
from rulesets.models import ApiKey, Head

DEMO_SYSTEM = "demo"


@dataclass(frozen=True, slots=True)
class Welcome:
    """What whoever started the service is told, once: a key, and (name, password, what they may do) of each account."""

    key: str | None = None
    accounts: tuple[tuple[str, str, str], ...] = ()


def welcome(database: Database, *, demo: bool) -> Welcome:
    """Make the first administrator of an empty store; in a demo, fresh passwords and a fresh key at every start."""
    return _demo(database) if demo else _first(database)


def _first(database: Database) -> Welcome:
    with database.reading() as session:
        if people.users(session):
            return Welcome()
    try:
        with database.writing() as session:
            return Welcome(accounts=((people.FIRST, people.create_first_administrator(session), "administrator · *"),))
    except people.PeopleExist:
        return Welcome()


def _demo(database: Database) -> Welcome:
    actor = Actor("command:demo")
    with database.writing() as session:
        in_charge: dict[str, list[str]] = defaultdict(list)
        for head in session.scalars(sa.select(Head)):
            in_charge[head.department].append(head.ruleset)
        accounts = people.create_demo_people(session, in_charge)
        for kept in session.scalars(sa.select(ApiKey.id).where(ApiKey.system == DEMO_SYSTEM, ApiKey.revoked_at.is_(None))).all():
            keys.revoke(session, actor, kept)
        _, key = keys.create(session, actor, system=DEMO_SYSTEM, scopes=["decide", "read"])
    return Welcome(key, tuple(accounts))
