"""Do the cases pin every figure: does changing any one cell of a shipped ruleset make one of its cases fail?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import pytest

from engine import Case, Engine, Program, Table
from engine.datatypes import BooleanType, ChoiceType, NumberType, Type
from engine.grid.boxes import Listed, closed_world, denote
from engine.program import Production, Row, outcome_item
from engine.source.syntax import AnyOf, Anything, Arithmetic, ArithmeticOperator, Call, Compare, Expression, FieldRef, Interval, Literal_, NoneOf, Test
from engine.source.writer import local_id, write_expression, write_test
from rulesets.cases import failures
from rulesets.catalog import load_catalog

CATALOG: Final = load_catalog()

_OPPOSITE: Final[dict[ArithmeticOperator, ArithmeticOperator]] = {"+": "-", "-": "+", "*": "/", "/": "*", "**": "*"}

EQUIVALENT: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "aml-review-cycle": {
        "a prohibited customer has a cycle of 0 months, so more than 1 month left is out of reach": (
            'due_status#r4 aml_level: "low", "medium", "high", "prohibited"',
        ),
    },
    "credit-limit": {
        "a household's limit is capped at 200,000, so a household above that does not exist": (
            "time_limit#r1 final_limit: <= 200000.01",
            "time_limit#r2 borrower_type: nothing",
            "time_limit#r2 final_limit: > 200000.01",
            "time_limit#r2 processing_working_days = 4",
            "time_limit#r2 processing_working_days = 6",
            'time_limit#r4 borrower_type: "corporate", "household"',
            'time_limit#r5 borrower_type: "corporate", "household"',
        ),
    },
    "loan-classification": {
        "both rows give rank 3, and the highest rank counts": (
            'npl_rank#r5 restructure_status: "observation_from_npl", "re_restructured"',
            'npl_rank#r6 restructure_status: "observation_from_npl", "re_restructured"',
        ),
    },
    "risk-warning": {
        "substandard and worse is a red signal, so the warning is always red": (
            'risk_level#r3 risk_class: "special_mention", "substandard"',
            'risk_level#r3 risk_class: "special_mention", "doubtful"',
            'risk_level#r3 risk_class: "special_mention", "loss"',
            'risk_level#r5 risk_class: "normal", "substandard"',
            'risk_level#r5 risk_class: "normal", "doubtful"',
            'risk_level#r5 risk_class: "normal", "loss"',
            'risk_level#r6 risk_class: "normal", "substandard"',
            'risk_level#r6 risk_class: "normal", "doubtful"',
            'risk_level#r6 risk_class: "normal", "loss"',
        ),
        "as above, so row 1 (red) always takes what row 3 is there for": (
            'inspection#r3 risk_class: "doubtful", "loss"',
            'inspection#r3 risk_class: "substandard", "loss"',
            'inspection#r3 risk_class: "substandard", "doubtful"',
            "inspection#r3 inspection_interval_days = 14",
            "inspection#r3 inspection_interval_days = 16",
        ),
        "special mention is a yellow signal, so there is always a warning": (
            'risk_level#r2 warning_level: "none", "orange", "red"',
            'risk_level#r3 warning_level: "yellow"',
            'risk_level#r6 risk_class: "normal", "special_mention"',
        ),
        "rows 5 to 8 take every corporate grade first": ('inspection#r9 borrower_type: "corporate", "household"',),
    },
    "vip-membership": {
        "whoever is not eligible is due no tier, so never a higher one": ("tier_action#r2 eligible: true, false",),
        "whoever is not eligible has no tier": ("vip_candidate#r2 eligible: true, false",),
    },
}
"""Changes that no customer can tell, by reason. They show dead ends in the rules, not gaps in the cases."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One production with one figure changed; ``row`` is empty for a formula or a default."""

    name: str
    production: Production
    row: str = ""


# --- the test ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> Program:
    return CATALOG.compile().program


@pytest.mark.parametrize("ruleset", CATALOG.documents)
def test_changing_any_figure_makes_a_case_fail(shipped: Program, ruleset: str) -> None:
    cases = list(CATALOG.cases[ruleset])
    program = _alone(shipped, ruleset, cases)
    engine = Engine(program)
    assert not failures(engine, ruleset, cases)
    fired = {case.name: _fired(engine, ruleset, case) for case in cases}
    made = list(mutants(program, ruleset))
    assert len(made) > _figures(program)
    survivors = []
    for mutant in made:
        killer = _killer(mutant, program, ruleset, _by_nearness(cases, mutant, fired))
        if killer is None:
            survivors.append(mutant.name)
        else:
            cases.sort(key=lambda case: case is not killer)  # it is likely to notice the next one too
    assert sorted(survivors) == sorted(name for names in EQUIVALENT.get(ruleset, {}).values() for name in names)


