"""Who answers rightly, and how many decisions does each make in a second when all take turns?"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bench.cases import Facts, Value, Workload, expected
from bench.contenders import Absent, Answer, Contender, Unable, line_up

CHECKED: Final = 500
ROUNDS: Final = 5


@dataclass(slots=True)
class Runner:
    """``rates`` are decisions per second, one a round; ``wrong`` counts false answers among those checked; ``failure`` ends the race for it."""

    contender: Contender
    wrong: int = 0
    rates: tuple[float, ...] = ()
    failure: str | None = None

    def check(self, right: Sequence[Facts]) -> None:
        try:
            answers = self.contender.answers(len(right))
        except Unable as error:
            self.failure = str(error)
        else:
            self.wrong = sum(not agrees(wanted, answer) for wanted, answer in zip(right, answers, strict=True))

    def run(self, seconds: float) -> None:
        try:
            self.rates += (self.contender.rate(seconds),)
        except Unable as error:
            self.failure = str(error)


@dataclass(frozen=True, slots=True)
class Standing:
    name: str
    rates: tuple[float, ...]
    wrong: int

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def spread(self) -> float:
        """Half the distance between the slowest and the fastest round, as a share of the median."""
        return (max(self.rates) - min(self.rates)) / 2 / self.rate


def race(workload: Workload, *, seconds: float) -> list[Standing | Absent]:
    """Check everybody, then let all decide in turns A B C A B C …, ``seconds`` in all; who fails on the way is Absent."""
    right = [expected(workload, facts) for facts in workload.customers[:CHECKED]]
    field = line_up(workload)
    runners = [Runner(contender) for contender in field if not isinstance(contender, Absent)]
    with ExitStack() as stack:
        for runner in runners:
            stack.callback(runner.contender.close)
        settle()
        for runner in runners:
            runner.check(right)
        take_turns(runners, seconds / ROUNDS)
    return [*map(outcome, runners), *(member for member in field if isinstance(member, Absent))]


def settle() -> None:
    """Keep the garbage collector from walking, during somebody's turn, what all have built."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def take_turns(runners: Sequence[Runner], seconds: float) -> None:
    """Give each of those that have not failed an equal share of ``seconds`` in every round."""
    for _ in range(ROUNDS):
        able = [runner for runner in runners if runner.failure is None]
        for runner in able:
            runner.run(seconds / len(able))


def outcome(runner: Runner) -> Standing | Absent:
    name = runner.contender.name
    return Standing(name, runner.rates, runner.wrong) if runner.failure is None else Absent(name, runner.failure)


def agrees(wanted: Facts, answer: Answer) -> bool:
    return all(same(value, answer.get(name)) for name, value in wanted.items())


def same(wanted: Value, got: object) -> bool:
    if isinstance(wanted, (bool, str)) or isinstance(got, bool) or not isinstance(got, (int, float, Decimal)):
        return type(got) is type(wanted) and got == wanted
    return Decimal(str(got)) == wanted
