"""How does a draft become a version? draft → submitted → approved or rejected, by somebody who had no hand in it.

Every change names the revision it was made on, so nobody overwrites anybody. Who may do what for which ruleset is the
API's to ask; that author and contributors never approve is decided here, inside the transaction.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from engine import Diagnostic, Text, document_json, document_sha256
from rulesets import audit, clock, timeline, versions
from rulesets.audit import Actor, Change
from rulesets.clock import Instant
from rulesets.database import Database
from rulesets.merge import Conflict, Merged, merge, resolve
from rulesets.models import Contributor, Draft, Head, Version
from rulesets.parts import Path
from rulesets.refusals import Refused
from rulesets.release import Candidate, Checked, check
from rulesets.timeline import Entry
from rulesets.versions import Outrun, Publication, Stale, content, load_entries, publish, releases_counted
from rulesets.views import cut

PUBLISH_ATTEMPTS: Final = 5
"""How often an approval checks again because something else was published while it checked."""


STATES: Final = {
    "draft": Text("草稿", "still a draft"),
    "submitted": Text("待审批", "submitted"),
    "rejected": Text("已退回", "rejected"),
    "approved": Text("已批准", "approved"),
    "discarded": Text("已放弃", "discarded"),
}


class NoSuchDraft(Refused):
    """There is no draft of that id."""

    def __init__(self, id_: str) -> None:
        super().__init__("E656", found=cut(id_))


class NoSuchRuleset(Refused):
    """There is no ruleset of that name."""

    def __init__(self, session: Session, ruleset: str) -> None:
        names = session.scalars(sa.select(Head.ruleset).order_by(Head.ruleset))
        super().__init__("E621", found=cut(ruleset), allowed=", ".join(names))


class Changed(Refused):
    """The draft is not at the revision that the change was made on."""

    def __init__(self) -> None:
        super().__init__("E652")


class WrongState(Refused):
    """What was asked cannot be done with a draft in this state."""

    def __init__(self, state: str) -> None:
        super().__init__("E653", state_zh=STATES[state].zh, state_en=STATES[state].en)


class OwnWork(Refused):
    """Who had a hand in a draft cannot approve it."""

    def __init__(self) -> None:
        super().__init__("E650")


class Busy(Refused):
    """Others kept publishing while this was checked."""

    def __init__(self) -> None:
        super().__init__("E665")


class Found(Exception):
    """The document or its cases have findings."""

    def __init__(self, findings: tuple[Diagnostic, ...]) -> None:
        self.findings = findings
        super().__init__(f"{len(findings)} findings")


class Conflicting(Exception):
    """Both sides changed the same parts."""

    def __init__(self, conflicts: tuple[Conflict, ...]) -> None:
        self.conflicts = conflicts
        super().__init__(f"{len(conflicts)} conflicts")


@dataclass(frozen=True, slots=True)
class Work:
    """What a draft holds: the document and its cases as typed."""

    document: Any
    cases: Any


def work_of(draft: Draft) -> Work:
    return Work(_loads(draft.document_json), _loads(draft.cases_json))


# --- working on a draft ---------------------------------------------------------------------------------------------------


def open_draft(session: Session, actor: Actor, ruleset: str, title: str, *, number: int | None = None) -> Draft:
    """A new draft from the version in force, or with the content of version ``number``; an empty one for a ruleset without versions.

    From a version that is yet to take effect, the draft builds on that one and would take effect with it.
    """
    if session.get(Head, ruleset) is None:
        raise NoSuchRuleset(session, ruleset)
    now = clock.now()
    entries = [entry for entry in load_entries(session) if entry.ruleset == ruleset]
    base = timeline.in_force(entries, now, now).get(ruleset)
    source = base if number is None else next((entry for entry in entries if entry.number == number), None)
    if source is None and number is not None:
        raise versions.NoSuchVersion(ruleset, number)
    work = Work(content(session, source.sha256), content(session, source.cases_sha256)) if source else Work({"ruleset": ruleset}, _no_cases(ruleset))
    if source and source.effective_from > now:
        draft = _add(session, actor, ruleset, title, source.number, work)
        draft.effective_from = source.effective_from
        return draft
    return _add(session, actor, ruleset, title, base.number if base else 0, work)


def carry_forward(session: Session, actor: Actor, draft: Draft, number: int) -> Draft:
    """A new draft that makes the change of ``draft`` to a later, scheduled version as well; where both changed, the later version stands."""
    later = _version(session, draft.ruleset, number)
    base, changed = base_work(session, draft), work_of(draft)
    document = merge(base.document, content(session, later.sha256), changed.document)
    cases = merge(base.cases, content(session, later.cases_sha256), changed.cases)
    carried = _add(session, actor, draft.ruleset, draft.title, later.number, Work(document.document, cases.document))
    carried.effective_from = later.effective_from
    return carried


def _add(session: Session, actor: Actor, ruleset: str, title: str, base: int, work: Work) -> Draft:
    now = clock.now()
    draft = Draft(
        id=str(uuid.uuid4()),
        ruleset=ruleset,
        title=title,
        state="draft",
        revision=1,
        base=base,
        document_json=document_json(work.document),
        cases_json=document_json(work.cases),
        created_by=actor.user,
        created_at=now,
        changed_by=actor.user,
        changed_at=now,
    )
    session.add(draft)
    session.flush()
    _contributed(session, draft, actor)
    audit.enter(session, actor, Change("draft.opened", draft.id, title, None, _sha256(draft), {"ruleset": ruleset, "base": base}), at=now)
    return draft


def save(session: Session, actor: Actor, id_: str, revision: int, work: Work, *, title: str | None = None) -> Draft:
    """Keep the document as typed, right or wrong. A rejected draft becomes a draft again."""
    draft = _locked(session, id_, revision, "draft", "rejected")
    before = _sha256(draft)
    draft.document_json, draft.cases_json = document_json(work.document), document_json(work.cases)
    draft.title = draft.title if title is None else title
    draft.state = "draft"
    return _touched(session, actor, draft, "draft.saved", before=before, after=_sha256(draft))


def rebase(session: Session, actor: Actor, id_: str, revision: int, resolutions: Mapping[Path, Any]) -> Draft:
    """Bring a draft onto the version now in force, cell by cell.

    ``resolutions`` says what stands where both changed: path → the value. Raises ``Conflicting`` with what is left open.
    """
    draft = _locked(session, id_, revision, "draft", "rejected")
    target = _base_for(session, draft)
    if target is None or target.number == draft.base:
        return draft
    base, ours = base_work(session, draft), work_of(draft)
    theirs = Work(content(session, target.sha256), content(session, target.cases_sha256))
    document, cases = merge(base.document, ours.document, theirs.document), merge(base.cases, ours.cases, theirs.cases)
    conflicts = (*document.conflicts, *cases.conflicts)
    if left := tuple(conflict for conflict in conflicts if conflict.path not in resolutions):
        raise Conflicting(left)
    before = _sha256(draft)
    draft.document_json = document_json(_resolved(document, theirs.document, resolutions))
    draft.cases_json = document_json(_resolved(cases, theirs.cases, resolutions))
    draft.base = target.number
    draft.state = "draft"
    return _touched(session, actor, draft, "draft.rebased", before=before, after=_sha256(draft), details={"base": target.number})


def _resolved(merged: Merged, theirs: Any, resolutions: Mapping[Path, Any]) -> Any:
    """The merged document with what was chosen in it; raises ``Conflicting`` again where a choice has no place."""
    try:
        return _with_choices(merged, theirs, resolutions)
    except LookupError:
        raise Conflicting(merged.conflicts) from None


def _with_choices(merged: Merged, theirs: Any, resolutions: Mapping[Path, Any]) -> Any:
    return reduce(lambda document, conflict: resolve(document, conflict.path, resolutions[conflict.path], beside=theirs), merged.conflicts, merged.document)


def discard(session: Session, actor: Actor, id_: str, revision: int) -> Draft:
    """Give a draft up; it stays readable."""
    draft = _locked(session, id_, revision, "draft", "rejected")
    draft.state = "discarded"
    return _touched(session, actor, draft, "draft.discarded")


# --- deciding about a draft -----------------------------------------------------------------------------------------------


def submit(database: Database, actor: Actor, id_: str, revision: int, reason: str, effective_from: Instant | None) -> Draft:
    """Ask for approval; raises ``Found`` while there are findings, ``Stale`` while the draft builds on an older version."""
    with database.reading() as session:
        draft = _at_revision(find(session, id_), revision, "draft", "rejected")
    _checked(database, draft, effective_from)
    with database.writing() as session:
        draft = _locked(session, id_, revision, "draft", "rejected")
        _refuse_stale(session, draft, effective_from)
        draft.state, draft.reason, draft.effective_from = "submitted", reason, effective_from
        draft.submitted_by, draft.submitted_at = actor.user, clock.now()
        draft.decided_by = draft.decided_at = draft.comment = None
        details = {"effective_from": effective_from}
        return _touched(session, actor, draft, "draft.submitted", reason=reason, after=_sha256(draft), details=details)


def roll_back(database: Database, actor: Actor, ruleset: str, number: int, reason: str, effective_from: Instant | None) -> Draft:
    """Submit the content of an older version, to be approved like any other."""
    with database.writing() as session:
        draft = open_draft(session, actor, ruleset, f"{ruleset} ← v{number}", number=number)
    return submit(database, actor, draft.id, draft.revision, reason, effective_from)


def take_back(session: Session, actor: Actor, id_: str, revision: int) -> Draft:
    """Work on a submitted draft again."""
    draft = _locked(session, id_, revision, "submitted")
    draft.state = "draft"
    return _touched(session, actor, draft, "draft.taken_back")


def reject(session: Session, actor: Actor, id_: str, revision: int, comment: str) -> Draft:
    """Send a submitted draft back with a reason."""
    draft = _locked(session, id_, revision, "submitted")
    _refuse_own_work(session, draft, actor)
    draft.state, draft.comment, draft.decided_by, draft.decided_at = "rejected", comment, actor.user, clock.now()
    return _touched(session, actor, draft, "draft.rejected", reason=comment, contributes=False)


def approve(database: Database, actor: Actor, id_: str, revision: int, comment: str) -> tuple[Draft, Version]:
    """Publish a submitted draft. It is checked against what is in force at that very moment."""
    for _ in range(PUBLISH_ATTEMPTS):
        with database.reading() as session:
            seen, draft = releases_counted(session), _at_revision(find(session, id_), revision, "submitted")
            _refuse_own_work(session, draft, actor)
        checked = _checked(database, draft, draft.effective_from)
        try:
            with database.writing() as session:
                draft = _locked(session, id_, revision, "submitted")
                _refuse_own_work(session, draft, actor)
                return _published(session, actor, draft, checked.document, comment, seen)
        except Outrun:
            continue
    raise Busy


def _published(session: Session, actor: Actor, draft: Draft, document: Any, comment: str, seen: int) -> tuple[Draft, Version]:
    author = draft.submitted_by or draft.created_by
    publication = Publication(
        draft.ruleset, document, _loads(draft.cases_json), draft.base, author, actor.user, draft.reason or "", draft.effective_from, draft.id
    )
    (version,) = publish(session, [publication], actor, seen=seen)
    draft.state, draft.version, draft.comment, draft.decided_by, draft.decided_at = "approved", version.number, comment, actor.user, clock.now()
    details = {"version": version.number}
    _touched(session, actor, draft, "draft.approved", reason=comment, after=version.sha256, details=details, contributes=False)
    if clock.now() - version.published_at > timeline.PROMPT:
        raise Outrun
    return draft, version


# --- what a change needs --------------------------------------------------------------------------------------------------


def find(session: Session, id_: str) -> Draft:
    draft = session.get(Draft, id_)
    if draft is None:
        raise NoSuchDraft(id_)
    return draft


def contributors(session: Session, draft: Draft) -> list[str]:
    return list(session.scalars(sa.select(Contributor.user).where(Contributor.draft == draft.id).order_by(Contributor.user)))


def undone_by(session: Session, draft: Draft, effective_from: Instant | None) -> list[Entry]:
    """Scheduled versions that would undo the change of a draft when they take effect after it."""
    now = clock.now()
    entries = [entry for entry in load_entries(session) if entry.ruleset == draft.ruleset]
    return timeline.scheduled(entries, versions.takes_effect(effective_from, now), now)


def is_stale(session: Session, draft: Draft) -> bool:
    """Whether another version than the draft's base would be replaced by it."""
    target = _base_for(session, draft)
    return (target.number if target else 0) != draft.base


