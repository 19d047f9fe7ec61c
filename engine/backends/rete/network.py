"""In which order do productions fire, given which fields are known? Asked of the durable_rules Rete network.

The only module that touches the C extension, and the seal around it: nothing but small whole numbers and flags of ours
goes in, production numbers come out, its state is deleted after every question (also a failed one), one lock guards a
network, and its error codes become ``NetworkError``. Keys ``id`` and ``sid`` are its own and never carry our data.

Limits of the extension shape what is built (``docs/decisions/0011``): a join holds 16 facts, a fact feeds 255 rules, a
node tells 512 values apart, and a state that is deleted before any action was started frees memory that was never set.
"""

from __future__ import annotations

import itertools
import json
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import durable_rules_engine

Fire = Callable[[int], Iterable[int]]
"""Evaluates production ``n`` and returns the numbers of the fields that thereby became known."""

_ALWAYS: Final = 0
"""The fact that starts every question."""
_WIDEST_JOIN: Final = 12
"""Facts joined by one rule; the extension fails beyond 16."""
_WIDEST_FAN: Final = 200
"""Rules fed by one fact; the extension fails beyond 255."""
_BUCKET: Final = 128
"""Facts told apart by one node; the extension never returns beyond 512."""
MAX_RULES: Final = 4096
_names: Final = itertools.count(1)


class NetworkError(RuntimeError):
    """The Rete network answered with an error of its own; a fault of ours, never of the caller's facts."""


class Network:
    """One rule per production, joined on "field n is known"; fields are numbered from 0."""

    def __init__(self, needs: Sequence[Iterable[int]]) -> None:
        """Build the network; production ``n`` needs the fields ``needs[n]``. Raises ``NetworkError``."""
        plan = _Plan(needs)
        self._groups = plan.groups
        self._needed = plan.needed
        self._lock = threading.Lock()
        if len(plan.joins) > MAX_RULES:
            raise NetworkError(f"the network holds at most {MAX_RULES} rules, {len(plan.joins)} are needed")
        definition = {rule: {"all": [{f"m{n}": _condition(number)} for n, number in enumerate(join)]} for rule, join in plan.joins.items()}
        try:
            self._handle: int = durable_rules_engine.create_ruleset(f"zhunsheng{next(_names)}", json.dumps(definition))
        except durable_rules_engine.error as error:
            raise NetworkError(f"the network could not be built: {error}") from error
        self._finalizer = weakref.finalize(self, _delete, self._handle)
        self.run((), lambda production: ())  # the first state's memory is set before any question can fail in it

    def close(self) -> None:
        """Give the network's memory back; it cannot be asked afterwards."""
        with self._lock:
            self._finalizer()

    def run(self, known: Iterable[int], fire: Fire) -> list[int]:
        """Chain forward from the ``known`` fields; the productions in firing order. Exceptions of ``fire`` pass through.

        Raises ``NetworkError`` when the network is closed or fails.
        """
        with self._lock:
            if not self._finalizer.alive:
                raise NetworkError("the network is closed")
            try:
                return self._chain(known, fire)
            except durable_rules_engine.error as error:
                raise NetworkError(f"the network failed: {error}") from error
            finally:
                durable_rules_engine.delete_state(self._handle, _SID)

    def _chain(self, known: Iterable[int], fire: Fire) -> list[int]:
        state = self._assert(_ALWAYS)
        message = durable_rules_engine.start_action_for_state(self._handle, state)[1]
        asserted = {_ALWAYS}
        order: list[int] = []
        waiting = self._facts(known)
        while message:
            for number in waiting:
                if number not in asserted:
                    asserted.add(number)
                    self._assert(number)
            message = durable_rules_engine.complete_and_start_action(self._handle, state)
            waiting = self._fired(next(iter(json.loads(message))), order, fire) if message else []
        return order

    def _fired(self, rule: str, order: list[int], fire: Fire) -> list[int]:
        """What becomes known when a rule fires: a group its own number, a production what it gives."""
        if rule in self._groups:
            return [self._groups[rule]]
        production = int(rule[1:])
        order.append(production)
        return self._facts(fire(production))

    def _facts(self, fields: Iterable[int]) -> list[int]:
        """The facts for fields that become known; fields that nobody needs have none."""
        return [field + 1 for field in fields if field + 1 in self._needed]

    def _assert(self, number: int) -> int:
        status, state = durable_rules_engine.assert_fact(self._handle, json.dumps({**_fact(number), "sid": _SID}))
        if status not in (0, 1):
            raise NetworkError(f"the network refused a fact with status {status}")
        return int(state)


_SID: Final = "s"


class _Plan:
    """What each rule joins: ``start``, a rule per production (``p0`` …), a rule per fact of our own (``g0`` …)."""

    def __init__(self, needs: Sequence[Iterable[int]]) -> None:
        self.joins: dict[str, list[int]] = {"start": [_ALWAYS]}
        self.groups: dict[str, int] = {}
        facts = [sorted({field + 1 for field in fields}) or [_ALWAYS] for fields in needs]
        self.needed = {number for numbers in facts for number in numbers}
        self.free = 1 + max(self.needed, default=0)
        for n, numbers in enumerate(facts):
            self.joins[f"p{n}"] = self.narrowed(numbers)
        self.spread()

    def narrowed(self, numbers: list[int]) -> list[int]:
        """At most ``_WIDEST_JOIN`` facts that are known when all of ``numbers`` are."""
        while len(numbers) > _WIDEST_JOIN:
            numbers = [self.group(numbers[at : at + _WIDEST_JOIN]) for at in range(0, len(numbers), _WIDEST_JOIN)]
        return numbers

    def group(self, numbers: list[int]) -> int:
        """A fact of its own for "all of ``numbers`` are known"."""
        rule, number = f"g{len(self.groups)}", self.free
        self.joins[rule] = numbers
        self.groups[rule] = number
        self.free += 1
        return number

    def spread(self) -> None:
        """A fact that feeds many rules feeds all but the first of them through facts of its own."""
        fed: dict[int, list[str]] = {}
        for rule, join in self.joins.items():
            for number in join:
                fed.setdefault(number, []).append(rule)
        for number, rules in fed.items():
            for at in range(_WIDEST_FAN, len(rules), _WIDEST_FAN):
                stand_in = self.group([number])
                for rule in rules[at : at + _WIDEST_FAN]:
                    self.joins[rule] = [stand_in if joined == number else joined for joined in self.joins[rule]]


def _fact(number: int) -> dict[str, int]:
    return {"bucket": number // _BUCKET, "known": number % _BUCKET}


def _condition(number: int) -> dict[str, list[dict[str, int]]]:
    return {"$and": [{name: value} for name, value in _fact(number).items()]}


def _delete(handle: int) -> None:
    durable_rules_engine.delete_ruleset(handle)
