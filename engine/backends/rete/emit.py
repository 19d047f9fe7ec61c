"""How does a production become a Python function on slots?

Each production is written out as the source of one function ``fire(s)``: look up the rows of each column, AND them, take
the hit policy's rows, store the outcomes. ``python -m engine stages`` prints that source. A given outcome is never
overwritten.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NoReturn, assert_never

from engine import operators
from engine.backends.reference import failed, settled
from engine.backends.rete.slots import UNKNOWN, Slot, day, number, to_slot
from engine.builtins import call
from engine.datatypes import ChoiceType, DateType, DurationType, Field, ListType, NumberType, RecordType, TextType, Type
from engine.diagnostics import Text
from engine.grid.boxes import is_ordered, lattice
from engine.grid.index import ColumnIndex, ListedColumn, OrderedColumn, Region, Split, TableIndex, index_table, positions
from engine.program import Column, Formula, Production, Table, outcome_item
from engine.source import syntax
from engine.source.syntax import Expression, Test
from engine.values import CONTEXT, ROUNDINGS, Value, both, either, equal, negated, round_to

NO_ROW: Final = -1
SKIPPED: Final = -2
scaleb: Final = CONTEXT.scaleb
Hits = int | list[int]
"""What fired: the row number of a single-hit policy (0 for a formula), the rows that agree under ANY or that a gathering
policy gathered, or ``NO_ROW``, or ``SKIPPED`` when something the production needs stayed undecided."""
Fire = Callable[[list[Slot]], Hits]
Function = Callable[[list[Slot]], Slot]


@dataclass(frozen=True, slots=True)
class Emitted:
    """A production ready to fire, with the source it was compiled from and the index of its table."""

    production: Production
    fire: Fire
    source: str
    index: TableIndex | None


def emit(production: Production, slots: Mapping[str, int], fields: Mapping[str, Field], derived: frozenset[str]) -> Emitted:
    """Compile one production; ``slots`` numbers the fields, ``derived`` are those that a production gives."""
    return _Writer(production, slots, fields, derived).emitted()


class _Writer:
    """Writes the function of one production; constants go into the namespace it is compiled in."""

    def __init__(self, production: Production, slots: Mapping[str, int], fields: Mapping[str, Field], derived: frozenset[str]) -> None:
        self.production = production
        self.slots = slots
        self.fields = fields
        self.derived = derived
        self.names: dict[str, Any] = dict(_RUNTIME)
        self.variables: dict[str, int] = {}

    def emitted(self) -> Emitted:
        index = None
        match self.production:
            case Table() as table:
                index = index_table(table)
                body = [*self.columns(table, index), *self.policy(table, index)]
            case Formula(gives=(key,), expression=expression):
                body = [f"v = {self.name('settle', self.settle(key))}({self.expression(expression)})", *self.store(key, "v"), "return 0"]
            case _:
                raise AssertionError(self.production)
        lines = [*self.guard(), *body]
        source = "def fire(s):\n" + "".join(f"    {line}\n" for line in lines)
        exec(compile(source, f"<{self.production.ruleset}/{self.production.id}>", "exec"), self.names)  # noqa: S102 - our own text
        return Emitted(self.production, self.names["fire"], source, index)

    # --- parts ----------------------------------------------------------------------------------------------------------

    def name(self, stem: str, value: object) -> str:
        name = f"{stem}{len(self.names)}"
        self.names[name] = value
        return name

    def slot(self, key: str) -> str:
        return f"s[{self.slots[key]}]"

    def guard(self) -> list[str]:
        """Nothing is evaluated when all outcomes are given, or while something that is needed stays undecided."""
        given = " and ".join(f"{self.slot(key)} is not UNKNOWN" for key in self.production.gives)
        lines = [f"if {given}:", "    return NO_ROW"] if given else []
        waiting = sorted(self.slots[key] for key in self.production.needs & self.derived)
        return lines + ([f"if {' or '.join(f's[{n}] is UNKNOWN' for n in waiting)}:", "    return SKIPPED"] if waiting else [])

    def store(self, key: str, text: str) -> list[str]:
        """A given outcome stands; an empty result leaves the outcome unknown."""
        if len(self.production.gives) == 1:
            return [f"{self.slot(key)} = {text}"]
        return [f"if {self.slot(key)} is UNKNOWN:", f"    {self.slot(key)} = {text}"]

    def settle(self, key: str) -> Callable[[Value], Slot]:
        """Turn a derived value into its slot: rounded, inside its range, ``UNKNOWN`` when empty."""
        type_, label, production = self.fields[key].type, self.fields[key].label, self.production
        if isinstance(type_, NumberType):
            return _number_settler(type_, lambda value: settled(value, type_, label, production))
        return lambda value: UNKNOWN if value is None else to_slot(settled(value, type_, label, production), type_)

    # --- columns --------------------------------------------------------------------------------------------------------

    def columns(self, table: Table, index: TableIndex) -> list[str]:
        """Look up the matching rows: ``h`` is their bit vector within the region, ``rows`` the region's row numbers."""
        values = [self.slot(column.field) if column.field else f"c{n}" for n, column in enumerate(table.columns)]
        lines = [f"c{n} = {self.column_value(column)}" for n, column in enumerate(table.columns) if not column.field]
        if isinstance(index, Region):
            terms = [self.lookup(self.constants(found), value, column.type) for found, value, column in self.limiting(table, index, values)]
            return [*lines, f"h = {' & '.join(terms) if terms else self.name('ALL', (1 << len(index.rows)) - 1)}"]
        parts = [(f"R{n}", f"C{n}" if is_ordered(column.type) else "", f"E{n}") for n, column in enumerate(table.columns)]
        unpacked = ", ".join(name for part in parts for name in part if name)
        terms = [self.lookup(part, f"v[{n}]", column.type) for n, (part, column) in enumerate(zip(parts, table.columns, strict=True))]
        there = [f"R{n}[bisect(C{n}, v[{n}])]" if is_ordered(column.type) else terms[n] for n, column in enumerate(table.columns)]
        return [
            *lines,
            f"v = ({', '.join(values)},)",
            "if None in v:",
            f"    n = {self.name('TREE', _packed(index))}",
            "    while n.__class__ is tuple:",
            "        x = v[n[0]]",
            "        n = n[4] if x is None else n[2] if x < n[1] else n[3]",
            f"    rows, {unpacked} = n",
            f"    h = {' & '.join(terms)}",
            "else:",
            f"    n = {self.name('TREE', _packed(index, whole=False))}",
            "    while n.__class__ is tuple:",
            "        n = n[2] if v[n[0]] < n[1] else n[3]",
            "    if n.__class__ is int:",
            "        h, rows = 1, (n,)",
            "    else:",
            f"        rows, {unpacked} = n",
            f"        h = {' & '.join(there)}",
        ]

    @staticmethod
    def limiting(table: Table, index: Region, values: Sequence[str]) -> Iterator[tuple[ColumnIndex, str, Column]]:
        """The columns in which not every cell is ``-``."""
        for n, (column, found, value) in enumerate(zip(table.columns, index.columns, values, strict=True)):
            if not all(isinstance(row.tests[n], syntax.Anything) for row in table.rows):
                yield found, value, column

    def constants(self, index: ColumnIndex) -> tuple[str, str, str]:
        """The names under which one column's index stands in the namespace: rows, cuts, the rest."""
        match index:
            case ListedColumn(rows, other):
                return self.name("R", dict(rows)), "", self.name("E", other)
            case OrderedColumn(cuts, rows, empty):
                return self.name("R", list(rows)), self.name("C", list(cuts)), self.name("E", empty)

    def column_value(self, column: Column) -> str:
        """The slot form of an expression column."""
        type_ = column.type

        def point(value: Value) -> Slot:
            if isinstance(type_, NumberType) and value is not None:
                value = round_to(value, type_.scale, type_.rounding)
            return lattice(value, type_) if value is not None and isinstance(type_, NumberType | DateType | DurationType) else value

        return f"{self.name('point', point)}({self.expression(column.expression)})"

    @staticmethod
    def lookup(names: tuple[str, str, str], value: str, type_: Type) -> str:
        """Text that gives the rows of one column that accept ``value``."""
        rows, cuts, other = names
        if cuts:
            return f"({rows}[bisect({cuts}, {value})] if {value} is not None else {other})"
        if isinstance(type_, ListType | RecordType):
            return f"({rows}[None] if {value} is None else {other})"
        return f"{rows}.get({value}, {other})" if isinstance(type_, TextType) else f"{rows}[{value}]"

    # --- hit policies ---------------------------------------------------------------------------------------------------

    def policy(self, table: Table, index: TableIndex) -> list[str]:
        cut = isinstance(index, Split)
        if table.policy in ("U", "A", "P", "F"):
            lines = [*self.none_hit(table, "NO_ROW"), *self.choose(table, cut=cut)]
            cells = [line for position, key in enumerate(table.gives) for line in self.store(key, self.cell(table, position))]
            return [*lines, *cells, "return hits" if table.policy == "A" else "return r"]
        gather = "hits = [rows[n] for n in positions(h)]" if cut else "hits = positions(h)"
        cells = [line for position, key in enumerate(table.gives) for line in self.store(key, self.gathered(table, position))]
        return [*self.none_hit(table, "[]"), gather, *cells, "return hits"]

    def none_hit(self, table: Table, result: str) -> list[str]:
        lines = ["if not h:"]
        for key in table.gives:
            text = self.nothing(table, key)
            if text:
                lines += [f"    {line}" for line in self.store(key, text)]
        return [*lines, f"    return {result}"]

    def nothing(self, table: Table, key: str) -> str | None:
        if key in table.default:
            return f"{self.name('settle', self.settle(key))}({self.expression(table.default[key])})"
        if table.policy in ("R", "O", "C"):
            return "[]"
        return f"{self.name('settle', self.settle(key))}(Decimal(0))" if table.policy == "C#" else None

    def choose(self, table: Table, *, cut: bool) -> list[str]:
        """Pick the row that a single-hit policy fires; ``r`` is its number in the table."""
        hits = "[rows[n] for n in positions(h)]" if cut else "positions(h)"
        row = "rows[{}]" if cut else "{}"
        match table.policy:
            case "U":
                several = ["if h & (h - 1):", f"    {self.name('violated', self.violation(table, 'E501'))}({hits})"]
                return [*several, f"r = {row.format('h.bit_length() - 1')}"]
            case "A":
                check = f"    {self.name('check', self.any_check(table))}(s, hits)"
                return [f"hits = {hits}", "if len(hits) > 1:", check, "r = hits[0]"]
            case "P":
                return [f"r = min({hits}, key={self.name('rank', self.ranks(table).__getitem__)})"]
            case _:
                return [f"r = {row.format('(h & -h).bit_length() - 1')}"]

    def violation(self, table: Table, code: str) -> Callable[[list[int]], NoReturn]:
        def violated(rows: list[int]) -> NoReturn:
            raise failed(table, code, rows=", ".join(table.rows[n].id for n in rows))

        return violated

    def any_check(self, table: Table) -> Callable[[list[Slot], list[int]], None]:
        cells = [self.outputs(table, position) for position in range(len(table.gives))]
        violated = self.violation(table, "E502")

        def check(slots: list[Slot], rows: list[int]) -> None:
            for constants, functions in cells:
                values = [_cell(constants, functions, slots, row) for row in rows]
                if any(not equal(value, values[0]) for value in values):
                    violated(rows)

        return check

    def ranks(self, table: Table) -> list[tuple[int, ...]]:
        """Per row, the key that puts the highest outcome first; an empty one comes last."""
        orders = []
        for key in table.gives:
            type_ = outcome_item(self.fields[key].type, table.policy)
            assert isinstance(type_, ChoiceType)
            ranks: dict[object, int] = {code: -rank for rank, code in enumerate(type_.codes)}
            orders.append(ranks | {None: 1})
        return [tuple(order[node.value] for order, node in zip(orders, row.outputs, strict=True) if isinstance(node, syntax.Literal_)) for row in table.rows]

    # --- output cells ---------------------------------------------------------------------------------------------------

    def outputs(self, table: Table, position: int) -> tuple[list[Slot], list[Function | None]]:
        """Per row, the slot of a constant output, or the function that computes it."""
        key = table.gives[position]
        item = outcome_item(self.fields[key].type, table.policy)
        settle = self.settle(key) if item is self.fields[key].type else self.settle_item(item, self.fields[key].label)
        constants: list[Slot] = []
        functions: list[Function | None] = []
        for row in table.rows:
            node = row.outputs[position]
            if isinstance(node, syntax.Literal_):
                constants.append(settle(node.value))
                functions.append(None)
            else:
                constants.append(UNKNOWN)
                functions.append(self.function(node, settle))
        return constants, functions

    def settle_item(self, item: Type, label: Text) -> Callable[[Value], Slot]:
        production = self.production
        return lambda value: UNKNOWN if value is None else settled(value, item, label, production)

    def function(self, node: Expression, settle: Callable[[Value], Slot]) -> Function:
        name = self.name("settle", settle)
        return eval(f"lambda s: {name}({self.expression(node)})", self.names)  # type: ignore[no-any-return]  # noqa: S307 - our own text

    def cell(self, table: Table, position: int, row: str = "r") -> str:
        constants, functions = self.outputs(table, position)
        if not any(functions):
            return f"{self.name('OUT', constants)}[{row}]"
        return f"cell({self.name('OUT', constants)}, {self.name('FUN', functions)}, s, {row})"

    def gathered(self, table: Table, position: int) -> str:
        """What a gathering policy makes of the rows in ``hits``."""
        if table.policy == "C#":
            return f"{self.name('settle', self.settle(table.gives[position]))}(Decimal(len(hits)))"
        if table.policy in ("C+", "C<", "C>"):
            return self.aggregated(table, position)
        rows = f"sorted(hits, key={self.name('rank', self.ranks(table).__getitem__)})" if table.policy == "O" else "hits"
        return f"whole([{self.cell(table, position, 'r')} for r in {rows}])"

    def aggregated(self, table: Table, position: int) -> str:
        """Aggregate first, then round and check the range. Constants are aggregated as slots, other cells as natural values."""
        key = table.gives[position]
        type_ = self.fields[key].type
        nodes = [row.outputs[position] for row in table.rows]
        values = [node.value for node in nodes if isinstance(node, syntax.Literal_)]
        settle = self.name("settle", self.settle(key))
        if len(values) < len(nodes) or None in values:
            functions = [eval(f"lambda s: {self.expression(node)}", self.names) for node in nodes]  # noqa: S307 - our own text
            return f"{settle}({self.aggregate(table, type_)}([f(s) for f in map({self.name('FUN', functions)}.__getitem__, hits)]))"
        aggregate = "sum" if table.policy == "C+" else self.aggregate(table, type_)
        found = f"{aggregate}([*map({self.name('OUT', [to_slot(value, type_) for value in values])}.__getitem__, hits)])"
        return f"{settle}(number({found}, {-type_.scale}))" if isinstance(type_, NumberType) and _bounded(type_) else found

    def aggregate(self, table: Table, type_: Type) -> str:
        """The function that makes one value of a list of values."""
        if table.policy == "C+":
            return self.name("total", lambda values: call("sum", [values]))
        pick = min if table.policy == "C<" else max
        rank = type_.codes.index if isinstance(type_, ChoiceType) else None
        return self.name("extreme", lambda values: None if None in values else pick(values, key=rank))

    # --- expressions ----------------------------------------------------------------------------------------------------

    def expression(self, node: Expression) -> str:
        """Python text whose value is that of the checked ``node``; ``s`` are the slots, ``v_x`` bound variables."""
        match node:
            case syntax.Literal_(value):
                return repr(value) if value is None or isinstance(value, bool) else self.name("K", value)
            case syntax.FieldRef(key):
                return self.field(key)
            case syntax.Variable(name):
                return self.variable(name)
            case syntax.Negation(operand):
                return f"negative({self.expression(operand)})"
            case syntax.Arithmetic(operator, left, right):
                return f"{_OPERATIONS[operator]}({self.expression(left)}, {self.expression(right)})"
            case syntax.Comparison(operator, left, right, order):
                return f"compare({operator!r}, {self.expression(left)}, {self.expression(right)}, {order!r})"
            case syntax.Junction(operator, parts):
                tests = ", ".join(f"lambda: {self.expression(part)}" for part in parts)
                return f"{'both' if operator == 'and' else 'either'}(test() for test in ({tests}))"
            case syntax.Inverse(operand):
                return f"negated({self.expression(operand)})"
            case syntax.Conditional(condition, then, otherwise):
                return f"({self.expression(then)} if {self.expression(condition)} is True else {self.expression(otherwise)})"
            case syntax.Membership(operand, test):
                return f"(lambda t: {self.test(test)} or (None if t is None else False))({self.expression(operand)})"
            case syntax.Quantified(kind, variable, source, condition):
                join = "either" if kind == "some" else "both"
                return f"over({self.expression(source)}, lambda items: {join}({self.expression(condition)} for {self.variable(variable)} in items))"
            case syntax.Iteration(variable, source, body):
                return f"over({self.expression(source)}, lambda items: [{self.expression(body)} for {self.variable(variable)} in items])"
            case syntax.Filter(source, condition):
                item = self.variable("item")
                return f"over({self.expression(source)}, lambda items: [{item} for {item} in items if {self.expression(condition)} is True])"
            case syntax.Element(source, position):
                return f"element({self.expression(source)}, {self.expression(position)})"
            case syntax.MemberOf(source, member):
                return f"member_of({self.expression(source)}, {member!r})"
            case syntax.Call(function, arguments):
                return f"call({function!r}, [{', '.join(map(self.expression, arguments))}])"
            case syntax.ListOf(items):
                return f"[{', '.join(map(self.expression, items))}]"
            case syntax.Name() | syntax.Quantity():
                raise AssertionError(node)
            case _:
                assert_never(node)

    def variable(self, name: str) -> str:
        """A Python name of our own for a bound variable: what staff typed never becomes program text."""
        return f"v{self.variables.setdefault(name, len(self.variables))}"

    def field(self, key: str) -> str:
        match self.fields[key].type:
            case NumberType(scale):
                return f"number({self.slot(key)}, {-scale})"
            case DateType():
                return f"day({self.slot(key)})"
            case _:
                return self.slot(key)

    def test(self, node: Test) -> str:
        """Python text of a test on ``t``."""
        match node:
            case syntax.Anything():
                return "True"
            case syntax.Empty():
                return "(t is None)"
            case syntax.Compare(operator, operand, order):
                return f"(t is not None and compare({operator!r}, t, {self.expression(operand)}, {order!r}) is True)"
            case syntax.Interval(low, high, low_closed, high_closed, order):
                above = f"compare({'>=' if low_closed else '>'!r}, t, {self.expression(low)}, {order!r}) is True"
                below = f"compare({'<=' if high_closed else '<'!r}, t, {self.expression(high)}, {order!r}) is True"
                return f"(t is not None and {above} and {below})"
            case syntax.AnyOf(tests):
                return f"({' or '.join(map(self.test, tests))})"
            case syntax.NoneOf(tests):
                return f"(t is not None and not ({' or '.join(map(self.test, tests))}))"
            case _:
                assert_never(node)


