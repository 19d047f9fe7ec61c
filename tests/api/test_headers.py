"""Does every kind of response protect the browser that may show it, and say which language it speaks?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import httpx
import pytest

from tests.api.running import DECISIONS, Service

GOOD: Final = b'{"facts":{"legal_form":"enterprise"}}'
KINDS: Final[dict[str, tuple[int, Callable[[Service], httpx.Response]]]] = {
    "a decision": (200, lambda service: service.post(GOOD)),
    "the vocabulary": (200, lambda service: service.get("/v1/vocabulary")),
    "the OpenAPI document": (200, lambda service: service.get("/v1/openapi.json")),
    "a health check": (200, lambda service: service.get("/healthz")),
    "a head": (200, lambda service: service.client.head("/v1/rulesets")),
    "methods": (200, lambda service: service.client.options(DECISIONS)),
    "no change": (304, lambda service: service.get("/v1/rulesets", {"If-None-Match": "*"})),
    "malformed": (400, lambda service: service.post(b"{")),
    "no key": (401, lambda service: service.post(GOOD, headers={"Authorization": ""})),
    "a wrong key": (401, lambda service: service.post(GOOD, headers={"Authorization": "Bearer no"})),
    "no address": (404, lambda service: service.get("/v1/nowhere")),
    "no ruleset": (404, lambda service: service.get("/v1/rulesets/nothing")),
    "no method": (405, lambda service: service.client.delete(DECISIONS)),
    "too large": (413, lambda service: service.post(GOOD.ljust(2_000_000))),
    "no JSON": (415, lambda service: service.post(GOOD, headers={"Content-Type": "text/plain"})),
    "refused facts": (422, lambda service: service.post(b'{"facts":{"nothing":1}}')),
    "a refused frame": (422, lambda service: service.post(b"[]")),
    "a page": (200, lambda service: service.get("/docs")),
    "a page of codes": (200, lambda service: service.get("/docs/errors")),
    "a style": (200, lambda service: service.get("/static/pages.css")),
    "no style": (404, lambda service: service.get("/static/nothing.css")),
    "a way out of the styles": (404, lambda service: service.get("/static/..%2f..%2fwsgi.py")),
    "another address": (302, lambda service: service.get("/")),
}
PAGES: Final = ("a page", "a page of codes")
REFUSALS: Final = [name for name, (status, _) in KINDS.items() if status >= 400]

EVERYWHERE: Final = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}
IN_A_WINDOW: Final = {"Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin"}
POLICY: Final = {
    "default-src": "'none'",
    "style-src": "'self'",
    "img-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def get(service: Service, kind: str) -> httpx.Response:
    status, ask = KINDS[kind]
    response = ask(service)
    assert response.status_code == status, response.text
    return response


@pytest.mark.parametrize("kind", KINDS)
def test_every_response_forbids_what_a_browser_should_not_do_with_it(service: Service, kind: str) -> None:
    response = get(service, kind)
    for name, value in (EVERYWHERE | (IN_A_WINDOW if kind in PAGES else {})).items():
        assert response.headers.get_list(name) == [value]
    (policy,) = response.headers.get_list("Content-Security-Policy")
    assert dict(directive.strip().split(" ", 1) for directive in policy.split(";")) == POLICY


@pytest.mark.parametrize("kind", KINDS)
def test_no_response_sets_a_cookie_opens_itself_to_other_sites_or_tells_versions(service: Service, kind: str) -> None:
    response = get(service, kind)
    assert not {"Set-Cookie", "Access-Control-Allow-Origin", "X-Powered-By"} & set(response.headers)
    assert response.headers["Server"] == "gunicorn"


@pytest.mark.parametrize("kind", KINDS)
def test_the_announced_length_is_the_length(service: Service, kind: str) -> None:
    response = get(service, kind)
    if response.request.method != "HEAD" and response.status_code != 304:
        assert int(response.headers["Content-Length"]) == len(response.content)


def test_the_failure_of_the_service_is_protected_as_well(failing: Service) -> None:
    response = failing.post(GOOD)
    assert response.status_code == 500
    assert {name: response.headers[name] for name in EVERYWHERE} == EVERYWHERE
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


# --- languages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", REFUSALS)
@pytest.mark.parametrize(("accepted", "spoken"), [("zh-CN", "zh-CN"), ("en", "en")])
def test_a_refusal_says_which_language_it_is_in_and_that_it_depends_on_the_caller(service: Service, kind: str, accepted: str, spoken: str) -> None:
    service.client.headers["Accept-Language"] = accepted
    try:
        response = get(service, kind)
    finally:
        del service.client.headers["Accept-Language"]
    assert response.headers["Content-Language"] == spoken
    assert response.headers["Vary"] == "Accept-Language"


@pytest.mark.parametrize(
    ("accepted", "spoken"),
    [
        (None, "zh-CN"),
        ("", "zh-CN"),
        ("*", "zh-CN"),
        ("zh", "zh-CN"),
        ("zh-TW", "zh-CN"),
        ("zh-Hans-CN", "zh-CN"),
        ("en-US", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("en-AU", "en"),
        ("EN", "en"),
        ("fr, en;q=0.3", "en"),
        ("zh;q=0.2, en;q=0.8", "en"),
        ("en;q=0.2, zh;q=0.8", "zh-CN"),
        ("fr", "zh-CN"),
        ("en;q=0", "zh-CN"),
        ("q=;;,,x", "zh-CN"),
    ],
)
def test_the_language_is_the_one_preferred_and_chinese_where_none_is_ours(service: Service, accepted: str | None, spoken: str) -> None:
    request = service.client.build_request("GET", "/v1/nowhere")
    request.headers.pop("Accept-Language", None)
    if accepted is not None:
        request.headers["Accept-Language"] = accepted
    response = service.client.send(request)
    assert response.headers["Content-Language"] == spoken
    assert response.json()["title"] == {"zh-CN": "没有这个地址", "en": "Not found"}[spoken]


@pytest.mark.parametrize("kind", ["a decision", "the vocabulary", "the OpenAPI document", "a health check"])
def test_an_answer_is_the_same_in_every_language(service: Service, kind: str) -> None:
    response = get(service, kind)
    assert "Content-Language" not in response.headers
    assert "Vary" not in response.headers


# --- types ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PAGES)
@pytest.mark.parametrize(("accepted", "spoken"), [("zh-CN", "zh-CN"), ("en", "en")])
def test_a_page_says_which_language_it_is_in_and_that_it_depends_on_the_caller(service: Service, kind: str, accepted: str, spoken: str) -> None:
    path = {"a page": "/docs", "a page of codes": "/docs/errors"}[kind]
    response = service.get(path, {"Accept-Language": accepted})
    assert response.headers["Content-Language"] == spoken
    assert response.headers["Vary"] == "Accept-Language"
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("kind", ["a decision", "the vocabulary", "the OpenAPI document", "a health check"])
def test_an_answer_is_json(service: Service, kind: str) -> None:
    assert get(service, kind).headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_is_a_problem(service: Service, kind: str) -> None:
    response = get(service, kind)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert ("WWW-Authenticate" in response.headers) == (response.status_code == 401)
    assert ("Allow" in response.headers) == (response.status_code == 405)
