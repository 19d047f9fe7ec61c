"""Does the index of a table find the rows that the reference finds, one by one?"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any
from unittest import mock

from hypothesis import given, note, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from engine import Table, Text
from engine.backends import reference
from engine.datatypes import BooleanType, ChoiceType, DateType, DurationType, NumberType, TextType, Type
from engine.grid import index
from engine.grid.boxes import Listed, denote, is_ordered, lattice
from engine.grid.index import index_table
from engine.program import Column, Row
from engine.source.syntax import Compare, FieldRef, Interval, Literal_, Test
from engine.source.writer import write_test
from engine.values import Months
from tests.strategies.cells import TEXTS, cell, constants
from tests.strategies.facts import around
from tests.strategies.pen import Pen, pens
from tests.strategies.vocabularies import choice_type, number_type

PROBES = 100


@st.composite
def tables(draw: DrawFn) -> tuple[Table, list[list[Any]]]:
    """A table of any size, and the constants of each column."""
    pen = Pen.drawing(draw)
    types = [column_type(pen) for _ in range(pen.number(0, 3))]
    values = [constants(pen, type_, pen.pick((4, 8))) for type_ in types]
    pool = [column(pen, type_, some) for type_, some in zip(types, values, strict=True)]
    rows = tuple(Row(f"r{n}", tuple(pen.pick(cells) for cells in pool), (Literal_(True),)) for n in range(pen.number(0, 12) * pen.pick((1, 1, 8))))
    columns = tuple(Column(FieldRef(f"f{n}"), Text("列", "column"), type_) for n, type_ in enumerate(types))
    return Table("r", "t", Text("表", "table"), "C", columns, ("o",), rows, {}, frozenset()), values


def column(pen: Pen, type_: Type, values: list[Any]) -> list[Test]:
    """Cells to choose a column's from: of all kinds, or the steps of a ladder, which a tree can cut."""
    if len(values) < 3 or not is_ordered(type_) or pen.chance(2):
        return [cell(pen, type_, values) for _ in range(pen.number(1, 12))]
    steps = [Interval(Literal_(low), Literal_(high), True, False) for low, high in pairwise(values)]
    return [*steps, *(Compare("=", Literal_(value)) for value in values)]


def column_type(pen: Pen) -> Type:
    simple: tuple[Type, ...] = (DateType(), TextType(), BooleanType(), DurationType("days"), DurationType("months"))
    return pen.pick((number_type(pen), number_type(pen, bounded=False), choice_type(pen, ordered=True), choice_type(pen, ordered=False), *simple))


def points(type_: Type, values: Sequence[Any]) -> list[Any]:
    """Every constant of a column, its neighbours, null, and what no cell mentions."""
    match type_:
        case NumberType():
            near = [point for value in (*values, Decimal(7)) for point in around(value, type_)]
            return [None, *near]
        case DateType():
            inner = [value for value in values if 1 < value.toordinal() < datetime.date.max.toordinal()]
            day = datetime.timedelta(days=1)
            return [None, *values, datetime.date(1990, 1, 1), *(value + step for value in inner for step in (day, -day))]
        case DurationType("days"):
            return [None, *values, *(value + datetime.timedelta(days=1) for value in values)]
        case DurationType():
            return [None, *values, *(Months(value.count + 1) for value in values)]
        case ChoiceType():
            return [None, *type_.codes]
        case BooleanType():
            return [None, True, False]
        case _:
            return [None, *TEXTS, "not listed"]


@given(tables(), pens())
def test_the_index_finds_the_rows_that_the_reference_finds(made: tuple[Table, list[list[Any]]], pen: Pen) -> None:
    table, constants = made
    types = [column.type for column in table.columns]
    axes = [points(type_, some) for type_, some in zip(types, constants, strict=True)]
    indexes = [index_table(table)]
    for size in (0, 2):
        with mock.patch.object(index, "REGION_ROWS", size):
            indexes.append(index_table(table))
    for _ in range(PROBES):
        values = [pen.pick(axis) for axis in axes]
        note(str(values))
        expected = [n for n, row in enumerate(table.rows) if all(reference.matches(test, value, {}) for test, value in zip(row.tests, values, strict=True))]
        for made_index in indexes:
            assert list(made_index.matching(values, types)) == expected


@given(tables())
@settings(max_examples=settings.default.max_examples // 2 if settings.default else 50)
def test_a_cell_denotes_the_values_that_it_matches(made: tuple[Table, list[list[Any]]]) -> None:
    table, constants = made
    for column, (type_, some) in enumerate(zip([column.type for column in table.columns], constants, strict=True)):
        for row in table.rows:
            test = row.tests[column]
            denoted = denote(test, type_)
            for value in points(type_, some):
                note(f"{write_test(test)} on {value}")
                assert contains(denoted, value, type_) == reference.matches(test, value, {})


def contains(denoted: Any, value: Any, type_: Type) -> bool:
    if value is None:
        return bool(denoted.empty)
    if isinstance(denoted, Listed):
        return (value in denoted.values) != denoted.others
    point = lattice(value, type_)
    return any((low is None or low <= point) and (high is None or point < high) for low, high in denoted.runs)
