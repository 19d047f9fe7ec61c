"""How do callers keep the real service busy with decisions, and what do they remember of its answers?"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import count
from typing import Any, Final, Self

from tests.api.running import DECISIONS, JSON, WITH_KEY
from tests.faults.site import PATIENCE

CLIENTS: Final = 4
BROKEN: Final = (OSError, HTTPException)
"""What a caller sees when the other side dies."""
FIRST_YEAR: Final = 2000
YEARS: Final = 20


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, whether it is the last on its connection, and how long it took in seconds."""

    status: int
    retry_after: str | None
    body: Any
    is_last: bool
    seconds: float


class Caller:
    """One keep-alive connection, opened again after it broke."""

    def __init__(self, port: int, **headers: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._headers = JSON | headers

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Ask and wait for the answer; raises one of ``BROKEN`` when none comes."""
        start = time.monotonic()
        sent = None if body is None else json.dumps(body).encode()
        try:
            self._connection.request(method, path, sent, self._headers | headers)
            response = self._connection.getresponse()
            data = response.read()
        except BROKEN:
            self._connection.close()
            raise
        return Reply(response.status, response.getheader("Retry-After"), json.loads(data), response.will_close, time.monotonic() - start)

    def close(self) -> None:
        self._connection.close()


def question(reference: str) -> dict[str, Any]:
    """What is asked under a reference: unlike under any other, and the answer depends on the version of ``typed``."""
    year = FIRST_YEAR + sum(reference.encode()) % YEARS
    return {"facts": {"opened": f"{year}-06-01", "remark": reference}, "outcomes": ["standing", "echo"], "reference": reference}


@dataclass(slots=True)
class Load:
    """Callers that ask one question after another while the block runs.

    ``answered`` has every acknowledged decision by its reference. A persistent caller asks again, with the same reference,
    until it is answered; the others give up when their connection is closed.
    """

    port: int
    name: str = "a"
    persistent: bool = True
    answered: dict[str, Any] = field(default_factory=dict)
    refused: list[Reply] = field(default_factory=list)
    broken: int = 0
    slowest: float = 0.0
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _ending: threading.Event = field(default_factory=threading.Event)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(CLIENTS))
    _working: list[Future[None]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._working = [self._pool.submit(self._work, f"{self.name}{number}") for number in range(CLIENTS)]
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self.finished()

    def finished(self) -> None:
        """Wait until every caller has stopped by itself or was told to."""
        self._pool.shutdown()
        for working in self._working:
            working.result()

    def more(self, number: int) -> None:
        """Return when so many more decisions were acknowledged."""
        with self._changed:
            wanted = len(self.answered) + number
            assert self._changed.wait_for(lambda: len(self.answered) >= wanted or not self._is_working(), PATIENCE), "no more answers"
        assert self._is_working(), "the callers have stopped"

    def more_refusals(self, number: int) -> None:
        """Return when so many more questions were refused."""
        with self._changed:
            wanted = len(self.refused) + number
            assert self._changed.wait_for(lambda: len(self.refused) >= wanted, PATIENCE), "no refusals"

    def _is_working(self) -> bool:
        return not any(working.done() for working in self._working)

    def _work(self, name: str) -> None:
        caller = Caller(self.port, **WITH_KEY)
        try:
            for reference in self._references(name):
                if not self._settled(caller, reference):
                    return
        finally:
            caller.close()
            with self._changed:
                self._changed.notify_all()

    def _references(self, name: str) -> Iterator[str]:
        for number in count():
            if self._ending.is_set():
                return
            yield f"{name}-{number}"

    def _settled(self, caller: Caller, reference: str) -> bool:
        """Ask until there is an answer; whether to go on."""
        while True:
            reply = self._asked(caller, reference)
            if not self.persistent and (reply is None or reply.is_last):
                return False
            if reply is not None and reply.status == 200:
                return True
            if self._ending.wait(0.02):
                return False

    def _asked(self, caller: Caller, reference: str) -> Reply | None:
        try:
            reply = caller.ask("POST", DECISIONS, question(reference))
        except BROKEN:
            with self._changed:
                self.broken += 1
            return None
        with self._changed:
            self._note(reference, reply)
            self._changed.notify_all()
        return reply

    def _note(self, reference: str, reply: Reply) -> None:
        self.slowest = max(self.slowest, reply.seconds)
        if reply.status == 200:
            self.answered[reference] = reply.body
        else:
            self.refused.append(reply)
