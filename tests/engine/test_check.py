"""Do types and units fit where the golden examples do not reach, and is what a word names decided by where it stands?"""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine import types
from engine.datatypes import fits
from engine.source.writer import write_expression, write_test
from tests.engine.bank import cell, expression, field, refusal


@pytest.mark.parametrize(
    ("text", "name", "written"),
    [
        ("5%", "annual_rate", "5"),
        ("30BP", "annual_rate", "0.3"),
        ("30个基点", "annual_rate", "0.3"),
        ("0.3‰", "monthly_rate", "0.3"),
        ("30BP", "spread", "30"),
        ("0.3%", "spread", "30"),
        ("3‰", "spread", "30"),
        ("-30BP", "spread", "-30"),
        ("5%", "ratio", "0.05"),
        ("0.3‰", "ratio", "0.0003"),
        ("30BP", "ratio", "0.003"),
        ("1年", "term", "12"),
        ("1.5年", "term", "18"),
        ("12个月", "term", "12"),
        ("90日", "overdue", "90"),
        ("100万元", "deposits", "1000000"),
    ],
)
def test_a_quantity_becomes_the_number_it_is_in_the_unit_of_its_column(text: str, name: str, written: str) -> None:
    assert write_test(cell(text, name)) == written


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("0.3‰", "annual_rate"),
        ("5%", "monthly_rate"),
        ("30BP", "monthly_rate"),
        ("5%", "deposits"),
        ("3个月", "overdue"),
        ("90个工作日", "overdue"),
        ("30天", "term"),
        ("50个", "ratio"),
        ("100元", "ratio"),
    ],
)
def test_a_quantity_of_another_unit_is_refused(text: str, name: str) -> None:
    assert refusal(text, name).code == "E207"


@pytest.mark.parametrize(
    "text",
    [
        "deposits + spread",
        "annual_rate - monthly_rate",
        "annual_rate + 0.3‰",
        "deposits > spread",
        "sum(deposits, spread)",
        "sum([deposits, spread])",
        "max(annual_rate, monthly_rate)",
        "min(deposits, loans, spread)",
        "mean(annual_rate, monthly_rate)",
        "if retail then deposits else spread",
        "[annual_rate, monthly_rate]",
        "append(debts.balance, spread)",
        "concatenate(debts.balance, debts.days)",
        "spread in debts.balance",
        "modulo(deposits, spread)",
    ],
)
def test_different_units_are_never_added_compared_or_mixed(text: str) -> None:
    assert refusal(text).code == "E207"


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("deposits + 1", "元"),
        ("1 + deposits", "元"),
        ("deposits - loans", "元"),
        ("sum(1, deposits)", "元"),
        ("max([0, deposits])", "元"),
        ("if retail then 0 else deposits", "元"),
        ("round(deposits, -4)", "元"),
        ("-spread", "bp"),
        ("annual_rate + 30BP", "%/年"),
        ("deposits * 2", ""),
        ("deposits / loans", ""),
    ],
)
def test_the_unit_of_a_result(text: str, unit: str) -> None:
    _, found = expression(text)
    assert isinstance(found, types.NumberType)
    assert found.unit == unit


@pytest.mark.parametrize(
    "text",
    [
        '"1" + 1',
        "deposits + today",
        "today + 1",
        "today + today",
        'if deposits then "a" else "b"',
        'if retail then 1 else "b"',
        "not(deposits)",
        "retail and deposits",
        "- product",
        "tier + 1",
        "tier = segment",
        'deposits = "gold"',
        '@"P1Y" + @"P1D"',
        '[1, "a"]',
        "debts[bank]",
        "some d in deposits satisfies true",
        "for d in deposits return d",
    ],
)
def test_types_that_do_not_go_together_are_refused(text: str) -> None:
    assert refusal(text).code == "E204"


@pytest.mark.parametrize("text", ["retail > true", "segment > 农户", "debts > debts", "debts[1] > debts[2]"])
def test_what_has_no_order_is_not_compared(text: str) -> None:
    assert refusal(text).code == "E215"


@pytest.mark.parametrize(
    "text", ["round()", "round(1, 2, 3)", 'round("1")', "sum()", "contains(product)", "date(1, 2)", "count(1)", "string(debts)", "string(perks)"]
)
def test_a_function_takes_what_its_usage_says(text: str) -> None:
    assert refusal(text).code == "E212"


