"""What may a caller do with what is granted to them, here, there and everywhere?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from api.callers import ROLE_NAMES, Caller
from api.problems import HTTP_CODES, Problem
from rulesets.audit import Actor
from rulesets.database import Database
from rulesets.keys import Key
from rulesets.models import Head, User
from rulesets.people import ROLES, Granted
from rulesets.signins import SignedIn


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Two rulesets of the lending department, one of another."""
    folder: Path = tmp_path_factory.mktemp("callers")
    database = Database(f"sqlite:///{folder / 'store.db'}")
    database.upgrade()
    with database.writing() as session:
        for ruleset, department in (("loan-pricing", "lending"), ("credit-limit", "lending"), ("visit-plan", "retail")):
            session.add(Head(ruleset=ruleset, number=1, department=department))
    yield database
    database.close()


def person(store: Database, *granted: Granted) -> Caller:
    return Caller(Actor("user:liwei"), signed_in=SignedIn(User(name="liwei"), granted, "", ""), database=store)


EVERYWHERE: Final = ["loan-pricing", "credit-limit", "visit-plan"]


@pytest.mark.parametrize(
    ("granted", "where"),
    [
        (Granted("editor"), EVERYWHERE),
        (Granted("editor", "lending"), ["loan-pricing", "credit-limit"]),
        (Granted("editor", "retail"), ["visit-plan"]),
        (Granted("editor", "no-such"), []),
        (Granted("editor", ruleset="credit-limit"), ["credit-limit"]),
        (Granted("approver"), []),
    ],
)
def test_a_role_reaches_as_far_as_it_is_granted(store: Database, granted: Granted, where: list[str]) -> None:
    caller = person(store, granted)
    assert [ruleset for ruleset in EVERYWHERE if caller.may("editor", ruleset=ruleset)] == where
    for ruleset in where:
        caller.must("editor", ruleset=ruleset)
    for ruleset in set(EVERYWHERE) - set(where):
        with pytest.raises(Problem, match="E617") as refused:
            caller.must("editor", ruleset=ruleset)
        assert refused.value.parameters["roles_en"] == "editor"
        assert ruleset in str(refused.value.parameters["where_zh"])
    assert caller.may("editor") is (granted.role == "editor")
    assert caller.may_everywhere("editor") is (granted == Granted("editor"))


@pytest.mark.parametrize("role", ROLES)
def test_every_role_views_what_it_is_granted_for_and_does_nothing_else(store: Database, role: Any) -> None:
    caller = person(store, Granted(role, "lending"))
    assert caller.may("viewer")
    assert caller.may("viewer", ruleset="loan-pricing")
    assert not caller.may("viewer", ruleset="visit-plan")
    assert not caller.may_everywhere("viewer")
    assert [other for other in ROLES if caller.may(other)] == [other for other in ROLES if other in ("viewer", role)]


def test_grants_add_up(store: Database) -> None:
    caller = person(store, Granted("editor", "lending"), Granted("editor", ruleset="visit-plan"), Granted("approver", "retail"))
    assert all(caller.may("editor", ruleset=ruleset) for ruleset in EVERYWHERE)
    assert [ruleset for ruleset in EVERYWHERE if caller.may("approver", ruleset=ruleset)] == ["visit-plan"]
    assert not caller.may_everywhere("editor")


@pytest.mark.parametrize("ruleset", ["no-such", "", "a\x00b", "李", "x" * 300])
def test_of_a_ruleset_that_is_not_there_only_roles_for_everything_hold(store: Database, ruleset: str) -> None:
    assert not person(store, Granted("editor", "lending")).may("editor", ruleset=ruleset)
    assert person(store, Granted("editor")).may("editor", ruleset=ruleset)


def test_who_must_administer_everything_is_told_so(store: Database) -> None:
    person(store, Granted("administrator")).must_be_global("administrator")
    for granted in (Granted("administrator", "lending"), Granted("administrator", ruleset="visit-plan"), Granted("editor")):
        with pytest.raises(Problem) as refused:
            person(store, granted).must_be_global("administrator")
        message = HTTP_CODES[refused.value.code].message
        assert message.zh.format_map(refused.value.parameters) == "需要角色：管理员（全行范围）。"
        assert message.en.format_map(refused.value.parameters) == "This needs the role administrator for everything."


def test_a_system_has_no_roles() -> None:
    system = Caller(Actor("system:crm"), key=Key("1", "crm"))
    assert system.grants == ()
    assert not any(system.may(role) or system.may(role, ruleset="loan-pricing") or system.may_everywhere(role) for role in ROLES)


def test_every_role_has_a_name_in_both_languages() -> None:
    assert tuple(ROLE_NAMES) == ROLES
    assert len({(name.zh, name.en) for name in ROLE_NAMES.values()}) == len(ROLES)


@pytest.mark.parametrize(
    ("allowed", "asked", "answered"),
    [
        (None, None, None),
        (None, ["b", "a"], ["b", "a"]),
        ({"b", "a"}, None, ["a", "b"]),
        ({"b", "a"}, ["b"], ["b"]),
        ({"b", "a"}, [], []),
        (set(), None, []),
    ],
)
def test_a_key_asks_for_what_it_may(allowed: set[str] | None, asked: list[str] | None, answered: list[str] | None) -> None:
    key = Key("1", "crm", outcomes=None if allowed is None else frozenset(allowed))
    assert Caller(Actor("system:crm"), key=key).may_ask(asked) == answered


def test_a_key_does_not_ask_for_what_it_may_not() -> None:
    caller = Caller(Actor("system:crm"), key=Key("1", "crm", outcomes=frozenset({"a"})))
    with pytest.raises(Problem) as refused:
        caller.may_ask(["a", "b" * 100])
    assert (refused.value.code, refused.value.pointer) == ("E615", "/outcomes/1")
    assert len(str(refused.value.parameters["found"])) <= 60
