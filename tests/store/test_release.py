"""Do the rules in force change at their instant, in every process, and can older ones still be asked?"""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

from rulesets import clock, drafts
from rulesets.clock import DAY, SECOND
from rulesets.database import Database
from rulesets.drafts import Found, Work
from rulesets.release import NothingInForce, Release, Releases
from rulesets.trials import Trials
from rulesets.versions import NoSuchVersion
from tests.store.bank import EDDA, edited, filled, published

OPENED_2019 = {"opened": "2019-05-01"}


def standing(release: Release) -> Any:
    return release.engine.decide(OPENED_2019, ["standing"]).outcomes["standing"]


def sleep_until(instant: clock.Instant) -> None:
    threading.Event().wait(max(0, (instant - clock.now()) / SECOND))


def test_a_version_takes_effect_at_its_instant_in_every_process_that_watches_or_not(database: Database) -> None:
    watching, looking = Releases(filled(database)), Releases(database)
    watching.watch()
    before = [watching.current(), looking.current()]
    version = published(database, 2018)
    assert [standing(releases.current()) for releases in (watching, looking)] == ["old", "old"], "it was not in force yet"
    sleep_until(version.effective_from)
    after = [releases.current() for releases in (watching, looking)]
    watching.unwatch()
    assert [standing(release) for release in after] == ["new", "new"]
    assert [release.entries["typed"].number for release in before + after] == [1, 1, 2, 2]


def test_a_scheduled_version_binds_from_its_second_on_and_not_before(database: Database) -> None:
    releases = Releases(filled(database))
    tomorrow = (clock.now() + DAY) // SECOND * SECOND
    published(database, 2018, effective_from=tomorrow)
    releases.look()
    assert standing(releases.current()) == "old"
    assert standing(releases.at(tomorrow - 1, None)) == "old"
    assert standing(releases.at(tomorrow, None)) == "new"


def test_both_axes_of_time_are_kept_apart(database: Database) -> None:
    releases = Releases(filled(database))
    known_before = clock.now()
    version = published(database, 2018)
    releases.look()
    assert standing(releases.at(version.effective_from, None)) == "new"
    assert standing(releases.at(version.effective_from, known_before)) == "old"
    assert standing(releases.at(version.effective_from - 1, None)) == "old"


def test_before_the_installation_nothing_was_in_force(database: Database) -> None:
    releases = Releases(filled(database))
    with pytest.raises(NothingInForce) as error:
        releases.at(0, None)
    assert error.value.code == "E659"


def test_versions_can_be_pinned(database: Database) -> None:
    releases = Releases(filled(database))
    version = published(database, 2018)
    releases.look()
    later = releases.at(version.effective_from, None)
    assert standing(releases.pinned(later, {"typed": 1})) == "old"
    with pytest.raises(NoSuchVersion):
        releases.pinned(later, {"typed": 7})


def test_the_same_versions_are_compiled_once(database: Database) -> None:
    releases = Releases(filled(database))
    published(database, 2018, effective_from=clock.now() + DAY)
    releases.look()
    assert releases.at(clock.now(), None) is releases.current()


def test_drafts_can_be_tried_together_with_the_rules_in_force(database: Database) -> None:
    releases = Releases(filled(database))
    trials, admitted = Trials(releases), list[str]()
    draft = edited(database, 2018)
    release = trials.release([draft.id, draft.id], None, admitted.append)
    assert (standing(release), standing(releases.current()), admitted) == ("new", "old", ["typed"])
    assert release.references["typed"]["version"] == 0
    assert trials.release([draft.id], None, admitted.append) is release
    assert trials.release([], None, admitted.append) is releases.current()


def test_a_draft_that_does_not_compile_cannot_be_tried(database: Database) -> None:
    trials = Trials(Releases(filled(database)))
    with database.writing() as session:
        draft = drafts.open_draft(session, EDDA, "typed", "坏")
        draft = drafts.save(session, EDDA, draft.id, draft.revision, Work({**drafts.work_of(draft).document, "exports": ["nothing"]}, {}))
    with pytest.raises(Found):
        trials.release([draft.id], None, lambda ruleset: None)


def test_publishing_again_and_again_holds_no_memory(database: Database, soak: bool) -> None:
    """Engines of releases long gone are let go of, the network's memory with them."""
    releases = Releases(filled(database))
    engines = []
    for year in range(60 if soak else 16, 0, -1):
        day = clock.now() + year * DAY
        published(database, 1950 + year, effective_from=day)
        releases.look()
        engines.append(releases.at(day, None))
    counted = len({id(release.engine) for release in engines})
    del engines
    gc.collect()
    alive = sum(isinstance(thing, Release) for thing in gc.get_objects())
    assert counted > 12
    assert alive <= 13
