"""Are faults planted in the shipped rulesets found, and is nothing else claimed? Brute force decides, table by table."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

import pytest

from engine import Engine, Program, Table, Verifier
from engine.datatypes import NumberType
from engine.program import Row
from engine.source.syntax import Anything, Literal_, Test
from rulesets.catalog import SHIPPED, load_catalog
from tests.verify.judge import Judge
from tests.verify.oracle import Truth, constants

RULESETS: Final = sorted(path.parent.name for path in SHIPPED.glob("*/ruleset.yaml"))
LARGEST: Final = 12_000
"""Customers that matter, up to which a table is judged on every run; with --soak up to ``SOAK``."""
SOAK: Final = 110_000


@pytest.fixture(scope="module")
def shipped() -> Iterator[Engine]:
    engine = load_catalog().compile()
    yield engine
    engine.close()


# --- faults -----------------------------------------------------------------------------------------------------------------


def shifted(table: Table, choose: random.Random) -> Table | None:
    """One number in a condition is one tenth higher, as far as its field allows."""
    places = [(n, c) for n, row in enumerate(table.rows) for c, test in enumerate(row.tests) if _movable(test, table, c)]
    if not places:
        return None
    row, column = choose.choice(places)
    old = choose.choice([value for value in constants(table.rows[row].tests[column]) if isinstance(value, Decimal)])
    type_ = table.columns[column].type
    assert isinstance(type_, NumberType)
    unit = Decimal(1).scaleb(-type_.scale)
    new = (old + max(abs(old) / 10, unit)).quantize(unit) + 0
    if type_.maximum is not None and new >= type_.maximum:
        return None
    return _with_cell(table, row, column, _replaced(table.rows[row].tests[column], old, new))


def _movable(test: Test, table: Table, column: int) -> bool:
    return isinstance(table.columns[column].type, NumberType) and any(isinstance(value, Decimal) for value in constants(test))


def _replaced(node: Any, old: Decimal, new: Decimal) -> Any:
    if isinstance(node, Literal_):
        return Literal_(new) if node.value == old else node
    changes = {name: _part(getattr(node, name), old, new) for name in node.__dataclass_fields__ if name != "span"}
    return replace(node, **changes)


def _part(value: Any, old: Decimal, new: Decimal) -> Any:
    if isinstance(value, tuple):
        return tuple(_part(item, old, new) for item in value)
    return _replaced(value, old, new) if hasattr(value, "__dataclass_fields__") else value


def swapped(table: Table, choose: random.Random) -> Table | None:
    """Two rows have changed places."""
    if len(table.rows) < 2:
        return None
    rows = list(table.rows)
    first, second = choose.choice(list(pairwise(range(len(rows)))))
    rows[first], rows[second] = rows[second], rows[first]
    return replace(table, rows=tuple(rows))


def deleted(table: Table, choose: random.Random) -> Table | None:
    """A row is gone."""
    row = choose.randrange(len(table.rows))
    return replace(table, rows=(*table.rows[:row], *table.rows[row + 1 :]))


def widened(table: Table, choose: random.Random) -> Table | None:
    """A condition has become ``-``."""
    places = [(n, c) for n, row in enumerate(table.rows) for c, test in enumerate(row.tests) if not isinstance(test, Anything)]
    return _with_cell(table, *choose.choice(places), Anything()) if places else None


def miswritten(table: Table, choose: random.Random) -> Table | None:
    """A row gives the outcomes of another."""
    row, other = choose.randrange(len(table.rows)), choose.choice(table.rows)
    return replace(table, rows=_with_row(table, row, replace(table.rows[row], outputs=other.outputs)))


def _with_cell(table: Table, row: int, column: int, test: Test) -> Table:
    tests = table.rows[row].tests
    return replace(table, rows=_with_row(table, row, replace(table.rows[row], tests=(*tests[:column], test, *tests[column + 1 :]))))


def _with_row(table: Table, row: int, changed: Row) -> tuple[Row, ...]:
    return (*table.rows[:row], changed, *table.rows[row + 1 :])


FAULTS: Final = {"shifted": shifted, "swapped": swapped, "deleted": deleted, "widened": widened, "miswritten": miswritten}


# --- tests ------------------------------------------------------------------------------------------------------------------


def judged(program: Program, table: Table, limit: int) -> bool:
    """Judge the report of a table that is small enough; whether it was."""
    report = Verifier(program).check(table)
    small = Truth(program, table).size <= limit
    if small:
        Judge(program, table, report).judge()
    return small


@pytest.mark.parametrize("ruleset", RULESETS)
def test_the_findings_about_a_shipped_ruleset_are_those_of_brute_force(shipped: Engine, ruleset: str, soak: bool) -> None:
    tables = list(shipped.program.ruleset(ruleset).tables)
    sizes = [judged(shipped.program, table, SOAK if soak else LARGEST) for table in tables]
    assert any(sizes)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("ruleset", RULESETS)
def test_the_findings_about_a_faulty_ruleset_are_those_of_brute_force(shipped: Engine, ruleset: str, fault: str, soak: bool) -> None:
    choose = random.Random(ruleset + fault)
    for table in shipped.program.ruleset(ruleset).tables:
        for _ in range(10 if soak else 1):
            faulty = FAULTS[fault](table, choose)
            if faulty:
                judged(shipped.program, faulty, SOAK if soak else LARGEST)


@pytest.mark.parametrize("ruleset", RULESETS)
def test_a_row_deleted_or_widened_is_found_in_every_table_of_unique_rows(shipped: Engine, ruleset: str) -> None:
    """Without a row somebody is left out; a row that says less than it did takes what others have, or reaches further."""
    verifier = Verifier(shipped.program)
    for table in shipped.program.ruleset(ruleset).tables:
        if table.policy != "U" or verifier.check(table).findings:
            continue
        for seed in range(3):
            faulty = deleted(table, random.Random(seed))
            assert faulty
            codes = {finding.code for finding in verifier.check(faulty).findings}
            assert codes & {"W701", "W702", "I703", "I704"}
            wide = widened(table, random.Random(seed))
            assert wide is None or "E705" in {finding.code for finding in verifier.check(wide).findings}


def test_the_shipped_tables_have_no_error_and_no_warning(shipped: Engine) -> None:
    verifier = Verifier(shipped.program)
    tables = [table for ruleset in shipped.program.rulesets for table in ruleset.tables]
    found = [(table.id, finding.code) for table in tables for finding in verifier.check(table).findings if finding.severity != "information"]
    assert len(tables) == 99
    assert found == []
