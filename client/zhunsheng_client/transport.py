"""How does a call reach the service: signed, exact, in time, and again when that is safe?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx

from zhunsheng_client.exact import read, written
from zhunsheng_client.problems import NotAvailable, Problem, Unreachable, Unreadable, problem, without_body

PROBLEM_TYPE: Final = "application/problem+json"
JSON_TYPE: Final = "application/json"
CSRF_HEADER: Final = "X-CSRF-Token"
LONGEST_WAIT: Final = 30
"""Seconds; a service that wants to be left alone longer is not waited for."""
FIRST_PAUSE: Final = 0.2


class NotGiven(Enum):
    """What is left out where None would mean null."""

    NOT_GIVEN = auto()


NOT_GIVEN: Final = NotGiven.NOT_GIVEN
_LOST: Final = (httpx.NetworkError, httpx.RemoteProtocolError, httpx.ConnectTimeout)


class Transport:
    """Calls over one pool of connections. Safe to share between threads.

    A call that is ``repeatable`` is made up to ``attempts`` times when the connection fails or the service asks to come
    again later (503 with Retry-After); any other call is made once.
    """

    def __init__(self, http: httpx.Client, *, attempts: int, pause: Callable[[float], None] = time.sleep) -> None:
        self._http, self._attempts, self._pause = http, attempts, pause
        self._csrf_token: str | None = None

    def close(self) -> None:
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        revision: int | None = None,
        repeatable: bool = False,
    ) -> Any:
        """The JSON of the answer, numbers exact; None when it has none. Raises ``Problem``, ``Unreachable`` or ``Unreadable``."""
        content = None if body is None else written(body).encode()
        request = self._request(method, path, query=query, content=content, revision=revision)
        answer = self._answer(self._sent(request, attempts=self._attempts if repeatable else 1))
        if isinstance(answer, Mapping) and "csrf_token" in answer:
            self._csrf_token = answer["csrf_token"]
        return answer

    def save(self, method: str, path: str, file: Path) -> None:
        """Write the answer to a new file, which is not there when this fails. Raises ``OSError`` too."""
        request = self._request(method, path)
        with file.open("xb") as out:
            try:
                with _reaching(), closing(self._http.send(request, stream=True)) as response:
                    _refuse(response)
                    for piece in response.iter_bytes():
                        out.write(piece)
            except BaseException:
                file.unlink()
                raise

    def _request(
        self, method: str, path: str, *, query: Mapping[str, object] | None = None, content: bytes | None = None, revision: int | None = None
    ) -> httpx.Request:
        headers = {} if content is None else {"Content-Type": JSON_TYPE}
        if revision is not None:
            headers["If-Match"] = f'"{revision}"'
        if method != "GET" and self._csrf_token is not None:
            headers[CSRF_HEADER] = self._csrf_token
        asked = {name: str(value) for name, value in (query or {}).items()}
        return self._http.build_request(method, path, params=asked or None, content=content, headers=headers)

    def _sent(self, request: httpx.Request, *, attempts: int) -> httpx.Response:
        for attempt in range(1, attempts):
            try:
                return self._once(request)
            except Unreachable as error:
                if not isinstance(error.__cause__, _LOST):
                    raise
                self._pause(FIRST_PAUSE * 2 ** (attempt - 1))
            except NotAvailable as refusal:
                if refusal.retry_after is None or refusal.retry_after > LONGEST_WAIT:
                    raise
                self._pause(refusal.retry_after)
        return self._once(request)

    def _once(self, request: httpx.Request) -> httpx.Response:
        with _reaching():
            response = self._http.send(request)
        _refuse(response)
        return response

    def _answer(self, response: httpx.Response) -> Any:
        if response.status_code == 204:
            return None
        with suppress(ValueError):
            if response.headers.get("Content-Type") == JSON_TYPE:
                return read(response.content)
        raise Unreadable(f"{response.request.method} {response.request.url}: {response.status_code} {response.headers.get('Content-Type', '')}")


def place(template: str, **named: object) -> str:
    """An address with the values it names, whatever characters they have."""
    return template.format_map({name: quote(str(value), safe="") for name, value in named.items()})


def given(members: Mapping[str, object], nullable: Mapping[str, object] | None = None) -> dict[str, object]:
    """The members that were given: not those that are None, and not those ``nullable`` ones that are ``NOT_GIVEN``."""
    kept = {name: value for name, value in members.items() if value is not None}
    return kept | {name: value for name, value in (nullable or {}).items() if value is not NOT_GIVEN}


@contextmanager
def _reaching() -> Iterator[None]:
    """Raise ``Unreachable`` when the block does not get through."""
    try:
        yield
    except httpx.RequestError as error:
        raise Unreachable(f"{error.request.method} {error.request.url}: {error or type(error).__name__}") from error


def _refuse(response: httpx.Response) -> None:
    """Raise the ``Problem`` of a response that is no success."""
    if not response.is_success:
        response.read()
        raise _problem(response)


def _problem(response: httpx.Response) -> Problem:
    after = response.headers.get("Retry-After", "")
    return problem(response.status_code, _members(response), retry_after=int(after) if after.isdecimal() else None)


def _members(response: httpx.Response) -> Mapping[str, Any]:
    with suppress(ValueError):
        if response.headers.get("Content-Type") == PROBLEM_TYPE:
            members = read(response.content)
            if isinstance(members, Mapping):
                return members
    return without_body(response.status_code)
