"""How do JSON facts become typed values and back, and what does an empty value do?

**The null rules, stated once.** A field that is given as ``null`` is *known to be empty*. In a condition cell an
empty value is matched by ``null`` and ``-`` only. In an expression: arithmetic and functions on an empty value are
empty; ``=`` and ``!=`` treat empty as equal to empty only; ``<``, ``<=``, ``>``, ``>=``, ranges and ``in`` are empty;
``and``, ``or``, ``not`` are three-valued; an ``if`` whose condition is empty takes its ``else``. An outcome is never
empty: a result that is empty leaves the outcome undecided, with that reason.

Numbers are ``Decimal`` with 34 digits (IEEE 754 decimal128). Nothing is coerced: a wrong type is refused.
"""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, assert_never

from engine.datatypes import (
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    EmptyType,
    Field,
    ListType,
    NumberType,
    RecordType,
    Rounding,
    TextType,
    Type,
    type_words,
)
from engine.diagnostics import Diagnostic, Location, Text, suggestion

Value = Any
"""A typed value: Decimal, str, bool, date, timedelta, Months, list, dict of members, or None when empty."""

CONTEXT: Final = decimal.Context(
    prec=34,
    rounding=decimal.ROUND_HALF_EVEN,
    Emin=-6143,
    Emax=6144,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)
EXACT: Final = decimal.Context(prec=34, Emin=-6143, Emax=6144, traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow, decimal.Inexact])
"""Like ``CONTEXT``, but an operation that would have to round raises ``decimal.Inexact``."""
ROUNDINGS: Final[dict[Rounding, str]] = {
    "half_up": decimal.ROUND_HALF_UP,
    "half_even": decimal.ROUND_HALF_EVEN,
    "up": decimal.ROUND_UP,
    "down": decimal.ROUND_DOWN,
    "ceiling": decimal.ROUND_CEILING,
    "floor": decimal.ROUND_FLOOR,
}
PLAIN_DECIMAL: Final = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)
ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
MAX_DIGITS: Final = 34
MAX_LIST: Final = 10_000


class Impossible(ValueError):
    """An operation that has no value, said in both languages."""

    def __init__(self, zh: str, en: str) -> None:
        self.text = Text(zh, en)
        super().__init__(en)


@dataclass(frozen=True, slots=True, order=True)
class Months:
    """A duration of whole months; twelve make a year."""

    count: int


# --- the empty value in expressions --------------------------------------------------------------------------------


def equal(left: Value, right: Value) -> bool:
    """Empty equals empty and nothing else."""
    return bool(left == right)


def less(left: Value, right: Value) -> bool | None:
    return None if left is None or right is None else bool(left < right)


def both(parts: Iterable[bool | None]) -> bool | None:
    """Three-valued ``and``: false wins, then empty."""
    result: bool | None = True
    for part in parts:
        if part is False:
            return False
        if part is None:
            result = None
    return result


def either(parts: Iterable[bool | None]) -> bool | None:
    """Three-valued ``or``: true wins, then empty."""
    result: bool | None = False
    for part in parts:
        if part is True:
            return True
        if part is None:
            result = None
    return result


def negated(part: bool | None) -> bool | None:
    return None if part is None else not part


# --- numbers ---------------------------------------------------------------------------------------------------------


def round_to(value: Decimal, scale: int, rounding: Rounding = "half_up") -> Decimal:
    """Round to ``scale`` decimals; raises ``decimal.InvalidOperation`` when 34 digits cannot hold the result."""
    return value.quantize(Decimal(1).scaleb(-scale), rounding=ROUNDINGS[rounding], context=CONTEXT)


def lattice_point(value: Decimal, scale: int) -> int | None:
    """The whole number of units in the last of ``scale`` decimals that ``value`` is, or None when it is between two."""
    try:
        scaled = EXACT.scaleb(value, scale)
    except decimal.Inexact:
        return None
    point = int(scaled)
    return point if point == scaled else None


