"""Does a request that is broken as HTTP get a refusal, and does the service go on working?"""

from __future__ import annotations

import re
import socket
from typing import Final

import pytest

from tests.api.running import KEY, Server, Service

GOOD: Final = b'{"facts":{"legal_form":"enterprise"},"outcomes":["customer_line"]}'
HEAD: Final = f"Host: x\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n".encode()
POST: Final = b"POST /v1/decisions HTTP/1.1\r\n" + HEAD


def exchange(server: Server, sent: bytes, *, finish: bool = False) -> bytes:
    """What comes back for raw bytes; ``finish`` says that no more will be sent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(sent)
        if finish:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while not is_whole(received) and (chunk := connection.recv(65_536)):
            received += chunk
        return received


def is_whole(received: bytes) -> bool:
    """Whether the answer is all there: a head, and as many bytes as it announces. A connection may stay open after that."""
    head, ends, body = received.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100 "):
        return is_whole(body)
    length = re.search(rb"^content-length: *(\d+)", head, re.IGNORECASE | re.MULTILINE)
    return bool(ends) and length is not None and len(body) >= int(length[1])


def status(received: bytes) -> int:
    return int(received.split(b" ", 2)[1])


BROKEN: Final = {
    "a length in words": POST + b"Content-Length: ten\r\n\r\n{}",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n{}",
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
    "a length and chunks": POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": POST + b"Transfer-Encoding: smoke\r\n\r\n{}",
    "a blank in a header name": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX Y: 1\r\n\r\n",
    "a header without a colon": b"GET /healthz HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n",
    "a null byte in a header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
    "an unknown version": b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n",
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "no request line": b"\r\n\r\n\r\n\r\n",
    "only words": b"hello service\r\n\r\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_request_that_is_no_http_is_refused_as_the_callers_fault(server: Server, service: Service, name: str) -> None:
    received = exchange(server, BROKEN[name], finish=True)
    assert not received or status(received) in (400, 501), received
    assert b"Traceback" not in received
    assert b".py" not in received
    service.answers()


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: a\r\n" % number for number in range(500)) + b"\r\n", 431),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    ],
    ids=["a header", "headers", "an address"],
)
def test_a_head_beyond_all_measure_is_refused(server: Server, service: Service, sent: bytes, expected: int) -> None:
    assert status(exchange(server, sent)) in (expected, 400)
    service.answers()


@pytest.mark.parametrize("chunk", [b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n{}\r\n0\r\n\r\n", b"5\r\n{}\r\n0\r\n\r\n", b"2\r\n{}xx0\r\n\r\n"])
def test_a_broken_chunk_is_the_callers_fault_and_not_ours(server: Server, service: Service, chunk: bytes) -> None:
    received = exchange(server, POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk, finish=True)
    assert not received or status(received) in (400, 422), received
    service.answers()


@pytest.mark.parametrize(("length", "body"), [(len(GOOD), GOOD[:-1]), (len(GOOD) + 1, GOOD)], ids=["inside the JSON", "after the JSON"])
def test_a_body_that_breaks_off_is_not_decided(server: Server, service: Service, length: int, body: bytes) -> None:
    received = exchange(server, POST + b"Content-Length: %d\r\n\r\n" % length + body, finish=True)
    assert not received or status(received) == 400, received
    service.answers()


def test_a_caller_that_sends_all_of_a_body_too_large_before_it_listens_still_hears_the_answer(server: Server, service: Service) -> None:
    size = 10_000_000
    for framing in (b"Content-Length: %d\r\n\r\n" % size + b" " * size, b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % size + b" " * size + b"\r\n0\r\n\r\n"):
        received = exchange(server, POST + framing)
        assert status(received) == 413
        assert b'"E623"' in received
    service.answers()


def test_a_caller_that_goes_away_does_no_harm(server: Server, service: Service) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(POST + b"Content-Length: 100\r\n\r\n{")
    service.answers()


def test_a_request_without_a_length_has_an_empty_body(server: Server) -> None:
    received = exchange(server, POST + b"\r\n")
    assert status(received) == 400
    assert b'"E601"' in received


def test_of_two_keys_the_first_one_counts(server: Server) -> None:
    wrong_first = b"GET /v1/rulesets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer no\r\nAuthorization: Bearer " + KEY.encode() + b"\r\n\r\n"
    assert status(exchange(server, wrong_first)) == 401


def test_a_key_of_blanks_is_no_key(server: Server) -> None:
    received = exchange(server, b"GET /v1/rulesets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer    \r\n\r\n")
    assert status(received) == 401
    assert b'"E610"' in received


def test_a_caller_that_waits_for_the_word_is_told_to_continue(server: Server) -> None:
    received = exchange(server, POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(GOOD) + GOOD)
    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_a_forged_host_or_forwarding_header_changes_nothing(server: Server) -> None:
    received = exchange(
        server,
        b"GET /v1/nowhere HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Script-Name: /evil\r\n\r\n",
    )
    assert status(received) == 404
    assert b"evil" not in received


def test_an_http_1_0_request_is_answered(server: Server) -> None:
    received = exchange(server, b"GET /healthz HTTP/1.0\r\n\r\n")
    assert status(received) == 200
    assert received.endswith(b'{"status":"ok"}')
