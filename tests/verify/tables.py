"""Which small tables are worth checking: every policy and type, cells that share their ends, rows that share their outcomes?"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from engine import Engine, compile_program
from engine.datatypes import BooleanType, Choice, ChoiceType, DateType, Field, ListType, NumberType, TextType, Type
from engine.diagnostics import Text
from engine.source.document import HitPolicy
from engine.source.syntax import Literal_, Test
from engine.source.writer import write_expression, write_test
from tests.strategies.cells import cell, constants, split_cells
from tests.strategies.pen import Pen
from tests.strategies.programs import POLICIES
from tests.strategies.vocabularies import CHOICE_LISTS, FIELD_NAMES, field_data, label, vocabulary_data

GRADES: Final = ChoiceType(tuple(Choice(code, Text(zh, en)) for code, zh, en in CHOICE_LISTS[0]), ordered=True)
AMOUNT: Final = NumberType(2, "元", Decimal(-1000), Decimal(1000))
COMPUTED: Final = ("{0} + {1}", "{0} - {1}", "if {0} > {1} then 1 else 0", "max({0}, {1})")
POINTS: Final = 6_000
"""Tables with more customers that matter than that are not asked about."""


@dataclass(frozen=True)
class Made:
    """A vocabulary and one ruleset with one table, as plain data."""

    vocabulary: dict[str, Any]
    document: dict[str, Any]

    def compile(self) -> Engine:
        return compile_program(self.vocabulary, [self.document])


class Maker:
    """Makes one small table."""

    def __init__(self, pen: Pen, policy: HitPolicy | None = None) -> None:
        self.pen = pen
        choices: tuple[HitPolicy, ...] = ("U", "F", *POLICIES)
        self.policy: HitPolicy = pen.pick(choices) if policy is None else policy
        self.names = iter(pen.shuffled(FIELD_NAMES))
        self.fields: list[Field] = []
        self.locals: dict[str, Any] = {}
        self.formulas: list[dict[str, Any]] = []

    def made(self) -> Made:
        columns = [self.column() for _ in range(self.pen.number(0, 3))]
        outcomes = [self.field(self.outcome_type()) for _ in range(self.outcome_count())]
        rows = self.rows([type_ for _, type_ in columns], outcomes)
        default = {known.id: self.default(known.type) for known in outcomes if self.pen.number(0, 2)} if self.pen.chance(3) else {}
        document = {
            "ruleset": "made",
            "title": label(Text("规则集", "ruleset")),
            "owner": label(Text("三农金融部", "Sannong Finance")),
            "exports": [known.id for known in outcomes],
            "locals": self.locals,
            "tables": [
                {
                    "id": "t",
                    "title": label(Text("表", "table")),
                    "hit_policy": self.policy,
                    "inputs": [data for data, _ in columns],
                    "outputs": [known.id for known in outcomes],
                    "rows": rows,
                    "default": default,
                }
            ],
            "formulas": self.formulas,
        }
        return Made(vocabulary_data(self.fields), document)

    def field(self, type_: Type) -> Field:
        id_, zh, en = next(self.names)
        known = Field(id_, Text(zh, en), type_)
        self.fields.append(known)
        return known

    # --- columns --------------------------------------------------------------------------------------------------------

    def column(self) -> tuple[Any, Type]:
        match self.pen.number(0, 11):
            case 0:
                return self.computed()
            case 1:
                return self.derived()
            case 2 if self.fields:
                known = self.pen.pick(self.fields)
                return known.id, known.type
            case _:
                known = self.field(self.input_type())
                return known.id, known.type

    def input_type(self) -> Type:
        bounds = self.pen.pick(((-2, 3), (0, 100), (0, 1_000_000), (1, 1)))
        number = NumberType(self.pen.pick((0, 0, 2)), self.pen.pick(("", "元", "天")), Decimal(bounds[0]), Decimal(bounds[1]))
        codes = self.pen.pick(CHOICE_LISTS)[: self.pen.pick((2, 3, 4))]
        choice = ChoiceType(tuple(Choice(code, Text(zh, en)) for code, zh, en in codes), self.pen.chance(2))
        kinds: tuple[Type, ...] = (number, number, number, choice, choice, BooleanType(), DateType(), TextType(12), ListType(NumberType(0)))
        return self.pen.pick(kinds)

    def computed(self) -> tuple[Any, Type]:
        """A column that is an expression of two numbers."""
        numbers = [self.field(NumberType(0, "元", Decimal(0), Decimal(9))).id for _ in range(2)]
        text = self.pen.pick(COMPUTED).format(*numbers)
        return {"expression": text, "label": label(Text("算式列", "computed")), "scale": 0}, NumberType(0, "元")

    def derived(self) -> tuple[Any, Type]:
        """A column that reads a local outcome, which is never empty."""
        source = self.field(NumberType(0, "元", Decimal(0), Decimal(9)))
        id_, zh, en = next(self.names)
        type_ = NumberType(0, "元", Decimal(0), Decimal(90))
        self.locals[id_] = field_data(Field(id_, Text(zh, en), type_))
        self.formulas.append({"outcome": id_, "title": label(Text(zh, en)), "expression": f"{source.id} * 10"})
        return id_, type_

    # --- rows -----------------------------------------------------------------------------------------------------------

    def rows(self, types: list[Type], outcomes: list[Field]) -> list[dict[str, Any]]:
        values = [constants(self.pen, type_, 2) for type_ in types]
        steps: list[Test] = []
        if types and isinstance(types[0], NumberType | DateType) and self.pen.chance(2):
            steps = split_cells(self.pen, types[0], values[0])
        made = []
        for n in range(len(steps) or self.pen.number(0, 5)):
            tests = [cell(self.pen, type_, some) for type_, some in zip(types, values, strict=True)]
            if steps:
                tests[0] = steps[n]
            outputs = [self.output(known.type) for known in outcomes]
            made.append({"id": f"r{n}", "when": [write_test(test) for test in tests], "then": outputs})
        return made

    # --- outcomes -------------------------------------------------------------------------------------------------------

    def outcome_count(self) -> int:
        return self.pen.number(1, 2) if self.policy in ("U", "A", "F", "P", "O") else 1

    def outcome_type(self) -> Type:
        match self.policy:
            case "R" | "O" | "C":
                return ListType(GRADES)
            case "C+" | "C#":
                return AMOUNT
            case "P":
                return GRADES
            case _:
                kinds: tuple[Type, ...] = (GRADES, GRADES, AMOUNT)
                return self.pen.pick(kinds)

    def default(self, type_: Type) -> str:
        return f"[{self.output(type_)}]" if isinstance(type_, ListType) else self.output(type_)

    def output(self, type_: Type) -> str:
        item = type_.item if isinstance(type_, ListType) else type_
        if isinstance(item, ChoiceType):
            return write_expression(Literal_(self.pen.pick(item.codes[:3])))
        numbers = [known.id for known in self.fields if isinstance(known.type, NumberType) and known.type.unit == "元" and known.type.maximum == 9]
        if numbers and self.policy in ("U", "A", "F", "C<") and self.pen.chance(3):
            return f"{self.pen.pick(numbers)} + {self.pen.number(0, 1)}"
        return self.pen.pick(("1", "2", "3", "null") if self.policy not in ("C+", "C#") else ("1", "2"))
