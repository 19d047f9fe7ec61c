"""Does ``kill -9`` at any moment lose an acknowledged decision, or leave half a version?"""

from __future__ import annotations

import random
from pathlib import Path

from rulesets.database import Database
from tests.faults.afterwards import assert_all_is_well, assert_repeatable
from tests.faults.load import Load
from tests.faults.publishing import People, Publishing
from tests.faults.site import Site


def test_killed_workers_and_a_killed_master_lose_nothing(site: Site, database: Database, tmp_path: Path, soak: bool) -> None:
    chance = random.Random() if soak else random.Random(20)
    with Load(site.port) as load, Publishing(People.signed_in(database, site.port)) as publishing:
        for _ in range(40 if soak else 4):
            load.more(chance.randrange(1, 150))
            site.kill_worker(chance.choice(site.workers()))
            load.more(10)
        publishing.more(1)
        site.kill_master()
        site.start()
        load.more(10)
        publishing.more(1)
    assert load.refused == []
    assert load.broken > 0, "no kill met a question"
    assert_repeatable(site.port, load.answered)
    site.stop()
    assert_all_is_well(database, load.answered, tmp_path)
