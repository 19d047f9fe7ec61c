"""Which services do the tests of faults break: real ones, each on a store of its own?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rulesets.database import Database
from tests.api.running import SMALL, fill, free_port
from tests.faults.site import Site


@pytest.fixture
def site(store_url: str, tmp_path: Path) -> Iterator[Site]:
    """The small rules served by gunicorn, on SQLite and on PostgreSQL."""
    fill(Database(store_url), SMALL)
    made = Site(store_url, free_port(), tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def database(site: Site) -> Iterator[Database]:
    """The store of the site, seen from outside."""
    opened = Database(site.url)
    yield opened
    opened.close()
