"""When two people change one document, whose change stands in which cell, and where must they choose?"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from engine import ORDERED
from rulesets.catalog import load_catalog
from rulesets.changes import Change, change_view, differences
from rulesets.merge import Conflict, Merged, conflict_view, merge, resolve
from rulesets.parts import DELETED

Edit = Callable[[Any], object]
LEVEL = ("tables", "level")
ROWS = (*LEVEL, "rows")


def row(id_: str, *cells: str, then: str = '"low"', **more: Any) -> dict[str, Any]:
    return {"id": id_, "when": list(cells), "then": [then], **more}


@pytest.fixture
def base() -> dict[str, Any]:
    return {
        "ruleset": "aml",
        "title": {"zh": "洗钱风险等级", "en": "AML level"},
        "exports": ["level"],
        "notes": ["甲"],
        "locals": {"months": {"label": {"zh": "月数", "en": "months"}, "type": "number", "scale": 2, "min": 0, "max": 12}},
        "tables": [
            {
                "id": "level",
                "title": {"zh": "等级", "en": "level"},
                "hit_policy": "F",
                "inputs": ["score", {"expression": "age * 2", "label": {"zh": "双龄", "en": "age twice"}}],
                "outputs": ["level"],
                "rows": [row("r1", ">= 70", "-", note="高"), row("r2", ">= 40", "> 30"), row("r3", "-", "-"), row("r4", "< 10", "-"), row("r5", "< 5", "-")],
                "default": {"level": '"none"'},
            },
            {"id": "cycle", "title": {"zh": "周期", "en": "cycle"}, "hit_policy": "U", "inputs": ["level"], "outputs": ["cycle"], "rows": [row("r1", '"low"')]},
        ],
        "formulas": [{"outcome": "months", "title": {"zh": "月数", "en": "months"}, "expression": "a - b"}],
    }


def edited(base: Any, *edits: Edit) -> Any:
    document = copy.deepcopy(base)
    for edit in edits:
        edit(document)
    return document


def merged(base: Any, ours: Edit, theirs: Edit) -> Merged:
    return merge(base, edited(base, ours), edited(base, theirs))


def table(document: Any) -> Any:
    return next(table for table in document["tables"] if table["id"] == "level")


def rows(document: Any) -> dict[str, Any]:
    return {row["id"]: row for row in table(document)["rows"]}


def put(id_: str, column: int, cell: str, cells: str = "when") -> Edit:
    return lambda document: rows(document)[id_][cells].__setitem__(column, cell)


def drop(id_: str) -> Edit:
    return lambda document: table(document)["rows"].remove(rows(document)[id_])


def add(place: int, made: dict[str, Any]) -> Edit:
    return lambda document: table(document)["rows"].insert(place, made)


def order(ids: str) -> Edit:
    return lambda document: table(document).update(rows=[rows(document)[f"r{n}"] for n in ids])


def policy(code: str) -> Edit:
    return lambda document: table(document).update(hit_policy=code)


def add_column(place: int, column: Any, cells: Sequence[str], side: str = "inputs") -> Edit:
    def edit(document: Any) -> None:
        table(document)[side].insert(place, column)
        for row, cell in zip(table(document)["rows"], cells, strict=True):
            row["when" if side == "inputs" else "then"].insert(place, cell)

    return edit


def drop_column(place: int) -> Edit:
    def edit(document: Any) -> None:
        del table(document)["inputs"][place]
        for row in table(document)["rows"]:
            del row["when"][place]

    return edit


def swap_columns(document: Any) -> None:
    table(document)["inputs"].reverse()
    for row in table(document)["rows"]:
        row["when"].reverse()


def rename_column(document: Any) -> None:
    table(document)["inputs"][0] = "points"


def ids(document: Any) -> list[str]:
    return [row["id"] for row in table(document)["rows"]]


def only(result: Merged) -> Conflict:
    (conflict,) = result.conflicts
    return conflict


def nothing(document: Any) -> None:
    """The side that changed nothing."""


# --- cells ----------------------------------------------------------------------------------------------------------------


def test_cells_that_only_one_side_changed_are_all_taken(base: Any) -> None:
    result = merged(base, put("r1", 0, ">= 80"), put("r1", 1, "< 18"))
    assert rows(result.document)["r1"]["when"] == [">= 80", "< 18"]
    assert result.conflicts == ()


def test_a_cell_that_both_changed_alike_is_no_conflict(base: Any) -> None:
    result = merged(base, put("r1", 0, ">= 80"), put("r1", 0, ">= 80"))
    assert rows(result.document)["r1"]["when"] == [">= 80", "-"]
    assert result.conflicts == ()


def test_a_cell_that_both_changed_differently_stays_ours_and_is_named(base: Any) -> None:
    result = merged(base, put("r1", 0, ">= 80"), put("r1", 0, ">= 60"))
    assert only(result) == Conflict((*ROWS, "r1", "when", "score"), "cell", ">= 70", ">= 80", ">= 60")
    assert rows(result.document)["r1"]["when"] == [">= 80", "-"]


def test_an_output_cell_is_named_by_its_outcome_and_an_expression_column_by_its_expression(base: Any) -> None:
    ours, theirs = (edited(base, put("r2", 0, f'"{level}"', "then"), put("r2", 1, f"> {age}")) for level, age in (("mid", 40), ("high", 50)))
    assert [conflict.path[-2:] for conflict in merge(base, ours, theirs).conflicts] == [("when", "age * 2"), ("then", "level")]


def test_notes_and_sources_of_a_row_are_merged_apart_from_its_cells(base: Any) -> None:
    result = merged(base, lambda d: rows(d)["r1"].update(note="更高"), lambda d: rows(d)["r1"].update(source=[{"kind": "default", "ref": "甲"}]))
    assert rows(result.document)["r1"] == row("r1", ">= 70", "-", note="更高", source=[{"kind": "default", "ref": "甲"}])
    both = merged(base, lambda d: rows(d)["r1"].update(note="更高"), lambda d: rows(d)["r1"].pop("note"))
    assert only(both) == Conflict((*ROWS, "r1", "note"), "value", "高", "更高", DELETED)


# --- rows -----------------------------------------------------------------------------------------------------------------


def test_a_row_that_one_side_deleted_and_the_other_left_alone_goes(base: Any) -> None:
    assert ids(merged(base, drop("r2"), put("r1", 0, "1")).document) == ["r1", "r3", "r4", "r5"]
    assert ids(merged(base, put("r1", 0, "1"), drop("r2")).document) == ["r1", "r3", "r4", "r5"]
    assert ids(merged(base, drop("r2"), drop("r2")).document) == ["r1", "r3", "r4", "r5"]


def test_a_row_deleted_here_and_changed_there_is_a_conflict_about_the_row(base: Any) -> None:
    result = merged(base, drop("r2"), put("r2", 1, "> 35"))
    assert ids(result.document) == ["r1", "r3", "r4", "r5"]
    conflict = only(result)
    assert (conflict.path, conflict.kind, conflict.ours) == ((*ROWS, "r2"), "row", DELETED)
    assert conflict.theirs == {"id": "r2", "when": {"score": ">= 40", "age * 2": "> 35"}, "then": {"level": '"low"'}}
    mirrored = merged(base, put("r2", 1, "> 35"), drop("r2"))
    assert ids(mirrored.document) == ["r1", "r2", "r3", "r4", "r5"]
    assert (only(mirrored).path, only(mirrored).theirs) == ((*ROWS, "r2"), DELETED)


def test_rows_added_on_both_sides_stand_after_what_they_were_put_after(base: Any) -> None:
    result = merged(base, add(1, row("a", "1", "-")), add(3, row("b", "2", "-")))
    assert ids(result.document) == ["r1", "a", "r2", "r3", "b", "r4", "r5"]
    assert result.conflicts == ()


def test_two_different_new_rows_of_one_id_are_a_conflict_about_the_row(base: Any) -> None:
    result = merged(base, add(5, row("r6", "1", "-")), add(5, row("r6", "2", "-", note="乙")))
    assert (only(result).path, only(result).kind, only(result).base) == ((*ROWS, "r6"), "row", DELETED)
    assert rows(result.document)["r6"] == row("r6", "1", "-")


def test_the_same_new_row_on_both_sides_is_there_once(base: Any) -> None:
    result = merged(base, add(5, row("r6", "1", "-")), add(5, row("r6", "1", "-")))
    assert ids(result.document) == ["r1", "r2", "r3", "r4", "r5", "r6"]
    assert result.conflicts == ()


def test_an_id_that_was_freed_here_and_used_again_there_is_a_conflict_about_the_row(base: Any) -> None:
    result = merged(base, drop("r2"), lambda d: (drop("r2")(d), add(4, row("r2", "77", "-", note="另一条"))(d)))
    assert (only(result).path, only(result).kind) == ((*ROWS, "r2"), "row")


def test_two_rows_of_one_id_in_a_draft_are_told_apart_by_their_order(base: Any) -> None:
    result = merged(base, add(2, row("r2", ">= 40", "copied")), put("r2", 0, ">= 45"))
    assert [(row["id"], row["when"]) for row in table(result.document)["rows"]][:3] == [
        ("r1", [">= 70", "-"]),
        ("r2", [">= 45", "> 30"]),
        ("r2", [">= 40", "copied"]),
    ]
    again = merge(base, edited(base, add(2, row("r2", "a", "-"))), edited(base, add(2, row("r2", "b", "-"))))
    assert only(again).path == (*ROWS, "r2#2")


def test_a_row_with_a_cell_too_few_is_whole_where_its_cells_cannot_be_told_apart(base: Any) -> None:
    def halved(document: Any) -> None:
        rows(document)["r2"]["when"].pop()

    assert rows(merged(base, halved, put("r1", 0, "1")).document)["r2"]["when"] == [">= 40"]
    result = merged(base, halved, put("r2", 0, ">= 45"))
    assert only(result) == Conflict((*ROWS, "r2", "when"), "value", {"score": ">= 40", "age * 2": "> 30"}, [">= 40"], {"score": ">= 45", "age * 2": "> 30"})


# --- the order of rows ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ("12345", "21345", "21345"),
        ("51234", "12345", "51234"),
        ("21345", "12354", "21354"),
        ("51234", "51234", "51234"),
        ("23415", "12354", "23541"),
        ("1345", "12354", "1354"),
        ("2345", "23451", "2345"),
    ],
)
def test_moves_of_both_sides_are_made(base: Any, ours: str, theirs: str, expected: str) -> None:
    result = merged(base, order(ours), order(theirs))
    assert "".join(id_[1] for id_ in ids(result.document)) == expected
    assert result.conflicts == ()


@pytest.mark.parametrize(("ours", "theirs"), [("51234", "12534"), ("23451", "23145"), ("13245", "14235"), ("54321", "13245")])
def test_contradictory_moves_are_a_conflict_and_ours_are_kept(base: Any, ours: str, theirs: str) -> None:
    result = merged(base, order(ours), order(theirs))
    conflict = only(result)
    assert (conflict.path, conflict.kind, conflict.base) == (ROWS, "order", ["r1", "r2", "r3", "r4", "r5"])
    assert "".join(id_[1] for id_ in ids(result.document)) == ours
    assert conflict.ours == ids(result.document)
    assert ids(resolve(result.document, conflict.path, conflict.theirs)) == [f"r{n}" for n in theirs]


def test_a_new_row_follows_the_row_it_was_put_after(base: Any) -> None:
    result = merged(base, order("23451"), add(1, row("a", "1", "-")))
    assert ids(result.document) == ["r2", "r3", "r4", "r5", "r1", "a"]


def test_a_new_row_after_a_deleted_one_stands_after_the_one_before(base: Any) -> None:
    result = merged(base, drop("r2"), add(2, row("a", "1", "-")))
    assert ids(result.document) == ["r1", "a", "r3", "r4", "r5"]
    assert result.conflicts == ()


def test_new_rows_in_one_place_are_a_conflict_where_the_first_hit_counts(base: Any) -> None:
    result = merged(base, add(5, row("z", "1", "-")), add(5, row("a", "2", "-")))
    assert only(result).kind == "order"
    assert (only(result).ours[-2:], only(result).theirs[-2:]) == (["z", "a"], ["a", "z"])
    assert ids(result.document)[-2:] == ["z", "a"]


@pytest.mark.parametrize("code", ["U", "A", "P", "O", "C+", "C<", "C>", "C#"])
def test_new_rows_in_one_place_are_no_conflict_where_their_order_says_nothing(base: Any, code: str) -> None:
    policy(code)(base)
    forth = merged(base, add(5, row("z", "1", "-")), add(5, row("a", "2", "-")))
    back = merged(base, add(5, row("a", "2", "-")), add(5, row("z", "1", "-")))
    assert forth == back
    assert ids(forth.document)[-2:] == ["a", "z"]
    assert forth.conflicts == ()


@pytest.mark.parametrize("code", ["F", "R", "C", "first"])
def test_new_rows_in_one_place_are_a_conflict_where_their_order_counts(base: Any, code: str) -> None:
    assert only(merged(base, add(5, row("z", "1", "-")), lambda d: (add(5, row("a", "2", "-"))(d), policy(code)(d)))).kind == "order"


@pytest.mark.parametrize("code", ["F", "U"])
def test_the_same_new_rows_in_another_order_are_a_conflict(base: Any, code: str) -> None:
    policy(code)(base)
    x, y = row("x", "1", "-"), row("y", "2", "-")
    result = merged(base, lambda d: table(d)["rows"].extend([x, y]), lambda d: table(d)["rows"].extend([y, x]))
    assert (only(result).kind, ids(result.document)[-2:], only(result).theirs[-2:]) == ("order", ["x", "y"], ["y", "x"])


def test_a_row_moved_to_where_the_other_side_inserted_one_is_a_conflict(base: Any) -> None:
    result = merged(base, add(1, row("a", "1", "-")), order("15234"))
    assert only(result).kind == "order"
    assert ids(result.document) == ["r1", "a", "r5", "r2", "r3", "r4"]


# --- columns --------------------------------------------------------------------------------------------------------------


def test_a_column_added_on_one_side_asks_for_nothing_in_rows_the_other_added(base: Any) -> None:
    result = merged(base, add_column(1, "region", list("abcde")), add(5, row("r6", "6", "> 60")))
    assert [row["when"] for row in table(result.document)["rows"]][-2:] == [["< 5", "e", "-"], ["6", "-", "> 60"]]
    assert result.conflicts == ()


def test_columns_added_on_both_sides_are_both_there(base: Any) -> None:
    result = merged(base, add_column(0, "region", list("abcde")), add_column(2, "branch", list("vwxyz")))
    assert table(result.document)["inputs"] == ["region", "score", base["tables"][0]["inputs"][1], "branch"]
    assert rows(result.document)["r2"]["when"] == ["b", ">= 40", "> 30", "w"]
    assert result.conflicts == ()


def test_one_column_added_on_both_sides_is_merged_cell_by_cell(base: Any) -> None:
    result = merged(base, add_column(2, "region", list("ab-d-")), add_column(2, "region", list("aB-dE")))
    assert only(result) == Conflict((*ROWS, "r2", "when", "region"), "cell", "-", "b", "B")
    assert [row["when"][2] for row in table(result.document)["rows"]] == ["a", "b", "-", "d", "E"]


def test_a_column_moved_here_takes_the_cells_changed_there_along(base: Any) -> None:
    result = merged(base, swap_columns, put("r1", 0, ">= 75"))
    assert rows(result.document)["r1"]["when"] == ["-", ">= 75"]
    assert result.conflicts == ()


def test_a_column_removed_here_and_left_alone_there_goes(base: Any) -> None:
    result = merged(base, drop_column(1), lambda d: (put("r1", 0, ">= 75")(d), add(5, row("r6", "1", "-"))(d)))
    assert table(result.document)["inputs"] == ["score"]
    assert [row["when"] for row in table(result.document)["rows"]] == [[">= 75"], [">= 40"], ["-"], ["< 10"], ["< 5"], ["1"]]
    assert result.conflicts == ()


@pytest.mark.parametrize("change", [put("r2", 1, "> 35"), add(5, row("r6", "-", "> 60")), lambda d: table(d)["inputs"][1].update(scale=2)])
def test_a_column_removed_here_and_used_there_is_a_conflict_about_the_column(base: Any, change: Edit) -> None:
    result = merged(base, drop_column(1), change)
    conflict = only(result)
    assert (conflict.path, conflict.kind, conflict.ours) == ((*LEVEL, "inputs", "age * 2"), "column", DELETED)
    assert conflict.base["cells"] == {"r1": "-", "r2": "> 30", "r3": "-", "r4": "-", "r5": "-"}
    assert table(result.document)["inputs"] == ["score"]
    theirs = edited(base, change)
    assert resolve(result.document, conflict.path, conflict.theirs, beside=theirs) == theirs
    mirrored = merged(base, change, drop_column(1))
    assert (only(mirrored).path, mirrored.document) == (conflict.path, theirs)
    assert resolve(mirrored.document, conflict.path, DELETED) == result.document


def test_a_column_that_stays_in_a_conflict_keeps_its_cells(base: Any) -> None:
    result = merged(base, put("r2", 1, "> 35"), lambda d: (drop_column(1)(d), add(5, row("r6", "1"))(d)))
    assert [row["when"] for row in table(result.document)["rows"]] == [[">= 70", "-"], [">= 40", "> 35"], ["-", "-"], ["< 10", "-"], ["< 5", "-"], ["1", "-"]]


def test_a_renamed_column_is_one_removed_and_one_added(base: Any) -> None:
    assert table(merged(base, rename_column, put("r2", 1, "> 35")).document)["inputs"][0] == "points"
    result = merged(base, rename_column, put("r1", 0, ">= 75"))
    assert only(result).path == (*LEVEL, "inputs", "score")
    assert rows(result.document)["r1"]["when"] == [">= 70", "-"]


def test_the_label_of_an_expression_column_is_merged_by_itself(base: Any) -> None:
    result = merged(base, lambda d: table(d)["inputs"][1]["label"].update(zh="两倍"), lambda d: table(d)["inputs"][1].update(scale=2))
    assert table(result.document)["inputs"][1] == {"expression": "age * 2", "label": {"zh": "两倍", "en": "age twice"}, "scale": 2}
    both = merged(base, *(lambda d, zh=zh: table(d)["inputs"][1]["label"].update(zh=zh) for zh in ("甲", "乙")))
    assert only(both) == Conflict((*LEVEL, "inputs", "age * 2", "label", "zh"), "column", "双龄", "甲", "乙")


def test_a_row_and_a_column_that_both_went_come_back_with_the_cell_that_was_changed(base: Any) -> None:
    theirs = edited(base, put("r2", 1, "> 35"))
    result = merge(base, edited(base, drop("r2"), drop_column(1)), theirs)
    assert [conflict.kind for conflict in result.conflicts] == ["column", "row"]
    chosen = result.document
    for conflict in result.conflicts:
        chosen = resolve(chosen, conflict.path, conflict.theirs, beside=theirs)
    assert chosen == theirs


def test_a_column_twice_in_one_table_is_told_apart_by_its_order(base: Any) -> None:
    add_column(2, "score", list("abcde"))(base)
    assert only(merged(base, put("r1", 2, "x"), put("r1", 2, "y"))).path[-1] == "score#2"


# --- tables and the rest of a document ------------------------------------------------------------------------------------


def test_a_table_deleted_here_and_changed_there_is_a_conflict_about_the_table(base: Any) -> None:
    def gone(document: Any) -> None:
        del document["tables"][0]

    result = merged(base, gone, put("r1", 0, "1"))
    assert (only(result).path, only(result).kind, only(result).ours) == (LEVEL, "table", DELETED)
    assert [table["id"] for table in result.document["tables"]] == ["cycle"]
    theirs = edited(base, put("r1", 0, "1"))
    assert resolve(result.document, only(result).path, only(result).theirs, beside=theirs) == theirs
    assert merged(base, gone, nothing).conflicts == ()


def test_a_table_whose_columns_make_no_sense_is_whole(base: Any) -> None:
    def broken(document: Any) -> None:
        table(document)["inputs"] = None

    assert merged(base, broken, nothing).document["tables"][0]["inputs"] is None
    result = merged(base, broken, put("r1", 0, "1"))
    assert (only(result).path, only(result).kind) == (LEVEL, "table")


def test_settings_of_a_table_are_merged_one_by_one(base: Any) -> None:
    result = merged(base, policy("U"), lambda d: table(d)["default"].update(level='"low"'))
    assert (table(result.document)["hit_policy"], table(result.document)["default"]) == ("U", {"level": '"low"'})
    assert only(merged(base, policy("U"), policy("A"))) == Conflict((*LEVEL, "hit_policy"), "value", "F", "U", "A")


def test_exports_and_notes_are_sets_in_order(base: Any) -> None:
    ours = edited(base, lambda d: d.update(exports=["cycle", "level"], notes=["甲", "乙"]))
    theirs = edited(base, lambda d: d.update(exports=["level", "months"], notes=[]))
    result = merge(base, ours, theirs)
    assert (result.document["exports"], result.document["notes"]) == (["cycle", "level", "months"], ["乙"])
    assert result.conflicts == ()


def test_locals_that_both_began_are_both_there(base: Any) -> None:
    del base["locals"]
    result = merged(base, lambda d: d.update(locals={"a": {"type": "date"}}), lambda d: d.update(locals={"b": {"type": "text"}}))
    assert result.document["locals"] == {"a": {"type": "date"}, "b": {"type": "text"}}
    one = merged(base, lambda d: d.update(locals={"a": {"type": "date"}}), lambda d: d.update(locals={"a": {"type": "text"}}))
    assert only(one) == Conflict(("locals", "a"), "value", DELETED, {"type": "date"}, {"type": "text"})


def test_a_collection_that_one_side_emptied_is_missing_or_keeps_what_the_other_added(base: Any) -> None:
    def gone(document: Any) -> None:
        del document["formulas"]

    assert "formulas" not in merged(base, gone, lambda d: d.update(formulas=[])).document
    new = {"outcome": "years", "expression": "months / 12"}
    assert merged(base, gone, lambda d: d["formulas"].append(new)).document["formulas"] == [new]
    theirs = edited(base, lambda d: d["formulas"][0].update(expression="b - a"))
    result = merge(base, edited(base, gone), theirs)
    assert only(result).path == ("formulas", "months")
    assert resolve(result.document, only(result).path, only(result).theirs) == theirs


def test_formulas_are_known_by_their_outcome(base: Any) -> None:
    result = merged(base, lambda d: d["formulas"][0].update(expression="a"), lambda d: d["formulas"][0].update(expression="b"))
    assert only(result).path == ("formulas", "months", "expression")


def test_the_vocabulary_is_merged_field_by_field() -> None:
    base: Any = {"title": {"zh": "词汇", "en": "words"}, "fields": {"age": {"type": "number", "min": Decimal(0), "max": 100}}}
    ours, theirs = copy.deepcopy(base), copy.deepcopy(base)
    ours["fields"]["age"].update(max=120)
    theirs["fields"]["age"].update(max=130, min="0")
    result = merge(base, ours, theirs)
    assert [conflict_view(conflict) for conflict in result.conflicts] == [
        {"path": ["fields", "age", "max"], "kind": "value", "base": 100, "ours": 120, "theirs": 130}
    ]


def test_the_order_of_choices_is_a_conflict_only_where_it_ranks_them() -> None:
    def vocabulary(*codes: str, ordered: bool) -> Any:
        return {"choice_lists": {"tiers": {"ordered": ordered, "choices": {code: {"zh": code} for code in codes}}}}

    for ordered in (True, False):
        versions = [vocabulary(*codes, ordered=ordered) for codes in (("low", "high"), ("low", "x", "high"), ("low", "mid", "high"))]
        result = merge(*versions)
        assert [conflict.kind for conflict in result.conflicts] == ["order"] * ordered
        assert list(result.document["choice_lists"]["tiers"]["choices"]) == ["low", *(("x", "mid") if ordered else ("mid", "x")), "high"]
    moved = merge(vocabulary("a", "b", "c", ordered=False), vocabulary("c", "a", "b", ordered=False), vocabulary("a", "b", "c", "d", ordered=False))
    assert list(moved.document["choice_lists"]["tiers"]["choices"]) == ["c", "d", "a", "b"]


def test_cases_are_known_by_their_name() -> None:
    base: Any = {"ruleset": "aml", "cases": [{"name": "农户", "given": {"score": 20}, "expect": {"level": "low"}}]}
    ours, theirs = copy.deepcopy(base), copy.deepcopy(base)
    ours["cases"][0]["given"]["score"] = 30
    theirs["cases"][0]["expect"]["level"] = "mid"
    for wrapped in (lambda data: data, lambda data: data["cases"]):
        result = merge(wrapped(base), wrapped(ours), wrapped(theirs))
        assert result.conflicts == ()
        assert differences(wrapped(ours), result.document)[0].path[-3:] == ("农户", "expect", "level")


def test_sides_with_nothing_in_common_are_one_conflict() -> None:
    assert merge(None, [1], "x") == Merged([1], (Conflict((), "value", None, [1], "x"),))


# --- choosing -------------------------------------------------------------------------------------------------------------


def test_a_chosen_cell_stands_under_its_column(base: Any) -> None:
    chosen = resolve(base, (*ROWS, "r2", "when", "age * 2"), "> 99")
    assert chosen == edited(base, put("r2", 1, "> 99"))
    assert resolve(base, (*ROWS, "r2", "when", "age * 2"), DELETED) == edited(base, put("r2", 1, "-"))


def test_a_chosen_row_comes_back_where_it_was_in_the_document_beside(base: Any) -> None:
    for id_ in ("r1", "r3", "r5"):
        left = edited(base, drop(id_))
        view = next(change.before for change in differences(base, left))
        assert resolve(left, (*ROWS, id_), view, beside=base) == base
        assert ids(resolve(left, (*ROWS, id_), view))[-1] == id_
        assert resolve(base, (*ROWS, id_), DELETED) == left


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("tables", "no", "title"), 1),
        ((*ROWS, "no", "when", "score"), "1"),
        ((*ROWS, "r1", "when", "no"), "1"),
        ((*ROWS, "r1", "when", "level"), "1"),
        ((*ROWS, "r1"), "text"),
        (ROWS, DELETED),
        (ROWS, [{"id": "r1"}]),
        ((*LEVEL, "inputs"), 1),
        (("title", "zh", "deeper"), 1),
        ((), DELETED),
    ],
)
def test_there_is_no_choosing_at_a_place_that_is_not_there(base: Any, path: tuple[str, ...], value: Any) -> None:
    with pytest.raises(LookupError):
        resolve(base, path, value)


def test_an_order_that_leaves_out_a_row_keeps_it(base: Any) -> None:
    assert ids(resolve(base, ROWS, ["r5", "r1", "gone", "r5"])) == ["r5", "r1", "r2", "r3", "r4"]


# --- differences ----------------------------------------------------------------------------------------------------------


def test_differences_name_the_smallest_part(base: Any) -> None:
    changed = edited(base, put("r1", 0, ">= 75"), policy("U"), order("4135"), add(4, row("r6", "1", "-")), lambda d: d["title"].update(en="x"))
    found = {(change.path, change.kind) for change in differences(base, changed)}
    assert found == {
        (("title", "en"), "changed"),
        ((*LEVEL, "hit_policy"), "changed"),
        ((*ROWS, "r1", "when", "score"), "changed"),
        ((*ROWS, "r2"), "removed"),
        ((*ROWS, "r4"), "moved"),
        ((*ROWS, "r6"), "added"),
    }


def test_a_column_differs_once_with_all_its_cells(base: Any) -> None:
    changed = edited(base, add_column(0, "region", list("abcde")), put("r1", 1, ">= 75"))
    column, cell = differences(base, changed)
    assert column == Change((*LEVEL, "inputs", "region"), "added", DELETED, {"column": "region", "cells": dict(zip(ids(base), "abcde", strict=True))})
    assert cell.path == (*ROWS, "r1", "when", "score")
    assert [change.kind for change in differences(base, edited(base, swap_columns))] == ["moved"]


def test_views_are_json_and_leave_out_what_is_not_there(base: Any) -> None:
    (added,) = differences(base, edited(base, add(0, row("r0", "1", "-"))))
    view = {"path": [*ROWS, "r0"], "kind": "added", "after": {"id": "r0", "when": {"score": "1", "age * 2": "-"}, "then": {"level": '"low"'}}}
    assert change_view(added) == json.loads(json.dumps(change_view(added))) == view
    (moved,) = differences(base, edited(base, order("51234")))
    assert change_view(moved) == {"path": [*ROWS, "r5"], "kind": "moved", "before": 5, "after": 1}
    conflict = only(merged(base, drop("r2"), put("r2", 1, "> 35")))
    assert json.loads(json.dumps(conflict_view(conflict))).keys() == {"path", "kind", "base", "theirs"}


def test_each_way_of_writing_one_document_is_no_difference() -> None:
    assert differences({"a": Decimal("1.50"), "b": "é"}, {"b": "e\u0301", "a": "1.5"}) == []
    assert differences({"a": 1}, {"a": True})[0].kind == "changed"


def test_keys_that_only_look_different_are_not_told_apart_and_not_lost() -> None:
    twins = {"é": 1, "e\u0301": 2}
    assert merge({}, twins, {}).document == twins


def test_what_is_in_order_is_what_the_store_keeps_in_order() -> None:
    for name in (*sorted(ORDERED), "locals"):
        found = differences({name: {"a": 1, "b": 2}}, {name: {"b": 2, "a": 1}})
        assert [change.kind for change in found] == (["moved"] if name in ORDERED else [])


def test_shipped_documents_are_made_of_named_parts() -> None:
    """No table of theirs is one whole value: a change of each cell is found at that cell."""
    for document in load_catalog().documents.values():
        for n, table in enumerate(document["tables"]):
            for r, row in enumerate(table["rows"]):
                changed: Any = copy.deepcopy(document)
                changed["tables"][n]["rows"][r]["then"][-1] += " "
                (found,) = differences(document, changed)
                assert found.path == ("tables", table["id"], "rows", row["id"], "then", table["outputs"][-1])
