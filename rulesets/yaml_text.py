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

from engine import Diagnostic, DocumentError, Location, Text


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


def load_yaml(text: str, name: str) -> Any:
    """Parse one YAML document; raises ``DocumentError`` (E101) that names ``name`` and the line."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else text.splitlines()[mark.line] if mark.line < len(text.splitlines()) else ""
        column = 0 if mark is None else mark.column
        part = None if mark is None else Text(f"第 {mark.line + 1} 行", f"line {mark.line + 1}")
        detail = getattr(error, "problem", None) or str(error)
        raise DocumentError([Diagnostic("E101", Location(name, part=part, text=line, start=column, end=column + 1), {"detail": detail})]) from None
    except RecursionError:
        raise DocumentError([Diagnostic("E101", Location(name), {"detail": "nested too deep"})]) from None


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
