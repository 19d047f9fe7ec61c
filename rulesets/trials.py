"""Which rules would be in force if these drafts were? Compiled for trying; nothing is kept but a few engines."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Final

from engine import DocumentError, compile_program
from rulesets import drafts, versions
from rulesets.clock import Instant
from rulesets.drafts import Found
from rulesets.models import Draft
from rulesets.release import Release, Releases
from rulesets.timeline import Entry
from rulesets.versions import VOCABULARY

KEPT: Final = 6
"""Compiled trials kept by a process."""


class Trials:
    """Releases with drafts in them. Safe to share between threads."""

    def __init__(self, releases: Releases) -> None:
        self.releases = releases
        self._lock = threading.Lock()
        self._kept: OrderedDict[object, Release] = OrderedDict()

    def release(self, ids: Sequence[str], as_of: Instant | None, admit: Callable[[str], None]) -> Release:
        """The rules in force at ``as_of`` (None: now) with drafts instead of some of them.

        ``admit`` is called with the ruleset of each draft. Raises ``NoSuchDraft``, ``NothingInForce``, and ``Found`` when
        they do not compile together.
        """
        base = self.releases.at(as_of, None)
        if not ids:
            return base
        with self.releases.database.reading() as session:
            found = [drafts.find(session, id_) for id_ in dict.fromkeys(ids)]
        for draft in found:
            admit(draft.ruleset)
        key = (tuple(sorted(entry.id for entry in base.entries.values())), tuple((draft.id, draft.revision) for draft in found))
        with self._lock:
            if key in self._kept:
                return self._kept[key]
        release = self._compiled(base, found)
        with self._lock:
            self._kept[key] = release
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return release

    def _compiled(self, base: Release, found: Sequence[Draft]) -> Release:
        with self.releases.database.reading() as session:
            documents: dict[str, Any] = {name: versions.content(session, entry.sha256) for name, entry in base.entries.items()}
        documents |= {draft.ruleset: drafts.work_of(draft).document for draft in found}
        try:
            engine = compile_program(documents.pop(VOCABULARY), [documents[name] for name in sorted(documents)])
        except DocumentError as error:
            raise Found(error.diagnostics) from None
        hashes = {ruleset.id: ruleset.sha256 for ruleset in engine.program.rulesets}
        tried = {draft.ruleset: _tried(draft, hashes.get(draft.ruleset, "")) for draft in found}
        return Release({**base.entries, **tried}, engine)


def _tried(draft: Draft, sha256: str) -> Entry:
    """What stands for a draft among the versions: number 0."""
    return Entry(0, draft.ruleset, 0, sha256, "", draft.base, draft.created_by, "", "", 0, 0)
