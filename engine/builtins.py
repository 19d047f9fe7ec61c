"""Which functions can an expression call, on which types, and what do they give?

Every function is empty on an empty argument unless its line says otherwise. Lists skip nothing: ``sum`` of a list with
an empty element is empty. Failures (a division by zero, ``substring`` from position 0) raise ``ArithmeticError`` or
``ValueError``, which a backend turns into finding E503.
"""

from __future__ import annotations

import calendar
import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Final

from engine.datatypes import BooleanType, ChoiceType, DateType, DurationType, EmptyType, ListType, NumberType, RecordType, TextType, Type, fits
from engine.values import CONTEXT, ISO_DATE, Impossible, Months, Refused, Value, admit_number, equal, impossible_date, plain, render

Signature = Callable[[Sequence[Type]], Type | None]
"""Argument types → result type, or None when the function does not take them."""

NUMBER: Final = NumberType()
TEXT: Final = TextType()
BOOLEAN: Final = BooleanType()


@dataclass(frozen=True, slots=True)
class Builtin:
    """One function: its usage line, its typing and its meaning. ``takes_empty``: it is called on empty arguments too."""

    name: str
    usage: str
    result: Signature
    apply: Callable[..., Value]
    takes_empty: bool = False


def call(name: str, arguments: Sequence[Value]) -> Value:
    """Apply a function under the null rules; the one way both backends call it."""
    builtin = BUILTINS[name]
    if not builtin.takes_empty and any(argument is None for argument in arguments):
        return None
    return builtin.apply(*arguments)


# --- typing ------------------------------------------------------------------------------------------------------------


def comparable(type_: Type) -> bool:
    return isinstance(type_, NumberType | DateType | DurationType | TextType) or (isinstance(type_, ChoiceType) and type_.ordered)


def _kind(type_: Type) -> type | DurationType:
    """Types of one kind may stand together in a spread: choices are texts, the two durations are apart."""
    match type_:
        case ChoiceType():
            return TextType
        case DurationType():
            return type_
        case _:
            return type(type_)


def _exactly(result: Type, *kinds: type) -> Signature:
    def check(types: Sequence[Type]) -> Type | None:
        fits = len(types) == len(kinds) and all(_kind(t) in (k, EmptyType) for t, k in zip(types, kinds, strict=True))
        return result if fits else None

    return check


def _spread(types: Sequence[Type]) -> Type | None:
    """The element type of ``f(list)`` or ``f(a, b, …)`` when all are of one kind."""
    if len(types) == 1 and isinstance(types[0], ListType):
        return types[0].item
    kinds = {_kind(type_) for type_ in types if not isinstance(type_, EmptyType)}
    return types[0] if types and len(kinds) == 1 else None


def _extreme(types: Sequence[Type]) -> Type | None:
    item = _spread(types)
    return item if item is not None and comparable(item) and not isinstance(item, ChoiceType) else None


def _numbers(types: Sequence[Type]) -> Type | None:
    item = _spread(types)
    return NumberType(unit=item.unit) if isinstance(item, NumberType) else None


def _list_to(result: Type) -> Signature:
    return lambda types: result if len(types) == 1 and isinstance(types[0], ListType) else None


def _same_list(types: Sequence[Type]) -> Type | None:
    return types[0] if len(types) == 1 and isinstance(types[0], ListType) else None


def _lists(types: Sequence[Type]) -> Type | None:
    return types[0] if types and isinstance(types[0], ListType) and all(fits(type_, types[0]) for type_ in types) else None


def _list_and_item(types: Sequence[Type]) -> Type | None:
    """The list type, when the second argument may be one of its elements."""
    return types[0] if len(types) == 2 and isinstance(types[0], ListType) and fits(types[1], types[0].item) else None


def _found_in(result: Type) -> Signature:
    return lambda types: result if _list_and_item(types) else None


def _rounding(types: Sequence[Type]) -> Type | None:
    fits = len(types) in (1, 2) and all(isinstance(type_, NumberType) for type_ in types)
    return types[0] if fits else None


def _number_kept(types: Sequence[Type]) -> Type | None:
    return types[0] if len(types) == 1 and isinstance(types[0], NumberType) else None


def _date(types: Sequence[Type]) -> Type | None:
    kinds = [_kind(type_) for type_ in types]
    return DateType() if kinds in ([TextType], [NumberType] * 3) else None


def _spelled(types: Sequence[Type]) -> Type | None:
    return TEXT if len(types) == 1 and not isinstance(types[0], ListType | RecordType | DurationType) else None


