"""Which peers take part, and in which form do they get a customer and a literal?"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from bench.cases import Facts, Value

PEERS: Final = ("zen_engine", "datalogic", "clipspy", "durable_rules", "by_hand")
"""Modules of this package: each has ``NAME`` and ``build(workload) -> Decide``."""
Natural = int | float | str | bool


def natural(value: Value) -> Natural:
    """Give a value as a peer's user would: whole numbers as int, others as float."""
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def natural_facts(facts: Facts) -> dict[str, object]:
    return {name: natural(value) for name, value in facts.items()}
