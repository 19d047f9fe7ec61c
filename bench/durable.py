"""What does it cost that a decision is durable before it is answered? The same endpoint with the log and without it."""

from __future__ import annotations

import json
import selectors
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Final

from bench.http import FACTS, HOST, PIECE, ROOT, ROUNDS, SILENCE, WARM_UP, Refused, Server, Service, check_rate, prepared, started, written
from tests.store.postgres import Unavailable, start_postgres

CONNECTIONS: Final = 32
GOAL: Final = 0.5
BODY: Final = json.dumps({"facts": FACTS}).encode()
PATH: Final = "/v1/rulesets/loan-pricing/decisions"


def report(*, seconds: float) -> None:
    """On each database ask both services in turns, ``seconds`` in all, and print how many decisions they keep and forget."""
    print(f"{f'durable decisions, {CONNECTIONS} connections':34}{'kept/s':>12}{'forgotten/s':>16}{'ratio':>9}{'rounds':>16}", flush=True)
    for name, store in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        try:
            with store() as urls:
                print(_line(name, _measured(urls, seconds)), flush=True)
        except (Refused, Unavailable, OSError) as refusal:
            print(f"  {name:32}{refusal}")
    print(f"\nthe goal is a ratio of {GOAL}\n")


def _line(name: str, rounds: list[tuple[float, float]]) -> str:
    kept, forgotten = (sum(rates) / len(rates) for rates in zip(*rounds, strict=True))
    ratios = [kept / forgotten for kept, forgotten in rounds]
    return f"  {name:32}{kept:>12,.0f}{forgotten:>16,.0f}{kept / forgotten:>9.2f}{f'{min(ratios):.2f}–{max(ratios):.2f}':>16}"


def _measured(urls: tuple[str, str], seconds: float) -> list[tuple[float, float]]:
    """Decisions per second of the service that keeps them and of the one that forgets, in each round."""
    turn = seconds / ROUNDS / 2
    with ExitStack() as stack:
        kept, forgotten = (stack.enter_context(started(service)) for service in (_service("kept", urls[0]), _service("forgotten", urls[1])))
        for server in (kept, forgotten):
            check_rate(server.ask())
            rate(server, WARM_UP)
        return [(rate(kept, turn), rate(forgotten, turn)) for _ in range(ROUNDS)]


def _service(name: str, url: str) -> Service:
    environment, key = prepared(url)
    forgets = {"ZHUNSHENG_FORGET_DECISIONS": "1"} if name == "forgotten" else {}
    return Service(f"{name} decisions", "wsgi:app", written("POST", PATH, BODY, key), ROOT, {**environment, **forgets})


@contextmanager
def _sqlite() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/kept.db", f"sqlite:///{folder}/forgotten.db"


@contextmanager
def _postgresql() -> Iterator[tuple[str, str]]:
    server = start_postgres()
    try:
        yield server.new_database(), server.new_database()
    finally:
        server.close()


# --- the client ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Connection:
    """One caller, who asks again as soon as there is an answer."""

    socket: socket.socket
    received: bytes = b""

    def is_answered(self) -> bool:
        """Take in what has come: whether that is the whole answer. Raises Refused unless it is a 200."""
        self.received += self.socket.recv(PIECE)
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise Refused(f"answered {self.received[:300]!r}")
        whole = len(body) == int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        self.received = b"" if whole else self.received
        return whole


@dataclass(slots=True)
class _Callers:
    """All connections to one server, kept alive."""

    request: bytes
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    answered: int = 0

    def asked(self, connection: _Connection) -> None:
        connection.socket.sendall(self.request)

    def drive(self, until: float) -> None:
        """Let everybody ask again and again until then, and wait for the last answers."""
        waiting = len(self.selector.get_map())
        while waiting:
            events = self.selector.select(SILENCE)
            if not events:
                raise Refused(f"silent for {SILENCE:.0f} s")
            for key, _ in events:
                if key.data.is_answered():
                    self.answered += 1
                    if time.perf_counter() < until:
                        self.asked(key.data)
                    else:
                        waiting -= 1


def rate(server: Server, seconds: float) -> float:
    """Answers per second over ``CONNECTIONS`` connections that are kept alive."""
    callers = _Callers(server.service.request.replace(b"Connection: close", b"Connection: keep-alive"))
    with ExitStack() as stack:
        stack.enter_context(callers.selector)
        connections = [_Connection(stack.enter_context(socket.create_connection((HOST, server.port), SILENCE))) for _ in range(CONNECTIONS)]
        start = time.perf_counter()
        for connection in connections:
            callers.selector.register(connection.socket, selectors.EVENT_READ, connection)
            callers.asked(connection)
        callers.drive(start + seconds)
        return callers.answered / (time.perf_counter() - start)
