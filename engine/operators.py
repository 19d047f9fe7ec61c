"""What do the operators of an expression do to values, the empty value included?

Both backends call these, so there is one statement of arithmetic; the rules on empty values are in ``engine.values``.
A failing operation raises ``ArithmeticError``, ``ValueError`` or ``OverflowError``.
"""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from engine.builtins import add_months
from engine.values import CONTEXT, Impossible, Months, Value, equal, less, negated

ARITHMETIC: Final[dict[str, Callable[[Decimal, Decimal], Decimal]]] = {
    "+": CONTEXT.add,
    "-": CONTEXT.subtract,
    "*": CONTEXT.multiply,
    "/": CONTEXT.divide,
    "**": CONTEXT.power,
}


def arithmetic_of(operator: str) -> Callable[[Value, Value], Value]:
    """``arithmetic`` for one operator, with a short way for numbers."""
    function = ARITHMETIC[operator]

    def apply(left: Value, right: Value) -> Value:
        if type(left) is Decimal and type(right) is Decimal:
            return function(left, right)
        return arithmetic(operator, left, right)

    return apply


def compare(operator: str, left: Value, right: Value, order: tuple[str, ...] = ()) -> bool | None:
    """One comparison under the null rules; ``order`` ranks the codes of an ordered choice."""
    if operator == "=":
        return equal(left, right)
    if operator == "!=":
        return not equal(left, right)
    if order:
        left, right = (None if side is None else order.index(side) for side in (left, right))
    match operator:
        case "<":
            return less(left, right)
        case ">":
            return less(right, left)
        case "<=":
            return negated(less(right, left))
        case _:
            return negated(less(left, right))


def why(failure: Exception) -> dict[str, str]:
    """The parameters of E503: why there is no value, in the words of a table's author."""
    match failure:
        case Impossible(text=text):
            return {"why_zh": text.zh, "why_en": text.en}
        case ZeroDivisionError():
            return {"why_zh": "除数为零", "why_en": "a divisor is zero"}
        case decimal.InvalidOperation() if decimal.DivisionUndefined in failure.args[0]:
            return {"why_zh": "除数为零", "why_en": "a divisor is zero"}
        case decimal.DecimalException():
            return {"why_zh": "数值超过 34 位有效数字", "why_en": "the number needs more than 34 digits"}
        case OverflowError():
            return {"why_zh": "日期或时长过大", "why_en": "the date or duration is too large"}
        case _:
            return {"why_zh": "得不出结果", "why_en": "there is no result"}


def negative(value: Value) -> Value:
    """Arithmetic minus."""
    match value:
        case None:
            return None
        case Months(count):
            return Months(-count)
        case Decimal():
            return CONTEXT.minus(value)
        case _:
            return -value


def arithmetic(operator: str, left: Value, right: Value) -> Value:
    """``+ - * / **`` on numbers, dates, durations and text; empty on an empty operand."""
    if left is None or right is None:
        return None
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return ARITHMETIC[operator](left, right)
    if isinstance(left, datetime.date) and isinstance(right, Months):
        return add_months(left, right.count if operator == "+" else -right.count)
    if isinstance(left, Months):
        return _months(operator, left, right)
    if isinstance(left, datetime.timedelta) and isinstance(right, Decimal):
        days = ARITHMETIC[operator](Decimal(left.days), right)
        return datetime.timedelta(days=int(days.to_integral_value(decimal.ROUND_DOWN)))
    return left + right if operator == "+" else left - right


def _months(operator: str, left: Months, right: Value) -> Months:
    amount = Decimal(right.count) if isinstance(right, Months) else right
    return Months(int(ARITHMETIC[operator](Decimal(left.count), amount).to_integral_value(decimal.ROUND_DOWN)))


def element(items: Value, position: Value) -> Value:
    if items is None or position is None or position == 0 or abs(position) > len(items) or position != int(position):
        return None
    return items[int(position) - 1 if position > 0 else int(position)]


def member_of(value: Value, member: str) -> Value:
    match value:
        case None:
            return None
        case list():
            return [member_of(item, member) for item in value]
        case dict():
            return value[member]
        case Months(count):
            return Decimal(abs(count) // 12 if member == "years" else abs(count) % 12).copy_sign(Decimal(count))
        case _:
            return Decimal(getattr(value, member))
