"""Does a person get in, stay in as long as they should, and does nobody else act in their name?"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import sqlalchemy as sa
from flask import Flask
from limits import RateLimitItemPerMinute

from api import create_app
from api.limits import LIMITS, Limits
from api.service import Service
from rulesets import clock, people
from rulesets.audit import Actor
from rulesets.models import AuditEntry, User
from tests.api.browser import Browser, code, signed_in
from tests.api.running import KEY, PASSWORD, PASSWORD_HASH, SMALL, held, running

OTHER_PASSWORD: Final = "another long password"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = held(tmp_path_factory.mktemp("sign-in"), SMALL)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def app(service: Service) -> Flask:
    return create_app(service)


@pytest.fixture
def browser(app: Flask) -> Iterator[Browser]:
    with Browser(app) as browser:
        yield browser


@pytest.fixture
def vera(app: Flask) -> Iterator[Browser]:
    with signed_in(app, "vera") as browser:
        yield browser


@pytest.fixture
def user(service: Service, request: pytest.FixtureRequest) -> str:
    """The name of somebody who was made for this test, with ``PASSWORD``."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name.lower())[-60:].strip("-")
    with service.database.writing() as session:
        made, _ = people.create(session, Actor("command:tests"), name=name, display=name, single_sign_on=True)
        made.password = PASSWORD_HASH
        people.grant(session, Actor("command:tests"), name, revision=made.revision, granted=[people.Granted("viewer")])
    return name


def put(service: Service, name: str, **values: Any) -> None:
    """Change what is kept of a user, past everything that would stop it."""
    with service.database.writing() as session:
        session.execute(sa.update(User).where(User.name == name).values(**values))


def behind_proxy(service: Service) -> Flask:
    return create_app(dataclasses.replace(service, settings=dataclasses.replace(service.settings, behind_proxy=True)))


def cookie_of(response: httpx.Response) -> Any:
    found: SimpleCookie = SimpleCookie()
    for header in response.headers.get_list("set-cookie"):
        found.load(header)
    return found["zhunsheng"]


# --- getting in ------------------------------------------------------------------------------------------------------------


def test_who_signs_in_is_told_who_they_are_and_what_they_may_do(browser: Browser, service: Service) -> None:
    response = browser.sign_in("vera")
    assert response.status_code == 200
    answer = response.json()
    assert answer["user"]["name"] == "vera"
    assert answer["user"]["grants"] == [{"role": "viewer", "department": None, "ruleset": None}]
    assert re.fullmatch("[A-Za-z0-9_-]{43}", answer["csrf_token"])
    assert response.headers["Cache-Control"] == "no-store"
    assert browser.get("/v1/rulesets").status_code == 200


def test_nothing_of_a_password_is_ever_answered(browser: Browser) -> None:
    response = browser.sign_in("vera")
    assert "argon2" not in response.text
    assert not {"password", "failures", "subject"} & response.json()["user"].keys()


def test_the_cookie_is_random_and_kept_from_scripts_and_other_sites(browser: Browser) -> None:
    first, second = cookie_of(browser.sign_in("vera")), cookie_of(browser.sign_in("vera"))
    assert re.fullmatch("[A-Za-z0-9_-]{43}", first.value)
    assert first.value != second.value
    assert first["httponly"] is True
    assert (first["samesite"], first["path"], first["domain"]) == ("Strict", "/", "")
    assert (first["max-age"], first["expires"]) == ("", ""), "it ends with the browser"


def test_by_https_the_cookie_never_travels_in_the_clear(app: Flask, service: Service) -> None:
    with Browser(app, site="https://zhunsheng.example") as direct:
        assert cookie_of(direct.sign_in("vera"))["secure"] is True
    with Browser(behind_proxy(service), headers={"X-Forwarded-Proto": "https"}) as proxied:
        assert cookie_of(proxied.sign_in("vera"))["secure"] is True


