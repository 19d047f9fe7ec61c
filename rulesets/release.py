"""Which rules are in force, now or at another instant, compiled and ready to decide?

Every process keeps the timeline of versions and the engines of the releases it needs. A version takes effect at its
instant in every process: the timeline is read again when its counter moved, at the latest within ``FRESH``, and no
version takes effect sooner than that after its publication.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any, Final

from engine import Diagnostic, DocumentError, Engine, Location, compile_program, read_cases
from rulesets import clock, timeline, versions
from rulesets.cases import failures
from rulesets.clock import SECOND, Instant
from rulesets.database import Database
from rulesets.log.records import Fields, Used, used
from rulesets.refusals import Refused
from rulesets.timeline import PROPAGATION, Entry
from rulesets.versions import VOCABULARY
from rulesets.views import cut, ruleset_view, vocabulary_view

log = logging.getLogger("zhunsheng.release")

KEPT: Final = 12
"""Compiled releases kept by a process."""
POLL_SECONDS: Final = 0.5
FRESH: Final = PROPAGATION // 2
"""How old a look at the counter may be before a decision looks again."""
ENOUGH: Final = 50
AHEAD: Final = 3600 * SECOND
"""How long before its instant a scheduled release is compiled."""


class NothingInForce(Refused):
    """No vocabulary was in force at that instant, so nothing can be decided."""

    def __init__(self) -> None:
        super().__init__("E659")


@dataclass(frozen=True)
class Release:
    """The versions in force together, compiled."""

    entries: Mapping[str, Entry]
    engine: Engine

    @cached_property
    def references(self) -> dict[str, dict[str, Any]]:
        """Ruleset → what an answer says of the version that was used."""
        return {name: {"name": name, "version": entry.number, "sha256": entry.sha256} for name, entry in self.entries.items() if name != VOCABULARY}

    @cached_property
    def vocabulary(self) -> dict[str, Any]:
        return {**vocabulary_view(self.engine), "version": self.entries[VOCABULARY].number, "sha256": self.entries[VOCABULARY].sha256}

    @cached_property
    def rulesets(self) -> dict[str, dict[str, Any]]:
        return {ruleset.id: ruleset_view(self.engine, ruleset, self.entries[ruleset.id].number) for ruleset in self.engine.program.rulesets}

    def used(self, rulesets: Iterable[str]) -> Used:
        """The versions that a decision by these rulesets used, the vocabulary among them."""
        return used(frozenset(self._triples[name] for name in (VOCABULARY, *rulesets)))

    @cached_property
    def _triples(self) -> dict[str, tuple[str, int, str]]:
        return {name: (name, entry.number, entry.sha256) for name, entry in self.entries.items()}

    @cached_property
    def fields(self) -> Fields:
        return Fields(self.engine.program.vocabulary.fields)

    @cached_property
    def enough(self) -> int:
        """More facts than this, or more outcomes, cannot all be right: each field is given once."""
        return max(ENOUGH, len(self.engine.program.vocabulary.fields))


@dataclass(frozen=True, slots=True)
class _Known:
    """What the ``look``-th look found: everything published before ``at``."""

    look: int = 0
    at: Instant = -FRESH
    counted: int = -1
    entries: Sequence[Entry] = ()


@dataclass(frozen=True, slots=True)
class _Current:
    """What decides without another look, between two instants."""

    release: Release
    since: Instant
    until: Instant


class Releases:
    """The releases of one process. Safe to share between threads; start ``watch`` after a fork."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._lock, self._compiling = threading.Lock(), threading.Lock()
        self._compiled: OrderedDict[tuple[int, ...], Release] = OrderedDict()
        self._looks = count(1)
        self._known = _Known()
        self._current: _Current | None = None
        self._watching: threading.Event | None = None

    # --- what is in force -----------------------------------------------------------------------------------------------

    def current(self, now: Instant | None = None) -> Release:
        """What is in force now; a caller that has looked at the clock says what it saw."""
        now, current = clock.now() if now is None else now, self._current
        if current is not None and current.since <= now < current.until:
            return current.release
        return self._advance(now)

    def at(self, as_of: Instant | None, known_as_of: Instant | None, now: Instant | None = None) -> Release:
        """What was in force at ``as_of`` as known at ``known_as_of`` (None: now); raises ``NothingInForce``."""
        now = clock.now() if now is None else now
        if as_of is None and known_as_of is None:
            return self.current(now)
        return self.compiled(timeline.in_force(self.entries(), now if as_of is None else as_of, now if known_as_of is None else known_as_of))

    def pinned(self, release: Release, pins: Mapping[str, int]) -> Release:
        """``release`` with some versions exchanged; raises ``NoSuchVersion``."""
        by_number = {(entry.ruleset, entry.number): entry for entry in self.entries()}
        for pin in pins.items():
            if pin not in by_number:
                raise versions.NoSuchVersion(*pin)
        return self.compiled({**release.entries, **{name: by_number[name, number] for name, number in pins.items()}})

    def entries(self) -> Sequence[Entry]:
        """The timeline as it is at this moment: whoever names an instant or a version means what has just been published, too."""
        self.look()
        return self._known.entries

    def look(self) -> None:
        """Look whether anything was published or withdrawn, and read the timeline again if so."""
        look, before, now = next(self._looks), self._known, clock.now()
        with self.database.reading() as session:
            counted = versions.releases_counted(session)
            entries = before.entries if counted == before.counted else versions.load_entries(session)
        with self._lock:
            if look > self._known.look:
                self._known = _Known(look, now, counted, entries)
                self._current = None if entries is not before.entries else self._current

    def _fresh(self, now: Instant) -> _Known:
        if not 0 <= now - self._known.at < FRESH:
            self.look()
        return self._known

    def _advance(self, now: Instant) -> Release:
        known = self._fresh(now)
        release = self.compiled(timeline.in_force(known.entries, now, now))
        until = min(known.at + FRESH, timeline.next_change(known.entries, now, now) or clock.FAR_FUTURE)
        with self._lock:
            if known is self._known:
                self._current = _Current(release, now, until)
        return release

    # --- compiling ------------------------------------------------------------------------------------------------------

    def compiled(self, entries: Mapping[str, Entry]) -> Release:
        """The release of these versions, compiled at most once; raises ``NothingInForce``, ``DocumentError``."""
        if VOCABULARY not in entries:
            raise NothingInForce
        key = tuple(sorted(entry.id for entry in entries.values()))
        if (found := self._find(key)) is not None:
            return found
        with self._compiling:
            if (found := self._find(key)) is not None:
                return found
            release = Release(dict(entries), compile_release(self.database, entries))
            with self._lock:
                self._compiled[key] = release
                while len(self._compiled) > KEPT:
                    self._compiled.popitem(last=False)
            return release

    def _find(self, key: tuple[int, ...]) -> Release | None:
        with self._lock:
            if key in self._compiled:
                self._compiled.move_to_end(key)
            return self._compiled.get(key)

    # --- watching -------------------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Keep up from a thread of this process: a look twice a second, coming releases compiled before their time."""
        self._watching = stop = threading.Event()
        threading.Thread(target=self._keep_up, args=(stop,), name="releases", daemon=True).start()

    def unwatch(self) -> None:
        if self._watching:
            self._watching.set()

    def _keep_up(self, stop: threading.Event) -> None:
        lost = False
        while not stop.wait(POLL_SECONDS):
            try:
                self.look()
                self.current()
                self._prepare()
                lost = False
            except Exception as error:
                if not lost:
                    log.warning("the timeline cannot be read", exc_info=error)
                lost = True

    def _prepare(self) -> None:
        now = clock.now()
        entries = self._known.entries
        coming = timeline.next_change(entries, now, now)
        if coming is not None and coming - now < AHEAD:
            self.compiled(timeline.in_force(entries, coming, now))


