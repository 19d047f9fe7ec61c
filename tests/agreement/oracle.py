"""What does the reference say about a program and facts, as far as a decision shows it?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from engine import Decision, DecisionError, Engine, Program
from engine.backends import reference
from engine.values import Value, admit, render


@dataclass(frozen=True)
class Answer:
    """Outcomes and undecided ones in one comparable form; or the failure: the code and the production."""

    outcomes: Mapping[str, str]
    undecided: Mapping[str, str]
    failure: tuple[str, str] | None = None


@dataclass(frozen=True)
class Meaning:
    """All that the reference derives; ``failures`` of productions that cannot be computed."""

    program: Program
    known: Mapping[str, Value]
    failures: frozenset[tuple[str, str]]

    def answer(self, wanted: Iterable[str]) -> Answer:
        """What a decision about the ``wanted`` outcomes must say, when nothing fails."""
        names = list(wanted)
        outcomes = {name: shown(render(self.known[name])) for name in names if name in self.known}
        return Answer(outcomes, {name: self.reason(name) for name in names if name not in self.known})

    def reason(self, name: str) -> str:
        """Why an outcome stayed undecided."""
        production = self.program.producers[name]
        if production.needs <= self.known.keys():
            return "no row matched or empty"
        return "upstream" if production.needs <= self.reachable() else "missing facts"

    def reachable(self) -> set[str]:
        """The fields that some values of the facts would make known."""
        reached = set(self.known)
        while more := {key for p in self.program.productions if p.needs <= reached for key in p.gives} - reached:
            reached |= more
        return reached


def meaning(program: Program, facts: Mapping[str, Any]) -> Meaning:
    """Fire every production that can be fired, by the reference; one that fails gives nothing."""
    known = {name: admit(raw, program.vocabulary.fields[name].type) for name, raw in facts.items()}
    failures: set[tuple[str, str]] = set()
    waiting = list(program.productions)
    while ready := [production for production in waiting if production.needs <= known.keys()]:
        waiting = [production for production in waiting if not production.needs <= known.keys()]
        for production in ready:
            derived = attempt(partial(reference.fire, production, known, program), failures)
            known |= {key: value for key, value in (derived or {}).items() if key not in known}
    return Meaning(program, known, frozenset(failures))


def attempt(fire: Callable[[], dict[str, Value]], failures: set[tuple[str, str]]) -> dict[str, Value] | None:
    """What ``fire`` gives; a failure is added to ``failures``."""
    try:
        return fire()
    except DecisionError as error:
        failures.add(failure_of(error))
        return None


def cone(program: Program, wanted: Iterable[str], known: Iterable[str]) -> Program:
    """The program without the productions that the wanted outcomes do not depend on; what is given needs none."""
    given = set(known)
    kept: set[int] = set()
    waiting = [name for name in wanted if name not in given]
    while waiting:
        production = program.producers.get(waiting.pop())
        if production is not None and id(production) not in kept:
            kept.add(id(production))
            waiting += [key for key in production.needs if key not in given]
    return replace(program, productions=tuple(production for production in program.productions if id(production) in kept))


def failure_of(error: DecisionError) -> tuple[str, str]:
    """The code, and the ruleset and production that failed."""
    (finding,) = error.diagnostics
    return finding.code, f"{finding.location.document}/{finding.location.path[0]}"


def decided(decide: Callable[[], Decision]) -> Answer:
    """An engine's decision in comparable form."""
    try:
        decision = decide()
    except DecisionError as error:
        return Answer({}, {}, failure_of(error))
    return Answer({name: shown(value) for name, value in decision.outcomes.items()}, {left.outcome: _REASONS[left.reason] for left in decision.undecided})


_REASONS = {
    "missing_facts": "missing facts",
    "upstream": "upstream",
    "no_row_matched": "no row matched or empty",
    "empty_result": "no row matched or empty",
}


def conforms(engine: Engine, decision: Decision) -> None:
    """Every outcome is a value of its type: a caller could give it as a fact."""
    for name, value in decision.outcomes.items():
        admit(value, engine.program.fields[name].type)


def shown(value: Any) -> str:
    """A JSON value so that 1, true and "1", or 1.0 and 1.00, are four different things."""
    return repr(value)


def agree(answer: Answer, expected: Meaning, wanted: Iterable[str]) -> None:
    """An engine answers like the reference; where productions fail, with the failure of one of them."""
    if expected.failures:
        assert answer.failure in expected.failures
    else:
        assert answer == expected.answer(wanted)