def test_what_a_proxy_would_say_is_not_believed_without_one(app: Flask, service: Service) -> None:
    with Browser(app, headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "1.2.3.4"}) as browser:
        assert cookie_of(browser.sign_in("vera"))["secure"] == ""
        assert last_entry(service)["origin"] == browser.address
    with Browser(behind_proxy(service), headers={"X-Forwarded-Proto": "http"}) as browser:
        assert cookie_of(browser.sign_in("vera"))["secure"] == ""


@pytest.mark.parametrize(
    ("forwarded", "seen"),
    [("10.7.7.7", "10.7.7.7"), ("6.6.6.6, 10.7.7.7", "10.7.7.7"), ("fd00::7", "fd00::7"), ("nonsense", None), ("10.7.7.7, " + "x" * 500, None), ("", None)],
)
def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw(service: Service, forwarded: str, seen: str | None) -> None:
    with Browser(behind_proxy(service), headers={"X-Forwarded-For": forwarded}) as browser:
        browser.sign_in("vera")
        assert last_entry(service)["origin"] == (seen or browser.address)


def last_entry(service: Service) -> dict[str, Any]:
    with service.database.reading() as session:
        return dict(session.execute(sa.select(AuditEntry.__table__).order_by(AuditEntry.number.desc()).limit(1)).mappings().one())


@pytest.mark.parametrize("name", ["  Vera ", "VERA", "ｖera"])
def test_a_name_may_be_written_with_capitals_and_spaces_around(browser: Browser, name: str) -> None:
    response = browser.sign_in(name)
    assert response.status_code == (401 if "ｖ" in name else 200)


def test_success_and_failure_are_entered_with_the_address(browser: Browser, service: Service) -> None:
    browser.sign_in("vera")
    entry = last_entry(service)
    assert (entry["actor"], entry["origin"], entry["action"], entry["object"]) == ("user:vera", browser.address, "sign-in.succeeded", "user:vera")
    browser.sign_in("vera", "some other password")
    entry = last_entry(service)
    assert (entry["actor"], entry["origin"], entry["action"], entry["object"]) == ("anonymous", browser.address, "sign-in.failed", "user:vera")


def test_whatever_is_the_matter_the_answer_is_the_same_to_the_byte(app: Flask, service: Service, user: str) -> None:
    def answer(name: str, password: str = PASSWORD) -> tuple[Any, ...]:
        with Browser(app) as browser:
            response = browser.sign_in(name, password)
            return code(response), response.content, sorted(header for header in response.headers.items() if header[0] != "x-request-id")

    wrong = answer(user, "some other password")
    assert wrong[0] == (401, "E613")
    assert answer("nobody") == answer("no name\x01at all") == wrong
    put(service, user, locked_until=clock.FAR_FUTURE)
    assert answer(user) == wrong
    put(service, user, locked_until=None, active=False)
    assert answer(user) == wrong
    put(service, user, active=True, password=None)
    assert answer(user) == wrong


def test_five_failures_lock_and_the_right_password_does_not_open(browser: Browser, user: str, service: Service) -> None:
    for _ in range(5):
        assert code(browser.sign_in(user, "some other password")) == (401, "E613")
    assert code(browser.sign_in(user)) == (401, "E613")
    assert browser.cookie is None
    put(service, user, locked_until=clock.now() - 1)
    assert browser.sign_in(user).status_code == 200


def test_a_page_of_another_site_cannot_sign_somebody_in(browser: Browser) -> None:
    """A form can only send these types."""
    for type_ in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        body = b'{"name":"vera","password":"' + PASSWORD.encode() + b'"}'
        response = browser.client.post("/v1/sign-in", content=body, headers={"Content-Type": type_})
        assert code(response) == (415, "E624")
        assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/name", "/password"]),
        ({"name": "vera", "password": 1}, ["/password"]),
        ({"name": "", "password": ""}, ["/name", "/password"]),
        ({"name": "vera", "password": "x" * 1001}, ["/password"]),
        ({"name": "vera", "password": PASSWORD, "remember": True}, ["/remember"]),
        ([], [""]),
    ],
)
def test_what_is_no_sign_in_is_refused_with_its_place(browser: Browser, body: Any, pointers: list[str]) -> None:
    response = browser.client.post("/v1/sign-in", json=body)
    assert code(response) == (422, "E607")
    assert sorted(error["pointer"] for error in response.json()["errors"]) == pointers


