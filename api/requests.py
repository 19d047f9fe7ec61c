"""How does a request body become what a view gets? Exact JSON, then the frame of its schema, all faults at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from flask import request
from marshmallow import Schema, ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from api.exact_json import loads
from api.problems import InvalidRequest
from engine import Text

_TEXTS: Final[dict[str, str]] = {
    "Missing data for required field.": "缺少这一项。",
    "Unknown field.": "没有这一项。",
    "Field may not be null.": "不能为 null。",
    "Not a valid mapping type.": "应为一组键和值(对象)。",
    "Not a valid list.": "应为清单(数组)。",
    "Not a valid string.": "应为文字。",
    "Not a valid boolean.": "应为 true 或 false。",
    "Invalid input type.": "请求体应为一个 JSON 对象。",
    "Length must be between 1 and 1000.": "应有 1 到 1000 项。",
}


def read_body(schema: Schema) -> dict[str, Any]:
    """The current request's body as ``schema`` reads it; raises ``Malformed``, ``InvalidRequest`` or an HTTP 413 or 415."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    try:
        return cast(dict[str, Any], schema.load(loads(request.get_data(cache=False))))
    except ValidationError as error:
        raise InvalidRequest(list(_faults(error.messages, ""))) from None


def _faults(messages: Any, pointer: str) -> Iterator[tuple[str, Text]]:
    """Flatten marshmallow's nested messages into (JSON pointer, bilingual text)."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            step = "" if name == "_schema" else "/" + str(name).replace("~", "~0").replace("/", "~1")
            yield from _faults(inner, pointer + step)
        return
    for message in messages if isinstance(messages, list) else [messages]:
        yield pointer, Text(_TEXTS.get(str(message), str(message)), str(message))
