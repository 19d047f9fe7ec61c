"""Do the small programs read, speak and decide as recorded, and do their cases hold?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from engine import Case, Decision, Engine, Table, Undecided, types
from engine.__main__ import stages
from engine.backends.reference import evaluate
from engine.source.check import Scope, find_choice
from engine.source.writer import local_id, write_expression, write_test
from engine.values import Value, admit, plain, render
from rulesets.cases import failures
from tests.golden.programs import GOLDEN, compare_or_record, read_example

FOLDERS: Final = sorted(path.parent for path in GOLDEN.glob("good/*/*/document.yaml"))
STAGED: Final = [folder for folder in FOLDERS if (folder / "stages.txt").exists()]


def _named(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}"


def _value(value: Any) -> str:
    match value:
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case Decimal():
            return plain(value)
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            return "{" + ", ".join(f"{name}: {_value(item)}" for name, item in value.items()) + "}"
        case _:
            return str(value) or '""'


def _table(engine: Engine, table: Table, typed: Mapping[str, Any]) -> Iterator[str]:
    yield f"table {table.id} 「{table.title.zh}」“{table.title.en}” {table.policy}"
    for row, written in zip(table.rows, typed["rows"], strict=True):
        said = engine.explainer.describe(table, row)
        yield f"  {row.id}  typed      {' | '.join(written['when'])} → {' | '.join(written['then'])}"
        yield f"      canonical  {' | '.join(map(write_test, row.tests))} → {' | '.join(map(write_expression, row.outputs))}"
        yield f"      {said.zh}"
        yield f"      {said.en}"
    if table.default:
        said = engine.explainer.describe_default(table)
        yield f"  default {', '.join(f'{local_id(key)} = {write_expression(node)}' for key, node in table.default.items())}"
        yield f"      {said.zh}"
        yield f"      {said.en}"


def _program(engine: Engine, documents: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for ruleset, document in zip(engine.program.rulesets, documents, strict=True):
        typed_tables, typed_formulas = iter(document.get("tables", [])), iter(document.get("formulas", []))
        yield f"== ruleset {ruleset.id}"
        for production in ruleset.productions:
            if isinstance(production, Table):
                yield from _table(engine, production, next(typed_tables))
            else:
                said = engine.explainer.describe_formula(production)
                yield f"formula {production.id}"
                yield f"      typed      {next(typed_formulas)['expression']}"
                yield f"      canonical  {write_expression(production.expression)}"
                yield f"      {said.zh}"
                yield f"      {said.en}"


def _undecided(open_: Undecided) -> str:
    parts = [*(f"missing {name}" for name in open_.missing), *(f"because of {name}" for name in open_.because)]
    return f"  {open_.outcome} undecided: {open_.reason}" + (f" ({', '.join(parts)})" if parts else "")


def _case(case: Case, decision: Decision) -> Iterator[str]:
    yield f"== case {case.name}"
    yield from (f"  given {name} = {_value(value)}" for name, value in case.given.items())
    yield from (f"  {name} = {_value(value)}" for name, value in decision.outcomes.items())
    yield from map(_undecided, decision.undecided)
    yield from (f"  fired {step.ruleset}/{step.production}#{row}" for step in decision.steps for row in step.rows)


def _report(folder: Path) -> str:
    example = read_example(folder / "document.yaml")
    engine = example.compile()
    lines = [*_program(engine, example.rulesets)]
    for cases in example.cases.values():
        for case in cases:
            lines += _case(case, engine.decide(case.given, trace=True))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("folder", FOLDERS, ids=_named)
def test_a_program_reads_speaks_and_decides_as_recorded(folder: Path, record: bool) -> None:
    compare_or_record(folder / "expected.txt", _report(folder), record=record)


@pytest.mark.parametrize("folder", FOLDERS, ids=_named)
def test_the_cases_of_a_program_hold(folder: Path) -> None:
    example = read_example(folder / "document.yaml")
    engine = example.compile()
    assert [finding for ruleset, cases in example.cases.items() for finding in failures(engine, ruleset, cases)] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=_named)
def test_every_program_has_a_case_and_every_case_expects_something(folder: Path) -> None:
    example = read_example(folder / "document.yaml")
    cases = [case for cases in example.cases.values() for case in cases]
    engine = example.compile()
    assert cases
    assert all(case.expect or engine.decide(case.given).undecided for case in cases)


def _typed(engine: Engine, given: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    """Facts by id with typed values; names and choices may be spelled by label."""
    scope = Scope(engine.program.vocabulary.fields)
    for name, value in given.items():
        field = scope.find(name)
        assert field
        code = find_choice(field.type, value) if isinstance(field.type, types.ChoiceType) and value else None
        yield field.id, admit(code or value, field.type)


@pytest.mark.parametrize("folder", FOLDERS, ids=_named)
def test_the_reference_gives_the_same_outcomes(folder: Path) -> None:
    example = read_example(folder / "document.yaml")
    engine = example.compile()
    for case in (case for cases in example.cases.values() for case in cases):
        known = evaluate(engine.program, dict(_typed(engine, case.given)))
        meant = {name: render(value) for name, value in known.items() if name in engine.program.exported}
        assert meant == dict(engine.decide(case.given).outcomes)


@pytest.mark.parametrize("folder", STAGED, ids=_named)
def test_the_stages_of_a_program_are_shown_as_recorded(folder: Path, record: bool) -> None:
    example = read_example(folder / "document.yaml")
    said: list[str] = []
    assert stages(example.vocabulary, example.rulesets, said.append)
    compare_or_record(folder / "stages.txt", "\n".join(said) + "\n", record=record)
