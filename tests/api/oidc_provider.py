"""How does a bank's sign-in provider behave, and how might somebody who is none? A real one, over real HTTP.

It signs in whoever ``person`` is without asking, as a provider does that knows the browser already. The tests change what
it answers: ``claims`` replace those of the identity token (None leaves one out), ``answers`` replace whole answers.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import KeySet, OctKey, RSAKey

from rulesets.people import OIDC

CLIENT: Final = "zhunsheng"
SECRET: Final = "a secret of 32 bytes or rather more"
Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True, slots=True)
class Granted:
    """What a code was given for."""

    redirect_uri: str
    nonce: str
    challenge: str


@dataclass(slots=True)
class OIDCProvider:
    """One provider; ``seen`` are the paths that were asked for, ``authorized`` the parameters of the last authorization."""

    port: int
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "17", "preferred_username": "liwei"})
    claims: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    method: str = "client_secret_basic"
    sign: Callable[[dict[str, Any]], str] | None = None
    seen: list[str] = field(default_factory=list)
    authorized: dict[str, str] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first", "use": "sig"}))
    _codes: dict[str, Granted] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> OIDC:
        return OIDC(self.issuer, CLIENT, SECRET)

    def discovery(self, **changed: Any) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "token_endpoint_auth_methods_supported": [self.method],
            **changed,
        }

    def answer(self, path: str, query: dict[str, str], body: dict[str, str], authorization: str) -> Answer:
        self.seen.append(path)
        if path in self.answers:
            return self.answers[path]
        match path:
            case "/.well-known/openid-configuration":
                return as_json(self.discovery())
            case "/jwks":
                return as_json(KeySet([self.key]).as_dict(private=False))
            case "/authorize":
                return self._authorize(query)
            case "/token":
                return self._token(body, authorization)
            case _:
                return as_json({"error": "not_found"}, 404)

    def signed(self, claims: dict[str, Any]) -> str:
        return jws.serialize_compact({"alg": "RS256", "kid": self.key.kid}, json.dumps(claims).encode(), self.key)

    def _authorize(self, query: dict[str, str]) -> Answer:
        self.authorized = query
        code = secrets.token_urlsafe(16)
        self._codes[code] = Granted(query["redirect_uri"], query["nonce"], query["code_challenge"])
        location = query["redirect_uri"] + "?" + urlencode({"code": code, "state": query["state"], "session_state": "something of its own"})
        return 302, {"Location": location}, b""

    def _token(self, body: dict[str, str], authorization: str) -> Answer:
        granted = self._codes.pop(body.get("code", ""), None)
        if not self._is_client(body, authorization):
            return as_json({"error": "invalid_client"}, 401)
        if granted is None or body.get("redirect_uri") != granted.redirect_uri or s256(body.get("code_verifier", "")) != granted.challenge:
            return as_json({"error": "invalid_grant"}, 400)
        token = (self.sign or self.signed)(self._claims(granted))
        return as_json({"access_token": "opaque", "token_type": "Bearer", "expires_in": 60, "id_token": token})

    def _is_client(self, body: dict[str, str], authorization: str) -> bool:
        if self.method == "client_secret_post":
            return (body.get("client_id"), body.get("client_secret")) == (CLIENT, SECRET)
        return authorization == "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()

    def _claims(self, granted: Granted) -> dict[str, Any]:
        now = int(time.time())
        proper = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": granted.nonce, **self.person}
        return {name: value for name, value in {**proper, **self.claims}.items() if value is not None}


def as_json(data: Any, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(data).encode()


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def shared_key() -> OctKey:
    """The client's secret, as somebody who knows it might try to sign with."""
    return OctKey.import_key(SECRET, {"kid": "first"})


@contextmanager
def provider() -> Iterator[OIDCProvider]:
    """A provider that listens until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(flat(self.rfile.read(int(self.headers["Content-Length"])).decode()))

        def _answer(self, body: dict[str, str]) -> None:
            address = urlsplit(self.path)
            status, headers, content = made.answer(address.path, flat(address.query), body, self.headers.get("Authorization", ""))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = OIDCProvider(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def flat(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}
