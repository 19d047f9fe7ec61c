"""How is a workload given to this project's engine?"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, assert_never

from bench.cases import Anything, Boolean, Cell, Choice, Decide, Field, Flag, NoneOf, Number, OneOf, Range, Row, Table, Value, Workload
from bench.contenders import FRESH, KEPT, TRACED
from engine import compile_program


def build(workload: Workload) -> dict[str, Decide]:
    """Compile the workload once and give the three ways of asking it."""
    decide = compile_program(vocabulary(workload), [ruleset(workload)]).decide

    def kept(facts: dict[str, object]) -> Mapping[str, object]:
        return decide(facts).outcomes

    def fresh(facts: dict[str, object]) -> Mapping[str, object]:
        return decide(facts, fresh_agenda=True).outcomes

    def traced(facts: dict[str, object]) -> Mapping[str, object]:
        return decide(facts, trace=True).outcomes

    return {KEPT: kept, FRESH: fresh, TRACED: traced}


# --- documents -------------------------------------------------------------------------------------------------------


def vocabulary(workload: Workload) -> dict[str, Any]:
    fields = {field.name: field_document(field) for field in workload.inputs + workload.outcomes}
    return {"title": {"zh": "测速词汇表", "en": "benchmark vocabulary"}, "fields": fields}


def field_document(field: Field) -> dict[str, Any]:
    label = {"label": {"zh": field.zh, "en": field.en}}
    match field.kind:
        case Number(low, high, scale):
            return label | {"type": "number", "scale": scale, "min": plain(low), "max": plain(high)}
        case Choice(codes):
            return label | {"type": "choice", "ordered": True, "choices": {code: {"zh": f"{field.zh}{code}", "en": f"{field.en} {code}"} for code in codes}}
        case Boolean():
            return label | {"type": "boolean"}
        case _:
            assert_never(field.kind)


def ruleset(workload: Workload) -> dict[str, Any]:
    return {
        "ruleset": "benchmark",
        "title": {"zh": "测速规则集", "en": "benchmark rules"},
        "owner": {"zh": "测速", "en": "benchmark"},
        "exports": [field.name for field in workload.outcomes],
        "tables": [table_document(table) for table in workload.tables],
    }


def table_document(table: Table) -> dict[str, Any]:
    return {
        "id": table.name,
        "title": {"zh": table.zh, "en": table.name},
        "hit_policy": table.hit_policy,
        "inputs": list(table.inputs),
        "outputs": list(table.outputs),
        "rows": [row_document(row, place) for place, row in enumerate(table.rows, 1)],
    }


def row_document(row: Row, place: int) -> dict[str, Any]:
    return {"id": f"r{place}", "when": [condition(cell) for cell in row.when], "then": [literal(value) for value in row.then]}


def condition(cell: Cell) -> str:
    match cell:
        case Anything():
            return "-"
        case Range(None, None):
            return "-"
        case Range(None, high) if high is not None:
            return f"< {plain(high)}"
        case Range(low, None) if low is not None:
            return f">= {plain(low)}"
        case Range(low, high):
            assert low is not None
            assert high is not None
            return f"[{plain(low)}..{plain(high)})"
        case OneOf(values):
            return ",".join(map(literal, values))
        case NoneOf(values):
            return f"not({','.join(map(literal, values))})"
        case Flag(value):
            return literal(value)
        case _:
            assert_never(cell)


def literal(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"'
        case int() | Decimal():
            return plain(Decimal(value))
        case _:
            assert_never(value)


def plain(number: Decimal) -> str:
    """Write a number without exponent and without idle zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
