"""How does a request body become what a view gets? Exact JSON, then the frame of its schema, all faults at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any, Final, cast

from marshmallow import Schema, ValidationError
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.wsgi import get_content_length

from api.exact_json import loads
from api.problems import InvalidRequest, Problem, pointer_to
from api.service import current_request
from engine import Text

_REVISION: Final = re.compile("[0-9]{1,9}", re.ASCII)
JSON_TYPE: Final = "application/json"
_TEXTS: Final[dict[str, str]] = {
    "Missing data for required field.": "缺少这一项。",
    "Unknown field.": "没有这一项。",
    "Field may not be null.": "不能为 null。",
    "Not a valid mapping type.": "应为一组键和值（对象）。",
    "Not a valid list.": "应为清单（数组）。",
    "Not a valid string.": "应为文字。",
    "Not a valid boolean.": "应为 true 或 false。",
    "Not a valid integer.": "应为整数。",
    "Invalid input type.": "应为一个 JSON 对象。",
    "String does not match expected pattern.": "写法不合要求。",
    "Must be a key or a position.": "应为键或序号。",
    "Must be one line without control characters.": "应为一行文字，不含控制字符。",
}
_PATTERNS: Final = [
    (re.compile(r"Length must be between (\d+) and (\d+)\."), r"长度应在 \1 到 \2 之间。"),
    (re.compile(r"Longer than maximum length (\d+)\."), r"长度不能超过 \1。"),
    (re.compile(r"Must be greater than or equal to (\d+) and less than or equal to (\d+)\."), r"应在 \1 到 \2 之间。"),
    (re.compile(r"Must be greater than or equal to (\d+)\."), r"不能小于 \1。"),
    (re.compile(r"Must be one of: (.*)\."), r"应为其中之一：\1。"),
]
"""What marshmallow says with figures in it → what we say."""


def read_body(schema: Schema, limit: int) -> dict[str, Any]:
    """The current request's body as ``schema`` reads it; raises ``Malformed``, ``InvalidRequest`` or an HTTP 400, 413 or 415."""
    asked = current_request()
    if asked.environ.get("CONTENT_TYPE") != JSON_TYPE and asked.mimetype != JSON_TYPE:
        raise UnsupportedMediaType
    try:
        return cast(dict[str, Any], schema.load(loads(_body(asked.environ, limit))))
    except ValidationError as error:
        raise InvalidRequest(list(_faults(error.messages, ""))) from None


def read_query(schema: Schema) -> dict[str, Any]:
    """The parameters of the current request's address as ``schema`` reads them; raises ``InvalidRequest``."""
    given = current_request().args
    if unfit := [name for name, value in given.items(multi=True) if "\0" in name + value]:
        raise InvalidRequest([(pointer_to([name]), Text("不能含空字符。", "Must not contain a null character.")) for name in dict.fromkeys(unfit)])
    repeated = [name for name, values in given.lists() if len(values) > 1]
    if repeated:
        raise InvalidRequest([(pointer_to([name]), Text("只能给一次。", "May be given once only.")) for name in repeated])
    try:
        return cast(dict[str, Any], schema.load(given.to_dict()))
    except ValidationError as error:
        raise InvalidRequest(list(_faults(error.messages, ""))) from None


def read_revision() -> int:
    """The revision in If-Match; raises a 428 problem without one, a 412 when it cannot be any."""
    tags = current_request().if_match
    if not current_request().headers.get("If-Match"):
        raise Problem("E651")
    found = [tag or "" for tag in tags.as_set()]
    if len(found) != 1 or not _REVISION.fullmatch(found[0]):
        raise Problem("E652")
    return int(found[0])


def _body(environ: dict[str, Any], limit: int) -> bytes:
    """The whole body: all of its declared length, or all of its chunks; raises an HTTP 413 when it is longer than the limit.

    Werkzeug's own reader takes a chunked body that is too long for one that ends at the limit.
    """
    length = get_content_length(environ)
    if length is None and "wsgi.input_terminated" not in environ:
        return b""
    if length is not None and length > limit:
        raise RequestEntityTooLarge
    body = _read(environ["wsgi.input"], limit + 1 if length is None else length)
    if len(body) > limit:
        raise RequestEntityTooLarge
    if length is not None and len(body) < length:
        raise ClientDisconnected
    return body


def _read(stream: IO[bytes], size: int) -> bytes:
    """At most ``size`` bytes; every server has its own exceptions for bodies that are wrongly framed or break off."""
    try:
        return stream.read(size)
    except Exception as error:
        raise ClientDisconnected from error


def _faults(messages: Any, pointer: str) -> Iterator[tuple[str, Text]]:
    """Flatten marshmallow's nested messages into (JSON pointer, bilingual text)."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            step = "" if name == "_schema" else pointer_to([name])
            yield from _faults(inner, pointer + step)
        return
    for message in messages if isinstance(messages, list) else [messages]:
        yield pointer, Text(_in_chinese(str(message)), str(message))


def _in_chinese(message: str) -> str:
    for pattern, ours in _PATTERNS:
        if found := pattern.fullmatch(message):
            return found.expand(ours)
    return _TEXTS.get(message, message)
