"""What is the one canonical spelling of a cell, an expression, a document, and what is its hash?

``read(write(x)) == x``; whatever the language, width or notation something was typed in, it is written the same way.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import unicodedata
from collections.abc import Container, Mapping
from decimal import Decimal
from typing import Any, Final, assert_never

from engine.source.syntax import (
    AnyOf,
    Anything,
    Arithmetic,
    Call,
    Compare,
    Comparison,
    Conditional,
    Constant,
    Element,
    Empty,
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
    Name,
    Negation,
    NoneOf,
    Quantified,
    Quantity,
    Test,
    Variable,
)
from engine.values import Months, plain

TEMPORAL: Final = frozenset({"year", "month", "day", "days", "years", "months"})
"""Parts of dates and durations; they are always written after their value."""
_BINDING: Final = {"or": 1, "and": 2, "compare": 3, "+": 4, "-": 4, "*": 5, "/": 5, "**": 6, "unary": 7, "postfix": 8}


def local_id(key: str) -> str:
    """The id of a field within its ruleset: a local outcome's key carries its ruleset in front."""
    return key.rpartition(".")[2]


def write_constant(value: Constant) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Decimal():
            return plain(value)
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case datetime.date():
            return f'@"{value.isoformat()}"'
        case datetime.timedelta():
            return f'@"{"-" if value.days < 0 else ""}P{abs(value.days)}D"'
        case Months(count):
            years, months = divmod(abs(count), 12)
            return f'@"{"-" if count < 0 else ""}P{f"{years}Y" if years else ""}{f"{months}M" if months or not years else ""}"'
        case _:
            assert_never(value)


def write_test(node: Test) -> str:
    """The canonical text of a condition cell."""
    match node:
        case Anything():
            return "-"
        case Empty():
            return "null"
        case Compare("=", operand):
            return write_expression(operand, 4)
        case Compare(operator, operand):
            return f"{operator} {write_expression(operand, 4)}"
        case Interval(low, high, low_closed, high_closed):
            return f"{'[' if low_closed else '('}{write_expression(low, 4)}..{write_expression(high, 4)}{']' if high_closed else ')'}"
        case AnyOf(tests):
            return ", ".join(write_test(test) for test in tests)
        case NoneOf(tests):
            return f"not({', '.join(write_test(test) for test in tests)})"
        case _:
            assert_never(node)


def write_expression(node: Expression, outer: int = 0) -> str:
    """The canonical text of an expression, with the fewest brackets. ``outer`` is how tightly the place around binds."""
    text, binding = _spell(node)
    return f"({text})" if binding < outer else text


def _spell(node: Expression) -> tuple[str, int]:
    match node:
        case Literal_(Decimal() as value) if value < 0:
            return plain(value), _BINDING["unary"]
        case Literal_(value):
            return write_constant(value), 9
        case Quantity(number, unit):
            return plain(number) + unit, 9
        case Name(text):
            return text, 9
        case FieldRef(id_):
            return local_id(id_), 9
        case Variable(name):
            return name, 9
        case Negation(operand):
            return "-" + write_expression(operand, 8), _BINDING["unary"]
        case Arithmetic(operator, left, right):
            binding = _BINDING[operator]
            right_first = operator == "**"
            return f"{write_expression(left, binding + right_first)} {operator} {write_expression(right, binding + (not right_first))}", binding
        case Comparison(operator, left, right):
            return f"{write_expression(left, 4)} {operator} {write_expression(right, 4)}", _BINDING["compare"]
        case Junction(operator, parts):
            binding = _BINDING[operator]
            return f" {operator} ".join(write_expression(part, binding + 1) for part in parts), binding
        case Inverse(operand):
            return f"not({write_expression(operand)})", 9
        case Conditional(condition, then, otherwise):
            return f"if {write_expression(condition)} then {write_expression(then)} else {write_expression(otherwise)}", 0
        case Membership(operand, test):
            return f"{write_expression(operand, 4)} in {_spell_set(test)}", _BINDING["compare"]
        case Quantified(kind, variable, source, condition):
            return f"{kind} {variable} in {write_expression(source)} satisfies {write_expression(condition)}", 0
        case Iteration(variable, source, body):
            return f"for {variable} in {write_expression(source)} return {write_expression(body)}", 0
        case Filter(source, condition):
            return f"{write_expression(source, 8)}[{write_expression(condition)}]", 8
        case Element(source, position):
            return f"{write_expression(source, 8)}[{write_expression(position)}]", 8
        case MemberOf(Variable("item"), member) if member not in TEMPORAL:
            return member, 9
        case MemberOf(source, member):
            return f"{write_expression(source, 8)}.{member}", 8
        case Call("list contains", (items, item)):
            return f"{write_expression(item, 4)} in {write_expression(items, 8)}", _BINDING["compare"]
        case Call(function, arguments):
            return f"{function}({', '.join(write_expression(argument) for argument in arguments)})", 9
        case ListOf(items):
            return f"[{', '.join(write_expression(item) for item in items)}]", 9
        case _:
            assert_never(node)


def _spell_set(test: Test) -> str:
    return write_test(test) if isinstance(test, Interval) else f"({write_test(test)})"


# --- documents -----------------------------------------------------------------------------------------------------------


ORDERED: Final = frozenset({"choices", "fields", "members"})
"""Parts of a document in which the order of keys says something: which choice is higher, what is shown first."""


def canonical_json(data: object) -> str:
    """One text for one content: keys sorted, no blanks, NFC, numbers exact and without trailing zeros."""
    return _dumped(_canonical(data, frozenset()))


def document_json(document: object) -> str:
    """One text for one document: canonical JSON, but parts named in ``ORDERED`` keep the order they were written in."""
    return _dumped(_canonical(document, ORDERED))


def _dumped(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _canonical(data: object, ordered: Container[str], name: str = "") -> Any:
    match data:
        case Mapping():
            items = {unicodedata.normalize("NFC", str(key)): _canonical(value, ordered, str(key)) for key, value in data.items()}
            return items if name in ordered else dict(sorted(items.items()))
        case list() | tuple():
            return [_canonical(item, ordered) for item in data]
        case str():
            return unicodedata.normalize("NFC", data)
        case Decimal():
            return plain(data)
        case _:
            return data


def document_sha256(document: object) -> str:
    """Hex SHA-256 of ``document_json``: what names a version."""
    return hashlib.sha256(document_json(document).encode()).hexdigest()
