"""What are the parts of a cell and of an expression?

Two closed unions. ``Expression`` computes a value; ``Test`` denotes a set of values of a column (a *unary test*). The
parser builds them from what was typed; ``engine.source.check`` returns the same nodes with names, choices and units
resolved, and only checked nodes are evaluated. ``span`` is the place in characters and never takes part in equality.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from decimal import Decimal
from typing import Any, Literal

from engine.values import Months

Span = tuple[int, int]
Constant = Decimal | str | bool | datetime.date | datetime.timedelta | Months | None


def _span() -> Span:
    return field(default=(0, 0), compare=False, repr=False)


# --- expressions -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Literal_:
    """A constant. ``quoted`` tells text in quotes from a bare word."""

    value: Constant
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with a unit as typed (``5%``, ``0.3‰``, ``30BP``, ``30天``); resolved by the column it stands in."""

    number: Decimal
    unit: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Name:
    """A word as typed, before it is known what it names."""

    text: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class FieldRef:
    """The value of a field; empty when the field is known to be empty."""

    id: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Variable:
    """The value bound by ``some``, ``every``, ``for`` or a filter."""

    name: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Negation:
    """Arithmetic minus; empty on an empty operand."""

    operand: Expression
    span: Span = _span()


ArithmeticOperator = Literal["+", "-", "*", "/", "**"]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Exact decimal arithmetic to 34 digits, and ``+``/``-`` on dates, durations and text; empty on an empty operand."""

    operator: ArithmeticOperator
    left: Expression
    right: Expression
    span: Span = _span()


ComparisonOperator = Literal["=", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Compare two values of one type; ``order`` lists the codes of an ordered choice from low to high."""

    operator: ComparisonOperator
    left: Expression
    right: Expression
    order: tuple[str, ...] = ()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Junction:
    """Three-valued ``and`` / ``or`` of two or more parts."""

    operator: Literal["and", "or"]
    parts: tuple[Expression, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Inverse:
    """Three-valued ``not``."""

    operand: Expression
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Conditional:
    """``if c then a else b``; an empty condition takes the ``else``."""

    condition: Expression
    then: Expression
    otherwise: Expression
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Membership:
    """``x in (tests)`` and ``x between a and b`` (both ends included); empty on an empty ``x`` unless tested for."""

    operand: Expression
    test: Test
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Quantified:
    """``some/every v in list satisfies c``; three-valued over the elements; empty on an empty list value."""

    kind: Literal["some", "every"]
    variable: str
    source: Expression
    condition: Expression
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Iteration:
    """``for v in list return e``: the list of results."""

    variable: str
    source: Expression
    body: Expression
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Filter:
    """``list[condition]``: the elements on which the condition is true; record members are named directly, ``item`` is the element."""

    source: Expression
    condition: Expression
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Element:
    """``list[n]``: the n-th element from 1, or from the end when negative; empty when there is none."""

    source: Expression
    position: Expression
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class MemberOf:
    """``record.member`` (over a list: of each element), ``date.year/month/day``, ``duration.days/years/months``."""

    source: Expression
    member: str
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Call:
    """A built-in function on positional arguments."""

    function: str
    arguments: tuple[Expression, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list written out."""

    items: tuple[Expression, ...]
    span: Span = _span()


Expression = (
    Literal_
    | Quantity
    | Name
    | FieldRef
    | Variable
    | Negation
    | Arithmetic
    | Comparison
    | Junction
    | Inverse
    | Conditional
    | Membership
    | Quantified
    | Iteration
    | Filter
    | Element
    | MemberOf
    | Call
    | ListOf
)


# --- tests -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Anything:
    """``-``: every value, the empty one included."""

    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Empty:
    """``null``: the empty value only."""

    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Compare:
    """``>= e`` and the like; ``= e`` is written as the bare value. False on the empty value.

    ``order`` lists the codes of an ordered choice from low to high.
    """

    operator: ComparisonOperator
    operand: Expression
    order: tuple[str, ...] = ()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class Interval:
    """``[a..b]``, ``(a..b)`` …: a round bracket leaves its end out. False on the empty value."""

    low: Expression
    high: Expression
    low_closed: bool
    high_closed: bool
    order: tuple[str, ...] = ()
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """``a, b, c``: at least one of the tests holds."""

    tests: tuple[Test, ...]
    span: Span = _span()


@dataclass(frozen=True, slots=True)
class NoneOf:
    """``not(a, b)``: the value is there and none of the tests holds. False on the empty value."""

    tests: tuple[Test, ...]
    span: Span = _span()


Test = Anything | Empty | Compare | Interval | AnyOf | NoneOf


# --- walking -------------------------------------------------------------------------------------------------------------


def parts(node: Expression | Test) -> Iterator[Expression | Test]:
    """The direct parts of a node."""
    for slot in fields(node):
        value = getattr(node, slot.name)
        for part in value if isinstance(value, tuple) else (value,):
            if is_dataclass(part) and not isinstance(part, Months):
                yield part  # type: ignore[misc]


def references(node: Expression | Test) -> Iterator[str]:
    """The keys of all fields that a checked node mentions."""
    if isinstance(node, FieldRef):
        yield node.id
    for part in parts(node):
        yield from references(part)


def rewrite(node: Expression, change: Callable[[Expression], Expression | None]) -> Expression:
    """Rebuild a tree from the top: where ``change`` gives a node, that node stands; elsewhere the parts are rewritten."""
    changed = change(node)
    if changed is not None:
        return changed
    values: dict[str, Any] = {slot.name: _rewritten(getattr(node, slot.name), change) for slot in fields(node)}
    return replace(node, **values)


def _rewritten(value: object, change: Callable[[Expression], Expression | None]) -> object:
    if isinstance(value, tuple):
        return tuple(_rewritten(part, change) for part in value)
    return rewrite(value, change) if is_dataclass(value) and not isinstance(value, Months) else value  # type: ignore[arg-type]
