"""What do rules mean? This interpreter is the definition: no caching, no cleverness; every other backend must agree.

It works on typed values (``engine.values``) and walks the checked trees. ``evaluate`` fires every production whose
needs are known, until nothing new becomes known; the order cannot matter, because an outcome has one producer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, assert_never

from engine.builtins import call
from engine.datatypes import ChoiceType, Field, ListType, NumberType, TextType, Type
from engine.diagnostics import Diagnostic, Location, Text
from engine.errors import DecisionError
from engine.operators import arithmetic, compare, element, member_of, negative, why
from engine.program import Production, Program, Row, Table, outcome_item
from engine.source import syntax
from engine.source.syntax import Expression, Test
from engine.values import Value, both, bound, either, equal, negated, plain, round_to

Environment = Mapping[str, Value]

FAILURES: Final = (ArithmeticError, ValueError)
"""What an expression that has no value raises."""


def evaluate(program: Program, facts: Environment) -> dict[str, Value]:
    """All fields that become known from ``facts`` (typed values by key). Raises ``DecisionError``."""
    known = dict(facts)
    waiting = list(program.productions)
    progress = True
    while progress:
        progress = False
        for production in list(waiting):
            if production.needs <= known.keys():
                waiting.remove(production)
                derived = fire(production, known, program)
                known |= {key: value for key, value in derived.items() if key not in known}
                progress = True
    return known


def fire(production: Production, known: Environment, program: Program) -> dict[str, Value]:
    """The outcomes one production gives, given ones left alone; an outcome without a value is left out."""
    wanted = {key: program.fields[key] for key in production.gives if key not in known}
    derived: dict[str, Value] = {}
    if not wanted:
        return derived
    try:
        hits = _hits(production, known, program) if isinstance(production, Table) else []
        for key, field in wanted.items():
            value = _table_value(production, hits, key, known, field) if isinstance(production, Table) else value_of(production.expression, known)
            if value is not None:
                derived[key] = settled(value, field.type, field.label, production)
    except FAILURES as failure:
        raise failed(production, "E503", **why(failure)) from None
    return derived


def failed(production: Production, code: str, /, **parameters: object) -> DecisionError:
    title = production.title
    kind = ("表", "table") if isinstance(production, Table) else ("公式", "formula")
    names = {"table_zh": title.zh, "table_en": title.en, "place_zh": f"{kind[0]}「{title.zh}」", "place_en": f"{kind[1].capitalize()} “{title.en}”"}
    return DecisionError([Diagnostic(code, Location(production.ruleset, (production.id,), part=title), {**names, **parameters})])


def settled(value: Value, type_: Type, label: Text, production: Production) -> Value:
    """A derived value as everybody downstream sees it: rounded to its scale and inside its range. Raises E504, E505."""
    if isinstance(type_, ListType) and isinstance(value, list):
        return [settled(item, type_.item, label, production) for item in value]
    if isinstance(type_, TextType) and isinstance(value, str) and len(value) > type_.max_length:
        raise failed(production, "E505", found=len(value), limit=type_.max_length, field_zh=label.zh, field_en=label.en)
    if not isinstance(type_, NumberType) or value is None:
        return value
    rounded = round_to(value, type_.scale, type_.rounding)
    low, high = type_.minimum, type_.maximum
    if (low is not None and rounded < low) or (high is not None and rounded > high):
        raise failed(production, "E504", found=plain(rounded), low=bound(low), high=bound(high), field_zh=label.zh, field_en=label.en)
    return rounded


# --- tables --------------------------------------------------------------------------------------------------------------


def _hits(table: Table, known: Environment, program: Program) -> list[Row]:
    """The rows that fire, in the order of the hit policy."""
    read = [_column(value_of(column.expression, known), column.type) for column in table.columns]
    hits = [row for row in table.rows if all(matches(test, value, known) for test, value in zip(row.tests, read, strict=True))]
    match table.policy:
        case "U" | "A":
            if len(hits) > 1:
                _check_single(table, hits, known, program)
            return hits
        case "F":
            return hits[:1]
        case "P":
            return sorted(hits, key=lambda row: _priority(table, row, program))[:1]
        case "O":
            return sorted(hits, key=lambda row: _priority(table, row, program))
        case _:
            return hits


def _column(value: Value, type_: Type) -> Value:
    return round_to(value, type_.scale, type_.rounding) if isinstance(type_, NumberType) and value is not None else value


def _table_value(table: Table, hits: Sequence[Row], key: str, known: Environment, field: Field) -> Value:
    if not hits and key in table.default:
        return value_of(table.default[key], known)
    if table.policy == "C#":
        return Decimal(len(hits))
    position = table.gives.index(key)
    cells = (value_of(row.outputs[position], known) for row in hits)
    match table.policy:
        case "U" | "A" | "F" | "P":
            return next(cells, None)
        case "R" | "O" | "C":
            item = outcome_item(field.type, table.policy)
            gathered = [settled(cell, item, field.label, table) for cell in cells]
            return None if None in gathered else gathered
        case "C+":
            return call("sum", [list(cells)]) if hits else None
        case "C<" | "C>":
            return _extreme(list(cells), field.type, lowest=table.policy == "C<")
        case _:
            assert_never(table.policy)


def _extreme(values: list[Value], type_: Type, *, lowest: bool) -> Value:
    if not values or None in values:
        return None
    pick = min if lowest else max
    return pick(values, key=type_.codes.index) if isinstance(type_, ChoiceType) else pick(values)


def _check_single(table: Table, hits: Sequence[Row], known: Environment, program: Program) -> None:
    names = ", ".join(row.id for row in hits)
    if table.policy == "U":
        raise failed(table, "E501", rows=names)
    for position, key in enumerate(table.gives):
        field = program.fields[key]
        values = [settled(value_of(row.outputs[position], known), field.type, field.label, table) for row in hits]
        if any(not equal(value, values[0]) for value in values):
            raise failed(table, "E502", rows=names)


def _priority(table: Table, row: Row, program: Program) -> tuple[int, ...]:
    """Highest outcome first; an empty one comes last; earlier rows win ties (``sorted`` is stable)."""
    ranks = []
    for key, output in zip(table.gives, row.outputs, strict=True):
        type_ = outcome_item(program.fields[key].type, table.policy)
        value = value_of(output, {})
        assert isinstance(type_, ChoiceType)
        ranks.append(1 if value is None else -type_.codes.index(value))
    return tuple(ranks)


def matches(test: Test, value: Value, known: Environment) -> bool:
    """Whether a condition cell accepts a value; the empty value is accepted by ``-`` and ``null`` only."""
    match test:
        case syntax.Anything():
            return True
        case syntax.Empty():
            return value is None
        case syntax.Compare(operator, operand, order):
            return value is not None and compare(operator, value, value_of(operand, known), order) is True
        case syntax.Interval(low, high, low_closed, high_closed, order):
            if value is None:
                return False
            above = compare(">=" if low_closed else ">", value, value_of(low, known), order)
            return above is True and compare("<=" if high_closed else "<", value, value_of(high, known), order) is True
        case syntax.AnyOf(tests):
            return any(matches(part, value, known) for part in tests)
        case syntax.NoneOf(tests):
            return value is not None and not any(matches(part, value, known) for part in tests)
        case _:
            assert_never(test)


# --- expressions -----------------------------------------------------------------------------------------------------------


def value_of(node: Expression, known: Environment) -> Value:
    """The value of a checked expression; raises ``ArithmeticError`` or ``ValueError`` where there is none."""
    match node:
        case syntax.Literal_(value):
            return value
        case syntax.FieldRef(id_):
            return known[id_]
        case syntax.Variable(name):
            return known[f"${name}"]
        case syntax.Negation(operand):
            return negative(value_of(operand, known))
        case syntax.Arithmetic(operator, left, right):
            return arithmetic(operator, value_of(left, known), value_of(right, known))
        case syntax.Comparison(operator, left, right, order):
            return compare(operator, value_of(left, known), value_of(right, known), order)
        case syntax.Junction(operator, parts):
            return (both if operator == "and" else either)(value_of(part, known) for part in parts)
        case syntax.Inverse(operand):
            return negated(value_of(operand, known))
        case syntax.Conditional(condition, then, otherwise):
            return value_of(then if value_of(condition, known) is True else otherwise, known)
        case syntax.Membership(operand, test):
            value = value_of(operand, known)
            return matches(test, value, known) or (None if value is None else False)
        case syntax.Quantified(kind, variable, source, condition):
            items = value_of(source, known)
            join = either if kind == "some" else both
            return None if items is None else join(value_of(condition, _bind(known, variable, item)) for item in items)
        case syntax.Iteration(variable, source, body):
            items = value_of(source, known)
            return None if items is None else [value_of(body, _bind(known, variable, item)) for item in items]
        case syntax.Filter(source, condition):
            items = value_of(source, known)
            return None if items is None else [item for item in items if value_of(condition, _bind(known, "item", item)) is True]
        case syntax.Element(source, position):
            return element(value_of(source, known), value_of(position, known))
        case syntax.MemberOf(source, member):
            return member_of(value_of(source, known), member)
        case syntax.Call(function, arguments):
            return call(function, [value_of(argument, known) for argument in arguments])
        case syntax.ListOf(items):
            return [value_of(item, known) for item in items]
        case syntax.Name() | syntax.Quantity():
            raise AssertionError(node)
        case _:
            assert_never(node)


def _bind(known: Environment, variable: str, item: Value) -> Environment:
    return {**known, f"${variable}": item}
