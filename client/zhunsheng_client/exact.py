"""How do numbers cross the wire without losing a digit? JSON in which a decimal is a ``Decimal`` on both sides."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any


def written(data: object) -> str:
    """JSON with each ``Decimal`` as a number of exactly its digits, and dates in ISO 8601.

    Raises ``ValueError`` for a decimal that is no finite number, ``TypeError`` for a float, which is not exact, and for
    whatever else JSON has no place for.
    """
    match data:
        case None | bool() | int() | str():
            return json.dumps(data, ensure_ascii=False)
        case Decimal():
            return _number(data)
        case date():
            return f'"{data.isoformat()}"'
        case Mapping():
            return "{" + ",".join(f"{_key(name)}:{written(value)}" for name, value in data.items()) + "}"
        case Sequence() if not isinstance(data, bytes | bytearray | memoryview):
            return "[" + ",".join(map(written, data)) + "]"
        case float():
            raise TypeError(f"{data!r} is a float, which is not exact: use Decimal or plain decimal text")
        case _:
            raise TypeError(f"JSON has no place for a {type(data).__name__}")


def read(text: str | bytes) -> Any:
    """What JSON says; numbers with a point are ``Decimal``, others ``int``. Raises ``ValueError``."""
    return json.loads(text, parse_float=Decimal)


def _number(number: Decimal) -> str:
    if not number.is_finite():
        raise ValueError(f"{number} is not a finite number")
    return format(number, "f")


def _key(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the names of a JSON object are texts, not {type(name).__name__}")
    return json.dumps(name, ensure_ascii=False)
