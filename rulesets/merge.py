"""What comes of two people changing one document: which cells take whose change, and where must somebody choose?

Three-way, part by part (``rulesets.parts``): what one side changed is taken, what both changed alike is taken once, what both
changed differently is a conflict and stays as in ``ours``. The order of rows is such a part too. Takes any JSON data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from rulesets.changes import given
from rulesets.parts import (
    ANY,
    COLLECTIONS,
    COLUMNS,
    DELETED,
    Deleted,
    Leaf,
    Part,
    Path,
    Ranking,
    Record,
    Sequence,
    Table,
    Tree,
    leaf,
    read,
    read_value,
    write_part,
)
from rulesets.sequences import arranged

ConflictKind = Literal["cell", "row", "column", "table", "order", "value"]
Items = Mapping[str, Tree]
ANYTHING: Final = leaf(ANY)
ORDER_IS_NOTHING: Final = [leaf(policy) for policy in ("U", "A", "P", "O", "C+", "C<", "C>", "C#")]
"""Hit policies under which rows may stand in any order."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """One part that both sides changed differently. ``base``, ``ours`` and ``theirs`` are its data, ``DELETED`` where it is not
    there: a row with its cells by column, a column with its cells by row, an order as the list of names.
    """

    path: Path
    kind: ConflictKind
    base: Any
    ours: Any
    theirs: Any


@dataclass(frozen=True, slots=True)
class Merged:
    """A document with the changes of both sides; with those of ours where they conflict."""

    document: Any
    conflicts: tuple[Conflict, ...]


def merge(base: object, ours: object, theirs: object) -> Merged:
    """Merge two changed documents that were the same once. The result shares parts with them: change none in place."""
    merging = _Merging()
    document = merging.part((), read(base), read(ours), read(theirs))
    return Merged(write_part(document), tuple(merging.conflicts))


def conflict_view(conflict: Conflict) -> dict[str, Any]:
    """Plain data; what is not there is left out."""
    return {"path": list(conflict.path), "kind": conflict.kind, **given(base=conflict.base, ours=conflict.ours, theirs=conflict.theirs)}


class _Merging:
    """Merges one document and gathers its conflicts."""

    def __init__(self) -> None:
        self.conflicts: list[Conflict] = []
        self.strict: set[Path] = set()
        """Lists in which it matters which of two things comes first."""

    def part(self, path: Path, base: Part, ours: Part, theirs: Part) -> Part:
        if ours == theirs or base == theirs:
            return ours
        if base == ours:
            return theirs
        match _begun(path, base), _begun(path, ours), _begun(path, theirs):
            case (Record(b), Record(o), Record(t)):
                merged: Record | Ranking | Sequence = Record(self.record(path, b, o, t))
            case (Ranking(items=b), Ranking(items=o), Ranking(items=t)):
                merged = Ranking(self.in_order(path, self.items(path, b, o, t), (b, o, t)))
            case (Sequence(items=b), Sequence(items=o), Sequence(items=t)):
                merged = Sequence(self.in_order(path, self.items(path, b, o, t), (b, o, t)))
            case (Table() as b, Table() as o, Table() as t):
                return self.table(path, b, o, t)
            case _:
                self.conflict(path, base, ours, theirs)
                return ours
        return DELETED if not merged.items and (ours is DELETED or theirs is DELETED) else merged

    def items(self, path: Path, base: Items, ours: Items, theirs: Items) -> Items:
        """The parts that are left, each merged."""
        merged = {key: self.part((*path, key), *(side.get(key, DELETED) for side in (base, ours, theirs))) for key in {**ours, **theirs}}
        return {key: part for key, part in merged.items() if part is not DELETED}

    def record(self, path: Path, base: Items, ours: Items, theirs: Items) -> Items:
        if leaf(True) in (side.get("ordered") for side in (base, ours, theirs)):
            self.strict.add((*path, "choices"))
        merged = self.items(path, base, ours, theirs)
        return {key: merged[key] for key in arranged(base, ours, theirs, merged).names}

    def in_order(self, path: Path, merged: Items, sides: tuple[Items, Items, Items]) -> Items:
        """``merged`` in the order of both sides; a conflict where they contradict each other, or leave open what matters."""
        base, ours, theirs = sides
        strict = path in self.strict
        order = arranged(base, ours, theirs, merged, strict=strict)
        if order.contradictory or (strict and order.contested):
            other = arranged(base, theirs, ours, merged, strict=strict)
            self.conflicts.append(Conflict(path, "order", [key for key in base if key in merged], order.names, other.names))
        return {key: merged[key] for key in order.names}

    def table(self, path: Path, base: Table, ours: Table, theirs: Table) -> Table:
        merged = dict(self.record(path, base.attributes, ours.attributes, theirs.attributes))
        columns = {side: self.columns((*path, side), side, base, ours, theirs) for side in COLUMNS}
        merged |= {side: Sequence(items) for side, items in columns.items()}
        if merged.get("hit_policy") not in ORDER_IS_NOTHING:
            self.strict.add((*path, "rows"))
        merged["rows"] = Sequence(self.rows((*path, "rows"), columns, base, ours, theirs))
        return Table({key: merged[key] for key in {**ours.items, **theirs.items} if key in merged})

    def rows(self, path: Path, columns: Mapping[str, Items], base: Table, ours: Table, theirs: Table) -> Items:
        b, o, t = _rows_alike(columns, base, ours, theirs)
        first = len(self.conflicts)
        merged = self.items(path, b, o, t)
        self.conflicts[first:] = [_with_every_column(conflict, base, ours, theirs) for conflict in self.conflicts[first:]]
        return self.in_order(path, merged, (b, o, t))

    def columns(self, path: Path, side: str, base: Table, ours: Table, theirs: Table) -> Items:
        merged = {}
        for key in {**ours.columns(side), **theirs.columns(side)}:
            column = self.column((*path, key), side, base, ours, theirs)
            if column is not DELETED:
                merged[key] = column
        return self.in_order(path, merged, (base.columns(side), ours.columns(side), theirs.columns(side)))

    def column(self, path: Path, side: str, base: Table, ours: Table, theirs: Table) -> Part:
        """A column as both sides have it; a conflict where one removed it and the other changed what stands in it."""
        key = str(path[-1])
        was, mine, yours = (table.columns(side).get(key, DELETED) for table in (base, ours, theirs))
        if was is DELETED or (mine is not DELETED and yours is not DELETED):
            return self.part(path, was, mine, yours)
        if not _touched(side, key, base, theirs if mine is DELETED else ours):
            return DELETED
        self.conflict(path, *(table.column(side, key) for table in (base, ours, theirs)))
        return mine

    def conflict(self, path: Path, base: Part, ours: Part, theirs: Part) -> None:
        self.conflicts.append(Conflict(path, _kind(path), write_part(base), write_part(ours), write_part(theirs)))


def _begun(path: Path, part: Part) -> Part:
    """A collection that is missing, as an empty one."""
    match part, path:
        case (Deleted(), (str() as name,)) | (Deleted(), ("tables", _, "default" as name)):
            return COLLECTIONS.get(name, DELETED)
        case _:
            return part


def _kind(path: Path) -> ConflictKind:
    match path:
        case ("tables", _):
            return "table"
        case ("tables", _, "rows", _):
            return "row"
        case ("tables", _, "rows", _, "when" | "then", _):
            return "cell"
        case ("tables", _, "inputs" | "outputs", *_):
            return "column"
        case _:
            return "value"


def _touched(side: str, column: str, before: Table, after: Table) -> bool:
    """Whether a column was changed, or a new row asks for something in it."""
    if before.columns(side)[column] != after.columns(side)[column]:
        return True
    cells = {row: after.cell(row, side, column) for row in after.rows}
    new = side == "inputs" and any(cell not in (DELETED, ANYTHING) for row, cell in cells.items() if row not in before.rows)
    return new or any(cell != before.cell(row, side, column) for row, cell in cells.items() if row in before.rows)


def _rows_alike(columns: Mapping[str, Items], *sides: Table) -> list[Items]:
    """The rows of each side as if all had the merged columns; a row that one side deleted, under those of the other side."""
    base, ours, theirs = sides
    wanted = dict.fromkeys({**ours.rows, **theirs.rows}, columns)
    for one, other in ((ours, theirs), (theirs, ours)):
        wanted |= {key: {side: one.columns(side) for side in COLUMNS} for key in base.rows if key in one.rows and key not in other.rows}
    return [{key: _row_under(wanted[key], key, row, base) for key, row in table.rows.items() if key in wanted} for table in sides]


def _row_under(columns: Mapping[str, Items], key: str, row: Record, base: Table) -> Record:
    """A row that asks for nothing in a column that its table has not, or for what it did where its side removed the column."""
    items = dict(row.items)
    for side, name in COLUMNS.items():
        cells = items.get(name)
        if isinstance(cells, Record):
            missing = {column: base.cell(key, side, column) for column in columns[side] if column not in cells.items}
            filled = {column: ANYTHING if cell is DELETED else cell for column, cell in missing.items()}
            items[name] = Record({column: cells.items.get(column) or filled[column] for column in columns[side]})
    return Record(items)


def _with_every_column(conflict: Conflict, *sides: Table) -> Conflict:
    """A conflict about a row, with the cells under columns that are gone as well."""
    if conflict.kind != "row":
        return conflict
    base, ours, theirs = (write_part(table.rows.get(str(conflict.path[-1]), DELETED)) for table in sides)
    return replace(conflict, base=base, ours=ours, theirs=theirs)


# --- choosing -------------------------------------------------------------------------------------------------------------


def resolve(document: object, path: Path, value: object, *, beside: object = None) -> Any:
    """A document with ``value`` at ``path``, as a conflict names it; with ``DELETED``, without that part.

    What was not there comes to stand as in the document ``beside``, else last. A row takes its cells by column, a column its
    cells by row, an order the names. Raises ``LookupError`` when the document has no such place.
    """
    if not path and value is DELETED:
        raise LookupError(path)
    return write_part(_put(read(document), path, value, read(beside)))


def _put(tree: Part, path: Path, value: Any, beside: Part) -> Part:
    match tree, path:
        case (Sequence() | Ranking(), ()) if _is_order(value):
            return replace(tree, items={key: tree.items[key] for key in arranged(tree.items, tree.items, dict.fromkeys(value), tree.items).names})
        case (_, ()):
            return DELETED if value is DELETED else read_value(value)
        case (Table(), _) if not _has_place(tree, path, value):
            raise LookupError(path)
        case (Table(), ("inputs" | "outputs" as side, str() as key)):
            return _with_column(tree, side, key, value, beside)
        case (Record() | Sequence() | Ranking() | Table(), (str() as key, *rest)):
            child = tree.items.get(key, COLLECTIONS.get(key, DELETED) if rest else DELETED)
            part = _put(child, tuple(rest), value, _items(beside).get(key, DELETED))
            return replace(tree, items=_with(tree.items, key, part, _items(beside)))
    raise LookupError(path)


def _is_order(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _has_place(table: Table, path: Path, value: object) -> bool:
    """Whether a table stays one with ``value`` at ``path``."""
    match path:
        case ("inputs" | "outputs" | "rows",):
            return _is_order(value)
        case ("rows", _):
            return value is DELETED or isinstance(read_value(value), Record)
        case ("rows", _, "when" | "then" as cells, column):
            return any(column in table.columns(side) for side, name in COLUMNS.items() if name == cells)
        case _:
            return True


def _with(items: Items, key: str, part: Part, beside: Items) -> Items:
    """Items with one in its place, or without it; a new one stands after what it follows in ``beside``."""
    names = [name for name in items if name != key or part is not DELETED]
    if part is DELETED:
        return {name: items[name] for name in names}
    if key not in items:
        names.insert(_place(key, names, list(beside)), key)
    return {name: part if name == key else items[name] for name in names}


def _place(key: str, names: list[str], model: list[str]) -> int:
    if key not in model:
        return len(names)
    known = set(names)
    before = next((name for name in reversed(model[: model.index(key)]) if name in known), None)
    return 0 if before is None else names.index(before) + 1


def _with_column(table: Table, side: str, key: str, value: Any, beside: Part) -> Table:
    view = value if isinstance(value, dict) and "column" in value else {"column": value}
    column = DELETED if value is DELETED else read_value(view["column"])
    columns = _with(table.columns(side), key, column, beside.columns(side) if isinstance(beside, Table) else {})
    cells = _items(read_value(view.get("cells")))
    rows = {row: _with_cell(item, COLUMNS[side], key, cells[row]) if row in cells else item for row, item in table.rows.items()}
    return Table({**table.items, side: Sequence(columns), "rows": Sequence(rows)})


def _with_cell(row: Record, name: str, column: str, cell: Tree) -> Record:
    cells = row.items.get(name)
    return Record({**row.items, name: Record({**cells.items, column: cell})}) if isinstance(cells, Record) else row


def _items(part: Part) -> Items:
    return {} if isinstance(part, Leaf | Deleted) else part.items
