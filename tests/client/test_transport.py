"""Is a call made again exactly when that is safe, and never otherwise? Between the client and the real service stands a bad line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from flask import Flask
from zhunsheng_client import NotAvailable, NotFound, Problem, Unreachable, Unreadable
from zhunsheng_client.resources import Resources
from zhunsheng_client.transport import Transport

from tests.api.running import WITH_KEY
from tests.client.conftest import URL

FACTS = {"opened": "2019-05-01"}


class BadLine(httpx.BaseTransport):
    """Leads to the service, but for the first calls, of which ``troubles`` come instead.

    A trouble is raised or returned before the service hears of the call, or (``after``) when it has answered.
    """

    def __init__(self, app: Flask, *troubles: Exception | httpx.Response, after: bool = False) -> None:
        self._service, self._troubles, self._after = httpx.WSGITransport(app), list(troubles), after
        self.calls = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        trouble = self._troubles.pop(0) if self._troubles else None
        if trouble is None:
            return self._service.handle_request(request)
        if self._after:
            self._service.handle_request(request).close()
        if isinstance(trouble, Exception):
            raise trouble
        return trouble


class Asked:
    """The calls over a bad line, and the pauses between them."""

    def __init__(self, line: BadLine) -> None:
        self.line, self.pauses = line, list[float]()
        self._http = httpx.Client(base_url=URL, transport=line, headers=WITH_KEY)
        self.all = Resources(Transport(self._http, attempts=3, pause=self.pauses.append))

    def close(self) -> None:
        self._http.close()


Asking = Callable[..., Asked]


@pytest.fixture
def over(app: Flask) -> Iterator[Asking]:
    asked: list[Asked] = []

    def over(*troubles: Exception | httpx.Response, after: bool = False) -> Asked:
        asked.append(Asked(BadLine(app, *troubles, after=after)))
        return asked[-1]

    yield over
    for one in asked:
        one.close()


def busy(seconds: str | None = "2") -> httpx.Response:
    return httpx.Response(503, headers={} if seconds is None else {"Retry-After": seconds})


def refused() -> Exception:
    return httpx.ConnectError("refused")


def test_a_reading_call_is_made_again_after_lost_connections(over: Asking) -> None:
    asked = over(refused(), httpx.RemoteProtocolError("closed"))
    assert asked.all.rulesets.list()["rulesets"]
    assert (asked.line.calls, asked.pauses) == (3, [0.2, 0.4])


def test_a_reading_call_waits_as_long_as_the_service_asks(over: Asking) -> None:
    asked = over(busy("7"))
    assert asked.all.rulesets.list()["rulesets"]
    assert (asked.line.calls, asked.pauses) == (2, [7])


def test_a_decision_with_a_reference_is_made_again_and_only_once(over: Asking) -> None:
    """The first answer is lost on its way; the second call gets that same decision."""
    asked = over(httpx.ReadError("reset"), after=True)
    answer = asked.all.decisions.decide(FACTS, reference="lost-answer")
    kept = asked.all.decisions.search(reference="lost-answer")["decisions"]
    assert (asked.line.calls, [one["decision_id"] for one in kept]) == (3, [answer["decision_id"]])


def test_a_batch_is_made_again_when_every_item_has_a_reference(over: Asking) -> None:
    asked = over(refused())
    answer = asked.all.decisions.batch([{"facts": FACTS, "reference": "batch-1"}, {"facts": FACTS, "reference": "batch-2"}])
    assert ([item["status"] for item in answer["items"]], asked.line.calls) == ([200, 200], 2)


def test_a_decision_without_a_reference_is_made_once(over: Asking) -> None:
    for trouble, kind in ((refused(), Unreachable), (busy(), NotAvailable)):
        asked = over(trouble)
        with pytest.raises(kind):
            asked.all.decisions.decide(FACTS)
        assert (asked.line.calls, asked.pauses) == (1, [])


def test_a_batch_with_one_item_without_a_reference_is_made_once(over: Asking) -> None:
    asked = over(refused())
    with pytest.raises(Unreachable):
        asked.all.decisions.batch([{"facts": FACTS, "reference": "batch-3"}, {"facts": FACTS}])
    assert asked.line.calls == 1


def test_any_other_change_is_made_once(over: Asking) -> None:
    asked = over(busy())
    with pytest.raises(NotAvailable) as caught:
        asked.all.drafts.open("typed", title="年份")
    assert (caught.value.retry_after, asked.line.calls) == (2, 1)


def test_it_gives_up_after_three_attempts(over: Asking) -> None:
    asked = over(refused(), refused(), refused(), refused())
    with pytest.raises(Unreachable, match=r"GET http://small\.example/v1/rulesets: refused"):
        asked.all.rulesets.list()
    assert asked.line.calls == 3


def test_who_waited_too_long_once_does_not_wait_again(over: Asking) -> None:
    asked = over(httpx.ReadTimeout("slow"))
    with pytest.raises(Unreachable):
        asked.all.rulesets.list()
    assert asked.line.calls == 1


@pytest.mark.parametrize("seconds", [None, "31", "soon"])
def test_a_service_that_does_not_say_when_or_too_late_is_not_waited_for(over: Asking, seconds: str | None) -> None:
    asked = over(busy(seconds))
    with pytest.raises(NotAvailable):
        asked.all.rulesets.list()
    assert asked.line.calls == 1


def test_a_refusal_is_not_asked_again(over: Asking) -> None:
    asked = over()
    with pytest.raises(NotFound):
        asked.all.rulesets.get("none")
    assert asked.line.calls == 1


def test_the_page_of_a_proxy_is_a_problem_without_a_code(over: Asking) -> None:
    asked = over(httpx.Response(502, headers={"Content-Type": "text/html"}, text="<h1>Bad Gateway</h1>"))
    with pytest.raises(Problem) as caught:
        asked.all.rulesets.list()
    assert (caught.value.status, caught.value.code, caught.value.title) == (502, "", "Bad Gateway")


def test_a_success_that_is_not_the_services_is_not_taken_for_an_answer(over: Asking) -> None:
    for stranger in (httpx.Response(200, text="<h1>Sign in to the wi-fi</h1>"), httpx.Response(200, headers={"Content-Type": "application/json"}, text="{")):
        with pytest.raises(Unreadable):
            over(stranger).all.rulesets.list()


def test_a_download_that_breaks_off_leaves_no_file(over: Asking, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    with pytest.raises(Unreachable):
        over(refused()).all.audit.export(file)
    assert not file.exists()
