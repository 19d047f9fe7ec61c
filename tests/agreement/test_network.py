"""Does the network fire every production whose needs become known, once, and no other, whatever comes first?"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from engine.backends.rete.network import Fire, Network
from tests.strategies.pen import Pen, pens

ROOT = Path(__file__).parents[2]
ARRIVALS = 5


@dataclass(frozen=True)
class Plan:
    """An acyclic network: the fields each production needs, and those it gives. ``silent`` ones turn out to give nothing."""

    fields: int
    needs: tuple[tuple[int, ...], ...]
    gives: tuple[tuple[int, ...], ...]
    silent: frozenset[int] = frozenset()

    def fixpoint(self, known: set[int]) -> set[int]:
        """The productions that fire."""
        known, fired = set(known), set[int]()
        while ready := [n for n, needs in enumerate(self.needs) if n not in fired and set(needs) <= known]:
            for n in ready:
                fired.add(n)
                known |= set(self.given(n))
        return fired

    def given(self, production: int) -> tuple[int, ...]:
        return () if production in self.silent else self.gives[production]


@st.composite
def plans(draw: DrawFn) -> Plan:
    """Productions over earlier fields only, numbered and listed in any order."""
    pen = Pen.drawing(draw)
    inputs = pen.pick((pen.number(0, 12), 40))
    fields, needs, gives = inputs, [], []
    for _ in range(pen.number(0, 12)):
        needs.append(tuple(pen.several(range(fields), pen.pick((pen.number(0, 5), 30)))))
        gives.append(tuple(range(fields, fields := fields + pen.number(1, 3))))
    order = pen.shuffled(range(len(needs)))
    silent = frozenset(n for n in order if pen.chance(5))
    return Plan(fields, tuple(needs[n] for n in order), tuple(gives[n] for n in order), silent)


@contextmanager
def open_network(plan: Plan) -> Iterator[Network]:
    network = Network(plan.needs)
    yield network
    network.close()


@given(plans(), pens())
def test_what_can_fire_fires_once(plan: Plan, pen: Pen) -> None:
    with open_network(plan) as network:
        for _ in range(ARRIVALS):
            arriving = pen.several(range(plan.fields), pen.number(0, plan.fields))
            order = network.run(arriving, plan.given)
            assert sorted(order) == sorted(plan.fixpoint(set(arriving)))
            known = set(arriving)
            for production in order:
                assert set(plan.needs[production]) <= known
                known |= set(plan.given(production))


@given(plans(), pens())
def test_a_field_that_arrives_twice_fires_nothing_twice(plan: Plan, pen: Pen) -> None:
    with open_network(plan) as network:
        arriving = pen.several(range(plan.fields), pen.number(0, plan.fields))
        order = network.run(arriving, lambda n: (*plan.given(n), *plan.given(n), *arriving))
        assert sorted(order) == sorted(plan.fixpoint(set(arriving)))


class Broken(Exception):
    """Raised by a production."""


@given(plans(), pens())
def test_a_production_that_fails_leaves_nothing_behind(plan: Plan, pen: Pen) -> None:
    arriving = pen.several(range(plan.fields), pen.number(0, plan.fields))
    expected = sorted(plan.fixpoint(set(arriving)))

    def failing_at(broken: int) -> Fire:
        def fire(production: int) -> tuple[int, ...]:
            if production == broken:
                raise Broken
            return plan.given(production)

        return fire

    with open_network(plan) as network:
        for production in expected:
            with pytest.raises(Broken):
                network.run(arriving, failing_at(production))
            assert sorted(network.run(arriving, plan.given)) == expected


@pytest.mark.parametrize("seed", range(4))
def test_networks_of_hundreds_of_productions_fire_alike(seed: int) -> None:
    """More needs than one join takes, more rules on one field than one node feeds, more fields than one node tells apart."""
    choose = random.Random(seed)
    inputs, productions = 700, 300
    needs = [tuple({0, *choose.sample(range(inputs + n), choose.choice((0, 2, 15, 40)))}) for n in range(productions)]
    plan = Plan(inputs + productions, tuple(needs), tuple((inputs + n,) for n in range(productions)))
    with open_network(plan) as network:
        for missing in (0, 1, 20):
            arriving = choose.sample(range(inputs), inputs - missing)
            assert sorted(network.run(arriving, plan.given)) == sorted(plan.fixpoint(set(arriving)))


RUNS = """
import random
from engine.backends.rete.network import Fire, Network

choose = random.Random(1)
for _ in range(300):
    needs = [choose.sample(range(8), choose.randint(0, 4)) for _ in range(choose.randint(1, 6))]
    network = Network(needs)
    for _ in range(4):
        network.run(choose.sample(range(8), choose.randint(0, 8)), lambda n: [])
    network.close()
"""


@pytest.mark.parametrize("perturb", ["85", "165"])
def test_the_network_survives_memory_that_is_not_zero(perturb: str) -> None:
    """The C library frees what nobody set when a state is deleted in which nothing has fired; see ``network``."""
    environment = {**os.environ, "MALLOC_PERTURB_": perturb, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", RUNS], env=environment, cwd=ROOT, check=True, timeout=60)
