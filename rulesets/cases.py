"""Does a ruleset decide its worked customers as its owners say it should?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from engine import Case, Decision, Diagnostic, Engine, EngineError, Location, canonical_json


def failures(engine: Engine, ruleset: str, cases: Iterable[Case]) -> list[Diagnostic]:
    """Run ``cases`` against ``ruleset``; one finding (E308) per outcome or row that is not as stated."""
    return [finding for case in cases for finding in _check(engine, ruleset, case)]


def _check(engine: Engine, ruleset: str, case: Case) -> Iterator[Diagnostic]:
    try:
        decision = engine.decide(case.given, ruleset=ruleset, trace=True)
    except EngineError as error:
        yield from error.diagnostics
        return
    found = _outcomes(decision, ruleset)
    for outcome, expected in case.expect.items():
        if outcome not in found or not same(found[outcome], expected):
            yield _finding(ruleset, case, outcome, expected, found.get(outcome, "—"))
    fired = {f"{step.production}#{row}" for step in decision.steps if step.ruleset == ruleset for row in step.rows}
    for row in case.because:
        if row not in fired:
            table = row.partition("#")[0]
            yield _finding(ruleset, case, table, row, ", ".join(sorted(name for name in fired if name.startswith(f"{table}#"))) or "—")


def _outcomes(decision: Decision, ruleset: str) -> dict[str, Any]:
    """Exported outcomes, and the local ones of the ruleset as the trace shows them."""
    local = {name: value for step in decision.steps if step.ruleset == ruleset for name, value in step.outcomes.items()}
    return {**local, **decision.outcomes}


def same(found: Any, expected: Any) -> bool:
    """Equal as values: numbers as exact decimals however they are written, lists in order."""
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(found, bool) or isinstance(expected, bool):
        return found is expected
    if isinstance(found, int | Decimal) and isinstance(expected, int | Decimal | str):
        try:
            return Decimal(found) == Decimal(expected)
        except InvalidOperation:
            return False
    return bool(found == expected)


def _finding(ruleset: str, case: Case, outcome: str, expected: Any, actual: Any) -> Diagnostic:
    return Diagnostic("E308", Location(f"{ruleset} cases"), {"case": case.name, "outcome": outcome, "expected": _told(expected), "actual": _told(actual)})


def _told(value: Any) -> str:
    return value if isinstance(value, str) else canonical_json(value)
