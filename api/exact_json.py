"""How does JSON come in and go out without a binary float anywhere?"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

import msgspec
from flask import Flask
from flask.json.provider import JSONProvider

from engine import Text
from rulesets.views import cut

MAX_DEPTH: Final = 32
MAX_DIGITS: Final = 400
"""Longest number literal that is read; longer ones are refused before any arithmetic is done on them."""
_STRUCTURE: Final = re.compile(r'"(?:[^"\\]++|\\.?)*+"?|[][{}]', re.DOTALL)
"""Strings and brackets. A string without an end reaches to the end of the text, so that none of it is read twice."""
_STEPS: Final = {"[": 1, "{": 1, "]": -1, "}": -1}
_ESCAPE: Final = re.compile(r"\\(?:u[Dd][89ABab]..\\u[Dd][C-Fc-f]..|(u[Dd][89A-Fa-f]..)|(u0000)|.)", re.DOTALL)
"""An escape in a string; group 1 is half of a surrogate pair without the other half, group 2 the null character."""
_PROBLEMS: Final = {
    "Expecting value": Text("此处应有一个值", "a value is expected here"),
    "Expecting property name": Text(
        "此处应有双引号括起的键，最后一项之后不能有逗号", "a key in double quotes is expected here, and no comma after the last one"
    ),
    "Expecting ':'": Text("键之后应有冒号", "a colon is expected after the key"),
    "Expecting ','": Text("此处应有逗号，或缺少结尾的括号", "a comma or a closing bracket is expected here"),
    "Illegal trailing comma": Text("最后一项之后不能有逗号", "there is a comma after the last item"),
    "Unterminated string": Text("文字的引号没有结束", "the text that starts here has no closing quote"),
    "Invalid control character": Text("文字里的换行、制表符等控制字符须转义", "a line break, tab or other control character in a text must be escaped"),
    "Invalid \\": Text("反斜杠之后不是有效的转义", "what follows the backslash is no escape"),
    "Extra data": Text("此处应已结束，却还有内容", "nothing more is expected here"),
}
"""What the parser says → what we say."""


_HALF: Final = Text("此处的转义只是半个字符，须与另一半成对书写", "the escape here is half a character (a surrogate) without its other half")
_NULL: Final = Text("不能含空字符", "a null character is not accepted")


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
    if "\\u" in text:
        _check_escapes(text)
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise _unreadable(error, _problem(text, error.msg)) from None


def _problem(text: str, said: str) -> Text:
    if not text.strip():
        return Text("请求体是空的", "the body is empty")
    if text.startswith("\ufeff"):
        return Text("开头不能有字节顺序标记", "it must not start with a byte order mark")
    return next((ours for start, ours in _PROBLEMS.items() if said.startswith(start)), Text("写法不合 JSON 的规定", "it is not written as JSON is"))


def _unreadable(place: json.JSONDecodeError, problem: Text) -> Malformed:
    return Malformed("E601", detail_zh=problem.zh, detail_en=problem.en, line=place.lineno, column=place.colno)


def _check_escapes(text: str) -> None:
    """Refuse half a surrogate pair, which is no character and cannot be written as UTF-8, and null, which no store keeps."""
    for escape in _ESCAPE.finditer(text):
        if problem := _HALF if escape[1] else _NULL if escape[2] else None:
            raise _unreadable(json.JSONDecodeError("", text, escape.start()), problem)


def _check_depth(text: str) -> None:
    """Refuse nesting bombs before the parser recurses into them."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _STRUCTURE.finditer(text):
        depth += _STEPS.get(token[0], 0)
        if depth > MAX_DEPTH:
            raise Malformed("E603", limit=MAX_DEPTH)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Malformed("E602", found=cut(_first_repeated(pairs)))
    return found


def _first_repeated(pairs: list[tuple[str, Any]]) -> str:
    met: set[str] = set()
    for name, _ in pairs:
        if name in met:
            return name
        met.add(name)
    raise AssertionError("no key is repeated")


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _too_long()
    return int(text)


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_DIGITS:
        raise _too_long()
    try:
        return Decimal(text)
    except InvalidOperation:
        raise Malformed(
            "E604", detail_zh=f"数字 {cut(text)} 的指数超出了可计算的范围", detail_en=f"The exponent of {cut(text)} is beyond calculation"
        ) from None


def _too_long() -> Malformed:
    return Malformed("E604", detail_zh=f"一个数字最多写 {MAX_DIGITS} 个字符", detail_en=f"A number may have at most {MAX_DIGITS} characters")


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