# --- what the written functions call -----------------------------------------------------------------------------------


def _number_settler(type_: NumberType, refuse: Callable[[Value], Value]) -> Callable[[Value], Slot]:
    """Round to the lattice of ``type_``; what falls outside its range goes to ``refuse``, which raises."""
    scale, rounding = type_.scale, ROUNDINGS[type_.rounding]
    unit = Decimal(1).scaleb(-scale)
    low = None if type_.minimum is None else lattice(type_.minimum, type_)
    high = None if type_.maximum is None else lattice(type_.maximum, type_)

    def settle(value: Decimal | None) -> Slot:
        if value is None:
            return UNKNOWN
        point = int(scaleb(value.quantize(unit, rounding, CONTEXT), scale))
        if (low is not None and point < low) or (high is not None and point > high):
            refuse(value)
        return point

    return settle


def _bounded(type_: NumberType) -> bool:
    return type_.minimum is not None or type_.maximum is not None


def _packed(index: TableIndex, *, whole: bool = True) -> Any:
    """A tree as nested tuples (column, cut, low, high, empty) that end in lists: rows, then each column's index.

    Not ``whole``, for values of which none is empty: a region all of which one row alone accepts ends in the row's number.
    """
    if isinstance(index, Split):
        low, high = _packed(index.low, whole=whole), _packed(index.high, whole=whole)
        return (index.column, index.cut, low, high, _packed(index.empty)) if whole else (index.column, index.cut, low, high)
    if not whole and (row := _only_row(index)) is not None:
        return row
    packed: list[Any] = [index.rows]
    for column in index.columns:
        packed += [column.rows, column.cuts, column.empty] if isinstance(column, OrderedColumn) else [column.rows, column.other]
    return packed


