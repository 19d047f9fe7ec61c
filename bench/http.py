"""What does a decision over HTTP cost next to an empty view behind the same server?"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import IO, Final

from rulesets import keys, people
from rulesets.audit import Actor
from rulesets.database import Database
from rulesets.install import prepare
from rulesets.log.sealing import new_master_key

ROOT: Final = Path(__file__).resolve().parent.parent
HOST: Final = "127.0.0.1"
WORKERS: Final = 2
THREADS: Final = 16
CLIENTS: Final = 4
ROUNDS: Final = 6
WARM_UP: Final = 0.5
STARTING: Final = 30.0
STOPPING: Final = 5.0
SILENCE: Final = 10.0
PIECE: Final = 65_536

FACTS: Final = {
    "term_months": 12,
    "lpr_1y_pct": 3.0,
    "lpr_5y_pct": 3.5,
    "credit_grade": "AA",
    "guarantee_class": "mortgage",
    "policy_fixed_rate": False,
    "related_person": False,
    "risk_class": "normal",
    "vip_tier": "gold",
}
RATE: Final = Decimal("4.74")


class Refused(Exception):
    """A service does not start or does not answer as it must; the message says why."""


@dataclass(frozen=True, slots=True)
class Service:
    """``app`` as gunicorn names it; ``request`` is sent as it stands. It runs in ``folder``, where gunicorn finds its configuration."""

    name: str
    app: str
    request: bytes
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Measured:
    """Latencies of all requests, their time by the clock and by the workers' processors, in seconds."""

    latencies: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    worker_time: float = 0.0

    @property
    def cost(self) -> float:
        """Seconds by the clock per request, with all workers and clients busy."""
        return self.elapsed / len(self.latencies)

    @property
    def worker_cost(self) -> float:
        return self.worker_time / len(self.latencies)


def report(*, seconds: float) -> None:
    """Start both services, check the decision, ask them in turns for ``seconds`` in all, and print what a request costs."""
    print(f"{f'HTTP, {WORKERS} workers, {CLIENTS} clients':34}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'worker CPU µs':>16}", flush=True)
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            services = (empty_view(folder), decision(folder))
            servers = [stack.enter_context(started(service)) for service in services]
            check_rate(servers[1].ask())
            results = in_turns(servers, seconds=seconds)
    except (Refused, OSError) as refusal:
        print(f"  {refusal}\n")
        return
    for service, result in zip(services, results, strict=True):
        print(line(service.name, result))
    empty, full = results
    print(
        f"\ncost of a request, empty : decision = 1 : {full.cost / empty.cost:.2f} by the clock, 1 : {full.worker_cost / empty.worker_cost:.2f} in the workers\n"
    )


def line(name: str, result: Measured) -> str:
    percentiles = statistics.quantiles(result.latencies, n=100)
    return f"  {name:32}{1 / result.cost:>12,.0f}{percentiles[49] * 1e3:>9.2f}{percentiles[98] * 1e3:>9.2f}{result.worker_cost * 1e6:>16,.0f}"


# --- the two services ------------------------------------------------------------------------------------------------


def empty_view(folder: Path) -> Service:
    return Service("empty view", "bench.empty_view:app", written("GET", "/"), folder, {"PYTHONPATH": str(ROOT)})


def decision(folder: Path) -> Service:
    """The shipped rules on a store in ``folder``; decisions are answered and not kept, requests are not logged: nor are the empty view's."""
    environment, key = prepared(f"sqlite:///{folder}/store.db")
    request = written("POST", "/v1/rulesets/loan-pricing/decisions", json.dumps({"facts": FACTS}).encode(), key)
    return Service("loan-pricing decision", "wsgi:app", request, ROOT, {**environment, "ZHUNSHENG_FORGET_DECISIONS": "1", "ZHUNSHENG_LOG_LEVEL": "WARNING"})


def prepared(url: str) -> tuple[dict[str, str], str]:
    """Fill the store at ``url``: what configures a service on it, and the key of a system that may decide."""
    database = Database(url)
    prepare(database)
    with database.writing() as session:
        _, key = keys.create(session, Actor("command:bench"), system="bench", scopes=["decide"])
        people.create_first_administrator(session)
    database.close()
    return {"DATABASE_URL": url, "ZHUNSHENG_MASTER_KEYS": new_master_key("bench")}, key


