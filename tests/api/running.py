"""How do the tests start the real service, ask it and stop it?"""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
from argon2 import PasswordHasher

from api.callers import COOKIE, CSRF_HEADER
from api.config import settings_from
from api.service import Service as HeldService
from api.service import start
from engine import canonical_json
from rulesets import clock, people, signins
from rulesets.audit import Actor
from rulesets.catalog import SHIPPED
from rulesets.database import Database
from rulesets.install import prepare
from rulesets.keys import hash_key
from rulesets.models import ApiKey

ROOT: Final = Path(__file__).resolve().parents[2]
SMALL: Final = Path(__file__).with_name("small")
KEY: Final = "zs_the-key-of-the-tests"
WITH_KEY: Final = {"Authorization": f"Bearer {KEY}"}
MASTER_KEYS: Final = f"tests:{base64.b64encode(bytes(32)).decode()}"
PEOPLE: Final[dict[str, people.Role]] = {
    "vera": "viewer",
    "edda": "editor",
    "emil": "editor",
    "anna": "approver",
    "cora": "compliance",
    "adam": "administrator",
}
"""Name → the role that is granted for everything."""
PASSWORD: Final = "the-password-of-the-tests"
PASSWORD_HASH: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""Verified in no time: the tests sign in often."""
JSON: Final = {"Content-Type": "application/json"}
DECISIONS: Final = "/v1/decisions"

_SETTINGS: Final = ("ZHUNSHENG_", "DATABASE_URL", "GUNICORN_", "WEB_CONCURRENCY", "WORKERS", "PORT")
_encoder: Final = msgspec.json.Encoder(decimal_format="number")


# --- asking --------------------------------------------------------------------------------------------------------------


def written(data: object) -> bytes:
    """JSON with each ``Decimal`` as a number of exactly its digits."""
    return _encoder.encode(data)


def read(response: httpx.Response) -> Any:
    """The JSON of a response, numbers exact."""
    return json.loads(response.content, parse_float=Decimal)


@dataclass(frozen=True, slots=True)
class Service:
    """A service under test, and a client that sends its key and JSON unless told otherwise."""

    client: httpx.Client

    def post(self, body: bytes | str, path: str = DECISIONS, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self.client.post(path, content=body, headers={**JSON, **(headers or {})})

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self.client.get(path, headers=headers)

    def ask(self, facts: Mapping[str, Any], *outcomes: str, ruleset: str | None = None, trace: bool = False) -> httpx.Response:
        """The response to a request that must be answered."""
        wanted = {"outcomes": outcomes} if outcomes else {}
        path = DECISIONS if ruleset is None else f"/v1/rulesets/{ruleset}/decisions"
        response = self.post(written({"facts": facts, **wanted, "trace": trace}), path)
        assert response.status_code == 200, response.text
        return response

    def decide(self, facts: Mapping[str, Any], *outcomes: str, ruleset: str | None = None, trace: bool = False) -> Any:
        """The answer to ``ask``, numbers exact."""
        return read(self.ask(facts, *outcomes, ruleset=ruleset, trace=trace))

    def answers(self) -> None:
        """Assert that the service still answers a good request."""
        assert self.decide({"legal_form": "enterprise"}, "customer_line")["outcomes"] == {"customer_line": "corporate"}


# --- starting and stopping -----------------------------------------------------------------------------------------------


def environment(**settings: str) -> dict[str, str]:
    """This process's environment with no setting of the service but ``settings``."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)} | settings


def prepared(folder: Path, documents: Path = SHIPPED) -> dict[str, str]:
    """The settings of a service on a fresh SQLite store in ``folder``: the documents in force, the tests' key, the tests' people."""
    url = f"sqlite:///{folder / 'store.db'}"
    fill(Database(url), documents)
    return {"DATABASE_URL": url, "ZHUNSHENG_MASTER_KEYS": MASTER_KEYS}


def fill(database: Database, documents: Path = SHIPPED) -> None:
    """Put the documents, the key and the people of the tests into an empty store."""
    prepare(database, documents)
    with database.writing() as session:
        scopes = canonical_json(["decide", "read"])
        session.add(ApiKey(id="tests", key_sha256=hash_key(KEY), system="tests", scopes_json=scopes, created_by="tests", created_at=clock.now()))
        for name, role in PEOPLE.items():
            made, _ = people.create(session, Actor("command:tests"), name=name, display=name, single_sign_on=True)
            made.password = PASSWORD_HASH
            people.grant(session, Actor("command:tests"), name, revision=made.revision, granted=[people.Granted(role)])
    database.close()


def as_signed_in(database: Database, name: str) -> dict[str, str]:
    """The headers by which a browser shows that it is signed in as ``name``, with the token for changes."""
    with database.writing() as session:
        _, cookie = signins.begin(session, people.user(session, name), origin="tests")
    return {"Cookie": f"{COOKIE}={cookie}", CSRF_HEADER: signins.csrf_token(cookie)}


def held(folder: Path, documents: Path = SHIPPED) -> HeldService:
    """A service in this process on a fresh store."""
    return start(settings_from({**prepared(folder, documents), "ZHUNSHENG_DOCUMENTS": str(documents)}))


def serve_command(*options: str) -> list[str]:
    return [sys.executable, "-m", "rulesets.cli", "serve", *options]


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Server:
    """A running process and what it has written so far."""

    port: int
    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        return (self.folder / "out").read_text(encoding="utf-8")

    @property
    def complained(self) -> str:
        return (self.folder / "err").read_text(encoding="utf-8")


@contextmanager
def running(folder: Path, *options: str, cwd: Path | str = ROOT, **settings: str) -> Iterator[Server]:
    """Run ``serve`` until the block ends, then interrupt it; asserts that it ends cleanly and leaves no process."""
    port = free_port()
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        command = serve_command("--port", str(port), *options)
        if "DATABASE_URL" not in settings:
            settings |= prepared(folder, Path(settings["ZHUNSHENG_DOCUMENTS"]) if "ZHUNSHENG_DOCUMENTS" in settings else SHIPPED)
        process = subprocess.Popen(command, cwd=cwd, env=environment(**settings), stdout=out, stderr=err, start_new_session=True)
    server = Server(port, process, folder)
    try:
        _await_ready(server)
        yield server
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, server.complained
        assert not _left_over(process.pid), "a worker outlived the service"
    finally:
        _end(process)


def _await_ready(server: Server, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert server.process.poll() is None, server.complained
        try:
            if httpx.get(f"{server.url}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"not ready within {seconds} s: {server.complained}")


def _left_over(group: int, seconds: float = 5) -> bool:
    """Whether a process of the group still lives after a moment's grace."""
    until = time.monotonic() + seconds
    while _lives(group):
        if time.monotonic() > until:
            return True
        time.sleep(0.05)
    return False


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End whatever is left of a process that this module started."""
    if _lives(process.pid):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def output_of_serve(*options: str, cwd: Path | str = ROOT, **settings: str) -> tuple[int, str]:
    """The exit code and everything written by a ``serve`` that must not come up."""
    command: Sequence[str] = serve_command(*(options or ("--port", str(free_port()))))
    settings.setdefault("PYTHONPATH", str(ROOT))
    done = subprocess.run(command, cwd=cwd, env=environment(**settings), capture_output=True, timeout=60, check=False)
    return done.returncode, (done.stdout + done.stderr).decode()
