"""How is a question answered by the rules of its instant, and the answer kept before it is given?"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from engine import Decision, DecisionError, EngineError, FactsError, canonical_json
from rulesets import clock
from rulesets.log.records import Answer, Question, Record, new_record, opened, parse, plain_outcomes, versions_in
from rulesets.log.sealing import Sealer
from rulesets.log.search import Found
from rulesets.log.writer import DecisionLog, ReferenceTaken, Stored
from rulesets.models import Usage
from rulesets.refusals import Refused
from rulesets.release import Release, Releases


class TooManyFacts(FactsError):
    """What is wrong with the first facts or outcomes of far too many; ``more`` were not looked at."""

    def __init__(self, found: FactsError, more: int) -> None:
        super().__init__(found.diagnostics)
        self.more = more


class Taken(Refused):
    """The system used this reference for another request."""

    def __init__(self, reference: str | None) -> None:
        super().__init__("E661", pointer="/reference", found=reference or "")


@dataclass(frozen=True, slots=True)
class Decided:
    """An answered question: when, by which release, and what came out. ``failure`` when the rules failed; no ``decision`` then."""

    id: str
    at: clock.Instant
    release: Release
    decision: Decision | None
    failure: DecisionError | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a replay found: nothing, or each difference as (kind, name, was, is)."""

    differences: tuple[tuple[str, str, Any, Any], ...]


class Desk:
    """Where questions are asked. Safe to share between threads; ``log`` None keeps nothing."""

    def __init__(self, releases: Releases, sealer: Sealer, log: DecisionLog | None) -> None:
        self.releases, self.sealer, self.log = releases, sealer, log

    # --- deciding -------------------------------------------------------------------------------------------------------

    def ask(self, question: Question, *, traced: bool = False) -> Decided:
        """Answer and keep one question.

        Raises ``FactsError`` for a question that cannot be put (nothing is kept then), ``DecisionError`` when the rules
        fail (that is kept), ``Taken``, ``LogUnavailable``, ``NothingInForce``, ``NoSuchVersion``.
        """
        (found,) = self.ask_all([question], traced=traced)
        if isinstance(found, Exception):
            raise found
        if found.failure:
            raise found.failure
        return found

    def ask_all(self, questions: Sequence[Question], *, traced: bool = False) -> list[Decided | Exception]:
        """Answer many questions and keep them together; for each its answer, or why it has none."""
        found = [self._try(question, traced=traced) for question in questions]
        return found if self.log is None else self._kept(self.log, questions, found, traced=traced)

    def _try(self, question: Question, *, traced: bool) -> Decided | Exception:
        at = clock.now()
        try:
            return self._decide(question, self.release(question, at), at, traced=traced)
        except (EngineError, Refused) as error:
            return error

    def release(self, question: Question, at: clock.Instant) -> Release:
        """The rules a question is put to that is asked at ``at``."""
        release = self.releases.at(question.as_of, question.known_as_of, at)
        return self.releases.pinned(release, question.versions) if question.versions else release

    @staticmethod
    def _decide(question: Question, release: Release, at: clock.Instant, *, traced: bool, id: str | None = None) -> Decided:  # noqa: A002 - the column's name
        if question.ruleset is not None and question.ruleset not in release.references:
            raise NoSuchRuleset(release, question.ruleset)
        _refuse_surplus(question, release)
        try:
            decision, failure = release.engine.decide(question.facts, question.outcomes, ruleset=question.ruleset, trace=traced), None
        except DecisionError as error:
            decision, failure = None, error
        return Decided(id or str(uuid.uuid4()), at, release, decision, failure)

    # --- keeping --------------------------------------------------------------------------------------------------------

    def _kept(self, log: DecisionLog, questions: Sequence[Question], found: Sequence[Decided | Exception], *, traced: bool) -> list[Decided | Exception]:
        records = [(n, self._record(questions[n], one)) for n, one in enumerate(found) if isinstance(one, Decided)]
        outcomes = dict(zip((n for n, _ in records), log.settle_all([record for _, record in records]), strict=True))
        return [self._settled(questions[n], one, outcomes.get(n), traced=traced) for n, one in enumerate(found)]

    def _record(self, question: Question, found: Decided) -> Record:
        at, release = found.at, found.release
        used = release.used(found.decision.rulesets if found.decision else sorted(release.references))
        failure = tuple(finding.code for finding in found.failure.diagnostics) if found.failure else ()
        answer = Answer(
            at=at,
            as_of=at if question.as_of is None else question.as_of,
            known_as_of=at if question.known_as_of is None else question.known_as_of,
            used=used,
            decision=found.decision,
            failure=failure,
        )
        return new_record(question, answer, fields=release.fields, sealer=self.sealer, id=found.id)

    def _settled(self, question: Question, found: Decided | Exception, kept: Stored | Exception | None, *, traced: bool) -> Decided | Exception:
        match kept:
            case ReferenceTaken():
                return Taken(question.reference)
            case Exception():
                return kept
            case Stored(existing=True):
                return self.again(kept.text, traced=traced)
            case _:
                return found

    # --- deciding again -------------------------------------------------------------------------------------------------

    def again(self, text: str, *, traced: bool) -> Decided:
        """A kept decision, decided again by the versions that it used."""
        record = parse(text)
        release = self.release_of(record)
        return self._decide(question_of(opened(record, self.sealer)), release, record["at"], traced=traced, id=record["id"])

    def versions_of(self, usage: str) -> list[tuple[str, int, str]]:
        """The versions that a usage names."""
        with self.releases.database.reading() as session:
            return list(versions_in(session.get_one(Usage, usage).versions_json))

    def release_of(self, record: Mapping[str, Any]) -> Release:
        """The release that a kept decision was made by."""
        by_number = {(entry.ruleset, entry.number): entry for entry in self.releases.entries()}
        base = self.releases.at(record["as_of"], record["known_as_of"]).entries
        return self.releases.compiled({**base, **{name: by_number[name, number] for name, number, _ in self.versions_of(record["usage"])}})

    def replay(self, kept: Found) -> Reply:
        """Decide a kept decision again and say exactly what differs from what was answered."""
        record = parse(kept.text)
        values = opened(record, self.sealer)
        try:
            found = self.again(kept.text, traced=False)
        except FactsError as error:
            return Reply(tuple(("input", finding.location.pointer, None, finding.code) for finding in error.diagnostics))
        if found.decision is None:
            codes = [finding.code for finding in found.failure.diagnostics] if found.failure else []
            return Reply(tuple(_differences("failure", {"codes": record.get("failure")}, {"codes": codes})))
        undecided = {item.outcome: item.reason for item in found.decision.undecided}
        was_undecided = {item["outcome"]: item["reason"] for item in record["undecided"]}
        outcomes = _differences("outcome", values["outcomes"], plain_outcomes(found.decision, found.release.fields))
        return Reply((*outcomes, *_differences("undecided", was_undecided, undecided)))


