"""How is the store reached? SQLite (embedded) or PostgreSQL (by URL), the same schema, brought up to date by Alembic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

MIGRATIONS: Final = Path(__file__).resolve().parents[1] / "migrations"
BUSY_SECONDS: Final = 30
_LOCK: Final = 7_233_108
"""What upgrades of a PostgreSQL store take turns by."""
POOL: Final = 16
"""Connections of one process."""


class Database:
    """The store of one process. Safe to share between threads; call ``forget`` after a fork."""

    def __init__(self, url: str | URL) -> None:
        self.url = read_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {"pool_size": POOL, "max_overflow": POOL, "pool_timeout": BUSY_SECONDS}
        if not self.is_sqlite:
            options |= {"pool_pre_ping": True, "connect_args": {"connect_timeout": 5, "options": "-c timezone=UTC"}}
        self.engine = sa.create_engine(self.url, **options)
        if self.is_sqlite:
            sa.event.listen(self.engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine, "begin", _begin_sqlite)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state of the store and changes nothing; what was read stays readable afterwards."""
        with Session(self.engine, expire_on_commit=False) as session:
            if not self.is_sqlite:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session
            session.expunge_all()

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session whose changes are durable when the block ends, or undone when it raises.

        SQLite lets one writer in at a time from the start; on PostgreSQL lock the rows that must not move (``for_update``).
        """
        with Session(self.engine, expire_on_commit=False) as session:
            session.connection(execution_options={"writing": True})
            yield session
            session.commit()

    def forget(self) -> None:
        """Drop the connections that a parent process opened, without closing them for it."""
        self.engine.dispose(close=False)

    def close(self) -> None:
        self.engine.dispose()

    def upgrade(self, revision: str = "head") -> None:
        """Bring the schema up to date. Several processes may try at once: one does it, the others wait."""
        with self.engine.connect().execution_options(writing=True) as connection, connection.begin():
            if not self.is_sqlite:
                connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            config = _alembic()
            config.attributes["connection"] = connection
            command.upgrade(config, revision)

    def revision(self) -> str | None:
        """The revision of the schema; None for an empty store."""
        with self.engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()


def read_url(text: str | URL) -> URL:
    """A database URL with the drivers that are installed; raises ``ValueError``."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise ValueError("not a database URL") from None
    match url.get_backend_name():
        case "postgresql" | "postgres":
            return url.set(drivername="postgresql+psycopg")
        case "sqlite" if url.database and url.database != ":memory:":
            return url.set(drivername="sqlite+pysqlite")
        case other:
            raise ValueError(other)


def newest_revision() -> str:
    """The revision that this program needs."""
    found = ScriptDirectory.from_config(_alembic()).get_current_head()
    assert found is not None
    return found


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _prepare_sqlite(connection: Any, _: object) -> None:
    """Durable commits, concurrent readers, foreign keys; transactions begin when we say so."""
    connection.isolation_level = None
    for pragma in (f"busy_timeout = {BUSY_SECONDS * 1000}", "journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writing") else "BEGIN")
