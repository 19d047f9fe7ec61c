"""How does JSON come in and go out without a binary float anywhere?"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final, NoReturn

import msgspec
from flask import Flask
from flask.json.provider import JSONProvider

MAX_DEPTH: Final = 32
MAX_DIGITS: Final = 400
"""Longest number literal that is read; longer ones are refused before any arithmetic is done on them."""
_STRUCTURE: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]', re.DOTALL)


class Malformed(Exception):
    """A body that is not acceptable JSON: a code of ``api.problems`` and its parameters."""

    def __init__(self, code: str, /, **parameters: object) -> None:
        self.code = code
        self.parameters = parameters
        super().__init__(code)


def loads(body: bytes) -> Any:
    """Parse UTF-8 JSON: whole numbers as ``int``, others as ``Decimal``; raises ``Malformed``."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("E605", position=error.start) from None
    _check_depth(text)
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise Malformed("E601", detail=error.msg, line=error.lineno, column=error.colno) from None


def _check_depth(text: str) -> None:
    """Refuse nesting bombs before the parser recurses into them."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _STRUCTURE.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > MAX_DEPTH:
            raise Malformed("E603", limit=MAX_DEPTH)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise Malformed("E602", found=next(name for name in names if names.count(name) > 1))
    return found


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise Malformed("E604", limit=MAX_DIGITS)
    return int(text)


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_DIGITS:
        raise Malformed("E604", limit=MAX_DIGITS)
    return Decimal(text)


def _not_finite(text: str) -> NoReturn:
    raise Malformed("E606", found=text)


_decoder: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_whole, parse_float=_decimal, parse_constant=_not_finite)
_encoder: Final = msgspec.json.Encoder(decimal_format="number")


def dumps(data: object) -> bytes:
    """Write JSON; a ``Decimal`` becomes a number with exactly its digits."""
    return _encoder.encode(data)


class ExactJSON(JSONProvider):
    """Flask's JSON, exact both ways."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app)

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return dumps(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return loads(s.encode() if isinstance(s, str) else s)
