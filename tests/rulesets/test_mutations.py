"""Do the cases pin every figure: does changing any one cell of a shipped ruleset make one of its cases fail?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from engine import Program, Table
from engine.datatypes import BooleanType, ChoiceType, NumberType, Type
from engine.grid.boxes import Listed, closed_world, denote
from engine.program import Production, Row, outcome_item
from engine.source.syntax import AnyOf, Anything, Arithmetic, ArithmeticOperator, Call, Compare, Expression, FieldRef, Interval, Literal_, NoneOf, Test
from engine.source.writer import local_id, write_expression, write_test

_OPPOSITE: Final[dict[ArithmeticOperator, ArithmeticOperator]] = {"+": "-", "-": "+", "*": "/", "/": "*", "**": "*"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One production with one figure changed; ``row`` is empty for a formula."""

    name: str
    production: Production
    row: str = ""


# --- what can be changed -------------------------------------------------------------------------------------------------


def mutants(program: Program, ruleset: str) -> Iterator[Mutant]:
    """Every production of a ruleset with one figure changed, each figure in every way that its table can notice."""
    for production in program.ruleset(ruleset).productions:
        if isinstance(production, Table):
            for number, row in enumerate(production.rows):
                for what, changed in _rows(production, row, program):
                    if not _silent(production, number, changed):
                        rows = (*production.rows[:number], changed, *production.rows[number + 1 :])
                        yield Mutant(f"{production.id}#{row.id} {what}", replace(production, rows=rows), row.id)
        else:
            for node in _outputs(production.expression, program.fields[production.gives[0]].type, ()):
                yield Mutant(f"{production.id} = {write_expression(node)}", replace(production, expression=node))


def _silent(table: Table, number: int, changed: Row) -> bool:
    """Whether a row only takes more than before, and what it takes more of an earlier row has already, or it adds 0 to a sum."""
    row = table.rows[number]
    types = [column.type for column in table.columns]
    if not all(_covers((new,), old, type_) for old, new, type_ in zip(row.tests, changed.tests, types, strict=True)):
        return False
    if table.policy == "C+":
        return changed.outputs == row.outputs == (Literal_(Decimal(0)),)
    return table.policy == "F" and changed.outputs == row.outputs and any(_takes(earlier, row, changed, types) for earlier in table.rows[:number])


def _takes(earlier: Row, row: Row, changed: Row, types: Sequence[Type]) -> bool:
    """Whether ``earlier`` accepts all that ``changed`` accepts beyond ``row``."""
    return all(
        _covers((first,) if old is new else (first, old), new, type_)
        for first, old, new, type_ in zip(earlier.tests, row.tests, changed.tests, types, strict=True)
    )


def _covers(tests: tuple[Test, ...], test: Test, type_: Type) -> bool:
    return denote(AnyOf((*tests, test)), type_) == denote(AnyOf(tests), type_)


def _rows(table: Table, row: Row, program: Program) -> Iterator[tuple[str, Row]]:
    for number, (column, test) in enumerate(zip(table.columns, row.tests, strict=True)):
        for changed in _tests(test, column.type):
            what = f"{write_expression(column.expression)}: {write_test(changed)}"
            yield what, replace(row, tests=(*row.tests[:number], changed, *row.tests[number + 1 :]))
    for number, (key, node) in enumerate(zip(table.gives, row.outputs, strict=True)):
        type_ = outcome_item(program.fields[key].type, table.policy)
        others = [other.outputs[number] for other in table.rows]
        for result in _outputs(node, type_, others):
            what = f"{local_id(key)} = {write_expression(result)}"
            yield what, replace(row, outputs=(*row.outputs[:number], result, *row.outputs[number + 1 :]))


def _tests(test: Test, type_: Type) -> Iterator[Test]:
    """A condition cell with a value taken from or added to its list, or a threshold moved by one unit of the column.

    A bracket or comparison turned from open to closed is the same set as a threshold so moved, and not made again.
    """
    world = closed_world(type_)
    if isinstance(test, Anything):
        return
    if world is None:
        yield from _moved(test, _unit(type_))
        return
    accepted = denote(test, type_)
    assert isinstance(accepted, Listed)
    for toggled in world:
        kept = [value for value in world if ((value in accepted.values) != accepted.others) != (value == toggled)]
        yield AnyOf(tuple(Compare("=", Literal_(value)) for value in kept))


def _moved(test: Test, unit: Decimal) -> Iterator[Test]:
    match test:
        case Compare(operand=Literal_(Decimal() as value)):
            for moved in (value - unit, value + unit):
                yield replace(test, operand=Literal_(moved))
        case Interval(Literal_(Decimal() as low), Literal_(Decimal() as high)):
            for moved in (low - unit, low + unit):
                yield replace(test, low=Literal_(moved))
            for moved in (high - unit, high + unit):
                yield replace(test, high=Literal_(moved))
        case AnyOf(tests) | NoneOf(tests):
            for number, part in enumerate(tests):
                for changed in _moved(part, unit):
                    yield replace(test, tests=(*tests[:number], changed, *tests[number + 1 :]))
        case _:
            raise AssertionError(f"no way to change {write_test(test)}")


def _outputs(node: Expression, type_: Type, others: Sequence[Expression]) -> Iterator[Expression]:
    """An output cell with every other choice, the other truth, a unit more or less, or another cell's expression.

    A constant beyond the outcome's bounds is left out: it does not compile.
    """
    constant = isinstance(node, Literal_)
    match type_:
        case BooleanType() | ChoiceType():
            yield from (other for value in closed_world(type_) or () if (other := Literal_(value)) != node)
        case NumberType(minimum=low, maximum=high) if isinstance(node, Literal_):
            near = (node.value + step for step in (-_unit(type_), _unit(type_)))
            yield from (Literal_(value) for value in near if (low is None or low <= value) and (high is None or value <= high))
        case NumberType():
            yield from (Arithmetic("+", node, Literal_(step)) for step in (-_unit(type_), _unit(type_)))
            yield from _inside(node)
        case _:
            raise AssertionError(f"no way to change {write_expression(node)}")
    yield from dict.fromkeys(other for other in others if other != node and not (constant or isinstance(other, Literal_)))


def _inside(node: Expression) -> Iterator[Expression]:
    """An expression with one of its constants moved by one in its last place, or one of its operators turned."""
    match node:
        case Literal_(Decimal() as value):
            last = Decimal(1).scaleb(int(value.as_tuple().exponent))
            yield from (Literal_(value + step) for step in (-last, last))
        case Arithmetic(operator, left, right):
            yield replace(node, operator=_OPPOSITE[operator])
            yield from (replace(node, left=changed) for changed in _inside(left))
            yield from (replace(node, right=changed) for changed in _inside(right))
        case Call(_, arguments):
            for number, argument in enumerate(arguments):
                for changed in _inside(argument):
                    yield replace(node, arguments=(*arguments[:number], changed, *arguments[number + 1 :]))
        case FieldRef():
            return
        case _:
            raise AssertionError(f"no way to change {write_expression(node)}")


def _unit(type_: Type) -> Decimal:
    assert isinstance(type_, NumberType)
    return Decimal(1).scaleb(-type_.scale)
