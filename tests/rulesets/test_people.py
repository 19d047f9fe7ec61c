"""Who may do what, who may say so, and does somebody always remain who can?"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from rulesets import audit, clock, passwords, people, signins
from rulesets.audit import Actor
from rulesets.database import Database
from rulesets.models import AuditEntry, Grant, Head, SignIn, User
from rulesets.people import DEPARTMENT, FIRST, NAME, ROLES, Granted, PeopleExist
from rulesets.refusals import Refused

CHEN: Final = Actor("user:chenjing", "10.1.2.3")
EVERYTHING: Final = Granted("administrator")


@pytest.fixture
def bank(database: Database) -> Database:
    """Two departments, one ruleset, and Chen Jing, who administers everything."""
    with database.writing() as session:
        people.create_department(session, Actor("command:install"), id="corporate-banking", zh="公司银行部", en="Corporate Banking")
        people.create_department(session, Actor("command:install"), id="risk-management", zh="风险管理部", en="Risk Management")
        session.add(Head(ruleset="loan-pricing", number=1, department="corporate-banking"))
    make(database, "chenjing", EVERYTHING)
    return database


def make(database: Database, name: str, *granted: Granted, single_sign_on: bool = True) -> None:
    with database.writing() as session:
        made, _ = people.create(session, Actor("command:install"), name=name, display=name, single_sign_on=single_sign_on)
        people.grant(session, Actor("command:install"), name, revision=made.revision, granted=granted)


def revision(database: Database, name: str) -> int:
    with database.reading() as session:
        return people.user(session, name).revision


def change(database: Database, name: str, *, by: Actor = CHEN, at: int | None = None, **values: Any) -> None:
    with database.writing() as session:
        people.change(session, by, name, revision=revision(database, name) if at is None else at, values=values)


def grant(database: Database, name: str, *granted: Granted, by: Actor = CHEN, at: int | None = None) -> None:
    with database.writing() as session:
        people.grant(session, by, name, revision=revision(database, name) if at is None else at, granted=granted)


def grants(database: Database, name: str) -> Sequence[Granted]:
    with database.reading() as session:
        return people.grants(session, name)


def kept(database: Database, name: str) -> dict[str, Any]:
    with database.reading() as session:
        return dict(session.execute(sa.select(User.__table__).where(User.name == name)).mappings().one())


def sign_in(database: Database, name: str) -> str:
    with database.writing() as session:
        return signins.begin(session, people.user(session, name), origin="10.9.9.9")[1]


def last_entry(database: Database) -> tuple[str, str, str, Any]:
    with database.reading() as session:
        entry = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.number.desc()).limit(1)).one()
        return entry.actor, entry.action, entry.object, json.loads(entry.details_json)


def entries(database: Database) -> int:
    with database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(AuditEntry)) or 0


def at_once(*acts: Callable[[], object]) -> list[BaseException | None]:
    """What each raised when all began together."""
    gate, outcomes = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number: int) -> None:
        gate.wait()
        try:
            acts[number]()
        except (Refused, PeopleExist) as error:
            outcomes[number] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(outcomes)


# --- names -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "liwei", "li.wei-2@bank_x", "0123456", "a" * 64])
def test_these_are_names(name: str) -> None:
    assert people.is_name(name)


@pytest.mark.parametrize("name", ["", "LiWei", "李伟", "li wei", "-li", ".li", "a" * 65, "li\n", "li\x00", "ｌｉ", "é"])
def test_these_are_no_names(bank: Database, name: str) -> None:
    assert not people.is_name(name)
    for look in (people.user, lambda session, name: people.set_one_time_password(session, CHEN, name)):
        with pytest.raises(Refused, match="E631"), bank.writing() as session:
            look(session, name)


def test_the_patterns_fit_the_columns() -> None:
    assert NAME.endswith("{0,63}")
    assert DEPARTMENT.endswith("{0,63}")


# --- making people ---------------------------------------------------------------------------------------------------------


def test_a_new_user_gets_a_one_time_password_and_may_do_nothing(bank: Database) -> None:
    with bank.writing() as session:
        _, password = people.create(session, CHEN, name="liwei", display="李伟", department="corporate-banking")
    row = kept(bank, "liwei")
    assert password is not None
    assert passwords.matches(row["password"], password)
    assert (row["display"], row["department"], row["must_change"], row["active"], row["revision"]) == ("李伟", "corporate-banking", True, True, 1)
    assert grants(bank, "liwei") == ()
    details = {"display": "李伟", "department": "corporate-banking", "single_sign_on": False}
    assert last_entry(bank) == ("user:chenjing", "user.created", "user:liwei", details)


def test_who_signs_in_elsewhere_gets_no_password(bank: Database) -> None:
    with bank.writing() as session:
        _, password = people.create(session, CHEN, name="liwei", display="李伟", single_sign_on=True)
    row = kept(bank, "liwei")
    assert (password, row["password"], row["must_change"]) == (None, None, False)


def test_a_name_is_never_given_to_somebody_else(bank: Database) -> None:
    make(bank, "liwei")
    change(bank, "liwei", active=False)
    before = kept(bank, "liwei"), entries(bank)
    with pytest.raises(Refused, match="E630"), bank.writing() as session:
        people.create(session, CHEN, name="liwei", display="李薇", single_sign_on=True)
    assert (kept(bank, "liwei"), entries(bank)) == before


def test_of_two_who_make_the_same_user_at_once_one_is_told(bank: Database) -> None:
    def create() -> None:
        with bank.writing() as session:
            people.create(session, CHEN, name="liwei", display="李伟", single_sign_on=True)

    outcomes = at_once(create, create)
    assert sorted(str(error) for error in outcomes) == ["E630", "None"]


def test_nobody_belongs_to_a_department_that_is_not_there(bank: Database) -> None:
    with pytest.raises(Refused, match="E632") as refused, bank.writing() as session:
        people.create(session, CHEN, name="liwei", display="李伟", department="no-such", single_sign_on=True)
    assert refused.value.pointer == "/department"
    with pytest.raises(Refused, match="E632"):
        change(bank, "chenjing", department="no-such")


@pytest.mark.parametrize(("id_", "zh"), [("risk-management", "另一个部"), ("another", "风险管理部")])
def test_no_two_departments_are_called_the_same(bank: Database, id_: str, zh: str) -> None:
    with pytest.raises(Refused, match="E638"), bank.writing() as session:
        people.create_department(session, CHEN, id=id_, zh=zh, en="Another")
    with bank.reading() as session:
        assert [found.id for found in people.departments(session)] == ["corporate-banking", "risk-management"]


def test_a_new_department_is_entered_in_the_audit_log(bank: Database) -> None:
    with bank.writing() as session:
        people.create_department(session, CHEN, id="audit", zh="审计部", en="Internal Audit")
    assert last_entry(bank) == ("user:chenjing", "department.created", "department:audit", {"zh": "审计部", "en": "Internal Audit"})


# --- changing people -------------------------------------------------------------------------------------------------------


def test_a_change_says_what_was_and_what_is(bank: Database) -> None:
    make(bank, "liwei")
    change(bank, "liwei", display="李伟", department="risk-management")
    row = kept(bank, "liwei")
    assert (row["display"], row["department"], row["revision"]) == ("李伟", "risk-management", 2)
    after = {"display": "李伟", "department": "risk-management"}
    assert last_entry(bank) == ("user:chenjing", "user.changed", "user:liwei", {"before": {"display": "liwei", "department": None}, "after": after})


def test_nobody_overwrites_a_change_they_have_not_seen(bank: Database) -> None:
    make(bank, "liwei")
    seen = revision(bank, "liwei")
    change(bank, "liwei", display="李伟", at=seen)
    before = kept(bank, "liwei"), entries(bank)
    for late in (lambda: change(bank, "liwei", display="李薇", at=seen), lambda: grant(bank, "liwei", EVERYTHING, at=seen)):
        with pytest.raises(Refused, match="E652"):
            late()
    assert (kept(bank, "liwei"), entries(bank), grants(bank, "liwei")) == (*before, ())


def test_of_two_changes_made_at_once_one_is_told(bank: Database) -> None:
    make(bank, "liwei")
    seen = revision(bank, "liwei")
    outcomes = at_once(*[lambda text=text: change(bank, "liwei", display=text, at=seen) for text in ("一", "二", "三")])
    assert sorted(str(error) for error in outcomes) == ["E652", "E652", "None"]
    assert revision(bank, "liwei") == seen + 1


def test_what_changes_nothing_is_no_change(bank: Database) -> None:
    make(bank, "liwei", Granted("editor"))
    before = kept(bank, "liwei"), entries(bank)
    change(bank, "liwei", display="liwei", active=True, department=None)
    change(bank, "liwei")
    grant(bank, "liwei", Granted("editor"), Granted("editor"))
    assert (kept(bank, "liwei"), entries(bank)) == before


def test_who_is_deactivated_is_signed_out_at_once(bank: Database) -> None:
    make(bank, "liwei")
    cookies = [sign_in(bank, "liwei"), sign_in(bank, "liwei")]
    other = sign_in(bank, "chenjing")
    assert all(signins.find(bank, cookie) for cookie in cookies)
    change(bank, "liwei", active=False)
    assert not any(signins.find(bank, cookie) for cookie in cookies)
    assert signins.find(bank, other)
    assert last_entry(bank)[1] == "user.deactivated"
    change(bank, "liwei", active=True)
    assert not any(signins.find(bank, cookie) for cookie in cookies)
    assert last_entry(bank)[1] == "user.activated"


def test_a_one_time_password_replaces_the_old_one_signs_out_and_lifts_a_lock(bank: Database) -> None:
    make(bank, "liwei", single_sign_on=False)
    cookie = sign_in(bank, "liwei")
    with bank.writing() as session:
        session.execute(sa.update(User).where(User.name == "liwei").values(failures=5, locked_until=clock.FAR_FUTURE, must_change=False))
        before = people.user(session, "liwei").password
    with bank.writing() as session:
        password = people.set_one_time_password(session, CHEN, "liwei")
    row = kept(bank, "liwei")
    assert passwords.matches(row["password"], password)
    assert row["password"] != before
    assert (row["must_change"], row["failures"], row["locked_until"], row["revision"]) == (True, 0, None, 2)
    assert signins.find(bank, cookie) is None
    assert last_entry(bank) == ("user:chenjing", "user.password_set", "user:liwei", {})


def test_nobody_sets_their_own_one_time_password(bank: Database) -> None:
    before = kept(bank, "chenjing")
    with pytest.raises(Refused, match="E634"), bank.writing() as session:
        people.set_one_time_password(session, CHEN, "chenjing")
    assert kept(bank, "chenjing") == before


# --- granting --------------------------------------------------------------------------------------------------------------


def test_exactly_what_is_granted_may_be_done(bank: Database) -> None:
    make(bank, "liwei", Granted("viewer"), Granted("editor", "corporate-banking"))
    grant(bank, "liwei", Granted("approver", ruleset="loan-pricing"), Granted("editor", "risk-management"), Granted("editor", "corporate-banking"))
    expected = (Granted("editor", "corporate-banking"), Granted("editor", "risk-management"), Granted("approver", ruleset="loan-pricing"))
    assert grants(bank, "liwei") == expected
    with bank.reading() as session:
        assert people.grants_of_all(session) == {"chenjing": (EVERYTHING,), "liwei": expected}
    actor, action, object_, details = last_entry(bank)
    assert (actor, action, object_) == ("user:chenjing", "user.granted", "user:liwei")
    assert details["before"][0] == {"role": "viewer", "department": None, "ruleset": None}
    assert [one["role"] for one in details["after"]] == ["editor", "editor", "approver"]


def test_everything_can_be_taken_away(bank: Database) -> None:
    make(bank, "liwei", Granted("viewer"))
    grant(bank, "liwei")
    assert grants(bank, "liwei") == ()


def test_nobody_grants_to_themselves(bank: Database) -> None:
    for granted in ([Granted("approver"), EVERYTHING], [EVERYTHING], []):
        with pytest.raises(Refused, match="E634"):
            grant(bank, "chenjing", *granted)
    assert grants(bank, "chenjing") == (EVERYTHING,)


@pytest.mark.parametrize(
    ("granted", "code", "pointer"),
    [(Granted("editor", "no-such"), "E632", "/grants/1/department"), (Granted("editor", ruleset="no-such"), "E633", "/grants/1/ruleset")],
)
def test_a_role_is_for_something_that_is_there(bank: Database, granted: Granted, code: str, pointer: str) -> None:
    make(bank, "liwei", Granted("viewer"))
    with pytest.raises(Refused, match=code) as refused:
        grant(bank, "liwei", Granted("editor"), granted)
    assert refused.value.pointer == pointer
    assert grants(bank, "liwei") == (Granted("viewer"),)


def test_the_store_refuses_a_role_that_is_none_and_one_for_two_things(bank: Database) -> None:
    for values in ({"role": "king"}, {"role": "editor", "department": "risk-management", "ruleset": "loan-pricing"}):
        with pytest.raises(sa.exc.IntegrityError), bank.writing() as session:
            session.execute(sa.insert(Grant).values(id="1", user="chenjing", **values))


# --- somebody remains ------------------------------------------------------------------------------------------------------


def test_the_last_administrator_can_be_neither_deactivated_nor_stripped(bank: Database) -> None:
    make(bank, "zhaolei", Granted("administrator", "risk-management"), Granted("approver"))
    before = kept(bank, "chenjing"), entries(bank)
    for act in (
        lambda: change(bank, "chenjing", active=False),
        lambda: grant(bank, "chenjing", Granted("administrator", "risk-management"), by=Actor("user:zhaolei")),
        lambda: grant(bank, "chenjing", by=Actor("user:zhaolei")),
    ):
        with pytest.raises(Refused, match="E635"):
            act()
    assert (kept(bank, "chenjing"), entries(bank), grants(bank, "chenjing")) == (*before, (EVERYTHING,))


def test_an_administrator_who_is_not_active_does_not_count(bank: Database) -> None:
    make(bank, "zhaolei", EVERYTHING)
    change(bank, "zhaolei", active=False)
    with pytest.raises(Refused, match="E635"):
        change(bank, "chenjing", active=False)


def test_one_of_two_administrators_may_go(bank: Database) -> None:
    make(bank, "zhaolei", EVERYTHING)
    change(bank, "chenjing", active=False, by=Actor("user:zhaolei"))
    assert not kept(bank, "chenjing")["active"]


@pytest.mark.parametrize("way", ["deactivate", "strip"])
def test_two_administrators_who_remove_each_other_at_once_do_not_both_succeed(bank: Database, way: str) -> None:
    make(bank, "zhaolei", EVERYTHING)

    def remove(name: str, by: str) -> None:
        act = Actor(f"user:{by}")
        change(bank, name, active=False, by=act) if way == "deactivate" else grant(bank, name, by=act)

    outcomes = at_once(lambda: remove("chenjing", "zhaolei"), lambda: remove("zhaolei", "chenjing"))
    assert sorted(str(error) for error in outcomes) == ["E635", "None"]


# --- the provider's people -------------------------------------------------------------------------------------------------


def recognise(database: Database, subject: str, preferred: str) -> str | None:
    with database.writing() as session:
        found = people.recognise(session, subject=subject, preferred=preferred, origin="10.9.9.9")
        return found.name if found else None


def test_who_was_made_without_a_password_is_bound_by_name_once_and_known_by_subject_from_then_on(bank: Database) -> None:
    make(bank, "liwei")
    assert recognise(bank, "https://id.bank/#17", "LiWei") == "liwei"
    assert last_entry(bank) == ("service", "user.bound", "user:liwei", {"subject": "https://id.bank/#17"})
    assert recognise(bank, "https://id.bank/#17", "somebody.else") == "liwei"
    assert recognise(bank, "https://id.bank/#18", "liwei") is None
    assert kept(bank, "liwei")["subject"] == "https://id.bank/#17"


def test_who_has_a_password_is_not_taken_over_by_name(bank: Database) -> None:
    make(bank, "liwei", single_sign_on=False)
    assert recognise(bank, "https://id.bank/#17", "liwei") is None
    assert kept(bank, "liwei")["subject"] is None


def test_who_is_not_active_is_not_recognised(bank: Database) -> None:
    make(bank, "liwei")
    make(bank, "zhaolei")
    assert recognise(bank, "https://id.bank/#17", "liwei") == "liwei"
    change(bank, "liwei", active=False)
    change(bank, "zhaolei", active=False)
    assert recognise(bank, "https://id.bank/#17", "liwei") is None
    assert recognise(bank, "https://id.bank/#18", "zhaolei") is None


@pytest.mark.parametrize("preferred", ["", "nobody", "李伟", "a\x00b", "x" * 500])
def test_strangers_are_not_recognised(bank: Database, preferred: str) -> None:
    assert recognise(bank, "https://id.bank/#17", preferred) is None


# --- the first people ------------------------------------------------------------------------------------------------------


def test_the_first_administrator_has_a_one_time_password_and_administers_everything(database: Database) -> None:
    with database.writing() as session:
        password = people.create_first_administrator(session)
    row = kept(database, FIRST)
    assert passwords.matches(row["password"], password)
    assert row["must_change"]
    assert grants(database, FIRST) == (EVERYTHING,)


def test_there_is_one_first_administrator(bank: Database) -> None:
    before = entries(bank)
    with pytest.raises(PeopleExist), bank.writing() as session:
        people.create_first_administrator(session)
    assert entries(bank) == before


def test_two_first_administrators_at_once_are_one(database: Database) -> None:
    def create() -> None:
        with database.writing() as session:
            people.create_first_administrator(session)

    assert sorted(type(error).__name__ for error in at_once(create, create)) == ["NoneType", "PeopleExist"]


def test_the_demo_has_somebody_for_every_role_and_two_departments_editors(bank: Database) -> None:
    with bank.writing() as session:
        found = people.create_demo_people(session, {"corporate-banking": ["loan-pricing"], "risk-management": []})
    assert [grants(bank, name) for name, _, _ in found] == [
        *[(Granted(role),) for role in ROLES],
        (Granted("editor", "corporate-banking"),),
        (Granted("editor", "risk-management"),),
    ]
    for name, password, _ in found:
        row = kept(bank, name)
        assert passwords.matches(row["password"], password)
        assert not row["must_change"]


def test_the_demos_passwords_are_new_at_each_start(bank: Database) -> None:
    def start() -> dict[str, str]:
        with bank.writing() as session:
            return {name: password for name, password, _ in people.create_demo_people(session, {})}

    first, second = start(), start()
    assert first.keys() == second.keys() == {f"demo-{role}" for role in ROLES}
    assert len({*first.values(), *second.values()}) == 2 * len(ROLES)
    assert passwords.matches(kept(bank, "demo-viewer")["password"], second["demo-viewer"])
    assert not passwords.matches(kept(bank, "demo-viewer")["password"], first["demo-viewer"])


# --- the audit chain -------------------------------------------------------------------------------------------------------


def test_what_was_done_to_people_is_chained(bank: Database) -> None:
    make(bank, "liwei", Granted("viewer"))
    change(bank, "liwei", active=False)
    with bank.reading() as session:
        previous = audit.FIRST
        for entry in session.scalars(sa.select(AuditEntry).order_by(AuditEntry.number)):
            assert (entry.previous, entry.hash) == (previous, audit.linked(previous, audit.chained(entry)))
            previous = entry.hash


def test_no_hash_of_a_password_is_in_the_audit_log(bank: Database) -> None:
    make(bank, "liwei", single_sign_on=False)
    with bank.writing() as session:
        password = people.set_one_time_password(session, CHEN, "liwei")
        text = " ".join(session.scalars(sa.select(AuditEntry.details_json)))
    assert "argon2" not in text
    assert password not in text


def test_a_change_that_fails_leaves_no_trace(bank: Database) -> None:
    def fail(session: Session) -> None:
        people.change(session, CHEN, "liwei", revision=1, values={"display": "李伟"})
        raise RuntimeError

    make(bank, "liwei")
    before = entries(bank)
    with pytest.raises(RuntimeError), bank.writing() as session:
        fail(session)
    assert (kept(bank, "liwei")["display"], entries(bank)) == ("liwei", before)


def test_nobody_is_signed_in_who_is_not_a_user(bank: Database) -> None:
    with pytest.raises(sa.exc.IntegrityError), bank.writing() as session:
        session.execute(sa.insert(SignIn).values(cookie_sha256="0" * 64, user="nobody", csrf_sha256="0" * 64, created_at=0, seen_at=0, expires_at=0))
