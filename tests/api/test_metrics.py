"""Do the metrics count what happens, in all processes together, and only for those who may read them?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import httpx
import pytest
import sqlalchemy as sa
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from api import logs, metrics, problems
from api.logs import Exchange
from api.metrics import Metrics, Readers
from api.service import Service
from rulesets import clock, keys, webhooks
from rulesets.audit import Actor
from rulesets.database import newest_revision
from rulesets.log.records import Question
from rulesets.models import Webhook
from tests.api.running import ROOT, SMALL, environment, free_port, held

LONG_TERM: Final = [("loan-pricing", 3), ("vip-membership", 1)]


def samples(text: bytes | str) -> dict[tuple[str, ...], float]:
    """Each sample's name and label values, in the order of the labels' names → its value."""
    families = text_string_to_metric_families(text if isinstance(text, str) else text.decode())
    return {(sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value for family in families for sample in family.samples}


def exchange(route: str, status: int, seconds: float, code: str = "") -> Exchange:
    return Exchange("id", "POST", "/", 0.0, route=route, status=status, seconds=seconds, code=code)


# --- counting -------------------------------------------------------------------------------------------------------------


def test_a_decision_counts_for_each_ruleset_and_version_as_decided_or_undecided():
    counted = Metrics()
    counted.decided(LONG_TERM)
    counted.decided(LONG_TERM, [("vip-membership", "vip_tier"), ("vip-membership", "vip_until")])
    counted.decided([("loan-pricing", 4)])
    found = samples(counted.text())
    assert {key[1:]: value for key, value in found.items() if key[0] == "zhunsheng_decisions_total"} == {
        ("decided", "loan-pricing", "3"): 2,
        ("decided", "loan-pricing", "4"): 1,
        ("decided", "vip-membership", "1"): 1,
        ("undecided", "vip-membership", "1"): 1,
    }
    assert found["zhunsheng_undecided_total", "vip_tier"] == found["zhunsheng_undecided_total", "vip_until"] == 1


def test_requests_count_by_route_and_status_with_their_time():
    counted = Metrics()
    counted.observe(exchange("/v1/decisions", 200, 0.004))
    counted.observe(exchange("/v1/decisions", 200, 0.2))
    counted.observe(exchange("/v1/decisions", 422, 99.0, code="E401"))
    counted.observe(exchange("", 404, 0.0, code="E620"))
    found = samples(counted.text())
    assert found["zhunsheng_requests_total", "POST", "/v1/decisions", "200"] == 2
    assert found["zhunsheng_requests_total", "other", "other", "404"] == 1
    assert found["zhunsheng_refusals_total", "E401"] == found["zhunsheng_refusals_total", "E620"] == 1
    buckets = [found["zhunsheng_request_seconds_bucket", le, "/v1/decisions"] for le in ("0.0025", "0.005", "0.1", "0.25", "10.0", "+Inf")]
    assert buckets == [0, 1, 1, 2, 2, 3]


def test_the_log_and_what_is_asked_are_gauges():
    counted = Metrics()
    counted.log_written(queued=7, seconds=0.25)
    ages = iter([60.0, 61.0])
    counted.ask("zhunsheng_release_age_seconds", "age", lambda: next(ages))
    counted.ask("zhunsheng_nothing", "nothing", lambda: None)
    found = samples(counted.text())
    assert (found["zhunsheng_log_queue",], found["zhunsheng_log_lag_seconds",], found["zhunsheng_release_age_seconds",]) == (7, 0.25, 60)
    assert ("zhunsheng_nothing",) not in found
    assert samples(counted.text())["zhunsheng_release_age_seconds",] == 61


def test_the_build_is_told():
    (labels,) = [key[1:] for key in samples(Metrics().text()) if key[0] == "zhunsheng_build_info"]
    assert newest_revision() in labels
    assert ".".join(map(str, sys.version_info[:3])) in labels


# --- reading --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "forwarded", "key", "admitted"),
    [
        ("127.0.0.1", False, False, True),
        ("::1", False, False, True),
        ("10.1.2.3", False, False, True),
        ("10.2.2.3", False, False, False),
        ("10.2.2.3", False, True, True),
        ("127.0.0.1", True, False, False),
        ("127.0.0.1", True, True, True),
        ("", False, False, False),
        ("unix:", False, False, False),
    ],
)
def test_near_addresses_and_keys_read_and_nobody_else(address, forwarded, key, admitted):
    readers = Readers(lambda: key, [*metrics.LOOPBACK, "10.1.0.0/16"])
    assert readers.admits(address, forwarded=forwarded) is admitted


def test_an_allow_list_of_something_else_is_refused():
    with pytest.raises(ValueError, match="bank"):
        Readers(lambda: False, ["bank.example"])


@contextmanager
def asked(has_key: Callable[[], bool] = lambda: False) -> Iterator[httpx.Client]:
    """A small application with metrics, in this process."""
    with httpx.Client(transport=httpx.WSGITransport(metered(has_key)), base_url="http://metered") as client:
        yield client


def metered(has_key: Callable[[], bool] = lambda: False) -> Flask:
    """A small application that counts, and says which process answers."""
    app, counted = Flask("metered"), Metrics()
    app.extensions |= {metrics.COUNTED: counted, metrics.READERS: Readers(has_key)}
    app.register_blueprint(metrics.blueprint)
    problems.register(app)
    logs.watch(app, counted.observe)

    @app.post("/decide")
    def decide() -> str:
        counted.decided(LONG_TERM, [("vip-membership", "vip_tier")])
        counted.log_written(queued=1, seconds=float(os.getpid()))
        return str(os.getpid())

    return app


def test_what_is_asked_over_http_is_counted_and_told():
    with asked() as client:
        client.post("/decide")
        client.get("/nowhere")
        response = client.get("/metrics")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = samples(response.text)
    assert found["zhunsheng_requests_total", "POST", "/decide", "200"] == 1
    assert found["zhunsheng_refusals_total", "E620"] == 1
    assert found["zhunsheng_decisions_total", "decided", "loan-pricing", "3"] == 1


@pytest.mark.parametrize(("language", "words"), [("zh", "指标只给本机"), ("en", "Metrics are for this machine")])
def test_whoever_may_not_read_is_refused_in_their_language(language, words):
    headers = {"X-Forwarded-For": "127.0.0.1", "Accept-Language": language}
    with asked() as client:
        refused = client.get("/metrics", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "E670")
    assert words in refused.json()["detail"]
    with asked(lambda: True) as client:
        assert client.get("/metrics", headers=headers).status_code == 200


# --- of the service -------------------------------------------------------------------------------------------------------


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = held(tmp_path, SMALL)
    yield made
    made.stop()


@pytest.fixture
def installed(service: Service) -> Flask:
    """An application that decides by the service's rules and counts it."""
    app = Flask("installed")
    app.extensions["zhunsheng"] = service
    counted = metrics.install(app, service, ["10.1.0.0/16"])
    app.register_blueprint(metrics.blueprint)
    problems.register(app)
    logs.watch(app, counted.observe)

    @app.post("/decide")
    def decide() -> dict[str, list[str]]:
        found = service.desk.ask(Question(system="tests", reference=None, facts={"opened": "2019-12-31"}, outcomes=["standing", "echo"]))
        metrics.note(found)
        return {"noted": logs.current().decisions, "id": [found.id]}

    return app


