"""How are documents read from and written as YAML, exactly?

YAML 1.2's JSON-like core only: numbers with a point become ``Decimal``, dates and yes/no words stay text, anchors,
tags and repeated keys are refused with their place.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from decimal import Decimal
from typing import Any, Final

import yaml

from engine import Diagnostic, DocumentError, Location


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A safe loader with exact numbers, no dates, no aliases and no repeated keys."""

    yaml_implicit_resolvers: Final[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}

    def get_single_node(self) -> yaml.Node | None:
        node: yaml.Node | None = super().get_single_node()
        if node is not None:
            _refuse_aliases(node)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is repeated", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)  # type: ignore[no-any-return]


def _refuse_aliases(root: yaml.Node) -> None:
    """Without aliases every node is met once."""
    met: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in met:
            raise yaml.composer.ComposerError(None, None, "anchors and aliases are not allowed", node.start_mark)
        met.add(id(node))
        if isinstance(node, yaml.MappingNode):
            waiting.extend(part for pair in node.value for part in pair)
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)


def _decimal(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Decimal:
    return Decimal(loader.construct_scalar(node))


_PLAIN: Final = {
    "tag:yaml.org,2002:bool": (r"^(?:true|false)$", "tf"),
    "tag:yaml.org,2002:null": (r"^(?:null|~|)$", ["n", "~", ""]),
    "tag:yaml.org,2002:int": (r"^-?(?:0|[1-9][0-9]*)$", "-0123456789"),
    "tag:zhunsheng,2026:decimal": (r"^-?(?:0|[1-9][0-9]*)\.[0-9]+$", "-0123456789"),
}


for _tag, (_pattern, _first) in _PLAIN.items():
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))
_Loader.add_constructor("tag:zhunsheng,2026:decimal", _decimal)


_PROBLEMS: Final = {
    "unexpected end of stream": "引号没有结束",
    "is repeated": "同一个键写了两次",
    "aliases": "不允许使用锚点和别名(& *)",
    "could not determine a constructor": "不允许使用标签(!)",
    "did not find expected key": "缩进不一致,或缺少键",
    "did not find expected '-' indicator": "清单的缩进不一致",
    "did not find expected ',' or ']'": "方括号没有结束,或缺少逗号",
    "did not find expected ',' or '}'": "花括号没有结束,或缺少逗号",
    "mapping values are not allowed": "此处不能有冒号,请检查缩进或给文字加引号",
    "cannot start any token": "此处的符号不能开头(制表符、% 或 @),请用空格缩进或给文字加引号",
    "block sequence entries are not allowed": "此处不能开始清单,请检查缩进",
    "expected a single document": "一个文件只能有一份文档",
}
"""What PyYAML says → what we say in Chinese."""


def load_yaml(text: str, name: str) -> Any:
    """Parse one YAML document; raises ``DocumentError`` (E101) that names ``name`` and the line."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        raise DocumentError([_fault(error, text, name)]) from None
    except RecursionError:
        raise DocumentError([Diagnostic("E101", Location(name), {"detail_zh": "嵌套过深", "detail_en": "nested too deep"})]) from None


def _fault(error: yaml.YAMLError, text: str, name: str) -> Diagnostic:
    """The finding for what PyYAML could not read: where the trouble begins, and what it is in both languages."""
    problem = getattr(error, "problem", None) or str(error)
    mark, lines = getattr(error, "problem_mark", None), text.splitlines()
    if (mark is None or mark.line >= len(lines)) and getattr(error, "context_mark", None):
        mark = error.context_mark  # type: ignore[attr-defined]
    if mark is None or mark.line >= len(lines):
        location = Location(name)
    else:
        location = Location(name, line=mark.line + 1, text=lines[mark.line], start=mark.column, end=mark.column + 1)
    zh = next((zh for part, zh in _PROBLEMS.items() if part in problem), "这里的写法不合 YAML 的规定")
    return Diagnostic("E101", location, {"detail_zh": zh, "detail_en": problem})


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


def _write_list(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=all(not isinstance(item, list) and _small(item) for item in data))


def _write_mapping(dumper: yaml.SafeDumper, data: dict[str, Any]) -> yaml.Node:
    flow = _small(data) and set(data) <= {"zh", "en", "kind", "ref"}
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=flow)


def _write_decimal(dumper: yaml.SafeDumper, data: Decimal) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:float", format(data, "f"))


_Dumper.add_representer(list, _write_list)
_Dumper.add_representer(dict, _write_mapping)
_Dumper.add_representer(Decimal, _write_decimal)


def dump_yaml(data: object) -> str:
    """Write plain data as YAML that ``load_yaml`` reads back equal."""
    return yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10_000)
