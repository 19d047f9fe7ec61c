"""How are documents read from and written as YAML, exactly?

YAML 1.2's JSON-like core only: numbers with a point become ``Decimal``, dates and yes/no words stay text, anchors,
tags and repeated keys are refused with their place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from types import NoneType
from typing import Any, Final, NoReturn

import yaml

from engine import Diagnostic, DocumentError, Location, Text
from rulesets.views import cut

MAX_DEPTH: Final = 100
MAX_DIGITS: Final = 400
"""Longest number that is read or written."""
MAX_LINE: Final = 200
"""How much of a line an error shows."""
_PARSER: Final[type[yaml.SafeLoader]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: Final = {"true": True, "false": False, "null": None, "~": None, "": None}
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?")


class _Refused(Exception):
    """YAML that is well written, but more than plain data."""

    def __init__(self, text: Text, mark: Any) -> None:
        self.text, self.mark = text, mark
        super().__init__(text.en)


# --- reading -------------------------------------------------------------------------------------------------------------


def load_yaml(text: str, name: str) -> Any:
    """Parse one YAML document; raises ``DocumentError`` (E101) that names ``name`` and the line."""
    try:
        return _built(yaml.parse(text, Loader=_PARSER))
    except _Refused as refused:
        location, said = _place(text, name, refused.mark), refused.text
    except yaml.reader.ReaderError as error:
        location, said = _place_of(text, name, text.find(chr(int(error.character)))), Text("不能有控制字符", "control characters are not allowed")
    except yaml.YAMLError as error:
        location, said = _place(text, name, *_marks(error)), _problem(error)
    except UnicodeEncodeError as error:
        location, said = _place_of(text, name, error.start), Text("此处不是完整的字符", "half a character (a surrogate)")
    raise DocumentError([Diagnostic("E101", location, {"detail_zh": said.zh, "detail_en": said.en})])


def _built(events: Iterable[Any]) -> Any:
    """The data of one document, put together without recursion."""
    whole: list[Any] = []
    levels = [_Level(whole)]
    for event in events:
        match event:
            case yaml.ScalarEvent():
                levels[-1].put(_scalar(event), event)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                data: list[Any] | dict[Any, Any] = [] if isinstance(event, yaml.SequenceStartEvent) else {}
                levels[-1].put(data, event)
                levels.append(_Level(data))
                if len(levels) > MAX_DEPTH + 1:
                    raise _Refused(Text("嵌套过深", "nested too deep"), event.start_mark)
            case yaml.CollectionEndEvent():
                levels.pop()
            case yaml.AliasEvent():
                raise _Refused(_NO_ANCHORS, event.start_mark)
            case yaml.DocumentStartEvent() if whole:
                raise _Refused(Text("一个文件只能有一份文档", "expected a single document"), event.start_mark)
    return whole[0] if whole else None


_NO_ANCHORS: Final = Text("不允许使用锚点和别名（& *）", "anchors and aliases are not allowed")
_AWAITED: Final = object()


class _Level:
    """A list or mapping that is being filled."""

    __slots__ = ("data", "key")

    def __init__(self, data: list[Any] | dict[Any, Any]) -> None:
        self.data = data
        self.key: object = _AWAITED

    def put(self, value: object, event: Any) -> None:
        """Add an item, a key, or the value of the key before."""
        if event.anchor is not None:
            raise _Refused(_NO_ANCHORS, event.start_mark)
        if event.tag is not None:
            raise _Refused(Text("不允许使用标签（!）", "tags are not allowed"), event.start_mark)
        if isinstance(self.data, list):
            self.data.append(value)
        elif self.key is _AWAITED:
            self.key = self._new_key(value, event)
        else:
            self.data[self.key] = value
            self.key = _AWAITED

    def _new_key(self, key: object, event: Any) -> object:
        if isinstance(key, list | dict):
            raise _Refused(Text("键不能是清单或一组键和值", "a key cannot be a list or a mapping"), event.start_mark)
        if key in self.data:
            told = cut(event.value)
            raise _Refused(Text(f"键「{told}」写了两次", f"the key “{told}” is repeated"), event.start_mark)
        return key


def _scalar(event: yaml.ScalarEvent) -> object:
    """What is quoted is text; what is plain may be a word of JSON or a number."""
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    if len(text) > MAX_DIGITS:
        raise _Refused(Text(f"数字最多写 {MAX_DIGITS} 个字符", f"a number may have at most {MAX_DIGITS} characters"), event.start_mark)
    return Decimal(text) if number[1] else int(text)


# --- what is wrong, and where ----------------------------------------------------------------------------------------------

_PROBLEMS: Final = {
    "unexpected end of stream": "引号没有结束",
    "undefined tag handle": "不允许使用标签（!）",
    "did not find expected key": "缩进不一致，或缺少键",
    "did not find expected '-' indicator": "清单的缩进不一致",
    "did not find expected ',' or ']'": "方括号没有结束，或缺少逗号",
    "did not find expected ',' or '}'": "花括号没有结束，或缺少逗号",
    "did not find expected node content": "此处缺少内容",
    "could not find expected ':'": "此处缺少冒号，或缩进不一致",
    "mapping values are not allowed": "此处不能有冒号，请检查缩进或给文字加引号",
    "cannot start any token": "此处的符号不能开头（制表符、% 或 @），请用空格缩进或给文字加引号",
    "block sequence entries are not allowed": "此处不能开始清单，请检查缩进",
    "unknown escape character": "反斜杠之后不是有效的转义",
    "invalid Unicode character escape": "此处的转义不是完整的字符",
}
"""What PyYAML says → what we say in Chinese."""


def _problem(error: yaml.YAMLError) -> Text:
    said = getattr(error, "problem", None) or str(error)
    return Text(next((zh for part, zh in _PROBLEMS.items() if part in said), "这里的写法不合 YAML 的规定"), said)


def _marks(error: yaml.YAMLError) -> list[Any]:
    """Where the trouble was met, and where what it is part of began."""
    return [getattr(error, "problem_mark", None), getattr(error, "context_mark", None)]


def _place(text: str, name: str, *marks: Any) -> Location:
    """The first of ``marks`` that is inside the text, or its end."""
    lines = text.splitlines() or [""]
    number, column = next(((mark.line, mark.column) for mark in marks if mark and mark.line < len(lines)), (len(lines) - 1, len(lines[-1])))
    return _in_line(name, number, lines[number], column)


def _place_of(text: str, name: str, position: int) -> Location:
    """The place of the character at ``position``, which cannot be shown."""
    lines = (text[:position] + "\ufffd").splitlines()
    return _in_line(name, len(lines) - 1, lines[-1], len(lines[-1]) - 1)


def _in_line(name: str, number: int, line: str, column: int) -> Location:
    start = max(0, column - MAX_LINE // 2)
    return Location(name, line=number + 1, text=line[start : start + MAX_LINE], start=column - start, end=column - start + 1)


# --- writing -------------------------------------------------------------------------------------------------------------


_ODD_BREAKS: Final = re.compile("[\\x85\\u2028\\u2029]")
"""What YAML 1.1 takes for line breaks, and would fold."""


class _Dumper(yaml.SafeDumper):
    """Block style for structure, one line for lists of plain values and for small mappings."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _small(value: object) -> bool:
    if isinstance(value, dict):
        return 0 < len(value) <= 3 and all(not isinstance(item, dict | list) for item in value.values())
    return not isinstance(value, list)


