"""Which versions are there, and how does another one enter? Everything is published through ``publish``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from engine import document_json, document_sha256
from rulesets import audit, clock
from rulesets.audit import Actor, Change
from rulesets.clock import Instant
from rulesets.models import Content, Counter, Head, Version
from rulesets.refusals import Refused
from rulesets.timeline import PROPAGATION, Entry, in_force
from rulesets.views import cut

VOCABULARY: Final = "vocabulary"
"""The name under which the vocabulary has versions like a ruleset."""
_FIELDS: Final = [field.name for field in fields(Entry)]
_ENTRIES: Final = sa.select(*(getattr(Version, name) for name in _FIELDS)).order_by(Version.id)


class Stale(Refused):
    """The version that a publication builds on is not the one it would replace."""

    def __init__(self, based_on: int, found: int) -> None:
        super().__init__("E654", based_on=based_on, found=found)


class Outrun(Exception):
    """Something was published since the publisher looked."""


class NotScheduled(Refused):
    """Only a version that has not taken effect can be withdrawn."""

    def __init__(self) -> None:
        super().__init__("E658")


class NoSuchVersion(Refused):
    """There is no version of that number."""

    def __init__(self, ruleset: str, number: int) -> None:
        super().__init__("E657", found=f"{cut(ruleset)}/{number}")


@dataclass(frozen=True, slots=True)
class Publication:
    """A version to be: canonical ``document``, its ``cases``, and the number it builds on (0: the first).

    ``effective_from`` None means at once. ``author`` and ``approver`` are different people.
    """

    ruleset: str
    document: Mapping[str, Any]
    cases: Any
    based_on: int
    author: str
    approver: str
    reason: str
    effective_from: Instant | None = None
    draft: str | None = None


def publish(session: Session, publications: Sequence[Publication], actor: Actor, *, seen: int | None = None, at: Instant | None = None) -> list[Version]:
    """Publish together: all or none.

    Publishers take turns. Raises ``Outrun`` when anything was published since the counter stood at ``seen``, ``Stale``
    when a version builds on another than the one it replaces.
    """
    counted = audit.next_number(session, "releases")
    if seen is not None and counted != seen + 1:
        raise Outrun
    at = clock.now() if at is None else at
    entries = load_entries(session)
    return [_publish(session, publication, entries, actor, at) for publication in publications]


def _publish(session: Session, publication: Publication, entries: Sequence[Entry], actor: Actor, at: Instant) -> Version:
    ruleset = publication.ruleset
    effective = takes_effect(publication.effective_from, at)
    replaced = in_force(entries, effective, at).get(ruleset)
    if publication.based_on != (replaced.number if replaced else 0):
        raise Stale(publication.based_on, replaced.number if replaced else 0)
    head = session.get_one(Head, ruleset)
    head.number += 1
    version = Version(
        ruleset=ruleset,
        number=head.number,
        sha256=keep(session, publication.document),
        cases_sha256=keep(session, publication.cases),
        based_on=publication.based_on or None,
        draft=publication.draft,
        author=publication.author,
        approver=publication.approver,
        reason=publication.reason,
        effective_from=effective,
        published_at=at,
    )
    session.add(version)
    session.flush()
    details = {"author": version.author, "approver": version.approver, "effective_from": effective, "cases": version.cases_sha256, "draft": version.draft}
    before = replaced.sha256 if replaced else None
    audit.enter(session, actor, Change("version.published", f"{ruleset}/{version.number}", version.reason, before, version.sha256, details), at=at)
    return version


def takes_effect(wanted: Instant | None, published_at: Instant) -> Instant:
    """From when a version binds: as wanted, but never before every worker can know of it."""
    return max(wanted or 0, published_at + PROPAGATION)


def withdraw(session: Session, ruleset: str, number: int, actor: Actor, reason: str) -> Version:
    """Take back a version that has not taken effect; raises ``NotScheduled`` or ``NoSuchVersion``."""
    audit.next_number(session, "releases")
    version = session.scalar(sa.select(Version).where(Version.ruleset == ruleset, Version.number == number))
    if version is None:
        raise NoSuchVersion(ruleset, number)
    at = clock.now()
    if version.withdrawn_at is not None or version.effective_from <= at + PROPAGATION:
        raise NotScheduled
    version.withdrawn_at, version.withdrawn_by, version.withdrawn_reason = at, actor.user or actor.name, reason
    audit.enter(session, actor, Change("version.withdrawn", f"{ruleset}/{number}", reason, version.sha256, None), at=at)
    return version


def open_ruleset(session: Session, ruleset: str, department: str, actor: Actor) -> Head:
    """Make room for the versions of a new ruleset. The name must not be taken."""
    head = Head(ruleset=ruleset, number=0, department=department)
    session.add(head)
    session.flush()
    audit.enter(session, actor, Change("ruleset.opened", ruleset, details={"department": department}))
    return head


# --- reading --------------------------------------------------------------------------------------------------------------


def load_entries(session: Session) -> list[Entry]:
    """All published versions, oldest first."""
    return [Entry(*row) for row in session.execute(_ENTRIES)]


def entry_of(version: Version) -> Entry:
    return Entry(*(getattr(version, name) for name in _FIELDS))


def releases_counted(session: Session) -> int:
    """How often versions were published or withdrawn: who has seen this number has seen them all."""
    return session.scalar(sa.select(Counter.value).where(Counter.name == "releases")) or 0


def keep(session: Session, document: Any) -> str:
    """Put a content into the store, once; its hash."""
    sha256 = document_sha256(document)
    if session.get(Content, sha256) is None:
        session.add(Content(sha256=sha256, content_json=document_json(document)))
        session.flush()
    return sha256


def content(session: Session, sha256: str) -> Any:
    """The content of that hash, numbers exact; raises ``LookupError``."""
    found = session.get(Content, sha256)
    if found is None:
        raise LookupError(sha256)
    return json.loads(found.content_json, parse_float=Decimal)