def read_by(app: Flask, key: str = "", address: str = "10.1.2.3") -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    with httpx.Client(transport=httpx.WSGITransport(app, remote_addr=address), base_url="http://installed") as client:
        return client.get("/metrics", headers=headers)


def test_a_decision_of_the_service_is_counted_by_its_versions_and_named_in_the_log(installed):
    with httpx.Client(transport=httpx.WSGITransport(installed), base_url="http://installed") as client:
        answer = client.post("/decide").json()
    assert answer["noted"] == answer["id"]
    found = samples(read_by(installed).text)
    assert found["zhunsheng_decisions_total", "undecided", "typed", "1"] == 1
    assert found["zhunsheng_undecided_total", "echo"] == 1
    assert not [key for key in found if "standing" in key]


def test_the_age_of_the_rules_and_the_backlog_are_told(installed, service):
    found = samples(read_by(installed).text)
    assert 0 < found["zhunsheng_release_age_seconds",] < 600
    assert found["zhunsheng_webhook_backlog",] == 0
    webhooks.create(service.database, service.sealer, Actor("user:ada"), url="http://127.0.0.1:1/")
    with service.database.writing() as session:
        session.execute(sa.update(Webhook).values(created_at=0))
        expected = webhooks.enqueue_due(session, clock.now())
    assert samples(read_by(installed).text)["zhunsheng_webhook_backlog",] == expected > 0