class NoSuchRuleset(Refused):
    """No ruleset of that name is in force."""

    def __init__(self, release: Release, name: str) -> None:
        super().__init__("E621", found=name[:60], allowed=", ".join(release.references))


def question_of(record: Mapping[str, Any]) -> Question:
    """What was asked, from a record with every value readable."""
    asked = record["request"]
    return Question(
        system=record["system"],
        reference=record["reference"],
        facts=asked["facts"],
        outcomes=asked.get("outcomes"),
        ruleset=asked.get("ruleset"),
    )


def _differences(kind: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, str, Any, Any]]:
    names = dict.fromkeys((*was, *now))
    return [(kind, name, was.get(name), now.get(name)) for name in names if canonical_json(was.get(name)) != canonical_json(now.get(name))]


def _refuse_surplus(question: Question, release: Release) -> None:
    """Refuse more facts or different outcomes than there are fields: some must be wrong, and only the first ones are looked at."""
    if len(question.facts) <= release.enough and len(question.outcomes or ()) <= release.enough:
        return
    wanted = list(dict.fromkeys(question.outcomes or []))
    first_facts, first_wanted = dict(islice(question.facts.items(), release.enough + 1)), wanted[: release.enough + 1]
    more = len(question.facts) - len(first_facts) + len(wanted) - len(first_wanted)
    if more:
        try:
            release.engine.decide(first_facts, first_wanted, ruleset=question.ruleset)
        except FactsError as error:
            raise TooManyFacts(error, more) from None
