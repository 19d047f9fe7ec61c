"""What is true of a table, by asking the reference interpreter about every customer that can matter?

Each column takes one value out of every piece that the constants of the table and the bounds of the field can make: the
constants, their neighbours, the bounds, what no cell mentions, and null where the column can be empty. Nothing of
``engine.verify`` or ``engine.grid`` is used.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import product
from typing import Any

from engine import Program, Table
from engine.backends.reference import matches
from engine.datatypes import BooleanType, ChoiceType, DateType, DurationType, ListType, NumberType, RecordType, TextType, Type
from engine.program import Column, outcome_item
from engine.source.cells import parse_cell
from engine.source.check import Scope, check_cell
from engine.source.syntax import Literal_, Test, parts
from engine.values import Months, Value

Point = tuple[Value, ...]
"""One value per column."""


def constants(node: Any) -> Iterator[Any]:
    if isinstance(node, Literal_):
        yield node.value
    for part in parts(node):
        yield from constants(part)


def pieces(type_: Type, found: Sequence[Any]) -> list[Value]:
    """A value of every piece of the axis that the constants ``found`` cut."""
    match type_:
        case NumberType():
            unit = Decimal(1).scaleb(-type_.scale)
            low, high = type_.minimum, type_.maximum
            wide = [Decimal(-(10**20)), Decimal(10**20)]
            tried = [value + step * unit for value in [*found, *wide, *(b for b in (low, high) if b is not None)] for step in (-1, 0, 1)]
            return sorted({value for value in tried if (low is None or low <= value) and (high is None or value <= high)})
        case DateType():
            days = {day.toordinal() + step for day in [*found, datetime.date.min, datetime.date.max] for step in (-1, 0, 1)}
            return [datetime.date.fromordinal(day) for day in sorted(days) if 1 <= day <= datetime.date.max.toordinal()]
        case DurationType("days"):
            return [datetime.timedelta(days=days) for days in sorted({value.days + step for value in [*found, datetime.timedelta(0)] for step in (-1, 0, 1)})]
        case DurationType():
            return [Months(count) for count in sorted({value.count + step for value in [*found, Months(0)] for step in (-1, 0, 1)})]
        case ChoiceType():
            return list(type_.codes)
        case BooleanType():
            return [False, True]
        case TextType(length):
            return [*sorted({text for text in found if len(text) <= length}), next(t for t in ("其他", "他", "Q") if t not in found and len(t) <= length)]
        case ListType():
            return [[]]
        case RecordType():
            return [{}]
        case _:
            raise AssertionError(type_)


class Truth:
    """The table on every customer that can matter; columns of one and the same expression move together."""

    def __init__(self, program: Program, table: Table) -> None:
        self.program = program
        self.table = table
        self.expressions = list(dict.fromkeys(column.expression for column in table.columns))
        self.axes = [self.values(expression) for expression in self.expressions]
        self.size = 1
        for axis in self.axes:
            self.size *= len(axis)

    def values(self, expression: Any) -> list[Value]:
        positions = [n for n, column in enumerate(self.table.columns) if column.expression == expression]
        column = self.table.columns[positions[0]]
        found = [value for row in self.table.rows for n in positions for value in constants(row.tests[n]) if value is not None]
        values = pieces(column.type, found)
        return values if column.field in self.program.producers else [*values, None]

    @cached_property
    def hits(self) -> dict[tuple[int, ...], tuple[int, ...]]:
        """For every combination, by position of the value on each axis, the rows that match."""
        accepted = [[self._accepting(n, value) for value in axis] for n, axis in enumerate(self.axes)]
        every = (1 << len(self.table.rows)) - 1
        found = {}
        for at in product(*(range(len(axis)) for axis in self.axes)):
            rows = every
            for n, position in enumerate(at):
                rows &= accepted[n][position]
            found[at] = tuple(row for row in range(len(self.table.rows)) if rows >> row & 1)
        return found

    def _accepting(self, axis: int, value: Value) -> int:
        columns = [n for n, column in enumerate(self.table.columns) if column.expression == self.expressions[axis]]
        return sum(1 << n for n, row in enumerate(self.table.rows) if all(matches(row.tests[c], value, {}) for c in columns))

    def empty_at(self, at: tuple[int, ...]) -> bool:
        return any(self.axes[n][position] is None for n, position in enumerate(at))

    # --- answers ----------------------------------------------------------------------------------------------------------

    def answer(self, rows: Sequence[int], *, without: int | None = None) -> object:
        """What some matching rows give, as far as it can be told apart without computing."""
        left = [row for row in rows if row != without]
        outputs = [self.table.rows[row].outputs for row in left]
        if not left:
            return "default", tuple(self.table.default.get(key) for key in self.table.gives) if self.table.default else None
        match self.table.policy:
            case "U":
                return "error" if len(left) > 1 else ("value", outputs[0])
            case "A":
                return ("value", outputs[0]) if len(set(outputs)) == 1 else ("error", frozenset(outputs))
            case "F":
                return "value", outputs[0]
            case "P":
                return "value", self.table.rows[self.winner(left)].outputs
            case "C<" | "C>" if self.constant:
                return "value", self.table.rows[self.winner(left)].outputs
            case _:
                return "rows", tuple(left)

    @cached_property
    def constant(self) -> bool:
        """Whether every output is a constant that is there."""
        return all(isinstance(node, Literal_) and node.value is not None for row in self.table.rows for node in row.outputs)

    def winner(self, rows: Sequence[int]) -> int:
        """The row that decides under F, P, C< and C>."""
        return rows[0] if self.table.policy == "F" else min(rows, key=self.rank)

    def rank(self, row: int) -> tuple[Any, ...]:
        if self.table.policy == "P":
            return tuple(self._priority(position, node.value) for position, node in enumerate(self.outputs(row)))
        type_ = self.program.fields[self.table.gives[0]].type
        (node,) = self.outputs(row)
        size = type_.codes.index(node.value) if isinstance(type_, ChoiceType) else node.value
        return (_Downwards(size) if self.table.policy == "C>" else size,)

    def outputs(self, row: int) -> list[Literal_]:
        return [node for node in self.table.rows[row].outputs if isinstance(node, Literal_)]

    def _priority(self, position: int, value: Any) -> int:
        type_ = outcome_item(self.program.fields[self.table.gives[position]].type, self.table.policy)
        assert isinstance(type_, ChoiceType)
        return 1 if value is None else -type_.codes.index(value)

    def same(self, left: object, right: object) -> bool:
        """Whether two answers are alike: a default that is written like a row's outcomes gives the same."""
        return _plain(left, self.table) == _plain(right, self.table)


