"""How does another system use Zhunsheng from Python? Through a ``Client``, with a key or signed in.

>>> from zhunsheng_client import Client
>>> with Client("https://rules.bank.example", key="zs_…") as client:
...     answer = client.decisions.decide({"term_months": 12}, outcomes=["final_rate_pct"], reference="loan-4711")
"""

from __future__ import annotations

import ssl
from typing import Final, Literal, Self, cast

import httpx

from zhunsheng_client import types
from zhunsheng_client.problems import (
    ChangedMeanwhile,
    ClientError,
    Fault,
    InConflict,
    InvalidRequest,
    NotAllowed,
    NotAvailable,
    NotFound,
    NotSignedIn,
    Problem,
    ServiceFault,
    TooManyRequests,
    Unreachable,
    Unreadable,
)
from zhunsheng_client.resources import Resources
from zhunsheng_client.transport import Transport

__all__ = [
    "ChangedMeanwhile",
    "Client",
    "ClientError",
    "Fault",
    "InConflict",
    "InvalidRequest",
    "NotAllowed",
    "NotAvailable",
    "NotFound",
    "NotSignedIn",
    "Problem",
    "ServiceFault",
    "TooManyRequests",
    "Unreachable",
    "Unreadable",
    "types",
]

VERSION: Final = "0.1.0"
TIMEOUT: Final = 10.0
ATTEMPTS: Final = 3


class Client(Resources):
    """The service at ``url``, asked by a system with its ``key`` or by a person after ``sign_in``. Safe to share between threads.

    ``language`` is that of refusals; ``timeout`` (seconds) bounds each wait for the network. ``attempts`` is how often a
    reading call, or a decision that carries a reference, is made at most; every other call is made once. ``verify`` takes
    an SSL context that knows the bank's own certificates.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        language: Literal["zh", "en"] = "zh",
        timeout: float = TIMEOUT,
        attempts: int = ATTEMPTS,
        verify: ssl.SSLContext | bool = True,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"Accept-Language": language, "User-Agent": f"zhunsheng-client/{VERSION}"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        self._by_key = key is not None
        http = httpx.Client(base_url=url, headers=headers, timeout=timeout, verify=verify, transport=transport)
        self._transport = Transport(http, attempts=attempts)
        super().__init__(self._transport)

    def sign_in(self, name: str, password: str) -> types.MeAnswer:
        """Sign in; from now on this client acts as that person. A client with a key cannot."""
        if self._by_key:
            raise ValueError("a client with a key acts for its system: use another client to sign in")
        answer = self._transport.call("POST", "/v1/sign-in", body={"name": name, "password": password})
        return cast("types.MeAnswer", answer)

    def sign_out(self) -> None:
        """End the sign-in."""
        self._transport.call("DELETE", "/v1/sign-in")

    def close(self) -> None:
        """Let go of the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
