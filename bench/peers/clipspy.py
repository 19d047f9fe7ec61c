"""How is a workload given to CLIPS (by clipspy) so that it answers fastest?

Each row is a rule, the customer is one fact, each table's answer another, which the tables behind it match. A customer is
``reset``, one asserted fact and ``run``. First-hit tables order their rows by salience and hold the later ones back by ``not``. No fact is ever
handed to Python, because clipspy 1.0.6 does not let go of such a fact and grows slower with each (to a fifth within two seconds): the customer is
asserted by a function of CLIPS, and a rule hands its outcomes over by calling a function of Python.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import clips  # type: ignore[import-untyped]

from bench.cases import Anything, Cell, Decide, Flag, NoneOf, OneOf, Range, Row, Table, Workload
from bench.peers import natural

NAME: Final = "clipspy"
CUSTOMER: Final = "customer"
ASSERT: Final = "assert-customer"


def build(workload: Workload) -> Decide:
    environment = clips.Environment()
    found: dict[str, object] = {}

    def outcome(*names_and_values: Any) -> None:
        found.update(zip(names_and_values[::2], names_and_values[1::2], strict=True))

    environment.define_function(outcome)
    for construct in constructs(workload):
        environment.build(construct)
    assert_customer, reset, run = environment.find_function(ASSERT), environment.reset, environment.run
    names = [field.name for field in workload.inputs]

    def decide(facts: dict[str, object]) -> Mapping[str, object]:
        reset()
        found.clear()
        assert_customer(*[facts[name] for name in names])
        run()
        return dict(found)

    return decide


def constructs(workload: Workload) -> list[str]:
    inputs = tuple(field.name for field in workload.inputs)
    templates = [template(CUSTOMER, inputs), *(template(table.name, table.outputs) for table in workload.tables)]
    maker = {name: table.name for table in workload.tables for name in table.outputs}
    return [*templates, assertion(inputs)] + [rule(table, row, place, maker) for table in workload.tables for place, row in enumerate(table.rows)]


def template(name: str, slots: tuple[str, ...]) -> str:
    return f"(deftemplate {name} {' '.join(f'(slot {slot})' for slot in slots)})"


def assertion(slots: tuple[str, ...]) -> str:
    """Write the function that asserts a customer and returns no fact."""
    return f"(deffunction {ASSERT} ({' '.join(f'?{slot}' for slot in slots)}) (assert ({CUSTOMER} {' '.join(f'({slot} ?{slot})' for slot in slots)})) TRUE)"


def rule(table: Table, row: Row, place: int, maker: Mapping[str, str]) -> str:
    """Write one row: its patterns, the guard of a first-hit table, and its outcomes as a fact and as a call."""
    patterns: dict[str, list[str]] = {maker.get(name, CUSTOMER): [] for name in table.inputs}
    for name, cell in zip(table.inputs, row.when, strict=True):
        patterns[maker.get(name, CUSTOMER)] += slot(name, cell)
    left = " ".join(f"({fact} {' '.join(slots)})" for fact, slots in patterns.items())
    outcomes = [(name, json.dumps(natural(value))) for name, value in zip(table.outputs, row.then, strict=True)]
    first = f"(declare (salience {len(table.rows) - place}))" if table.hit_policy == "F" else ""
    guard = f"(not ({table.name}))" if table.hit_policy == "F" else ""
    call = f"(outcome {' '.join(f'{json.dumps(name)} {value}' for name, value in outcomes)})"
    fact = f"(assert ({table.name} {' '.join(f'({name} {value})' for name, value in outcomes)}))"
    return f"(defrule {table.name}-{place} {first} {left} {guard} => {call} {fact})"


def slot(name: str, cell: Cell) -> list[str]:
    match cell:
        case Anything():
            return []
        case Range(low, high):
            bounds = ((">=", low), ("<", high))
            tests = [f"({sign} ?{name} {bound:f})" for sign, bound in bounds if bound is not None]
            return [f"({name} ?{name}&:(and {' '.join(tests)}))" if len(tests) > 1 else f"({name} ?{name}&:{tests[0]})"]
        case OneOf(values):
            return [f"({name} {'|'.join(map(json.dumps, values))})"]
        case NoneOf(values):
            return [f"({name} {'&'.join(f'~{json.dumps(value)}' for value in values)})"]
        case Flag(value):
            return [f"({name} {'TRUE' if value else 'FALSE'})"]
