"""Which services do the tests of the API ask: the shipped rules over real HTTP, and small rules in this process?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from flask import Flask

from api import create_app
from tests.api.running import SMALL, WITH_KEY, Server, Service, held, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The real service with the shipped rules; at the end it must stop cleanly, never having failed."""
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server
    complaints = [line for line in server.complained.splitlines() if "[WARNING] Invalid request from ip=127.0.0.1: " not in line]
    assert not complaints, "\n".join(complaints)


@pytest.fixture(scope="session")
def service(server: Server) -> Iterator[Service]:
    with httpx.Client(base_url=server.url, headers=WITH_KEY, timeout=20) as client:
        yield Service(client)


def in_process(app: Flask) -> httpx.Client:
    """A client of an application in this process, with the key."""
    return httpx.Client(transport=httpx.WSGITransport(app), base_url="http://small", headers=WITH_KEY)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Service]:
    """A service whose engine fails at every decision."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a fault in the engine room")

    made = held(tmp_path, SMALL)
    monkeypatch.setattr(made.releases.current().engine, "decide", fail)
    with in_process(create_app(made)) as client:
        yield Service(client)
    made.stop()


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Rules with every type of field and every way to fail, in this process."""
    made = held(tmp_path_factory.mktemp("small"), SMALL)
    with in_process(create_app(made)) as client:
        yield Service(client)
    made.stop()