# --- being in --------------------------------------------------------------------------------------------------------------


def test_a_page_that_is_loaded_again_gets_the_same_token(vera: Browser) -> None:
    response = vera.get("/v1/me", X_CSRF_Token="")
    assert response.json()["csrf_token"] == vera.token
    assert response.json()["user"]["name"] == "vera"
    assert response.headers["Cache-Control"] == "no-store"


def test_nobody_is_told_who_they_are_without_a_cookie(browser: Browser) -> None:
    response = browser.get("/v1/me")
    assert code(response) == (401, "E610")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="zhunsheng"'


@pytest.mark.parametrize("cookie", ["x", "a" * 43, "", '"', "%00"])
def test_a_cookie_that_nobody_was_given_is_refused(browser: Browser, cookie: str) -> None:
    response = browser.get("/v1/me", Cookie=f"zhunsheng={cookie}")
    assert code(response) == (401, "E612" if cookie.strip('"') else "E610")


def test_systems_are_not_people_and_people_are_no_systems(app: Flask, vera: Browser) -> None:
    with Browser(app, headers={"Authorization": f"Bearer {KEY}"}) as system:
        for method, path in (("GET", "/v1/me"), ("DELETE", "/v1/sign-in"), ("GET", "/v1/departments"), ("GET", "/v1/users")):
            assert code(system.ask(method, path)) == (403, "E649")
    assert code(vera.ask("POST", "/v1/decisions", {"facts": {}})) == (403, "E648")


def test_a_key_is_judged_before_a_cookie(vera: Browser) -> None:
    assert code(vera.get("/v1/rulesets", Authorization="Bearer zs_nobodys")) == (401, "E611")
    assert code(vera.get("/v1/rulesets", Authorization="Basic dmVyYTp4")) == (401, "E610")
    assert vera.get("/v1/rulesets", Authorization=f"Bearer {KEY}").status_code == 200


@pytest.mark.parametrize("token", ["", "x", "a" * 43])
def test_a_change_without_the_pages_token_is_refused_and_changes_nothing(vera: Browser, token: str) -> None:
    for method, path in (("DELETE", "/v1/sign-in"), ("POST", "/v1/me/password")):
        assert code(vera.ask(method, path, X_CSRF_Token=token)) == (403, "E619")
    assert vera.get("/v1/me").status_code == 200


def test_the_token_of_one_sign_in_is_no_good_for_another(app: Flask, vera: Browser) -> None:
    with signed_in(app, "vera") as other:
        assert other.token != vera.token
        assert code(vera.ask("DELETE", "/v1/sign-in", X_CSRF_Token=other.token)) == (403, "E619")


def test_looking_needs_no_token(vera: Browser) -> None:
    for path in ("/v1/me", "/v1/rulesets", "/v1/departments"):
        assert vera.get(path, X_CSRF_Token="").status_code == 200


def test_a_system_needs_no_token(app: Flask) -> None:
    with Browser(app, headers={"Authorization": f"Bearer {KEY}"}) as system:
        assert system.client.post("/v1/decisions", json={"facts": {}}).status_code == 200


def test_signing_out_ends_this_browser_and_takes_its_cookie(app: Flask, vera: Browser) -> None:
    cookie = vera.cookie
    with signed_in(app, "vera") as other:
        response = vera.ask("DELETE", "/v1/sign-in")
        assert (response.status_code, response.content) == (204, b"")
        assert cookie_of(response).value == ""
        assert cookie_of(response)["max-age"] == "0"
        assert vera.cookie is None
        assert code(vera.get("/v1/me", Cookie=f"zhunsheng={cookie}")) == (401, "E612")
        assert other.get("/v1/me").status_code == 200


