"""How does the service fare? Counts and times for Prometheus at ``GET /metrics``, added up over all processes.

Processes that share ``PROMETHEUS_MULTIPROC_DIR`` (set before this file is imported) answer with one sum, whichever is asked.
"""

from __future__ import annotations

import ipaddress
import os
import platform
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, cast

from flask import Flask, Response, current_app
from flask_smorest import Blueprint
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from api.logs import Exchange, current
from api.problems import PROBLEM_TYPE, Problem
from api.schemas import ProblemSchema
from api.service import Service, current_request
from rulesets import clock, webhooks
from rulesets.database import newest_revision
from rulesets.deciding import Decided
from rulesets.log.sealing import Unavailable

SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
COUNTED: Final = "zhunsheng.metrics"
READERS: Final = "zhunsheng.readers"
"""Where an application keeps its metrics, and who may read them."""
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LOOPBACK: Final = ("127.0.0.0/8", "::1/128")


class Metrics:
    """The counts and times of one process. Recording takes microseconds and never waits for anybody."""

    def __init__(self) -> None:
        own = self._own = CollectorRegistry()
        self._decisions = Counter("zhunsheng_decisions", "决策次数 / Decisions", ("ruleset", "version", "result"), registry=own)
        self._undecided = Counter("zhunsheng_undecided", "未定的结论 / Outcomes that stayed undecided", ("outcome",), registry=own)
        self._requests = Counter("zhunsheng_requests", "请求 / Requests", ("route", "method", "status"), registry=own)
        self._refusals = Counter("zhunsheng_refusals", "拒绝 / Refusals and failures", ("code",), registry=own)
        self._seconds = Histogram("zhunsheng_request_seconds", "用时 / Time to answer", ("route",), registry=own, buckets=SECONDS)
        self._depth = Gauge("zhunsheng_log_queue", "待写入的决策 / Decisions not yet durable", registry=own, multiprocess_mode="livesum")
        self._lag = Gauge("zhunsheng_log_lag_seconds", "最近一批写入用时 / Time the last group took", registry=own, multiprocess_mode="livemax")
        self._asked = _Asked()
        self._children: dict[tuple[object, ...], Any] = {}

    def decided(self, versions: Iterable[tuple[str, int | str]], undecided: Collection[tuple[str, str]] = ()) -> None:
        """Count a decision for each (ruleset, version) used; ``undecided`` are (ruleset, outcome)."""
        open_rulesets = {ruleset for ruleset, _ in undecided}
        for ruleset, number in versions:
            self._child(self._decisions, ruleset, number, "undecided" if ruleset in open_rulesets else "decided").inc()
        for _, outcome in undecided:
            self._child(self._undecided, outcome).inc()

    def observe(self, exchange: Exchange) -> None:
        """Count a finished exchange; an observer for ``api.logs.watch``."""
        route, method = (exchange.route, exchange.method) if exchange.route else ("other", "other")
        self._child(self._requests, route, method, exchange.status).inc()
        self._child(self._seconds, route).observe(exchange.seconds)
        if exchange.code:
            self._child(self._refusals, exchange.code).inc()

    def log_written(self, *, queued: int, seconds: float) -> None:
        """Note what waits for the decision log, and how long the last group took to become durable."""
        self._depth.set(queued)
        self._lag.set(seconds)

    def ask(self, name: str, meaning: str, value: Callable[[], float | None]) -> None:
        """Ask ``value`` for a gauge whenever the metrics are read; None leaves it out."""
        self._asked.gauges.append((name, meaning, value))

    def text(self) -> bytes:
        """Everything, in Prometheus's text format."""
        registry = self._own
        if folder := os.environ.get(SHARED):
            registry = CollectorRegistry()
            MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
        asked = CollectorRegistry()
        asked.register(self._asked)
        return generate_latest(registry) + generate_latest(asked)

    def _child(self, metric: Any, *labels: object) -> Any:
        """The metric for these labels; Prometheus's own look-up costs more than counting."""
        key = (metric, *labels)
        found = self._children.get(key)
        if found is None:
            found = self._children[key] = metric.labels(*labels)
        return found


