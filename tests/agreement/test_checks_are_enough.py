"""Does whatever passes the checks of a document decide without any other error than a ``DecisionError``?

A well-typed expression has some parts exchanged for parts of any type. Most such documents are refused; those that are not
must decide as the reference does.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from hypothesis import event, given, note
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from engine import DocumentError, Text
from engine.datatypes import BooleanType, ChoiceType, DateType, DurationType, Field, ListType, Member, NumberType, RecordType, TextType, Type
from engine.source.syntax import AnyOf, Anything, Compare, Empty, Expression, Interval, NoneOf, Test, parts, rewrite
from engine.source.writer import write_expression, write_test
from tests.agreement.oracle import agree, cone, decided, meaning
from tests.strategies.cells import cell, constants
from tests.strategies.expressions import NULL, Phrases
from tests.strategies.facts import Constants, facts
from tests.strategies.pen import Pen, pens
from tests.strategies.programs import LONGEST, Written
from tests.strategies.vocabularies import FIELD_NAMES, choice_type, label, record_type, vocabulary_data

CUSTOMERS: Final = 4
TESTS: Final = (Anything, Empty, Compare, Interval, AnyOf, NoneOf)
COLUMN_TYPES: Final[tuple[Type, ...]] = (NumberType(), TextType(), BooleanType(), DateType(), DurationType("days"), DurationType("months"))


@st.composite
def unchecked(draw: DrawFn) -> Written:
    """A table with an expression column and a formula, both with parts of the wrong type."""
    pen = Pen.drawing(draw)
    names = iter(FIELD_NAMES)
    fields = {field.key: field for field in (_field(next(names), type_) for type_ in _types(pen))}
    types = {key: field.type for key, field in fields.items()}
    phrases = Phrases(pen, types)
    outcome = _field(next(names), pen.pick(list(types.values())))
    flag = _field(next(names), TextType())
    column = pen.pick((*COLUMN_TYPES, *(type_ for type_ in types.values() if isinstance(type_, ChoiceType))))
    cells = [write_test(cell(pen, pen.pick((column, column, *COLUMN_TYPES)), constants(pen, column, 3) or [Decimal(1)])) for _ in range(2)]
    ruleset = {
        "ruleset": "unchecked",
        "title": {"zh": "未查", "en": "unchecked"},
        "owner": {"zh": "测试", "en": "tests"},
        "exports": [flag.id, outcome.id],
        "tables": [_table(exchanged(pen, phrases, column), cells, flag)],
        "formulas": [{"outcome": outcome.id, "title": label(outcome.label), "expression": exchanged(pen, phrases, outcome.type)}],
    }
    return Written(vocabulary_data([*fields.values(), outcome, flag]), [ruleset])


def _types(pen: Pen) -> list[Type]:
    """One field of each kind; choice lists and records that share some of their parts."""
    wide = choice_type(pen, ordered=True)
    narrow = ChoiceType(wide.choices[:2], pen.chance(2))
    record = record_type(pen)
    smaller = RecordType((Member("sum_due", Text("应还金额", "sum due"), TextType()), *record.members[1:3]))
    numbers = (NumberType(2, "元", Decimal(-100), Decimal(100)), NumberType(0, "天", Decimal(0), Decimal(100)))
    scalars: tuple[Type, ...] = (*numbers, wide, narrow, choice_type(pen), TextType(), BooleanType(), DateType())
    return [*scalars, ListType(NumberType(2)), ListType(record), ListType(smaller), ListType(wide), ListType(DateType()), record]


def _field(name: tuple[str, str, str], type_: Type) -> Field:
    id_, zh, en = name
    return Field(id_, Text(zh, en), type_)


def _table(column: str, cells: list[str], flag: Field) -> dict[str, Any]:
    return {
        "id": "t",
        "title": {"zh": "表", "en": "table"},
        "hit_policy": "F",
        "inputs": [{"expression": column, "label": {"zh": "算式列", "en": "computed"}}],
        "outputs": [flag.id],
        "rows": [{"id": f"r{n}", "when": [text], "then": [f'"{n}"']} for n, text in enumerate(cells)],
    }


def exchanged(pen: Pen, phrases: Phrases, type_: Type) -> str:
    """The text of an expression of ``type_``, with one or two of its parts exchanged."""
    node = phrases.expression(type_, 3)
    for _ in range(pen.pick((1, 2, 0))):
        node = _exchanged_once(pen, phrases, node)
    text = write_expression(node)
    return text if len(text) <= LONGEST else "null"


def _exchanged_once(pen: Pen, phrases: Phrases, node: Expression) -> Expression:
    count = sum(1 for _ in _expressions(node))
    chosen = pen.number(0, count - 1)
    other = pen.pick((phrases.expression(pen.pick((*phrases.fields.values(), *COLUMN_TYPES)), pen.number(0, 2)), NULL))

    def change(part: Expression) -> Expression | None:
        nonlocal chosen
        chosen -= not isinstance(part, TESTS)
        return other if chosen == -1 and not isinstance(part, TESTS) else None

    return rewrite(node, change)


def _expressions(node: Expression | Test) -> Iterator[Expression]:
    if not isinstance(node, TESTS):
        yield node
    for part in parts(node):
        yield from _expressions(part)


@given(unchecked(), pens())
def test_what_passes_the_checks_never_crashes(written: Written, pen: Pen) -> None:
    note(written)
    try:
        engine = written.compile()
    except DocumentError as error:
        event(error.diagnostics[0].code)
        return
    event("compiles")
    found = Constants.of(engine.program)
    wanted = tuple(engine.program.exported)
    for _ in range(CUSTOMERS):
        customer = facts(pen, engine.program, found)
        note(customer)
        expected = meaning(cone(engine.program, wanted, customer), customer)
        agree(decided(lambda: engine.decide(customer)), expected, wanted)
        agree(decided(lambda: engine.decide(customer, trace=True)), expected, wanted)
    engine.close()
