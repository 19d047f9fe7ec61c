"""Of which parts is a document made, when each is named by a stable id instead of its place in a list?

``read`` gives a tree: tables and rows by id, columns by their field or expression, a row's cells by column, formulas by
outcome, cases by name, mappings by key. ``write(read(data))`` is ``data``. Any data can be read: what has not the shape of
a document is one whole value. The second thing of one name in a list is called ``name#2``.
"""

from __future__ import annotations

import enum
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from engine import ORDERED, document_json

Path = tuple[str | int, ...]
Reader = Callable[[Any], "Tree"]

COLUMNS: Final = {"inputs": "when", "outputs": "then"}
"""The columns of a table, and where its rows keep the cells under them."""
ANY: Final = "-"
"""The cell that asks for nothing; what a row says of a column it has not heard of."""
DEEPEST: Final = 8


class Deleted(enum.Enum):
    """What a part is when it is not there."""

    DELETED = "deleted"


DELETED: Final = Deleted.DELETED


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that is taken whole. Equal when its canonical text is; a text needs no escapes to be told from others."""

    value: Any = field(compare=False)
    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping; the order of its keys says nothing."""

    items: Mapping[str, Tree]


@dataclass(frozen=True, slots=True, eq=False)
class _InOrder:
    items: Mapping[str, Tree]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and list(self.items) == list(other.items) and self.items == other.items

    __hash__ = None  # type: ignore[assignment]  # its items are a mapping


class Sequence(_InOrder):
    """A list of things, each with a name of its own."""

    __slots__ = ()


class Ranking(_InOrder):
    """A mapping in which the order of keys says something."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A decision table. ``inputs``, ``outputs`` and ``rows`` are sequences; a row is a record whose ``when`` and ``then`` are
    records by column, or leaves when their cells do not match the columns in number."""

    items: Mapping[str, Tree]

    @property
    def attributes(self) -> Mapping[str, Tree]:
        """What is neither column nor row."""
        return {key: part for key, part in self.items.items() if key not in (*COLUMNS, "rows")}

    def columns(self, side: str) -> Mapping[str, Tree]:
        return _items(self.items[side])

    @property
    def rows(self) -> Mapping[str, Record]:
        return cast(Mapping[str, Record], _items(self.items["rows"]))

    def cell(self, row: str, side: str, column: str) -> Tree | Deleted:
        """The cell of a row; ``DELETED`` when the table has no such row or column."""
        cells = self.rows[row].items.get(COLUMNS[side]) if row in self.rows else None
        return cells.items.get(column, DELETED) if isinstance(cells, Record) else DELETED

    def column(self, side: str, column: str) -> Tree | Deleted:
        """A column with its cells by row."""
        if column not in self.columns(side):
            return DELETED
        cells = {row: self.cell(row, side, column) for row in self.rows}
        return Record({"column": self.columns(side)[column], "cells": Record({row: cell for row, cell in cells.items() if cell is not DELETED})})


Tree = Leaf | Record | Ranking | Sequence | Table
Part = Tree | Deleted
COLLECTIONS: Final[Mapping[str, Tree]] = {
    **dict.fromkeys(("locals", "fields", "choice_lists", "default"), Record({})),
    **dict.fromkeys(("tables", "formulas", "cases", "exports", "notes"), Sequence({})),
    "fields": Ranking({}),
}
"""Parts that two people may both begin: a missing one is like an empty one."""


def leaf(value: Any) -> Leaf:
    return Leaf(value, f'"{unicodedata.normalize("NFC", value)}"' if isinstance(value, str) else document_json(value))


# --- reading --------------------------------------------------------------------------------------------------------------


def read(data: Any) -> Tree:
    """The parts of a ruleset, a vocabulary, or the cases of a ruleset."""
    return read_cases(data) if isinstance(data, list) else _mapping(data, readers=_DOCUMENT)


def read_value(data: Any, name: str = "", depth: int = 0) -> Tree:
    """Mappings key by key, everything else whole."""
    return _mapping(data, name, depth) if depth < DEEPEST else leaf(data)


def read_texts(data: Any) -> Tree:
    """A list of texts, each named by itself."""
    texts = isinstance(data, list) and all(isinstance(text, str) for text in data)
    return _sequence(data, data, leaf) if texts else leaf(data)


