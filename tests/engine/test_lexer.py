"""Does every token know its place in characters, whatever the width, language or notation it was typed in?"""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest

from engine.source.keywords import FOLDED_MARKS, MULTIPLIERS, OPERATORS, QUOTES, UNITS, WORDS
from engine.source.lexer import MAX_CHARACTERS, MAX_DEPTH, Lexicon, Unreadable, fold
from engine.source.syntax import Quantity
from tests.engine.bank import SCOPE

LEXICON = SCOPE.lexicon


def kinds(text: str) -> list[tuple[str, int, int]]:
    return [(lexeme.kind, lexeme.start, lexeme.end) for lexeme in LEXICON.lex(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  -  ", [("MINUS", 2, 3)]),
        (">= 100万", [("GE", 0, 2), ("NUMBER", 3, 7)]),
        ("≥１００万元", [("GE", 0, 1), ("QUANTITY", 1, 6)]),
        ("[10万..100万)", [("LBRACKET", 0, 1), ("NUMBER", 1, 4), ("RANGE", 4, 6), ("NUMBER", 6, 10), ("RPAR", 10, 11)]),
        ("【1…2】", [("LBRACKET", 0, 1), ("NUMBER", 1, 2), ("RANGE", 2, 3), ("NUMBER", 3, 4), ("RBRACKET", 4, 5)]),
        ("10、20", [("NUMBER", 0, 2), ("COMMA", 2, 3), ("NUMBER", 3, 5)]),
        ("“金卡”、钻石卡", [("STRING", 0, 4), ("COMMA", 4, 5), ("CHOICE", 5, 8)]),
        ("2024年9月30日以上", [("DATE", 0, 10), ("AND_ABOVE", 10, 12)]),
        ('@"P30D"', [("AT", 0, 7)]),
        ("5 %", [("QUANTITY", 0, 3)]),
        ("100 万 元", [("QUANTITY", 0, 7)]),
        ("日均存款*0.3", [("FIELD", 0, 4), ("TIMES", 4, 5), ("NUMBER", 5, 8)]),
        ("average deposits × 2", [("FIELD", 0, 16), ("TIMES", 17, 18), ("NUMBER", 19, 20)]),
        ("LPR 1年期 + 30BP", [("FIELD", 0, 7), ("PLUS", 8, 9), ("QUANTITY", 10, 14)]),
        ("开户日的年", [("FIELD", 0, 3), ("DOT", 3, 4), ("NAME", 4, 5)]),
        ("如果是那么1否则2", [("IF", 0, 2), ("TRUE", 2, 3), ("THEN", 3, 5), ("NUMBER", 5, 6), ("ELSE", 6, 8), ("NUMBER", 8, 9)]),
        ("合计(1)", [("NAME", 0, 2), ("LPAR", 2, 3), ("NUMBER", 3, 4), ("RPAR", 4, 5)]),
        ("years and months duration", [("NAME", 0, 25)]),
        ("铂金卡", [("NAME", 0, 3)]),
    ],
)
def test_a_lexeme_knows_its_place_in_what_was_typed(text: str, expected: list[tuple[str, int, int]]) -> None:
    assert kinds(text) == expected


@pytest.mark.parametrize("mark", [*FOLDED_MARKS, *map(chr, range(0xFF01, 0xFF5F))])
def test_folding_a_mark_keeps_the_places_of_those_behind_it(mark: str) -> None:
    assert len(fold(mark)) == 1
    assert fold(fold(mark)) == fold(mark)


@pytest.mark.parametrize(("word", "kind"), WORDS.items())
def test_every_word_of_the_language_is_one_token_alone_and_between_numbers(word: str, kind: str) -> None:
    assert kinds(word) == [(kind, 0, len(word))]
    blank = " " if word.isascii() else ""
    assert kinds(f"1{blank}{word}{blank}2")[1][0] == kind


@pytest.mark.parametrize(("spelling", "kind"), OPERATORS)
def test_every_operator_is_one_token(spelling: str, kind: str) -> None:
    assert kinds(spelling) == [(kind, 0, len(spelling))]


@pytest.mark.parametrize(("spelling", "unit"), UNITS.items())
def test_a_unit_belongs_to_the_number_before_it(spelling: str, unit: str) -> None:
    (lexeme,) = LEXICON.lex(f"3{spelling}")
    assert lexeme.value == Quantity(Decimal(3), unit)