def test_what_the_store_cannot_say_is_left_out(installed, service, tmp_path):
    service.database.close()
    (tmp_path / "store.db").rename(tmp_path / "gone.db")
    (tmp_path / "store.db").mkdir()
    response = read_by(installed)
    assert response.status_code == 200
    assert ("zhunsheng_webhook_backlog",) not in samples(response.text)
    assert "zhunsheng_build_info" in response.text
    (tmp_path / "store.db").rmdir()
    (tmp_path / "gone.db").rename(tmp_path / "store.db")


def test_a_key_with_the_scope_read_reads_from_anywhere_and_no_other(installed, service):
    with service.database.writing() as session:
        read = keys.create(session, Actor("user:ada"), system="prometheus", scopes=["read"])[1]
        decide = keys.create(session, Actor("user:ada"), system="crm", scopes=["decide"])[1]
    far = "192.0.2.1"
    assert [read_by(installed, key, far).status_code for key in (read, decide, "zs_nobodys", "")] == [200, 403, 403, 403]
    assert read_by(installed).status_code == 200


# --- several processes ----------------------------------------------------------------------------------------------------

CONFIGURATION: Final = """
import os, tempfile
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(dir={folder!r})
loglevel, control_socket_disable = "critical", True
def child_exit(server, worker):
    from prometheus_client.multiprocess import mark_process_dead
    mark_process_dead(worker.pid)
"""


@contextmanager
def workers(folder: Path, number: int) -> Iterator[httpx.Client]:
    """Gunicorn with ``metered`` and as many workers, each request on a new connection."""
    port = free_port()
    (folder / "conf.py").write_text(CONFIGURATION.format(folder=str(folder)))
    command = [sys.executable, "-m", "gunicorn", "-c", str(folder / "conf.py"), "--preload", "-w", str(number), "-b", f"127.0.0.1:{port}"]
    process = subprocess.Popen([*command, "tests.api.test_metrics:metered()"], cwd=ROOT, env=environment(PYTHONPATH=str(ROOT)))
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Connection": "close"}, timeout=20) as client:
            _await(lambda: client.get("/metrics").status_code == 200)
            yield client
    finally:
        process.terminate()
        process.wait(30)


def _await(happened: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with suppress(httpx.TransportError):
            if happened():
                return
        time.sleep(0.02)
    raise AssertionError(f"did not happen within {seconds} s")


def test_whichever_worker_is_asked_tells_of_all_even_of_one_that_was_killed(tmp_path):
    with workers(tmp_path, 3) as client:
        asked_of: list[int] = []
        while len(set(asked_of)) < 2 and len(asked_of) < 2000:
            asked_of.append(int(client.post("/decide").text))
        assert len(set(asked_of)) > 1, "only one worker ever answered"
        _await(lambda: told(client, "zhunsheng_request_seconds_bucket", "+Inf", "/decide") == len(asked_of))
        for _ in range(12):
            found = samples(client.get("/metrics").text)
            assert found["zhunsheng_decisions_total", "decided", "loan-pricing", "3"] == len(asked_of)
            assert found["zhunsheng_undecided_total", "vip_tier"] == len(asked_of)
            assert found["zhunsheng_request_seconds_bucket", "+Inf", "/decide"] == len(asked_of)
            assert found["zhunsheng_log_queue",] == len(set(asked_of))
            assert found["zhunsheng_log_lag_seconds",] == max(asked_of)
        os.kill(asked_of[-1], signal.SIGKILL)
        _await(lambda: told(client, "zhunsheng_log_queue") == len(set(asked_of)) - 1)
        assert told(client, "zhunsheng_decisions_total", "decided", "loan-pricing", "3") == len(asked_of)


def told(client: httpx.Client, *sample: str) -> float | None:
    return samples(client.get("/metrics").text).get(sample)
