"""Who gets in, who is kept out, when does a sign-in end, and does anybody learn more than that?"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
import sqlalchemy as sa

from rulesets import clock, passwords, people, signins
from rulesets.audit import Actor
from rulesets.database import Database
from rulesets.models import AuditEntry, SignIn, User
from rulesets.refusals import Refused

PASSWORD: Final = "长城 correct-horse 9"
INSTALLER: Final = Actor("command:install")
ORIGIN: Final = "10.1.2.3"


@pytest.fixture
def bank(database: Database) -> Database:
    """Li Wei has a password; Zhao Lei signs in elsewhere."""
    with database.writing() as session:
        people.create(session, INSTALLER, name="liwei", display="李伟", single_sign_on=True)
        people.create(session, INSTALLER, name="zhaolei", display="赵磊", single_sign_on=True)
    set_(database, "liwei", password=passwords.hashed(PASSWORD))
    return database


def set_(database: Database, name: str, **values: Any) -> None:
    """Change what is kept of a user, past everything that would stop it."""
    with database.writing() as session:
        session.execute(sa.update(User).where(User.name == name).values(**values))


def kept(database: Database, name: str) -> dict[str, Any]:
    with database.reading() as session:
        return dict(session.execute(sa.select(User.__table__).where(User.name == name)).mappings().one())


def sign_in(database: Database, name: str = "liwei", password: str = PASSWORD) -> str:
    """The cookie."""
    return signins.sign_in(database, name=name, password=password, origin=ORIGIN)[1]


def refuse(database: Database, name: str = "liwei", password: str = "some other password") -> None:
    with pytest.raises(Refused) as refused:
        sign_in(database, name, password)
    assert (refused.value.code, refused.value.pointer, refused.value.parameters) == ("E613", "", {})


def change_password(database: Database, new: str, *, current: str = PASSWORD, keep: str = "") -> None:
    signins.change_password(database, name="liwei", current=current, new=new, keep=keep, origin=ORIGIN)


def entered(database: Database) -> list[tuple[str, str, str, str]]:
    with database.reading() as session:
        found = session.scalars(sa.select(AuditEntry).where(AuditEntry.actor != INSTALLER.name).order_by(AuditEntry.number))
        return [(entry.actor, entry.origin, entry.action, entry.object) for entry in found]


# --- getting in ------------------------------------------------------------------------------------------------------------


def test_who_has_the_password_gets_in(bank: Database) -> None:
    made, cookie = signins.sign_in(bank, name="liwei", password=PASSWORD, origin=ORIGIN)
    found = signins.find(bank, cookie)
    assert found is not None
    assert (found.user.name, found.grants, found.cookie_sha256) == ("liwei", (), made.cookie_sha256)
    assert entered(bank) == [("user:liwei", ORIGIN, "sign-in.succeeded", "user:liwei")]
    assert kept(bank, "liwei")["seen_at"] is not None


def test_of_a_cookie_and_its_token_only_hashes_are_kept(bank: Database) -> None:
    cookie = sign_in(bank)
    with bank.reading() as session:
        row = dict(session.execute(sa.select(SignIn.__table__)).mappings().one())
    assert (row["cookie_sha256"], row["csrf_sha256"]) == (signins.sha256(cookie), signins.sha256(signins.csrf_token(cookie)))
    assert cookie not in str(row)
    assert signins.csrf_token(cookie) not in str(row)


def test_no_two_cookies_or_tokens_are_alike(bank: Database) -> None:
    with bank.writing() as session:
        cookies = {signins.begin(session, people.user(session, "liwei"), origin=ORIGIN)[1] for _ in range(20)}
    assert len(cookies) == len({signins.csrf_token(cookie) for cookie in cookies}) == 20
    assert all(len(cookie) == 43 for cookie in cookies)


@pytest.mark.parametrize("written", ["长城 correct-horse 9", "长城　ｃｏｒｒｅｃｔ-horse ９"])
def test_the_same_characters_of_another_input_method_are_the_same_password(bank: Database, written: str) -> None:
    assert sign_in(bank, password=written)


def test_a_cookie_that_nobody_was_given_signs_nobody_in(bank: Database) -> None:
    cookie = sign_in(bank)
    for other in ("", cookie[:-1], cookie + "a", signins.sha256(cookie), signins.csrf_token(cookie), "饼干"):
        assert signins.find(bank, other) is None


# --- being kept out --------------------------------------------------------------------------------------------------------


def test_whatever_is_the_matter_the_answer_is_the_same(bank: Database) -> None:
    refuse(bank, "liwei", "some other password")
    refuse(bank, "nobody", PASSWORD)
    refuse(bank, "zhaolei", PASSWORD)
    refuse(bank, "zhaolei", "")
    refuse(bank, "not a\x00name", PASSWORD)
    set_(bank, "liwei", active=False)
    refuse(bank, "liwei", PASSWORD)
    set_(bank, "liwei", active=True, locked_until=clock.FAR_FUTURE)
    refuse(bank, "liwei", PASSWORD)
    assert {(actor, action) for actor, _, action, _ in entered(bank)} == {("anonymous", "sign-in.failed")}
    assert [object_ for *_, object_ in entered(bank)] == [f"user:{name}" for name in ("liwei", "nobody", "zhaolei", "zhaolei", "?", "liwei", "liwei")]


@pytest.mark.parametrize("name", ["liwei", "nobody", "zhaolei", "locked"])
def test_whatever_is_the_matter_one_password_is_verified(bank: Database, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time a refusal takes is that of one verification with the same costs."""
    if name == "locked":
        name = "liwei"
        set_(bank, "liwei", locked_until=clock.FAR_FUTURE)
    verified: list[str] = []
    verify = passwords._hasher.verify

    class Counting:
        def verify(self, hashed: str, password: str) -> bool:
            verified.append(hashed.rsplit("$", 2)[0])
            return verify(hashed, password)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    refuse(bank, name, "some other password")
    assert verified == ["$argon2id$v=19$m=65536,t=3,p=4"]


