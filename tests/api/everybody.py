"""Which kinds of callers are there, and what do they find? A small bank with people, keys, versions, drafts and a decision."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.callers import CSRF_HEADER
from api.config import settings_from
from api.service import Service, start
from rulesets import clock, drafts, keys, people
from rulesets.audit import Actor
from rulesets.database import Database
from rulesets.keys import Scope
from rulesets.log.records import Question
from rulesets.people import Granted
from tests.api.running import MASTER_KEYS, PASSWORD_HASH, PEOPLE, SMALL, as_signed_in, fill

ACTOR: Final = Actor("command:tests")
ELSEWHERE: Final = "elsewhere"
OTHERS: Final[Mapping[str, tuple[Granted, ...]]] = {
    "elsa": (Granted("editor", department=ELSEWHERE),),
    "alma": (Granted("approver", department=ELSEWHERE),),
    "nora": (),
    "petra": tuple(Granted(role) for role in people.ROLES),
    "omar": tuple(Granted(role) for role in people.ROLES),
    "tina": (Granted("viewer"),),
}
"""Beside ``PEOPLE``. Petra must change her password; everything that is done to somebody is done to Tina."""
PETRA, TINA, SYSTEM = "petra", "tina", "core"
EMIL, ANNA = Actor("user:emil"), Actor("user:anna")


@dataclass(frozen=True, slots=True)
class Place:
    """Something that there is: what the parameters of its address stand for, and its revision."""

    parameters: Mapping[str, str]
    revision: int = 1


NOWHERE: Final = Place({})


@dataclass(frozen=True, slots=True)
class Bank:
    """A store to be copied by whoever changes something, the headers that each kind of caller sends, and what they ask about.

    ``places``: the start of a path → what its parameters stand for, and the revision of what is there.
    """

    store: Path
    callers: Mapping[str, Mapping[str, str]]
    places: Mapping[str, Place]

    def place(self, path: str) -> Place:
        return next((place for start_, place in self.places.items() if path.startswith(start_)), NOWHERE)

    @contextmanager
    def opened(self, folder: Path) -> Iterator[Service]:
        """A service on a copy of the store."""
        held = _started(shutil.copy(self.store, folder / "copy.db"))
        yield held
        held.stop()


def _started(store: Path) -> Service:
    return start(settings_from({"DATABASE_URL": f"sqlite:///{store}", "ZHUNSHENG_MASTER_KEYS": MASTER_KEYS, "ZHUNSHENG_DOCUMENTS": str(SMALL)}))


def founded(folder: Path) -> Bank:
    """The bank, in a new store in ``folder``."""
    store = folder / "bank.db"
    fill(Database(f"sqlite:///{store}"), SMALL)
    held = _started(store)
    _employ(held.database)
    callers = _callers(held.database)
    places = _places(held)
    held.stop()
    return Bank(store, callers, places)


def _employ(database: Database) -> None:
    with database.writing() as session:
        people.create_department(session, ACTOR, id=ELSEWHERE, zh="别处", en="Elsewhere")
        for name, granted in OTHERS.items():
            made, _ = people.create(session, ACTOR, name=name, display=name, single_sign_on=True)
            made.password, made.must_change = PASSWORD_HASH, name == PETRA
            people.grant(session, ACTOR, name, revision=made.revision, granted=granted)


def _callers(database: Database) -> dict[str, Mapping[str, str]]:
    everything = as_signed_in(database, "omar")
    return {
        "nobody": {},
        "wrong-key": {"Authorization": "Bearer zs_somebody-elses-key"},
        "decide": _with_key(database, "decide"),
        "read": _with_key(database, "read"),
        "both": _with_key(database, "decide", "read"),
        "nothing": as_signed_in(database, "nora"),
        **{role: as_signed_in(database, name) for name, role in PEOPLE.items() if name != "emil"},
        "editor-else": as_signed_in(database, "elsa"),
        "approver-else": as_signed_in(database, "alma"),
        "one-time": as_signed_in(database, PETRA),
        "no-token": {name: value for name, value in everything.items() if name != CSRF_HEADER},
        "all-roles": everything,
    }


def _with_key(database: Database, *scopes: Scope) -> dict[str, str]:
    with database.writing() as session:
        _, key = keys.create(session, ACTOR, system=SYSTEM, scopes=scopes)
    return {"Authorization": f"Bearer {key}"}


def _places(held: Service) -> dict[str, Place]:
    """Version 2 of ``typed`` is scheduled; one draft is open and one submitted; a decision of the keys' system is kept."""
    later = clock.now() + 30 * clock.DAY
    scheduled = drafts.roll_back(held.database, EMIL, "typed", 1, "tests", later - later % clock.SECOND)
    drafts.approve(held.database, ANNA, scheduled.id, scheduled.revision, "tests")
    with held.database.writing() as session:
        open_ = drafts.open_draft(session, EMIL, "typed", "tests")
        tina = people.user(session, TINA)
        key, _ = keys.create(session, ACTOR, system="another", scopes=["read"])
    asked = Question(system=SYSTEM, reference="tests", facts={"remark": "hi"}, outcomes=["echo"], ruleset="typed")
    waiting = _submitted(held.database)
    return {
        **{f"/v1/drafts/{{id_}}/{verb}": waiting for verb in ("approve", "reject", "take-back")},
        "/v1/drafts": Place({"id_": open_.id}, open_.revision),
        "/v1/rulesets/{name}/versions/{number}/withdraw": Place({"name": "typed", "number": "2"}),
        "/v1/rulesets": Place({"name": "typed", "number": "1"}),
        "/v1/users": Place({"name": TINA}, tina.revision),
        "/v1/keys": Place({"id": key.id}),
        "/v1/decisions": Place({"id_": held.desk.ask(asked, traced=False).id}),
        "/static": Place({"filename": "pages.css"}),
    }


def _submitted(database: Database) -> Place:
    draft = drafts.roll_back(database, EMIL, "failing", 1, "tests", None)
    return Place({"id_": draft.id}, draft.revision)
