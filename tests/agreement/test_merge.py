"""Does merging lose nobody's change, invent none, and never fail, whatever people typed?"""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import Any

from hypothesis import given, note
from hypothesis import strategies as st

from engine import canonical_json, document_json
from rulesets.changes import differences
from rulesets.merge import merge, resolve
from rulesets.parts import DELETED, read, write
from tests.strategies.pen import Pen, pens
from tests.strategies.programs import Written, programs

CELLS = ("-", ">= 10", '"a"', "true", "[1..2)")
WORDS = (
    "", "a", "b", "r1", "r1#2", "id", "name", "title", "zh", "en", "tables", "inputs", "outputs", "rows", "when", "then", "note", "expression", "é", "e\u0301",
    "exports", "notes", "locals", "fields", "choices", "ordered", "default", "formulas", "outcome", "cases", "hit_policy", "F", "-",
)  # fmt: skip
scalars = st.none() | st.booleans() | st.integers(-2, 10**20) | st.sampled_from(WORDS) | st.floats(allow_nan=False, width=16)
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6), max_leaves=25)


def shaped(item: st.SearchStrategy[Any], id_: str) -> st.SearchStrategy[Any]:
    """Things like those of a document, with ids that clash and parts that are missing or wrong."""
    return st.lists(st.tuples(st.sampled_from(["a", "b", "b#2", "é", "e\u0301"]), item).map(lambda made: {id_: made[0], **made[1]}) | anything, max_size=4)


