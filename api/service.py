"""What does the running service hold? Its settings, the compiled rules in force, and what is ready to be shown of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from flask import Request, current_app, request

from api.config import Settings
from api.problems import MAX_ERRORS
from engine import Engine
from rulesets.catalog import SHIPPED, load_catalog
from rulesets.views import ruleset_view, vocabulary_view


@dataclass(frozen=True)
class Service:
    """One per process, shared by its threads."""

    settings: Settings
    engine: Engine

    @cached_property
    def references(self) -> dict[str, dict[str, Any]]:
        """Ruleset id → what an answer says of the version that was used."""
        return {ruleset.id: {"name": ruleset.id, "version": ruleset.version, "sha256": ruleset.sha256} for ruleset in self.engine.program.rulesets}

    @cached_property
    def enough(self) -> int:
        """More facts than this, or more outcomes, cannot all be right: each field is given once."""
        return max(MAX_ERRORS, len(self.engine.program.vocabulary.fields))

    @cached_property
    def vocabulary(self) -> dict[str, Any]:
        return vocabulary_view(self.engine)

    @cached_property
    def rulesets(self) -> dict[str, dict[str, Any]]:
        return {ruleset.id: ruleset_view(self.engine, ruleset) for ruleset in self.engine.program.rulesets}


def start(settings: Settings) -> Service:
    """Compile the rules; raises ``DocumentError`` when they do not compile."""
    return Service(settings, load_catalog(settings.documents or SHIPPED).compile())


def service() -> Service:
    """The service of the current app."""
    return cast(Service, current_app.extensions["zhunsheng"])


def current_request() -> Request:
    """The request being answered, itself: every look at Flask's ``request`` searches for it anew."""
    return cast(Request, request._get_current_object())  # type: ignore[attr-defined]
