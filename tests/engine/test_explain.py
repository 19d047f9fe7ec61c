"""Are rules and decisions said in plain Chinese and English, with labels, units and large numbers as a bank writes them?"""

from __future__ import annotations

from typing import Any, Final

import pytest

from engine import Engine, Explainer, Table, compile_program, types
from engine.source.cells import parse_cell
from engine.source.check import check_cell
from tests.engine.bank import SCOPE, VOCABULARY, cell, expression, field


def _label(zh: str, en: str) -> dict[str, str]:
    return {"zh": zh, "en": en}


def _engine(*, exports: list[str], **parts: Any) -> Engine:
    ruleset = {"ruleset": "member-tiers", "title": _label("会员定级", "member tiers"), "owner": _label("个人银行部", "personal banking")}
    return compile_program(VOCABULARY, [{**ruleset, "exports": exports, **parts}])


def _tiers(policy: str = "F", rows: list[tuple[list[str], str]] | None = None, **more: Any) -> Engine:
    written = [{"id": f"r{n}", "when": when, "then": [then]} for n, (when, then) in enumerate(rows or _ROWS, 1)]
    table = {"id": "tier", "title": _label("会员等级", "member tier"), "hit_policy": policy, "inputs": ["deposits", "overdue"], "outputs": ["tier"]}
    return _engine(exports=["tier"], tables=[{**table, "rows": written, **more}])


_ROWS: Final = [([">= 100万", "< 30"], "金卡"), (["-", "-"], "普通")]
_EXPLAINER: Final = Explainer(_tiers().program)


@pytest.mark.parametrize(
    ("text", "name", "zh", "en"),
    [
        ("-", "deposits", "日均存款不限", "any average deposits"),
        ("null", "deposits", "日均存款为空", "average deposits is empty"),
        (">= 100万", "deposits", "日均存款 ≥ 100万元", "average deposits ≥ 1,000,000 CNY"),
        ("< 1.5亿", "deposits", "日均存款 < 1.5亿元", "average deposits < 150,000,000 CNY"),
        ("!= 0.01", "deposits", "日均存款 ≠ 0.01元", "average deposits ≠ 0.01 CNY"),
        ("[10万..100万)", "deposits", "日均存款 ≥ 10万元 且 < 100万元", "average deposits ≥ 100,000 CNY and < 1,000,000 CNY"),
        ("(30..90]", "overdue", "逾期天数 > 30天 且 ≤ 90天", "days past due > 30 days and ≤ 90 days"),
        ("12, 24", "term", "贷款期限为12个月、24个月", "loan term is one of 12 months, 24 months"),
        ("12, > 36", "term", "贷款期限 = 12个月 或 贷款期限 > 36个月", "loan term = 12 months or loan term > 36 months"),
        ("null, 12", "term", "贷款期限为空 或 贷款期限 = 12个月", "loan term is empty or loan term = 12 months"),
        ("金卡", "tier", "会员等级 = 金卡", "member tier = gold card"),
        (">= 金卡", "tier", "会员等级 ≥ 金卡", "member tier ≥ gold card"),
        ("金卡、钻石卡", "tier", "会员等级为金卡、钻石卡", "member tier is one of gold card, diamond card"),
        ("是", "retail", "是否零售 = 是", "retail = yes"),
        ('"SN-001"', "product", "产品代码 = SN-001", "product code = SN-001"),
        (">= 2024年9月30日", "opened", "开户日 ≥ 2024-09-30", "opening date ≥ 2024-09-30"),
        ("30BP", "annual_rate", "年利率 = 0.3%/年", "annual rate = 0.3% a year"),
        ("0.3‰", "monthly_rate", "月利率 = 0.3‰/月", "monthly rate = 0.3‰ a month"),
    ],
)
def test_a_condition_is_a_clause_about_its_column(text: str, name: str, zh: str, en: str) -> None:
    known, test = field(name), cell(text, name)
    assert _EXPLAINER.test(test, known.label.zh, known.type, "zh") == zh
    assert _EXPLAINER.test(test, known.label.en, known.type, "en") == en


def test_none_of_several_is_bracketed() -> None:
    known, test = field("segment"), cell("not(农户, 企业)", "segment")
    assert _EXPLAINER.test(test, "客群", known.type, "zh").replace("（", "(").replace("）", ")") == "不是(客群为农户、企业)"
    assert _EXPLAINER.test(test, "segment", known.type, "en") == "not (segment is one of farm household, company)"


def test_a_duration_is_said_in_days() -> None:
    type_ = types.DurationType("days")
    test = check_cell(parse_cell('>= @"P365D"', SCOPE.lexicon), type_, SCOPE, field("opened").label)
    assert _EXPLAINER.test(test, "开户时长", type_, "zh") == "开户时长 ≥ 365天"
    assert _EXPLAINER.test(test, "age of account", type_, "en") == "age of account ≥ 365 days"


def test_a_row_is_a_sentence_without_the_columns_that_do_not_matter() -> None:
    (table,) = _EXPLAINER.program.ruleset("member-tiers").tables
    first, last = (_EXPLAINER.describe(table, row) for row in table.rows)
    assert first.zh == "日均存款 ≥ 100万元 且 逾期天数 < 30天 → 会员等级：金卡"
    assert first.en == "average deposits ≥ 1,000,000 CNY and days past due < 30 days → member tier: gold card"
    assert (last.zh, last.en) == ("任何情况 → 会员等级：普通", "always → member tier: plain")


