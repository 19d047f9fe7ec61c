"""Which productions fire, in which order, for a given set of known fields, and what stays undecided for want of facts?

The answer depends on *which* fields are known, never on their values, so it is asked of the network once and kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.backends.rete.emit import Emitted, Fire
from engine.backends.rete.network import Network
from engine.decision import Undecided
from engine.program import Production, Program
from engine.source.writer import local_id

KEPT = 1024
"""Agendas kept at a time; when full, all are dropped and asked for again."""


@dataclass(frozen=True, slots=True)
class Agenda:
    """Productions to fire in order, the wanted outcomes they can give, and those that lack facts from the start.

    ``rulesets`` are those whose productions are on the agenda, in the order of the program.
    """

    emitted: tuple[Emitted, ...]
    fires: tuple[Fire, ...]
    wanted: tuple[str, ...]
    undecided: tuple[Undecided, ...]
    rulesets: tuple[str, ...]


class Agendas:
    """Makes and keeps the agendas of one program."""

    def __init__(self, program: Program, emitted: Mapping[int, Emitted]) -> None:
        self._program = program
        self._emitted = emitted
        self._numbers = {key: n for n, key in enumerate(program.fields)}
        self._network = Network([[self._numbers[key] for key in production.needs] for production in program.productions])
        self._kept: dict[tuple[frozenset[str], object], Agenda] = {}

    def close(self) -> None:
        """Give the network's memory back."""
        self._network.close()

    def get(self, known: frozenset[str], request: object, wanted: tuple[str, ...]) -> Agenda:
        """The kept agenda, asked of the network the first time. ``request`` stands for ``wanted`` and is quick to hash."""
        agenda = self._kept.get((known, request))
        if agenda is None:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            agenda = self._kept[known, request] = self.ask(known, wanted)
        return agenda

    def ask(self, known: frozenset[str], wanted: tuple[str, ...]) -> Agenda:
        """Ask the network, keeping nothing."""
        productions = self._program.productions
        order = self._network.run((self._numbers[key] for key in sorted(known)), lambda n: [self._numbers[key] for key in productions[n].gives])
        cone = self._cone(wanted, known)
        firing = [productions[n] for n in order if id(productions[n]) in cone]
        reachable = known | {key for production in firing for key in production.gives}
        lacking = tuple(self._undecided(name, reachable) for name in wanted if name not in reachable)
        used = {production.ruleset for production in firing}
        emitted = tuple(self._emitted[id(production)] for production in firing)
        return Agenda(
            emitted,
            tuple(part.fire for part in emitted),
            tuple(name for name in wanted if name in reachable),
            lacking,
            tuple(ruleset.id for ruleset in self._program.rulesets if ruleset.id in used),
        )

    def _cone(self, wanted: Iterable[str], known: frozenset[str]) -> set[int]:
        """The productions that the wanted outcomes depend on; what is given needs no production."""
        cone: set[int] = set()
        waiting = [key for key in wanted if key not in known]
        while waiting:
            production = self._program.producers.get(waiting.pop())
            if production is not None and id(production) not in cone:
                cone.add(id(production))
                waiting.extend(key for key in production.needs if key not in known)
        return cone

    def _undecided(self, name: str, reachable: frozenset[str]) -> Undecided:
        production, missing = self._program.producers[name], dict[str, None]()
        self._missing(production, reachable, missing, set())
        waiting = (local_id(key) for key in sorted(production.needs - reachable) if key in self._program.producers)
        return Undecided(local_id(name), "missing_facts", tuple(missing), tuple(waiting))

    def _missing(self, production: Production, reachable: frozenset[str], missing: dict[str, None], seen: set[int]) -> None:
        """Gather the facts that a caller must add before ``production`` can fire."""
        if id(production) in seen:
            return
        seen.add(id(production))
        for key in sorted(production.needs - reachable):
            producer = self._program.producers.get(key)
            if producer is None:
                missing[key] = None
            else:
                self._missing(producer, reachable, missing, seen)
