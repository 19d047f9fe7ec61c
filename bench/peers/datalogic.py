"""How is a workload given to datalogic-py (JSONLogic in Rust) so that it answers fastest?

Each table is one rule, ``{"if": [condition, outcome, condition, outcome, …]}``, compiled once; the tables are chained here, each
evaluated by one session on the dict of all that is known. Of the ways tried, a dict of a table's own inputs only, a ``DataHandle`` and
JSON text are slower; evaluating without a session is level.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from datalogic_py import Engine

from bench.cases import Anything, Cell, Decide, Flag, NoneOf, OneOf, Range, Row, Table, Workload
from bench.peers import natural

NAME: Final = "datalogic-py"


def build(workload: Workload) -> Decide:
    engine = Engine()
    evaluate = engine.session().evaluate
    steps = [(engine.compile(rule(table)), table.outputs[0] if len(table.outputs) == 1 else None, table.outputs) for table in workload.tables]

    def decide(facts: dict[str, object]) -> Mapping[str, object]:
        known = dict(facts)
        for compiled, only, names in steps:
            answer = evaluate(compiled, known)
            if only is None:
                known.update(zip(names, answer, strict=True))
            else:
                known[only] = answer
        return known

    return decide


def rule(table: Table) -> dict[str, Any]:
    return {"if": [part for row in table.rows for part in (whole_condition(table, row), outcome(row))]}


def whole_condition(table: Table, row: Row) -> Any:
    parts = [part for name, cell in zip(table.inputs, row.when, strict=True) for part in condition(name, cell)]
    match parts:
        case []:
            return True
        case [part]:
            return part
        case _:
            return {"and": parts}


def outcome(row: Row) -> Any:
    values = [natural(value) for value in row.then]
    return values[0] if len(values) == 1 else values


def condition(name: str, cell: Cell) -> list[Any]:
    field = {"var": name}
    match cell:
        case Anything():
            return []
        case Range(low, high):
            bounds = ((">=", low), ("<", high))
            return [{sign: [field, natural(bound)]} for sign, bound in bounds if bound is not None]
        case OneOf((value,)):
            return [{"===": [field, value]}]
        case OneOf(values):
            return [{"in": [field, list(values)]}]
        case NoneOf(values):
            return [{"!": {"in": [field, list(values)]}}]
        case Flag(value):
            return [field if value else {"!": field}]
