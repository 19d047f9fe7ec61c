"""How do the tests use the service as a person with a browser does? With a cookie, and the token of the page."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

import httpx
from flask import Flask

from tests.api.running import PASSWORD

SITE: Final = "http://zhunsheng.example"
_addresses: Final = itertools.count(1)


class Browser:
    """A browser on a machine of its own, whose every change carries the token it was given last."""

    def __init__(self, app: Flask, *, site: str = SITE, address: str = "", headers: dict[str, str] | None = None) -> None:
        number = next(_addresses)
        self.address = address or f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        self.client = httpx.Client(transport=httpx.WSGITransport(app, remote_addr=self.address), base_url=site, headers=headers)
        self.token = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    @property
    def cookie(self) -> str | None:
        return self.client.cookies.get("zhunsheng")

    def sign_in(self, name: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
        response = self.client.post("/v1/sign-in", json={"name": name, "password": password}, headers=headers)
        if response.status_code == 200:
            self.token = response.json()["csrf_token"]
        return response

    def ask(self, method: str, path: str, json: Any = None, **headers: str) -> httpx.Response:
        """``headers`` are written with underscores; a header that is "" is not sent."""
        sent = {"X-CSRF-Token": self.token} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request(method, path, json=json, headers={name: value for name, value in sent.items() if value})

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.ask("GET", path, **headers)


@contextmanager
def signed_in(app: Flask, name: str, password: str = PASSWORD) -> Iterator[Browser]:
    """A browser in which ``name`` is signed in."""
    with Browser(app) as browser:
        response = browser.sign_in(name, password)
        assert response.status_code == 200, response.text
        yield browser


@contextmanager
def person(app: Flask, name: str) -> Iterator[httpx.Client]:
    """The client of a browser in which ``name`` is signed in; it sends the page's token with everything."""
    with signed_in(app, name) as browser:
        browser.client.headers["X-CSRF-Token"] = browser.token
        yield browser.client


def code(response: httpx.Response) -> tuple[int, str]:
    """The status of a refusal, and its code."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    return response.status_code, response.json()["code"]
