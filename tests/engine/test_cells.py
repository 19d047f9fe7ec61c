"""Does the parser build the tree that was meant, and say where it stopped and what could stand there?"""

from __future__ import annotations

import datetime

import pytest

from engine.source.cells import parse_cell, parse_expression, temporal
from engine.source.lexer import Unreadable
from engine.source.writer import write_expression, write_test
from engine.values import Months
from tests.engine.bank import SCOPE

LEXICON = SCOPE.lexicon


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("", 0, 0),
        (">=", 2, 2),
        (">= > 1", 3, 4),
        ("1,", 2, 2),
        (", 1", 0, 1),
        ("[1..2", 5, 5),
        ("[1,2)", 2, 3),
        ("1..2", 1, 3),
        ("1 000", 2, 5),
        ("100万-200万", 4, 5),
        ("not()", 4, 5),
        ("not(-)", 5, 6),
        ("not(not(1))", 4, 7),
        ("1 且 2", 2, 3),
        ("if", 0, 2),
        ("100万美元", 4, 6),
        ("1e6", 1, 3),
        (".5", 0, 1),
        ('@"P"', 0, 4),
        ('@"2024-9-30"', 0, 12),
        ('@"P1Y2D"', 0, 8),
    ],
)
def test_a_cell_that_cannot_be_read_says_where(text: str, start: int, end: int) -> None:
    with pytest.raises(Unreadable) as caught:
        parse_cell(text, LEXICON)
    assert (caught.value.code, caught.value.start, caught.value.end) == ("E201", start, end)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("", 0, 0),
        ("1 +", 3, 3),
        ("1 + * 2", 4, 5),
        ("(1", 2, 2),
        ("1)", 1, 2),
        ("if retail then 1", 16, 16),
        ("如果 是否零售 那么 1", 12, 12),
        ("some in debts satisfies true", 5, 7),
        ("some 笔 in debts", 15, 15),
        ("for 1 in debts return 1", 4, 5),
        ("deposits between 1", 18, 18),
        ("deposits > 1 > 2", 13, 14),
        ("debts[", 6, 6),
        ("debts.", 6, 6),
        ("round(1,)", 8, 9),
        ("not retail", 4, 10),
    ],
)
def test_an_expression_that_cannot_be_read_says_where(text: str, start: int, end: int) -> None:
    with pytest.raises(Unreadable) as caught:
        parse_expression(text, LEXICON)
    assert (caught.value.code, caught.value.start, caught.value.end) == ("E201", start, end)


def test_the_end_of_a_text_is_named_in_both_languages() -> None:
    with pytest.raises(Unreadable) as caught:
        parse_cell(">=", LEXICON)
    assert (caught.value.parameters["found_zh"], caught.value.parameters["found_en"]) == ("结尾", "the end")


@pytest.mark.parametrize(
    ("text", "offered", "not_offered"),
    [
        (">= > 1", {"数字", "日期", "取值"}, {"比较符", "右括号"}),
        ("[1,2)", {".."}, {"逗号", "数字"}),
        ("1 000", {"逗号", "结束"}, {"then(那么)", "satisfies(满足)", "in(属于)"}),
    ],
)
def test_only_what_may_stand_there_is_offered(text: str, offered: set[str], not_offered: set[str]) -> None:
    with pytest.raises(Unreadable) as caught:
        parse_cell(text, LEXICON)
    said = set(str(caught.value.parameters["expected_zh"]).split("、"))
    assert offered <= said
    assert not not_offered & said


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("-", "-"),
        ("任意", "-"),
        ("1", "1"),
        ("-1", "-1"),
        ("= 1", "1"),
        ("等于 1", "1"),
        ("<> 1", "!= 1"),
        ("不等于1", "!= 1"),
        ("1以上", ">= 1"),
        ("1以下", "<= 1"),
        ("1以内", "<= 1"),
        ("超过1", "> 1"),
        ("不足1", "< 1"),
        ("1至2", "[1..2]"),
        ("1~2", "[1..2]"),
        ("(1..2]", "(1..2]"),
        ("1, > 2, [3..4)", "1, > 2, [3..4)"),
        ("1 或 2", "1, 2"),
        ("非 1", "not(1)"),
        ("不是(1, > 2)", "not(1, > 2)"),
        ("-, 1", "-, 1"),
    ],
)
def test_every_form_of_a_condition_is_read(typed: str, written: str) -> None:
    assert write_test(parse_cell(typed, LEXICON)) == written


@pytest.mark.parametrize(
    ("typed", "bracketed"),
    [
        ("1 + 2 * 3", "1 + (2 * 3)"),
        ("1 - 2 - 3", "(1 - 2) - 3"),
        ("1 / 2 / 3", "(1 / 2) / 3"),
        ("2 ** 3 ** 2", "2 ** (3 ** 2)"),
        ("-2 ** 2", "(-2) ** 2"),
        ("1 + 2 > 2 * 1", "(1 + 2) > (2 * 1)"),
        ("retail or retail and retail", "retail or (retail and retail)"),
        ("1 > 2 and 3 > 4 or 5 > 6", "((1 > 2) and (3 > 4)) or (5 > 6)"),
        ("if retail then 1 else 2 + 3", "if retail then 1 else (2 + 3)"),
        ("some 笔 in debts satisfies 笔.days > 1 and retail", "some 笔 in debts satisfies ((笔.days > 1) and retail)"),
        ("debts[1].balance + 1", "((debts[1]).balance) + 1"),
        ("-debts[1].balance", "-((debts[1]).balance)"),
        ("1 between 2 and 3 and retail", "(1 in [2..3]) and retail"),
    ],
)
def test_operators_bind_as_in_feel(typed: str, bracketed: str) -> None:
    assert parse_expression(typed, LEXICON) == parse_expression(bracketed, LEXICON)


@pytest.mark.parametrize(
    ("chinese", "english"),
    [
        ("如果 是否零售 那么 1 否则 2", "if 是否零售 then 1 else 2"),
        ("是否零售 且 非(是否零售)", "是否零售 and not(是否零售)"),
        ("逾期天数 介于 1 与 2 或者 是否零售", "逾期天数 between 1 and 2 or 是否零售"),
        ("存在 笔 属于 债务 满足 笔.逾期 大于 1", "some 笔 in 债务 satisfies 笔.逾期 > 1"),
        ("对于 笔 属于 债务 得到 笔.余额 乘以 2", "for 笔 in 债务 return 笔.余额 * 2"),
        ("四舍五入(1 除以 3, 2) 加 1 减 2", "round(1 / 3, 2) + 1 - 2"),
        ("每个 笔 属于 债务 满足 笔.经办行 不等于 空", "every 笔 in 债务 satisfies 笔.经办行 != null"),
    ],
)
def test_chinese_words_say_the_same_as_english_ones(chinese: str, english: str) -> None:
    assert write_expression(parse_expression(chinese, LEXICON)) == write_expression(parse_expression(english, LEXICON))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-09-30", datetime.date(2024, 9, 30)),
        ("P30D", datetime.timedelta(days=30)),
        ("-P30D", datetime.timedelta(days=-30)),
        ("P0D", datetime.timedelta(0)),
        ("P1Y2M", Months(14)),
        ("P2M", Months(2)),
        ("-P1Y", Months(-12)),
    ],
)
def test_dates_and_durations_behind_an_at_sign(text: str, expected: object) -> None:
    assert temporal(text, 0, len(text)) == expected
