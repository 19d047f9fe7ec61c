"""In which order do productions fire, given which fields are known? Asked of the durable_rules Rete network.

The only module that touches the C extension, and the seal around it: nothing but small whole numbers and flags of ours
goes in, production numbers come out, its state is deleted after every question (also a failed one), one lock guards a
network, and its error codes become ``NetworkError``. Keys ``id`` and ``sid`` are its own and never carry our data.
"""

from __future__ import annotations

import itertools
import json
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import durable_rules_engine

Fire = Callable[[int], Iterable[int]]
"""Evaluates production ``n`` and returns the numbers of the fields that thereby became known."""

_ALWAYS: Final = 0
"""A fact that is always asserted, so that a production without needs has something to join on."""
_names: Final = itertools.count(1)


class NetworkError(RuntimeError):
    """The Rete network answered with an error of its own; a fault of ours, never of the caller's facts."""


class Network:
    """One rule per production, joined on "field n is known"; fields are numbered from 0."""

    def __init__(self, needs: Sequence[Iterable[int]]) -> None:
        """Build the network; production ``n`` needs the fields ``needs[n]``. Raises ``NetworkError``."""
        definition = {f"p{n}": {"all": _joins(fields)} for n, fields in enumerate(needs)}
        self._count = len(definition)
        self._sid = "s"
        self._lock = threading.Lock()
        if not definition:
            return
        try:
            self._handle: int = durable_rules_engine.create_ruleset(f"zhunsheng{next(_names)}", json.dumps(definition))
        except Exception as error:
            raise NetworkError(f"the network could not be built: {error}") from error
        self._finalizer = weakref.finalize(self, _delete, self._handle)

    def close(self) -> None:
        """Give the network's memory back; it cannot be asked afterwards."""
        with self._lock:
            if self._count:
                self._finalizer()

    def run(self, known: Iterable[int], fire: Fire) -> list[int]:
        """Chain forward from the ``known`` fields; the productions in firing order. Exceptions of ``fire`` pass through."""
        if not self._count:
            return []
        with self._lock:
            try:
                return self._chain(known, fire)
            finally:
                durable_rules_engine.delete_state(self._handle, self._sid)

    def _chain(self, known: Iterable[int], fire: Fire) -> list[int]:
        state = self._assert(_ALWAYS)
        asserted = {_ALWAYS}
        for field in known:
            asserted.add(field + 1)
            self._assert(field + 1)
        order: list[int] = []
        started = durable_rules_engine.start_action_for_state(self._handle, state)
        message = started[1] if started else None
        while message:
            production = int(next(iter(json.loads(message)))[1:])
            order.append(production)
            for field in fire(production):
                if field + 1 not in asserted:
                    asserted.add(field + 1)
                    self._assert(field + 1)
            message = durable_rules_engine.complete_and_start_action(self._handle, state)
        return order

    def _assert(self, number: int) -> Any:
        status, state = durable_rules_engine.assert_fact(self._handle, json.dumps({"known": number, "sid": self._sid}))
        if status not in (0, 1):
            raise NetworkError(f"the network refused a fact with status {status}")
        return state


def _joins(fields: Iterable[int]) -> list[dict[str, dict[str, int]]]:
    return [{f"m{n}": {"known": number}} for n, number in enumerate([_ALWAYS, *sorted(field + 1 for field in fields)])]


def _delete(handle: int) -> None:
    durable_rules_engine.delete_ruleset(handle)
