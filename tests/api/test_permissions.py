"""Who may do what? One line for each address and method, to be reviewed here when an address is added."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from flask import Flask

from admin_ui import add_pages
from api import create_app
from api.config import Settings
from rulesets.keys import hash_key
from tests.api.running import JSON, KEY, SMALL, Service, read

PERMISSIONS: Final[dict[tuple[str, str], tuple[int, int, int]]] = {
    # method and address                              no key, wrong key, key
    ("GET", "/healthz"): (200, 200, 200),
    ("GET", "/readyz"): (200, 200, 200),
    ("GET", "/v1/openapi.json"): (200, 200, 200),
    ("GET", "/"): (302, 302, 302),
    ("GET", "/docs"): (200, 200, 200),
    ("GET", "/docs/errors"): (200, 200, 200),
    ("GET", "/static/{filename}"): (200, 200, 200),
    ("GET", "/v1/vocabulary"): (401, 401, 200),
    ("GET", "/v1/rulesets"): (401, 401, 200),
    ("GET", "/v1/rulesets/{name}"): (401, 401, 200),
    ("POST", "/v1/decisions"): (401, 401, 200),
    ("POST", "/v1/rulesets/{name}/decisions"): (401, 401, 200),
}
"""Reviewed: health checks, the description of the interface and its pages hold nothing of a bank's rules and no customer."""

PAGES: Final = {"/", "/docs", "/docs/errors", "/static/{filename}"}

KEYS: Final = {"no key": None, "a wrong key": "Bearer zs_somebody-elses-key", "the key": f"Bearer {KEY}"}
BODY: Final = b'{"facts":{"legal_form":"enterprise"}}'


@pytest.fixture(scope="module")
def app() -> Iterator[Flask]:
    """The whole application with its pages, as wsgi.py puts it together."""
    app = create_app(Settings(keys={hash_key(KEY): "tests"}, documents=SMALL))
    add_pages(app)
    yield app
    app.extensions["zhunsheng"].engine.close()


def ask(service: Service, method: str, address: str, authorization: str | None, *, name: str = "loan-pricing") -> Any:
    address = address.replace("{name}", name).replace("{filename}", "pages.css")
    request = service.client.build_request(method, address, content=BODY if method == "POST" else None, headers=JSON)
    del request.headers["Authorization"]
    if authorization:
        request.headers["Authorization"] = authorization
    return service.client.send(request)


@pytest.mark.parametrize("who", KEYS)
@pytest.mark.parametrize(("method", "address"), list(PERMISSIONS))
def test_each_caller_may_do_what_the_table_says(service: Service, method: str, address: str, who: str) -> None:
    response = ask(service, method, address, KEYS[who])
    assert response.status_code == PERMISSIONS[method, address][list(KEYS).index(who)], response.text


def test_every_documented_operation_is_in_the_table(service: Service) -> None:
    paths = read(service.get("/v1/openapi.json"))["paths"]
    documented = {(method.upper(), path) for path, item in paths.items() for method in item if method != "parameters"}
    assert documented <= PERMISSIONS.keys()
    assert PERMISSIONS.keys() - documented == {("GET", path) for path in {"/v1/openapi.json", *PAGES}}


def test_every_address_that_the_application_answers_is_in_the_table(app: Flask) -> None:
    routed = {
        (method, re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in ("HEAD", "OPTIONS")
    }
    assert routed == PERMISSIONS.keys()


@pytest.mark.parametrize(("method", "address"), list(PERMISSIONS))
def test_without_a_key_nobody_learns_which_rulesets_there_are(service: Service, method: str, address: str) -> None:
    for authorization in (None, KEYS["a wrong key"]):
        known, unknown = (ask(service, method, address, authorization, name=name) for name in ("loan-pricing", "no-such"))
        assert (known.status_code, known.content) == (unknown.status_code, unknown.content)


@pytest.mark.parametrize("address", sorted({address for method, address in PERMISSIONS if method == "GET"}))
@pytest.mark.parametrize("who", KEYS)
def test_asking_for_the_head_needs_the_same_key(service: Service, address: str, who: str) -> None:
    response = ask(service, "HEAD", address, KEYS[who])
    assert response.status_code == PERMISSIONS["GET", address][list(KEYS).index(who)]
    assert response.content == b""


@pytest.mark.parametrize("address", sorted({address for _, address in PERMISSIONS}))
def test_anybody_may_ask_which_methods_there_are_and_learns_nothing_more(service: Service, address: str) -> None:
    response = ask(service, "OPTIONS", address, None)
    assert (response.status_code, response.content) == (200, b"")
    allowed = {method for method, path in PERMISSIONS if path == address}
    assert set(response.headers["Allow"].split(", ")) == allowed | {"OPTIONS"} | ({"HEAD"} if "GET" in allowed else set())
    assert "Access-Control-Allow-Origin" not in response.headers


def test_a_wrong_key_is_told_before_anything_is_read_of_the_request(service: Service) -> None:
    for body in (b"{", b'{"facts":{"nothing":1}}', b"x" * 2_000_000):
        response = service.post(body, headers={"Authorization": "Bearer zs_somebody-elses-key", "Content-Type": "text/plain"})
        assert (response.status_code, response.json()["code"]) == (401, "E611")
