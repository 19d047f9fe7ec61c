"""Does a trace record a decision without changing it, and does it tell the truth?"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hypothesis import given, note

from engine import Decision, Program, Step, Table
from engine.backends import reference
from engine.datatypes import NumberType
from engine.source.writer import local_id
from engine.values import Value, render, round_to
from tests.agreement.oracle import decided, meaning, shown
from tests.strategies.facts import Constants, facts
from tests.strategies.pen import Pen, pens
from tests.strategies.programs import Written, programs

CUSTOMERS = 20


@given(programs(), pens())
def test_tracing_changes_nothing(written: Written, pen: Pen) -> None:
    note(written)
    engine = written.compile()
    constants = Constants.of(engine.program)
    for _ in range(CUSTOMERS):
        customer = facts(pen, engine.program, constants)
        note(customer)
        plain, traced = decided(lambda: engine.decide(customer)), decided(lambda: engine.decide(customer, trace=True))
        assert plain == traced
        if plain.failure is None:
            untraced, decision = engine.decide(customer), engine.decide(customer, trace=True)
            assert (untraced.outcomes, untraced.undecided, untraced.rulesets) == (decision.outcomes, decision.undecided, decision.rulesets)
            assert untraced.steps == ()
            expect_truth(decision, engine.program, customer)
    engine.close()


def expect_truth(decision: Decision, program: Program, customer: Mapping[str, Any]) -> None:
    """The steps show each outcome as decided, by the rows that the reference fires, in an order that reads only what is known."""
    known = dict(meaning(program, customer).known)
    seen = set(customer)
    shown_outcomes: dict[str, str] = {}
    for step in decision.steps:
        assert all(said for text in (step.text,) for said in (text.zh, text.en))
        if step.kind == "given":
            assert step.production in customer
        else:
            production = next(part for part in program.ruleset(step.ruleset).productions if part.id == step.production)
            assert production.needs <= seen
            seen |= {key for key in production.gives if local_id(key) in step.outcomes}
            assert {key: shown(render(known[key])) for key in production.gives if key not in customer and key in known} == {
                key: shown(step.outcomes[local_id(key)]) for key in production.gives if local_id(key) in step.outcomes
            }
            if isinstance(production, Table):
                expect_rows(step, production, known)
        shown_outcomes |= {name: shown(outcome) for name, outcome in step.outcomes.items()}
    assert {name: shown(outcome) for name, outcome in decision.outcomes.items()}.items() <= shown_outcomes.items()


def expect_rows(step: Step, table: Table, known: Mapping[str, Value]) -> None:
    """The rows that fired do match; each miss is a row that does not, for the reason given."""
    read = [reference.value_of(column.expression, known) for column in table.columns]
    typed = [_as_read(value, column.type) for value, column in zip(read, table.columns, strict=True)]
    matching = [row.id for row in table.rows if all(reference.matches(test, value, known) for test, value in zip(row.tests, typed, strict=True))]
    assert set(step.rows) <= set(matching)
    assert bool(step.rows) == bool(matching)
    if table.policy in ("R", "C", "C+", "C<", "C>", "C#"):
        assert list(step.rows) == matching
    assert not {miss.row for miss in step.misses} & set(matching)
    if not matching:
        assert [miss.row for miss in step.misses] == [row.id for row in table.rows]


def _as_read(value: Value, type_: Any) -> Value:
    return round_to(value, type_.scale, type_.rounding) if isinstance(value, Decimal) and isinstance(type_, NumberType) else value
