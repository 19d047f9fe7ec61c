"""What is told of each request, to those who run the service? One line of JSON, never with facts, queries, bodies or keys.

Of an exception the log names the type and the places in the code: its message may repeat what was sent. What else is logged
while a request is answered carries the request's id. ``docs/operations.md`` lists the fields.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from traceback import extract_tb
from typing import IO, Any, Final

from flask import Flask, Response

from api.headers import WSGI
from api.problems import PROBLEM_TYPE
from api.service import current_request

log: Final = logging.getLogger("zhunsheng.requests")

HEADER: Final = "X-Request-Id"
_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
_KEYS: Final = re.compile(r"zs_[A-Za-z0-9_-]+|://[^/@\s]+@|Bearer \S+", re.ASCII)
"""API keys, and the names and passwords in addresses."""
MOST_DECISIONS: Final = 20
"""Ids in a line; a batch makes up to a thousand."""
_LONGEST: Final = 200
_encode: Final = json.JSONEncoder(ensure_ascii=False).encode
_ROOT: Final = Path(__file__).resolve().parents[1]


@dataclass(slots=True)
class Exchange:
    """One request and what became of it. Views fill in ``caller`` and ``decisions``; ``code`` is that of a refusal."""

    id: str
    method: str
    path: str
    started: float
    route: str = ""
    status: int = 0
    seconds: float = 0.0
    caller: str = ""
    code: str = ""
    decisions: list[str] = field(default_factory=list)

    def as_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"method": self.method, "path": _clean(self.path), "status": self.status, "ms": round(self.seconds * 1000, 1)}
        if self.decisions:
            fields |= {"decisions": self.decisions[:MOST_DECISIONS], "decision_count": len(self.decisions)}
        return fields | {name: value for name in ("caller", "code") if (value := getattr(self, name))}


Observer = Callable[[Exchange], object]
_current: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


def current() -> Exchange:
    """The exchange that this thread is answering; one that nobody looks at when it answers none."""
    return _current.get() or Exchange("", "", "", 0.0)


def tell(exchange: Exchange) -> None:
    """Log a finished exchange: our faults as errors, all else for information."""
    level = logging.ERROR if exchange.status == 500 else logging.INFO
    if log.isEnabledFor(level):  # ``log.log`` would look for the line of code that called, which takes as long as all the rest
        log.handle(log.makeRecord(log.name, level, "", 0, "request", (), None, extra={"fields": exchange.as_fields()}))


def watch(app: Flask, *observers: Observer) -> None:
    """Let each observer see every exchange of ``app`` when it has ended, and answer with its ``X-Request-Id``."""
    app.after_request(_note)
    app.wsgi_app = _watched(app.wsgi_app, observers)  # type: ignore[method-assign, assignment]


def _note(response: Response) -> Response:
    exchange = current()
    if rule := current_request().url_rule:
        exchange.route = rule.rule
    if response.content_type == PROBLEM_TYPE:
        exchange.code = json.loads(response.get_data()).get("code", "")
    return response


def _watched(application: WSGI, observers: Sequence[Observer]) -> WSGI:
    def respond(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        exchange = _begun(environ)

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            exchange.status = int(status[:3])
            return start_response(status, [*headers, (HEADER, exchange.id)], *rest)

        _current.set(exchange)
        try:
            return _Body(application(environ, start), exchange, observers)
        except BaseException:
            exchange.status = 500
            _end(exchange, observers)
            raise

    return respond


def _begun(environ: dict[str, Any]) -> Exchange:
    sent = environ.get("HTTP_X_REQUEST_ID")
    request_id = sent if sent and _WELL_FORMED.fullmatch(sent) else os.urandom(16).hex()
    return Exchange(request_id, environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), time.perf_counter())


def _end(exchange: Exchange, observers: Sequence[Observer]) -> None:
    exchange.seconds = time.perf_counter() - exchange.started
    try:
        for observe in observers:
            observe(exchange)
    finally:
        _current.set(None)


class _Body:
    """What is sent; the exchange has ended when the server closes it."""

    __slots__ = ("_exchange", "_observers", "_pieces")

    def __init__(self, pieces: Iterable[bytes], exchange: Exchange, observers: Sequence[Observer]) -> None:
        self._pieces, self._exchange, self._observers = pieces, exchange, observers

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def close(self) -> None:
        try:
            if close := getattr(self._pieces, "close", None):
                close()
        finally:
            _end(self._exchange, self._observers)


# --- lines ----------------------------------------------------------------------------------------------------------------


class JSONLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _clean(record.getMessage()),
        }
        if exchange := _current.get():
            line["request_id"] = exchange.id
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1]:
            line["errors"] = [_told(error) for error in _chain(record.exc_info[1])]
        return _encode(line)


def configure(level: str = "INFO", stream: IO[str] | None = None) -> None:
    """Write everything that is logged in this process as lines of JSON, to standard output unless told otherwise."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JSONLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)


def _clean(text: str) -> str:
    """A text that others may have had a hand in, cut, and without keys."""
    return _KEYS.sub("…", text[:_LONGEST])


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _told(error: BaseException) -> dict[str, Any]:
    """The type of an error, where it came from, and what the database calls it; not its message."""
    told: dict[str, Any] = {"type": f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")}
    if state := getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None):
        told["state"] = state
    told["at"] = [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]
    return told


def _short(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(_ROOT)) if path.is_relative_to(_ROOT) else "/".join(path.parts[-3:])
