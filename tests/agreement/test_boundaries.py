"""At each figure of each shipped ruleset, one unit below and one above, do engine and reference agree?"""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final

import pytest

from engine import DecisionError, Engine, Program
from engine.backends import reference
from engine.backends.rete.emit import Emitted, emit
from engine.backends.rete.slots import UNKNOWN, Slot, from_slot, to_slot
from engine.datatypes import BooleanType, ChoiceType, DateType, ListType, NumberType, RecordType, TextType, Type
from engine.program import Production
from engine.values import Value, render
from rulesets.catalog import SHIPPED, load_catalog
from tests.agreement.oracle import Answer, agree, cone, decided, failure_of, meaning
from tests.strategies.facts import around, literals

RULESETS: Final = sorted(path.parent.name for path in SHIPPED.glob("*/ruleset.yaml"))
CUSTOMERS: Final = 3
"""Customers around whom every boundary is tried."""


@pytest.fixture(scope="module")
def shipped() -> Iterator[Engine]:
    engine = load_catalog().compile()
    yield engine
    engine.close()


class Boundaries:
    """Values at the figures of some productions, and one unit beside them."""

    def __init__(self, productions: Iterable[Production]) -> None:
        figures = [value for production in productions for value in literals(production)]
        self.numbers = sorted({value for value in figures if isinstance(value, Decimal)})
        self.days = sorted({value for value in figures if isinstance(value, datetime.date)} | {datetime.date(2024, 2, 29)})
        self.texts = sorted({value for value in figures if isinstance(value, str)} | {"", "别的"})

    def of(self, type_: Type) -> list[Value]:
        """The values of a type worth trying, null among them."""
        match type_:
            case NumberType():
                bounds = [bound for bound in (type_.minimum, type_.maximum) if bound is not None]
                return [None, *dict.fromkeys(point for value in (*self.numbers, *bounds) for point in around(value, type_))]
            case DateType():
                return [None, *(datetime.date.fromordinal(day.toordinal() + step) for day in self.days for step in (-1, 0, 1))]
            case ChoiceType():
                return [None, *type_.codes]
            case BooleanType():
                return [None, True, False]
            case TextType():
                return [None, *self.texts]
            case ListType(item):
                values = self.of(item)
                return [None, [], *([value] for value in values), values]
            case RecordType(members):
                return [None, *({member.id: values[n % len(values)] for member in members if (values := self.of(member.type))} for n in range(5))]
            case _:
                raise AssertionError(type_)


@pytest.mark.parametrize("ruleset", RULESETS)
def test_each_production_agrees_at_its_figures(shipped: Engine, ruleset: str) -> None:
    """Each need of a production takes each boundary value in turn, also a derived one, the others being anything."""
    program = shipped.program
    choose = random.Random(ruleset)
    slots = {key: n for n, key in enumerate(program.fields)}
    for production in program.ruleset(ruleset).productions:
        boundaries = Boundaries([production])
        emitted = emit(production, slots, program.fields, frozenset(program.producers))
        values = {key: boundaries.of(program.fields[key].type) for key in sorted(production.needs)}
        for key in values:
            for value in values[key]:
                for _ in range(CUSTOMERS):
                    known = {**{other: choose.choice(values[other]) for other in values}, key: value}
                    assert by_engine(emitted, known, program) == by_reference(production, known, program), known


def by_reference(production: Production, known: Mapping[str, Value], program: Program) -> Any:
    try:
        return {key: render(value) for key, value in reference.fire(production, known, program).items()}
    except DecisionError as error:
        return failure_of(error)


def by_engine(emitted: Emitted, known: Mapping[str, Value], program: Program) -> Any:
    slots: list[Slot] = [UNKNOWN] * len(program.fields)
    for n, (key, field) in enumerate(program.fields.items()):
        if key in known:
            slots[n] = to_slot(known[key], field.type)
    try:
        emitted.fire(slots)
    except DecisionError as error:
        return failure_of(error)
    except reference.FAILURES:
        return "E503", f"{emitted.production.ruleset}/{emitted.production.id}"
    numbers = {key: n for n, key in enumerate(program.fields)}
    found = {key: slots[numbers[key]] for key in emitted.production.gives}
    return {key: render(from_slot(slot, program.fields[key].type)) for key, slot in found.items() if slot is not UNKNOWN}


@pytest.mark.parametrize("ruleset", RULESETS)
def test_decisions_agree_at_the_figures_of_a_ruleset(shipped: Engine, ruleset: str) -> None:
    """Each fact takes each boundary value in turn, for customers of whom everything is known."""
    program = shipped.program
    choose = random.Random(ruleset)
    exports = program.ruleset(ruleset).exports
    used = cone(program, exports, ())
    given = sorted({key for production in used.productions for key in production.needs} - program.producers.keys())
    readers = {key: [production for production in used.productions if key in production.needs] for key in given}
    values = {key: Boundaries(readers[key]).of(program.fields[key].type) for key in given}
    answers: list[Answer] = []
    for key in given:
        for value in values[key]:
            customer = {other: render(choose.choice(values[other][1:])) for other in given} | {key: render(value)}
            answers.append(decided(partial(shipped.decide, customer, ruleset=ruleset)))
            agree(answers[-1], meaning(cone(program, exports, customer), customer), exports)
    assert any(answer.outcomes for answer in answers)
