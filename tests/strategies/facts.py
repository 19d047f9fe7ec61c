"""Which facts can a caller give, biased to where a program's answers change?"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any, assert_never

from engine import Program
from engine.datatypes import BooleanType, ChoiceType, DateType, DurationType, EmptyType, ListType, NumberType, RecordType, TextType, Type
from engine.program import Formula, Production
from engine.source.syntax import Expression, Literal_, Test, parts
from tests.strategies.cells import DATES, TEXTS
from tests.strategies.pen import Pen

Facts = dict[str, Any]
WIDEST = Decimal(10) ** 12


def literals(production: Production) -> Iterator[object]:
    """The value of every constant in a production."""
    nodes: list[Expression | Test] = [production.expression] if isinstance(production, Formula) else list(production.default.values())
    if not isinstance(production, Formula):
        nodes += [node for row in production.rows for node in (*row.tests, *row.outputs)]
        nodes += [column.expression for column in production.columns]
    for node in nodes:
        yield from _inside(node)


def _inside(node: Expression | Test) -> Iterator[object]:
    if isinstance(node, Literal_):
        yield node.value
    for part in parts(node):
        yield from _inside(part)


@dataclass(frozen=True)
class Constants:
    """The constants of a program, where its answers may change."""

    numbers: tuple[Decimal, ...] = ()
    dates: tuple[datetime.date, ...] = DATES
    texts: tuple[str, ...] = TEXTS

    @classmethod
    def of(cls, program: Program) -> Constants:
        found = [value for production in program.productions for value in literals(production)]
        return cls(
            tuple(sorted({value for value in found if isinstance(value, Decimal)})),
            tuple(sorted({value for value in found if isinstance(value, datetime.date)} | set(DATES))),
            tuple(sorted({value for value in found if isinstance(value, str)} | set(TEXTS))),
        )


def around(value: Decimal, type_: NumberType) -> list[Decimal]:
    """The number as the type can hold it, and its two neighbours, where they lie inside the bounds."""
    unit = Decimal(1).scaleb(-type_.scale)
    on_lattice = value.quantize(unit, rounding=ROUND_DOWN) if abs(value) < WIDEST * 1000 else Decimal(0)
    low, high = type_.minimum, type_.maximum
    near = (on_lattice, on_lattice - unit, on_lattice + unit)
    return [point + 0 for point in near if (low is None or point >= low) and (high is None or point <= high)]


def number_points(type_: NumberType, constants: Constants) -> list[Decimal]:
    """Where a number of this type is worth trying: every constant and bound, one unit below and above, small and large."""
    wanted = [Decimal(0), *constants.numbers, type_.minimum, type_.maximum, Decimal(1), Decimal(10_000), WIDEST]
    return list(dict.fromkeys(point for value in wanted if value is not None for point in around(value, type_)))


def value(pen: Pen, type_: Type, constants: Constants) -> Any:
    """A JSON value of a type, perhaps null."""
    return None if pen.chance(9) else present(pen, type_, constants)


def present(pen: Pen, type_: Type, constants: Constants) -> Any:
    """A JSON value of a type that is there."""
    match type_:
        case NumberType():
            return spelled(pen, pen.pick(number_points(type_, constants)))
        case ChoiceType():
            return pen.pick(type_.codes)
        case TextType(length):
            return pen.pick([text for text in constants.texts if len(text) <= length])
        case BooleanType():
            return pen.chance(2)
        case DateType():
            day = pen.pick(constants.dates).toordinal() + pen.pick((0, 1, -1))
            return datetime.date.fromordinal(min(max(day, 1), datetime.date.max.toordinal())).isoformat()
        case ListType(item):
            return [value(pen, item, constants) for _ in range(pen.number(0, 3))]
        case RecordType(members):
            return {member.id: value(pen, member.type, constants) for member in members}
        case DurationType() | EmptyType():
            raise AssertionError(type_)
        case _:
            assert_never(type_)


def spelled(pen: Pen, number: Decimal) -> int | Decimal | str:
    """A number as a JSON caller may write it."""
    whole = number == number.to_integral_value()
    match pen.number(0, 3):
        case 0 | 1:
            return int(number) if whole else number
        case 2:
            return number
        case _:
            return format(number, "f")


def facts(pen: Pen, program: Program, constants: Constants) -> Facts:
    """What a caller knows about one customer: most inputs, now and then an outcome."""
    given = {}
    for known in program.vocabulary.fields.values():
        likely = not pen.chance(12) if known.key not in program.exported else pen.chance(8)
        if likely:
            given[known.id] = value(pen, known.type, constants)
    return given


def shuffled(pen: Pen, given: Mapping[str, Any]) -> Facts:
    """The same facts in another order."""
    return {name: given[name] for name in pen.shuffled(list(given))}
