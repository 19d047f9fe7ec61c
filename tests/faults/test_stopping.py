"""Does a stop under load answer every request that was accepted, lose nothing and close the log?"""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

from rulesets.database import Database
from tests.api.running import DECISIONS, KEY
from tests.faults.afterwards import assert_all_is_well, assert_segments_are_closed, kept
from tests.faults.load import Load, question
from tests.faults.site import PATIENCE, Site


def test_a_stop_under_load_answers_what_was_accepted_and_closes_the_log(site: Site, database: Database, tmp_path: Path) -> None:
    with Load(site.port, persistent=False) as load, half_asked(site.port, "half") as waiting:
        load.more(50)
        site.master.send_signal(signal.SIGTERM)
        load.finished()
        waiting.sendall(body_of("half")[1:])
        answer = whole_answer(waiting)
        site.ended()
    assert load.refused == []
    assert {one.reference for one in kept(database)} == {*load.answered, "half"}, "decided, kept, but never answered"
    assert_segments_are_closed(database)
    assert_all_is_well(database, {**load.answered, "half": answer}, tmp_path)


def test_a_stopped_service_starts_again_where_it_was(site: Site, database: Database, tmp_path: Path) -> None:
    answered: dict[str, object] = {}
    for name in ("a", "b"):
        with Load(site.port, name) as load:
            load.more(20)
        answered |= load.answered
        site.stop(signal.SIGINT)
        site.start()
    assert_all_is_well(database, answered, tmp_path)


def body_of(reference: str) -> bytes:
    return json.dumps(question(reference)).encode()


def half_asked(port: int, reference: str) -> socket.socket:
    """A connection over which a worker has begun to read a question."""
    body = body_of(reference)
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    head = f"POST {DECISIONS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    connection.sendall(head.encode())
    assert connection.recv(1000).startswith(b"HTTP/1.1 100")
    connection.sendall(body[:1])
    return connection


def whole_answer(connection: socket.socket) -> object:
    """The JSON of the answer that the other side ends by closing the connection."""
    data = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), data
    return json.loads(body)
