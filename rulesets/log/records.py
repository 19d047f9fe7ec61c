"""What does the log keep of a decision, and how is it read again?

A record is JSON in one canonical spelling, texts exactly as they came: what was asked (as the rules understood it), by which
versions it was decided and what came out, so that it can be decided again (which says anew what was missing, and each step).
Values of sensitive fields are sealed one by one. Numbers of number fields are plain decimal text, however they were written, and
the engine takes them back as that.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from engine import SEMANTICS, Decision, Field, Type, types
from rulesets import clock
from rulesets.log.sealing import Sealer, is_sealed, written

_NUMBER: Final = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?", re.ASCII)
MASK: Final = "***"


@dataclass(frozen=True, slots=True)
class Used:
    """The versions that decided together, the vocabulary among them, in the order of their names."""

    sha256: str
    versions: tuple[tuple[str, int, str], ...]

    @property
    def versions_json(self) -> str:
        return written(self.versions)


@lru_cache(maxsize=4096)
def used(versions: frozenset[tuple[str, int, str]]) -> Used:
    """Versions as (ruleset, number, hash of the content)."""
    in_order = tuple(sorted(versions))
    return Used(hashlib.sha256(written(in_order).encode()).hexdigest(), in_order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a system asked. ``as_of``, ``known_as_of`` and ``versions`` (pins) only where it said so itself."""

    system: str
    reference: str | None
    facts: Mapping[str, Any]
    outcomes: Sequence[str] | None = None
    ruleset: str | None = None
    as_of: clock.Instant | None = None
    known_as_of: clock.Instant | None = None
    versions: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What it was answered, when, and for which instants. ``failure`` are the codes of rules that failed; no ``decision`` then."""

    at: clock.Instant
    as_of: clock.Instant
    known_as_of: clock.Instant
    used: Used
    decision: Decision | None
    failure: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """A decision ready to be kept. ``asked`` is what another request must equal to be the same; it is not kept itself."""

    id: str
    at: clock.Instant
    system: str
    reference: str | None
    used: Used
    text: str
    asked: str = field(repr=False)


class Fields:
    """The fields of a vocabulary, found by id or label."""

    def __init__(self, fields: Mapping[str, Field]) -> None:
        self._by_spelling = {spelling: known for known in fields.values() for spelling in (known.id, known.label.zh, known.label.en)}

    def name(self, spelling: str) -> str:
        known = self._by_spelling.get(spelling)
        return spelling if known is None else known.id

    def plain(self, spelling: str, value: object) -> Any:
        """A fact with its numbers as plain decimal text."""
        known = self._by_spelling.get(spelling)
        return value if known is None else _plain(value, known.type)

    def is_sensitive(self, name: str, value: object) -> bool:
        """Whether a value is sealed: also what no field is found for, and what would pass for a sealed value."""
        known = self._by_spelling.get(name)
        return known is None or known.sensitive or (type(value) is dict and is_sealed(value))

    def exact(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values of a record with the numbers of number fields as ``Decimal`` again."""
        return {name: _exact(value, self._by_spelling[name].type) if name in self._by_spelling else value for name, value in values.items()}


def new_record(question: Question, answer: Answer, *, fields: Fields, sealer: Sealer, id: str | None = None) -> Record:  # noqa: A002 - the column's name
    """The record of an answered question. Raises ``Unavailable`` when no data key can be had."""
    id_ = id or str(uuid.uuid4())
    facts = {fields.name(name): fields.plain(name, value) for name, value in question.facts.items()}
    asked = _asked(question, facts)
    text = written(asked)
    kept: dict[str, Any] = {
        "id": id_,
        "at": answer.at,
        "system": question.system,
        "reference": question.reference,
        "request": asked | {"facts": _sealed(facts, fields, sealer, id_, "facts")},
        "fingerprint": sealer.fingerprint(f"{question.system}\n{text}"),
        "as_of": answer.as_of,
        "known_as_of": answer.known_as_of,
        "usage": answer.used.sha256,
        "semantics": SEMANTICS,
        **_said(answer, fields, sealer, id_),
    }
    return Record(id_, answer.at, question.system, question.reference, answer.used, written(kept), f"{question.system}\n{text}")


