"""Which small bank do the tests of the store work with, and how does one of its people change a rule?"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Final

from rulesets import drafts
from rulesets.audit import Actor
from rulesets.clock import Instant
from rulesets.database import Database
from rulesets.drafts import Work
from rulesets.install import prepare
from rulesets.models import Draft, Version

SMALL: Final = Path(__file__).resolve().parents[1] / "api" / "small"
EDDA, EMIL, ANNA, ADA = (Actor(f"user:{name}", "10.0.0.1") for name in ("edda", "emil", "anna", "ada"))
"""Two editors, two approvers."""


def filled(database: Database) -> Database:
    """The store with version 1 of the small documents."""
    prepare(database, SMALL)
    return database


def with_early(work: Work, year: int) -> Work:
    """The ruleset ``typed`` with another year in its only threshold."""
    document = copy.deepcopy(work.document)
    document["tables"][0]["rows"][0]["when"] = [f'< date("{year}-01-01")']
    return Work(document, work.cases)


def edited(database: Database, year: int, *, actor: Actor = EDDA, title: str = "年份") -> Draft:
    """A draft of ``typed`` with another year."""
    with database.writing() as session:
        draft = drafts.open_draft(session, actor, "typed", title)
        return drafts.save(session, actor, draft.id, draft.revision, with_early(drafts.work_of(draft), year))


def submitted(database: Database, year: int, *, actor: Actor = EDDA, effective_from: Instant | None = None) -> Draft:
    draft = edited(database, year, actor=actor)
    return drafts.submit(database, actor, draft.id, draft.revision, "监管口径调整", effective_from)


def published(database: Database, year: int, *, actor: Actor = EDDA, effective_from: Instant | None = None) -> Version:
    """Another year, approved by somebody else."""
    draft = submitted(database, year, actor=actor, effective_from=effective_from)
    return drafts.approve(database, ANNA, draft.id, draft.revision, "同意")[1]


def early_of(document: Any) -> str:
    text: str = document["tables"][0]["rows"][0]["when"][0]
    return text
