"""How are known values held while productions are replayed?

One slot per field. Numbers and dates are held as lattice points (whole numbers of units in the last place, day
ordinals), so that a condition compares small integers; everything else is held as the typed value. ``UNKNOWN`` marks a
field that is not known; None one that is known to be empty.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from engine.datatypes import BooleanType, ChoiceType, DateType, NumberType, Type
from engine.grid.boxes import lattice
from engine.values import CONTEXT, EXACT, Value, admit, admit_number, render


class _Unknown:
    """The type of ``UNKNOWN``."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()
Slot = Any
Door = Callable[[object], Slot]

_WIDEST: Final = Decimal(10) ** 20
_scaleb = CONTEXT.scaleb
_exactly = EXACT.scaleb


def to_slot(value: Value, type_: Type) -> Slot:
    """A typed value as its slot holds it."""
    return lattice(value, type_) if value is not None and isinstance(type_, NumberType | DateType) else value


def from_slot(slot: Slot, type_: Type) -> Value:
    """The typed value that a slot holds."""
    match slot, type_:
        case int(), NumberType(scale):
            return _scaleb(Decimal(slot), -scale)
        case int(), DateType():
            return datetime.date.fromordinal(slot)
        case _:
            return slot


def number(point: int | None, exponent: int) -> Decimal | None:
    """The number at a lattice point of 10**exponent."""
    return None if point is None else _scaleb(Decimal(point), exponent)


def day(ordinal: int | None) -> datetime.date | None:
    return None if ordinal is None else datetime.date.fromordinal(ordinal)


def door(type_: Type) -> Door:
    """What turns a JSON value of this type into its slot, by the shortest way; raises when the careful way must look."""
    match type_:
        case NumberType():
            return _number_door(type_)
        case ChoiceType():
            return _choice_door(type_)
        case BooleanType():
            return lambda raw: raw if raw is True or raw is False else admit(raw, type_)
        case _:
            return careful_door(type_)


def _number_door(type_: NumberType) -> Door:
    size: int = 10**type_.scale
    lowest = -_WIDEST if type_.minimum is None else type_.minimum
    highest = _WIDEST if type_.maximum is None else type_.maximum
    low, high, scale = int(CONTEXT.multiply(lowest, size)), int(CONTEXT.multiply(highest, size)), type_.scale

    def enter(raw: object) -> int | None:
        if type(raw) is int:
            point = raw * size
            if low <= point <= high:
                return point
        elif type(raw) is Decimal:
            try:
                scaled = _exactly(raw, scale)
                point = int(scaled)
                if point == scaled and low <= point <= high:
                    return point
            except (ArithmeticError, ValueError):
                pass  # refused below, with its reason
        elif raw is None:
            return None
        return int(lattice(admit_number(raw, type_), type_))

    return enter


def _choice_door(type_: ChoiceType) -> Door:
    """A look-up that raises ``KeyError`` or ``TypeError`` for anything but a code or null; the careful way says what is wrong."""
    return {None: None, **{code: code for code in type_.codes}}.__getitem__  # type: ignore[misc]


def careful_door(type_: Type) -> Door:
    """Like ``door``, but whatever is refused is refused with its reason."""
    return lambda raw: to_slot(admit(raw, type_), type_)


def _number_shower(scale: int) -> Callable[[Slot], Any]:
    """Whole numbers as ``int``, others as ``Decimal`` without trailing zeros."""
    size: int = 10**scale

    def shown(point: int | None) -> int | Decimal | None:
        if point is None:
            return None
        whole, rest = divmod(point, size)
        return _scaleb(Decimal(point), -scale).normalize(CONTEXT) if rest else whole

    return shown


def show(type_: Type) -> Callable[[Slot], Any] | None:
    """What turns a slot into the JSON value of an answer; None when it is that already."""
    match type_:
        case NumberType(scale=0) | BooleanType() | ChoiceType():
            return None
        case NumberType(scale=scale):
            return _number_shower(scale)
        case _:
            return lambda slot: render(from_slot(slot, type_))