class _Asked(Collector):
    """What is known when asked: the build, and gauges that are functions."""

    def __init__(self) -> None:
        self.gauges: list[tuple[str, str, Callable[[], float | None]]] = []

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily("zhunsheng_build_info", "构建 / The build", labels=("version", "schema", "python"))
        build.add_metric((_version(), newest_revision(), platform.python_version()), 1)
        yield build
        for name, meaning, value in self.gauges:
            if (found := value()) is not None:
                yield GaugeMetricFamily(name, meaning, value=found)


def _version() -> str:
    try:
        return version("zhunsheng")
    except PackageNotFoundError:
        return "checkout"


# --- who may read them ----------------------------------------------------------------------------------------------------


class Readers:
    """Who may read the metrics: some addresses, and whoever ``has_key`` says holds a key for reading."""

    def __init__(self, has_key: Callable[[], bool], networks: Sequence[str] = LOOPBACK) -> None:
        """Raises ``ValueError`` for what is not a network."""
        self._has_key, self._networks = has_key, [ipaddress.ip_network(text) for text in networks]

    def admits(self, address: str, *, forwarded: bool) -> bool:
        """Whether a caller may read; a ``forwarded`` request does not come from where it seems to."""
        return (not forwarded and self._is_near(address)) or self._has_key()

    def _is_near(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._networks)


def has_key(held: Service) -> bool:
    """Whether the caller shows a key with the scope ``read``."""
    scheme, _, key = current_request().environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    found = held.key_ring.find(key.strip()) if scheme.lower() == "bearer" else None
    return found is not None and "read" in found.scopes


# --- in an application ----------------------------------------------------------------------------------------------------

blueprint = Blueprint("metrics", "metrics", description="指标 / Metrics")


def install(app: Flask, held: Service, networks: Sequence[str] = LOOPBACK) -> Metrics:
    """Let ``app`` count, and say who may read it. Raises ``ValueError`` for what is not a network."""
    counted = Metrics()
    app.extensions |= {COUNTED: counted, READERS: Readers(lambda: has_key(held), networks)}
    if held.log:
        held.log.observe = lambda queued, seconds: counted.log_written(queued=queued, seconds=seconds)
    counted.ask("zhunsheng_release_age_seconds", "现行规则已生效多久 / How long the rules have been in force", lambda: _reached(lambda: _age(held)))
    counted.ask("zhunsheng_webhook_backlog", "未送达的通知 / Messages not accepted yet", lambda: _reached(lambda: _backlog(held)))
    return counted


def note(found: Decided) -> None:
    """Count a decision that is about to be answered, and let the log of requests name it."""
    counted, decision, program = _counted(), found.decision, found.release.engine.program
    assert decision is not None
    current().decisions.append(found.id)
    numbers = [(name, found.release.entries[name].number) for name in decision.rulesets]
    counted.decided(numbers, [(program.exported[one.outcome], one.outcome) for one in decision.undecided])


@blueprint.route("/metrics")
@blueprint.doc(
    summary="Prometheus 指标 / Metrics for Prometheus",
    security=[{}, {"key": []}],
    responses={
        "200": {"description": "OK", "content": {"text/plain": {"schema": {"type": "string"}}}},
        "403": {"description": "不可读取 / Not allowed", "content": {PROBLEM_TYPE: {"schema": ProblemSchema}}},
    },
)
def metrics() -> Response:
    environ = current_request().environ
    readers: Readers = current_app.extensions[READERS]
    if not readers.admits(environ.get("REMOTE_ADDR", ""), forwarded="HTTP_X_FORWARDED_FOR" in environ or "HTTP_FORWARDED" in environ):
        raise Problem("E670")
    return Response(_counted().text(), content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _counted() -> Metrics:
    return cast(Metrics, current_app.extensions[COUNTED])


def _reached(value: Callable[[], float]) -> float | None:
    """What the store says; nothing while it cannot be reached, so that all else is told."""
    try:
        return value()
    except (SQLAlchemyError, Unavailable):
        return None


def _age(held: Service) -> float:
    return (clock.now() - max(entry.effective_from for entry in held.releases.current().entries.values())) / clock.SECOND


def _backlog(held: Service) -> float:
    with held.database.reading() as session:
        return webhooks.waiting(session)