def _write_text(dumper: yaml.SafeDumper, data: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style='"' if _ODD_BREAKS.search(data) else None)


def _write_list(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=all(not isinstance(item, list) and _small(item) for item in data))


def _write_mapping(dumper: yaml.SafeDumper, data: dict[str, Any]) -> yaml.Node:
    flow = _small(data) and set(data) <= {"zh", "en", "kind", "ref"}
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=flow)


def _write_decimal(dumper: yaml.SafeDumper, data: Decimal) -> yaml.Node:
    if not data.is_finite() or abs(data.adjusted()) >= MAX_DIGITS - 1 or len(text := format(data, "f")) > MAX_DIGITS:
        _refuse(dumper, data)
    return dumper.represent_scalar(f"tag:yaml.org,2002:{'float' if '.' in text else 'int'}", text)


def _refuse(dumper: yaml.SafeDumper, data: object) -> NoReturn:
    raise yaml.representer.RepresenterError(f"not plain data: {type(data).__name__}")


_Dumper.yaml_representers = {kind: yaml.SafeDumper.yaml_representers[kind] for kind in (int, bool, NoneType)}
_Dumper.add_representer(str, _write_text)
_Dumper.add_representer(list, _write_list)
_Dumper.add_representer(dict, _write_mapping)
_Dumper.add_representer(Decimal, _write_decimal)
_Dumper.add_representer(None, _refuse)  # type: ignore[arg-type]  # for every other type


def dump_yaml(data: object) -> str:
    """Write plain data as YAML that ``load_yaml`` reads back equal; raises ``yaml.YAMLError`` for anything else, such as a binary float or NaN."""
    return yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10_000)
