"""What does a report say of known tables, in which words, and is work spared where nothing changed?"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

import pytest

from engine import Engine, Finding, Proven, Refuted, TableReport, Unknown, Verifier, check_document, compile_program, severity_of, verify_table
from engine.program import Table
from engine.source.syntax import Compare, Literal_
from engine.verify.cover import OutOfBudget, Work, uncovered
from engine.verify.grid import grid_of
from tests.engine.bank import VOCABULARY


def document(policy: str, inputs: list[Any], rows: list[tuple[list[str], str]], **more: Any) -> dict[str, Any]:
    return {
        "ruleset": "tiers",
        "title": {"zh": "会员定级", "en": "tiers"},
        "owner": {"zh": "个人银行部", "en": "personal banking"},
        "exports": ["tier"],
        "tables": [
            {
                "id": "tier",
                "title": {"zh": "会员等级", "en": "tier"},
                "hit_policy": policy,
                "inputs": inputs,
                "outputs": ["tier"],
                "rows": [{"id": f"r{n + 1}", "when": when, "then": [then]} for n, (when, then) in enumerate(rows)],
                **more,
            }
        ],
    }


def compiled(made: dict[str, Any]) -> tuple[Engine, Table]:
    engine = compile_program(VOCABULARY, [made])
    (table,) = engine.program.rulesets[0].tables
    assert isinstance(table, Table)
    return engine, table


def report(made: dict[str, Any], **options: Any) -> TableReport:
    engine, table = compiled(made)
    return verify_table(engine.program, table, **options)


def of(found: TableReport, code: str) -> list[Finding]:
    return [finding for finding in found.findings if finding.code == code]


STEPS: Final = document("U", ["日均存款"], [([">= 100万"], "金卡"), (["< 80万"], "普通")])


def test_a_gap_is_said_in_the_units_of_the_table_with_a_customer_and_a_row_that_fills_it() -> None:
    (gap,) = of(report(STEPS), "W701")
    assert gap.severity == "warning"
    assert isinstance(gap.verdict, Refuted)
    assert gap.regions[0].words("zh") == "日均存款 ≥ 80万元 且 < 100万元"
    assert gap.regions[0].words("en") == "average deposits ≥ 800,000 CNY and < 1,000,000 CNY"
    assert gap.regions[0].cells == ("[800000..1000000)",)
    assert gap.example is not None
    assert gap.example.json() == {"deposits": 800000}
    (repair,) = gap.repairs
    assert repair.apply(STEPS)["tables"][0]["rows"][2] == {"id": "r3", "when": ["[800000..1000000)"], "then": ['"gold"']}
    assert repair.proposed == ("tier",)
    assert len(STEPS["tables"][0]["rows"]) == 2


def test_a_filler_row_closes_the_gap_and_opens_nothing() -> None:
    (gap,) = of(report(STEPS), "W701")
    mended = report(gap.repairs[0].apply(STEPS))
    assert {finding.code for finding in mended.findings} == {"I703", "I710", "I711"}
    assert isinstance(mended.verdict("complete"), Proven)


def test_an_overlap_at_one_point_is_mended_by_leaving_the_point_out() -> None:
    made = document("U", ["日均存款"], [([">= 100万"], "金卡"), (["<= 100万"], "普通")])
    (overlap,) = of(report(made), "E705")
    assert overlap.severity == "error"
    assert overlap.regions[0].words("zh") == "日均存款 = 100万元"
    assert [repair.apply(made)["tables"][0]["rows"] for repair in overlap.repairs] == [
        [{"id": "r1", "when": [">= 100万"], "then": ["金卡"]}, {"id": "r2", "when": ["< 1000000"], "then": ["普通"]}],
        [{"id": "r1", "when": ["> 1000000"], "then": ["金卡"]}, {"id": "r2", "when": ["<= 100万"], "then": ["普通"]}],
    ]


def test_whole_numbers_leave_no_gap_between_seventeen_and_eighteen() -> None:
    made = document("U", ["term"], [(["<= 17"], "普通"), (["> 17"], "金卡"), (["null"], "普通")])
    assert isinstance(report(made).verdict("complete"), Proven)
    assert isinstance(report(made).verdict("complete_empty"), Proven)
    assert isinstance(report(made).verdict("disjoint"), Proven)


def test_two_rows_that_together_hide_a_third_are_named() -> None:
    made = document("F", ["term", "segment"], [(["<= 12", "-"], "普通"), (["-", "企业"], "普通"), (["-", "-"], "金卡"), (["<= 24", "-"], "普通")])
    (dead,) = of(report(made), "W707")
    assert dead.rows == ("r4", "r3")
    rest = document("F", ["term"], [(["<= 12"], "普通"), (["> 12"], "金卡"), ([">= 6"], "普通"), (["-"], "普通")])
    (dead,) = of(report(rest), "W707")
    assert dead.rows == ("r3", "r1", "r2")
    assert dead.diagnostic.message("zh") == "第 3 行永远不会命中：第 1、2 行合起来已经占先。"
    assert dead.diagnostic.message("en") == "Row 3 never fires: rows 1, 2 together come first."


def test_a_row_that_gives_what_the_default_gives_is_not_needed() -> None:
    rows = [(["< 10万"], "普通"), ([">= 100万"], "金卡")]
    for policy in ("U", "A", "F", "P"):
        (spare,) = of(report(document(policy, ["日均存款"], rows, default={"tier": "普通"})), "I709")
        assert spare.rows == ("r1",)
        assert of(report(document(policy, ["日均存款"], rows, default={"tier": "钻石卡"})), "I709") == []


@pytest.mark.parametrize(
    ("policy", "outcome", "value", "other"), [("C+", "spread", "10", "20"), ("C#", "spread", "10", "20"), ("C", "perks", "贵宾厅", "上门服务")]
)
def test_rows_that_are_gathered_become_one_only_where_they_are_apart(policy: str, outcome: str, value: str, other: str) -> None:
    def merged(rows: list[tuple[list[str], str]]) -> list[tuple[str, ...]]:
        made = document(policy, ["term"], rows)
        made["tables"][0]["outputs"], made["exports"] = [outcome], [outcome]
        return [finding.rows for finding in of(report(made), "I710")]

    assert merged([(["<= 12"], value), (["> 12"], value)]) == [("r1", "r2")]
    assert merged([(["<= 24"], value), (["> 12"], value)]) == []
    between = merged([(["<= 12"], value), (["-"], other), (["> 12"], value)])
    assert between == ([] if policy == "C" else [("r1", "r3")])


def test_ranges_that_do_not_touch_stay_apart() -> None:
    rows = [(["<= 12"], "普通"), (["(12..24]"], "金卡"), (["> 24"], "普通")]
    assert of(report(document("U", ["term"], rows)), "I710") == []


def test_columns_that_only_lead_to_the_default_never_matter() -> None:
    rows = [(["<= 12", "企业"], "普通"), (["<= 12", "企业"], "金卡")]
    found = report(document("F", ["term", "segment"], rows, default={"tier": "普通"}))
    assert [finding.diagnostic.parameters["column_zh"] for finding in of(found, "I712")] == ["贷款期限", "客群"]
    assert [finding.rows for finding in of(found, "I709")] == []


def test_three_rows_become_one() -> None:
    made = document("U", ["日均存款"], [(["< 50万"], "普通"), ([">= 500万"], "金卡"), (["[100万..500万)"], "金卡"), (["[50万..100万)"], "金卡")])
    (merge,) = of(report(made), "I710")
    rows = merge.repairs[0].apply(made)["tables"][0]["rows"]
    assert [(row["id"], row["when"]) for row in rows] == [("r1", ["< 50万"]), ("r2", [">= 500000"])]


def test_an_idle_column_is_not_removed_where_the_rows_would_overlap() -> None:
    rows = [(["<= 12", "企业"], "普通"), (["> 12", "企业"], "普通"), (["null", "企业"], "普通")]
    (idle,) = of(report(document("U", ["term", "segment"], rows)), "I712")
    assert idle.diagnostic.parameters["column_zh"] == "贷款期限"
    assert idle.repairs == ()
    (idle,) = of(report(document("A", ["term", "segment"], rows)), "I712")
    assert len(idle.repairs) == 1


def test_outcomes_that_are_computed_contradict_only_where_a_customer_shows_it() -> None:
    made = document("A", ["term"], [(["<= 24"], "deposits + 1"), ([">= 12"], "1 + deposits")])
    made["tables"][0]["outputs"], made["exports"] = ["loans"], ["loans"]
    (alike,) = of(report(made), "E706")
    assert isinstance(alike.verdict, Unknown)
    made["tables"][0]["rows"][1]["then"] = ["deposits + 2"]
    (differing,) = of(report(made), "E706")
    assert isinstance(differing.verdict, Refuted)
    assert differing.example is not None
    assert differing.example.facts.keys() == {"deposits", "term"}


def test_collecting_tables_are_not_told_of_gaps_unless_asked() -> None:
    made = document("C", ["日均存款"], [([">= 100万"], "贵宾厅")])
    made["tables"][0]["outputs"], made["exports"] = ["perks"], ["perks"]
    assert not of(report(made), "W701")
    assert not report(made).verdict("complete")
    assert of(report(made, gaps_on_collect=True), "W701")


def test_a_gap_on_an_expression_is_shown_by_a_customer_or_said_to_be_unknown() -> None:
    column = {"expression": "deposits - loans", "label": {"zh": "净存款", "en": "net deposits"}}
    real = document("U", [column], [([">= 100万"], "金卡"), (["< 80万"], "普通"), (["null"], "普通")])
    (gap,) = of(report(real), "W701")
    assert isinstance(gap.verdict, Refuted)
    impossible = {"expression": "deposits - deposits", "label": {"zh": "零", "en": "nought"}}
    (gap,) = of(report(document("U", [impossible], [([">= 0"], "金卡"), (["null"], "普通")])), "W701")
    assert isinstance(gap.verdict, Unknown)
    assert gap.example is None
    assert gap.verdict.reason.en.startswith("an expression column")


def test_two_columns_of_one_field_move_together() -> None:
    made = document("U", ["term", "term"], [(["<= 12", "-"], "普通"), (["-", "> 12"], "金卡"), (["null", "null"], "普通")])
    found = report(made)
    assert isinstance(found.verdict("disjoint"), Proven)
    assert isinstance(found.verdict("complete"), Proven)


def test_with_too_little_work_the_answer_is_unknown_and_names_the_budget() -> None:
    verdict = report(STEPS, budget=1).verdict("complete")
    assert isinstance(verdict, Unknown)
    assert verdict.budget == 1


def test_the_work_that_is_spent_is_the_same_every_time() -> None:
    _, table = compiled(STEPS)
    spent = set()
    grid = grid_of(table)
    for _ in range(3):
        work, grid = Work(), grid_of(table)
        uncovered(grid, grid.whole, grid.every_row, work)
        spent.add(work.done)
    assert len(spent) == 1
    with pytest.raises(OutOfBudget):
        uncovered(grid, grid.whole, grid.every_row, Work(spent.pop() - 1))


def test_a_table_that_did_not_change_is_not_checked_again() -> None:
    engine, table = compiled(STEPS)
    verifier = Verifier(engine.program)
    first = verifier.check(table)
    assert verifier.check(replace(table)) is first
    row = replace(table.rows[1], tests=(Compare("<", Literal_(table.rows[0].tests[0].operand.value)),))  # type: ignore[union-attr]
    edited = verifier.check(replace(table, rows=(table.rows[0], row)))
    assert not of(edited, "W701")
    assert verifier.check(table) == first


def test_a_program_with_other_fields_is_checked_anew() -> None:
    engine, table = compiled(STEPS)
    verifier = Verifier(engine.program)
    first = verifier.check(table)
    verifier.renew(compiled(STEPS)[0].program)
    assert verifier.check(table) is first
    fields = {**VOCABULARY["fields"], "deposits": {**VOCABULARY["fields"]["deposits"], "max": 900000}}
    smaller = compile_program({**VOCABULARY, "fields": fields}, [document("U", ["日均存款"], [(["< 80万"], "普通")])])
    verifier.renew(smaller.program)
    (narrow,) = smaller.program.rulesets[0].tables
    (gap,) = of(verifier.check(narrow), "W701")
    assert gap.regions[0].cells == (">= 800000",)


def test_a_document_report_has_the_faults_or_the_tables() -> None:
    broken = check_document(VOCABULARY, [document("U", ["nobody"], [])])
    assert [fault.code for fault in broken.faults] == ["E107"]
    assert broken.tables == ()
    assert broken.blocks
    whole = check_document(VOCABULARY, [STEPS])
    assert not whole.blocks
    assert whole.faults == ()
    assert {finding.code for finding in whole.findings} == {"W701", "I703", "I711"}
    overlapping = document("U", ["日均存款"], [([">= 100万"], "金卡"), (["-"], "普通")])
    assert check_document(VOCABULARY, [overlapping], ruleset="tiers").blocks
    with pytest.raises(KeyError):
        check_document(VOCABULARY, [STEPS], ruleset="nobody")


def test_places_are_pointers_into_the_document() -> None:
    made = document("U", ["日均存款"], [([">= 100万"], "金卡"), (["<= 100万"], "普通")])
    (overlap,) = of(report(made), "E705")
    assert overlap.diagnostic.location.pointer == "/tables/0/rows/1"
    assert json.dumps(overlap.example.json() if overlap.example else None, default=str) == '{"deposits": 1000000}'


def test_severity_is_the_letter_of_the_code() -> None:
    assert [severity_of(code) for code in ("E705", "W701", "I703")] == ["error", "warning", "information"]


def test_a_large_table_is_checked_within_its_budget() -> None:
    """Work units do not depend on the machine, so a bound on them is a bound on effort everywhere."""
    rows = [([f"[{n * 100}..{n * 100 + 100})", "企业" if n % 2 else "农户"], ("金卡", "普通")[n % 3 == 0]) for n in range(400)]
    found = report(document("F", ["日均存款", "segment"], [*rows, (["-", "-"], "普通")]))
    assert isinstance(found.verdict("complete"), Proven)
    assert isinstance(found.verdict("alive"), Proven)
    assert all(not isinstance(proof.verdict, Proven) or proof.verdict.work < 200_000 for proof in found.proofs)
