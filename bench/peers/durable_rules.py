"""How is a workload given to durable_rules when every row is a rule of its own?

By the functions of the C extension: the package's own classes cost more and start threads. A customer is one fact and each table's answer
another, rows are tried in their order, a table's first row to fire decides, and the state is deleted after each customer. Run it in a
process of its own: with too many range conditions it fails with an error, or kills the process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import durable_rules_engine  # type: ignore[import-not-found, unused-ignore]

from bench.cases import Anything, Cell, Decide, Flag, NoneOf, OneOf, Range, Row, Table, Workload
from bench.peers import Natural, natural

NAME: Final = "durable_rules, a rule a row"
CUSTOMER: Final = "customer"
STATE: Final = "customer"
ORIGIN: Final = "made_by"
MATCHED: Final = 0


def build(workload: Workload) -> Decide:
    maker = {name: table.name for table in workload.tables for name in table.outputs}
    rows = {f"{table.name}-{place}": (table, row, place) for table in workload.tables for place, row in enumerate(table.rows)}
    network = durable_rules_engine.create_ruleset("bench", json.dumps({name: rule(*parts, maker) for name, parts in rows.items()}))
    outcomes = {name: (table.name, dict(zip(table.outputs, map(natural, row.then), strict=True))) for name, (table, row, _) in rows.items()}

    def decide(facts: dict[str, object]) -> Mapping[str, object]:
        found: dict[str, dict[str, Natural]] = {}
        try:
            for fired in firings(network, facts):
                table, answer = outcomes[fired]
                if table not in found:
                    found[table] = answer
                    assert_fact(network, table, answer)
        finally:
            durable_rules_engine.delete_state(network, STATE)
        return {name: value for answer in found.values() for name, value in answer.items()}

    return decide


def firings(network: Any, facts: Mapping[str, object]) -> Iterator[str]:
    """Yield the name of each rule that fires for the customer, also for what the caller asserts meanwhile."""
    matched, state = assert_fact(network, CUSTOMER, facts)
    if matched != MATCHED:
        return
    started = durable_rules_engine.start_action_for_state(network, state)
    message = started[1] if started else None
    while message:
        yield next(iter(json.loads(message)))
        message = durable_rules_engine.complete_and_start_action(network, state)


def assert_fact(network: Any, origin: str, values: Mapping[str, object]) -> tuple[int, Any]:
    result: tuple[int, Any] = durable_rules_engine.assert_fact(network, json.dumps({ORIGIN: origin, "sid": STATE, **values}))
    return result


def rule(table: Table, row: Row, place: int, maker: Mapping[str, str]) -> dict[str, Any]:
    facts: dict[str, list[Any]] = {origin: [{ORIGIN: origin}] for name in table.inputs for origin in (maker.get(name, CUSTOMER),)}
    for name, cell in zip(table.inputs, row.when, strict=True):
        facts[maker.get(name, CUSTOMER)] += condition(name, cell)
    return {"all": [{f"m_{index}": {"$and": parts} if len(parts) > 1 else parts[0]} for index, parts in enumerate(facts.values())], "pri": place}


def condition(name: str, cell: Cell) -> list[Any]:
    match cell:
        case Anything():
            return []
        case Range(low, high):
            bounds = (("$gte", low), ("$lt", high))
            return [{sign: {name: natural(bound)}} for sign, bound in bounds if bound is not None]
        case OneOf((value,)):
            return [{name: value}]
        case OneOf(values):
            return [{"$or": [{name: value} for value in values]}]
        case NoneOf(values):
            return [{"$neq": {name: value}} for value in values]
        case Flag(value):
            return [{name: value}]
