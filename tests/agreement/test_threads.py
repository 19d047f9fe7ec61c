"""Do threads that share an engine get the answers that one thread gets?"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from unittest import mock

import pytest

from engine import Engine
from engine.backends.rete import agenda
from rulesets.catalog import load_catalog
from tests.agreement.answers import customers, shown
from tests.agreement.oracle import Answer, decided

THREADS: Final = 8


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = load_catalog().compile()
    yield engine
    engine.close()


@pytest.fixture
def switching() -> Iterator[None]:
    """Threads take turns as often as Python lets them."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def asked(engine: Engine, customer: dict[str, Any], n: int) -> Answer | str:
    """One of the ways to ask."""
    match n % 4:
        case 0:
            return decided(lambda: engine.decide(customer, fresh_agenda=True))
        case 1:
            return shown(engine, customer)
        case 2:
            ruleset = engine.program.rulesets[n % len(engine.program.rulesets)].id
            return decided(lambda: engine.decide(customer, ruleset=ruleset))
        case _:
            return decided(lambda: engine.decide(customer))


@pytest.mark.usefixtures("switching")
@pytest.mark.parametrize("kept", [agenda.KEPT, 2])
def test_eight_threads_get_the_answers_of_one(engine: Engine, kept: int, soak: bool) -> None:
    """Many different sets of known fields, so that agendas are asked for, kept and dropped all the time."""
    questions = list(enumerate(customers(engine.program))) * (50 if soak else 2)
    expected = {n: asked(engine, customer, n) for n, customer in questions}
    start = threading.Barrier(THREADS)

    def work(thread: int) -> list[tuple[int, Answer | str]]:
        mine = random.Random(thread).sample(questions, len(questions))
        start.wait()
        return [(n, asked(fresh, customer, n)) for n, customer in mine]

    fresh = Engine(engine.program)
    with mock.patch.object(agenda, "KEPT", kept), ThreadPoolExecutor(THREADS) as pool:
        for answers in pool.map(work, range(THREADS)):
            assert len(answers) == len(questions)
            assert all(answer == expected[n] for n, answer in answers)
    fresh.close()