def test_an_expression_is_said_with_labels() -> None:
    node, _ = expression("if deposits - loans > 0 then 1 else 2")
    assert "日均存款 - 贷款余额 > 0" in _EXPLAINER.expression(node, "zh")
    assert "average deposits - loan balance > 0" in _EXPLAINER.expression(node, "en")


def test_a_decision_says_the_row_that_fired_and_why_the_rows_above_did_not() -> None:
    (step,) = _tiers().decide({"deposits": 2000000, "overdue": 90}, trace=True).steps
    assert (step.kind, step.rows, dict(step.outcomes)) == ("table", ("r2",), {"tier": "plain"})
    assert [(reading.name, reading.value, reading.origin) for reading in step.read] == [("deposits", 2000000, "given"), ("overdue", 90, "given")]
    assert [(miss.row, miss.column, miss.test, miss.value) for miss in step.misses] == [("r1", "overdue", "< 30", 90)]
    assert step.text.zh == "任何情况 → 会员等级：普通"


def test_a_given_outcome_is_said_to_be_given() -> None:
    (step,) = _tiers().decide({"tier": "diamond"}, trace=True).steps
    assert (step.ruleset, step.production, step.kind, dict(step.outcomes)) == ("", "tier", "given", {"tier": "diamond"})
    assert step.text.zh.replace("（", "(").replace("）", ")") == "会员等级 = 钻石卡(调用方给出)"
    assert step.text.en == "member tier = diamond card (given)"


def test_no_row_matched_is_said_and_every_row_explained() -> None:
    engine = _tiers("U", [([">= 100万", "-"], "金卡"), (["[10万..100万)", "< 30"], "普通")])
    decision = engine.decide({"deposits": 200000, "overdue": 30}, trace=True)
    (step,) = decision.steps
    assert (step.rows, dict(step.outcomes), step.text.zh, step.text.en) == ((), {}, "没有一行命中", "no row matched")
    assert [(miss.row, miss.column) for miss in step.misses] == [("r1", "deposits"), ("r2", "overdue")]
    assert [(open_.outcome, open_.reason) for open_ in decision.undecided] == [("tier", "no_row_matched")]


def test_a_default_is_said_to_be_the_other_cases() -> None:
    engine = _tiers("U", [([">= 100万", "-"], "金卡")], default={"tier": "普通"})
    (step,) = engine.decide({"deposits": 0, "overdue": None}, trace=True).steps
    assert (step.text.zh, step.text.en) == ("其他情况 → 会员等级：普通", "otherwise → member tier: plain")


def test_an_expression_column_is_read_under_its_label_and_rounded() -> None:
    column = {"expression": "deposits / 3", "label": _label("三分之一", "a third"), "scale": 1}
    rows = [{"id": "r1", "when": ["> 33.3"], "then": ["金卡"]}, {"id": "r2", "when": ["<= 33.3"], "then": ["普通"]}]
    table = {"id": "tier", "title": _label("会员等级", "member tier"), "hit_policy": "U", "inputs": [column], "outputs": ["tier"], "rows": rows}
    (step,) = _engine(exports=["tier"], tables=[table]).decide({"deposits": 100}, trace=True).steps
    assert [(reading.name, str(reading.value), reading.origin) for reading in step.read] == [("三分之一", "33.3", "expression")]
    assert (step.rows, step.misses[0].column) == (("r2",), "三分之一")


def test_a_formula_is_said_with_what_it_read_and_what_came_out() -> None:
    formula = {"outcome": "spread", "title": _label("加点", "spread"), "expression": "if overdue > 0 then 7 else 0"}
    (step,) = _engine(exports=["spread"], formulas=[formula]).decide({"overdue": 7}, trace=True).steps
    assert (step.kind, dict(step.outcomes), [reading.name for reading in step.read]) == ("formula", {"spread": 7}, ["overdue"])
    assert "加点" in step.text.zh
    assert "7bp" in step.text.zh


def test_every_row_that_fired_is_said() -> None:
    table = {"id": "perks", "title": _label("服务权益", "privileges"), "hit_policy": "C", "inputs": ["deposits"], "outputs": ["perks"]}
    rows = [{"id": "a", "when": [">= 10万"], "then": ["上门服务"]}, {"id": "b", "when": ["-"], "then": ["贵宾厅"]}]
    engine = _engine(exports=["perks"], tables=[{**table, "rows": rows}])
    (step,) = engine.decide({"deposits": 100000}, trace=True).steps
    assert (step.rows, step.text.zh.splitlines()) == (("a", "b"), ["日均存款 ≥ 10万元 → 服务权益：上门服务", "任何情况 → 服务权益：贵宾厅"])
    (compiled,) = engine.program.ruleset("member-tiers").productions
    assert isinstance(compiled, Table)
    assert engine.explainer.describe(compiled, compiled.rows[0]).en == "average deposits ≥ 100,000 CNY → privileges: home service"
