"""Is there one line for each request, with all that helps and nothing that is secret?"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
from flask import Flask, Response, request

from api import logs, problems
from api.logs import Exchange, JSONLines

SECRET: Final = "CNY-88,000,000-of-Mrs-Wang"
KEY: Final = "zs_abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"


class Store(Exception):
    """As a database driver complains: with the values it was given."""

    sqlstate = "23505"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is logged while the test runs."""
    stream, root = io.StringIO(), logging.getLogger()
    before, level = root.handlers[:], root.level
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JSONLines())
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.handlers, root.level = before, level


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, written.getvalue().splitlines()) if line["logger"].startswith("zhunsheng")]


@pytest.fixture
def seen() -> list[Exchange]:
    return []


@pytest.fixture
def client(seen: list[Exchange]) -> Iterator[httpx.Client]:
    """A small application that is watched."""
    app = Flask("watched")
    problems.register(app)

    @app.post("/decisions/<system>")
    def decide(system: str) -> dict[str, str]:
        exchange = logs.current()
        exchange.caller = f"system:{system}"
        exchange.decisions.append("0199-1")
        logging.getLogger("zhunsheng.test").info("deciding for %s", system)
        return {"outcome": request.get_json()["facts"]}

    @app.route("/refuses")
    def refuse() -> Response:
        raise problems.Problem("E610")

    @app.route("/fails")
    def fail() -> Response:
        try:
            raise Store(f"duplicate key: ({SECRET})")
        except Store as error:
            raise RuntimeError(f"cannot keep {SECRET}") from error

    @app.route("/streams")
    def stream() -> Response:
        return Response(str(number) for number in range(3))

    logs.watch(app, seen.append, logs.tell)
    with httpx.Client(transport=httpx.WSGITransport(app, raise_app_exceptions=False), base_url="http://watched") as client:
        yield client


def test_a_request_is_one_line_with_who_what_and_how_long(client, written):
    response = client.post("/decisions/crm", json={"facts": "enterprise"}, headers={"X-Request-Id": "trace-0001.a_b"})
    *_, line = lines(written)
    assert line | {"time": "", "ms": 0} == {
        "time": "",
        "level": "info",
        "logger": "zhunsheng.requests",
        "message": "request",
        "request_id": "trace-0001.a_b",
        "method": "POST",
        "path": "/decisions/crm",
        "status": 200,
        "ms": 0,
        "caller": "system:crm",
        "decisions": ["0199-1"],
        "decision_count": 1,
    }
    assert response.headers["X-Request-Id"] == "trace-0001.a_b"
    assert line["time"].endswith("+00:00")
    assert [found["message"] for found in lines(written)] == ["deciding for crm", "request"]


def test_what_is_logged_meanwhile_carries_the_request_id(client, written):
    response = client.post("/decisions/crm", json={"facts": 1})
    assert [line["request_id"] for line in lines(written)] == [response.headers["X-Request-Id"]] * 2
    logging.getLogger("zhunsheng.test").info("idle")
    assert "request_id" not in lines(written)[-1]


@pytest.mark.parametrize("sent", ["", "short", "x" * 65, "with blanks in it", 'quote"quote"', "line%0abreak"])
def test_an_ill_formed_request_id_is_replaced(client, sent):
    given = [client.get("/refuses", headers={"X-Request-Id": sent}).headers["X-Request-Id"] for _ in range(2)]
    assert sent not in given
    assert len(set(given)) == 2


def test_a_refusal_is_a_line_with_its_code(client, written, seen):
    assert client.get("/refuses").status_code == 401
    assert lines(written)[-1]["code"] == "E610"
    assert client.get("/nowhere").status_code == 404
    assert lines(written)[-1]["code"] == "E620"
    assert [exchange.route for exchange in seen] == ["/refuses", ""]


def test_a_failure_is_an_error_whose_incident_is_in_the_log_with_its_place_but_without_its_words(client, written):
    response = client.get("/fails")
    failure, line = lines(written)
    assert (line["level"], line["status"], line["code"]) == ("error", 500, "E699")
    assert failure["message"].removeprefix("incident ") in response.json()["detail"]
    assert [error["type"].rpartition(".")[2] for error in failure["errors"]] == ["RuntimeError", "Store"]
    assert failure["errors"][1]["state"] == "23505"
    assert failure["errors"][0]["at"][-1].startswith("tests/api/test_logs.py:")
    assert failure["errors"][0]["at"][-1].endswith(" fail")
    assert failure["request_id"] == line["request_id"] == response.headers["X-Request-Id"]


def test_no_fact_query_body_or_key_is_ever_logged(client, written):
    headers = {"Authorization": f"Bearer {KEY}", "Cookie": f"zhunsheng={SECRET}"}
    client.post("/decisions/crm", json={"facts": SECRET}, headers=headers, params={"reference": SECRET})
    client.post("/decisions/crm", content=SECRET.encode(), headers=headers)
    client.get("/fails", headers=headers)
    client.get(f"/{KEY}")
    log = logging.getLogger("zhunsheng.test")
    log.warning("wrong header: Authorization: Bearer %s", "opaque-token-of-somebody")
    log.warning("cannot reach postgresql://zhunsheng:%s@db/zhunsheng", "hunter2")
    assert len(lines(written)) >= 7
    for secret in (SECRET, SECRET[4:14], KEY, KEY[3:], "opaque-token", "hunter2"):
        assert secret not in written.getvalue()


def test_no_line_can_be_forged_by_what_is_sent(client, written):
    client.get("/x%0a%7B%22level%22:%22info%22%7D%00")
    assert len(lines(written)) == 1
    assert lines(written)[0]["path"] == '/x\n{"level":"info"}\0'


def test_of_a_large_batch_only_the_first_decisions_are_named(written):
    exchange = Exchange("id", "POST", "/", 0.0, decisions=[f"{number}" for number in range(1000)])
    logs.tell(exchange)
    assert (lines(written)[0]["decisions"], lines(written)[0]["decision_count"]) == ([f"{number}" for number in range(20)], 1000)


def test_a_long_path_is_cut(client, written):
    client.get("/" + "x" * 5000)
    assert lines(written)[0]["path"] == "/" + "x" * 199


def test_the_body_belongs_to_the_exchange(client, seen):
    assert client.get("/streams").text == "012"
    assert [(exchange.status, exchange.route) for exchange in seen] == [(200, "/streams")]
    assert logs.current().id == ""


def test_an_application_that_breaks_is_still_told_of(seen, written):
    def broken(environ: object, start_response: object) -> Iterator[bytes]:
        raise IndexError

    app = Flask("broken")
    app.wsgi_app = broken  # type: ignore[method-assign]
    logs.watch(app, seen.append, logs.tell)
    with pytest.raises(IndexError):
        app.test_client().get("/")
    assert [exchange.status for exchange in seen] == [500]
    assert lines(written)[0]["level"] == "error"


def test_configuring_writes_every_logger_as_json(capsys):
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        logs.configure()
        logging.getLogger("another").warning("said")
    finally:
        root.handlers, root.level = before, level
    assert json.loads(capsys.readouterr().out)["message"] == "said"
