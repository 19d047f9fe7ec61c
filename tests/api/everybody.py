"""Which kinds of callers are there, and what do they find? A small bank with people, keys, versions, drafts and a decision."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from api.callers import CSRF_HEADER
from api.config import settings_from
from api.service import Service, start
from rulesets import clock, drafts, keys, people, webhooks
from rulesets.audit import Actor
from rulesets.database import Database
from rulesets.keys import Scope
from rulesets.log.records import Question
from rulesets.people import Granted
from tests.api.running import MASTER_KEYS, PASSWORD, PASSWORD_HASH, PEOPLE, SMALL, as_signed_in, fill

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
Callers = Mapping[str, Mapping[str, str]]
Places = Mapping[str, Place]


def place_in(places: Places, path: str) -> Place:
    return next((place for start_, place in places.items() if path.startswith(start_)), NOWHERE)


def address(path: str, parameters: Mapping[str, str]) -> str:
    """``path`` with its parameters filled in."""
    return re.sub(r"{(\w+)}", lambda found: parameters[found[1]], path)


def operations_of(document: Any) -> dict[str, Any]:
    """The operations of an OpenAPI document: "GET /v1/users" → what is said of it, shared parameters among it."""
    found = {}
    for path, item in document["paths"].items():
        shared = item.get("parameters", [])
        for method, operation in item.items():
            if method != "parameters":
                found[f"{method.upper()} {path}"] = {**operation, "parameters": [*shared, *operation.get("parameters", [])]}
    return found


@dataclass(frozen=True, slots=True)
class Bank:
    """A store to be copied by whoever changes something, the headers that each kind of caller sends, and what they ask about.

    ``places``: the start of a path → what its parameters stand for, and the revision of what is there.
    """

    store: Path
    callers: Callers
    places: Places

    def place(self, path: str) -> Place:
        return place_in(self.places, path)

    @contextmanager
    def opened(self, folder: Path) -> Iterator[Service]:
        """A service on a copy of the store."""
        held = _started(f"sqlite:///{shutil.copy(self.store, folder / 'copy.db')}")
        yield held
        held.stop()


def _started(url: str) -> Service:
    return start(settings_from({"DATABASE_URL": url, "ZHUNSHENG_MASTER_KEYS": MASTER_KEYS, "ZHUNSHENG_DOCUMENTS": str(SMALL)}))


def founded(folder: Path) -> Bank:
    """The bank, in a new SQLite store in ``folder``."""
    store = folder / "bank.db"
    held, callers, places = settled(f"sqlite:///{store}")
    held.stop()
    return Bank(store, callers, places)


def settled(url: str) -> tuple[Service, Callers, Places]:
    """A service of the bank on an empty store, its callers, and what they find."""
    fill(Database(url), SMALL)
    held = _started(url)
    _employ(held.database)
    return held, _callers(held.database), _places(held)


def _employ(database: Database) -> None:
    with database.writing() as session:
        people.create_department(session, ACTOR, id=ELSEWHERE, zh="别处", en="Elsewhere")
        for name, granted in OTHERS.items():
            made, _ = people.create(session, ACTOR, name=name, display=name, single_sign_on=True)
            made.password, made.must_change = PASSWORD_HASH, name == PETRA
            people.grant(session, ACTOR, name, revision=made.revision, granted=granted)


def _callers(database: Database) -> Callers:
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


def _places(held: Service) -> Places:
    """Version 2 of ``typed`` is scheduled; one draft is open and one submitted; a decision of the keys' system is kept."""
    later = clock.now() + 30 * clock.DAY
    scheduled = drafts.roll_back(held.database, EMIL, "typed", 1, "tests", later - later % clock.SECOND)
    drafts.approve(held.database, ANNA, scheduled.id, scheduled.revision, "tests")
    with held.database.writing() as session:
        open_ = drafts.open_draft(session, EMIL, "typed", "tests")
        tina = people.user(session, TINA)
        key, _ = keys.create(session, ACTOR, system="another", scopes=["read"])
    webhook, _ = webhooks.create(held.database, held.sealer, ACTOR, url="http://127.0.0.1:9/rules")
    asked = Question(system=SYSTEM, reference="tests", facts={"remark": "hi"}, outcomes=["echo"], ruleset="typed")
    waiting = _submitted(held.database)
    return {
        **{f"/v1/drafts/{{id_}}/{verb}": waiting for verb in ("approve", "reject", "take-back")},
        "/v1/drafts": Place({"id_": open_.id}, open_.revision),
        "/v1/rulesets/{name}/versions/{number}/withdraw": Place({"name": "typed", "number": "2"}),
        "/v1/rulesets": Place({"name": "typed", "number": "1"}),
        "/v1/users": Place({"name": TINA}, tina.revision),
        "/v1/keys": Place({"id": key.id}),
        "/v1/webhooks": Place({"id_": webhook.id}),
        "/v1/decisions": Place({"id_": held.desk.ask(asked, traced=False).id}),
        "/static": Place({"filename": "pages.css"}),
    }


def _submitted(database: Database) -> Place:
    draft = drafts.roll_back(database, EMIL, "failing", 1, "tests", None)
    return Place({"id_": draft.id}, draft.revision)


BODIES: Final[dict[str, dict[str, Any]]] = {
    "POST /v1/decisions": {"facts": {"remark": "hi"}, "outcomes": ["echo"]},
    "POST /v1/decisions/batch": {"items": [{"facts": {"remark": "hi"}}], "outcomes": ["echo"]},
    "POST /v1/rulesets/{name}/decisions": {"facts": {"remark": "hi"}},
    "POST /v1/try": {"facts": {"remark": "hi"}, "outcomes": ["echo"]},
    "POST /v1/rulesets": {"name": "new-rules", "department": ELSEWHERE},
    "POST /v1/rulesets/{name}/rollback": {"version": 1, "reason": "tests"},
    "POST /v1/rulesets/{name}/versions/{number}/withdraw": {"reason": "tests"},
    "POST /v1/drafts": {"ruleset": "typed", "title": "tests"},
    "PUT /v1/drafts/{id_}": {"document": {"ruleset": "typed"}, "cases": {"ruleset": "typed", "cases": []}},
    "POST /v1/drafts/{id_}/approve": {"comment": "tests"},
    "POST /v1/drafts/{id_}/carry-forward": {"version": 2},
    "POST /v1/drafts/{id_}/rebase": {"resolutions": []},
    "POST /v1/drafts/{id_}/reject": {"comment": "tests"},
    "POST /v1/drafts/{id_}/submit": {"reason": "tests"},
    "POST /v1/departments": {"id": "new", "zh": "新部门", "en": "new"},
    "POST /v1/users": {"name": "newcomer", "display": "newcomer"},
    "PATCH /v1/users/{name}": {"display": "another"},
    "PUT /v1/users/{name}/grants": {"grants": [{"role": "editor"}]},
    "POST /v1/keys": {"system": "new", "scopes": ["read"]},
    "POST /v1/keys/{id}/rotate": {},
    "POST /v1/webhooks": {"url": "http://127.0.0.1:9/rules"},
    "POST /v1/sign-in": {"name": TINA, "password": PASSWORD},
    "POST /v1/me/password": {"current": PASSWORD, "new": "another-password-of-the-tests"},
}
"""What is plausibly sent; a new operation that takes a body needs one here."""
