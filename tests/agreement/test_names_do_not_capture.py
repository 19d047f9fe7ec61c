"""Can names that look like one another, like keywords or like numbers change what a document means?

Fields, members, choices and variables share their names here. A document may be refused; but one that compiles means the
same when its canonical form is compiled, and deciding raises nothing but a ``DecisionError``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final
from unittest import mock

import pytest
from hypothesis import event, given, note
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from engine import DocumentError, Engine, Text, compile_program
from engine.datatypes import BooleanType, Choice, ChoiceType, DateType, Field, ListType, Member, NumberType, RecordType, TextType, Type
from engine.source.syntax import Expression, FieldRef, Name, rewrite
from engine.source.writer import write_expression, write_test
from tests.agreement.oracle import decided
from tests.strategies import expressions
from tests.strategies.cells import cell, constants
from tests.strategies.expressions import Phrases
from tests.strategies.facts import Constants, facts
from tests.strategies.pen import Pen, pens
from tests.strategies.vocabularies import label, vocabulary_data

IDS: Final = (
    "amount",
    "low",
    "item",
    "x",
    "year",
    "date",
    "count",
    "null",
    "true",
    "in",
    "s",
    "v0",
    "v_x",
    "金额",
    "是",
    "空",
    "项",
    "到期日",
    "不是",
    "UNKNOWN",
)
LABELS: Final = (*IDS, "1", "5天", "100万", "否", "的", "a b", "或", "存款（万）", "date of birth", '"', "x²", "-", "sum(1)", "金额大于", "ｘ", "０")
VARIABLES: Final = ("x", "item", "amount", "金额", "s", "项", "count", "year", "x²", "v0", "是非")
NUMBER: Final = NumberType(2, "", expressions.NUMBERS[0], expressions.NUMBERS[9])


@st.composite
def confusing(draw: DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A vocabulary and a ruleset in which anything may be called anything."""
    pen = Pen.drawing(draw)
    names = _names(pen)
    fields = [_field(next(names), type_) for type_ in _types(pen)]
    outcomes = [_field(next(names), type_) for type_ in (NUMBER, BooleanType())]
    known = {field.key: field.type for field in fields}
    with mock.patch.object(expressions, "VARIABLES", VARIABLES):
        texts = [_spelled(pen, Phrases(pen, known).expression(outcome.type, 2), fields) for outcome in outcomes]
    column = pen.pick(fields)
    test = write_test(cell(pen, column.type, constants(pen, column.type, 3)))
    flag = _field(next(names), TextType())
    ruleset = {
        "ruleset": "confusing",
        "title": {"zh": "混淆", "en": "confusing"},
        "owner": {"zh": "测试", "en": "tests"},
        "exports": [outcome.id for outcome in (*outcomes, flag)],
        "tables": [_table([column.id], [[test]], flag)],
        "formulas": [{"outcome": outcome.id, "title": label(outcome.label), "expression": text} for outcome, text in zip(outcomes, texts, strict=True)],
    }
    return vocabulary_data([*fields, *outcomes, flag]), ruleset


def _names(pen: Pen) -> Iterator[tuple[str, str, str]]:
    """Ids with labels; no spelling twice, and half of the labels harmless."""
    spellings = iter(pen.shuffled(LABELS))
    for n, id_ in enumerate(pen.shuffled(IDS)):
        yield id_, _label(pen, spellings, f"字段{n}"), _label(pen, spellings, f"field {n}")


def _label(pen: Pen, spellings: Iterator[str], harmless: str) -> str:
    return next((text for text in spellings if text not in IDS), harmless) if pen.chance(3) else harmless


def _types(pen: Pen) -> list[Type]:
    codes = pen.several((*IDS, "1", "007"), 3)
    spellings = iter([text for text in pen.shuffled(LABELS) if text not in codes])
    choices = tuple(Choice(code, Text(next(spellings) if pen.chance(2) else f"取值{n}", f"choice {n}")) for n, code in enumerate(codes))
    choice = ChoiceType(choices, True)
    kinds: tuple[Type, ...] = (NumberType(2), choice, DateType())
    members = zip(pen.several(IDS, 3), kinds, strict=True)
    record = RecordType(tuple(Member(name, Text(f"成员{n}", f"member {n}"), type_) for n, (name, type_) in enumerate(members)))
    return [NUMBER, choice, ListType(record), ListType(NumberType(2)), ListType(DateType())]


