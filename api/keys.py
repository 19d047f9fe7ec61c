"""Which calling system holds this API key?"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final, TypeVar, cast

from flask import current_app, g, request

from api.problems import Problem

View = TypeVar("View", bound=Callable[..., Any])
PREFIX: Final = "zs_"


def new_key() -> tuple[str, str]:
    """A fresh key with 256 bits of randomness, and its SHA-256, which is all that is ever stored."""
    key = PREFIX + secrets.token_urlsafe(32)
    return key, hash_key(key)


def hash_key(key: str) -> str:
    """SHA-256 is enough for a key that is random: there is nothing to guess."""
    return hashlib.sha256(key.encode()).hexdigest()


def requires_key(view: View) -> View:
    """Let a view run only for a caller with a valid key; ``g.caller`` is the system's name."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        keys: Mapping[str, str] = current_app.extensions["zhunsheng"].settings.keys
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Problem("E610")
        caller = keys.get(hash_key(key.strip()))
        if caller is None:
            raise Problem("E611")
        g.caller = caller
        return view(*args, **kwargs)

    return cast(View, guarded)