@pytest.mark.parametrize(("spelling", "size"), MULTIPLIERS.items())
def test_a_multiplier_is_part_of_its_number(spelling: str, size: Decimal) -> None:
    (lexeme,) = LEXICON.lex(f"1.5{spelling}")
    assert lexeme.value == size * Decimal("1.5")


@pytest.mark.parametrize(("opening", "closing"), QUOTES.items())
def test_every_pair_of_quotes_holds_text_as_typed(opening: str, closing: str) -> None:
    (lexeme,) = LEXICON.lex(f"{opening}ＳＮ 1,000 且{closing}")
    assert (lexeme.kind, lexeme.value) == ("STRING", "ＳＮ 1,000 且")


def test_a_backslash_takes_the_next_character_as_it_is() -> None:
    (lexeme,) = LEXICON.lex(r'"a\"b\\c"')
    assert lexeme.value == r'a"b\c'


@pytest.mark.parametrize("text", ["bps2", "30BPx", "android", "notes", "gold_card2", "ifs"])
def test_a_latin_word_is_not_cut_out_of_a_longer_one(text: str) -> None:
    assert kinds(text)[-1] == ("NAME", len(text) - len(text.lstrip("0123456789")), len(text))


def test_the_longest_label_wins() -> None:
    lexicon = Lexicon({"存款": "FIELD", "存款余额": "FIELD", "存款余额(月末)": "FIELD"})
    assert [lexeme.value for lexeme in lexicon.lex("存款余额(月末)+存款余额+存款")] == ["存款余额(月末)", "+", "存款余额", "+", "存款"]


def test_a_label_in_full_width_is_the_same_label() -> None:
    (lexeme,) = LEXICON.lex("ＬＰＲ　１年期")
    assert (lexeme.kind, lexeme.value) == ("FIELD", "LPR 1年期")


@pytest.mark.parametrize("text", ["2024-09-30", "2024/9/30", "2024年9月30日", "2024 年 9 月 30 号", "２０２４－０９－３０"])
def test_a_date_is_one_token_in_every_form(text: str) -> None:
    (lexeme,) = LEXICON.lex(text)
    assert (lexeme.kind, lexeme.value) == ("DATE", datetime.date(2024, 9, 30))


def test_mixed_separators_are_no_date() -> None:
    assert [kind for kind, _, _ in kinds("2024-9/30")] == ["NUMBER", "MINUS", "NUMBER", "DIVIDE", "NUMBER"]


@pytest.mark.parametrize(
    ("text", "code", "start", "end"),
    [
        (">= 1,000,000", "E210", 3, 12),
        ("10,200.50", "E210", 0, 9),
        (">= 2023年2月29日", "E205", 3, 13),
        ("2024-13-01", "E205", 0, 10),
        ('>= "金卡', "E201", 3, 6),
        ("1 # 2", "E201", 2, 3),
        ("'金卡'", "E201", 0, 1),
        ("1 + 12345678901234567890123456789012345", "E218", 4, 39),
        ("x" * (MAX_CHARACTERS + 1), "E214", 0, MAX_CHARACTERS + 1),
        ("(" * (MAX_DEPTH + 1), "E214", MAX_DEPTH, MAX_DEPTH + 1),
        ("[" * MAX_DEPTH + "(", "E214", MAX_DEPTH, MAX_DEPTH + 1),
    ],
)
def test_what_cannot_be_a_token_is_refused_at_its_place(text: str, code: str, start: int, end: int) -> None:
    with pytest.raises(Unreadable) as caught:
        LEXICON.lex(text)
    assert (caught.value.code, caught.value.start, caught.value.end) == (code, start, end)


@pytest.mark.parametrize("text", ["1, 000", "1000,2000", "12,34", "1,0000", "x" * MAX_CHARACTERS, "(" * MAX_DEPTH, "()" * MAX_DEPTH * 2])
def test_what_only_looks_like_a_fault_is_read(text: str) -> None:
    assert LEXICON.lex(text)


def test_a_literal_keeps_thirty_four_digits() -> None:
    (lexeme,) = LEXICON.lex("1234567890.123456789012345678901234")
    assert lexeme.value == Decimal("1234567890.123456789012345678901234")
