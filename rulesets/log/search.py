"""Which decisions were made: for a reference, with an outcome, by a version, in a span of time?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from rulesets import clock
from rulesets.log.records import decimal_text
from rulesets.log.sealing import written
from rulesets.models import DecisionRecord, UsedVersion

MOST: Final = 200
"""Decisions on one page."""


class NotSearchable(ValueError):
    """Values of this outcome are sealed: whoever could search by value could read them by searching."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: the next one goes on with older decisions."""

    at: clock.Instant
    id: str

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read what ``str`` wrote; raises ``ValueError``."""
        at, _, id_ = text.partition("_")
        if not (at.isascii() and at.isdigit() and len(at) < 19 and 0 < len(id_) <= 36 and id_.isprintable()):
            raise ValueError(text)
        return cls(int(at), id_)

    def __str__(self) -> str:
        return f"{self.at}_{self.id}"


@dataclass(frozen=True, slots=True)
class Found:
    """A kept decision: what columns say of it, and its record as text."""

    id: str
    at: clock.Instant
    system: str
    reference: str | None
    segment: str
    position: int
    usage: str
    text: str
    hash: str

    @property
    def cursor(self) -> Cursor:
        return Cursor(self.at, self.id)


def get(session: Session, id: str) -> Found | None:  # noqa: A002 - the column's name
    """The decision with an id, or None."""
    row = None if "\0" in id else session.execute(_SELECT.where(DecisionRecord.id == id)).one_or_none()
    return None if row is None else Found(*row)


def find(
    session: Session,
    *,
    reference: str | None = None,
    system: str | None = None,
    outcome: str | None = None,
    value: str | None = None,
    sensitive: Collection[str] = (),
    ruleset: str | None = None,
    version: int | None = None,
    since: clock.Instant | None = None,
    until: clock.Instant | None = None,
    after: Cursor | None = None,
    limit: int = MOST,
) -> list[Found]:
    """Decisions that fit all that is given, newest first: from ``since``, before ``until``, older than the page that ended ``after``.

    ``value`` is that of ``outcome`` as text (``gold``, ``4.5``, ``true``, ``null``). Raises ``NotSearchable`` when the outcome is ``sensitive``.
    """
    if value is not None and outcome in sensitive:
        raise NotSearchable(outcome)
    if any("\0" in (text or "") for text in (reference, system, ruleset)) or (version or 0) > _LARGEST:
        return []
    asked = _SELECT.order_by(DecisionRecord.at.desc(), DecisionRecord.id.desc()).limit(min(limit, MOST))
    if reference is not None:
        asked = asked.where(DecisionRecord.reference == reference)
    if system is not None:
        asked = asked.where(DecisionRecord.system == system)
    if since is not None:
        asked = asked.where(DecisionRecord.at >= since)
    if until is not None:
        asked = asked.where(DecisionRecord.at < until)
    if after is not None:
        asked = asked.where(sa.tuple_(DecisionRecord.at, DecisionRecord.id) < (after.at, after.id))
    if ruleset is not None:
        asked = asked.where(DecisionRecord.usage.in_(_usages(ruleset, version)))
    if outcome is not None:
        asked = asked.where(_has(session, outcome, value))
    return [Found(*row) for row in session.execute(asked)]


_SELECT: Final = sa.select(
    DecisionRecord.id,
    DecisionRecord.at,
    DecisionRecord.system,
    DecisionRecord.reference,
    DecisionRecord.segment,
    DecisionRecord.position,
    DecisionRecord.usage,
    DecisionRecord.record_json,
    DecisionRecord.hash,
)


def _usages(ruleset: str, version: int | None) -> Any:
    found = sa.select(UsedVersion.usage).where(UsedVersion.ruleset == ruleset)
    return found if version is None else found.where(UsedVersion.number == version)


def _has(session: Session, outcome: str, value: str | None) -> sa.ColumnElement[bool]:
    """Whether a record has an outcome, with a value if one is given."""
    if not outcome.isidentifier():
        return sa.false()
    in_sqlite = session.get_bind().dialect.name == "sqlite"
    return _has_in_sqlite(outcome, value) if in_sqlite else _has_in_postgresql(outcome, value)


def _has_in_sqlite(outcome: str, value: str | None) -> sa.ColumnElement[bool]:
    path = f'$.outcomes."{outcome}"'
    kind, found = sa.func.json_type(_READABLE, path), sa.func.json_extract(_READABLE, path)
    if value is None:
        return kind.is_not(None)
    return sa.or_(sa.and_(kind == "text", found.in_([text.replace("\0", _STAND_IN) for text in _texts(value)])), sa.and_(kind == value, kind.in_(_WORDS)))


def _has_in_postgresql(outcome: str, value: str | None) -> sa.ColumnElement[bool]:
    found = sa.cast(sa.cast(_READABLE, sa.JSON)["outcomes"][outcome], sa.Text)
    if value is None:
        return found.is_not(None)
    return found.in_([*(written(text).replace(*_NUL) for text in _texts(value)), *(word for word in _WORDS if word == value)])


_STAND_IN: Final = "\ufffd"
_NUL: Final = (r"\u0000", r"\ufffd")
_READABLE: Final = sa.func.replace(DecisionRecord.record_json, *_NUL)
"""Neither database reads JSON whose texts have a zero character; for the search another one stands in for it."""
_LARGEST: Final = 2**31 - 1
_WORDS: Final = ("true", "false", "null")


def _texts(value: str) -> list[str]:
    """What a record may hold for a value given as text: numbers are kept as plain decimal text."""
    try:
        number = Decimal(value)
    except InvalidOperation:
        return [value]
    return [value, decimal_text(number)] if number.is_finite() and abs(number.adjusted()) < 60 else [value]
