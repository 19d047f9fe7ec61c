"""How do two people publish one version after another through the API, whatever breaks meanwhile?"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Self

from rulesets.database import Database
from tests.api.running import as_signed_in
from tests.faults.load import BROKEN, FIRST_YEAR, YEARS, Caller, Reply
from tests.faults.site import PATIENCE

REPEATED: Final = {(409, "E653"), (409, "E654"), (409, "E665"), (412, "E652")}
"""What a step is refused with whose first try, unanswered, went through, or that must be taken anew."""
AWAY: Final = (503, "E662")


def early(document: Any) -> int:
    """The only threshold of ``typed``: the year before which a customer is an old one."""
    text: str = document["tables"][0]["rows"][0]["when"][0]
    return int(text.partition('"')[2][:4])


class GivenUp(Exception):
    """They were told to go home in the middle of it."""


@dataclass(slots=True)
class People:
    """Edda, who edits ``typed``, and Anna, who approves; each in a browser that is signed in. ``newest`` is the last version they know."""

    edda: Caller
    anna: Caller
    newest: int = 1
    home: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def signed_in(cls, database: Database, port: int) -> People:
        return cls(Caller(port, **as_signed_in(database, "edda")), Caller(port, **as_signed_in(database, "anna")))

    def publish(self, effective_from: str | None = None) -> int:
        """Another year in ``typed``; the number of the version. Steps whose fate is unknown are looked after and taken again."""
        draft = self._opened()
        while draft["state"] != "approved":
            self._step(draft, effective_from)
            draft = self._seen(draft["id"])
        self.newest = draft["version"]
        return self.newest

    def close(self) -> None:
        self.edda.close()
        self.anna.close()

    def _opened(self) -> Any:
        while True:
            reply = self._asked(self.edda, "POST", "/v1/drafts", {"ruleset": "typed", "title": "年份", "version": self.newest})
            if reply is not None:
                return reply.body

    def _seen(self, id_: str) -> Any:
        while True:
            reply = self._asked(self.edda, "GET", f"/v1/drafts/{id_}")
            if reply is not None:
                return reply.body

    def _step(self, draft: Any, effective_from: str | None) -> None:
        path, based_on = f"/v1/drafts/{draft['id']}", {"If-Match": f'"{draft["revision"]}"'}
        if draft["state"] == "submitted":
            self._asked(self.anna, "POST", f"{path}/approve", {"comment": "同意"}, **based_on)
        elif draft["changes"]:
            when = {"effective_from": effective_from} if effective_from else {}
            self._asked(self.edda, "POST", f"{path}/submit", {"reason": "监管口径调整", **when}, **based_on)
        else:
            self._asked(self.edda, "PUT", path, {"document": _with_another_year(draft["document"]), "cases": draft["cases"]}, **based_on)

    def _asked(self, caller: Caller, method: str, path: str, body: Any = None, **headers: str) -> Reply | None:
        """The answer; None, after a moment, for none or one that says to look again. Raises ``GivenUp``."""
        with suppress(*BROKEN):
            reply = caller.ask(method, path, body, **headers)
            if reply.status < 300:
                return reply
            refused = (reply.status, reply.body.get("code"))
            assert refused == AWAY or refused in REPEATED, f"{method} {path}: {reply}"
        if self.home.wait(0.05):
            raise GivenUp
        return None


def _with_another_year(document: Any) -> Any:
    following = FIRST_YEAR + (early(document) - FIRST_YEAR + 7) % YEARS
    document["tables"][0]["rows"][0]["when"] = [f'< date("{following}-01-01")']
    return document


@dataclass(slots=True)
class Publishing:
    """Publishes one version after another while the block runs; ``published`` counts them."""

    people: People
    published: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _working: Future[None] | None = None

    def __enter__(self) -> Self:
        self._working = self._pool.submit(self._work)
        return self

    def __exit__(self, *_: object) -> None:
        self.people.home.set()
        self._pool.shutdown()
        assert self._working is not None
        self._working.result()

    def more(self, number: int) -> None:
        """Return when so many more versions were published."""
        with self._changed:
            wanted = self.published + number
            assert self._changed.wait_for(lambda: self.published >= wanted or self._has_stopped(), PATIENCE * number), "no more versions"
        assert not self._has_stopped(), "publishing has stopped"

    def _has_stopped(self) -> bool:
        return self._working is None or self._working.done()

    def _work(self) -> None:
        try:
            with suppress(GivenUp):
                while not self.people.home.is_set():
                    self.people.publish()
                    with self._changed:
                        self.published += 1
                        self._changed.notify_all()
        finally:
            self.people.close()
            with self._changed:
                self._changed.notify_all()
