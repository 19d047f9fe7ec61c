"""How does an empty store get its first versions? The shipped documents are published like everybody else's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from engine import DocumentError, Engine
from rulesets import clock
from rulesets.audit import Actor, next_number
from rulesets.catalog import SHIPPED, Catalog, load_catalog, load_departments
from rulesets.database import Database
from rulesets.models import Department, Head
from rulesets.release import checked_together
from rulesets.timeline import PROPAGATION
from rulesets.versions import VOCABULARY, Publication, open_ruleset, publish, releases_counted

INSTALLER: Final = Actor("command:install")
REASON: Final = "首次安装 / first installation"


def prepare(database: Database, folder: Path = SHIPPED) -> None:
    """Bring the schema up to date and fill an empty store; safe to call by several processes at once."""
    database.upgrade()
    with database.reading() as session:
        filled = bool(releases_counted(session))
    if not filled:
        fill(database, load_catalog(folder), folder)


def fill(database: Database, catalog: Catalog, folder: Path) -> None:
    """Publish version 1 of everything in ``catalog``; raises ``DocumentError`` when it does not compile or its cases fail."""
    engine, findings = checked_together({VOCABULARY: catalog.vocabulary, **catalog.documents}, catalog.written_cases)
    if findings or engine is None:
        raise DocumentError(findings)
    departments, in_charge = load_departments(folder)
    with database.writing() as session:
        next_number(session, "releases")
        if session.scalar(sa.select(sa.func.count()).select_from(Head)):
            return
        session.add_all(Department(id=id_, zh=label["zh"], en=label["en"]) for id_, label in departments.items())
        session.flush()
        documents = _canonical(engine, catalog)
        for name in documents:
            open_ruleset(session, name, in_charge[name], INSTALLER)
        publications = [_first(name, document, catalog.written_cases.get(name)) for name, document in documents.items()]
        publish(session, publications, INSTALLER, at=clock.now() - PROPAGATION)


def _canonical(engine: Engine, catalog: Catalog) -> dict[str, Mapping[str, Any]]:
    return {VOCABULARY: catalog.vocabulary, **{ruleset.id: ruleset.canonical for ruleset in engine.program.rulesets}}


def _first(name: str, document: Mapping[str, Any], cases: Any) -> Publication:
    return Publication(name, document, cases or {"ruleset": name, "cases": []}, 0, "shipped", "installation", REASON)