def _alone(program: Program, ruleset: str, cases: Sequence[Case]) -> Program:
    """One ruleset, with the fields that it and its cases mention."""
    productions = tuple(production for production in program.productions if production.ruleset == ruleset)
    used = {key for production in productions for key in (*production.needs, *production.gives)}.union(*(case.given for case in cases))
    fields = {key: known for key, known in program.fields.items() if key in used}
    vocabulary = replace(program.vocabulary, fields={key: known for key, known in fields.items() if not known.owner})
    return Program(vocabulary, fields, (program.ruleset(ruleset),), productions)


def _figures(program: Program) -> int:
    """The cells that say something, and the formulas."""
    rows = [row for production in program.productions if isinstance(production, Table) for row in production.rows]
    conditions = sum(not isinstance(test, Anything) for row in rows for test in row.tests)
    return conditions + sum(len(row.outputs) for row in rows) + sum(not isinstance(production, Table) for production in program.productions)


def _fired(engine: Engine, ruleset: str, case: Case) -> set[tuple[str, str]]:
    return {(step.production, row) for step in engine.decide(case.given, ruleset=ruleset, trace=True).steps for row in step.rows}


def _by_nearness(cases: Sequence[Case], mutant: Mutant, fired: dict[str, set[tuple[str, str]]]) -> list[Case]:
    """First the cases that say what the changed production gives, of those first the ones in which the changed row fired."""
    gives = {local_id(key) for key in mutant.production.gives}
    return sorted(cases, key=lambda case: (gives.isdisjoint(case.expect), (mutant.production.id, mutant.row) not in fired[case.name]))


def _killer(mutant: Mutant, program: Program, ruleset: str, cases: Sequence[Case]) -> Case | None:
    """The first case that fails when the changed production stands in for its original."""
    changed = tuple(mutant.production if production.gives == mutant.production.gives else production for production in program.productions)
    engine = Engine(replace(program, productions=changed))
    try:
        return next((case for case in cases if failures(engine, ruleset, [case])), None)
    finally:
        engine.close()


# --- what can be changed -------------------------------------------------------------------------------------------------


def mutants(program: Program, ruleset: str) -> Iterator[Mutant]:
    """Every production of a ruleset with one figure changed, each figure in every way that its table can notice."""
    for production in program.ruleset(ruleset).productions:
        if isinstance(production, Table):
            for number, row in enumerate(production.rows):
                for what, changed in _rows(production, row, program):
                    if not _silent(production, number, changed):
                        rows = (*production.rows[:number], changed, *production.rows[number + 1 :])
                        yield Mutant(f"{production.id}#{row.id} {what}", replace(production, rows=rows), row.id)
            for key, default in production.default.items():
                for node in _outputs(default, program.fields[key].type, ()):
                    what = f"{local_id(key)} = {write_expression(node)}"
                    yield Mutant(f"{production.id} default {what}", replace(production, default={**production.default, key: node}))
        else:
            for node in _outputs(production.expression, program.fields[production.gives[0]].type, ()):
                yield Mutant(f"{production.id} = {write_expression(node)}", replace(production, expression=node))


def _silent(table: Table, number: int, changed: Row) -> bool:
    """Whether a row only takes more than before, and what it takes more of an earlier row has already, or it adds 0 to a sum."""
    row = table.rows[number]
    types = [column.type for column in table.columns]
    if not all(_covers((new,), old, type_) for old, new, type_ in zip(row.tests, changed.tests, types, strict=True)):
        return False
    if table.policy == "C+":
        return changed.outputs == row.outputs == (Literal_(Decimal(0)),)
    return table.policy == "F" and changed.outputs == row.outputs and any(_takes(earlier, row, changed, types) for earlier in table.rows[:number])


def _takes(earlier: Row, row: Row, changed: Row, types: Sequence[Type]) -> bool:
    """Whether ``earlier`` accepts all that ``changed`` accepts beyond ``row``."""
    return all(
        _covers((first,) if old is new else (first, old), new, type_)
        for first, old, new, type_ in zip(earlier.tests, row.tests, changed.tests, types, strict=True)
    )


def _covers(tests: tuple[Test, ...], test: Test, type_: Type) -> bool:
    return denote(AnyOf((*tests, test)), type_) == denote(AnyOf(tests), type_)


