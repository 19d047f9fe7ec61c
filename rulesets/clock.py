"""What time is it for the bank, and how is an instant written and kept?

An instant is kept as whole microseconds since 1970 in UTC: the same exact number on every database, in every log and
in every hash. People see and write it in the bank's time zone.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

Instant = int
"""Microseconds since 1970-01-01T00:00:00Z."""
SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND
FAR_FUTURE: Final = 253_402_300_799 * SECOND
"""The last second of the year 9999."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WRITTEN: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def now() -> Instant:
    return time.time_ns() // 1000


def zone(name: str) -> ZoneInfo:
    """The time zone called ``name``; raises ``ValueError`` when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError(name) from None


def write(instant: Instant, zone: tzinfo) -> str:
    """ISO 8601 with the offset of ``zone``, microseconds only when there are some."""
    return (_EPOCH + timedelta(microseconds=instant)).astimezone(zone).isoformat()


def read(text: str, zone: tzinfo) -> Instant:
    """An ISO 8601 date and time; without an offset it is meant in ``zone``, a bare date is its first moment there.

    Raises ``ValueError``.
    """
    if not (_WRITTEN.fullmatch(text) or _DATE.fullmatch(text)):
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    try:
        return (moment - _EPOCH) // timedelta(microseconds=1)
    except OverflowError:
        raise ValueError(text) from None
