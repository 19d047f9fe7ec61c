"""What do the shipped rulesets say? Prints their hashes, then decisions about customers that never change, byte for byte."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from typing import Any, Final

from engine import DecisionError, DocumentError, Engine, Program, compile_program
from engine.values import render
from rulesets.catalog import load_catalog
from tests.agreement.test_boundaries import Boundaries

CUSTOMERS: Final = 40


def lines() -> Iterator[str]:
    """One line per ruleset, per customer, and per refused document."""
    catalog = load_catalog()
    engine = catalog.compile()
    for ruleset in engine.program.rulesets:
        yield f"{ruleset.id} {ruleset.sha256}"
    yield from engine.sources()
    for customer in customers(engine.program):
        yield shown(engine, customer)
    broken = {**catalog.vocabulary, "choice_lists": {"a": {"choices": {"x": {"zh": "同", "en": "same"}, "y": {"zh": "同", "en": "same"}}}}}
    try:
        compile_program(broken, catalog.documents.values())
    except DocumentError as error:
        yield str(error)
    engine.close()


def customers(program: Program) -> Iterator[dict[str, Any]]:
    """Customers at the figures of the rulesets, of whom more or less is known."""
    choose = random.Random(1)
    boundaries = Boundaries(program.productions)
    values = {key: boundaries.of(field.type) for key, field in program.vocabulary.fields.items() if key not in program.exported}
    for _ in range(CUSTOMERS):
        given = choose.sample(sorted(values), choose.randint(len(values) // 2, len(values)))
        yield {key: render(choose.choice(values[key])) for key in given}


def shown(engine: Engine, customer: dict[str, Any]) -> str:
    """The whole answer with its trace, or the failure."""
    try:
        decision = engine.decide(customer, trace=True)
    except DecisionError as error:
        return str(error)
    return repr(decision)


if __name__ == "__main__":
    sys.stdout.writelines(line + "\n" for line in lines())