def _substring(types: Sequence[Type]) -> Type | None:
    kinds = [_kind(type_) for type_ in types]
    return TEXT if kinds in ([TextType, NumberType], [TextType, NumberType, NumberType]) else None


def _texts(types: Sequence[Type]) -> Type | None:
    return TEXT if types and all(_kind(type_) is TextType for type_ in types) else None


# --- meaning -----------------------------------------------------------------------------------------------------------


def _flat(arguments: tuple[Value, ...]) -> list[Value]:
    return arguments[0] if len(arguments) == 1 and isinstance(arguments[0], list) else list(arguments)


def _over(function: Callable[[list[Value]], Value]) -> Callable[..., Value]:
    """Empty for an empty list and for a list that holds an empty element."""

    def apply(*arguments: Value) -> Value:
        items = _flat(arguments)
        return None if not items or any(item is None for item in items) else function(items)

    return apply


def _sum(items: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for item in items:
        total = CONTEXT.add(total, item)
    return total


def _total(*arguments: Value) -> Value:
    items = _flat(arguments)
    return None if any(item is None for item in items) else _sum(items)


def _quantum(places: Decimal) -> Decimal:
    if places != int(places) or not -34 <= places <= 34:
        raise Impossible("小数位数应为 -34 到 34 的整数", "the number of decimals must be a whole number from -34 to 34")
    return Decimal(1).scaleb(-int(places))


def _rounder(rounding: str) -> Callable[..., Decimal]:
    def apply(value: Decimal, places: Decimal = Decimal(0)) -> Decimal:
        return value.quantize(_quantum(places), rounding=rounding, context=CONTEXT)

    return apply


def _modulo(value: Decimal, divisor: Decimal) -> Decimal:
    return CONTEXT.subtract(value, CONTEXT.multiply(divisor, CONTEXT.divide(value, divisor).to_integral_value(ROUND_FLOOR)))


def _whole(number: Decimal) -> int:
    if number != int(number):
        raise Impossible(f"{plain(number)} 不是整数", f"{plain(number)} is not a whole number")
    return int(number)


def _make_date(*parts: Value) -> datetime.date:
    if len(parts) == 1:
        if not ISO_DATE.fullmatch(parts[0]):
            raise Impossible(f"「{parts[0]}」不是 YYYY-MM-DD 形式的日期", f"“{parts[0]}” is not a date of the form YYYY-MM-DD")
        parts = tuple(Decimal(part) for part in parts[0].split("-"))
    year, month, day = (_whole(part) for part in parts)
    try:
        return datetime.date(year, month, day)
    except ValueError:
        why = impossible_date(year, month, day)
        raise Impossible(why.zh, why.en) from None


def _months_between(start: datetime.date, end: datetime.date) -> Months:
    """Whole months from ``start`` to ``end``; negative when ``end`` comes first."""
    if end < start:
        return Months(-_months_between(end, start).count)
    return Months((end.year - start.year) * 12 + end.month - start.month - (end.day < start.day))


def add_months(date: datetime.date, months: int) -> datetime.date:
    """Move by whole months; a day that the month lacks becomes its last day. Raises ``Impossible`` outside years 1–9999."""
    month = date.year * 12 + date.month - 1 + months
    year, month = month // 12, month % 12 + 1
    if not datetime.MINYEAR <= year <= datetime.MAXYEAR:
        raise Impossible("日期超出公元 1 年至 9999 年", "the date lies outside the years 1 to 9999")
    return datetime.date(year, month, min(date.day, calendar.monthrange(year, month)[1]))


def _substring_of(text: str, start: Decimal, length: Decimal | None = None) -> str:
    if start == 0:
        raise Impossible("位置从 1 开始，末尾为 -1", "positions start at 1, or at -1 from the end")
    begin = _whole(start) - 1 if start > 0 else max(0, len(text) + _whole(start))
    return text[begin:] if length is None else text[begin : begin + max(0, _whole(length))]


def _distinct(items: list[Value]) -> list[Value]:
    kept: list[Value] = []
    for item in items:
        if not any(equal(item, other) for other in kept):
            kept.append(item)
    return kept


def _string(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return plain(value)
        case _:
            return str(render(value))


def _number(text: str) -> Decimal:
    try:
        return admit_number(text, NUMBER)
    except Refused:
        raise Impossible(f"「{text}」不是普通十进制数", f"“{text}” is not a plain decimal") from None


def _contains_item(items: list[Value] | None, item: Value) -> bool | None:
    return None if items is None else any(equal(item, other) for other in items)


BUILTINS: Final[dict[str, Builtin]] = {
    builtin.name: builtin
    for builtin in (
        Builtin("min", "min(list) | min(a, b, …)", _extreme, _over(min)),
        Builtin("max", "max(list) | max(a, b, …)", _extreme, _over(max)),
        Builtin("sum", "sum(list) | sum(a, b, …)", _numbers, _total),
        Builtin("mean", "mean(list) | mean(a, b, …)", _numbers, _over(lambda items: CONTEXT.divide(_sum(items), Decimal(len(items))))),
        Builtin("count", "count(list)", _list_to(NUMBER), lambda items: Decimal(len(items))),
        Builtin("abs", "abs(number)", _number_kept, CONTEXT.abs),
        Builtin("floor", "floor(number, [decimals])", _rounding, _rounder(ROUND_FLOOR)),
        Builtin("ceiling", "ceiling(number, [decimals])", _rounding, _rounder(ROUND_CEILING)),
        Builtin("round", "round(number, [decimals])", _rounding, _rounder(ROUND_HALF_UP)),
        Builtin("round up", "round up(number, [decimals])", _rounding, _rounder(ROUND_UP)),
        Builtin("round down", "round down(number, [decimals])", _rounding, _rounder(ROUND_DOWN)),
        Builtin("decimal", "decimal(number, decimals)", _rounding, _rounder(ROUND_HALF_EVEN)),
        Builtin("modulo", "modulo(number, divisor)", _exactly(NUMBER, NumberType, NumberType), _modulo),
        Builtin("number", 'number("1000.00")', _exactly(NUMBER, TextType), _number),
        Builtin("string", "string(value)", _spelled, _string),
        Builtin("string length", "string length(text)", _exactly(NUMBER, TextType), lambda text: Decimal(len(text))),
        Builtin("upper case", "upper case(text)", _exactly(TEXT, TextType), str.upper),
        Builtin("lower case", "lower case(text)", _exactly(TEXT, TextType), str.lower),
        Builtin("substring", "substring(text, start, [length])", _substring, _substring_of),
        Builtin(
            "substring before",
            "substring before(text, match)",
            _exactly(TEXT, TextType, TextType),
            lambda text, match: text.partition(match)[0] if match and match in text else "",
        ),
        Builtin(
            "substring after",
            "substring after(text, match)",
            _exactly(TEXT, TextType, TextType),
            lambda text, match: text.partition(match)[2] if match else text,
        ),
        Builtin("contains", "contains(text, match)", _exactly(BOOLEAN, TextType, TextType), lambda text, match: match in text),
        Builtin("starts with", "starts with(text, match)", _exactly(BOOLEAN, TextType, TextType), str.startswith),
        Builtin("ends with", "ends with(text, match)", _exactly(BOOLEAN, TextType, TextType), str.endswith),
        Builtin("join", "join(text, text, …)", _texts, lambda *texts: "".join(texts)),
        Builtin("list contains", "list contains(list, element)", _found_in(BOOLEAN), _contains_item, takes_empty=True),
        Builtin("append", "append(list, element)", _list_and_item, lambda items, item: [*items, item]),
        Builtin("concatenate", "concatenate(list, list, …)", _lists, lambda *lists: [item for items in lists for item in items]),
        Builtin("distinct values", "distinct values(list)", _same_list, _distinct),
        Builtin("reverse", "reverse(list)", _same_list, lambda items: items[::-1]),
        Builtin("sort", "sort(list)", lambda types: _same_list(types) if _extreme(types) else None, lambda items: None if None in items else sorted(items)),
        Builtin(
            "index of",
            "index of(list, element)",
            _found_in(ListType(NUMBER)),
            lambda items, item: [Decimal(n) for n, other in enumerate(items, 1) if equal(item, other)],
        ),
        Builtin("date", 'date("2024-09-30") | date(year, month, day)', _date, _make_date),
        Builtin("years and months duration", "years and months duration(from, to)", _exactly(DurationType("months"), DateType, DateType), _months_between),
        Builtin("day of week", "day of week(date)", _exactly(NUMBER, DateType), lambda date: Decimal(date.isoweekday())),
        Builtin(
            "last day of month",
            "last day of month(date)",
            _exactly(DateType(), DateType),
            lambda date: add_months(date.replace(day=1), 1) - datetime.timedelta(days=1),
        ),
    )
}
