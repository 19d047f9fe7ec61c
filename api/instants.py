"""How is an instant of a request read, and one of an answer written? In the bank's time zone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.problems import InvalidRequest
from api.service import Service
from engine import Text
from rulesets import clock
from rulesets.clock import Instant

_UNREADABLE = Text("应为日期或时刻，例如 2026-12-01T09:00:00。", "Should be a date or an instant, such as 2026-12-01T09:00:00.")
_BEYOND = Text("应在 1970 年至 9999 年之间。", "Should lie in the years 1970 to 9999.")
_LATEST = clock.FAR_FUTURE - clock.DAY
"""In every time zone still the year 9999."""
_FRACTION = Text("生效时点精确到秒。", "A version takes effect on a whole second.")


def shown(held: Service, instant: Instant | None) -> str | None:
    return None if instant is None else clock.write(instant, held.settings.zone)


def asked(held: Service, request: Mapping[str, Any], name: str) -> Instant | None:
    """The instant called ``name``, None when it is left out; raises ``InvalidRequest``."""
    text = request.get(name)
    if text is None:
        return None
    try:
        instant = clock.read(text, held.settings.zone)
    except ValueError:
        raise InvalidRequest([(f"/{name}", _UNREADABLE)]) from None
    if not 0 <= instant <= _LATEST:
        raise InvalidRequest([(f"/{name}", _BEYOND)])
    return instant


def effective_from(held: Service, request: Mapping[str, Any]) -> Instant | None:
    """From when a version shall bind; raises ``InvalidRequest``, also for fractions of a second."""
    instant = asked(held, request, "effective_from")
    if instant is not None and instant % clock.SECOND:
        raise InvalidRequest([("/effective_from", _FRACTION)])
    return instant
