"""Is every finding about a small table true, nothing left out, and every repair what it says? Brute force decides."""

from __future__ import annotations

from collections import Counter

import pytest

from engine import Proven, TableReport, verify_table
from engine.source.document import HIT_POLICIES, HitPolicy
from tests.strategies.pen import Pen
from tests.verify.judge import Judge, judge_repairs
from tests.verify.tables import Maker

TABLES = 40
SOAK = 900
"""Tables per policy."""
MENDED = 4
"""Every so many tables also each repair is tried: a document must be compiled for it."""
CODES = {"W701", "W702", "I703", "I704", "E705", "E706", "W707", "W708", "I709", "I710", "I711", "I712"}


@pytest.mark.parametrize("policy", HIT_POLICIES)
def test_the_findings_about_random_tables_are_those_of_brute_force(policy: HitPolicy, soak: bool) -> None:
    for seed in range(SOAK if soak else TABLES):
        made = Maker(Pen.rolling(seed), policy).made()
        engine = made.compile()
        (table,) = engine.program.rulesets[0].tables
        report = verify_table(engine.program, table)
        Judge(engine.program, table, report).judge()
        if seed % MENDED == 0:
            judge_repairs(made, engine.program, table, report)
        engine.close()


def test_the_random_tables_have_every_kind_of_finding_and_verdict() -> None:
    found: Counter[str] = Counter()
    for seed in range(300):
        engine = Maker(Pen.rolling(seed)).made().compile()
        (table,) = engine.program.rulesets[0].tables
        report = verify_table(engine.program, table)
        found.update(finding.code for finding in report.findings)
        found.update(type(proof.verdict).__name__ for proof in report.proofs)
        engine.close()
    assert all(found[code] > 2 for code in (*CODES, "Proven", "Refuted", "Unknown")), found


@pytest.mark.parametrize("policy", HIT_POLICIES)
def test_out_of_budget_nothing_is_claimed_and_nothing_is_false(policy: HitPolicy) -> None:
    for seed in range(TABLES):
        engine = Maker(Pen.rolling(seed), policy).made().compile()
        (table,) = engine.program.rulesets[0].tables
        whole = verify_table(engine.program, table)
        for budget in (0, 10, 40):
            starved = verify_table(engine.program, table, budget=budget)
            proven = {proof.question for proof in starved.proofs if isinstance(proof.verdict, Proven)}
            assert proven <= {proof.question for proof in whole.proofs if isinstance(proof.verdict, Proven)}
            assert _plain(starved) <= _plain(whole)
        engine.close()


def _plain(report: TableReport) -> set[tuple[str, tuple[str, ...]]]:
    """Findings whose truth does not hang on what else was found: overlaps, and rows that never fire."""
    return {(finding.code, finding.rows[:1]) for finding in report.findings if finding.code in ("E705", "E706", "W707", "W708")}
