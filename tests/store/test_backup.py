"""Is a copy of the store whole, whatever is written meanwhile, and does it bring everything back?"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import sqlalchemy as sa

from rulesets import audit, backup
from rulesets.backup import BackupRefused, back_up, restore
from rulesets.database import Database, newest_revision
from rulesets.models import AuditEntry, Content
from tests.store.postgres import new_sqlite

ACTOR: Final = audit.Actor("command:backup")
TEXTS: Final = ["", "名\t\\N \\. 'quoted' \"x\"\r\n\\\\", "COPY public.audit (number, hash) FROM stdin;\n999\tffff\n\\."]


@pytest.fixture(autouse=True)
def programs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL's programs of the server's version come first on the PATH."""
    if "postgresql" in request.node.name:
        monkeypatch.setenv("PATH", f"{request.getfixturevalue('postgres').programs}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def another(database: Database, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A second database of the same kind, without tables."""
    url = new_sqlite(tmp_path / "another.db") if database.is_sqlite else request.getfixturevalue("postgres").new_database()
    opened = Database(url)
    yield opened
    opened.close()


def write(database: Database, name: str) -> None:
    """One content and one audit entry, or neither."""
    with database.writing() as session:
        session.add(Content(sha256=name, content_json="{}"))
        for text in TEXTS:
            audit.enter(session, ACTOR, audit.Change("tested", name, reason=text, details={"text": text}))


def contents(database: Database) -> set[str]:
    with database.reading() as session:
        return set(session.scalars(sa.select(Content.sha256)))


def entries(database: Database) -> list[tuple[Any, ...]]:
    with database.reading() as session:
        return [tuple(row) for row in session.execute(sa.select(*AuditEntry.__table__.columns).order_by(AuditEntry.number))]


# --- there and back -------------------------------------------------------------------------------------------------------


def test_what_was_copied_comes_back_and_both_are_in_the_audit_chain(database, another, tmp_path):
    write(database, "a")
    copied = back_up(database, tmp_path / "copy", ACTOR)
    write(database, "b")
    assert restore(another, copied.file, ACTOR) == copied.state
    assert contents(another) == {"a"}
    assert entries(another)[:-1] == entries(database)[: copied.state.number]
    assert (copied.state.number, copied.state.revision) == (len(TEXTS), newest_revision())
    actions = [(row[4], row[9]) for row in (entries(database)[copied.state.number], entries(another)[-1])]
    assert [action for action, _ in actions] == ["store.backed_up", "store.restored"]
    assert all(copied.sha256 in details for _, details in actions)


def test_a_restored_store_goes_on_like_any_other(database, another, tmp_path):
    write(database, "a")
    restore(another, back_up(database, tmp_path / "copy", ACTOR).file, ACTOR)
    write(another, "b")
    assert contents(another) == {"a", "b"}
    assert back_up(another, tmp_path / "copy of the copy", ACTOR).state.number == 2 * len(TEXTS) + 1
    with pytest.raises(sa.exc.DBAPIError, match="append-only"), another.writing() as session:
        session.execute(sa.text("DELETE FROM audit"))


def test_a_copy_is_one_state_of_the_store_whatever_is_written_meanwhile(database, another, tmp_path):
    with being_written(database):
        copied = back_up(database, tmp_path / "copy", ACTOR)
    restore(another, copied.file, ACTOR)
    found = entries(another)[:-1]
    assert found == entries(database)[: len(found)]
    names = {row[5] for row in found if row[4] == "tested"}
    assert names == contents(another)
    assert len(found) == len(names) * len(TEXTS)
    assert len(contents(database)) > len(names) > 3


@contextmanager
def being_written(database: Database) -> Iterator[None]:
    """Three threads write from a little before the block until a little after it."""
    stop, begun, after = threading.Event(), threading.Semaphore(0), threading.Semaphore(0)

    def keep_writing(thread: int) -> None:
        number = 0
        while not stop.is_set() or number < 4:
            write(database, f"{thread}-{number}")
            number += 1
            begun.release()
        write(database, f"{thread}-last")
        after.release()

    threads = [threading.Thread(target=keep_writing, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(6):
            assert begun.acquire(timeout=60)
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


def test_an_older_copy_comes_back_with_its_schema_brought_up_to_date(database, another, tmp_path):
    another.upgrade("0001")
    write(another, "old")
    copied = back_up(another, tmp_path / "copy", ACTOR)
    write(database, "new")
    restore(database, copied.file, ACTOR, replace=True)
    assert database.revision() == newest_revision()
    assert contents(database) == {"old"}


# --- refusals -------------------------------------------------------------------------------------------------------------


def test_a_store_that_holds_something_is_only_replaced_when_told_to(database, another, tmp_path):
    write(database, "a")
    copied = back_up(database, tmp_path / "copy", ACTOR)
    another.upgrade()
    write(another, "b")
    with pytest.raises(BackupRefused, match=r"--replace .*--replace"):
        restore(another, copied.file, ACTOR)
    assert contents(another) == {"b"}
    restore(another, copied.file, ACTOR, replace=True)
    assert contents(another) == {"a"}


def test_a_store_with_nothing_but_a_schema_is_empty(database, another, tmp_path):
    write(database, "a")
    another.upgrade()
    restore(another, back_up(database, tmp_path / "copy", ACTOR).file, ACTOR)
    assert contents(another) == {"a"}


def test_no_file_is_overwritten_and_none_is_left_half_written(database, tmp_path):
    write(database, "a")
    (tmp_path / "folder").mkdir()
    there = tmp_path / "folder" / "copy"
    there.write_text("something")
    with pytest.raises(BackupRefused, match=r"已存在.*exists"):
        back_up(database, there, ACTOR)
    assert there.read_text() == "something"
    with pytest.raises(BackupRefused, match=r"无法写入.*cannot write"):
        back_up(database, tmp_path / "no such folder" / "copy", ACTOR)
    assert [file.name for file in (tmp_path / "folder").iterdir()] == ["copy"]


def test_only_its_owner_may_read_a_copy(database, tmp_path):
    assert back_up(database, tmp_path / "copy", ACTOR).file.stat().st_mode & 0o777 == 0o600


def test_a_store_without_tables_is_not_copied(another, tmp_path):
    with pytest.raises(BackupRefused, match=r"空的.*empty"):
        back_up(another, tmp_path / "copy", ACTOR)


def test_what_is_damaged_or_no_copy_is_not_put_back(database, another, tmp_path):
    for number in range(40):
        write(database, f"{number}")
    whole = back_up(database, tmp_path / "copy", ACTOR).file.read_bytes()
    another.upgrade()
    write(another, "b")
    damaged = {"cut short": whole[: len(whole) // 2], "nothing": b"", "another file": b"PK\3\4" + whole[4:], "no entries": whole[:600]}
    for name, data in damaged.items():
        file = tmp_path / name
        file.write_bytes(data)
        with pytest.raises(BackupRefused):
            restore(another, file, ACTOR, replace=True)
    with pytest.raises(BackupRefused, match=r"无法读取.*cannot read"):
        restore(another, tmp_path / "no such file", ACTOR, replace=True)
    assert contents(another) == {"b"}


def test_a_copy_of_a_newer_program_is_not_put_back(database, another, tmp_path):
    write(database, "a")
    with database.writing() as session:
        session.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    copied = back_up(database, tmp_path / "copy", ACTOR)
    with pytest.raises(BackupRefused, match=r"9999.*upgrade the program"):
        restore(another, copied.file, ACTOR)


def test_an_altered_audit_chain_is_found_when_it_is_put_back(database, another, tmp_path):
    write(database, "a")
    write(database, "b")
    with database.writing() as session:
        session.execute(sa.text("DROP TRIGGER audit_update" if database.is_sqlite else "DROP TRIGGER audit_append_only ON audit"))
        session.execute(sa.text("UPDATE audit SET reason = 'altered' WHERE number = 2"))
    copied = back_up(database, tmp_path / "copy", ACTOR)
    with pytest.raises(BackupRefused, match=r"第 2 条断开.*breaks at entry 2"):
        restore(another, copied.file, ACTOR)


def test_a_copy_that_is_not_of_this_store_is_thrown_away(database, another, monkeypatch, tmp_path):
    """Whatever copies, a copy with another history than the store's never gets its name."""
    write(database, "a")
    another.upgrade()
    write(another, "b")
    copy = backup._copy_sqlite if database.is_sqlite else backup._dump
    monkeypatch.setattr(backup, copy.__name__, lambda _, to: copy(another, to))
    with pytest.raises(BackupRefused, match=r"审计链不一致.*different audit chains"):
        back_up(database, tmp_path / "copy", ACTOR)
    assert not [file for file in tmp_path.iterdir() if "copy" in file.name]


def test_a_copy_of_the_other_kind_of_database_is_refused(postgres, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{postgres.programs}{os.pathsep}{os.environ['PATH']}")
    small, large = Database(new_sqlite(tmp_path / "a.db", upgraded=True)), Database(postgres.new_database(upgraded=True))
    with closing(small), closing(large):
        copies = [back_up(store, tmp_path / f"copy-{number}", ACTOR).file for number, store in enumerate((large, small))]
        for store, copy in zip((small, large), copies, strict=True):
            with pytest.raises(BackupRefused, match=r"另一种数据库.*other kind of database"):
                restore(store, copy, ACTOR, replace=True)


# --- PostgreSQL's programs ------------------------------------------------------------------------------------------------


def on_the_path(monkeypatch: pytest.MonkeyPatch, folder: Path, **scripts: str) -> None:
    """Nothing but these programs is found."""
    folder.mkdir()
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.fixture
def large(postgres: Any) -> Iterator[Database]:
    opened = Database(postgres.new_database(upgraded=True))
    yield opened
    opened.close()


def test_without_postgresqls_programs_the_refusal_names_what_is_missing(large, monkeypatch, tmp_path):
    on_the_path(monkeypatch, tmp_path / "bin")
    with pytest.raises(BackupRefused, match=r"找不到 pg_dump.*pg_dump is not on the PATH"):
        back_up(large, tmp_path / "copy", ACTOR)


def test_what_pg_dump_complains_of_is_told(large, monkeypatch, tmp_path):
    on_the_path(monkeypatch, tmp_path / "bin", pg_dump="echo 'server version mismatch' >&2; exit 1")
    with pytest.raises(BackupRefused, match="server version mismatch"):
        back_up(large, tmp_path / "copy", ACTOR)
    assert [file.name for file in tmp_path.iterdir()] == ["bin"]


def test_a_restore_that_breaks_off_changes_nothing(large, postgres, monkeypatch, tmp_path):
    write(large, "a")
    monkeypatch.setenv("PATH", f"{postgres.programs}{os.pathsep}{os.environ['PATH']}")
    copied = back_up(large, tmp_path / "copy", ACTOR)
    write(large, "b")
    state, programs = copied.state, postgres.programs
    monkeypatch.setattr(backup, "inspect", lambda _: state)
    for cut in (40, 200, 900):
        script = f"{programs}/pg_restore $@ | /usr/bin/head -n {cut}; exit 1"
        on_the_path(monkeypatch, tmp_path / f"bin-{cut}", pg_restore=script, psql=f"exec {programs}/psql $@")
        with pytest.raises(BackupRefused, match=r"数据库未变.*as it was"):
            restore(large, copied.file, ACTOR, replace=True)
        assert contents(large) == {"a", "b"}
    on_the_path(monkeypatch, tmp_path / "bin-psql", pg_restore=f"exec {programs}/pg_restore $@", psql="echo broken >&2; exit 3")
    with pytest.raises(BackupRefused, match="broken"):
        restore(large, copied.file, ACTOR, replace=True)


def test_the_password_is_not_on_the_command_line():
    database = Database("postgresql://zhunsheng:hunter2@db.bank/zhunsheng?sslmode=require")
    assert backup._plain_url(database) == "postgresql://zhunsheng@db.bank/zhunsheng?sslmode=require"
    assert backup._environment(database)["PGPASSWORD"] == "hunter2"


def test_a_copied_file_is_a_database_by_itself(tmp_path):
    store = Database(new_sqlite(tmp_path / "store.db", upgraded=True))
    with closing(store):
        write(store, "a")
        copied = back_up(store, tmp_path / "copy", ACTOR)
    with closing(sqlite3.connect(copied.file)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert {file.name for file in tmp_path.iterdir()} == {"store.db", "copy"}
