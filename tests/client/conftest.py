"""Which service do the tests of the client ask? The small rules, in this process."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import httpx
import pytest
from flask import Flask
from zhunsheng_client import Client

from api import create_app
from tests.api.running import KEY, PASSWORD, SMALL, Server, held, running

URL = "http://small.example"
_addresses = itertools.count(1)
SignedIn = Callable[[str], Client]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    service = held(tmp_path_factory.mktemp("client"), SMALL)
    yield create_app(service)
    service.stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The shipped rules over real connections."""
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def crm(app: Flask) -> Iterator[Client]:
    """A system with a key."""
    with Client(URL, key=KEY, transport=httpx.WSGITransport(app)) as client:
        yield client


@pytest.fixture
def signed_in(app: Flask) -> Iterator[SignedIn]:
    """Sign somebody in, each with a client of their own."""
    clients: list[Client] = []

    def sign_in(name: str) -> Client:
        client = Client(URL, transport=httpx.WSGITransport(app, remote_addr=f"10.0.0.{next(_addresses)}"))
        clients.append(client)
        client.sign_in(name, PASSWORD)
        return client

    yield sign_in
    for client in clients:
        client.close()
