"""Which version is in force at an instant, as known at another?"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rulesets.clock import SECOND
from rulesets.timeline import Entry, in_force, next_change, scheduled, state


def entry(number: int, effective: int, published: int, withdrawn: int | None = None, ruleset: str = "typed") -> Entry:
    return Entry(number, ruleset, number, f"{number:064}", "", number - 1 or None, "edda", "anna", "", effective, published, withdrawn)


FIRST: Final = entry(1, 10, 10)
LATER: Final = entry(2, 100, 20)
BETWEEN: Final = entry(3, 50, 30)
TAKEN_BACK: Final = entry(4, 60, 40, withdrawn=45)
ALL: Final = (FIRST, LATER, BETWEEN, TAKEN_BACK)


@pytest.mark.parametrize(
    ("as_of", "known", "number"),
    [(9, 99, None), (10, 99, 1), (49, 99, 1), (50, 99, 3), (99, 99, 3), (100, 999, 2), (55, 29, 1), (60, 41, 4), (60, 45, 3), (60, 44, 4), (10, 9, None)],
)
def test_of_what_is_known_and_binds_the_latest_is_in_force(as_of: int, known: int, number: int | None) -> None:
    found = in_force(ALL, as_of, known).get("typed")
    assert (found.number if found else None) == number


def test_of_two_from_the_same_instant_the_newer_is_in_force() -> None:
    assert in_force([entry(1, 10, 5), entry(2, 10, 6)], 10, 10)["typed"].number == 2


def test_what_is_to_come_comes_in_its_order() -> None:
    assert [one.number for one in scheduled(ALL, 20, 99)] == [3, 2]
    assert next_change(ALL, 20, 99) == 50
    assert next_change(ALL, 100, 99) is None


@pytest.mark.parametrize(
    ("number", "at", "expected"), [(1, 20, "in_force"), (1, 50, "superseded"), (2, 40, "scheduled"), (4, 46, "withdrawn"), (3, 70, "in_force")]
)
def test_a_version_has_a_state_at_every_instant(number: int, at: int, expected: str) -> None:
    assert state(ALL[number - 1], ALL, at) == expected


instants = st.integers(0, 12).map(lambda n: n * SECOND)


@given(st.lists(st.tuples(instants, instants, st.none() | instants), max_size=8), instants, instants)
def test_there_is_no_other_version_that_should_rather_be_in_force(parts: list[tuple[int, int, int | None]], as_of: int, known: int) -> None:
    entries = [entry(n, *part) for n, part in enumerate(parts, 1)]
    found = in_force(entries, as_of, known).get("typed")
    possible = [
        one for one in entries if one.effective_from <= as_of and one.published_at <= known and not (one.withdrawn_at is not None and one.withdrawn_at <= known)
    ]
    assert (found is None) == (not possible)
    assert all((one.effective_from, one.number) <= (found.effective_from, found.number) for one in possible if found)
