"""Does whatever passes the checks of a document decide without any other error than a ``DecisionError``?

Well-typed expressions have some parts exchanged for parts of any type. Most are refused; those that are not must decide as the
reference does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any, Final

from hypothesis import event, given, note
from hypothesis import strategies as st

from engine import DocumentError, Text, compile_program
from engine.datatypes import BooleanType, ChoiceType, DateType, DurationType, EmptyType, Field, ListType, Member, NumberType, RecordType, TextType, Type
from engine.source.cells import parse_expression
from engine.source.check import Scope, check_expression
from engine.source.lexer import Unreadable
from engine.source.syntax import AnyOf, Anything, Compare, Empty, Expression, Interval, NoneOf, Test, Variable, parts, rewrite
from engine.source.writer import write_expression, write_test
from tests.agreement.oracle import agree, cone, conforms, decided, meaning
from tests.strategies.cells import cell, constants
from tests.strategies.expressions import NULL, Phrases
from tests.strategies.facts import Constants, facts
from tests.strategies.pen import Pen
from tests.strategies.programs import LONGEST
from tests.strategies.vocabularies import FIELD_NAMES, choice_type, label, record_type, vocabulary_data

Data = dict[str, Any]
TRIED: Final = 80
"""Expressions tried per vocabulary."""
CUSTOMERS: Final = 3
TESTS: Final = (Anything, Empty, Compare, Interval, AnyOf, NoneOf)
DURATIONS: Final[tuple[Type, ...]] = (DurationType("days"), DurationType("months"))


@given(st.integers(0, 2**63))
def test_what_passes_the_checks_never_crashes(seed: int) -> None:
    pen = Pen.rolling(seed)
    bench = Bench(pen)
    for _ in range(TRIED):
        bench.try_one()
    engine = compile_program(*bench.documents(bench.outcomes, bench.tables, bench.formulas))
    constants = Constants.of(engine.program)
    for _ in range(CUSTOMERS):
        customer = facts(pen, engine.program, constants)
        for outcome, text in zip(engine.program.exported, bench.texts, strict=True):
            note(f"{outcome}: {text} on {customer}")
            expected = meaning(cone(engine.program, [outcome], customer), customer)
            agree(decided(partial(engine.decide, customer, [outcome], trace=pen.chance(3))), expected, [outcome])
            if not expected.failures:
                conforms(engine, engine.decide(customer, [outcome]))
    engine.close()


def _inputs(pen: Pen) -> list[Type]:
    """One field of each kind; choice lists and records that share some of their parts."""
    wide = choice_type(pen, ordered=True)
    narrow = ChoiceType(wide.choices[:2], pen.chance(2))
    record = record_type(pen)
    smaller = RecordType((Member("sum_due", Text("应还金额", "sum due"), TextType()), *record.members[1:3]))
    numbers = (NumberType(2, "元", Decimal(-100), Decimal(100)), NumberType(0, "天", Decimal(0), Decimal(100)))
    scalars: tuple[Type, ...] = (*numbers, wide, narrow, choice_type(pen), TextType(), BooleanType(), DateType())
    return [*scalars, ListType(NumberType(2)), ListType(record), ListType(smaller), ListType(wide), ListType(DateType()), record]


@dataclass
class Bench:
    """Gathers expressions that pass the checks, each as a formula or as the column of a table."""

    pen: Pen
    outcomes: list[Field] = field(default_factory=list)
    tables: list[Data] = field(default_factory=list)
    formulas: list[Data] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        inputs = [Field(id_, Text(zh, en), type_) for (id_, zh, en), type_ in zip(FIELD_NAMES, _inputs(self.pen), strict=False)]
        self.fields = {known.key: known for known in inputs}
        self.types = {key: known.type for key, known in self.fields.items()}
        self.scope = Scope(self.fields)
        self.phrases = Phrases(self.pen, self.types)

    def try_one(self) -> None:
        """Write an expression; keep it when it passes."""
        wanted = self.pen.pick((*self.types.values(), *DURATIONS))
        text = exchanged(self.pen, self.phrases, wanted)
        try:
            _, type_ = check_expression(parse_expression(text, self.scope.lexicon), self.scope, wanted)
        except Unreadable as error:
            event(error.code)
            return
        if _declarable(type_) or isinstance(type_, DurationType):
            self.keep(text, wanted if type(wanted) is type(type_) and not isinstance(wanted, NumberType) else type_)

    def keep(self, text: str, type_: Type) -> None:
        """Keep the expression if a document with it alone passes."""
        n = len(self.outcomes)
        tabled = isinstance(type_, DurationType) or self.pen.chance(3)
        outcome = Field(f"o{n}", Text(f"结论{n}", f"outcome {n}"), TextType() if tabled else _bounded(type_))
        tables, formulas = ([_table(self.pen, text, type_, outcome)], []) if tabled else ([], [_formula(text, outcome)])
        try:
            compile_program(*self.documents([outcome], tables, formulas)).close()
        except DocumentError as error:
            event(error.diagnostics[0].code)
            return
        event("compiles")
        self.outcomes.append(outcome)
        self.tables += tables
        self.formulas += formulas
        self.texts.append(text)

    def documents(self, outcomes: list[Field], tables: list[Data], formulas: list[Data]) -> tuple[Data, list[Data]]:
        ruleset = {
            "ruleset": "bench",
            "title": {"zh": "试台", "en": "bench"},
            "owner": {"zh": "测试", "en": "tests"},
            "exports": [outcome.id for outcome in outcomes],
            "tables": tables,
            "formulas": formulas,
        }
        return vocabulary_data([*self.fields.values(), *outcomes]), [ruleset]


def _declarable(type_: Type) -> bool:
    """Whether an outcome may be of this type."""
    return _declarable(type_.item) if isinstance(type_, ListType) else not isinstance(type_, EmptyType | DurationType)


def _bounded(type_: Type) -> Type:
    return NumberType(10, type_.unit, Decimal(-(10**15)), Decimal(10**15)) if isinstance(type_, NumberType) else type_


def _formula(text: str, outcome: Field) -> Data:
    return {"outcome": outcome.id, "title": label(outcome.label), "expression": text}


def _table(pen: Pen, text: str, type_: Type, outcome: Field) -> Data:
    """A table over an expression column, its cells perhaps of another type."""
    cells = [write_test(cell(pen, kind, constants(pen, kind, 3))) for kind in (pen.pick((type_, type_, *DURATIONS, NumberType(0))), type_)]
    return {
        "id": f"t_{outcome.id}",
        "title": {"zh": "表", "en": "table"},
        "hit_policy": "F",
        "inputs": [{"expression": text, "label": {"zh": "算式列", "en": "computed"}}],
        "outputs": [outcome.id],
        "rows": [{"id": f"r{n}", "when": [test], "then": [f'"{n}"']} for n, test in enumerate(cells)],
    }


# --- parts of the wrong type ----------------------------------------------------------------------------------------------


def exchanged(pen: Pen, phrases: Phrases, type_: Type) -> str:
    """The text of an expression of ``type_``, with one or two of its parts exchanged."""
    node = phrases.expression(type_, 2)
    for _ in range(pen.pick((1, 1, 2, 0))):
        node = _exchanged_once(pen, phrases, node)
    text = write_expression(node)
    return text if len(text) <= LONGEST else "null"


def _exchanged_once(pen: Pen, phrases: Phrases, node: Expression) -> Expression:
    count = sum(1 for _ in _expressions(node))
    chosen = pen.number(0, count - 1)
    other = pen.pick((phrases.expression(pen.pick((*phrases.fields.values(), *DURATIONS)), pen.number(0, 1)), NULL, Variable("item")))

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