def test_the_password_that_is_verified_for_nobody_lets_nobody_in(bank: Database) -> None:
    assert passwords._hasher.verify(passwords._NOBODYS, "x")
    assert not passwords.matches(None, "x")
    refuse(bank, "zhaolei", "x")


def test_five_failures_lock_an_account_for_fifteen_minutes(bank: Database) -> None:
    cookie = sign_in(bank)
    before = clock.now()
    for _ in range(5):
        refuse(bank)
    until = kept(bank, "liwei")["locked_until"]
    assert before + 15 * 60 * clock.SECOND <= until <= clock.now() + 15 * 60 * clock.SECOND
    refuse(bank, password=PASSWORD)
    assert kept(bank, "liwei")["locked_until"] == until, "trying again does not lock it for longer"
    assert [action for _, _, action, _ in entered(bank)] == ["sign-in.succeeded", *["sign-in.failed"] * 5, "sign-in.locked", "sign-in.failed"]
    assert signins.find(bank, cookie), "whoever is in stays in"
    set_(bank, "liwei", locked_until=clock.now() - 1)
    assert sign_in(bank)
    assert (kept(bank, "liwei")["failures"], kept(bank, "liwei")["locked_until"]) == (0, None)


def test_after_a_lock_there_are_five_tries_again(bank: Database) -> None:
    set_(bank, "liwei", failures=5, locked_until=clock.now() - 1)
    for _ in range(4):
        refuse(bank)
    assert sign_in(bank)


def test_a_success_forgets_earlier_failures(bank: Database) -> None:
    for _ in range(2):
        for _ in range(4):
            refuse(bank)
        assert sign_in(bank)