def written(method: str, path: str, body: bytes = b"", key: str = "") -> bytes:
    """Write a request as bytes; the connection is closed after each."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", "Connection: close", "Accept: application/json"]
    if body:
        lines += [f"Authorization: Bearer {key}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def check_rate(body: bytes) -> None:
    """Raise Refused unless the decision is the worked example's rate."""
    rate = json.loads(body, parse_float=Decimal).get("outcomes", {}).get("final_rate_pct")
    if rate is None or Decimal(rate) != RATE:
        raise Refused(f"final_rate_pct is {rate}, not {RATE}: {body[:300]!r}")


# --- servers ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Server:
    service: Service
    port: int
    process: subprocess.Popen[bytes]

    def ask(self) -> bytes:
        """Send the service's request on a connection of its own and return the answer's body; raises Refused unless it is a 200."""
        with socket.create_connection((HOST, self.port), timeout=SILENCE) as connection:
            connection.sendall(self.service.request)
            answer = b"".join(iter(lambda: connection.recv(PIECE), b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        if head.split(maxsplit=2)[1:2] != [b"200"]:
            raise Refused(f"{self.service.name}: answered {answer[:300]!r}")
        return body

    def worker_time(self) -> float:
        """Return the processor seconds that the workers have used; from Linux's /proc."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        times = [Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[11:13] for child in children]
        return sum(map(int, chain.from_iterable(times))) / os.sysconf("SC_CLK_TCK")


@contextmanager
def started(service: Service) -> Iterator[Server]:
    """Serve by gunicorn on a free port of the loopback; afterwards its processes have ended."""
    port, environment = free_port(), os.environ | service.environment
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(gunicorn(service.app, port), cwd=service.folder, env=environment, stdout=log, stderr=log)
        server = Server(service, port, process)
        try:
            wait_for(server, log)
            yield server
        finally:
            stop(process)


def gunicorn(app: str, port: int) -> list[str]:
    workers = ["--workers", str(WORKERS), "--worker-class", "gthread", "--threads", str(THREADS)]
    return [sys.executable, "-m", "gunicorn", *workers, "--bind", f"{HOST}:{port}", "--log-level", "warning", "--no-control-socket", app]


def free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def wait_for(server: Server, log: IO[str]) -> None:
    """Return when the service answers; raises Refused when it ends, keeps silent or answers wrongly."""
    end = time.monotonic() + STARTING
    while time.monotonic() < end and server.process.poll() is None:
        try:
            server.ask()
        except OSError:
            time.sleep(0.05)
        else:
            return
    log.seek(0)
    raise Refused(f"{server.service.name}: does not start: {telling_line(log.read())}")


def telling_line(text: str) -> str:
    """Return the last line of a log that names an error, else its last."""
    lines = text.strip().splitlines()
    return next((entry for entry in reversed(lines) if "Error" in entry), lines[-1] if lines else "no word why")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOPPING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# --- clients ---------------------------------------------------------------------------------------------------------


def in_turns(servers: Sequence[Server], *, seconds: float) -> list[Measured]:
    """Ask A B A B … after a warm-up that is not counted."""
    results = [Measured() for _ in servers]
    turn = seconds / ROUNDS / len(servers)
    with ThreadPoolExecutor(CLIENTS) as clients:
        for server in servers:
            drive(server, clients, WARM_UP)
        for _ in range(ROUNDS):
            for server, result in zip(servers, results, strict=True):
                measure(server, clients, turn, result)
    return results


def measure(server: Server, clients: ThreadPoolExecutor, seconds: float, result: Measured) -> None:
    start, used = time.perf_counter(), server.worker_time()
    result.latencies += drive(server, clients, seconds)
    result.elapsed += time.perf_counter() - start
    result.worker_time += server.worker_time() - used


def drive(server: Server, clients: ThreadPoolExecutor, seconds: float) -> list[float]:
    """Let every client ask, wait for the answer and ask again for ``seconds``; return how long each answer took."""
    end = time.perf_counter() + seconds
    return list(chain.from_iterable(clients.map(lambda _: one_client(server, end), range(CLIENTS))))


def one_client(server: Server, end: float) -> list[float]:
    latencies = []
    now = time.perf_counter()
    while now < end:
        server.ask()
        before, now = now, time.perf_counter()
        latencies.append(now - before)
    return latencies
