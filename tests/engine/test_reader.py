"""Are the faults of a document's shape all found at once, each at its place?"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from engine import DocumentError, read_cases, types
from engine.source.reader import read_ruleset, read_vocabulary

_LABEL = {"zh": "日均存款", "en": "average deposits"}
_NUMBER: dict[str, Any] = {"label": _LABEL, "type": "number", "unit": "元", "scale": 2, "min": 0, "max": 100}


def _ruleset(**changed: Any) -> dict[str, Any]:
    return {"ruleset": "member-tiers", "title": _LABEL, "owner": _LABEL, "exports": [], **changed}


def _table(**changed: Any) -> dict[str, Any]:
    return {"id": "tier", "title": _LABEL, "hit_policy": "U", "inputs": ["deposits"], "outputs": ["tier"], "rows": [], **changed}


def _row(**changed: Any) -> dict[str, Any]:
    return {"id": "r1", "when": ["-"], "then": ["1"], **changed}


def _faults(data: object, *, vocabulary: bool = False) -> list[tuple[str, str]]:
    with pytest.raises(DocumentError) as caught:
        (read_vocabulary if vocabulary else read_ruleset)(data)
    return [(found.code, found.location.pointer) for found in caught.value.diagnostics]


def _field(**changed: Any) -> dict[str, Any]:
    return {"title": _LABEL, "fields": {"deposits": {**_NUMBER, **changed}}}


@pytest.mark.parametrize(
    ("data", "faults"),
    [
        ([], [("E104", "")]),
        ("text", [("E104", "")]),
        ({}, [("E103", "")] * 4),
        (_ruleset(title="文字"), [("E104", "/title")]),
        (_ruleset(title={"zh": "只有中文"}), [("E103", "/title")]),
        (_ruleset(exports="tier"), [("E104", "/exports")]),
        (_ruleset(exports=["tier", "tier"]), [("E105", "/exports/1")]),
        (_ruleset(ruleset="Member_Tiers"), [("E106", "/ruleset")]),
        (_ruleset(version=3), [("E102", "/version")]),
        (_ruleset(notes=[1]), [("E104", "/notes/0")]),
        (_ruleset(tables=[_table(), _table()]), [("E105", "/tables/1/id")]),
        (_ruleset(tables=[_table(id="1tier")]), [("E106", "/tables/0/id")]),
        (_ruleset(tables=[_table(hit_policy="X")]), [("E109", "/tables/0/hit_policy")]),
        (_ruleset(tables=[_table(hit_policy=True)]), [("E109", "/tables/0/hit_policy")]),
        (_ruleset(tables=[_table(inputs=[{"expression": "1"}])]), [("E103", "/tables/0/inputs/0")]),
        (_ruleset(tables=[_table(inputs=[7])]), [("E104", "/tables/0/inputs/0")]),
        (_ruleset(tables=[_table(default={"rate": "1"})]), [("E102", "/tables/0/default/rate")]),
        (_ruleset(tables=[_table(rows=[_row(id="第一行")])]), [("E106", "/tables/0/rows/0/id")]),
        (_ruleset(tables=[_table(rows=[_row(), _row()])]), [("E105", "/tables/0/rows/1/id")]),
        (_ruleset(tables=[_table(rows=[_row(when=["-", "-"], then=[])])]), [("E108", "/tables/0/rows/0/when"), ("E108", "/tables/0/rows/0/then")]),
        (_ruleset(tables=[_table(rows=[_row(then=[1])])]), [("E104", "/tables/0/rows/0/then/0")]),
        (_ruleset(tables=[_table(rows=[_row(source=[{"kind": "rumour", "ref": "某文"}])])]), [("E104", "/tables/0/rows/0/source/0/kind")]),
        (_ruleset(formulas=[{"outcome": "x", "title": _LABEL}]), [("E103", "/formulas/0")]),
        (_ruleset(tables=[_table(id="x")], formulas=[{"outcome": "x", "title": _LABEL, "expression": "1"}]), [("E105", "/formulas/0/outcome")]),
    ],
)
def test_a_fault_of_a_ruleset_has_its_place(data: object, faults: list[tuple[str, str]]) -> None:
    assert _faults(data) == faults


@pytest.mark.parametrize(
    ("changed", "faults"),
    [
        ({"type": "money"}, [("E104", "/fields/deposits/type")]),
        ({"scale": "2"}, [("E104", "/fields/deposits/scale")]),
        ({"scale": True}, [("E104", "/fields/deposits/scale")]),
        ({"scale": 16}, [("E104", "/fields/deposits/scale")]),
        ({"scale": -1}, [("E104", "/fields/deposits/scale")]),
        ({"min": "one"}, [("E104", "/fields/deposits/min")]),
        ({"min": True}, [("E104", "/fields/deposits/min")]),
        ({"min": 101}, [("E112", "/fields/deposits")]),
        ({"max": Decimal("0.001")}, [("E206", "/fields/deposits/max")]),
        ({"rounding": "nearest"}, [("E104", "/fields/deposits/rounding")]),
        ({"sensitive": "yes"}, [("E104", "/fields/deposits/sensitive")]),
        ({"unit": 1}, [("E104", "/fields/deposits/unit")]),
        ({"type": "choice", "choices": {}}, [("E103", "/fields/deposits/choices")]),
        ({"type": "choice", "choices": "tiers"}, [("E103", "/fields/deposits/choices")]),
        ({"type": "choice", "choices": {"a": _LABEL, "b": _LABEL}}, [("E111", "/fields/deposits/choices/b")] * 2),
        ({"type": "list"}, [("E103", "/fields/deposits/item"), ("E104", "/fields/deposits/item/type")]),
    ],
)
def test_a_fault_of_a_field_has_its_place(changed: dict[str, Any], faults: list[tuple[str, str]]) -> None:
    assert _faults(_field(**changed), vocabulary=True) == faults


def test_a_number_of_the_vocabulary_has_scale_and_bounds_but_a_local_one_need_not() -> None:
    bare = {"label": _LABEL, "type": "number"}
    assert _faults({"title": _LABEL, "fields": {"deposits": bare}}, vocabulary=True) == [("E110", "/fields/deposits")] * 3
    local = read_ruleset(_ruleset(locals={"score": bare})).locals["score"]
    assert (local.key, local.type) == ("member-tiers.score", types.NumberType(scale=10))


@pytest.mark.parametrize("bound", [5, "5", "5.00", Decimal("5.00")])
def test_a_bound_may_be_written_as_number_or_text(bound: object) -> None:
    found = read_vocabulary(_field(min=bound)).fields["deposits"].type
    assert isinstance(found, types.NumberType)
    assert found.minimum == Decimal(5)


def test_labels_and_ids_name_one_field_each() -> None:
    data = {"title": _LABEL, "fields": {"a": {**_NUMBER, "label": {"zh": "甲", "en": "b"}}, "b": {**_NUMBER, "label": {"zh": "乙", "en": "second"}}}}
    assert _faults(data, vocabulary=True) == [("E111", "/fields/b")]


def test_a_named_choice_list_is_shared_by_vocabulary_and_rulesets() -> None:
    lists = {"tiers": {"ordered": True, "choices": {"plain": {"zh": "普通", "en": "plain"}, "gold": {"zh": "金卡", "en": "gold"}}}}
    spec = {"label": _LABEL, "type": "choice", "choices": "tiers"}
    vocabulary = read_vocabulary({"title": _LABEL, "choice_lists": lists, "fields": {"tier": spec}})
    local = read_ruleset(_ruleset(locals={"best": spec}), choice_lists=vocabulary.choice_lists).locals["best"]
    assert local.type == vocabulary.fields["tier"].type
    assert isinstance(local.type, types.ChoiceType)
    assert (local.type.codes, local.type.ordered) == (("plain", "gold"), True)


def test_every_fault_of_a_document_is_found_at_once() -> None:
    data = _ruleset(exports="x", tables=[_table(hit_policy="X", rows=[_row(id="行"), _row(then=[])])])
    assert {code for code, _ in _faults(data)} == {"E104", "E106", "E108", "E109"}


def test_a_case_needs_a_name_what_is_given_and_what_is_expected() -> None:
    with pytest.raises(DocumentError) as caught:
        read_cases({"ruleset": "member-tiers", "cases": [{"name": "一"}, {"name": "一", "given": {}, "expect": [], "because": "r1"}]})
    faults = [(found.code, found.location.pointer) for found in caught.value.diagnostics]
    assert sorted(faults) == [("E103", "/cases/0"), ("E103", "/cases/0"), ("E104", "/cases/1/because"), ("E104", "/cases/1/expect"), ("E105", "/cases/1")]


def test_what_is_read_keeps_sources_notes_and_descriptions() -> None:
    row = _row(source=[{"kind": "regulation", "ref": "银监发〔2007〕54号"}], note="按文件")
    document = read_ruleset(_ruleset(description=_LABEL, notes=["一"], tables=[_table(rows=[row], note="表注")]))
    (table,) = document.tables
    assert (document.description.zh, document.notes, table.note) == ("日均存款", ("一",), "表注")
    assert (table.rows[0].sources[0].ref, table.rows[0].note) == ("银监发〔2007〕54号", "按文件")
