"""Is the Rete network sealed: does it chain, hold nothing back after a failure, and stay usable from many threads?"""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from engine.backends.rete.network import MAX_RULES, Network, NetworkError

ROOT: Final = Path(__file__).resolve().parents[2]
NEEDS: Final = [[0], [1], [1, 2], [3, 4], []]
"""A chain: production n gives field n + 1; the last needs nothing and gives field 9."""


def _gives(production: int) -> Iterable[int]:
    return [9] if production == len(NEEDS) - 1 else [production + 1]


@pytest.mark.parametrize(
    ("known", "expected"),
    [((0,), {0, 1, 2, 4}), ((0, 4), {0, 1, 2, 3, 4}), ((), {4}), ((1,), {1, 2, 4}), ((3, 4), {3, 4})],
)
def test_a_production_fires_once_when_all_it_needs_is_known(known: tuple[int, ...], expected: set[int]) -> None:
    order = Network(NEEDS).run(known, _gives)
    assert sorted(order) == sorted(expected)


def test_a_need_is_given_before_it_is_used() -> None:
    order = Network(NEEDS).run((0, 4), _gives)
    assert order.index(0) < order.index(1) < order.index(2) < order.index(3)


def test_the_order_of_the_known_fields_changes_nothing_but_the_order_of_firing() -> None:
    network = Network(NEEDS)
    assert set(network.run((0, 4), _gives)) == set(network.run((4, 0), _gives))


def test_a_network_without_productions_fires_none() -> None:
    network = Network([])
    assert network.run((0, 1), _gives) == []
    network.close()


def test_a_field_that_a_production_gives_again_fires_nothing_twice() -> None:
    order = Network([[0], [0]]).run((0,), lambda _: [0])
    assert sorted(order) == [0, 1]


def test_a_closed_network_says_so() -> None:
    network = Network(NEEDS)
    network.close()
    with pytest.raises(NetworkError, match="closed"):
        network.run((0,), _gives)


@pytest.mark.parametrize("width", [11, 12, 13, 16, 17, 100, 500])
def test_a_production_may_need_any_number_of_fields(width: int) -> None:
    network = Network([range(width), [width]])
    assert network.run(range(width), lambda _: [width]) == [0, 1]
    assert network.run(range(1, width), lambda _: [width]) == []


def test_more_rules_than_a_network_holds_are_refused_before_it_is_built() -> None:
    with pytest.raises(NetworkError, match="at most"):
        Network([[n] for n in range(MAX_RULES)])


_ALONE: Final = """
from engine.backends.rete.network import Network
for needs in ([[1]], [[1], [2], [3]], [[0, 1]], [[]], []):
    network = Network(needs)
    assert network.run((0,), lambda _: []) == ([0] if needs == [[]] else [])
    network.run((), lambda _: [])
    network.close()
"""


def test_a_question_that_fires_nothing_does_no_harm() -> None:
    """In a process of its own, because the harm was that the process died: the extension frees memory it never set."""
    marked = {**os.environ, "MALLOC_PERTURB_": "165"}  # with glibc, fresh memory holds a mark instead of what happens to be there
    done = subprocess.run([sys.executable, "-c", _ALONE], cwd=ROOT, env=marked, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_question_leaves_nothing_behind_for_the_next() -> None:
    network = Network(NEEDS)
    assert set(network.run((0, 4), _gives)) == {0, 1, 2, 3, 4}
    assert network.run((), _gives) == [4]
    assert set(network.run((1,), _gives)) == {1, 2, 4}


class Broken(Exception):
    """What a production raises in these tests."""


def _breaking_at(broken: int) -> Callable[[int], Iterable[int]]:
    def fire(production: int) -> Iterable[int]:
        if production == broken:
            raise Broken(production)
        return _gives(production)

    return fire


@pytest.mark.parametrize("broken", range(len(NEEDS)))
def test_an_exception_passes_through_and_the_network_still_works_afterwards(broken: int) -> None:
    network = Network(NEEDS)
    with pytest.raises(Broken) as caught:
        network.run((0, 4), _breaking_at(broken))
    assert caught.value.args == (broken,)
    assert set(network.run((0, 4), _gives)) == {0, 1, 2, 3, 4}
    assert network.run((), _gives) == [4]


def test_a_hundred_failures_in_a_row_leave_the_network_whole() -> None:
    network = Network(NEEDS)
    for _ in range(100):
        with pytest.raises(Broken):
            network.run((0,), _breaking_at(1))
    assert set(network.run((0, 4), _gives)) == {0, 1, 2, 3, 4}


def test_threads_share_a_network_and_get_their_own_answers() -> None:
    network = Network(NEEDS)
    questions = [((0,), {0, 1, 2, 4}), ((), {4}), ((3, 4), {3, 4})] * 30
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda question: set(network.run(question[0], _gives)), questions))
    assert answers == [expected for _, expected in questions]


def test_two_networks_do_not_hear_of_each_other() -> None:
    first, second = Network([[0]]), Network([[1]])
    assert first.run((0,), lambda _: []) == [0]
    assert second.run((0,), lambda _: []) == []
    first.close()
    assert second.run((1,), lambda _: []) == [0]


def test_a_closed_network_may_be_closed_again_and_collected() -> None:
    network = Network(NEEDS)
    network.close()
    network.close()
    del network
    gc.collect()


def test_random_networks_fire_what_a_simple_loop_fires() -> None:
    rng = random.Random(20240930)
    for _ in range(40):
        size = rng.randint(1, 12)
        needs = [rng.sample(range(n + 4), rng.randint(0, min(4, n + 4))) for n in range(size)]
        known = rng.sample(range(size + 4), rng.randint(0, size + 4))
        network = Network(needs)
        assert set(network.run(known, lambda production: [production + 4])) == _closure(needs, known)
        network.close()


def _closure(needs: list[list[int]], known: Iterable[int]) -> set[int]:
    """The productions that fire when production n gives field n + 4, found by asking again until nothing changes."""
    fields, fired = set(known), set[int]()
    while ready := {n for n, wanted in enumerate(needs) if n not in fired and set(wanted) <= fields}:
        fired |= ready
        fields |= {n + 4 for n in ready}
    return fired
