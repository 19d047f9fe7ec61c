"""Which calling system holds this API key?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar, cast

from flask import current_app, g, request

from api.problems import Problem
from rulesets.keys import hash_key

View = TypeVar("View", bound=Callable[..., Any])


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
