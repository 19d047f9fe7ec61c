"""Whom does the bank's sign-in provider say this is? OpenID Connect: authorization code, PKCE, state and nonce."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from engine import Text
from rulesets.people import OIDC

log = logging.getLogger("zhunsheng.oidc")

SCOPE: Final = "openid profile"
ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
"""Signed with a key that only the provider has; never with one that we share."""
LEEWAY: Final = 60
"""Seconds that the provider's clock may differ from ours."""
TIMEOUT: Final = 5.0
KEPT: Final = 3600.0
"""Seconds after which the provider is asked again what it offers …"""
KEYS_KEPT: Final = 60.0
"""… and before it is asked again for keys because one is missing."""
GIVEN_UP: Final = 5.0
"""Seconds in which a provider that did not answer is not asked again: nobody waits for it in vain a second time."""
LONGEST_ANSWER: Final = 256 * 1024
LONGEST_SUBJECT: Final = 256
"""With the issuer, as ``rulesets.models.User`` keeps it."""

UNREADABLE: Final = (JoseError, TypeError, ValueError, RecursionError)
"""What the libraries raise for tokens and answers that are wrong, or of no known shape."""


class Unreachable(Exception):
    """The provider does not answer, or not as OpenID Connect says."""


class Untrusted(Exception):
    """What came back is no proof of who somebody is; ``text`` says why."""

    def __init__(self, text: Text) -> None:
        self.text = text
        super().__init__(text.en)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What must come back the same for one try to sign in."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str

    @classmethod
    def begin(cls, redirect_uri: str) -> Self:
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), redirect_uri)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is to the provider. ``subject`` is unique and stays, ``preferred`` is how they are called there."""

    subject: str
    preferred: str


class Provider:
    """The provider as this process knows it. Safe to share between threads."""

    def __init__(self, oidc: OIDC) -> None:
        self._oidc = oidc
        self._lock = threading.Lock()
        self._metadata: dict[str, Any] = {}
        self._metadata_until = 0.0
        self._given_up_until = 0.0
        self._keys: KeySet | None = None
        self._keys_until = 0.0

    def address(self, attempt: Attempt) -> str:
        """Where the browser goes to sign in; raises ``Unreachable``."""
        address: str = prepare_grant_uri(
            self._offered()["authorization_endpoint"],
            client_id=self._oidc.client_id,
            response_type="code",
            redirect_uri=attempt.redirect_uri,
            scope=SCOPE,
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
        )
        return address

    def identify(self, attempt: Attempt, code: str) -> Identity:
        """Who signed in, for the ``code`` that the browser brought; raises ``Unreachable`` or ``Untrusted``."""
        token = self._token(attempt, code)
        claims = self._claims(token)
        checked = CodeIDToken(claims.claims, claims.header, self._expected(), self._parameters(attempt, token))
        try:
            checked.validate(leeway=LEEWAY)
        except UNREADABLE as error:
            log.warning("an identity token is wrong: %s", error)
            raise Untrusted(Text("身份令牌的内容有误", "the identity token is not what was asked for")) from None
        return self._identity(checked)

    def _token(self, attempt: Attempt, code: str) -> dict[str, Any]:
        """What the provider gives for the code: at least an ``id_token``."""
        metadata = self._offered()
        offered = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        method = "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"
        body = prepare_token_request("authorization_code", redirect_uri=attempt.redirect_uri, code=code, code_verifier=attempt.verifier)
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        client = ClientAuth(self._oidc.client_id, self._oidc.client_secret, method)
        address, headers, body = client.prepare("POST", metadata["token_endpoint"], headers, body)
        status, token = _ask("POST", address, headers=headers, content=body)
        if status != 200 or not isinstance(token.get("id_token"), str):
            raise Untrusted(Text("登录服务不承认这次登录", "the provider does not know of this sign-in"))
        return token

    def _claims(self, token: dict[str, Any]) -> jwt.Token:
        """The claims of the identity token, whose signature is right."""
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        for again in (False, True):
            try:
                return jwt.decode(token["id_token"], self._signing_keys(again=again), registry=registry)
            except InvalidKeyIdError:
                continue
            except UNREADABLE as error:
                raise Untrusted(Text("身份令牌的签名无效", f"the identity token is not signed properly ({type(error).__name__})")) from None
        raise Untrusted(Text("身份令牌的签名无效", "the identity token is signed with an unknown key"))

    def _expected(self) -> dict[str, Any]:
        return {"iss": {"essential": True, "value": self._oidc.issuer}, "aud": {"essential": True, "value": self._oidc.client_id}}

    def _parameters(self, attempt: Attempt, token: dict[str, Any]) -> dict[str, Any]:
        return {"nonce": attempt.nonce, "client_id": self._oidc.client_id, "access_token": token.get("access_token")}

    def _identity(self, claims: dict[str, Any]) -> Identity:
        name, preferred = claims.get("sub"), claims.get("preferred_username", "")
        subject = f"{self._oidc.issuer}#{name}"
        if not (name and isinstance(name, str) and name.isprintable() and len(subject) <= LONGEST_SUBJECT and isinstance(preferred, str)):
            raise Untrusted(Text("身份令牌没有可用的用户标识", "the identity token names nobody"))
        return Identity(subject, preferred if preferred.isprintable() else "")

    def _offered(self) -> dict[str, Any]:
        """What the provider offers, by its discovery document."""
        with self._lock:
            if time.monotonic() >= self._metadata_until:
                self._metadata = self._discover()
                self._metadata_until = time.monotonic() + KEPT
            return self._metadata

    def _discover(self) -> dict[str, Any]:
        if time.monotonic() < self._given_up_until:
            raise Unreachable("the provider did not answer a moment ago")
        try:
            return self._discovered()
        except Unreachable:
            self._given_up_until = time.monotonic() + GIVEN_UP
            raise

    def _discovered(self) -> dict[str, Any]:
        status, found = _ask("GET", self._oidc.issuer.rstrip("/") + "/.well-known/openid-configuration")
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        if status != 200 or found.get("issuer") != self._oidc.issuer or not all(_is_safe(found.get(name)) for name in names):
            raise Unreachable("the discovery document is not that of the issuer")
        return found

    def _signing_keys(self, *, again: bool) -> KeySet:
        """The provider's keys; ``again`` when one is missing, but not more often than ``KEYS_KEPT``."""
        address = self._offered()["jwks_uri"]
        with self._lock:
            now = time.monotonic()
            if self._keys is None or (again and now >= self._keys_until):
                self._keys = _key_set(address)
                self._keys_until = now + KEYS_KEPT
            return self._keys