@pytest.mark.parametrize(("text", "name"), [("deposits", "deposits"), ("日均存款", "loans"), ("max(1, 2)", "deposits"), ("- loans", "deposits")])
def test_a_condition_holds_constants_only(text: str, name: str) -> None:
    assert refusal(text, name).code == "E213"


@pytest.mark.parametrize(
    ("text", "name", "code"),
    [
        ("(5..6)", "overdue", "E209"),
        ("[5..5)", "overdue", "E209"),
        ("(2024-01-01..2024-01-02)", "opened", "E209"),
        ("[2024-02-01..2024-01-01]", "opened", "E209"),
        ("(plain..gold)", "tier", "E209"),
        ("[diamond..plain]", "tier", "E209"),
        ("> 5000", "overdue", "E208"),
        ("< 0", "overdue", "E208"),
        ("-1", "overdue", "E208"),
        ("[6000..7000]", "overdue", "E208"),
        ("not(5001)", "overdue", "E208"),
        ("0.5", "overdue", "E206"),
        ("[0.001..1]", "deposits", "E206"),
    ],
)
def test_a_condition_that_can_never_hold_is_refused(text: str, name: str, code: str) -> None:
    assert refusal(text, name).code == code


@pytest.mark.parametrize(
    ("text", "name"), [("[5..5]", "overdue"), ("(5..6]", "overdue"), ("(5..7)", "overdue"), (">= 5000", "overdue"), ("<= 0", "overdue"), ("> -1", "overdue")]
)
def test_a_condition_that_can_hold_is_read(text: str, name: str) -> None:
    assert cell(text, name)


def test_a_list_column_takes_anything_or_nothing() -> None:
    assert write_test(cell("-", "perks")) == "-"
    assert write_test(cell("null", "perks")) == "null"
    assert refusal("贵宾厅", "perks").code == "E204"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("tier = 金卡", 'tier = "gold"'),
        ("金卡 = 会员等级", '"gold" = tier'),
        ("tier in (金卡, 钻石卡)", 'tier in ("gold", "diamond")'),
        ("tier in [金卡, 钻石卡]", 'tier in ["gold", "diamond"]'),
        ("贵宾厅 in perks", '"lounge" in perks'),
        ("上门服务 属于 服务权益", '"courier" in perks'),
        ("overdue in (90)", "overdue in (90)"),
        ("count(perks[item = 贵宾厅])", 'count(perks[item = "lounge"])'),
        ("债务[逾期 > 90].余额", "debts[item.days > 90].balance"),
        ("opened + 30天", 'opened + @"P30D"'),
        ("opened + 6个月", 'opened + @"P6M"'),
        ("opened - 1年", 'opened - @"P1Y"'),
        ("(today - opened).天数", "(today - opened).days"),
    ],
)
def test_a_word_is_what_it_names_where_it_stands(text: str, written: str) -> None:
    assert write_expression(expression(text)[0]) == written


@pytest.mark.parametrize(
    ("found", "expected", "answer"),
    [
        ("tier", "tier", True),
        ("tier", "segment", False),
        ("tier", "product", True),
        ("product", "tier", False),
        ("deposits", "spread", True),
        ("deposits", "product", False),
        ("perks", "debts", False),
        ("opened", "today", True),
    ],
)
def test_which_type_may_stand_where_another_is_wanted(found: str, expected: str, answer: bool) -> None:
    assert fits(field(found).type, field(expected).type) is answer


def test_text_widens_a_choice_whichever_comes_first() -> None:
    for text in ("if retail then tier else product", "if retail then product else tier"):
        assert isinstance(expression(text, field("tier").type)[1], types.TextType)


def test_an_empty_value_takes_the_type_beside_it() -> None:
    assert expression("[null, 1]")[1] == types.ListType(types.NumberType())
    assert isinstance(expression("if retail then null else today")[1], types.DateType)


def test_a_suggestion_names_the_nearest_field() -> None:
    assert refusal("日均存欵 > 1").parameters["suggestion_zh"] == "是不是「日均存款」？"
    assert refusal("完全不同 > 1").parameters["suggestion_zh"] == ""


@pytest.mark.parametrize("text", ["date(2024, 2, 30)", 'date("2024-02-30")', 'date("2024-9-3")'])
def test_a_constant_date_that_does_not_exist_is_refused_before_it_is_computed(text: str) -> None:
    assert refusal(text).code == "E205"


def test_a_literal_is_never_rounded() -> None:
    written = "1234567890.123456789012345678901234"
    assert write_expression(expression(f"-{written}")[0]) == f"-{written}"
    assert expression(written)[0].value == Decimal(written)  # type: ignore[union-attr]
