"""Which expressions can an author write over the fields at hand?

Every expression is built as the checker leaves it, in the normal form that the parser gives, and passes the checks.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final, assert_never

from engine.datatypes import BooleanType, ChoiceType, DateType, DurationType, EmptyType, ListType, Member, NumberType, RecordType, TextType, Type
from engine.source.syntax import (
    AnyOf,
    Arithmetic,
    Call,
    Compare,
    Comparison,
    ComparisonOperator,
    Conditional,
    Element,
    Expression,
    FieldRef,
    Filter,
    Interval,
    Inverse,
    Iteration,
    Junction,
    ListOf,
    Literal_,
    MemberOf,
    Membership,
    Negation,
    Quantified,
    Test,
    Variable,
)
from engine.values import Months
from tests.strategies.cells import DATES, TEXTS, order_of, ranked
from tests.strategies.pen import Pen

NUMBERS: Final = tuple(Decimal(text) for text in ("0", "1", "2", "3", "10", "12", "100", "0.5", "0.01", "10000", "3.14159", "-1", "-2.5", "123456.789"))
VARIABLES: Final = ("x", "y", "每笔", "it_1")
NUMBER: Final = NumberType()
NULL: Final = Literal_(None)
Source = tuple[Expression, Type]


@dataclass(frozen=True)
class Phrases:
    """Writes expressions over some fields (by key) and the variables bound around."""

    pen: Pen
    fields: Mapping[str, Type]
    bound: Mapping[str, Type] = field(default_factory=dict)

    def expression(self, type_: Type, depth: int) -> Expression:
        """An expression whose value is of ``type_``; for a number, in its unit or in none."""
        match type_:
            case NumberType():
                return self.number(type_.unit, depth)
            case ChoiceType():
                return self.choice(type_, depth)
            case TextType():
                return self.text(depth)
            case BooleanType():
                return self.condition(depth)
            case DateType():
                return self.date(depth)
            case DurationType():
                return self.duration(type_, depth)
            case ListType():
                return self.list_of(type_.item, depth)
            case RecordType() | EmptyType():
                return self.pen.pick([node for node, found in self.sources() if found == type_] or [NULL])
            case _:
                assert_never(type_)

    # --- what is at hand ------------------------------------------------------------------------------------------------

    def sources(self) -> list[Source]:
        """Fields, variables and members that can be named here."""
        named: list[Source] = [(FieldRef(key), type_) for key, type_ in self.fields.items()]
        named += [(Variable(name), type_) for name, type_ in self.bound.items()]
        members: list[Source] = []
        for node, type_ in named:
            record = type_.item if isinstance(type_, ListType) else type_
            if isinstance(record, RecordType):
                many = isinstance(type_, ListType)
                members += [(MemberOf(node, member.id), ListType(member.type) if many else member.type) for member in record.members]
        return [*named, *members]

    def of(self, *kinds: type) -> list[Source]:
        return [(node, type_) for node, type_ in self.sources() if isinstance(type_, kinds)]

    def pick(self, options: Sequence[Callable[[], Expression]]) -> Expression:
        return self.pen.pick(options)()

    def source(self, wanted: Callable[[Type], bool], otherwise: Expression) -> Expression:
        return self.pen.pick([node for node, type_ in self.sources() if wanted(type_)] or [otherwise])

    def conditional(self, write: Callable[[int], Expression], depth: int) -> Expression:
        """``if`` with either branch perhaps empty."""
        then, otherwise = write(depth - 1), write(depth - 1)
        empty = self.pen.pick(("neither", "neither", "then", "else"))
        return Conditional(self.condition(depth - 1), NULL if empty == "then" else then, NULL if empty == "else" else otherwise)

    # --- numbers --------------------------------------------------------------------------------------------------------

    def number(self, unit: str | None, depth: int) -> Expression:
        """A number in ``unit`` or in none; in any one unit when that is None."""
        if unit is None:
            unit = self.pen.pick(["", *(type_.unit for _, type_ in self.sources() if isinstance(type_, NumberType))])
        literal = Literal_(self.pen.pick(NUMBERS))
        source = self.source(lambda type_: isinstance(type_, NumberType) and type_.unit in ("", unit), literal)
        if depth <= 0:
            return self.pen.pick((source, source, literal))
        return self.pick(
            (
                lambda: source,
                lambda: Arithmetic(self.pen.pick(("+", "-")), self.number(unit, depth - 1), self.number(unit, depth - 1)),
                lambda: Arithmetic(self.pen.pick(("*", "*", "*", "/")), self.number(None, depth - 1), self.number(None, depth - 1)),
                lambda: self.conditional(lambda inner: self.number(unit, inner), depth),
                lambda: self.rounded(unit, depth),
                lambda: self.least(unit, depth),
                lambda: self.measured(depth),
                lambda: _negative(self.number(unit, depth - 1)),
                lambda: Arithmetic("**", self.number(None, depth - 1), Literal_(self.pen.pick(NUMBERS[:4]))),
                lambda: self.gathered(unit, depth),
            )
        )

    def rounded(self, unit: str, depth: int) -> Expression:
        function = self.pen.pick(("round", "floor", "ceiling", "round up", "round down", "decimal", "abs", "modulo"))
        value = self.number(unit, depth - 1)
        match function:
            case "abs":
                return Call(function, (value,))
            case "modulo":
                return Call(function, (value, self.number(unit, 0)))
            case "decimal":
                return Call(function, (value, Literal_(Decimal(self.pen.number(0, 3)))))
            case _:
                places = self.pen.pick(((), (Literal_(Decimal(2)),), (Literal_(Decimal(-2)),)))
                return Call(function, (value, *places))

    def least(self, unit: str, depth: int) -> Expression:
        parts = tuple(self.number(unit, depth - 1) for _ in range(self.pen.number(2, 3)))
        return Call(self.pen.pick(("min", "max", "sum", "mean")), parts)

    def measured(self, depth: int) -> Expression:
        """A number taken from something that is none."""
        options: list[Callable[[], Expression]] = [
            lambda: Call("string length", (self.text(depth - 1),)),
            lambda: Call("number", (Literal_(self.pen.pick(("12.50", "-3", "007", "一"))),)),
            lambda: MemberOf(self.date(depth - 1), self.pen.pick(("year", "month", "day"))),
            lambda: Call("day of week", (self.date(depth - 1),)),
            lambda: MemberOf(self.duration(DurationType("days"), depth - 1), "days"),
            lambda: MemberOf(self.duration(DurationType("months"), depth - 1), self.pen.pick(("years", "months"))),
        ]
        if lists := self.of(ListType):
            options += [lambda: Call("count", (self.pen.pick(lists)[0],))] * 3
        return self.pick(options)

    def gathered(self, unit: str, depth: int) -> Expression:
        """A number out of a list."""
        items = self.list_of(NumberType(unit=unit), depth - 1)
        if self.pen.chance(3):
            return Element(items, Literal_(self.pen.pick(NUMBERS[:3])) if self.pen.chance(2) else self.outside().number(None, depth - 1))
        return Call(self.pen.pick(("sum", "min", "max", "mean", "count")), (items,))

    # --- conditions -----------------------------------------------------------------------------------------------------

    def condition(self, depth: int) -> Expression:
        literal = Literal_(self.pen.chance(2))
        simple = self.source(lambda type_: isinstance(type_, BooleanType), literal)
        if depth <= 0:
            return self.pen.pick((simple, simple, literal))
        return self.pick(
            (
                lambda: simple,
                lambda: self.comparison(depth),
                lambda: self.comparison(depth),
                lambda: self.comparison(depth),
                lambda: Junction(self.pen.pick(("and", "or")), tuple(self.condition(depth - 1) for _ in range(self.pen.number(2, 3)))),
                lambda: Inverse(self.condition(depth - 1)),
                lambda: self.membership(depth),
                lambda: self.membership(depth),
                lambda: self.quantified(depth),
                lambda: self.listed(depth),
                lambda: Call(self.pen.pick(("contains", "starts with", "ends with")), (self.text(depth - 1), self.text(0))),
                lambda: self.conditional(self.condition, depth),
            )
        )

    def comparison(self, depth: int) -> Expression:
        operator: ComparisonOperator = self.pen.pick(("<", ">=", "=", "!=", ">", "<="))
        options = self.of(NumberType, NumberType, ChoiceType, DateType, BooleanType, TextType)
        if not options:
            return Comparison(operator, self.number("", depth - 1), self.number("", depth - 1))
        left, type_ = self.pen.pick(options)
        if self.pen.chance(6):
            return Comparison(self.pen.pick(("=", "!=")), left, NULL)
        match type_:
            case NumberType():
                return Comparison(operator, self.number(type_.unit, depth - 1), self.number(type_.unit, depth - 1))
            case ChoiceType() | BooleanType():
                operator = operator if ranked(type_) else self.pen.pick(("=", "!="))
                order = order_of(type_) if operator not in ("=", "!=") else ()
                return Comparison(operator, left, self.same(type_), order)
            case DateType() if self.pen.chance(2):
                length = DurationType(self.pen.pick(("days", "months")))
                return Comparison(operator, self.duration(length, depth - 1), self.duration(length, depth - 1))
            case _:
                return Comparison(operator, self.expression(type_, depth - 1), self.expression(type_, depth - 1))

    def same(self, type_: Type) -> Expression:
        """A constant or a field of exactly this type."""
        constants = [Literal_(code) for code in type_.codes] if isinstance(type_, ChoiceType) else [Literal_(True), Literal_(False)]
        return self.pen.pick([*constants, *(node for node, found in self.sources() if found == type_)])

    def membership(self, depth: int) -> Expression:
        """``x in (tests)`` and ``x in [a..b]``."""
        options = self.of(NumberType, ChoiceType, DateType, TextType)
        if not options:
            return Membership(self.number("", depth - 1), self.strict(NUMBER))
        operand, type_ = self.pen.pick(options)
        if ranked(type_) and not self.pen.chance(3):
            return Membership(operand, self.strict(type_))
        tests = [self.loose(type_) for _ in range(self.pen.number(2, 3))]
        return Membership(operand, AnyOf(tuple(tests)))

    def loose(self, type_: Type) -> Test:
        if ranked(type_) and self.pen.chance(2):
            return self.strict(type_)
        return Compare("=", self.end(type_))

    def strict(self, type_: Type) -> Test:
        if self.pen.chance(2):
            operator: ComparisonOperator = self.pen.pick(("<", ">=", ">", "<="))
            return Compare(operator, self.end(type_), order_of(type_))
        return Interval(self.end(type_), self.end(type_), self.pen.chance(2), self.pen.chance(2), order_of(type_))

    def end(self, type_: Type) -> Expression:
        """A constant, or a number without a unit; what a value may be compared with in a test."""
        match type_:
            case NumberType():
                return self.number("", 0)
            case ChoiceType():
                return Literal_(self.pen.pick(type_.codes))
            case DateType():
                return Literal_(self.pen.pick(DATES))
            case _:
                return Literal_(self.pen.pick(TEXTS))

    def quantified(self, depth: int) -> Expression:
        lists = self.of(ListType)
        if not lists:
            return Inverse(self.condition(depth - 1))
        source, type_ = self.pen.pick(lists)
        name = self.pen.pick(VARIABLES)
        return Quantified(self.pen.pick(("some", "every")), name, source, self.within(name, type_).condition(depth - 1))

    def within(self, name: str, type_: Type) -> Phrases:
        """The same, with a variable bound to the items of a list."""
        assert isinstance(type_, ListType)
        return replace(self, bound={**self.bound, name: type_.item})

    def outside(self) -> Phrases:
        """The same, without the item of a filter: between square brackets that is the item of the list before them."""
        return replace(self, bound={name: type_ for name, type_ in self.bound.items() if name != "item"})

    def listed(self, depth: int) -> Expression:
        """``x in list``."""
        lists = [(node, type_.item) for node, type_ in self.of(ListType) if isinstance(type_, ListType) and not isinstance(type_.item, RecordType)]
        if not lists:
            return self.condition(depth - 1)
        items, item = self.pen.pick(lists)
        value = self.same(item) if isinstance(item, ChoiceType | BooleanType) else self.expression(item, 0)
        return Call("list contains", (items, self.pen.pick((value, value, NULL))))

    # --- choices, texts, dates, durations -------------------------------------------------------------------------------

    def choice(self, type_: ChoiceType, depth: int) -> Expression:
        literal = Literal_(self.pen.pick(type_.codes))
        source = self.source(lambda found: isinstance(found, ChoiceType) and set(found.codes) <= set(type_.codes), literal)
        if depth <= 0:
            return self.pen.pick((literal, literal, source))
        return self.pick((lambda: literal, lambda: source, lambda: self.conditional(lambda inner: self.choice(type_, inner), depth)))

    def text(self, depth: int) -> Expression:
        literal = Literal_(self.pen.pick(TEXTS))
        source = self.source(lambda type_: isinstance(type_, TextType), literal)
        if depth <= 0:
            return self.pen.pick((literal, source, source))
        return self.pick(
            (
                lambda: source,
                lambda: Arithmetic("+", self.text(depth - 1), self.text(depth - 1)),
                lambda: Call("join", (self.text(depth - 1), self.text(0), self.text(0))),
                lambda: Call(self.pen.pick(("upper case", "lower case")), (self.text(depth - 1),)),
                lambda: Call("substring", (self.text(depth - 1), Literal_(self.pen.pick((Decimal(1), Decimal(-2), Decimal(2)))))),
                lambda: Call("substring", (self.text(depth - 1), Literal_(Decimal(1)), self.number(None, 0))),
                lambda: Call(self.pen.pick(("substring before", "substring after")), (self.text(depth - 1), self.text(0))),
                lambda: Call("string", (self.number(None, depth - 1),)),
                lambda: Call("string", (self.date(depth - 1),)),
                lambda: self.conditional(self.text, depth),
            )
        )

    def date(self, depth: int) -> Expression:
        literal = Literal_(self.pen.pick(DATES[:5]))
        source = self.source(lambda type_: isinstance(type_, DateType), literal)
        if depth <= 0:
            return self.pen.pick((literal, source, source))
        return self.pick(
            (
                lambda: source,
                lambda: Arithmetic(self.pen.pick(("+", "-")), self.date(depth - 1), self.duration(DurationType(self.pen.pick(("days", "months"))), 0)),
                lambda: Call("last day of month", (self.date(depth - 1),)),
                lambda: Call("date", (Literal_(Decimal(2024)), Literal_(Decimal(self.pen.number(1, 12))), Literal_(Decimal(self.pen.number(1, 28))))),
                lambda: Call(self.pen.pick(("min", "max")), (self.date(depth - 1), self.date(0))),
                lambda: self.conditional(self.date, depth),
            )
        )

    def duration(self, type_: DurationType, depth: int) -> Expression:
        days = type_.kind == "days"
        count = self.pen.pick((1, 0, 12, 31, -1, 400))
        literal = Literal_(datetime.timedelta(days=count) if days else Months(count))
        if depth <= 0:
            return literal
        between = Arithmetic("-", self.date(depth - 1), self.date(0)) if days else Call("years and months duration", (self.date(depth - 1), self.date(0)))
        return self.pick(
            (
                lambda: literal,
                lambda: between,
                lambda: Arithmetic(self.pen.pick(("*", "/")), between, Literal_(self.pen.pick(NUMBERS[1:4]))),
                lambda: Arithmetic(self.pen.pick(("+", "-")), between, literal),
                lambda: _negative(between),
            )
        )

    # --- lists ------------------------------------------------------------------------------------------------------------

    def list_of(self, item: Type, depth: int) -> Expression:
        """A list of items like ``item``; for numbers, in its unit or in none."""
        sources = [node for node, type_ in self.of(ListType) if isinstance(type_, ListType) and _alike(type_.item, item)]
        one = self.unguided(item)
        written = [ListOf(tuple(one() for _ in range(self.pen.number(1, 3))))] if one else []
        simple = self.pen.pick([*sources, *sources, *written] or [ListOf(())])
        if depth <= 0 or one is None or simple == ListOf(()):
            return simple
        return self.pick(
            (
                lambda: simple,
                lambda: self.filtered(simple, item, depth),
                lambda: self.iterated(one, item, depth),
                lambda: Call("concatenate", (simple, self.list_of(item, depth - 1))),
                lambda: Call("append", (simple, one())),
                lambda: Call(self.pen.pick(("distinct values", "reverse")), (simple,)),
                lambda: Call("sort", (simple,)) if isinstance(item, NumberType | DateType | TextType) else simple,
            )
        )

    def unguided(self, item: Type) -> Callable[[], Expression] | None:
        """Writes an item where no type is expected: a choice there must be a field's, for a code would be taken for text."""
        if isinstance(item, ChoiceType):
            sources = [node for node, type_ in self.sources() if type_ == item]
            return (lambda: self.pen.pick(sources)) if sources else None
        return None if isinstance(item, RecordType) else lambda: self.expression(item, 0)

    def filtered(self, source: Expression, item: Type, depth: int) -> Expression:
        """Some of the items, or a member of some of the records."""
        options = [(node, type_, member) for node, type_ in self.of(ListType) for member in _members(type_) if member.type == item]
        if options and self.pen.chance(2):
            node, type_, member = self.pen.pick(options)
            return MemberOf(Filter(node, self.within("item", type_).condition(depth - 1)), member.id)
        return Filter(source, self.within("item", ListType(item)).condition(depth - 1))

    def iterated(self, one: Callable[[], Expression], item: Type, depth: int) -> Expression:
        lists = self.of(ListType)
        if not lists:
            return ListOf((one(),))
        source, type_ = self.pen.pick(lists)
        name = self.pen.pick(VARIABLES)
        body = one() if isinstance(item, ChoiceType) else self.within(name, type_).expression(item, depth - 1)
        return Iteration(name, source, body)


def _negative(node: Expression) -> Expression:
    return Literal_(-node.value) if isinstance(node, Literal_) and isinstance(node.value, Decimal) else Negation(node)


def _members(type_: Type) -> Sequence[Member]:
    return type_.item.members if isinstance(type_, ListType) and isinstance(type_.item, RecordType) else ()


def _alike(found: Type, wanted: Type) -> bool:
    match found, wanted:
        case NumberType(), NumberType():
            return found.unit in ("", wanted.unit)
        case ChoiceType(), ChoiceType():
            return set(found.codes) <= set(wanted.codes)
        case RecordType(), _:
            return found == wanted
        case _:
            return type(found) is type(wanted)