def plain(value: Decimal | int) -> str:
    """Canonical decimal text: no exponent, no trailing zeros, no ``-0``."""
    text = format(Decimal(value), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def canonical(value: Decimal) -> Decimal | int:
    """The same number without trailing zeros: an ``int`` when whole."""
    whole = int(value)
    return whole if whole == value else Decimal(plain(value))


# --- the door ----------------------------------------------------------------------------------------------------------


class Refused(Exception):
    """One value was refused; the door turns it into a located finding."""

    def __init__(self, code: str, /, **parameters: object) -> None:
        self.code = code
        self.parameters = parameters
        self.steps: tuple[str | int, ...] = ()
        super().__init__(code)


_JSON_WORDS: Final[dict[type, Text]] = {
    bool: Text("是/否", "true or false"),
    int: Text("数字", "a number"),
    Decimal: Text("数字", "a number"),
    float: Text("二进制浮点数", "a binary float"),
    str: Text("文字", "text"),
    list: Text("清单", "a list"),
    dict: Text("对象", "an object"),
}


def _wrong_type(raw: object, type_: Type) -> Refused:
    expected = type_words(type_)
    found = _JSON_WORDS.get(type(raw), Text(f"{type(raw).__name__}", f"{type(raw).__name__}"))
    return Refused("E402", expected_zh=expected.zh, expected_en=expected.en, found_zh=found.zh, found_en=found.en)


def shown(raw: object) -> str:
    """A caller's value as an error may repeat it: at most 60 characters."""
    text = plain(raw) if isinstance(raw, Decimal) and raw.is_finite() and abs(raw.adjusted()) < 60 else str(raw)
    return text if len(text) <= 60 else text[:57] + "…"


def _to_decimal(raw: object, type_: NumberType) -> Decimal:
    match raw:
        case bool():
            raise _wrong_type(raw, type_)
        case int():
            return Decimal(raw)
        case Decimal():
            if not raw.is_finite():
                raise Refused("E406", found=shown(raw))
            return raw
        case str():
            if not PLAIN_DECIMAL.fullmatch(raw):
                raise Refused("E406" if raw.strip().lower() in _NOT_FINITE else "E407", found=shown(raw))
            return Decimal(raw)
        case _:
            raise _wrong_type(raw, type_)


_NOT_FINITE: Final = frozenset({"nan", "inf", "-inf", "infinity", "-infinity", "+inf"})


def admit_number(raw: object, type_: NumberType) -> Decimal:
    """Read a JSON number or plain decimal string exactly; raise ``Refused`` (E402, E404–E407)."""
    value = _to_decimal(raw, type_)
    low, high = type_.minimum, type_.maximum
    if (low is not None and value < low) or (high is not None and value > high) or value.adjusted() >= MAX_DIGITS:
        raise Refused("E404", found=shown(value), low=bound(low), high=bound(high), unit=type_.unit or "—")
    if lattice_point(value, type_.scale) is None:
        raise Refused("E405", found=shown(value), scale=type_.scale)
    return value


def bound(limit: Decimal | None) -> str:
    """A limit as an error names it."""
    return "∞" if limit is None else plain(limit)


def _admit_choice(raw: object, type_: ChoiceType) -> str:
    if not isinstance(raw, str):
        raise _wrong_type(raw, type_)
    if raw in type_.codes:
        return raw
    raise Refused("E403", found=shown(raw), **choice_parameters(type_, raw))


def choice_parameters(type_: ChoiceType, found: str) -> dict[str, str]:
    """What the texts of E203 and E403 need about a choice list."""
    near = suggestion(found, [*type_.codes, *(choice.label.zh for choice in type_.choices)])
    return {
        "allowed_zh": "、".join(f"{choice.label.zh}({choice.code})" for choice in type_.choices),
        "allowed_en": ", ".join(type_.codes),
        **near,
    }


def _admit_text(raw: object, type_: TextType) -> str:
    if not isinstance(raw, str):
        raise _wrong_type(raw, type_)
    if len(raw) > type_.max_length:
        raise Refused("E408", limit=type_.max_length, what_zh=" 个字符", what_en="characters", found=len(raw))
    return raw


def _admit_date(raw: object, type_: DateType) -> datetime.date:
    if not isinstance(raw, str):
        raise _wrong_type(raw, type_)
    if not ISO_DATE.fullmatch(raw):
        raise Refused("E410", found=shown(raw), why_zh="写法应为 YYYY-MM-DD", why_en="the form is YYYY-MM-DD")
    try:
        return datetime.date.fromisoformat(raw)
    except ValueError:
        year, month, day = (int(part) for part in raw.split("-"))
        why = impossible_date(year, month, day)
        raise Refused("E410", found=raw, why_zh=why.zh, why_en=why.en) from None


def impossible_date(year: int, month: int, day: int) -> Text:
    """Say why there is no such day."""
    if not 1 <= year <= 9999:
        return Text(f"没有 {year} 年", f"there is no year {year}")
    if not 1 <= month <= 12:
        return Text(f"一年没有 {month} 月", f"a year has no month {month}")
    last = ((datetime.date(year + month // 12, month % 12 + 1, 1)) - datetime.timedelta(days=1)).day if year < 9999 or month < 12 else 31
    return Text(f"{year} 年 {month} 月只有 {last} 天", f"month {month} of {year} has {last} days")


def _admit_list(raw: object, type_: ListType) -> list[Value]:
    if not isinstance(raw, list):
        raise _wrong_type(raw, type_)
    if len(raw) > MAX_LIST:
        raise Refused("E408", limit=MAX_LIST, what_zh=" 项", what_en="items", found=len(raw))
    return [_inside(position, item, type_.item) for position, item in enumerate(raw)]


def _admit_record(raw: object, type_: RecordType) -> dict[str, Value]:
    if not isinstance(raw, dict):
        raise _wrong_type(raw, type_)
    known = {member.id for member in type_.members}
    for name in raw:
        if name not in known:
            refused = Refused("E401", found=shown(name), **suggestion(str(name), known))
            refused.steps = (shown(name),)
            raise refused
    missing = next((member.id for member in type_.members if member.id not in raw), None)
    if missing is not None:
        raise Refused("E411", missing=missing)
    return {member.id: _inside(member.id, raw[member.id], member.type) for member in type_.members}


def _inside(step: str | int, raw: object, type_: Type) -> Value:
    try:
        return admit(raw, type_)
    except Refused as refused:
        refused.steps = (step, *refused.steps)
        raise


def admit(raw: object, type_: Type) -> Value:
    """Turn one JSON value into a typed value; ``null`` is the empty value. Raises ``Refused``."""
    if raw is None:
        return None
    match type_:
        case NumberType():
            return admit_number(raw, type_)
        case ChoiceType():
            return _admit_choice(raw, type_)
        case TextType():
            return _admit_text(raw, type_)
        case BooleanType():
            if not isinstance(raw, bool):
                raise _wrong_type(raw, type_)
            return raw
        case DateType():
            return _admit_date(raw, type_)
        case ListType():
            return _admit_list(raw, type_)
        case RecordType():
            return _admit_record(raw, type_)
        case DurationType() | EmptyType():
            raise _wrong_type(raw, type_)
        case _:
            assert_never(type_)


def refusal(refused: Refused, field: Field, *, spelled: str) -> Diagnostic:
    """The located finding for a value of ``field`` (as the caller spelled it) that was refused."""
    inside = "".join(f" › {step + 1 if isinstance(step, int) else step}" for step in refused.steps)
    named = Text(field.label.zh + inside, field.label.en + inside)
    location = Location(path=("facts", spelled, *refused.steps), field=named)
    return Diagnostic(refused.code, location, {"field_zh": field.label.zh, "field_en": field.label.en, **refused.parameters})


def render(value: Value) -> Value:
    """Typed value → JSON value: numbers stay exact (``int`` or ``Decimal``), dates become ISO text."""
    match value:
        case Decimal():
            return canonical(value)
        case datetime.date():
            return value.isoformat()
        case datetime.timedelta():
            return f"P{value.days}D"
        case Months():
            return f"P{value.count}M"
        case list():
            return [render(item) for item in value]
        case dict():
            return {name: render(item) for name, item in value.items()}
        case _:
            return value


def words(value: Value, type_: Type, language: str) -> str:
    """A value as people read it: labels of choices, units of numbers, 空 for empty."""
    zh = language == "zh"
    match value:
        case None:
            return "空" if zh else "empty"
        case bool():
            return ("是" if value else "否") if zh else ("yes" if value else "no")
        case Decimal() | int():
            return amount(Decimal(value), type_.unit if isinstance(type_, NumberType) else "", language)
        case str() if isinstance(type_, ChoiceType) and value in type_.codes:
            label = type_.label(value)
            return label.zh if zh else label.en
        case datetime.timedelta():
            return amount(Decimal(value.days), "天", language)
        case Months(count):
            return amount(Decimal(count), "月", language)
        case list():
            item = type_.item if isinstance(type_, ListType) else EmptyType()
            listed = ("、" if zh else ", ").join(words(part, item, language) for part in value)
            return listed or ("无" if zh else "none")
        case _:
            return str(render(value))


_MYRIADS: Final[Sequence[tuple[str, Decimal]]] = (("亿", Decimal(10**8)), ("万", Decimal(10**4)))
_COUNTED: Final[dict[str, str]] = {"月": "个月", "工作日": "个工作日"}
"""Units that take a measure word after a number."""
ENGLISH_UNITS: Final[dict[str, tuple[str, str]]] = {
    "元": ("CNY", "CNY"),
    "元/年": ("CNY a year", "CNY a year"),
    "%/年": ("% a year", "% a year"),
    "‰/月": ("‰ a month", "‰ a month"),
    "天": ("day", "days"),
    "月": ("month", "months"),
    "年": ("year", "years"),
    "小时": ("hour", "hours"),
    "分钟": ("minute", "minutes"),
    "工作日": ("working day", "working days"),
    "户": ("customer", "customers"),
    "人": ("person", "people"),
    "次": ("time", "times"),
    "件": ("item", "items"),
    "件/千户": ("per 1,000 customers", "per 1,000 customers"),
    "分": ("point", "points"),
    "期": ("period", "periods"),
    "倍": ("times", "times"),
    "级": ("", ""),
    "个": ("", ""),
}
"""Unit → its English word after 1, and after any other number."""


def amount(value: Decimal, unit: str, language: str) -> str:
    """A number with its unit: 100万元 and 12个月 in Chinese, 1,000,000 CNY and 12 months in English."""
    if language != "zh":
        one, many = ENGLISH_UNITS.get(unit, (unit, unit))
        return f"{plain_grouped(value)} {one if value == 1 else many}".rstrip().replace(" %", "%").replace(" ‰", "‰")
    counted = _COUNTED.get(unit, unit)
    for word, size in _MYRIADS:
        scaled = CONTEXT.divide(value, size)
        if abs(scaled) >= 1 and lattice_point(scaled, 4) is not None:
            return f"{plain(scaled)}{word}{counted}"
    return f"{plain(value)}{counted}"


def plain_grouped(value: Decimal) -> str:
    """Canonical decimal text with a comma every three digits."""
    return f"{Decimal(plain(value)):,f}"
