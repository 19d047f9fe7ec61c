"""Which rulesets can a bank have in force together?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from engine import Engine, compile_program
from engine.builtins import comparable
from engine.datatypes import UNDECLARED_SCALE, BooleanType, ChoiceType, DateType, DurationType, Field, ListType, NumberType, TextType, Type
from engine.diagnostics import Text
from engine.program import outcome_item
from engine.source.document import HitPolicy
from engine.source.syntax import Anything, Expression, FieldRef, ListOf, Literal_, Test
from engine.source.writer import local_id, write_expression, write_test
from tests.strategies.cells import cell, constants, split_cells
from tests.strategies.expressions import NULL, Phrases
from tests.strategies.pen import Pen
from tests.strategies.vocabularies import (
    FIELD_NAMES,
    WIDE,
    choice_type,
    field_data,
    field_type,
    label,
    number_type,
    scalar_type,
    vocabulary_data,
    wide_number_type,
)

POLICIES: Final[tuple[HitPolicy, ...]] = ("F", "U", "A", "P", "R", "O", "C", "C+", "C<", "C>", "C#")
SINGLE: Final = ("F", "U", "A", "P")
COLUMN_TYPES: Final[tuple[Type, ...]] = (
    NumberType(UNDECLARED_SCALE),
    NumberType(2),
    BooleanType(),
    DateType(),
    TextType(),
    DurationType("days"),
    DurationType("months"),
)
"""What an expression column may give."""
LONGEST: Final = 1900
"""Characters in a cell; an expression longer than that gives way to a constant."""


@dataclass(frozen=True)
class Written:
    """A vocabulary and the rulesets over it, as plain data in canonical spelling."""

    vocabulary: dict[str, Any]
    documents: list[dict[str, Any]]

    def compile(self) -> Engine:
        return compile_program(self.vocabulary, self.documents)


@st.composite
def programs(draw: DrawFn, *, depth: int = 3) -> Written:
    """One to three rulesets that build on one another; ``depth`` bounds the expressions."""
    return _Bank(Pen.drawing(draw), depth).written()


class _Bank:
    """Writes rulesets one after another; each sees the inputs and what the earlier ones export."""

    def __init__(self, pen: Pen, depth: int) -> None:
        self.pen = pen
        self.depth = depth
        self.names = iter(pen.shuffled(FIELD_NAMES[:10]) + pen.shuffled(FIELD_NAMES[10:]))
        self.vocabulary: dict[str, Field] = {}
        self.lists: list[ChoiceType] = [choice_type(pen, ordered=True)]

    def written(self) -> Written:
        for _ in range(self.pen.number(2, 6)):
            self.declare(field_type(self.pen))
        documents = [_RulesetWriter(self, f"ruleset-{n}").document() for n in range(self.pen.number(1, 3))]
        fields = self.pen.shuffled(list(self.vocabulary.values())) if self.pen.chance(2) else list(self.vocabulary.values())
        return Written(vocabulary_data(fields), documents[::-1] if self.pen.chance(2) else documents)

    def declare(self, type_: Type, *, owner: str = "") -> Field:
        id_, zh, en = next(self.names)
        known = Field(id_, Text(zh, en), type_, owner=owner)
        if not owner:
            self.vocabulary[id_] = known
        return known


class _RulesetWriter:
    """Writes one ruleset."""

    def __init__(self, bank: _Bank, id_: str) -> None:
        self.bank = bank
        self.pen = bank.pen
        self.id = id_
        self.known = {known.key: known.type for known in bank.vocabulary.values()}
        self.locals: dict[str, dict[str, Any]] = {}
        self.exports: list[str] = []

    def document(self) -> dict[str, Any]:
        tables, formulas = [], []
        for n in range(self.pen.number(1, 3)):
            if self.pen.chance(3):
                formulas.append(self.formula(last=n == 0))
            else:
                tables.append(self.table(n, last=n == 0))
        return {
            "ruleset": self.id,
            "title": {"zh": f"规则集{self.id}", "en": f"ruleset {self.id}"},
            "owner": {"zh": "三农金融部", "en": "Sannong Finance"},
            "exports": self.exports,
            "locals": self.locals,
            "tables": self.pen.shuffled(tables),
            "formulas": self.pen.shuffled(formulas),
        }

    # --- outcomes ---------------------------------------------------------------------------------------------------------

    def outcome(self, type_: Type, *, exported: bool) -> Field:
        """Declare an outcome; it can be read once its production is written."""
        if exported or self.pen.chance(2):
            known = self.bank.declare(_bounded(type_))
            self.exports.append(known.id)
        else:
            known = self.bank.declare(type_, owner=self.id)
            data = field_data(known)
            if isinstance(type_, NumberType) and type_.scale == UNDECLARED_SCALE:
                del data["scale"]
            self.locals[known.id] = data
        return known

    def phrases(self) -> Phrases:
        return Phrases(self.pen, self.known)

    def expression(self, type_: Type) -> str:
        node = self.phrases().expression(type_, self.bank.depth)
        if isinstance(node, Literal_ | ListOf):
            node = self.constant(type_)
        text = write_expression(node)
        return text if len(text) <= LONGEST else write_expression(self.constant(type_))

    def constant(self, type_: Type) -> Expression:
        """A constant that the outcome may take."""
        match type_:
            case ListType(item):
                return ListOf(tuple(self.constant(item) for _ in range(self.pen.number(0, 2))))
            case _:
                values = constants(self.pen, type_, 1)
                return Literal_(self.pen.pick(values)) if values else NULL

    def result(self, type_: Type, *, constant: bool = False) -> str:
        """An output cell."""
        match self.pen.number(0, 9):
            case 9 if not constant:
                return write_expression(NULL)
            case 6 | 7 | 8 if not constant:
                return self.expression(type_)
            case _:
                return write_expression(self.constant(type_))

    def formula(self, *, last: bool) -> dict[str, Any]:
        type_ = self.pen.pick((wide_number_type, wide_number_type, scalar_type, field_type))(self.pen)
        text = self.expression(type_)
        known = self.outcome(type_, exported=last)
        self.known[known.key] = known.type
        return {"outcome": known.id, "title": label(known.label), "expression": text}

    # --- tables -----------------------------------------------------------------------------------------------------------

    def table(self, number: int, *, last: bool) -> dict[str, Any]:
        policy = self.pen.pick(POLICIES)
        types = [self.outcome_type(policy) for _ in range(self.pen.number(1, 2) if policy in (*SINGLE, "R", "O", "C") else 1)]
        columns = [self.column() for _ in range(self.pen.number(0, 3))]
        rows = list(self.rows(policy, [type_ for _, type_ in columns], types))
        outcomes = [self.outcome(type_, exported=last and n == 0) for n, type_ in enumerate(types)]
        default = {known.id: self.result(known.type) for known in outcomes if self.pen.chance(3)}
        self.known |= {known.key: known.type for known in outcomes}
        return {
            "id": f"table_{number}",
            "title": {"zh": f"表{number}", "en": f"table {number}"},
            "hit_policy": policy,
            "inputs": [data for data, _ in columns],
            "outputs": [known.id for known in outcomes],
            "rows": rows,
            "default": default,
        }

    def outcome_type(self, policy: HitPolicy) -> Type:
        match policy:
            case "P":
                return self.pen.pick(self.bank.lists)
            case "O":
                return ListType(self.pen.pick(self.bank.lists))
            case "R" | "C":
                return ListType(scalar_type(self.pen))
            case "C+" | "C#":
                return wide_number_type(self.pen) if self.pen.chance(2) else number_type(self.pen, bounded=self.pen.chance(2))
            case "C<" | "C>":
                type_ = scalar_type(self.pen)
                return type_ if comparable(type_) else wide_number_type(self.pen)
            case _:
                kinds: tuple[Callable[[Pen], Type], ...] = (wide_number_type, choice_type, scalar_type, field_type)
                return self.pen.pick(kinds)(self.pen)

    def column(self) -> tuple[object, Type]:
        """A field, or an expression with the type its cells are read in."""
        if not self.pen.chance(4):
            key = self.pen.pick(list(self.known))
            return local_id(key), self.known[key]
        type_ = self.pen.pick(COLUMN_TYPES)
        scale = {"scale": type_.scale} if isinstance(type_, NumberType) and type_.scale != UNDECLARED_SCALE else {}
        node = self.phrases().expression(type_, 2)
        if isinstance(node, FieldRef) or (isinstance(node, Literal_) and node.value is None):
            node = Literal_(True)
            type_ = BooleanType()
        return {"expression": write_expression(node), "label": {"zh": "算式列", "en": "computed"}, **scale}, type_

    def rows(self, policy: HitPolicy, columns: list[Type], types: list[Type]) -> Iterator[dict[str, Any]]:
        values = [constants(self.pen, type_, 3) for type_ in columns]
        split: list[Test] = []
        if columns and isinstance(columns[0], NumberType | DateType) and policy in ("U", "A", "F") and self.pen.chance(2):
            split = split_cells(self.pen, columns[0], values[0])
        agreed = [self.result(outcome_item(type_, policy), constant=True) for type_ in types] if policy == "A" and self.pen.chance(2) else None
        for n in range(len(split) or self.pen.number(0, 5)):
            tests = [cell(self.pen, type_, some) for type_, some in zip(columns, values, strict=True)]
            if split:
                tests = [split[n], *(test if policy != "U" else Anything() for test in tests[1:])]
            outputs = agreed or [self.result(outcome_item(type_, policy), constant=policy in ("P", "O")) for type_ in types]
            yield {"id": f"r{n}", "when": [write_test(test) for test in tests], "then": outputs}


def _bounded(type_: Type) -> Type:
    """As a vocabulary may hold it: numbers have bounds there."""
    return replace(type_, minimum=-WIDE, maximum=WIDE) if isinstance(type_, NumberType) and type_.minimum is None else type_