def _mapping(data: Any, name: str = "", depth: int = 0, *, readers: Mapping[str, Reader] | None = None) -> Tree:
    keys = _names(data) if isinstance(data, dict) and all(isinstance(key, str) for key in data) else None
    if keys is None or len(set(keys)) < len(keys):
        return leaf(data)
    known = readers or {}
    items = {key: known[key](value) if key in known else read_value(value, key, depth + 1) for key, value in zip(keys, data.values(), strict=True)}
    return Ranking(items) if name in ORDERED else Record(items)


def _named_by(id_: str, read_item: Reader) -> Reader:
    def read_list(data: Any) -> Tree:
        if not (isinstance(data, list) and all(isinstance(item, dict) for item in data)):
            return leaf(data)
        return _sequence(data, [item.get(id_) for item in data], read_item)

    return read_list


def _sequence(data: list[Any], ids: Iterable[Any], read_item: Reader) -> Tree:
    keys = _numbered(_names(id_ if isinstance(id_, str) else "" for id_ in ids))
    if len(set(keys)) < len(keys):
        return leaf(data)
    return Sequence({key: read_item(item) for key, item in zip(keys, data, strict=True)})


def _names(texts: Iterable[str]) -> list[str]:
    return [unicodedata.normalize("NFC", text) for text in texts]


def _numbered(names: list[str]) -> list[str]:
    seen: Counter[str] = Counter()
    keys = []
    for name in names:
        seen[name] += 1
        keys.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return keys


def _table(data: Any) -> Tree:
    """A table, or one leaf when its columns and rows cannot be told apart."""
    inputs, outputs = _columns(data.get("inputs")), read_texts(data.get("outputs"))
    if not (isinstance(inputs, Sequence) and isinstance(outputs, Sequence)):
        return leaf(data)
    rows = _named_by("id", lambda row: _row(row, list(inputs.items), list(outputs.items)))(data.get("rows"))
    whole = _mapping({**data, **dict.fromkeys((*COLUMNS, "rows"))})
    if not (isinstance(rows, Sequence) and all(isinstance(row, Record) for row in rows.items.values()) and isinstance(whole, Record)):
        return leaf(data)
    return Table({**whole.items, "inputs": inputs, "outputs": outputs, "rows": rows})


def _columns(data: Any) -> Tree:
    texts = [item.get("expression") if isinstance(item, dict) else item for item in data] if isinstance(data, list) else [None]
    return _sequence(data, texts, read_value) if all(isinstance(text, str) for text in texts) else leaf(data)


def _row(data: dict[str, Any], inputs: list[str], outputs: list[str]) -> Tree:
    return _mapping(data, readers={"when": lambda cells: _cells(cells, inputs), "then": lambda cells: _cells(cells, outputs)})


def _cells(data: Any, columns: list[str]) -> Tree:
    if not (isinstance(data, list) and len(data) == len(columns)):
        return leaf(data)
    return Record(dict(zip(columns, map(leaf, data), strict=True)))


read_cases: Final = _named_by("name", read_value)
_DOCUMENT: Final[Mapping[str, Reader]] = {
    "exports": read_texts,
    "notes": read_texts,
    "tables": _named_by("id", _table),
    "formulas": _named_by("outcome", read_value),
    "cases": read_cases,
}


# --- writing --------------------------------------------------------------------------------------------------------------


def write(tree: Tree) -> Any:
    """The data of a tree. A row by itself is written with its cells by column."""
    match tree:
        case Leaf(value):
            return value
        case Sequence(items=items):
            return [write(item) for item in items.values()]
        case Table(items):
            return {**_written(items), "rows": [_laid_out(tree, row) for row in tree.rows.values()]}
        case _:
            return _written(tree.items)


def write_part(part: Part) -> Any:
    """The data of a part; ``DELETED`` when it is not there."""
    return part if part is DELETED else write(part)


def _written(items: Mapping[str, Tree]) -> dict[str, Any]:
    return {key: write(item) for key, item in items.items()}


def _laid_out(table: Table, row: Record) -> dict[str, Any]:
    """A row with its cells in the order of the columns."""
    data = _written(row.items)
    for side, name in COLUMNS.items():
        if isinstance(row.items.get(name), Record):
            data[name] = [data[name].get(column, ANY) for column in table.columns(side)]
    return data


def _items(tree: Tree) -> Mapping[str, Tree]:
    return {} if isinstance(tree, Leaf) else tree.items