def _locked(session: Session, id_: str, revision: int, *states: str) -> Draft:
    draft = session.scalar(sa.select(Draft).where(Draft.id == id_).with_for_update())
    if draft is None:
        raise NoSuchDraft(id_)
    return _at_revision(draft, revision, *states)


def _at_revision(draft: Draft, revision: int, *states: str) -> Draft:
    if draft.revision != revision:
        raise Changed
    if draft.state not in states:
        raise WrongState(draft.state)
    return draft


def _touched(
    session: Session,
    actor: Actor,
    draft: Draft,
    action: str,
    *,
    reason: str = "",
    before: str | None = None,
    after: str | None = None,
    details: Mapping[str, Any] | None = None,
    contributes: bool = True,
) -> Draft:
    draft.revision += 1
    draft.changed_by, draft.changed_at = actor.user, clock.now()
    if contributes:
        _contributed(session, draft, actor)
    audit.enter(session, actor, Change(action, draft.id, reason, before, after, {"ruleset": draft.ruleset, **(details or {})}), at=draft.changed_at)
    return draft


def _contributed(session: Session, draft: Draft, actor: Actor) -> None:
    if session.get(Contributor, (draft.id, actor.user)) is None:
        session.add(Contributor(draft=draft.id, user=actor.user))


def _refuse_own_work(session: Session, draft: Draft, actor: Actor) -> None:
    if actor.user in ("", draft.created_by, draft.submitted_by) or session.get(Contributor, (draft.id, actor.user)) is not None:
        raise OwnWork


