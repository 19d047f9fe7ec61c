"""How are the tests run: quickly, at length (--soak), or to record what they compare with (--record)?"""

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from rulesets.database import Database
from tests.store.postgres import Postgres, Unavailable, new_sqlite, start_postgres

_NO_POSTGRES = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("zhunsheng")
    group.addoption("--record", action="store_true", help="rewrite the expected files of tests/golden; review the diff")
    group.addoption("--soak", action="store_true", help="search each property for much longer, with new random examples")


def pytest_configure(config: pytest.Config) -> None:
    """Choose how far the properties search: the same 40 examples on every run, or 1,500 new ones."""
    hypothesis.settings.register_profile("slice", deadline=None, max_examples=40, derandomize=True, database=None)
    hypothesis.settings.register_profile("soak", deadline=None, max_examples=1_500, database=None, print_blob=True)
    hypothesis.settings.load_profile("soak" if config.getoption("--soak") else "slice")


@pytest.fixture(scope="session")
def record(request: pytest.FixtureRequest) -> bool:
    """Whether expected files are rewritten instead of compared with."""
    return bool(request.config.getoption("--record"))


@pytest.fixture(scope="session")
def soak(request: pytest.FixtureRequest) -> bool:
    """Whether there is time for the long version of a test."""
    return bool(request.config.getoption("--soak"))


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    """A PostgreSQL server of the tests' own. Where none can run, its tests are skipped and the summary says so."""
    try:
        server = start_postgres()
    except Unavailable as reason:
        request.config.stash[_NO_POSTGRES] = str(reason)
        pytest.skip(f"no PostgreSQL: {reason}")
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table, on SQLite and on PostgreSQL."""
    yield from _new_store(request, tmp_path, upgraded=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty store whose schema is up to date, on SQLite and on PostgreSQL."""
    yield from _new_store(request, tmp_path, upgraded=True)


def _new_store(request: pytest.FixtureRequest, folder: Path, *, upgraded: bool) -> Iterator[str]:
    if request.param == "sqlite":
        yield new_sqlite(folder / "store.db", upgraded=upgraded)
        return
    server: Postgres = request.getfixturevalue("postgres")
    server.start()
    url = server.new_database(upgraded=upgraded)
    yield url
    server.start()
    server.drop(url)


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    """An empty store whose schema is up to date, on SQLite and on PostgreSQL."""
    opened = Database(store_url)
    yield opened
    opened.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if reason := config.stash.get(_NO_POSTGRES, None):
        terminalreporter.write_line(f"THE TESTS ON POSTGRESQL WERE SKIPPED: {reason}", red=True, bold=True)
