"""What is different between two documents, part by part?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rulesets.parts import COLUMNS, DELETED, Part, Path, Ranking, Record, Sequence, Table, read, write_part
from rulesets.sequences import moved

ChangeKind = Literal["added", "removed", "moved", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One part that differs. ``before`` and ``after`` are its data, ``DELETED`` where it is not there; of something moved, its
    place in its list, counted from 1. A row has its cells by column, a column its cells by row.
    """

    path: Path
    kind: ChangeKind
    before: Any
    after: Any


def differences(base: object, changed: object) -> list[Change]:
    """The smallest parts that differ, by the stable ids of ``rulesets.parts``; none if and only if both are the same document."""
    return list(_part((), read(base), read(changed)))


def change_view(change: Change) -> dict[str, Any]:
    """Plain data; what is not there is left out."""
    return {"path": list(change.path), "kind": change.kind, **given(before=change.before, after=change.after)}


def given(**values: Any) -> dict[str, Any]:
    """The values that are there."""
    return {name: value for name, value in values.items() if value is not DELETED}


def _part(path: Path, before: Part, after: Part) -> Iterator[Change]:
    if before == after:
        return
    match before, after:
        case (Record(was), Record(is_)):
            yield from _items(path, was, is_)
        case (Sequence(items=was), Sequence(items=is_)) | (Ranking(items=was), Ranking(items=is_)):
            yield from _items(path, was, is_)
            yield from _moves(path, was, is_)
        case (Table(), Table()):
            yield from _table(path, before, after)
        case _:
            kind: ChangeKind = "added" if before is DELETED else "removed" if after is DELETED else "changed"
            yield Change(path, kind, write_part(before), write_part(after))


def _items(path: Path, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for key in {**before, **after}:
        yield from _part((*path, key), before.get(key, DELETED), after.get(key, DELETED))


def _moves(path: Path, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    gone = moved(before, after)
    places = {key: place for place, key in enumerate(before, 1)}
    yield from (Change((*path, key), "moved", places[key], place) for place, key in enumerate(after, 1) if key in gone)


def _table(path: Path, before: Table, after: Table) -> Iterator[Change]:
    yield from _items(path, before.attributes, after.attributes)
    for side in COLUMNS:
        was, is_ = before.columns(side), after.columns(side)
        for key in {**was, **is_}:
            here = (*path, side, key)
            both = key in was and key in is_
            yield from _part(here, was[key], is_[key]) if both else _part(here, before.column(side, key), after.column(side, key))
        yield from _moves((*path, side), was, is_)
    yield from _part((*path, "rows"), _comparable(before, after), _comparable(after, before))


def _comparable(table: Table, other: Table) -> Sequence:
    """The rows of a table; those that ``other`` has too, with the cells under the columns it has too."""
    return Sequence({key: _restricted(row, other) if key in other.rows else row for key, row in table.rows.items()})


def _restricted(row: Record, other: Table) -> Record:
    items = dict(row.items)
    for side, name in COLUMNS.items():
        cells = items.get(name)
        if isinstance(cells, Record):
            items[name] = Record({column: cell for column, cell in cells.items.items() if column in other.columns(side)})
    return Record(items)
