"""What do the tests of the decision log share: an engine, and a desk that makes records for the store under test?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engine import Engine
from rulesets.database import Database
from tests.log.writing import Desk, compiled


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    engine = compiled()
    yield engine
    engine.close()


@pytest.fixture
def desk(database: Database, engine: Engine) -> Desk:
    return Desk(database, engine)