def test_who_is_deactivated_is_out_with_the_next_request(app: Flask, user: str) -> None:
    with signed_in(app, user) as them:
        with signed_in(app, "adam") as adam:
            assert adam.ask("PATCH", f"/v1/users/{user}", {"active": False}, If_Match='"2"').status_code == 200
        assert code(them.get("/v1/me")) == (401, "E612")


# --- the first password, and another one -----------------------------------------------------------------------------------


def test_with_a_one_time_password_one_can_only_choose_another(app: Flask, service: Service, user: str) -> None:
    put(service, user, must_change=True)
    with signed_in(app, user) as them:
        assert them.get("/v1/me").json()["user"]["must_change_password"] is True
        for method, path in (("GET", "/v1/rulesets"), ("GET", "/v1/departments"), ("GET", "/v1/users"), ("POST", "/v1/try"), ("POST", "/v1/decisions")):
            assert code(them.ask(method, path)) == (403, "E618")
        response = them.ask("POST", "/v1/me/password", {"current": PASSWORD, "new": OTHER_PASSWORD})
        assert response.status_code == 200
        assert response.json()["user"]["must_change_password"] is False
        assert response.json()["csrf_token"] == them.token
        assert them.get("/v1/rulesets").status_code == 200


def test_a_new_password_signs_out_the_other_browsers(app: Flask, user: str) -> None:
    with signed_in(app, user) as here:
        with signed_in(app, user) as there:
            assert here.ask("POST", "/v1/me/password", {"current": PASSWORD, "new": OTHER_PASSWORD}).status_code == 200
            assert code(there.get("/v1/me")) == (401, "E612")
        assert here.get("/v1/me").status_code == 200


@pytest.mark.parametrize(
    ("current", "new", "expected", "pointer"),
    [
        ("some other password", OTHER_PASSWORD, "E637", "/current"),
        (PASSWORD, "short", "E636", "/new"),
        (PASSWORD, PASSWORD, "E636", "/new"),
        (PASSWORD, "aaaaaaaaaaaaaaaa", "E636", "/new"),
    ],
)
def test_a_password_is_not_changed_without_the_present_one_or_to_a_weak_one(vera: Browser, current: str, new: str, expected: str, pointer: str) -> None:
    response = vera.ask("POST", "/v1/me/password", {"current": current, "new": new})
    assert code(response) == (422, expected)
    assert response.json()["errors"][0]["pointer"] == pointer
    assert OTHER_PASSWORD not in response.text


def test_who_signs_in_elsewhere_has_no_password_to_change(app: Flask, service: Service, user: str) -> None:
    with signed_in(app, user) as them:
        put(service, user, password=None)
        assert code(them.ask("POST", "/v1/me/password", {"current": PASSWORD, "new": OTHER_PASSWORD})) == (409, "E643")


# --- trying too often ------------------------------------------------------------------------------------------------------


@pytest.fixture
def counting(service: Service) -> Flask:
    """The same service, which has not counted anything yet."""
    return create_app(dataclasses.replace(service, limits=Limits()))


def test_ten_sign_ins_a_minute_come_from_one_address(counting: Flask) -> None:
    with Browser(counting) as browser, Browser(counting) as elsewhere:
        assert [browser.sign_in("vera").status_code for _ in range(10)] == [200] * 10
        response = browser.sign_in("vera")
        assert code(response) == (429, "E614")
        assert 1 <= int(response.headers["Retry-After"]) <= 60
        assert browser.get("/v1/me").status_code == 200, "whoever is in stays in"
        assert elsewhere.sign_in("vera").status_code == 200


def test_what_is_no_sign_in_at_all_is_not_counted_as_one(counting: Flask) -> None:
    with Browser(counting) as browser:
        assert {browser.client.post("/v1/sign-in", json={}).status_code for _ in range(12)} == {422}
        assert browser.sign_in("vera").status_code == 200


