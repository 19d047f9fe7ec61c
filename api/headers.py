"""Which headers protect every response, errors included? (Pages add what only a browser's window needs.)"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

HEADERS: Final[list[tuple[str, str]]] = [
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def protected(application: WSGI) -> WSGI:
    """Add ``HEADERS`` to whatever ``application`` answers."""

    def respond(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, headers + HEADERS, *rest)

        return application(environ, start)

    return respond