def _key_set(address: str) -> KeySet:
    status, found = _ask("GET", address)
    try:
        keys = KeySet.import_key_set({"keys": [key for key in found["keys"] if key.get("use", "sig") == "sig"]})
    except (*UNREADABLE, KeyError, AttributeError) as error:
        raise Unreachable("the provider's keys cannot be read") from error
    if status != 200:
        raise Unreachable(f"the provider's keys: HTTP {status}")
    return keys


def _ask(method: str, address: str, **request: Any) -> tuple[int, dict[str, Any]]:
    """The status and the JSON object that is answered; raises ``Unreachable``."""
    if not _is_safe(address):
        raise Unreachable("an address of the provider is not https")
    try:
        with httpx.Client(timeout=TIMEOUT) as client, client.stream(method, address, **request) as response:
            body = b"".join(_bounded(response))
            found = httpx.Response(response.status_code, content=body).json()
    except (httpx.HTTPError, *UNREADABLE) as error:
        raise Unreachable(f"{type(error).__name__} from the provider") from error
    if not isinstance(found, dict) or response.status_code >= 500:
        raise Unreachable(f"HTTP {response.status_code} from the provider")
    return response.status_code, found


def _bounded(response: httpx.Response) -> Any:
    left = LONGEST_ANSWER
    for piece in response.iter_bytes():
        left -= len(piece)
        if left < 0:
            raise ValueError("too long")
        yield piece


def _is_safe(address: object) -> bool:
    """Whether nobody on the way can read or change what is sent: https, or a service of this machine."""
    if not isinstance(address, str):
        return False
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))