def _only_row(region: Region) -> int | None:
    """The row that accepts every point of a region, when it is the only one that reaches into it."""
    inside = all(isinstance(column, OrderedColumn) and list(column.rows) == [1] for column in region.columns)
    return region.rows[0] if len(region.rows) == 1 and inside else None


def _cell(constants: Sequence[Slot], functions: Sequence[Function | None], slots: list[Slot], row: int) -> Slot:
    function = functions[row]
    return constants[row] if function is None else function(slots)


def _whole(values: list[Slot]) -> Slot:
    return UNKNOWN if any(value is UNKNOWN for value in values) else values


def _over(items: Value, function: Callable[[Value], Value]) -> Value:
    return None if items is None else function(items)


_OPERATIONS: Final = {"+": "plus", "-": "minus", "*": "times", "/": "divided", "**": "power"}
_RUNTIME: Final[dict[str, Any]] = {
    "UNKNOWN": UNKNOWN,
    "NO_ROW": NO_ROW,
    "SKIPPED": SKIPPED,
    "Decimal": Decimal,
    "bisect": bisect_right,
    "positions": positions,
    "number": number,
    "day": day,
    "cell": _cell,
    "whole": _whole,
    "over": _over,
    **{name: operators.arithmetic_of(operator) for operator, name in _OPERATIONS.items()},
    "compare": operators.compare,
    "negative": operators.negative,
    "element": operators.element,
    "member_of": operators.member_of,
    "both": both,
    "either": either,
    "negated": negated,
    "call": call,
}