def _refuse_stale(session: Session, draft: Draft, effective_from: Instant | None) -> None:
    target = _base_for(session, draft, effective_from)
    if (number := target.number if target else 0) != draft.base:
        raise Stale(draft.base, number)


def _base_for(session: Session, draft: Draft, effective_from: Instant | None = None) -> Entry | None:
    """The version that the draft would replace."""
    now = clock.now()
    effective = versions.takes_effect(effective_from or draft.effective_from, now)
    return timeline.in_force(load_entries(session), effective, now).get(draft.ruleset)


def _checked(database: Database, draft: Draft, effective_from: Instant | None) -> Checked:
    work = work_of(draft)
    checked = check(database, Candidate(draft.ruleset, work.document, work.cases, effective_from))
    if checked.findings:
        raise Found(checked.findings)
    return checked


def base_work(session: Session, draft: Draft) -> Work:
    """What the draft builds on."""
    if not draft.base:
        return Work({"ruleset": draft.ruleset}, _no_cases(draft.ruleset))
    base = _version(session, draft.ruleset, draft.base)
    return Work(content(session, base.sha256), content(session, base.cases_sha256))


def _version(session: Session, ruleset: str, number: int) -> Version:
    found = session.scalar(sa.select(Version).where(Version.ruleset == ruleset, Version.number == number))
    if found is None:
        raise versions.NoSuchVersion(ruleset, number)
    return found


def _no_cases(ruleset: str) -> dict[str, Any]:
    return {"ruleset": ruleset, "cases": []}


def _loads(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def _sha256(draft: Draft) -> str:
    return document_sha256(_loads(draft.document_json))
