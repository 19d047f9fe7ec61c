"""Do people get in by the bank's provider, and does nothing get in that the provider did not say to this browser, now?"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
import sqlalchemy as sa
from flask import Flask
from joserfc import jwt
from joserfc.jwk import RSAKey

from api import create_app, oidc, single_sign_on
from api.limits import Limits
from api.service import Service
from rulesets import people
from rulesets.audit import Actor
from rulesets.models import AuditEntry, User
from tests.api.browser import Browser, code
from tests.api.oidc_provider import CLIENT, SECRET, OIDCProvider, as_json, flat, provider, s256, shared_key
from tests.api.running import KEY, PASSWORD, PASSWORD_HASH, ROOT, SMALL, held, running

BEGIN: Final = "/v1/single-sign-on"
CALLBACK: Final = f"{BEGIN}/callback"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = held(tmp_path_factory.mktemp("single-sign-on"), SMALL)
    yield made
    made.stop()


@pytest.fixture
def bank(service: Service) -> Iterator[OIDCProvider]:
    """A provider that knows Li Wei, who has an account here that was never used."""
    with service.database.writing() as session:
        if session.get(User, "liwei") is None:
            people.create(session, Actor("command:tests"), name="liwei", display="李伟", single_sign_on=True)
    put(service, subject=None, password=None, active=True)
    with provider() as made:
        yield made


@pytest.fixture
def app(service: Service, bank: OIDCProvider) -> Flask:
    settings = dataclasses.replace(service.settings, oidc=bank.settings)
    return create_app(dataclasses.replace(service, settings=settings, limits=Limits()))


@pytest.fixture
def browser(app: Flask) -> Iterator[Browser]:
    with Browser(app) as browser:
        yield browser


def put(service: Service, **values: Any) -> None:
    with service.database.writing() as session:
        session.execute(sa.update(User).where(User.name == "liwei").values(**values))


def begin(browser: Browser) -> str:
    """Where the browser is sent to sign in."""
    response = browser.get(BEGIN)
    assert response.status_code == 302, response.text
    return response.headers["Location"]


def authorize(address: str) -> str:
    """Where the provider sends the browser back to."""
    response = httpx.get(address)
    assert response.status_code == 302, response.text
    return response.headers["Location"]


def come_back(browser: Browser, address: str) -> httpx.Response:
    parts = urlsplit(address)
    return browser.get(f"{parts.path}?{parts.query}")


def sign_in(browser: Browser) -> httpx.Response:
    return come_back(browser, authorize(begin(browser)))


def refused(browser: Browser, response: httpx.Response, expected: tuple[int, str] = (403, "E646")) -> None:
    assert code(response) == expected
    assert browser.cookie is None
    assert "zhunsheng=" not in str(response.headers.get_list("set-cookie"))
    assert SECRET not in response.text


def last_entry(service: Service) -> tuple[str, str, str, str]:
    with service.database.reading() as session:
        entry = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.number.desc()).limit(1)).one()
        return entry.actor, entry.origin, entry.action, entry.object


# --- getting in ------------------------------------------------------------------------------------------------------------


def test_who_the_provider_knows_gets_in_and_goes_on_to_our_pages(browser: Browser, service: Service) -> None:
    response = sign_in(browser)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    assert '<meta http-equiv="refresh" content="0;url=/">' in response.text
    assert last_entry(service) == ("user:liwei", browser.address, "sign-in.succeeded", "user:liwei")
    me = browser.get("/v1/me").json()
    assert (me["user"]["name"], me["user"]["single_sign_on"]) == ("liwei", True)
    browser.token = me["csrf_token"]
    assert browser.ask("DELETE", "/v1/sign-in").status_code == 204


def test_the_cookie_of_the_sign_in_is_as_strict_as_that_of_a_password(browser: Browser) -> None:
    cookies = sign_in(browser).headers.get_list("set-cookie")
    ours, state = (next(cookie for cookie in cookies if cookie.startswith(name)) for name in ("zhunsheng=", "zhunsheng_sso=;"))
    assert ours.endswith("; HttpOnly; Path=/; SameSite=Strict")
    assert len(ours) == len("zhunsheng=") + 43 + len("; HttpOnly; Path=/; SameSite=Strict")
    assert "Max-Age=0" in state


def test_what_is_asked_of_the_provider_is_what_openid_connect_says(browser: Browser, bank: OIDCProvider) -> None:
    address = begin(browser)
    assert address.startswith(f"{bank.issuer}/authorize?")
    asked = flat(urlsplit(address).query)
    assert {name: asked[name] for name in ("response_type", "client_id", "scope", "code_challenge_method")} == {
        "response_type": "code",
        "client_id": CLIENT,
        "scope": "openid profile",
        "code_challenge_method": "S256",
    }
    assert asked["redirect_uri"] == "http://zhunsheng.example/v1/single-sign-on/callback"
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) == 43
    assert SECRET not in address


def test_every_attempt_has_secrets_of_its_own(browser: Browser) -> None:
    first, second = (flat(urlsplit(begin(browser)).query) for _ in range(2))
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]


def test_the_cookie_of_an_attempt_is_kept_from_scripts_and_ends_soon(app: Flask, browser: Browser) -> None:
    cookie = browser.get(BEGIN).headers["set-cookie"]
    assert cookie.endswith("; Max-Age=600; HttpOnly; Path=/v1/single-sign-on; SameSite=Lax")
    with Browser(app, site="https://zhunsheng.example") as secure:
        assert "; Secure; HttpOnly; " in secure.get(BEGIN).headers["set-cookie"]


def test_by_https_the_provider_sends_back_by_https(app: Flask) -> None:
    with Browser(app, site="https://zhunsheng.example") as browser:
        assert flat(urlsplit(begin(browser)).query)["redirect_uri"] == "https://zhunsheng.example/v1/single-sign-on/callback"


def test_a_provider_that_wants_the_secret_in_the_body_gets_it_there(browser: Browser, bank: OIDCProvider) -> None:
    bank.method = "client_secret_post"
    assert sign_in(browser).status_code == 200


def test_whoever_is_bound_stays_the_same_whatever_they_are_called_there(app: Flask, bank: OIDCProvider) -> None:
    with Browser(app) as first:
        assert sign_in(first).status_code == 200
    bank.person = {"sub": "17", "preferred_username": "li.wei.married"}
    with Browser(app) as second:
        sign_in(second)
        assert second.get("/v1/me").json()["user"]["name"] == "liwei"
    bank.person = {"sub": "18", "preferred_username": "liwei"}
    with Browser(app) as third:
        refused(third, sign_in(third), (403, "E647"))


# --- nobody else -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preferred", ["stranger", None, "x" * 900, "", "\ud800", "a\x00"], ids=ascii)
def test_strangers_are_told_so_and_it_is_entered(browser: Browser, bank: OIDCProvider, service: Service, preferred: str | None) -> None:
    bank.person = {"sub": "99", "preferred_username": preferred}
    response = sign_in(browser)
    refused(browser, response, (403, "E647"))
    assert len(response.json()["detail"]) < 150
    assert last_entry(service) == ("anonymous", browser.address, "sign-in.failed", "user:?")


def test_who_has_a_password_is_not_taken_over_by_a_name_of_the_provider(browser: Browser, bank: OIDCProvider, service: Service) -> None:
    put(service, password=PASSWORD_HASH)
    refused(browser, sign_in(browser), (403, "E647"))
    bank.person = {"sub": "20", "preferred_username": "adam"}
    refused(browser, sign_in(browser), (403, "E647"))


def test_who_is_no_longer_active_does_not_get_in(browser: Browser, service: Service) -> None:
    put(service, active=False)
    refused(browser, sign_in(browser), (403, "E647"))
    put(service, subject="http://somewhere#17")
    refused(browser, sign_in(browser), (403, "E647"))


# --- nothing else ----------------------------------------------------------------------------------------------------------


def test_another_state_is_refused_before_the_provider_is_asked(browser: Browser, bank: OIDCProvider) -> None:
    address = authorize(begin(browser))
    state = flat(urlsplit(address).query)["state"]
    for other in ("", "x", state[:-1], state + "x", "状态"):
        parts = urlsplit(address)
        changed = {**flat(parts.query), "state": other}
        refused(browser, browser.client.get(CALLBACK, params=changed))
    assert "/token" not in bank.seen


def test_what_was_begun_in_one_browser_does_not_end_in_another(app: Flask, browser: Browser) -> None:
    with Browser(app) as victim:
        address = authorize(begin(browser))
        refused(victim, come_back(victim, address))
        begin(victim)
        refused(victim, come_back(victim, address))


def test_without_the_cookie_of_the_attempt_nothing_ends(browser: Browser, bank: OIDCProvider) -> None:
    address = authorize(begin(browser))
    kept = browser.client.cookies["zhunsheng_sso"]
    browser.client.cookies.clear()
    for cookie in ("", "x", kept[:-1] + ("A" if kept[-1] != "A" else "B"), kept.split(".", 1)[0]):
        parts = urlsplit(address)
        refused(browser, browser.get(f"{parts.path}?{parts.query}", Cookie=f"zhunsheng_sso={cookie}"))
    assert "/token" not in bank.seen


def test_an_attempt_that_took_too_long_is_refused(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    address = authorize(begin(browser))
    monkeypatch.setattr(single_sign_on, "MINUTES", -1)
    refused(browser, come_back(browser, address))


def test_what_another_secret_signed_is_no_attempt(browser: Browser, bank: OIDCProvider) -> None:
    forged = dataclasses.replace(bank.settings, client_secret="another secret of 32 bytes or more")
    attempt = oidc.Attempt.begin("http://zhunsheng.example/v1/single-sign-on/callback")
    cookie = single_sign_on._serializer(forged).dumps(dataclasses.asdict(attempt))
    refused(browser, browser.get(f"{CALLBACK}?state={attempt.state}&code=x", Cookie=f"zhunsheng_sso={cookie}"))


def test_a_code_is_good_once(app: Flask, browser: Browser) -> None:
    address = authorize(begin(browser))
    kept = browser.client.cookies["zhunsheng_sso"]
    assert come_back(browser, address).status_code == 200
    with Browser(app) as thief:
        parts = urlsplit(address)
        refused(thief, thief.get(f"{parts.path}?{parts.query}", Cookie=f"zhunsheng_sso={kept}"))


def test_a_stolen_code_is_no_good_without_the_verifier(app: Flask, browser: Browser) -> None:
    stolen = flat(urlsplit(authorize(begin(browser))).query)["code"]
    with Browser(app) as thief:
        state = flat(urlsplit(begin(thief)).query)["state"]
        refused(thief, thief.client.get(CALLBACK, params={"state": state, "code": stolen}))


def test_the_providers_challenge_is_that_of_the_standard() -> None:
    """The example of RFC 7636."""
    assert s256("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize("query", [{"error": "access_denied"}, {"code": ""}, {}, {"error": "access_denied", "code": "x"}])
def test_who_is_not_signed_in_there_is_not_here(browser: Browser, bank: OIDCProvider, query: dict[str, str]) -> None:
    state = flat(urlsplit(begin(browser)).query)["state"]
    refused(browser, browser.client.get(CALLBACK, params={"state": state, **query}))
    assert "/token" not in bank.seen


NOW: Final = int(time.time())


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": ""},
        {"aud": "another-client"},
        {"aud": ["another-client"]},
        {"aud": None},
        {"aud": [CLIENT, "another-client"], "azp": "another-client"},
        {"azp": "another-client"},
        {"aud": "another-client", "azp": CLIENT},
        {"iss": "https://another.example"},
        {"iss": None},
        {"exp": NOW - 3600},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iat": NOW + 86_400},
        {"nbf": NOW + 86_400},
        {"sub": None},
        {"sub": ""},
        {"sub": 17},
        {"sub": "x" * 256},
        {"sub": "a\x00b"},
        {"preferred_username": 17},
        {"at_hash": "wrong"},
        {"at_hash": {"a": 1}},
    ],
    ids=str,
)
def test_an_identity_token_with_one_wrong_claim_is_refused(browser: Browser, bank: OIDCProvider, service: Service, claims: dict[str, Any]) -> None:
    bank.claims = claims
    refused(browser, sign_in(browser))
    with service.database.reading() as session:
        assert session.scalar(sa.select(User.subject).where(User.name == "liwei")) is None


@pytest.mark.parametrize("claims", [{"aud": [CLIENT]}, {"aud": CLIENT, "azp": CLIENT}, {"aud": [CLIENT, "x"], "azp": CLIENT}, {"exp": NOW + 9e9}], ids=str)
def test_an_identity_token_may_be_written_in_other_ways(browser: Browser, bank: OIDCProvider, claims: dict[str, Any]) -> None:
    bank.claims = claims
    assert sign_in(browser).status_code == 200


def unsigned(claims: dict[str, Any]) -> str:
    body = by_somebody_else(claims).split(".")[1]
    return f"eyJhbGciOiJub25lIn0.{body}."


def by_somebody_else(claims: dict[str, Any]) -> str:
    """Signed by somebody else's key that has the name of the provider's."""
    return jwt.encode({"alg": "RS256", "kid": "first"}, claims, RSAKey.generate_key(2048, {"kid": "first"}))


def of_no_known_shape(claims: dict[str, Any]) -> str:
    """Its header says that a number of further headers must be understood."""
    body = by_somebody_else(claims).split(".")[1]
    return f"eyJhbGciOiJSUzI1NiIsImtpZCI6ImZpcnN0IiwiY3JpdCI6MX0.{body}.c2lnbmF0dXJl"


def by_our_secret(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256", "kid": "first"}, claims, shared_key(), algorithms=["HS256"])


@pytest.mark.parametrize(
    "sign",
    [by_somebody_else, unsigned, by_our_secret, of_no_known_shape, lambda _: "", lambda _: "a.b.c", lambda _: "令牌", lambda _: 17, lambda _: None],
    ids=["by somebody else", "by nobody", "by our own secret", "of no known shape", "empty", "no token", "no token at all", "a number", "none"],
)
def test_an_identity_token_that_the_provider_did_not_sign_is_refused(browser: Browser, bank: OIDCProvider, sign: Callable[[dict[str, Any]], str]) -> None:
    bank.sign = sign
    refused(browser, sign_in(browser))


def test_one_changed_character_breaks_the_signature(browser: Browser, bank: OIDCProvider) -> None:
    def changed(claims: dict[str, Any]) -> str:
        header, _, signature = bank.signed(claims).split(".")
        _, body, _ = bank.signed({**claims, "sub": "18"}).split(".")
        return f"{header}.{body}.{signature}"

    bank.sign = changed
    refused(browser, sign_in(browser))


# --- keys that change ------------------------------------------------------------------------------------------------------


def test_a_new_key_of_the_provider_is_fetched_when_it_is_needed(app: Flask, bank: OIDCProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "KEYS_KEPT", 0.0)
    for kid in ("first", "second"):
        bank.key = RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})
        with Browser(app) as browser:
            assert sign_in(browser).status_code == 200
    assert bank.seen.count("/jwks") == 2
    assert bank.seen.count("/.well-known/openid-configuration") == 1


def test_unknown_keys_do_not_make_us_ask_again_and_again(app: Flask, bank: OIDCProvider) -> None:
    bank.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "unknown"}, claims, RSAKey.generate_key(2048, {"kid": "unknown"}))
    for _ in range(3):
        with Browser(app) as browser:
            refused(browser, sign_in(browser))
    assert bank.seen.count("/jwks") == 1


# --- a provider that fails -------------------------------------------------------------------------------------------------


def test_a_provider_that_does_not_answer_is_not_our_fault_and_nobody_waits_twice(service: Service) -> None:
    with provider() as gone:
        settings = dataclasses.replace(service.settings, oidc=gone.settings)
    with Browser(create_app(dataclasses.replace(service, settings=settings))) as browser:
        for _ in range(2):
            response = browser.get(BEGIN)
            assert code(response) == (503, "E645")
            assert int(response.headers["Retry-After"]) > 0


DISCOVERY: Final = "/.well-known/openid-configuration"


@pytest.mark.parametrize(
    "answer",
    [
        as_json({"error": "x"}, 500),
        as_json([]),
        as_json({}),
        (200, {"Content-Type": "text/html"}, b"<html>"),
        (200, {}, b"[" * 300_000),
        (200, {}, b"[" * 200_000),
        (302, {"Location": "http://127.0.0.1:1/"}, b""),
    ],
    ids=["failing", "a list", "empty", "a page", "endless", "deep", "elsewhere"],
)
def test_a_discovery_that_is_none_is_refused(browser: Browser, bank: OIDCProvider, answer: Any) -> None:
    bank.answers[DISCOVERY] = answer
    assert code(browser.get(BEGIN)) == (503, "E645")


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://another.example"},
        {"token_endpoint": "http://another.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": None},
    ],
    ids=str,
)
def test_a_discovery_of_another_issuer_or_in_the_clear_is_refused(browser: Browser, bank: OIDCProvider, changed: dict[str, Any]) -> None:
    bank.answers[DISCOVERY] = as_json(bank.discovery(**changed))
    assert code(browser.get(BEGIN)) == (503, "E645")


@pytest.mark.parametrize("path", ["/token", "/jwks"])
@pytest.mark.parametrize("answer", [as_json({}, 500), as_json([1]), (200, {}, b"\xff"), (200, {}, b"")], ids=["failing", "a list", "no text", "nothing"])
def test_a_provider_that_fails_in_the_middle_is_not_our_fault(browser: Browser, bank: OIDCProvider, path: str, answer: Any) -> None:
    address = authorize(begin(browser))
    bank.answers[path] = answer
    refused(browser, come_back(browser, address), (503, "E645"))


@pytest.mark.parametrize("keys", [{}, {"keys": None}, {"keys": [1]}, {"keys": [{"kty": "no such"}]}, {"keys": []}], ids=str)
def test_keys_that_are_none_are_refused(browser: Browser, bank: OIDCProvider, keys: Any) -> None:
    address = authorize(begin(browser))
    bank.answers["/jwks"] = as_json(keys)
    response = come_back(browser, address)
    assert code(response) in ((503, "E645"), (403, "E646"))
    assert browser.cookie is None


@pytest.mark.parametrize("answer", [as_json({"error": "invalid_grant"}, 400), as_json({"error": "invalid_client"}, 401), as_json({"access_token": "x"})])
def test_a_code_that_the_provider_does_not_take_signs_nobody_in(browser: Browser, bank: OIDCProvider, answer: Any) -> None:
    address = authorize(begin(browser))
    bank.answers["/token"] = answer
    refused(browser, come_back(browser, address))


# --- the rest --------------------------------------------------------------------------------------------------------------


def test_where_it_is_not_configured_there_is_no_single_sign_on(service: Service) -> None:
    with Browser(create_app(service)) as browser:
        for path in (BEGIN, CALLBACK, f"{CALLBACK}?state=x&code=y"):
            assert code(browser.get(path)) == (404, "E644")


def test_ten_returns_a_minute_come_from_one_address(app: Flask, bank: OIDCProvider) -> None:
    with Browser(app) as browser:
        assert [code(browser.get(f"{CALLBACK}?state=x&code=y")) for _ in range(10)] == [(403, "E646")] * 10
        response = browser.get(f"{CALLBACK}?state=x&code=y")
        assert code(response) == (429, "E614")
        assert int(response.headers["Retry-After"]) > 0


def test_a_key_or_another_sign_in_does_not_matter(app: Flask) -> None:
    with Browser(app, headers={"Authorization": f"Bearer {KEY}"}) as browser:
        assert sign_in(browser).status_code == 200


def test_a_parameter_given_twice_is_refused(browser: Browser) -> None:
    assert code(browser.get(f"{CALLBACK}?state=x&state=y&code=z")) == (422, "E607")


def test_it_works_with_two_workers_over_real_http(tmp_path: Path) -> None:
    """Whichever worker the browser comes back to knows what the other one began."""
    with provider() as bank:
        oidc_settings = {"ZHUNSHENG_OIDC_ISSUER": bank.issuer, "ZHUNSHENG_OIDC_CLIENT_ID": CLIENT, "ZHUNSHENG_OIDC_CLIENT_SECRET": SECRET}
        bank.person = {"sub": "17", "preferred_username": "li.wei"}
        with running(tmp_path, cwd=ROOT, **oidc_settings) as server, httpx.Client(base_url=server.url, headers={"Connection": "close"}) as client:
            token = client.post("/v1/sign-in", json={"name": "adam", "password": PASSWORD}).json()["csrf_token"]
            made = client.post("/v1/users", json={"name": "li.wei", "display": "李伟", "single_sign_on": True}, headers={"X-CSRF-Token": token})
            assert made.status_code == 201
            for _ in range(6):
                client.cookies.clear()
                arrived = client.get(BEGIN, follow_redirects=True)
                assert (arrived.status_code, arrived.url.path) == (200, CALLBACK), arrived.text
                assert [client.get("/v1/me").json()["user"]["name"] for _ in range(4)] == ["li.wei"] * 4
