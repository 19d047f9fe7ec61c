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
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

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
    begins = _beginning(file)
    if begins == _DATABASE:
        return _inspect_sqlite(file)
    if begins.startswith(_ARCHIVE):
        return _inspect_archive(file)
    raise BackupRefused(f"{file} 不是备份文件", f"{file} is no backup")


def _beginning(file: Path) -> bytes:
    try:
        with file.open("rb") as read:
            return read.read(len(_DATABASE))
    except OSError as error:
        raise BackupRefused(f"无法读取 {file}：{error.strerror}", f"cannot read {file}: {error.strerror}") from None


def _read_only(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)


def _inspect_sqlite(file: Path) -> State:
    engine = sa.create_engine("sqlite://", creator=lambda: _read_only(file), poolclass=sa.NullPool)
    try:
        with Session(engine) as session:
            faults = session.scalars(sa.text("PRAGMA integrity_check")).all()
            if faults != ["ok"]:
                raise BackupRefused(f"{file} 已损坏：{faults[0]}", f"{file} is damaged: {faults[0]}")
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
        complaint = _said(process.stderr.read())
    if process.returncode or state is None:
        raise BackupRefused(f"{file} 已损坏：{complaint}", f"{file} is damaged: {complaint}")
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

    A store that holds anything is only replaced when told to. Nothing may be serving from it meanwhile. A copy whose audit
    chain is broken is put back, and refused afterwards.
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
    if _beginning(file) != _DATABASE:
        raise _of_the_other_kind(file)
    with closing(_read_only(file)) as copy, closing(database.engine.raw_connection()) as connection:
        there = connection.driver_connection
        assert there is not None
        copy.backup(there)


def _restore_archive(database: Database, file: Path) -> None:
    """Drop our tables and run the archive's commands, in one transaction that only ends well when all of them were sent."""
    if not _beginning(file).startswith(_ARCHIVE):
        raise _of_the_other_kind(file)
    command = [_program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-", f"--dbname={_plain_url(database)}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_environment(database)) as psql:  # noqa: S603
        assert psql.stdin is not None
        assert psql.stderr is not None
        sent = _send(file, psql.stdin)
        complaint = _said(psql.stderr.read())
    if psql.returncode or not sent:
        raise BackupRefused(f"恢复失败，数据库未变：{complaint}", f"not restored, the store is as it was: {complaint}")


def _send(file: Path, to: IO[bytes]) -> bool:
    """Whether all of an archive was sent; only then does its transaction end well."""
    names = [table.name for table in Base.metadata.sorted_tables] + ["alembic_version"]
    drop = "".join(f"DROP TABLE IF EXISTS public.{name} CASCADE;\n" for name in names) + "DROP FUNCTION IF EXISTS public.append_only() CASCADE;\n"
    command = [_program("pg_restore"), "--file=-", "--no-owner", "--no-privileges", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as script, suppress(BrokenPipeError), to:  # noqa: S603 - our own arguments
        assert script.stdout is not None
        to.write(b"SET client_min_messages = warning;\nBEGIN;\n" + drop.encode())
        shutil.copyfileobj(script.stdout, to)
        if script.wait() == 0:
            to.write(b"COMMIT;\n")
    return script.returncode == 0


def _of_the_other_kind(file: Path) -> BackupRefused:
    return BackupRefused(f"{file} 是另一种数据库的备份", f"{file} is a copy of the other kind of database")


def _check_restored(database: Database, state: State) -> None:
    with database.reading() as session:
        _check_chain(session)
        if _state(session).number != state.number:
            raise BackupRefused("恢复后的审计链与备份不同", "the restored audit chain is not the copy's")


# --- both -----------------------------------------------------------------------------------------------------------------


def _state_of(database: Database) -> State:
    if database.revision() is None:
        raise BackupRefused("数据库是空的，没有可备份的内容", "the store is empty: there is nothing to copy")
    with database.reading() as session:
        return _state(session)


def _state(session: Session) -> State:
    revision = session.scalar(sa.text("SELECT version_num FROM alembic_version"))
    last = session.execute(sa.select(AuditEntry.number, AuditEntry.hash).order_by(AuditEntry.number.desc()).limit(1)).first()
    return State(str(revision), *(last or (0, audit.FIRST)))


def _check_chain(session: Session) -> None:
    """Raise ``BackupRefused`` for an audit chain with a gap or an altered entry."""
    previous = audit.FIRST
    with closing(session.scalars(sa.select(AuditEntry).order_by(AuditEntry.number).execution_options(yield_per=_PIECE))) as entries:
        for number, entry in enumerate(entries, 1):
            if (entry.number, entry.previous, entry.hash) != (number, previous, audit.linked(previous, audit.chained(entry))):
                raise BackupRefused(f"备份已恢复，但其审计链在第 {number} 条断开", f"the copy is in place, but its audit chain breaks at entry {number}")
            previous = entry.hash


# --- PostgreSQL's programs ------------------------------------------------------------------------------------------------


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BackupRefused(
            f"找不到 {name}：请安装与服务器同版本的 PostgreSQL 客户端，并将其加入 PATH",
            f"{name} is not on the PATH: install PostgreSQL's client programs, of the server's version",
        )
    return found


def _dump(database: Database, to: Path) -> None:
    command = [_program("pg_dump"), "--format=custom", "--no-owner", "--no-privileges", f"--file={to}", f"--dbname={_plain_url(database)}"]
    done = subprocess.run(command, env=_environment(database), capture_output=True, check=False)  # noqa: S603 - our own arguments
    if done.returncode:
        raise BackupRefused(f"pg_dump 失败：{_said(done.stderr)}", f"pg_dump failed: {_said(done.stderr)}")


def _said(complaint: bytes) -> str:
    return " ".join(complaint.decode(errors="replace").split())[:300]


def _plain_url(database: Database) -> str:
    """The address as PostgreSQL's own programs read it, without the password: others can see command lines."""
    return database.url.set(drivername="postgresql")._replace(password=None).render_as_string()


def _environment(database: Database) -> dict[str, str]:
    password = database.url.password
    return {**os.environ, "PGPASSWORD": str(password)} if password else dict(os.environ)