def _rows(table: Table, row: Row, program: Program) -> Iterator[tuple[str, Row]]:
    for number, (column, test) in enumerate(zip(table.columns, row.tests, strict=True)):
        for changed in _tests(test, column.type):
            what = f"{write_expression(column.expression)}: {write_test(changed) or 'nothing'}"
            yield what, replace(row, tests=(*row.tests[:number], changed, *row.tests[number + 1 :]))
    for number, (key, node) in enumerate(zip(table.gives, row.outputs, strict=True)):
        type_ = outcome_item(program.fields[key].type, table.policy)
        others = [other.outputs[number] for other in table.rows]
        for result in _outputs(node, type_, others):
            what = f"{local_id(key)} = {write_expression(result)}"
            yield what, replace(row, outputs=(*row.outputs[:number], result, *row.outputs[number + 1 :]))


def _tests(test: Test, type_: Type) -> Iterator[Test]:
    """A condition cell with a value taken from or added to its list, or a threshold moved by one unit of the column.

    A bracket or comparison turned from open to closed is the same set as a threshold so moved, and not made again.
    """
    world = closed_world(type_)
    if isinstance(test, Anything):
        return
    if world is None:
        yield from _moved(test, _unit(type_))
        return
    accepted = denote(test, type_)
    assert isinstance(accepted, Listed)
    for toggled in world:
        kept = [value for value in world if ((value in accepted.values) != accepted.others) != (value == toggled)]
        yield AnyOf(tuple(Compare("=", Literal_(value)) for value in kept))


def _moved(test: Test, unit: Decimal) -> Iterator[Test]:
    match test:
        case Compare(operand=Literal_(Decimal() as value)):
            for moved in (value - unit, value + unit):
                yield replace(test, operand=Literal_(moved))
        case Interval(Literal_(Decimal() as low), Literal_(Decimal() as high)):
            for moved in (low - unit, low + unit):
                yield replace(test, low=Literal_(moved))
            for moved in (high - unit, high + unit):
                yield replace(test, high=Literal_(moved))
        case AnyOf(tests) | NoneOf(tests):
            for number, part in enumerate(tests):
                for changed in _moved(part, unit):
                    yield replace(test, tests=(*tests[:number], changed, *tests[number + 1 :]))
        case _:
            raise AssertionError(f"no way to change {write_test(test)}")


def _outputs(node: Expression, type_: Type, others: Sequence[Expression]) -> Iterator[Expression]:
    """An output cell with every other choice, the other truth, a unit more or less, or another cell's expression.

    A constant beyond the outcome's bounds is left out: it does not compile.
    """
    constant = isinstance(node, Literal_)
    match type_:
        case BooleanType() | ChoiceType():
            yield from (other for value in closed_world(type_) or () if (other := Literal_(value)) != node)
        case NumberType(minimum=low, maximum=high) if isinstance(node, Literal_) and isinstance(node.value, Decimal):
            near = (node.value + step for step in (-_unit(type_), _unit(type_)))
            yield from (Literal_(value) for value in near if (low is None or low <= value) and (high is None or value <= high))
        case NumberType():
            yield from (Arithmetic("+", node, Literal_(step)) for step in (-_unit(type_), _unit(type_)))
            yield from _inside(node)
        case _:
            raise AssertionError(f"no way to change {write_expression(node)}")
    yield from dict.fromkeys(other for other in others if other != node and not (constant or isinstance(other, Literal_)))


def _inside(node: Expression) -> Iterator[Expression]:
    """An expression with one of its constants moved by one in its last place, or one of its operators turned."""
    match node:
        case Literal_(Decimal() as value):
            last = Decimal(1).scaleb(int(value.as_tuple().exponent))
            yield from (Literal_(value + step) for step in (-last, last))
        case Arithmetic(operator, left, right):
            yield replace(node, operator=_OPPOSITE[operator])
            yield from (replace(node, left=changed) for changed in _inside(left))
            yield from (replace(node, right=changed) for changed in _inside(right))
        case Call(_, arguments):
            for number, argument in enumerate(arguments):
                for changed in _inside(argument):
                    yield replace(node, arguments=(*arguments[:number], changed, *arguments[number + 1 :]))
        case FieldRef():
            return
        case _:
            raise AssertionError(f"no way to change {write_expression(node)}")


def _unit(type_: Type) -> Decimal:
    assert isinstance(type_, NumberType)
    return Decimal(1).scaleb(-type_.scale)
