"""Does the store keep its promises, on SQLite and on PostgreSQL alike?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from rulesets import audit
from rulesets.database import MIGRATIONS, Database, newest_revision, read_url
from rulesets.models import AuditEntry, Base, Content, Contributor, Counter

ROOT: Final = Path(__file__).resolve().parents[2]
REVISIONS: Final = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()][::-1]
SOMEBODY: Final = audit.Actor("user:liwei", "10.0.0.1")

START: Final = "import sys; print('ready', flush=True); sys.stdin.readline()\n"
UPGRADE: Final = "from rulesets.database import Database\n" + START + "Database(sys.argv[1]).upgrade()"
ENTER: Final = (
    "from rulesets import audit; from rulesets.database import Database; database = Database(sys.argv[1])\n"
    "def enter(number):\n"
    "    with database.writing() as session: audit.enter(session, audit.SERVICE, audit.Change('tested', str(number)))\n"
)


# --- the schema -----------------------------------------------------------------------------------------------------------


def test_migrations_build_what_the_models_say(database):
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_an_upgraded_store_has_the_newest_revision_and_upgrading_it_again_changes_nothing(database):
    assert database.revision() == newest_revision() == REVISIONS[-1]
    enter_one(database)
    database.upgrade()
    assert database.revision() == newest_revision()
    assert len(verified_chain(database)) == 1


def test_a_store_without_tables_has_no_revision(empty_url):
    with opened(empty_url) as empty:
        assert empty.revision() is None


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_an_upgrade_keeps_every_row_of_a_populated_older_store(empty_url, revision):
    with opened(empty_url) as store:
        store.upgrade(revision)
        tables = tables_of(store)
        populate(store, tables)
        before = rows_of(store, tables)
        assert all(before.values())
        store.upgrade()
        assert store.revision() == newest_revision()
        assert rows_of(store, tables) == before


def test_processes_that_upgrade_at_once_all_find_the_store_ready(empty_url):
    at_once(UPGRADE, empty_url, processes=4)
    with opened(empty_url) as store:
        assert store.revision() == newest_revision()
        with store.reading() as session:
            assert session.scalars(sa.select(Counter.name).order_by(Counter.name)).all() == ["audit", "releases"]


# --- what never changes ---------------------------------------------------------------------------------------------------

UNCHANGEABLE: Final = [
    ("audit", "UPDATE audit SET reason = 'another'"),
    ("audit", "DELETE FROM audit"),
    ("contents", "UPDATE contents SET content_json = '{}'"),
    ("contents", "DELETE FROM contents"),
    ("decisions", "UPDATE decisions SET record_json = '{}'"),
]


@pytest.mark.parametrize(("table", "attempt"), UNCHANGEABLE, ids=[attempt for _, attempt in UNCHANGEABLE])
def test_what_was_recorded_cannot_be_changed_even_by_hand(database, table, attempt):
    tables = tables_of(database)
    populate(database, tables)
    before = rows_of(database, tables)
    with pytest.raises(DBAPIError, match=f"{table} is append-only"), database.writing() as session:
        session.execute(sa.text(attempt))
    assert rows_of(database, tables) == before


@pytest.mark.parametrize("table", ["audit", "contents"])
def test_what_was_recorded_cannot_be_emptied_on_postgresql(postgres, table):
    with opened(postgres.new_database(upgraded=True)) as store, pytest.raises(DBAPIError, match=f"{table} is append-only"), store.writing() as session:
        session.execute(sa.text(f"TRUNCATE {table} CASCADE"))


# --- sessions -------------------------------------------------------------------------------------------------------------


def test_reading_sees_one_state_however_much_is_written_meanwhile(database):
    with database.reading() as session:
        assert contents(session) == []
        keep(database, "a")
        assert contents(session) == []
    with database.reading() as session:
        assert contents(session) == ["a"]


def test_reading_changes_nothing(database):
    with database.reading() as session:
        session.add(Content(sha256="a", content_json="{}"))
        session.flush()
    with database.reading() as session:
        assert contents(session) == []


def test_writing_is_undone_by_an_exception(database):
    with undone(database) as session:
        session.add(Content(sha256="a", content_json="{}"))
        session.flush()
    with database.reading() as session:
        assert contents(session) == []


def test_what_was_written_is_there_for_everybody_when_the_block_has_ended(database, store_url):
    keep(database, "a")
    with opened(store_url) as other, other.reading() as session:
        assert contents(session) == ["a"]


def test_a_row_cannot_refer_to_what_is_not_there(database):
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(Contributor(draft="no-such-draft", user="liwei"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "URL"), ("nonsense", "URL"), ("mysql://host/name", "mysql"), ("sqlite://", "sqlite"), ("sqlite:///:memory:", "sqlite")],
)
def test_other_databases_are_refused(text, reason):
    with pytest.raises(ValueError, match=reason):
        read_url(text)


# --- the audit chain ------------------------------------------------------------------------------------------------------


def test_an_entry_of_an_undone_transaction_leaves_no_gap(database):
    enter_one(database)
    with undone(database) as session:
        audit.enter(session, SOMEBODY, audit.Change("tested", "undone"))
    enter_one(database)
    assert [entry.object for entry in verified_chain(database)] == ["one", "one"]


def test_threads_that_enter_at_once_make_one_chain_without_gaps(database):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: enter_one(database, str(number)), range(120)))
    assert sorted(int(entry.object) for entry in verified_chain(database)) == list(range(120))


def test_processes_that_enter_at_once_make_one_chain_without_gaps(database, store_url):
    at_once("import sys\n" + ENTER + START + "for number in range(40): enter(number)", store_url, processes=3)
    assert sorted(int(entry.object) for entry in verified_chain(database)) == sorted([*range(40)] * 3)


# --- how ------------------------------------------------------------------------------------------------------------------


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """A store until the block ends."""
    store = Database(url)
    yield store
    store.close()


def at_once(program: str, url: str, *, processes: int) -> None:
    """Run a program in several processes that go on from ``START`` together; each must succeed."""
    command = [sys.executable, "-W", "error", "-c", program, url]
    pipes: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    started: list[Any] = [subprocess.Popen(command, cwd=ROOT, text=True, **pipes) for _ in range(processes)]
    for process in started:
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    complaints = [process.communicate(timeout=120)[1] for process in started]
    assert [process.returncode for process in started] == [0] * processes, "\n".join(complaints)


@contextmanager
def undone(database: Database) -> Iterator[Session]:
    """A writing session that ends in an exception."""
    with pytest.raises(RuntimeError, match="at the end"), database.writing() as session:  # noqa: PT012 - the block is the caller's
        yield session
        raise RuntimeError("at the end")


def keep(database: Database, name: str) -> None:
    with database.writing() as session:
        session.add(Content(sha256=name, content_json="{}"))


def contents(session: Session) -> list[str]:
    return list(session.scalars(sa.select(Content.sha256)))


def enter_one(database: Database, name: str = "one") -> None:
    with database.writing() as session:
        audit.enter(session, SOMEBODY, audit.Change("tested", name, reason="a reason", details={"ratio": "0.10"}))


def verified_chain(database: Database) -> list[AuditEntry]:
    """All entries, in order; asserts that numbers have no gap and that each hash follows from the one before."""
    with database.reading() as session:
        entries = list(session.scalars(sa.select(AuditEntry).order_by(AuditEntry.number)))
        session.expunge_all()
    assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
    previous = audit.FIRST
    for entry in entries:
        assert entry.previous == previous
        assert entry.hash == audit.linked(previous, audit.chained(entry))
        previous = entry.hash
    return entries


def tables_of(store: Database) -> list[sa.Table]:
    """The tables that the store has now, the referred ones first."""
    found = sa.MetaData()
    found.reflect(store.engine)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


CHOSEN: Final = {"state": "draft", "role": "viewer", "approver": "another"}
"""What a constraint asks of a column of this name."""
LEFT_OUT: Final = {("grants", "ruleset")}


def populate(store: Database, tables: list[sa.Table]) -> None:
    """Give each table a row that says something in each column. References hold because all names are the same."""
    with store.engine.begin() as connection:
        for table in tables:
            connection.execute(table.insert().values({column.name: filling(column) for column in table.columns if (table.name, column.name) not in LEFT_OUT}))


def filling(column: sa.Column[Any]) -> object:
    if column.name in CHOSEN:
        return CHOSEN[column.name]
    kind = column.type.python_type
    return {int: 7, bool: True, str: "名"}[kind]


def rows_of(store: Database, tables: list[sa.Table]) -> dict[str, list[Any]]:
    with store.engine.connect() as connection:
        return {table.name: sorted(map(tuple, connection.execute(sa.select(*table.columns))), key=repr) for table in tables}