def compile_release(database: Database, entries: Mapping[str, Entry]) -> Engine:
    """Compile the documents of these versions together; raises ``DocumentError``."""
    with database.reading() as session:
        documents = {name: versions.content(session, entry.sha256) for name, entry in entries.items()}
    vocabulary = documents.pop(VOCABULARY)
    return compile_program(vocabulary, [documents[name] for name in sorted(documents)])


# --- checking -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version to be: its document and cases as typed, and from when it would bind (None: at once)."""

    ruleset: str
    document: Any
    cases: Any
    effective_from: Instant | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What checking found. ``document`` is the canonical form, None while there are findings about the document.

    ``engine`` is the release the candidate would first be part of.
    """

    findings: tuple[Diagnostic, ...]
    document: Any
    engine: Engine | None


def check(database: Database, candidate: Candidate) -> Checked:
    """Compile a candidate with everything it would be in force with, from its instant on, and run all cases."""
    named = candidate.document.get("ruleset") if isinstance(candidate.document, Mapping) else None
    if candidate.ruleset != VOCABULARY and named != candidate.ruleset:
        return Checked((misnamed(named, candidate.ruleset),), None, None)
    now = clock.now()
    effective = versions.takes_effect(candidate.effective_from, now)
    with database.reading() as session:
        entries = versions.load_entries(session)
        load = _Loader(session)
        instants = [effective, *(entry.effective_from for entry in timeline.scheduled(entries, effective, now) if entry.ruleset != candidate.ruleset)]
        superseded = next(
            (entry.effective_from for entry in timeline.scheduled(entries, effective, now) if entry.ruleset == candidate.ruleset), clock.FAR_FUTURE
        )
        releases = [load.release(timeline.in_force(entries, instant, now)) for instant in instants if instant < superseded]
    first: Engine | None = None
    findings: dict[str, Diagnostic] = {}
    for documents, cases in releases:
        engine, found = checked_together({**documents, candidate.ruleset: candidate.document}, {**cases, candidate.ruleset: candidate.cases})
        first = first or engine
        findings |= {finding.render("en"): finding for finding in found}
    return Checked(tuple(findings.values()), _canonical(candidate, first), first)


def misnamed(found: object, ruleset: str) -> Diagnostic:
    """The finding for a document that names another ruleset than the one it is a draft of."""
    expected = {"expected_zh": f"规则集的名称「{ruleset}」", "expected_en": f"“{ruleset}” (the name of the ruleset)"}
    return Diagnostic("E104", Location(ruleset, path=("ruleset",)), {**expected, "found": cut(str(found))})


class _Loader:
    """Reads contents, each once."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.read: dict[str, Any] = {}

    def release(self, entries: Mapping[str, Entry]) -> tuple[dict[str, Any], dict[str, Any]]:
        documents = {name: self.content(entry.sha256) for name, entry in entries.items()}
        return documents, {name: self.content(entry.cases_sha256) for name, entry in entries.items()}

    def content(self, sha256: str) -> Any:
        if sha256 not in self.read:
            self.read[sha256] = versions.content(self.session, sha256)
        return self.read[sha256]


def checked_together(documents: Mapping[str, Any], cases: Mapping[str, Any]) -> tuple[Engine | None, list[Diagnostic]]:
    """Compile the documents of one release and run the cases of all its rulesets; no engine when they do not compile."""
    rest = {name: document for name, document in documents.items() if name != VOCABULARY}
    try:
        engine = compile_program(documents.get(VOCABULARY), [rest[name] for name in sorted(rest)])
    except DocumentError as error:
        return None, list(error.diagnostics)
    return engine, [finding for name in sorted(rest) for finding in _failing(engine, name, cases.get(name))]


def _failing(engine: Engine, ruleset: str, cases: Any) -> Sequence[Diagnostic]:
    try:
        return failures(engine, ruleset, read_cases(cases)) if cases else ()
    except DocumentError as error:
        return error.diagnostics


def _canonical(candidate: Candidate, engine: Engine | None) -> Any:
    if engine is None:
        return None
    if candidate.ruleset == VOCABULARY:
        return candidate.document
    return dict(engine.program.ruleset(candidate.ruleset).canonical)
