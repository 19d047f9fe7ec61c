"""Does the service say clearly that PostgreSQL is away, and go on by itself when it is back?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from rulesets.database import Database
from tests.api.running import SMALL, WITH_KEY, fill, free_port
from tests.faults.afterwards import assert_all_is_well, assert_repeatable
from tests.faults.load import CLIENTS, Caller, Load
from tests.faults.publishing import People, Publishing
from tests.faults.site import PATIENCE, Site
from tests.store.postgres import Postgres

LONGEST: Final = 40.0
"""Seconds: the log gives up after ten, a connection after five; the rest is for a machine with other things to do."""
ENDINGS: Final[dict[str, Callable[[Postgres], None]]] = {"stopped": Postgres.stop, "killed": Postgres.kill}


@pytest.fixture
def site(postgres: Postgres, tmp_path: Path) -> Iterator[Site]:
    """The small rules served by gunicorn on PostgreSQL."""
    postgres.start()
    url = postgres.new_database(upgraded=True)
    fill(Database(url), SMALL)
    made = Site(url, free_port(), tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.close()
        postgres.start()
        postgres.drop(url)


@pytest.mark.parametrize("ending", ENDINGS)
def test_postgresql_goes_away_and_comes_back_under_load(site: Site, postgres: Postgres, tmp_path: Path, ending: str, soak: bool) -> None:
    database = Database(site.url)
    with Load(site.port) as load, Publishing(People.signed_in(database, site.port)) as publishing:
        for _ in range(10 if soak else 2):
            load.more(50)
            database.close()
            ENDINGS[ending](postgres)
            load.more_refusals(3 * CLIENTS)
            assert_says_so(site)
            postgres.start()
            load.more(50)
            publishing.more(1)
    assert {(reply.status, reply.body["code"], reply.retry_after) for reply in load.refused} == {(503, "E662", "2")}
    assert load.broken == 0, "a connection broke"
    assert load.slowest < LONGEST
    assert_repeatable(site.port, load.answered)
    site.stop()
    assert_all_is_well(database, load.answered, tmp_path)
    database.close()


def assert_says_so(site: Site) -> None:
    """Whoever asks for whatever is told to come back, and the process is still alive."""
    caller = Caller(site.port, **WITH_KEY)
    for method, path, code in (("GET", "/readyz", "E690"), ("GET", "/v1/decisions", "E662"), ("POST", "/v1/decisions", "E662")):
        reply = caller.ask(method, path, {"facts": {}} if method == "POST" else None)
        assert (reply.status, reply.body["code"], reply.retry_after) == (503, code, "2")
    assert caller.ask("GET", "/healthz").status == 200
    caller.close()


assert LONGEST < PATIENCE
