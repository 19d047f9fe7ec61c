"""Which calling system holds this API key?"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from api.problems import Problem
from api.service import current_request, service
from rulesets.keys import hash_key

View = TypeVar("View", bound=Callable[..., Any])


def requires_key(view: View) -> View:
    """Let a view run only for a caller with a valid key; its first argument is the service."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        held = service()
        scheme, _, key = current_request().environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Problem("E610")
        if hash_key(key.strip()) not in held.settings.keys:
            raise Problem("E611")
        return view(held, *args, **kwargs)

    return cast(View, guarded)
