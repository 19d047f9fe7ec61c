"""How is the store copied while it is in use, and put back?

A copy is one file: an SQLite database, or PostgreSQL's own archive (``pg_dump``). It is one state of the store, is read whole
and compared with the audit chain before it gets its name, and its hash is entered in that chain. What is put back replaces
the store in one transaction; its audit chain is checked again in place.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import sqlalchemy as sa
from alembic.script import ScriptDirectory
from sqlalchemy.orm import Session

from engine import Text
from rulesets import audit
from rulesets.database import MIGRATIONS, Database
from rulesets.models import AuditEntry, Base, Counter

_ARCHIVE: Final = b"PGDMP"
_DATABASE: Final = b"SQLite format 3\0"
_PIECE: Final = 1000


class BackupRefused(Exception):
    """Why a store was not copied or put back, and what to do about it."""

    def __init__(self, zh: str, en: str) -> None:
        self.text = Text(zh, en)
        super().__init__(f"{zh} / {en}")


@dataclass(frozen=True, slots=True)
class State:
    """What a store or a copy holds: the revision of its schema, and the last entry of its audit chain (0 when it has none)."""

    revision: str
    number: int
    hash: str


@dataclass(frozen=True, slots=True)
class Backup:
    file: Path
    sha256: str
    state: State


# --- copying --------------------------------------------------------------------------------------------------------------


def back_up(database: Database, file: Path, actor: audit.Actor) -> Backup:
    """Copy the store to a new file, while others go on writing. The file appears when it is whole, checked and on the disk.

    Raises ``BackupRefused``.
    """
    if file.exists():
        raise BackupRefused(f"{file} 已存在，不会覆盖", f"{file} exists and is not overwritten")
    before = _state_of(database)
    with _unfinished(file) as unfinished:
        (_copy_sqlite if database.is_sqlite else _dump)(database, unfinished)
        state = inspect(unfinished)
        _compare(database, state, before)
        sha256 = _settle(unfinished)
        os.link(unfinished, file)
    _sync(file.absolute().parent)
    with database.writing() as session:
        details = {"file": file.name, "sha256": sha256, "audit_number": state.number, "audit_hash": state.hash}
        audit.enter(session, actor, audit.Change("store.backed_up", "store", details=details))
    return Backup(file, sha256, state)


@contextmanager
def _unfinished(file: Path) -> Iterator[Path]:
    """A file beside ``file``, for our eyes only, that is gone when the block ends."""
    path = file.with_name(f".{file.name}.{os.getpid()}.unfinished")
    try:
        path.touch(mode=0o600, exist_ok=False)
    except OSError as error:
        raise BackupRefused(f"无法写入 {file.parent}：{error.strerror}", f"cannot write to {file.parent}: {error.strerror}") from None
    try:
        yield path
    except FileExistsError:
        raise BackupRefused(f"{file} 已存在，不会覆盖", f"{file} exists and is not overwritten") from None
    finally:
        path.unlink(missing_ok=True)


def _copy_sqlite(database: Database, to: Path) -> None:
    with closing(database.engine.raw_connection()) as connection, closing(sqlite3.connect(to)) as copy:
        source = connection.driver_connection
        assert source is not None
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")


def _dump(database: Database, to: Path) -> None:
    _run(database, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={to}", f"--dbname={_plain_url(database)}")


def _compare(database: Database, copied: State, before: State) -> None:
    """Refuse a copy that is older than its beginning, or that has another history than the store."""
    with database.reading() as session:
        known = session.scalar(sa.select(AuditEntry.hash).where(AuditEntry.number == copied.number)) or audit.FIRST
    if copied.number < before.number or copied.hash != known or copied.revision != before.revision:
        raise BackupRefused("备份与数据库的审计链不一致", "the copy and the store have different audit chains")


def _settle(file: Path) -> str:
    """Make sure that the file is on the disk; its SHA-256."""
    with file.open("rb") as read:
        os.fsync(read.fileno())
        return hashlib.file_digest(read, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


# --- looking at a copy ----------------------------------------------------------------------------------------------------


def inspect(file: Path) -> State:
    """What a copy holds, after reading all of it; raises ``BackupRefused`` for what is damaged or no copy."""
    try:
        with file.open("rb") as read:
            begins = read.read(len(_DATABASE))
    except OSError as error:
        raise BackupRefused(f"无法读取 {file}：{error.strerror}", f"cannot read {file}: {error.strerror}") from None
    if begins == _DATABASE:
        return _inspect_sqlite(file)
    if begins.startswith(_ARCHIVE):
        return _inspect_archive(file)
    raise BackupRefused(f"{file} 不是备份文件", f"{file} is no backup")


def _inspect_sqlite(file: Path) -> State:
    engine = sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True), poolclass=sa.NullPool)
    try:
        with Session(engine) as session:
            faults = session.scalars(sa.text("PRAGMA integrity_check")).all()
            if faults != ["ok"]:
                raise BackupRefused(f"{file} 已损坏：{faults[0]}", f"{file} is damaged: {faults[0]}")
            _check_chain(session)
            return _state(session)
    except sa.exc.DatabaseError as error:
        raise BackupRefused(f"{file} 已损坏：{error.orig}", f"{file} is damaged: {error.orig}") from None


def _inspect_archive(file: Path) -> State:
    """Read an archive to its end, as the commands it stands for: the audit entries and the revision among them."""
    command = [_program("pg_restore"), "--file=-", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603 - our own arguments
        assert process.stdout is not None
        assert process.stderr is not None
        state = _read_script(process.stdout)
        complaint = process.stderr.read().decode(errors="replace").strip()
    if process.returncode or state is None:
        raise BackupRefused(f"{file} 已损坏：{complaint[:300]}", f"{file} is damaged: {complaint[:300]}")
    return state


def _read_script(script: IO[bytes]) -> State | None:
    revision, count, last = "", 0, (0, audit.FIRST)
    for line in script:
        if line.startswith(b"COPY public.alembic_version "):
            revision = script.readline().decode().rstrip("\n")
        elif line.startswith(b"COPY public.audit "):
            columns = line[line.index(b"(") + 1 : line.index(b")")].decode().replace('"', "").split(", ")
            number, hashed = columns.index("number"), columns.index("hash")
            for row in iter(script.readline, b"\\.\n"):
                cells = row.decode().rstrip("\n").split("\t")
                count, last = count + 1, max(last, (int(cells[number]), cells[hashed]))
    return State(revision, *last) if revision and count == last[0] else None


# --- putting back ---------------------------------------------------------------------------------------------------------


def restore(database: Database, file: Path, actor: audit.Actor, *, replace: bool = False) -> State:
    """Put a copy in the place of the store, and bring its schema up to date. Raises ``BackupRefused``.

    A store that holds anything is only replaced when told to. Nothing may be serving from it meanwhile.
    """
    if not replace and _holds_anything(database):
        raise BackupRefused("数据库里已有内容；确要以备份替换请加 --replace", "the store is not empty; to replace it by the copy add --replace")
    state = inspect(file)
    _check_revision(state.revision)
    (_restore_sqlite if database.is_sqlite else _restore_archive)(database, file)
    database.upgrade()
    _check_restored(database, state)
    with database.writing() as session:
        details = {"file": file.name, "sha256": _settle(file), "audit_number": state.number, "audit_hash": state.hash}
        audit.enter(session, actor, audit.Change("store.restored", "store", details=details))
    return state


def _holds_anything(database: Database) -> bool:
    there = set(sa.inspect(database.engine).get_table_names())
    tables = [table for table in Base.metadata.sorted_tables if table.name in there and table.name != Counter.__tablename__]
    with database.engine.connect() as connection:
        return any(connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first() for table in tables)


def _check_revision(revision: str) -> None:
    if revision not in {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}:
        raise BackupRefused(f"备份来自更新的版本（{revision}），请先升级程序", f"the copy is of a newer version ({revision}): upgrade the program first")


def _restore_sqlite(database: Database, file: Path) -> None:
    """The old pages give way to the new ones in one transaction, whoever is connected."""
    if not file.open("rb").read(len(_DATABASE)) == _DATABASE:
        raise _of_the_other_kind(file)
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as copy, closing(database.engine.raw_connection()) as connection:
        copy.backup(connection.driver_connection)
    database.forget()


def _restore_archive(database: Database, file: Path) -> None:
    """Drop our tables and run the archive's commands, in one transaction."""
    if not file.open("rb").read(len(_ARCHIVE)) == _ARCHIVE:
        raise _of_the_other_kind(file)
    names = [table.name for table in Base.metadata.sorted_tables] + ["alembic_version"]
    drop = "".join(f"DROP TABLE IF EXISTS public.{name} CASCADE;\n" for name in names) + "DROP FUNCTION IF EXISTS public.append_only() CASCADE;\n"
    with subprocess.Popen([_program("pg_restore"), "--file=-", "--no-owner", "--no-privileges", str(file)], stdout=subprocess.PIPE) as script:  # noqa: S603
        assert script.stdout is not None
        options = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", f"--dbname={_plain_url(database)}")
        _run(database, "psql", *options, "--command", drop, "--file=-", stdin=script.stdout)