def mostly(wanted: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(wanted, wanted, wanted, wanted, anything)


names = st.lists(st.sampled_from(["a", "b", "c", "b#2"]), max_size=3)
rows = shaped(st.fixed_dictionaries({}, optional={"when": mostly(names), "then": mostly(names), "note": anything}), "id")
columns = st.lists(st.sampled_from(["a", "b", "c"]) | st.builds(lambda text: {"expression": text}, st.sampled_from("abc")), max_size=3)
tables = shaped(st.fixed_dictionaries({"inputs": mostly(columns), "outputs": mostly(names), "rows": mostly(rows)}, optional={"hit_policy": anything}), "id")
misshapen = st.fixed_dictionaries(
    {}, optional={"tables": tables, "exports": mostly(names), "notes": names, "locals": anything, "fields": anything, "title": anything}
)
documents = misshapen | anything


# --- edits ----------------------------------------------------------------------------------------------------------------


class Editor:
    """Changes a document here and there, as people do; ids of new things begin with ``name``."""

    def __init__(self, pen: Pen, name: str) -> None:
        self.pen = pen
        self.name = name

    def edited(self, document: Any, most: int = 5) -> Any:
        document = copy.deepcopy(document)
        for _ in range(self.pen.number(0, most)):
            edit = self.pen.pick(
                (self.cell, self.cell, self.row, self.drop_row, self.move_row, self.column, self.drop_column, self.table, self.words, self.break_)
            )
            edit(document)
        return document

    def new(self) -> str:
        return self.pen.pick((self.name, self.name, "new", "r0")) + str(self.pen.number(0, 2))

    def picked_table(self, document: Any) -> Any:
        tables = document.get("tables") or [{"inputs": [], "outputs": [], "rows": []}]
        return self.pen.pick(tables)

    def picked_row(self, document: Any) -> Any:
        return self.pen.pick(self.picked_table(document)["rows"] or [{"when": [], "then": []}])

    def cell(self, document: Any) -> None:
        row = self.picked_row(document)
        cells = row[self.pen.pick(("when", "then"))]
        if cells:
            cells[self.pen.number(0, len(cells) - 1)] = self.pen.pick(CELLS)

    def row(self, document: Any) -> None:
        table = self.picked_table(document)
        cells = {"when": [self.pen.pick(CELLS) for _ in table["inputs"]], "then": [self.pen.pick(CELLS) for _ in table["outputs"]]}
        table["rows"].insert(self.pen.number(0, len(table["rows"])), {"id": self.new(), **cells})

    def drop_row(self, document: Any) -> None:
        rows = self.picked_table(document)["rows"]
        if rows:
            del rows[self.pen.number(0, len(rows) - 1)]

    def move_row(self, document: Any) -> None:
        rows = self.picked_table(document)["rows"]
        if rows:
            rows.insert(self.pen.number(0, len(rows) - 1), rows.pop(self.pen.number(0, len(rows) - 1)))

    def column(self, document: Any) -> None:
        table = self.picked_table(document)
        side, cells = self.pen.pick((("inputs", "when"), ("outputs", "then")))
        at = self.pen.number(0, len(table[side]))
        table[side].insert(at, self.new())
        for row in table["rows"]:
            row[cells].insert(at, self.pen.pick(CELLS))

    def drop_column(self, document: Any) -> None:
        table = self.picked_table(document)
        side, cells = self.pen.pick((("inputs", "when"), ("outputs", "then")))
        if table[side]:
            at = self.pen.number(0, len(table[side]) - 1)
            del table[side][at]
            for row in table["rows"]:
                del row[cells][at : at + 1]

    def table(self, document: Any) -> None:
        tables = document["tables"]
        if tables and self.pen.chance(2):
            del tables[self.pen.number(0, len(tables) - 1)]
        else:
            tables.append({"id": self.new(), "title": {"zh": "", "en": ""}, "hit_policy": "U", "inputs": [], "outputs": [], "rows": []})

    def words(self, document: Any) -> None:
        document["title"]["zh"] = self.new()
        document["exports"].append(self.new())
        document.setdefault("notes", []).insert(0, self.new())
        document["locals"][self.new()] = {"type": "choice", "ordered": True, "choices": {self.new(): {}, self.new(): {}}}

    def break_(self, document: Any) -> None:
        """Stop typing in the middle."""
        row = self.picked_row(document)
        row[self.pen.pick(("when", "then"))].append(CELLS[0])


def same(left: Any, right: Any) -> bool:
    return document_json(left) == document_json(right)


def check_laws(base: Any, ours: Any, theirs: Any) -> None:
    note((base, ours, theirs))
    for taken, merged in ((ours, merge(base, base, ours)), (ours, merge(base, ours, base)), (ours, merge(base, ours, ours))):
        assert same(merged.document, taken)
        assert merged.conflicts == ()
    forth, back = merge(base, ours, theirs), merge(base, theirs, ours)
    assert {conflict.path for conflict in forth.conflicts} == {conflict.path for conflict in back.conflicts}
    assert len({conflict.path for conflict in forth.conflicts}) == len(forth.conflicts)
    assert forth.conflicts or same(forth.document, back.document)


def check_differences(base: Any, changed: Any) -> None:
    assert (differences(base, changed) == []) == same(base, changed)
    assert differences(base, base) == []
    there, back = differences(base, changed), differences(changed, base)
    gone = {change.path for change in there if change.kind == "removed"}
    assert gone == {change.path for change in back if change.kind == "added"}


# --- properties -----------------------------------------------------------------------------------------------------------


@given(documents)
def test_any_data_is_written_as_it_was_read(data: Any) -> None:
    assert same(write(read(data)), data)


@given(documents, documents, documents)
def test_any_data_can_be_merged_and_compared(base: Any, ours: Any, theirs: Any) -> None:
    check_laws(base, ours, theirs)
    check_differences(base, ours)


@given(programs(depth=1), pens())
def test_changed_documents_are_merged_alike_from_both_sides(written: Written, pen: Pen) -> None:
    base = written.documents[0]
    ours, theirs = Editor(pen, "ours").edited(base), Editor(pen, "theirs").edited(base)
    check_laws(base, ours, theirs)
    check_differences(base, ours)
    check_differences(ours, theirs)


@given(programs(depth=1), pens())
def test_a_merge_without_conflicts_makes_the_changes_of_both_and_no_others(written: Written, pen: Pen) -> None:
    base = written.documents[0]
    ours, theirs = Editor(pen, "ours").edited(base, 3), Editor(pen, "theirs").edited(base, 3)
    note((base, ours, theirs))
    merged = merge(base, ours, theirs)
    if not merged.conflicts:
        wanted, made = changes(base, ours) | changes(base, theirs), changes(base, merged.document)
        assert wanted.items() <= made.items()
        assert wanted.keys() == made.keys()


def changes(base: Any, changed: Any) -> dict[Any, Any]:
    """What was changed to which text, added and removed; a row or a column that was added may have got cells from the other side."""
    found = [change for change in differences(base, changed) if change.kind != "moved"]
    return {(change.path, change.kind): change.after if isinstance(change.after, str) else None for change in found}


@given(programs(depth=1), pens())
def test_edits_of_different_cells_are_all_made_without_a_conflict(written: Written, pen: Pen) -> None:
    base = written.documents[0]
    ours, theirs, both = (copy.deepcopy(base) for _ in range(3))
    for t, table in enumerate(base["tables"]):
        for r, row in enumerate(table["rows"]):
            for cells in ("when", "then"):
                for c, cell in enumerate(row[cells]):
                    for document in pen.pick(((), (ours,), (theirs,))):
                        for edited in (document, both):
                            edited["tables"][t]["rows"][r][cells][c] = f"{cell}, 7"
    merged = merge(base, ours, theirs)
    assert merged.conflicts == ()
    assert same(merged.document, both)


@given(programs(depth=1), pens())
def test_choosing_theirs_everywhere_leaves_nothing_of_ours_where_both_changed(written: Written, pen: Pen) -> None:
    base = written.documents[0]
    ours, theirs = Editor(pen, "ours").edited(base), Editor(pen, "theirs").edited(base)
    note((base, ours, theirs))
    merged, mirrored = merge(base, ours, theirs), merge(base, theirs, ours)
    kept = chosen = merged.document
    for conflict in merged.conflicts:
        kept = resolve(kept, conflict.path, conflict.ours, beside=ours)
        chosen = resolve(chosen, conflict.path, conflict.theirs, beside=theirs)
    assert same(kept, merged.document)
    assert {change.kind for change in differences(chosen, mirrored.document)} <= {"moved"}


@given(documents, st.lists(st.sampled_from(WORDS), max_size=6), anything, documents)
def test_choosing_anything_anywhere_is_done_or_refused_as_no_such_place(document: Any, path: list[str], value: Any, beside: Any) -> None:
    before = copy.deepcopy(document)
    with suppress(LookupError):
        read(resolve(document, tuple(path), value, beside=beside))
    with suppress(LookupError):
        read(resolve(document, tuple(path), DELETED, beside=beside))
    assert canonical_json(document) == canonical_json(before)