@dataclass(frozen=True)
class _Downwards:
    """A value that sorts the other way round."""

    value: Any

    def __lt__(self, other: _Downwards) -> bool:
        return bool(other.value < self.value)


def _plain(answer: Any, table: Table) -> object:
    kind, value = answer if isinstance(answer, tuple) else (answer, None)
    if kind == "default":
        return "value", value if value is not None else tuple(None for _ in table.gives)
    return kind, value


# --- regions ----------------------------------------------------------------------------------------------------------------


def read(cells: Sequence[str], columns: Sequence[Column], scope: Scope) -> list[Test]:
    """The cells as the checker understands them: a region must be something an author can type."""
    return [check_cell(parse_cell(cell, scope.lexicon), column.type, scope, column.label) for cell, column in zip(cells, columns, strict=True)]


def column_points(truth: Truth, cells: Sequence[str], scope: Scope) -> list[list[int]]:
    """Per axis the positions of the values that the cells accept."""
    tests = read(cells, truth.table.columns, scope)
    found = []
    for expression, axis in zip(truth.expressions, truth.axes, strict=True):
        columns = [n for n, column in enumerate(truth.table.columns) if column.expression == expression]
        found.append([position for position, value in enumerate(axis) if all(matches(tests[n], value, {}) for n in columns)])
    return found


def points_of(truth: Truth, cells: Sequence[str], scope: Scope) -> set[tuple[int, ...]]:
    return set(product(*column_points(truth, cells, scope)))