def _asked(question: Question, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The request as the rules understand it; what the caller left out is left out."""
    optional = {
        "outcomes": question.outcomes,
        "ruleset": question.ruleset,
        "as_of": question.as_of,
        "known_as_of": question.known_as_of,
        "versions": question.versions,
    }
    return {"facts": facts, **{name: value for name, value in optional.items() if value is not None}}


def _said(answer: Answer, fields: Fields, sealer: Sealer, id_: str) -> dict[str, Any]:
    if answer.decision is None:
        return {"outcomes": {}, "undecided": {}, "failure": list(answer.failure)}
    undecided: dict[str, list[str]] = {}
    for item in answer.decision.undecided:
        undecided.setdefault(item.reason, []).append(item.outcome)
    outcomes = plain_outcomes(answer.decision, fields)
    return {"outcomes": _sealed(outcomes, fields, sealer, id_, "outcomes"), "undecided": undecided}


def plain_outcomes(decision: Decision, fields: Fields) -> dict[str, Any]:
    """Outcomes as a record keeps them (before it seals some): equal decisions give equal canonical JSON."""
    return {name: fields.plain(name, value) for name, value in decision.outcomes.items()}


def _sealed(values: Mapping[str, Any], fields: Fields, sealer: Sealer, id_: str, part: str) -> dict[str, Any]:
    return {**values, **sealer.seal_all({name: value for name, value in values.items() if fields.is_sensitive(name, value)}, id_, part)}


# --- reading ----------------------------------------------------------------------------------------------------------------


def parse(text: str) -> dict[str, Any]:
    """A record as it is kept: sealed values stay sealed. ``undecided`` lists the reason of each outcome."""
    found: dict[str, Any] = json.loads(text)
    undecided = [{"outcome": outcome, "reason": reason} for reason, outcomes in found["undecided"].items() for outcome in outcomes]
    return found | {"undecided": undecided}


def opened(record: Mapping[str, Any], sealer: Sealer) -> dict[str, Any]:
    """A record with every value readable. Raises ``SealBroken`` when a key is gone, or ``Unavailable``."""
    return _with_values(record, lambda value, part, name: sealer.open(value, record["id"], part, name) if is_sealed(value) else value)


def masked(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record for those without the right to read sealed values."""
    return _with_values(record, lambda value, part, name: MASK if is_sealed(value) else value)


def _with_values(record: Mapping[str, Any], shown: Any) -> dict[str, Any]:
    def show(part: str, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: shown(value, part, name) for name, value in values.items()}

    request = {**record["request"], "facts": show("facts", record["request"]["facts"])}
    return {**record, "request": request, "outcomes": show("outcomes", record["outcomes"])}


# --- numbers ----------------------------------------------------------------------------------------------------------------


def _plain(value: object, type_: Type) -> Any:
    """A value with its numbers as plain decimal text: no exponent, no trailing zeros."""
    match type_:
        case types.NumberType():
            return _plain_number(value)
        case types.ListType() | types.RecordType():
            return _inside(value, type_, _plain)
        case _:
            return value


def _plain_number(value: object) -> object:
    match value:
        case bool():
            return value
        case int() | Decimal():
            return decimal_text(Decimal(value))
        case str() if _NUMBER.fullmatch(value):
            return decimal_text(Decimal(value))
        case _:
            return value


def decimal_text(value: Decimal) -> str:
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _exact(value: object, type_: Type) -> Any:
    match value, type_:
        case str(), types.NumberType():
            return _whole_or_decimal(Decimal(value)) if _NUMBER.fullmatch(value) else value
        case _:
            return _inside(value, type_, _exact)


def _whole_or_decimal(value: Decimal) -> Decimal | int:
    whole = int(value)
    return whole if whole == value else value


def _inside(value: object, type_: Type, of_item: Any) -> Any:
    match value, type_:
        case list(), types.ListType(item):
            return [of_item(inner, item) for inner in value]
        case dict(), types.RecordType():
            members = {member.id: member.type for member in type_.members}
            return {name: of_item(inner, members[name]) if name in members else inner for name, inner in value.items()}
        case _:
            return value


def same_question(record: Record, kept: str, sealer: Sealer) -> bool:
    """Whether a kept record answers the same request as ``record``."""
    fingerprint: str = parse(kept)["fingerprint"]
    return sealer.matches(record.asked, fingerprint)


def versions_in(text: str) -> Iterable[tuple[str, int, str]]:
    """The versions of a usage's ``versions_json``."""
    return ((name, number, sha256) for name, number, sha256 in json.loads(text))
