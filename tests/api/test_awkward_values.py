"""Is a value that some store or calendar cannot hold refused, wherever it is sent, and never our fault?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from flask import Flask

from api import create_app
from tests.api.everybody import BODIES, Callers, Places, address, operations_of, place_in, settled

TEXTS: Final = ["\0", "a\0b", "x" * 5_000, "\U0001f600", "%", "'", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+14:00", "0001-01-01"]
NUMBERS: Final = [2**31, 2**63, 10**30, 0, -1]


@pytest.fixture
def bank(store_url: str) -> Iterator[tuple[Flask, Callers, Places]]:
    held, callers, places = settled(store_url)
    yield create_app(held), callers, places
    held.stop()


def test_no_value_is_too_awkward(bank: tuple[Flask, Callers, Places]) -> None:
    app, callers, places = bank
    client = app.test_client(use_cookies=False)
    document = client.get("/v1/openapi.json").json
    failed = []
    for operation, described in operations_of(document).items():
        method, path = operation.split()
        place = place_in(places, path)
        kind = "both" if {"key": []} in described.get("security", []) else "all-roles"
        headers = {**callers[kind], "If-Match": f'"{place.revision}"'} if method != "GET" else dict(callers[kind])
        for number, (where, query, body) in enumerate(requests(operation, path, place.parameters, described, document)):
            machine = {"REMOTE_ADDR": f"10.0.0.{number}"}
            response = client.open(where, method=method, query_string=query, json=body, headers=headers, environ_base=machine, buffered=True)
            if response.status_code >= 429:
                failed.append((operation, where[:80], str(query)[:80], str(body)[:120], response.status_code))
    assert not failed, "\n".join(map(str, failed))


def requests(
    operation: str, path: str, parameters: Mapping[str, str], described: Any, document: Any
) -> Iterator[tuple[str, dict[str, str], dict[str, Any] | None]]:
    """Address, query and body, each with one awkward value in it."""
    good = address(path, parameters)
    for parameter in described["parameters"]:
        name, integer = parameter["name"], parameter["schema"].get("type") == "integer"
        for value in map(str, NUMBERS) if integer else TEXTS:
            if parameter["in"] == "path":
                yield address(path, {**parameters, name: value.replace("%", "%25").replace("\0", "%00")}), {}, BODIES.get(operation)
            if parameter["in"] == "query":
                yield good, {name: value}, BODIES.get(operation)
    if operation in BODIES:
        for member, schema in _members(described, document).items():
            kinds = schema.get("type", ["string", "integer"])
            for awkward in [*(TEXTS if "string" in kinds else []), *(NUMBERS if "integer" in kinds else [])]:
                yield good, {}, {**BODIES[operation], member: awkward}


def _members(described: Any, document: Any) -> dict[str, Any]:
    reference = described["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    members: dict[str, Any] = document["components"]["schemas"][reference.rpartition("/")[2]]["properties"]
    return members
