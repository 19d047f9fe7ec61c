"""Which customer stands for a box?

Columns that are plain fields take a round value of the box. For columns that are expressions, facts are tried until the
expression gives a value of the box; where none is found, the box is not known to hold a customer.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from engine.backends.reference import FAILURES, value_of
from engine.datatypes import BooleanType, ChoiceType, DateType, NumberType, TextType, Type
from engine.program import Program, Table
from engine.source.syntax import Expression, Literal_, Test, parts, references
from engine.values import Value, round_to
from engine.verify.grid import Axis, Box, Grid, atom_of, domain, value_at
from engine.verify.regions import roundest, samples, unlisted

TRIES: Final = 600
"""Customers that are tried for a box that limits an expression."""
WIDEST: Final = Decimal(10) ** 20
"""Figures that large are not tried."""
STRIDE: Final = 7_919
"""A prime, so that the tries wander over all combinations."""
Facts = Mapping[str, Value]


def example(program: Program, table: Table, grid: Grid, box: Box, needs: frozenset[str] = frozenset()) -> Facts | None:
    """A customer of the box, by key, with the fields of the columns and ``needs``; None when none was found."""
    return next(examples(program, table, grid, box, needs), None)


def examples(program: Program, table: Table, grid: Grid, box: Box, needs: frozenset[str] = frozenset()) -> Iterator[Facts]:
    """Customers of the box, the plainest first; finitely many."""
    limits = {axis.field: (axis, mask) for axis, mask in zip(grid.axes, box, strict=True) if axis.field}
    computed = [(axis, mask) for axis, mask in zip(grid.axes, box, strict=True) if axis.free]
    keys = sorted({*limits, *needs, *(key for axis, _ in computed for key in references(axis.expression))})
    figures = _figures(table)
    options = {key: samples(*limits[key]) if key in limits else _anything(program.fields[key].type, figures) for key in keys}
    options = {key: [value for value in values if value is not None or key in limits or key not in program.producers] for key, values in options.items()}
    for facts in _combinations(options):
        if all(_gives(axis, mask, facts) for axis, mask in computed):
            yield facts


def _combinations(options: Mapping[str, Sequence[Value]]) -> Iterator[Facts]:
    """The first of each, then one field at a time, then combinations from here and there."""
    first = {key: values[0] for key, values in options.items()}
    yield first
    for key, values in options.items():
        yield from ({**first, key: value} for value in values[1:])
    for n in range(1, TRIES):
        yield _numbered(options, n * STRIDE)


def _numbered(options: Mapping[str, Sequence[Value]], number: int) -> Facts:
    facts = {}
    for key, values in options.items():
        number, choice = divmod(number, len(values))
        facts[key] = values[choice]
        number = number * 31 + choice + 17
    return facts


def _gives(axis: Axis, mask: int, facts: Facts) -> bool:
    try:
        value = value_of(axis.expression, facts)
        if isinstance(axis.type, NumberType) and value is not None:
            value = round_to(value, axis.type.scale, axis.type.rounding)
    except FAILURES:
        return False
    return bool(mask >> atom_of(value, axis) & 1)


def _figures(table: Table) -> list[Any]:
    """Every constant of the table's columns and of their cells."""
    nodes: list[Expression | Test] = [column.expression for column in table.columns]
    nodes += [test for row in table.rows for test, column in zip(row.tests, table.columns, strict=True) if not column.field]
    return list(dict.fromkeys(value for node in nodes for value in _constants(node)))


def _constants(node: Expression | Test) -> Iterator[Any]:
    if isinstance(node, Literal_):
        yield node.value
    for part in parts(node):
        yield from _constants(part)


def _anything(type_: Type, figures: Sequence[Any]) -> Sequence[Value]:
    """Values of a type that are worth trying, the plainest first, the empty value last."""
    match type_:
        case NumberType():
            near = [point for figure in figures if isinstance(figure, Decimal) for point in _near(figure, type_)]
            low, high = domain(type_)
            ends = [end for end in (low, None if high is None else high - 1) if end is not None]
            points = [point for point in (roundest((low, high)), *near, *ends) if (low is None or low <= point) and (high is None or point < high)]
            return [*(value_at(point, type_) for point in dict.fromkeys(points)), None]
        case DateType():
            days = [figure.toordinal() for figure in figures if isinstance(figure, datetime.date)]
            points = [730_120, *(day + step for day in days for step in (0, -1, 1))]
            start, end = domain(type_)
            assert start is not None and end is not None
            return [*(value_at(point, type_) for point in dict.fromkeys(points) if start <= point < end), None]
        case ChoiceType():
            return [*type_.codes, None]
        case BooleanType():
            return [False, True, None]
        case TextType(length):
            return [*(text for text in ("其他", *figures) if isinstance(text, str) and len(text) <= length), "", None]
        case _:
            return [unlisted(type_, ()), None]


def _near(figure: Decimal, type_: NumberType) -> list[int]:
    """Lattice points at a figure and beside it."""
    if abs(figure) >= WIDEST:
        return []
    at = int(figure.scaleb(type_.scale).to_integral_value(ROUND_DOWN))
    return [at, at - 1, at + 1]