def test_who_shows_no_right_key_too_often_must_wait_and_nobody_else(counting: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "refused", RateLimitItemPerMinute(3))
    with Browser(counting) as browser, Browser(counting) as elsewhere:
        asked: list[Callable[[], httpx.Response]] = [
            lambda: browser.get("/v1/rulesets"),
            lambda: browser.get("/v1/rulesets", Authorization="Bearer zs_nobodys"),
            lambda: browser.get("/v1/rulesets", Cookie="zhunsheng=nobodys"),
        ]
        assert [code(ask()) for ask in asked] == [(401, "E610"), (401, "E611"), (401, "E612")]
        for ask in asked:
            response = ask()
            assert code(response) == (429, "E614")
            assert 1 <= int(response.headers["Retry-After"]) <= 60
        assert [browser.get("/v1/rulesets", Authorization=f"Bearer {KEY}").status_code for _ in range(20)] == [200] * 20
        decision = browser.client.post("/v1/decisions", json={"facts": {}}, headers={"Authorization": f"Bearer {KEY}"})
        assert decision.status_code == 200
        assert browser.sign_in("vera").status_code == 200
        assert code(elsewhere.get("/v1/rulesets")) == (401, "E610")


def test_the_texts_are_there_in_both_languages(browser: Browser) -> None:
    chinese = browser.sign_in("vera", "some other password", **{"Accept-Language": "zh"}).json()
    english = browser.sign_in("vera", "some other password", **{"Accept-Language": "en"}).json()
    assert (chinese["title"], english["title"]) == ("登录失败", "Sign-in refused")
    assert browser.sign_in("vera").status_code == 200


# --- over real HTTP --------------------------------------------------------------------------------------------------------


def test_two_workers_know_the_same_people(tmp_path: Path) -> None:
    """Whichever answers: the cookie is good with both, and so is the news that it ended."""
    with running(tmp_path) as server, httpx.Client(base_url=server.url) as client, httpx.Client(base_url=server.url) as elsewhere:
        answer = client.post("/v1/sign-in", json={"name": "vera", "password": PASSWORD})
        assert answer.status_code == 200
        assert {fresh(client, "/v1/me").status_code for _ in range(20)} == {200}
        assert elsewhere.get("/v1/me").status_code == 401
        token = {"X-CSRF-Token": answer.json()["csrf_token"]}
        cookie = {"Cookie": f"zhunsheng={client.cookies['zhunsheng']}"}
        assert client.delete("/v1/sign-in").status_code == 403
        assert client.delete("/v1/sign-in", headers=token).status_code == 204
        assert "zhunsheng" not in client.cookies
        assert {fresh(elsewhere, "/v1/me", **cookie).status_code for _ in range(20)} == {401}


def test_no_header_that_can_be_sent_is_our_fault(tmp_path: Path) -> None:
    odd = ["令牌".encode(), b"\xff\xfe", b"a b", b'"', b"\xed\xa0\x80", b"=;=", b"%00", b"x" * 4000]
    with running(tmp_path, "--workers", "1") as server, httpx.Client(base_url=server.url) as client:
        for value in odd:
            answers = [
                client.get("/v1/me", headers={b"Cookie": b"zhunsheng=" + value}),
                client.get("/v1/rulesets", headers={b"Authorization": b"Bearer " + value}),
                client.get("/v1/rulesets", headers={b"Authorization": value}),
            ]
            assert {answer.status_code for answer in answers} == {401}
        token = client.post("/v1/sign-in", json={"name": "vera", "password": PASSWORD}).json()["csrf_token"]
        for value in odd:
            assert client.delete("/v1/sign-in", headers={b"X-CSRF-Token": value}).status_code == 403
        assert client.delete("/v1/sign-in", headers={"X-CSRF-Token": token}).status_code == 204


def fresh(client: httpx.Client, path: str, **headers: str) -> httpx.Response:
    """The answer over a new connection, which any worker may take."""
    return client.get(path, headers={"Connection": "close", **headers})