def test_many_tries_at_once_are_no_more_than_five(bank: Database) -> None:
    counted = []
    count = signins._counted

    def attempt() -> None:
        refuse(bank)

    def counting(database: Database, name: str) -> User | None:
        found = count(database, name)
        counted.append(found is not None)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signins, "_counted", counting)
        threads = [threading.Thread(target=attempt) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(counted) == [False] * 3 + [True] * 5
    assert [action for _, _, action, _ in entered(bank)].count("sign-in.locked") == 1


def test_a_password_changed_while_it_is_verified_no_longer_counts(bank: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    matches = passwords.matches

    def changed_meanwhile(hashed: str | None, password: str) -> bool:
        right = matches(hashed, password)
        set_(bank, "liwei", password=passwords.hashed("another password"))
        return right

    monkeypatch.setattr(passwords, "matches", changed_meanwhile)
    refuse(bank, password=PASSWORD)


def test_who_is_deactivated_while_they_sign_in_is_not_in(bank: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    verified = signins._verified

    def deactivated_meanwhile(*given: Any) -> User:
        user = verified(*given)
        set_(bank, "liwei", active=False)
        return user

    monkeypatch.setattr(signins, "_verified", deactivated_meanwhile)
    refuse(bank, password=PASSWORD)
    with bank.reading() as session:
        assert session.scalars(sa.select(SignIn)).all() == []


def test_signing_in_and_being_signed_out_do_not_block_each_other(bank: Database) -> None:
    """Whoever waits for whom, nobody waits in a circle."""

    def repeat(act: Callable[[int], object]) -> None:
        for number in range(25):
            act(number)

    def come(_: int) -> None:
        with bank.writing() as session:
            locked = session.get(User, "liwei", with_for_update=True)
            assert locked is not None
            cookie = signins.begin(session, locked, origin=ORIGIN)[1]
        with bank.writing() as session:
            session.execute(sa.update(SignIn).values(seen_at=clock.now() - 61 * clock.SECOND).where(SignIn.cookie_sha256 == signins.sha256(cookie)))
        signins.find(bank, cookie)

    def go(number: int) -> None:
        with bank.writing() as session:
            now = people.user(session, "liwei").revision
            people.change(session, INSTALLER, "liwei", revision=now, values={"active": number % 2 == 1})

    with ThreadPoolExecutor() as threads:
        for done in [threads.submit(repeat, act) for act in (come, come, go)]:
            done.result()


# --- the end ---------------------------------------------------------------------------------------------------------------


def rewrite(database: Database, **values: Any) -> None:
    with database.writing() as session:
        session.execute(sa.update(SignIn).values(**values))


def test_a_sign_in_lasts_eight_hours_without_use_and_a_day_in_any_case(bank: Database) -> None:
    assert (signins.IDLE, signins.LONGEST) == (8 * 3600 * clock.SECOND, 24 * 3600 * clock.SECOND)
    cookie = sign_in(bank)
    with bank.reading() as session:
        made = session.scalars(sa.select(SignIn)).one()
        assert made.expires_at - made.created_at == signins.LONGEST
    rewrite(bank, seen_at=clock.now() - signins.IDLE + 60 * clock.SECOND)
    assert signins.find(bank, cookie)
    rewrite(bank, seen_at=clock.now() - signins.IDLE)
    assert signins.find(bank, cookie) is None
    rewrite(bank, seen_at=clock.now(), expires_at=clock.now())
    assert signins.find(bank, cookie) is None


def test_use_prolongs_a_sign_in_and_is_written_once_a_minute(bank: Database) -> None:
    cookie = sign_in(bank)

    def seen() -> int:
        with bank.reading() as session:
            return session.scalars(sa.select(SignIn.seen_at)).one()

    at = clock.now() - 30 * clock.SECOND
    rewrite(bank, seen_at=at)
    assert signins.find(bank, cookie)
    assert seen() == at
    rewrite(bank, seen_at=clock.now() - 61 * clock.SECOND)
    assert signins.find(bank, cookie)
    assert clock.now() - seen() < 30 * clock.SECOND
    assert kept(bank, "liwei")["seen_at"] == seen()


def test_signing_out_ends_one_browser(bank: Database) -> None:
    cookie, other = sign_in(bank), sign_in(bank)
    found = signins.find(bank, cookie)
    assert found is not None
    signins.end(bank, found, ORIGIN)
    assert signins.find(bank, cookie) is None
    assert signins.find(bank, other)
    assert entered(bank)[-1] == ("user:liwei", ORIGIN, "sign-in.ended", "user:liwei")


def test_sign_ins_that_have_ended_are_not_kept(bank: Database) -> None:
    sign_in(bank)
    rewrite(bank, expires_at=clock.now() - 1)
    sign_in(bank)
    with bank.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(SignIn)) == 1


def test_somebody_who_is_not_active_is_out_even_if_a_sign_in_is_left(bank: Database) -> None:
    cookie = sign_in(bank)
    set_(bank, "liwei", active=False)
    assert signins.find(bank, cookie) is None


# --- another password ------------------------------------------------------------------------------------------------------


def test_a_new_password_signs_out_everywhere_else(bank: Database) -> None:
    set_(bank, "liwei", must_change=True)
    here, there = sign_in(bank), sign_in(bank)
    change_password(bank, "another long password", keep=signins.sha256(here))
    assert signins.find(bank, here)
    assert signins.find(bank, there) is None
    assert not kept(bank, "liwei")["must_change"]
    assert entered(bank)[-1] == ("user:liwei", ORIGIN, "user.password_changed", "user:liwei")
    refuse(bank, password=PASSWORD)
    assert sign_in(bank, password="another long password")


def test_only_who_knows_the_password_changes_it_and_guesses_count(bank: Database) -> None:
    before = kept(bank, "liwei")["password"]
    for _ in range(5):
        with pytest.raises(Refused, match="E637") as refused:
            change_password(bank, "another long password", current="some other password")
        assert refused.value.pointer == "/current"
    with pytest.raises(Refused, match="E637"):
        change_password(bank, "another long password", current=PASSWORD)
    assert kept(bank, "liwei")["password"] == before
    assert kept(bank, "liwei")["locked_until"] > clock.now()


@pytest.mark.parametrize("new", ["short", "eleven char", "x" * 257, "liwei" * 3, "LIWEI" * 3, "ababababababab", "１２３", PASSWORD, "长城　correct-horse ９"])
def test_a_password_that_is_not_good_enough_is_refused(bank: Database, new: str) -> None:
    with pytest.raises(Refused, match="E636") as refused:
        change_password(bank, new)
    assert refused.value.pointer == "/new"
    assert sign_in(bank)


@pytest.mark.parametrize("new", ["twelve chars", "十二个汉字也算是很长的密码", "x" * 250 + "abcdef"])
def test_a_password_that_is_long_enough_is_taken(bank: Database, new: str) -> None:
    change_password(bank, new)
    assert sign_in(bank, password=new)


def test_who_has_no_password_changes_none(bank: Database) -> None:
    with pytest.raises(Refused, match="E643"):
        signins.change_password(bank, name="zhaolei", current="", new="another long password", keep="", origin=ORIGIN)


def test_of_two_changes_at_once_the_later_one_fails(bank: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = passwords.hashed

    def changed_meanwhile(password: str) -> str:
        set_(bank, "liwei", password=hashed("what somebody else chose"))
        return hashed(password)

    monkeypatch.setattr(passwords, "hashed", changed_meanwhile)
    with pytest.raises(Refused, match="E637"):
        change_password(bank, "another long password")
    assert sign_in(bank, password="what somebody else chose")


def test_one_time_passwords_are_long_random_and_good_enough() -> None:
    made = {passwords.one_time() for _ in range(500)}
    assert len(made) == 500
    for password in made:
        passwords.check(password, "liwei")
        assert len(password) == 23
        assert not set(password) & set("il1o0 ")