def _field(name: tuple[str, str, str], type_: Type) -> Field:
    id_, zh, en = name
    return Field(id_, Text(zh, en), type_)


def _spelled(pen: Pen, node: Expression, fields: list[Field]) -> str:
    """The expression with fields by their ids or labels."""
    by_key = {field.key: field for field in fields}

    def named(part: Expression) -> Expression | None:
        if not isinstance(part, FieldRef):
            return None
        field = by_key[part.id]
        return Name(pen.pick((field.id, field.label.zh, field.label.en)))

    return write_expression(rewrite(node, named))


def _table(columns: list[str], cells: list[list[str]], outcome: Field) -> dict[str, Any]:
    """A table whose outcome is the id of the row."""
    return {
        "id": "t",
        "title": {"zh": "表", "en": "table"},
        "hit_policy": "F",
        "inputs": columns,
        "outputs": [outcome.id],
        "rows": [{"id": f"r{n}", "when": when, "then": [f'"r{n}"']} for n, when in enumerate(cells)],
        "default": {outcome.id: '"none"'},
    }


@given(confusing(), pens())
def test_a_document_that_compiles_keeps_its_meaning(made: tuple[dict[str, Any], dict[str, Any]], pen: Pen) -> None:
    vocabulary, ruleset = made
    note(made)
    try:
        engine = compile_program(vocabulary, [ruleset])
    except DocumentError as error:
        event(error.diagnostics[0].code)
        return
    event("compiles")
    again = compile_program(vocabulary, [engine.program.rulesets[0].canonical])
    assert again.program.productions == engine.program.productions
    assert again.program.rulesets[0].sha256 == engine.program.rulesets[0].sha256
    expect_same_decisions(engine, again, pen)
    engine.close()
    again.close()


def expect_same_decisions(engine: Engine, again: Engine, pen: Pen) -> None:
    found = Constants.of(engine.program)
    for _ in range(3):
        customer = facts(pen, engine.program, replace(found, texts=("",)))
        note(customer)
        assert decided(lambda: engine.decide(customer, trace=True)) == decided(lambda: again.decide(customer))


@pytest.mark.parametrize("name", ["1", "1.5", "5天", "100万", "true", "是", "null", "空", "and", "或", "-", "不是"])
def test_a_choice_named_like_a_word_or_a_number_takes_it_from_nobody(name: str) -> None:
    """Other columns keep their numbers and words; the choice itself can be written in quotes."""
    choice = ChoiceType((Choice(name, Text("一号", "number one")), Choice("other", Text("其他", "other"))))
    fields = [_field((id_, zh, f"the {id_}"), type_) for id_, zh, type_ in (("kind", "证件", choice), ("sum", "金额", NUMBER), ("flag", "标志", BooleanType()))]
    outcome = _field(("out", "结论", "outcome"), TextType())
    cells = [[f'"{name}"', "-", "-"], ["null", ">= 1", "true"], ["空", "1.5", "是"], ["-", "not(1.5, 1)", "null"]]
    ruleset = {
        "ruleset": "words",
        "title": {"zh": "词", "en": "words"},
        "owner": {"zh": "测试", "en": "tests"},
        "exports": [outcome.id],
        "tables": [_table([field.id for field in fields], cells, outcome)],
    }
    engine = compile_program(vocabulary_data([*fields, outcome]), [ruleset])
    again = compile_program(vocabulary_data([*fields, outcome]), [engine.program.rulesets[0].canonical])
    assert again.program.productions == engine.program.productions
    facts: list[tuple[dict[str, Any], str]] = [
        ({"kind": name, "sum": 1, "flag": False}, "r0"),
        ({"kind": None, "sum": 1, "flag": True}, "r1"),
        ({"kind": None, "sum": "1.5", "flag": True}, "r1"),
        ({"kind": "other", "sum": 2, "flag": None}, "r3"),
    ]
    for customer, row in facts:
        assert engine.decide(customer).outcomes == again.decide(customer).outcomes == {"out": row}
    engine.close()
    again.close()
