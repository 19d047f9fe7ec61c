"""Which exceptions does the engine raise?"""

from __future__ import annotations

from collections.abc import Sequence

from engine.diagnostics import Diagnostic


class EngineError(Exception):
    """Base of all refusals; carries every finding at once, never only the first."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(finding.render("en") for finding in self.diagnostics))


class DocumentError(EngineError):
    """A vocabulary, a ruleset or a set of rulesets does not compile (codes E1xx, E2xx, E3xx)."""


class FactsError(EngineError):
    """Facts or wanted outcomes were refused at the door (codes E4xx)."""


class DecisionError(EngineError):
    """A decision could not be reached with the rules as they are (codes E5xx)."""
