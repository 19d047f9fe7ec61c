"""How fast is plain Python, written by hand for the one workload?

The chain is nested ``if``: what a programmer writes who knows the tables and never has to change, check or explain them. A range table is
a loop over its rows as tuples.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import inf
from typing import Any, Final

from bench.cases import COLUMNS, Cell, Decide, Range, Table, Workload

NAME: Final = "Python by hand"
BAD: Final = frozenset({"substandard", "doubtful", "loss"})
PEOPLE: Final = frozenset({"farmer", "individual"})


def build(workload: Workload) -> Decide:
    return loop(workload.tables[0]) if len(workload.tables) == 1 else chain


# --- a range table ---------------------------------------------------------------------------------------------------


def loop(table: Table) -> Decide:
    assert len(table.inputs) == COLUMNS
    rows: list[tuple[Any, ...]] = [(*(bound for cell in row.when for bound in bounds(cell)), row.then[0]) for row in table.rows]
    first, second, third, fourth, fifth, sixth = table.inputs
    outcome = table.outputs[0]

    def decide(facts: dict[str, Any]) -> Mapping[str, object]:
        a, b, c, d, e, f = facts[first], facts[second], facts[third], facts[fourth], facts[fifth], facts[sixth]
        for a1, a2, b1, b2, c1, c2, d1, d2, e1, e2, f1, f2, answer in rows:
            if a1 <= a < a2 and b1 <= b < b2 and c1 <= c < c2 and d1 <= d < d2 and e1 <= e < e2 and f1 <= f < f2:
                return {outcome: answer}
        return {}

    return decide


def bounds(cell: Cell) -> tuple[float, float]:
    low, high = (cell.low, cell.high) if isinstance(cell, Range) else (None, None)
    return number(low, -inf), number(high, inf)


def number(bound: Decimal | None, otherwise: float) -> float:
    return otherwise if bound is None else float(bound)


# --- the chain -------------------------------------------------------------------------------------------------------


def chain(facts: dict[str, Any]) -> Mapping[str, object]:
    segment = segment_of(facts["deposit"], facts["loan"], facts["kind"])
    risk = risk_of(facts["overdue_days"], facts["listed"], facts["loan"])
    tier = tier_of(segment, facts["assets"], risk, facts["years"])
    discount = discount_of(tier, risk, facts["products"])
    days, step = visit_of(tier, discount, facts["warning"])
    return {"segment": segment, "risk_class": risk, "tier": tier, "discount_bp": discount, "visit_days": days, "rate_step_pct": step}


def segment_of(deposit: float, loan: float, kind: str) -> str:
    if kind in PEOPLE:
        return segment_of_person(deposit, loan)
    if deposit < 500_000:
        return "basic" if loan < 1_000_000 else "growth" if loan < 5_000_000 else "core"
    if deposit < 3_000_000:
        return "growth" if loan < 5_000_000 else "core"
    return "core" if loan < 30_000_000 else "strategic"


def segment_of_person(deposit: float, loan: float) -> str:
    if deposit < 50_000:
        return "basic" if loan < 100_000 else "growth" if loan < 500_000 else "core"
    if deposit < 300_000:
        return "growth" if loan < 500_000 else "core"
    return "core" if deposit < 1_000_000 else "strategic"


def risk_of(overdue_days: int, listed: bool, loan: float) -> str:  # noqa: FBT001
    if overdue_days < 1:
        return "attention" if listed else "normal"
    if overdue_days < 30:
        return "attention"
    if overdue_days < 90:
        return "substandard" if listed or loan >= 5_000_000 else "attention"
    if overdue_days < 180:
        return "doubtful" if listed else "substandard"
    if overdue_days < 360:
        return "loss" if listed else "doubtful"
    return "loss"


def tier_of(segment: str, assets: float, risk: str, years: int) -> str:
    if risk in BAD:
        return "ordinary"
    normal = risk == "normal"
    if segment == "strategic":
        return tier_of_strategic(assets, years, normal=normal)
    if segment == "core":
        return tier_of_core(assets, years, normal=normal)
    if segment == "growth" and assets >= 1_000_000 and normal:
        return "gold"
    if segment == "growth" and assets >= 200_000 and normal and years >= 2:
        return "silver"
    return "silver" if assets >= 500_000 else "ordinary"


def tier_of_strategic(assets: float, years: int, *, normal: bool) -> str:
    if assets >= 5_000_000:
        return "diamond" if normal and years >= 5 else "platinum"
    return "platinum" if normal and assets >= 1_000_000 else "gold"


def tier_of_core(assets: float, years: int, *, normal: bool) -> str:
    if normal and assets >= 3_000_000 and years >= 3:
        return "platinum"
    if assets >= 1_000_000:
        return "gold"
    return "gold" if normal and assets >= 200_000 else "silver"


def discount_of(tier: str, risk: str, products: int) -> int:
    if risk in BAD or tier == "ordinary":
        return 0
    if risk == "attention":
        return {"diamond": 30, "platinum": 20, "gold": 10, "silver": 5}[tier]
    if tier == "diamond":
        return 60 if products >= 5 else 50
    if tier == "platinum":
        return 45 if products >= 5 else 36
    if tier == "gold":
        return 36 if products >= 4 else 25
    return 18 if products >= 4 else 12


def visit_of(tier: str, discount: int, warning: str) -> tuple[int, float]:
    if warning == "red":
        return 7, 0.5
    if warning == "yellow":
        return (10, 0.1) if tier in ("diamond", "platinum") else (15, 0.25)
    if tier == "diamond":
        return 30, -0.3 if discount >= 50 and warning == "none" else -0.2
    if tier == "platinum":
        return (45, -0.2) if discount >= 36 and warning == "none" else (30, -0.1)
    if tier == "gold":
        return visit_of_gold(discount, warning)
    if tier == "silver":
        return (90, 0) if 10 <= discount < 100 and warning != "blue" else (60, 0.05)
    return (90, 0.1) if warning == "blue" else (180, 0.15)


def visit_of_gold(discount: int, warning: str) -> tuple[int, float]:
    if discount >= 25 and warning == "none":
        return 60, -0.1
    return (45, 0) if warning == "blue" else (60, 0)
