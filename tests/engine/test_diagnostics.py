"""Does a finding name its place as a reader of the table would, and underline the right characters?"""

from __future__ import annotations

import pytest

from engine import Diagnostic, Language, Location, Text
from engine.diagnostics import suggestion

_TABLE = Text("利率优惠", "rate discount")
_TIER = Text("会员等级", "member tier")


@pytest.mark.parametrize(
    ("location", "zh", "en"),
    [
        (Location("loan-pricing"), "", ""),
        (Location("loan-pricing", ("exports", 0)), "exports › 1", "exports › 1"),
        (Location(part=_TABLE), "「利率优惠」", "“rate discount”"),
        (
            Location(part=_TABLE, row="r7", row_number=7, column=_TIER),
            "「利率优惠」 › 第 7 行(r7) › 列「会员等级」",
            "“rate discount” › row 7 (r7) › column “member tier”",
        ),
        (Location(field=_TIER), "字段「会员等级」", "field “member tier”"),
        (Location("document.yaml", line=3), "第 3 行", "line 3"),
    ],
)
def test_a_place_is_said_in_words(location: Location, zh: str, en: str) -> None:
    assert (location.words("zh").replace("（", "(").replace("）", ")"), location.words("en")) == (zh, en)


def test_a_pointer_escapes_what_rfc_6901_reserves() -> None:
    assert Location(path=("facts", "a/b~c", 0)).pointer == "/facts/a~1b~0c/0"
    assert Location().pointer == ""


@pytest.mark.parametrize(
    ("text", "start", "end", "line"),
    [
        ("金卡 或 铂金卡", 5, 8, "        " + " " * 8 + "‾" * 6),
        ("gold, silver", 6, 12, "        " + " " * 6 + "‾" * 6),
        (">=", 2, 2, "        " + " " * 2 + "‾"),
        ("＞＝１００万", 2, 6, "        " + " " * 4 + "‾" * 8),
    ],
)
def test_the_underline_stands_below_the_characters_at_their_width(text: str, start: int, end: int, line: str) -> None:
    found = Diagnostic("E105", Location().spanning(text, start, end), {"found": "x"})
    shown, underline = found.render("zh").splitlines()[1:3]
    assert (shown.strip(), underline) == (text, line)


@pytest.mark.parametrize(("language", "title"), [("zh", "E105 编号重复    loan-pricing"), ("en", "E105 Duplicate id    loan-pricing")])
def test_a_finding_begins_with_its_code_title_and_document(language: Language, title: str) -> None:
    found = Diagnostic("E105", Location("loan-pricing"), {"found": "r1"})
    assert found.render(language).splitlines()[0] == title


@pytest.mark.parametrize(
    ("found", "near"),
    [("deposit", "deposits"), ("日均存欵", "日均存款"), ("tierr", "tier"), ("xyz", ""), ("", "")],
)
def test_only_a_near_name_is_suggested(found: str, near: str) -> None:
    said = suggestion(found, ["deposits", "日均存款", "tier"])
    assert (near in said["suggestion_zh"], near in said["suggestion_en"]) == (True, True)
    assert bool(near) == bool(said["suggestion_zh"]) == bool(said["suggestion_en"])
