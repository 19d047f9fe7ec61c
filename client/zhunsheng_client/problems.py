"""How does the service say no? Exceptions made from its RFC 9457 problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.client import responses
from typing import Any, Final


class ClientError(Exception):
    """Whatever goes wrong between this client and the service."""


class Unreachable(ClientError):
    """The service did not answer, or not in time. Whether it did what was asked is not known."""


class Unreadable(ClientError):
    """What came back is not an answer of this service, but of something between here and there."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: its code, its place in what was sent (JSON pointer), and words."""

    code: str
    pointer: str
    title: str
    detail: str


class Problem(ClientError):
    """A refusal. ``errors`` are all faults, the first one is told by ``code``, ``title`` and ``detail`` too.

    ``members`` is the whole problem as it came; some have more to say, such as the ``conflicts`` of a rebase.
    """

    def __init__(self, status: int, members: Mapping[str, Any], *, retry_after: int | None = None) -> None:
        self.status, self.members, self.retry_after = status, members, retry_after
        self.code = str(members.get("code", ""))
        self.title = str(members.get("title", ""))
        self.detail = str(members.get("detail", ""))
        self.errors = tuple(_fault(error) for error in members.get("errors", ()))
        super().__init__(f"{status} {self.code} {self.title}: {self.detail}")


class InvalidRequest(Problem):
    """What was sent cannot be read or is not as it must be (400, 413, 415, 422); ``errors`` says where."""


class NotSignedIn(Problem):
    """No key or sign-in, or not a valid one (401)."""


class NotAllowed(Problem):
    """Not with this key or these roles (403)."""


class NotFound(Problem):
    """What was named is not there (404)."""


class InConflict(Problem):
    """Not as things stand now (409)."""


class ChangedMeanwhile(Problem):
    """Somebody else changed it since the revision that was given (412): read it again, merge, and save."""


class TooManyRequests(Problem):
    """Asked too often (429); ``retry_after`` says in how many seconds to ask again."""


class NotAvailable(Problem):
    """The service cannot answer just now (503); ``retry_after`` says in how many seconds to ask again."""


class ServiceFault(Problem):
    """The service failed; nothing is wrong with the request. ``detail`` has the number to quote."""


_KINDS: Final[Mapping[int, type[Problem]]] = {
    400: InvalidRequest,
    401: NotSignedIn,
    403: NotAllowed,
    404: NotFound,
    409: InConflict,
    412: ChangedMeanwhile,
    413: InvalidRequest,
    415: InvalidRequest,
    422: InvalidRequest,
    429: TooManyRequests,
    500: ServiceFault,
    503: NotAvailable,
}


def problem(status: int, members: Mapping[str, Any], *, retry_after: int | None = None) -> Problem:
    """The exception for a refusal of this status."""
    return _KINDS.get(status, Problem)(status, members, retry_after=retry_after)


def without_body(status: int) -> Mapping[str, Any]:
    """What is known of a refusal that is no problem of the service, such as a proxy's."""
    return {"title": responses.get(status, "")}


def _fault(error: Mapping[str, Any]) -> Fault:
    return Fault(*(str(error.get(name, "")) for name in ("code", "pointer", "title", "detail")))
