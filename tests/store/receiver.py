"""How does another system receive webhooks in the tests: what did it get, and what does it answer?"""

from __future__ import annotations

import hashlib
import hmac
import json
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

PATIENCE: Final = 30


@dataclass(frozen=True, slots=True)
class Got:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> Any:
        return json.loads(self.body)

    def is_signed_by(self, secret: str) -> bool:
        """Whether the signature is right, worked out as the documentation says."""
        parts = dict(part.split("=", 1) for part in self.headers["Zhunsheng-Signature"].split(","))
        expected = hmac.new(secret.encode(), parts["t"].encode() + b"." + self.body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(parts["v1"], expected)


@dataclass
class Receiver:
    """An HTTP server that keeps what it gets and answers as ``answer`` says: a status, and headers with a body."""

    url: str
    answer: Callable[[Got], tuple[int, dict[str, str], bytes]] = lambda _: (200, {}, b"")
    got: list[Got] = field(default_factory=list)
    arrived: queue.Queue[Got] = field(default_factory=queue.Queue)

    def await_one(self) -> Got:
        return self.arrived.get(timeout=PATIENCE)

    def told(self) -> list[tuple[str, int]]:
        """Ruleset and version of each message, as they came."""
        return [(got.message["ruleset"], got.message["version"]) for got in self.got]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a port of its own until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}/told?by=us")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found = Got(self.path, dict(self.headers.items()), body)
            receiver.got.append(found)
            receiver.arrived.put(found)
            status, headers, said = receiver.answer(found)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(said)), **headers}.items():
                self.send_header(name, value)
            with suppress(ConnectionError):  # whoever asked may have gone
                self.end_headers()
                self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Nothing is written to the tests' output."""

    server.RequestHandlerClass = Handler
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()


@contextmanager
def trickling() -> Iterator[str]:
    """The address of a server that begins an answer, and sends a byte of it whenever it can, for ever."""
    listener, stop = socket.create_server(("127.0.0.1", 0)), threading.Event()

    def trickle() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            try:
                while not stop.wait(0.05):
                    connection.sendall(b"x")
            except OSError:
                return

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        stop.set()
        thread.join(PATIENCE)
        listener.close()
