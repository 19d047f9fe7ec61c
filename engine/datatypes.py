"""Which types can a field have?

A closed union of frozen types; every consumer matches on it and ends in ``assert_never``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from engine.diagnostics import Text

Rounding = Literal["half_up", "half_even", "up", "down", "ceiling", "floor"]

UNDECLARED_SCALE = 10
"""Decimals kept by a local formula or an expression column that declares no scale."""


@dataclass(frozen=True, slots=True)
class NumberType:
    """An exact decimal on the lattice of multiples of 10**-scale.

    ``minimum`` and ``maximum`` are inclusive; ``None`` leaves a side open (local outcomes only). A derived number is
    rounded to ``scale`` by ``rounding``; a given one with more decimals is refused.
    """

    scale: int = UNDECLARED_SCALE
    unit: str = ""
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    rounding: Rounding = "half_up"


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a choice list: a stable code and its labels."""

    code: str
    label: Text


@dataclass(frozen=True, slots=True)
class ChoiceType:
    """A closed list of codes; ``ordered`` means the list runs from low to high and may be compared."""

    choices: tuple[Choice, ...]
    ordered: bool = False

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(choice.code for choice in self.choices)

    def label(self, code: str) -> Text:
        return next(choice.label for choice in self.choices if choice.code == code)


@dataclass(frozen=True, slots=True)
class TextType:
    """Any text of at most ``max_length`` characters; an open world."""

    max_length: int = 1000


@dataclass(frozen=True, slots=True)
class BooleanType:
    """True or false."""


@dataclass(frozen=True, slots=True)
class DateType:
    """A calendar day, without time of day or time zone."""


@dataclass(frozen=True, slots=True)
class DurationType:
    """A span of days, or of years and months (the two kinds never mix); lives in expressions only."""

    kind: Literal["days", "months"]


@dataclass(frozen=True, slots=True)
class RecordType:
    """Named members, each with a type; the element of a list."""

    members: tuple[Member, ...]

    def member(self, name: str) -> Member | None:
        return next((member for member in self.members if name in (member.id, member.label.zh, member.label.en)), None)


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a record."""

    id: str
    label: Text
    type: Type


@dataclass(frozen=True, slots=True)
class ListType:
    """A list, in order, of values of one type."""

    item: Type


@dataclass(frozen=True, slots=True)
class EmptyType:
    """The type of the literal ``null``: fits everywhere an empty value may stand."""


Type = NumberType | ChoiceType | TextType | BooleanType | DateType | DurationType | RecordType | ListType | EmptyType


@dataclass(frozen=True, slots=True)
class Field:
    """A named, typed thing a caller gives or a ruleset derives.

    ``owner`` is empty for vocabulary fields and the ruleset id for local outcomes.
    """

    id: str
    label: Text
    type: Type
    sensitive: bool = False
    owner: str = ""

    @property
    def key(self) -> str:
        """The name within a program: a local outcome carries its ruleset in front."""
        return f"{self.owner}.{self.id}" if self.owner else self.id


def fits(found: Type, expected: Type) -> bool:
    """Whether a value of type ``found`` may stand where ``expected`` is wanted (units are checked apart)."""
    match found, expected:
        case EmptyType(), _:
            return True
        case ChoiceType(), TextType():
            return True
        case ListType(item), ListType(wanted):
            return fits(item, wanted)
        case ChoiceType(), ChoiceType():
            return set(found.codes) <= set(expected.codes)
        case DurationType(), DurationType():
            return found == expected
        case RecordType(), RecordType():
            theirs = {member.id: member.type for member in found.members}
            return all(member.id in theirs and fits(theirs[member.id], member.type) for member in expected.members)
        case _:
            return type(found) is type(expected)


def type_words(type_: Type) -> Text:
    """Name a type the way a table's author would."""
    match type_:
        case NumberType():
            return Text("数字", "a number")
        case ChoiceType():
            return Text("取值表中的一项", "one of the choices")
        case TextType():
            return Text("文字", "text")
        case BooleanType():
            return Text("是/否", "true or false")
        case DateType():
            return Text("日期", "a date")
        case DurationType(kind):
            return Text("天数时长", "a duration in days") if kind == "days" else Text("年月时长", "a duration in months")
        case RecordType():
            return Text("记录", "a record")
        case ListType():
            return Text("清单", "a list")
        case EmptyType():
            return Text("空值", "an empty value")


def choice_labels(type_: ChoiceType) -> Iterator[tuple[str, str]]:
    """Yield (spelling, code) for every way a choice may be written."""
    for choice in type_.choices:
        yield choice.code, choice.code
        yield choice.label.zh, choice.code
        yield choice.label.en, choice.code
