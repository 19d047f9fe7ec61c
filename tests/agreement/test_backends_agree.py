"""Do the kept agenda, a fresh agenda, the chaining network and the reference decide alike?"""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

from hypothesis import event, given, note

from engine import Engine
from engine.backends import reference
from engine.backends.rete.emit import SKIPPED, emit
from engine.backends.rete.network import Network
from engine.backends.rete.slots import UNKNOWN, Slot, from_slot, to_slot
from engine.grid import index
from engine.values import admit
from tests.agreement.oracle import agree, attempt, cone, conforms, decided, meaning
from tests.strategies.facts import Constants, Facts, facts
from tests.strategies.pen import Pen, pens
from tests.strategies.programs import Written, programs

CUSTOMERS = 20
"""Customers tried per program: writing a program takes longer than deciding."""


@given(programs(), pens())
def test_every_outcome_is_decided_as_the_reference_decides_it(written: Written, pen: Pen) -> None:
    note(written)
    with mock.patch.object(index, "REGION_ROWS", pen.pick((48, 1))):
        engine = written.compile()
    constants = Constants.of(engine.program)
    for _ in range(CUSTOMERS):
        customer = facts(pen, engine.program, constants)
        note(customer)
        wanted = tuple(engine.program.exported)
        expected = meaning(cone(engine.program, wanted, customer), customer)
        event("fails" if expected.failures else "decides")
        agree(decided(lambda: engine.decide(customer)), expected, wanted)
        agree(decided(lambda: engine.decide(customer, fresh_agenda=True)), expected, wanted)
        agree(decided(lambda: engine.decide(customer)), expected, wanted)
        if not expected.failures:
            conforms(engine, engine.decide(customer))
    engine.close()


@given(programs(), pens())
def test_only_the_outcomes_that_are_wanted_are_decided(written: Written, pen: Pen) -> None:
    note(written)
    engine = written.compile()
    constants = Constants.of(engine.program)
    for _ in range(CUSTOMERS):
        customer = facts(pen, engine.program, constants)
        note(customer)
        wanted = tuple(pen.several(list(engine.program.exported), pen.number(0, 3)))
        expected = meaning(cone(engine.program, wanted, customer), customer)
        agree(decided(lambda: engine.decide(customer, wanted)), expected, wanted)
        agree(decided(lambda: engine.decide(customer, reversed(wanted), fresh_agenda=True)), expected, wanted)
        ruleset = pen.pick(engine.program.rulesets)
        narrowed = meaning(cone(engine.program, ruleset.exports, customer), customer)
        agree(decided(lambda: engine.decide(customer, ruleset=ruleset.id)), narrowed, ruleset.exports)
    engine.close()


@given(programs(), pens())
def test_chaining_in_the_network_derives_what_the_reference_derives(written: Written, pen: Pen) -> None:
    note(written)
    engine = written.compile()
    chain = Chain(engine)
    constants = Constants.of(engine.program)
    for _ in range(CUSTOMERS):
        customer = facts(pen, engine.program, constants)
        note(customer)
        program = replace(engine.program, productions=tuple(part for part in engine.program.productions if not set(part.gives) <= customer.keys()))
        expected = meaning(program, customer)
        failures: set[tuple[str, str]] = set()
        known = attempt(lambda: chain.derive(customer, pen), failures)
        assert failures <= expected.failures
        assert bool(failures) == bool(expected.failures)
        if not expected.failures:
            assert known == dict(expected.known) == reference.evaluate(program, {name: expected.known[name] for name in customer})
    chain.network.close()
    engine.close()


class Chain:
    """A network that evaluates productions as it fires them, without agendas."""

    def __init__(self, engine: Engine) -> None:
        self.program = engine.program
        self.types = {key: field.type for key, field in self.program.fields.items()}
        self.numbers = {key: n for n, key in enumerate(self.types)}
        derived = frozenset(self.program.producers)
        self.emitted = [emit(production, self.numbers, self.program.fields, derived) for production in self.program.productions]
        self.network = Network([[self.numbers[key] for key in production.needs] for production in self.program.productions])

    def derive(self, customer: Facts, pen: Pen) -> dict[str, object]:
        """Everything that becomes known, the facts arriving in any order."""
        slots: list[Slot] = [UNKNOWN] * len(self.types)
        for name, raw in customer.items():
            slots[self.numbers[name]] = to_slot(admit(raw, self.types[name]), self.types[name])

        def fire(number: int) -> list[int]:
            production = self.program.productions[number]
            gives = [self.numbers[key] for key in production.gives]
            try:
                assert all(slots[n] is not UNKNOWN for n in gives) or self.emitted[number].fire(slots) != SKIPPED
            except reference.FAILURES as failure:
                raise reference.failed(production, "E503", why_zh=failure, why_en=failure) from failure
            return [n for n in gives if slots[n] is not UNKNOWN]

        self.network.run(pen.shuffled([self.numbers[name] for name in customer]), fire)
        return {key: from_slot(slot, self.types[key]) for key, slot in zip(self.types, slots, strict=True) if slot is not UNKNOWN}
