"""Is everything that was acknowledged kept as it was answered, is no version half published, and does the log verify?"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from engine import document_sha256
from rulesets import timeline, versions
from rulesets.audit_export import export_audit
from rulesets.clock import Instant
from rulesets.database import Database
from rulesets.log.records import parse, versions_in
from rulesets.log.segments import CLOSED, OPENED
from rulesets.models import AuditEntry, Content, DecisionRecord, Draft, Head, Segment, Usage, Version
from rulesets.timeline import Entry
from tests.api.running import WITH_KEY
from tests.faults.load import Caller, question
from tests.faults.publishing import early
from tests.log.exporting import run_checker

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Kept:
    """A decision as the store has it."""

    id: str
    at: Instant
    reference: str
    segment: str
    outcomes: Mapping[str, Any]
    versions: Mapping[str, int]


def kept(database: Database) -> list[Kept]:
    """Every decision, by its instant."""
    with database.reading() as session:
        used = {row.sha256: {name: number for name, number, _ in versions_in(row.versions_json)} for row in session.scalars(sa.select(Usage))}
        rows = session.scalars(sa.select(DecisionRecord).order_by(DecisionRecord.at)).all()
    return [Kept(row.id, row.at, row.reference or "", row.segment, parse(row.record_json)["outcomes"], used[row.usage]) for row in rows]


def assert_all_is_well(database: Database, answered: Mapping[str, Any], folder: Path) -> None:
    """Nothing acknowledged is lost, nothing wrong was answered, versions are whole and the log verifies offline."""
    found = kept(database)
    assert_nothing_lost(found, answered)
    assert_decided_by_what_was_in_force(database, found)
    assert_versions_are_whole(database)
    assert_verifies(database, folder)


def assert_nothing_lost(found: Sequence[Kept], answered: Mapping[str, Any]) -> None:
    """Every acknowledged decision is kept once, with the outcomes and versions that were answered."""
    by_reference = {one.reference: one for one in found}
    assert len(by_reference) == len(found)
    for reference, answer in answered.items():
        one = by_reference[reference]
        assert (one.id, one.outcomes, one.outcomes["echo"]) == (answer["decision_id"], answer["outcomes"], reference)
        assert {ruleset["name"]: ruleset["version"] for ruleset in answer["rulesets"]}.items() <= one.versions.items()


def assert_decided_by_what_was_in_force(database: Database, found: Sequence[Kept]) -> None:
    """Every decision used the versions in force at its instant, and says what they say."""
    with database.reading() as session:
        entries = versions.load_entries(session)
        years = {entry.number: early(versions.content(session, entry.sha256)) for entry in entries if entry.ruleset == "typed"}
    history = _History(entries)
    for one in found:
        assert one.versions == history.numbers(one.at, one.versions), one
        opened = int(question(one.reference)["facts"]["opened"][:4])
        assert one.outcomes["standing"] == ("old" if opened < years[one.versions["typed"]] else "new"), one


class _History:
    """What was in force when, as it is known now: nothing is withdrawn in these tests."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._changes = sorted({entry.effective_from for entry in entries})
        self._in_force: dict[int, dict[str, int]] = {}
        self._entries = entries

    def numbers(self, at: Instant, names: Mapping[str, int]) -> dict[str, int]:
        period = bisect_right(self._changes, at)
        if period not in self._in_force:
            found = timeline.in_force(self._entries, at, self._entries[-1].published_at)
            self._in_force[period] = {name: entry.number for name, entry in found.items()}
        return {name: self._in_force[period][name] for name in names}


def assert_versions_are_whole(database: Database) -> None:
    """Heads, versions, drafts and the audit chain tell the same story, and every content is what its name says."""
    with database.reading() as session:
        heads = {head.ruleset: head.number for head in session.scalars(sa.select(Head))}
        found = session.scalars(sa.select(Version).order_by(Version.number)).all()
        approved = session.scalars(sa.select(Draft).where(Draft.state == "approved")).all()
        unfinished = session.scalars(sa.select(Draft).where(Draft.state != "approved")).all()
        contents = session.scalars(sa.select(Content)).all()
        entered = Counter(row for (row,) in session.execute(sa.select(AuditEntry.object).where(AuditEntry.action == "version.published")))
        said = Counter(row for (row,) in session.execute(sa.select(AuditEntry.object).where(AuditEntry.action == "draft.approved")))
    for ruleset, number in heads.items():
        assert [version.number for version in found if version.ruleset == ruleset] == list(range(1, number + 1))
    drafted = {version.draft: (version.ruleset, version.number) for version in found if version.draft}
    assert len(drafted) == sum(version.draft is not None for version in found), "a draft became two versions"
    assert drafted == {draft.id: (draft.ruleset, draft.version) for draft in approved}
    assert all(draft.version is None for draft in unfinished)
    assert entered == Counter(f"{version.ruleset}/{version.number}" for version in found)
    assert said == Counter(list(drafted))
    assert {version.sha256 for version in found} <= {content.sha256 for content in contents}
    assert all(document_sha256(json.loads(content.content_json)) == content.sha256 for content in contents)


def assert_verifies(database: Database, folder: Path) -> None:
    """The log leaves the store, and the checker, which knows nothing of ours, finds it whole."""
    file = folder / "audit.jsonl"
    exported = export_audit(database, file)
    code, said, complained = run_checker(file)
    assert code == 0, (said, complained)
    assert str(exported.decisions) in said
    file.unlink()


def assert_segments_are_closed(database: Database) -> None:
    """Every writer has anchored its last decision and said that there will be no more."""
    with database.reading() as session:
        assert session.scalars(sa.select(Segment).where(Segment.closed_at.is_(None))).all() == []
        opened, closed = (set(session.scalars(sa.select(AuditEntry.object).where(AuditEntry.action == action))) for action in (OPENED, CLOSED))
    assert opened == closed != set()


def assert_repeatable(port: int, answered: Mapping[str, Any]) -> None:
    """The same question under the same reference is the same decision, whoever asks when."""
    caller = Caller(port, **WITH_KEY)
    references = sorted(answered, key=lambda reference: answered[reference]["rulesets"][0]["version"])
    for start in range(0, len(references), AT_ONCE):
        some = references[start : start + AT_ONCE]
        items = [{"facts": asked["facts"], "reference": reference} for reference in some if (asked := question(reference))]
        reply = caller.ask("POST", "/v1/decisions/batch", {"outcomes": ["standing", "echo"], "items": items})
        assert reply.status == 200, reply
        assert [item["decision"] for item in reply.body["items"]] == [answered[reference] for reference in some]
    caller.close()
