"""Does the service refuse what it should, saying what, where and how to mend it in both languages, and go on working?"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest

from tests.api.running import DECISIONS, JSON, KEY, Service

MIB: Final = 1024 * 1024
PROBLEM: Final = "application/problem+json"
INTERNALS: Final = re.compile(
    r"Traceback|File \"|site-packages|\.py\b|werkzeug|flask|marshmallow|gunicorn|msgspec|Decimal\(|<class|NoneType|Exception|internal error", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A body and how it must be refused: the whole detail in both languages, and for which part of the body."""

    name: str
    body: bytes
    status: int
    code: str
    pointer: str
    zh: str
    en: str


def narrow(text: str) -> str:
    """A text with full-width marks as half-width ones: tests/golden pins how wide they are."""
    return unicodedata.normalize("NFKC", text)


def check(response: httpx.Response, status: int, code: str, pointer: str, detail: str) -> Any:
    """Assert a problem of one fault, and give it."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == PROBLEM
    problem = response.json()
    assert list(problem) == ["type", "title", "status", "detail", "code", "errors"]
    assert (problem["status"], problem["code"], narrow(problem["detail"])) == (status, code, narrow(detail))
    assert problem["type"] == f"/docs/errors#{code}"
    assert problem["errors"] == [{"code": code, "pointer": pointer, "title": problem["title"], "detail": problem["detail"]}]
    assert not INTERNALS.search(response.text)
    return problem


def in_both_languages(service: Service, refusal: Refusal, path: str = DECISIONS) -> None:
    for language, detail in (("zh", refusal.zh), ("en", refusal.en)):
        problem = check(service.post(refusal.body, path, {"Accept-Language": language}), refusal.status, refusal.code, refusal.pointer, detail)
        assert bool(re.search(r"[\u4e00-\u9fff]", problem["title"])) == (language == "zh"), problem["title"]


def fact(name: str, value: str) -> bytes:
    return f'{{"facts":{{"{name}":{value}}}}}'.encode()


def named(refusals: list[Refusal]) -> Any:
    return pytest.mark.parametrize("refusal", [pytest.param(refusal, id=refusal.name.replace(" ", "-")) for refusal in refusals])


# --- the JSON ------------------------------------------------------------------------------------------------------------


def malformed(name: str, body: bytes, zh: str, en: str, code: str = "E601") -> Refusal:
    return Refusal(name, body, 400, code, "", zh, en)


_DEPTH = ("JSON 最多嵌套 32 层。", "JSON may be nested at most 32 levels deep.")
_DIGITS = ("一个数字最多写 400 个字符。", "A number may have at most 400 characters.")

MALFORMED: Final = [
    malformed(
        "a key twice", b'{"facts":{},"facts":{}}', "键「facts」在同一个对象里出现了不止一次。", "The key “facts” appears more than once in one object.", "E602"
    ),
    malformed(
        "a fact twice",
        b'{"facts":{"loan_balance":1,"loan_balance":2}}',
        "键「loan_balance」在同一个对象里出现了不止一次。",
        "The key “loan_balance” appears more than once in one object.",
        "E602",
    ),
    malformed(
        "a key twice by escapes",
        rb'{"facts":{"loan_balance":1,"\u006coan_balance":2}}',
        "键「loan_balance」在同一个对象里出现了不止一次。",
        "The key “loan_balance” appears more than once in one object.",
        "E602",
    ),
    malformed("100,000 open lists", b"[" * 100_000, *_DEPTH, "E603"),
    malformed("100,000 open objects", b'{"a":' * 100_000, *_DEPTH, "E603"),
    malformed("100,000 closed lists as a fact", fact("legal_form", "[" * 100_000 + "]" * 100_000), *_DEPTH, "E603"),
    malformed("33 levels", b"[" * 33 + b"]" * 33, *_DEPTH, "E603"),
    malformed("10,000 digits", fact("loan_balance", "9" * 10_000), *_DIGITS, "E604"),
    malformed("10,000 decimals", fact("loan_balance", "0." + "1" * 10_000), *_DIGITS, "E604"),
    malformed("10,000 digits of exponent", fact("loan_balance", "1e" + "9" * 10_000), *_DIGITS, "E604"),
    malformed(
        "bytes that are no UTF-8", b'{"facts":{"legal_form":"\xff"}}', "请求体从第 24 个字节起不是 UTF-8。", "The body stops being UTF-8 at byte 24.", "E605"
    ),
    malformed("UTF-16", '{"facts":{}}'.encode("utf-16"), "请求体从第 0 个字节起不是 UTF-8。", "The body stops being UTF-8 at byte 0.", "E605"),
    malformed("GBK", '{"facts":{"客户主体类型":"企业"}}'.encode("gbk"), "请求体从第 11 个字节起不是 UTF-8。", "The body stops being UTF-8 at byte 11.", "E605"),
    malformed("NaN", fact("loan_balance", "NaN"), "JSON 里没有 NaN，请提供有限的十进制数。", "JSON has no NaN: send finite decimal numbers.", "E606"),
    malformed(
        "Infinity",
        fact("loan_balance", "Infinity"),
        "JSON 里没有 Infinity，请提供有限的十进制数。",
        "JSON has no Infinity: send finite decimal numbers.",
        "E606",
    ),
    malformed(
        "minus Infinity",
        fact("loan_balance", "-Infinity"),
        "JSON 里没有 -Infinity，请提供有限的十进制数。",
        "JSON has no -Infinity: send finite decimal numbers.",
        "E606",
    ),
]


@named(MALFORMED)
def test_a_body_that_is_not_acceptable_json_is_refused_with_its_fault(service: Service, refusal: Refusal) -> None:
    in_both_languages(service, refusal)
    service.answers()


UNREADABLE: Final = {
    "nothing": (b"", 1),
    "blanks": (b" \n ", 1),
    "truncated": (b'{"facts":{"legal_form":"enter', 24),
    "a comma too many": (b'{"facts":{},}', 13),
    "two values": (b'{"facts":{}} {}', 14),
    "single quotes": (b"{'facts':{}}", 2),
    "a byte order mark": (b'\xef\xbb\xbf{"facts":{}}', 1),
    "a comment": (b'{"facts":{}/* none */}', 12),
    "a leading zero": (fact("loan_balance", "01"), 27),
    "a leading plus": (fact("loan_balance", "+1"), 26),
    "a leading point": (fact("loan_balance", ".5"), 26),
    "a trailing point": (fact("loan_balance", "5."), 27),
    "a hexadecimal number": (fact("loan_balance", "0x10"), 27),
    "full-width digits": (fact("loan_balance", "１００"), 26),
    "a raw line break in a text": (b'{"facts":{"legal_form":"a\nb"}}', 26),
    "an unknown escape": (rb'{"facts":{"legal_form":"\x41"}}', 25),
    "a Python word": (b'{"facts":{},"trace":True}', 21),
    "only a closing bracket": (b"]", 1),
}


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_body_that_is_no_json_is_refused_with_line_and_column(service: Service, name: str, language: str) -> None:
    body, column = UNREADABLE[name]
    response = service.post(body, headers={"Accept-Language": language})
    start = {"zh": "第 {} 行第 {} 个字符起不是有效的 JSON", "en": "No valid JSON from line {}, column {}"}[language]
    places = [start.format(1, column), start.format(2, 2)] if name == "blanks" else [start.format(1, column)]
    detail = check(response, 400, "E601", "", response.json()["detail"])["detail"]
    assert detail.startswith(tuple(places)), detail
    assert bool(re.search(r"[A-Za-z]{4,} [A-Za-z]", detail)) == (language == "en"), f"{detail} mixes the languages"
    service.answers()


@pytest.mark.parametrize("number", ["1e9999999999999999999999", "1e-9999999999999999999999", "0e9999999999999999999999", "-1E+99999999999999999999"])
def test_an_exponent_beyond_all_arithmetic_is_refused_and_not_a_failure(service: Service, number: str) -> None:
    response = service.post(fact("loan_balance", number))
    assert response.status_code in (400, 422), response.text
    assert response.json()["code"] in ("E604", "E404", "E405")
    service.answers()


SURROGATES: Final = {
    "a fact": rb'{"facts":{"\ud800":1}}',
    "a member": rb'{"facts":{},"\udfff":1}',
    "a choice": rb'{"facts":{"legal_form":"\ud800"}}',
    "a choice by halves the wrong way round": rb'{"facts":{"legal_form":"\udc00\ud800"}}',
    "a number": rb'{"facts":{"loan_balance":"\ud800"}}',
    "an outcome": rb'{"facts":{},"outcomes":["\ud800"]}',
    "a key twice": rb'{"facts":{"\ud800":1,"\ud800":2}}',
}


@pytest.mark.parametrize("name", SURROGATES)
def test_half_a_character_is_refused_as_the_callers_fault(service: Service, name: str) -> None:
    response = service.post(SURROGATES[name])
    assert response.status_code in (400, 422), response.text
    assert response.json()["code"] != "E625"
    assert not INTERNALS.search(response.text), response.text
    service.answers()


def test_a_whole_character_written_as_two_halves_is_text(service: Service) -> None:
    problem = service.post(rb'{"facts":{"legal_form":"\ud83d\ude00"}}').json()
    assert problem["code"] == "E403"
    assert "「😀」" in problem["detail"]


def test_brackets_inside_texts_are_no_nesting(service: Service) -> None:
    response = service.post(fact("legal_form", json.dumps('[{\\"' * 5_000)))
    assert response.json()["code"] == "E403"


def test_32_levels_are_read(service: Service) -> None:
    response = service.post(fact("legal_form", "[" * 30 + "]" * 30))
    assert response.json()["code"] == "E402"


def test_a_long_text_that_never_ends_is_refused_at_once(service: Service) -> None:
    """Time that grows with the square of the length would make this an hour; the client waits 20 s."""
    response = service.post(b"[" + b"[]," * 40 + b'"' + b'\\"' * 500_000)
    assert (response.status_code, response.json()["code"]) == (400, "E601")
    service.answers()


# --- the frame of the request ----------------------------------------------------------------------------------------------


def frame(name: str, body: bytes, pointer: str, zh: str, en: str) -> Refusal:
    return Refusal(name, body, 422, "E607", pointer, zh, en)


_OBJECT = ("应为一个 JSON 对象。", "Invalid input type.")
_TRUTH = ("应为 true 或 false。", "Not a valid boolean.")
_MAPPING = ("应为一组键和值（对象）。", "Not a valid mapping type.")
_LIST = ("应为清单（数组）。", "Not a valid list.")
_NULL = ("不能为 null。", "Field may not be null.")
_LENGTH = ("长度应在 1 到 1000 之间。", "Length must be between 1 and 1000.")
_TEXT = ("应为文字。", "Not a valid string.")
_REFERENCE = ("长度应在 1 到 128 之间。", "Length must be between 1 and 128.")
_WHOLE = ("应为整数。", "Not a valid integer.")
_INSTANT = ("应为日期或时刻，例如 2026-12-01T09:00:00。", "Should be a date or an instant, such as 2026-12-01T09:00:00.")

FRAMES: Final = [
    frame("a list", b"[]", "", *_OBJECT),
    frame("a list of requests", b'[{"facts":{}}]', "", *_OBJECT),
    frame("a text", b'"facts"', "", *_OBJECT),
    frame("a number", b"1", "", *_OBJECT),
    frame("null", b"null", "", *_OBJECT),
    frame("an empty object", b"{}", "/facts", "缺少这一项。", "Missing data for required field."),
    frame("facts null", b'{"facts":null}', "/facts", *_NULL),
    frame("facts a list", b'{"facts":[]}', "/facts", *_MAPPING),
    frame("facts a text", b'{"facts":"legal_form"}', "/facts", *_MAPPING),
    frame("a member too many", b'{"facts":{},"at":"2026-01-01"}', "/at", "没有这一项。", "Unknown field."),
    frame("a member of another case", b'{"facts":{},"Trace":true}', "/Trace", "没有这一项。", "Unknown field."),
    frame("a member with slash and tilde", b'{"facts":{},"a/b~c":1}', "/a~1b~0c", "没有这一项。", "Unknown field."),
    frame("trace a text", b'{"facts":{},"trace":"true"}', "/trace", *_TRUTH),
    frame("trace one", b'{"facts":{},"trace":1}', "/trace", *_TRUTH),
    frame("trace nought", b'{"facts":{},"trace":0}', "/trace", *_TRUTH),
    frame("trace one point nought", b'{"facts":{},"trace":1.0}', "/trace", *_TRUTH),
    frame("trace null", b'{"facts":{},"trace":null}', "/trace", *_NULL),
    frame("trace a list", b'{"facts":{},"trace":[true]}', "/trace", *_TRUTH),
    frame("outcomes empty", b'{"facts":{},"outcomes":[]}', "/outcomes", *_LENGTH),
    frame("outcomes a thousand and one", b'{"facts":{},"outcomes":[' + b",".join([b'"vip_tier"'] * 1001) + b"]}", "/outcomes", *_LENGTH),
    frame("outcomes a text", b'{"facts":{},"outcomes":"vip_tier"}', "/outcomes", *_LIST),
    frame("outcomes an object", b'{"facts":{},"outcomes":{"vip_tier":true}}', "/outcomes", *_LIST),
    frame("outcomes null", b'{"facts":{},"outcomes":null}', "/outcomes", *_NULL),
    frame("outcomes with a number", b'{"facts":{},"outcomes":["vip_tier",7]}', "/outcomes/1", *_TEXT),
    frame("outcomes with null", b'{"facts":{},"outcomes":[null]}', "/outcomes/0", *_NULL),
    frame("a reference without letters", b'{"facts":{},"reference":""}', "/reference", *_REFERENCE),
    frame("a reference too long", b'{"facts":{},"reference":"%b"}' % (b"r" * 129), "/reference", *_REFERENCE),
    frame("a reference that is a number", b'{"facts":{},"reference":7}', "/reference", *_TEXT),
    frame("a reference null", b'{"facts":{},"reference":null}', "/reference", *_NULL),
    frame("a day in words", b'{"facts":{},"as_of":"yesterday"}', "/as_of", *_INSTANT),
    frame("a day that does not exist", b'{"facts":{},"as_of":"2026-02-30"}', "/as_of", *_INSTANT),
    frame("a time without a day", b'{"facts":{},"known_as_of":"09:00:00"}', "/known_as_of", *_INSTANT),
    frame("a day as a number", b'{"facts":{},"as_of":20260101}', "/as_of", *_TEXT),
    frame("versions in a list", b'{"facts":{},"versions":["loan-pricing"]}', "/versions", *_MAPPING),
    frame("a version in words", b'{"facts":{},"versions":{"loan-pricing":"1"}}', "/versions/loan-pricing", *_WHOLE),
    frame(
        "a version nought",
        b'{"facts":{},"versions":{"loan-pricing":0}}',
        "/versions/loan-pricing",
        "应在 1 到 2147483647 之间。",
        "Must be greater than or equal to 1 and less than or equal to 2147483647.",
    ),
]


@named(FRAMES)
def test_a_request_of_another_shape_is_refused_with_the_place(service: Service, refusal: Refusal) -> None:
    in_both_languages(service, refusal)
    service.answers()


def test_all_faults_of_a_frame_are_told_at_once(service: Service) -> None:
    problem = service.post(b'{"trace":"yes","outcomes":[],"more":1}').json()
    assert sorted(error["pointer"] for error in problem["errors"]) == ["/facts", "/more", "/outcomes", "/trace"]
    assert {error["code"] for error in problem["errors"]} == {"E607"}


# --- facts and outcomes ------------------------------------------------------------------------------------------------------


def unfit(name: str, body: bytes, code: str, pointer: str, zh: str, en: str) -> Refusal:
    return Refusal(name, body, 422, code, pointer, zh, en)


def wrong_type(name: str, field: str, value: str, zh: tuple[str, str, str], en: tuple[str, str, str]) -> Refusal:
    """E402: the label, what the field takes and what came in."""
    return unfit(
        name,
        fact(field, value),
        "E402",
        f"/facts/{field}",
        f"「{zh[0]}」应为{zh[1]}，收到的是{zh[2]}。请按词汇表的类型提供。",
        f"“{en[0]}” takes {en[1]}, but {en[2]} came in. Send the type the vocabulary declares.",
    )


_LOAN_ZH, _LOAN_EN = "贷款余额（月末）", "loan balance (month end)"


def number(name: str, value: str, zh: str, en: str) -> Refusal:
    return wrong_type(name, "loan_balance", value, (_LOAN_ZH, "数字", zh), (_LOAN_EN, "a number", en))


def choice(name: str, value: str, zh: str, en: str) -> Refusal:
    return wrong_type(name, "legal_form", value, ("客户主体类型", "取值表中的一项", zh), ("legal form", "one of the choices", en))


def truth(name: str, value: str, zh: str, en: str) -> Refusal:
    return wrong_type(name, "fiscal_tax_body", value, ("是否财政/税务机关", "是/否", zh), ("is a fiscal/tax body", "true or false", en))


WRONG_TYPES: Final = [
    number("a truth for a number", "true", "是/否", "true or false"),
    number("a list for a number", "[1]", "清单", "a list"),
    number("an object for a number", '{"value":1}', "对象", "an object"),
    choice("a number for a choice", "5", "数字", "a number"),
    choice("a decimal for a choice", "5.5", "数字", "a number"),
    choice("a truth for a choice", "false", "是/否", "true or false"),
    choice("a list for a choice", '["enterprise"]', "清单", "a list"),
    choice("an object for a choice", "{}", "对象", "an object"),
    truth("a text for a truth", '"true"', "文字", "text"),
    truth("a number for a truth", "1", "数字", "a number"),
    truth("a decimal for a truth", "0.0", "数字", "a number"),
    wrong_type("a text for a list", "product_class", '"loan_customer"', ("产品持有类别", "清单", "文字"), ("product class", "a list", "text")),
    wrong_type(
        "a number in a list of choices", "product_class", "[7]", ("产品持有类别", "取值表中的一项", "数字"), ("product class", "one of the choices", "a number")
    ),
]


@named(WRONG_TYPES)
def test_a_fact_of_another_type_is_refused_and_never_converted(service: Service, refusal: Refusal) -> None:
    pointer = "/facts/product_class/0" if "in a list" in refusal.name else refusal.pointer
    in_both_languages(service, Refusal(refusal.name, refusal.body, refusal.status, refusal.code, pointer, refusal.zh, refusal.en))
    service.answers()


def spelling(text: str) -> Refusal:
    """E407: a text that is no plain decimal."""
    return unfit(
        f"the number {text!r}",
        fact("loan_balance", json.dumps(text)),
        "E407",
        "/facts/loan_balance",
        f'「{_LOAN_ZH}」收到文字「{text}」，它不是普通十进制数。写法如 "1000000.00"：不带千分号、空格、单位或 e。',
        f'“{_LOAN_EN}” received the text “{text}”, which is not a plain decimal. Write "1000000.00": no separators, blanks, units or exponent.',
    )


def unreal(text: str) -> Refusal:
    """E406: a text that names no finite number."""
    return unfit(
        f"the text {text}",
        fact("loan_balance", json.dumps(text)),
        "E406",
        "/facts/loan_balance",
        f"「{_LOAN_ZH}」收到 {text}，它不是有限的数。请提供有限的十进制数。",
        f"“{_LOAN_EN}” received {text}, which is not a finite number. Send a finite decimal number.",
    )


_SPELLINGS: Final = [
    "1e6",
    "1E6",
    "1,000",
    " 100 ",
    "100 ",
    "",
    "１００",
    "٣",
    "+1",
    ".5",
    "5.",
    "0x10",
    "1_000",
    "100万",
    "5%",
    "--1",
    "1-",
    "-",
    "¥5",
    "true",
    "1\n",
    "一百",
]
NUMBERS: Final = [
    *map(spelling, _SPELLINGS),
    *map(unreal, ["NaN", "nan", "Infinity", "-Infinity", "inf"]),
]


@named(NUMBERS)
def test_a_text_that_is_no_plain_decimal_is_no_number(service: Service, refusal: Refusal) -> None:
    in_both_languages(service, refusal)
    service.answers()


def outside(name: str, value: str, told: str) -> Refusal:
    return unfit(
        name,
        fact("loan_balance", value),
        "E404",
        "/facts/loan_balance",
        f"「{_LOAN_ZH}」应在 0 到 100000000000 之间，收到 {told}。请核对数值和单位（元）。",
        f"“{_LOAN_EN}” must lie between 0 and 100000000000; {told} came in. Check the value and its unit (元).",
    )


def finer(name: str, value: str, told: str) -> Refusal:
    return unfit(
        name,
        fact("loan_balance", value),
        "E405",
        "/facts/loan_balance",
        f"「{_LOAN_ZH}」最多 2 位小数，收到 {told}。请先按本行口径取整，系统不会代为四舍五入。",
        f"“{_LOAN_EN}” takes at most 2 decimals; {told} came in. Round it first: nothing is rounded silently.",
    )


AMOUNTS: Final = [
    outside("below the minimum", "-0.01", "-0.01"),
    outside("below the minimum as text", '"-0.01"', "-0.01"),
    outside("above the maximum", "100000000000.01", "100000000000.01"),
    outside("above the maximum as text", '"100000000000.01"', "100000000000.01"),
    outside("a googol", "1e100", "1E+100"),
    outside("an exponent of a thousand million", "1e999999999", "1E+999999999"),
    outside("400 digits", "9" * 400, "9" * 57 + "…"),
    finer("a tenth of a fen", "0.001", "0.001"),
    finer("a tenth of a fen as text", '"0.001"', "0.001"),
    finer("a tenth of a fen behind many digits", "99999999999.999", "99999999999.999"),
    finer("a tiny exponent", "1e-999999999", "1E-999999999"),
    finer("380 decimals", "0." + "1" * 380, "0." + "1" * 55 + "…"),
]


@named(AMOUNTS)
def test_a_number_outside_its_range_or_finer_than_its_scale_is_refused_and_never_rounded(service: Service, refusal: Refusal) -> None:
    in_both_languages(service, refusal)
    service.answers()


def test_a_number_text_of_ten_thousand_digits_is_refused_and_shown_short(service: Service) -> None:
    response = service.post(fact("loan_balance", '"' + "9" * 10_000 + '"'))
    assert (response.status_code, response.json()["code"], response.json()["errors"][0]["pointer"]) == (422, "E407", "/facts/loan_balance")
    assert len(response.content) < 2_000


_LEGAL_ZH: Final = "企业（enterprise）、事业单位（public_institution）、机关单位（government）、个体工商户（sole_proprietor）、自然人（natural_person）、农户（farm_household）、家庭农场（family_farm）、农民专业合作社（cooperative）"  # noqa: E501
_LEGAL_EN: Final = "enterprise, public_institution, government, sole_proprietor, natural_person, farm_household, family_farm, cooperative"
UNKNOWN: Final = [
    unfit(
        "an unknown field",
        fact("nothing_of_the_kind", "1"),
        "E401",
        "/facts/nothing_of_the_kind",
        "词汇表里没有字段「nothing_of_the_kind」。请使用 GET /v1/vocabulary 所列的字段。",
        "The vocabulary has no field “nothing_of_the_kind”. Use a field listed by GET /v1/vocabulary.",
    ),
    unfit(
        "a misspelt field",
        fact("loan_balence", "1"),
        "E401",
        "/facts/loan_balence",
        "词汇表里没有字段「loan_balence」。是不是「loan_balance」？请使用 GET /v1/vocabulary 所列的字段。",
        "The vocabulary has no field “loan_balence”. Did you mean “loan_balance”? Use a field listed by GET /v1/vocabulary.",
    ),
    unfit(
        "a field with slash and tilde",
        fact("a/b~c", "1"),
        "E401",
        "/facts/a~1b~0c",
        "词汇表里没有字段「a/b~c」。请使用 GET /v1/vocabulary 所列的字段。",
        "The vocabulary has no field “a/b~c”. Use a field listed by GET /v1/vocabulary.",
    ),
    unfit(
        "a field without a name",
        fact("", "1"),
        "E401",
        "/facts/",
        "词汇表里没有字段「」。请使用 GET /v1/vocabulary 所列的字段。",
        "The vocabulary has no field “”. Use a field listed by GET /v1/vocabulary.",
    ),
    unfit(
        "a local outcome of a ruleset",
        fact("loan-pricing.quoted_rate_pct", "5"),
        "E401",
        "/facts/loan-pricing.quoted_rate_pct",
        "词汇表里没有字段「loan-pricing.quoted_rate_pct」。请使用 GET /v1/vocabulary 所列的字段。",
        "The vocabulary has no field “loan-pricing.quoted_rate_pct”. Use a field listed by GET /v1/vocabulary.",
    ),
    unfit(
        "an unknown choice",
        fact("legal_form", '"abcxyz"'),
        "E403",
        "/facts/legal_form",
        f"「abcxyz」不是「客户主体类型」的取值。可选：{_LEGAL_ZH}。请提供取值的代码。",
        f"“abcxyz” is not a value of “legal form”. Choices: {_LEGAL_EN}. Send the code of a choice.",
    ),
    unfit(
        "a misspelt choice",
        fact("legal_form", '"enterprize"'),
        "E403",
        "/facts/legal_form",
        f"「enterprize」不是「客户主体类型」的取值。可选：{_LEGAL_ZH}。是不是「enterprise」？请提供取值的代码。",
        f"“enterprize” is not a value of “legal form”. Choices: {_LEGAL_EN}. Did you mean “enterprise”? Send the code of a choice.",
    ),
    unfit(
        "an unknown outcome",
        b'{"facts":{},"outcomes":["vip_tier","nothing_of_the_kind"]}',
        "E409",
        "/outcomes/1",
        "没有对外结论「nothing_of_the_kind」。请使用 GET /v1/rulesets 所列的结论。",
        "There is no exported outcome “nothing_of_the_kind”. Use an outcome listed by GET /v1/rulesets.",
    ),
    unfit(
        "a local outcome wanted",
        b'{"facts":{},"outcomes":["quoted_rate_pct"]}',
        "E409",
        "/outcomes/0",
        "没有对外结论「quoted_rate_pct」。是不是「general_rate_pct」？请使用 GET /v1/rulesets 所列的结论。",
        "There is no exported outcome “quoted_rate_pct”. Did you mean “general_rate_pct”? Use an outcome listed by GET /v1/rulesets.",
    ),
    unfit(
        "one field by id and by label",
        '{"facts":{"legal_form":"enterprise","客户主体类型":"企业"}}'.encode(),
        "E412",
        "/facts/客户主体类型",
        "「客户主体类型」已由「legal_form」给出。每个字段只给一次。",
        "“legal form” was already given as “legal_form”. Give each field once.",
    ),
]


@named(UNKNOWN)
def test_a_name_that_nothing_bears_is_refused_and_the_nearest_one_is_proposed(service: Service, refusal: Refusal) -> None:
    in_both_languages(service, refusal)
    service.answers()


def test_an_outcome_of_another_ruleset_is_not_answered_by_this_one(service: Service) -> None:
    response = service.post(b'{"facts":{},"outcomes":["vip_tier"]}', "/v1/rulesets/loan-pricing/decisions")
    assert (response.status_code, response.json()["code"], response.json()["errors"][0]["pointer"]) == (422, "E409", "/outcomes/0")


def test_all_refused_facts_are_told_at_once_each_at_its_place(service: Service) -> None:
    body = '{"facts":{"loan_balance":-1,"deposit_balance":0.001,"legal_form":"x","nothing":1,"是否零售资产":7,"fee_product_count":1}}'
    response = service.post(body.encode())
    assert response.status_code == 422
    assert [(error["code"], error["pointer"]) for error in response.json()["errors"]] == [
        ("E404", "/facts/loan_balance"),
        ("E405", "/facts/deposit_balance"),
        ("E403", "/facts/legal_form"),
        ("E401", "/facts/nothing"),
        ("E402", "/facts/是否零售资产"),
    ]


TYPED: Final = [
    unfit(
        "a number for a text",
        fact("remark", "5"),
        "E402",
        "/facts/remark",
        "「备注」应为文字，收到的是数字。请按词汇表的类型提供。",
        "“remark” takes text, but a number came in. Send the type the vocabulary declares.",
    ),
    unfit(
        "a text too long",
        fact("remark", '"一二三四五六七八九十百"'),
        "E408",
        "/facts/remark",
        "「备注」最多 10 个字符，收到 11。请缩短。",
        "“remark” takes at most 10 characters; 11 came in. Shorten it.",
    ),
    unfit(
        "a number for a date",
        fact("opened", "20230101"),
        "E402",
        "/facts/opened",
        "「开户日期」应为日期，收到的是数字。请按词汇表的类型提供。",
        "“opening date” takes a date, but a number came in. Send the type the vocabulary declares.",
    ),
    unfit(
        "a day that does not exist",
        fact("opened", '"2023-02-29"'),
        "E410",
        "/facts/opened",
        "「开户日期」收到「2023-02-29」：2023 年 2 月只有 28 天。请写 YYYY-MM-DD 形式的真实日期。",
        "“opening date” received “2023-02-29”: month 2 of 2023 has 28 days. Send a real date as YYYY-MM-DD.",
    ),
    unfit(
        "a date with a time",
        fact("opened", '"2023-02-01T00:00:00Z"'),
        "E410",
        "/facts/opened",
        "「开户日期」收到「2023-02-01T00:00:00Z」：写法应为 YYYY-MM-DD。请写 YYYY-MM-DD 形式的真实日期。",
        "“opening date” received “2023-02-01T00:00:00Z”: the form is YYYY-MM-DD. Send a real date as YYYY-MM-DD.",
    ),
    unfit(
        "an object for a list",
        fact("guarantors", "{}"),
        "E402",
        "/facts/guarantors",
        "「担保人」应为清单，收到的是对象。请按词汇表的类型提供。",
        "“guarantors” takes a list, but an object came in. Send the type the vocabulary declares.",
    ),
    unfit(
        "a record without a member",
        fact("guarantors", '[{"person":"张三","share":1},{"person":"李四"}]'),
        "E411",
        "/facts/guarantors/1",
        "「担保人」的记录缺少「share」。没有值时请明确写 null。",
        "A record of “guarantors” lacks “share”. Write null when there is no value.",
    ),
]


@named(TYPED)
def test_texts_dates_and_records_are_judged_by_their_types(small: Service, refusal: Refusal) -> None:
    in_both_languages(small, refusal)


def test_a_fault_inside_a_record_is_told_at_the_very_member(small: Service) -> None:
    response = small.post(fact("guarantors", '[{"person":"张三","share":1},{"person":"李四","share":"1e1"}]'))
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/facts/guarantors/1/share")


FAILING: Final = [
    unfit(
        "two rows of a UNIQUE table",
        b'{"facts":{"visits":5},"outcomes":["band"]}',
        "E501",
        "",
        "表「档次」应只有一行命中，却有 few, some 行同时命中。请修改这些行使其互不重叠，或改用命中策略 F。",
        "Table “band” must match one row, but rows few, some all match. Make the rows disjoint, or use hit policy F.",
    ),
    unfit(
        "two rows of an ANY table that disagree",
        b'{"facts":{"visits":6},"outcomes":["verdict"]}',
        "E502",
        "",
        "表「结论」的 low, middle 行同时命中而结论不同。请使重叠的行结论相同，或改用命中策略 F。",
        "Rows low, middle of table “verdict” match with different outcomes. Give overlapping rows the same outcome, or use hit policy F.",
    ),
    unfit(
        "a division by zero",
        b'{"facts":{"income":0,"debt":1},"outcomes":["burden"]}',
        "E503",
        "",
        "公式「负担率」无法计算：除数为零。请检查除数、函数参数和数值大小。",
        "Formula “burden” cannot be computed: a divisor is zero. Check divisors, arguments and magnitudes.",
    ),
    unfit(
        "a result out of its range",
        b'{"facts":{"income":1,"debt":100},"outcomes":["burden"]}',
        "E504",
        "",
        "公式「负担率」得到 100，超出「负担率」的范围 0 到 9。请检查公式，或调整该结论的最小值、最大值。",
        "Formula “burden” gave 100, outside the range 0 to 9 of “burden”. Check the formula, or the outcome's minimum and maximum.",
    ),
]


@named(FAILING)
def test_rules_that_cannot_decide_say_so_and_name_themselves(small: Service, refusal: Refusal) -> None:
    in_both_languages(small, refusal)
    traced = refusal.body.replace(b'"outcomes"', b'"trace":true,"outcomes"')
    in_both_languages(small, Refusal(refusal.name, traced, refusal.status, refusal.code, refusal.pointer, refusal.zh, refusal.en))


# --- sizes -------------------------------------------------------------------------------------------------------------------

GOOD: Final = b'{"facts":{"legal_form":"enterprise"},"outcomes":["customer_line"]}'


def parts(body: bytes) -> Iterator[bytes]:
    """The body in pieces, so that its length is not announced."""
    yield from (body[start : start + 65_536] for start in range(0, len(body), 65_536))


def test_a_body_of_exactly_the_limit_is_answered(service: Service) -> None:
    assert service.post(GOOD.ljust(MIB)).status_code == 200


@pytest.mark.parametrize("size", [MIB + 1, 10_000_000])
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
def test_a_body_over_the_limit_is_refused_whether_its_length_is_announced_or_not(service: Service, size: int, announced: bool) -> None:
    body = GOOD.ljust(size)
    for language, detail in (("zh", "请求体最多 1048576 字节。"), ("en", "A body may have at most 1048576 bytes.")):
        headers = {**JSON, "Accept-Language": language}
        response = service.client.post(DECISIONS, content=body if announced else parts(body), headers=headers)
        check(response, 413, "E623", "", detail)
    service.answers()


def test_a_body_in_chunks_within_the_limit_is_answered(service: Service) -> None:
    response = service.client.post(DECISIONS, content=parts(GOOD.ljust(200_000)), headers=JSON)
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (DECISIONS, {"Authorization": ""}, 401),
        (DECISIONS, {"Content-Type": "text/plain"}, 415),
        ("/v1/nowhere", {}, 404),
        ("/v1/vocabulary", {}, 405),
    ],
)
def test_ten_megabytes_where_nobody_reads_them_still_get_their_answer(service: Service, path: str, headers: dict[str, str], status: int) -> None:
    for _ in range(3):
        assert service.post(b"x" * 10_000_000, path, headers).status_code == status
    service.answers()


def test_thousands_of_unknown_fields_are_refused_soon_and_briefly(service: Service) -> None:
    """At a millisecond for each this would take longer than the client waits."""
    body = json.dumps({"facts": {f"field_{number}x": 1 for number in range(40_000)}}).encode()
    assert len(body) < MIB
    response = service.post(body)
    *told, last = response.json()["errors"]
    assert (response.status_code, {error["code"] for error in told}) == (422, {"E401"})
    assert [error["pointer"] for error in told] == [f"/facts/field_{number}x" for number in range(len(told))]
    assert (last["code"], last["pointer"], last["detail"]) == ("E608", "", f"另有 {40_000 - len(told)} 处未逐一列出。")
    assert len(response.content) < 100_000
    service.answers()


@pytest.mark.parametrize(
    "body",
    [b'{"%b":1,"%b":2}' % (b"a" * 300_000, b"a" * 300_000), b'{"facts":{"%b":1}}' % (b"a" * 500_000), b'{"facts":{},"outcomes":["%b"]}' % (b"a" * 500_000)],
    ids=["a repeated key", "an unknown field", "an unknown outcome"],
)
def test_what_a_refusal_repeats_of_a_long_name_is_short(service: Service, body: bytes) -> None:
    response = service.post(body)
    assert response.status_code in (400, 422)
    assert len(response.content) < 10_000


# --- headers and addresses -----------------------------------------------------------------------------------------------------


OTHER_TYPES: Final = [
    "",
    ";",
    "json",
    "text/plain",
    "text/json",
    "application/xml",
    "application/jsonx",
    "application/json, text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
]


@pytest.mark.parametrize("content_type", OTHER_TYPES)
def test_a_body_of_another_type_is_refused(service: Service, content_type: str) -> None:
    for language, detail in (("zh", "请以 Content-Type: application/json 发送请求体。"), ("en", "Send the body as Content-Type: application/json.")):
        check(service.post(GOOD, headers={"Content-Type": content_type, "Accept-Language": language}), 415, "E624", "", detail)
    service.answers()


def test_a_body_without_a_type_is_refused(service: Service) -> None:
    request = service.client.build_request("POST", DECISIONS, content=GOOD)
    assert "Content-Type" not in request.headers
    assert service.client.send(request).status_code == 415


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8", "application/json; x=y"])
def test_json_by_any_spelling_of_its_type_is_read(service: Service, content_type: str) -> None:
    assert service.post(GOOD, headers={"Content-Type": content_type}).status_code == 200


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Basic dXNlcjpwYXNz", KEY, f"Token {KEY}", f"Bearer{KEY}"])
def test_a_request_without_a_key_is_refused_and_told_how_to_send_one(service: Service, authorization: str | None) -> None:
    for language, detail in (
        ("zh", "请登录，或在 Authorization 头中提供 Bearer 密钥。"),
        ("en", "Sign in, or send an API key: Authorization: Bearer <key>."),
    ):
        request = service.client.build_request("POST", DECISIONS, content=GOOD, headers={**JSON, "Accept-Language": language})
        del request.headers["Authorization"]
        if authorization is not None:
            request.headers["Authorization"] = authorization
        response = service.client.send(request)
        check(response, 401, "E610", "", detail)
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="zhunsheng"'
    service.answers()


@pytest.mark.parametrize(
    "key",
    [
        "x",
        KEY[:-1],
        KEY + "x",
        KEY.upper(),
        f"{KEY} {KEY}",
        f"{KEY},{KEY}",
        f'"{KEY}"',
        "k" * 7_000,
        "钥匙".encode(),
        b"\xff\xfe",
        "'; drop table keys; --",
        "\\x00",
    ],
    ids=lambda key: repr(key)[:30],
)
def test_a_wrong_key_is_refused_and_not_repeated(service: Service, key: str | bytes) -> None:
    sent = key.encode() if isinstance(key, str) else key
    for language, detail in ((b"zh", "这个密钥不存在或已停用。"), (b"en", "This key does not exist or is no longer valid.")):
        headers = {b"Authorization": b"Bearer " + sent, b"Content-Type": b"application/json", b"Accept-Language": language}
        response = service.client.post(DECISIONS, content=GOOD, headers=headers)
        check(response, 401, "E611", "", detail)
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="zhunsheng"'
        assert KEY not in response.text
    service.answers()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_word_bearer_may_be_written_in_any_case(service: Service, scheme: str) -> None:
    assert service.post(GOOD, headers={"Authorization": f"{scheme} {KEY}"}).status_code == 200


def test_a_key_anywhere_but_in_its_header_is_no_key(service: Service) -> None:
    for path, headers in (
        (f"{DECISIONS}?key={KEY}&access_token={KEY}", {}),
        (DECISIONS, {"X-API-Key": KEY}),
        (DECISIONS, {"Cookie": f"Authorization=Bearer {KEY}"}),
        (DECISIONS, {"Proxy-Authorization": f"Bearer {KEY}"}),
        (DECISIONS, {"HTTP_AUTHORIZATION": f"Bearer {KEY}"}),
    ):
        assert service.post(GOOD, path, {**headers, "Authorization": ""}).status_code == 401


_RULESETS = (
    "aml-review-cycle, complaint-handling, credit-limit, credit-rating, customer-lifecycle, customer-segmentation, loan-classification, loan-pricing, "
    "maintenance-responsibility, relationship-effectiveness, risk-warning, service-privileges, target-customer-routing, vip-membership, visit-plan"
)


@pytest.mark.parametrize("suffix", ["", "/decisions"])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("no-such", "no-such"),
        ("Loan-Pricing", "Loan-Pricing"),
        ("%E8%B4%B7%E6%AC%BE", "贷款"),
        ("a%20b", "a b"),
        ("x" * 3_000, "x" * 60),
        ("%7Bcode%7D", "{code}"),
        ("__class__", "__class__"),
    ],
)
def test_an_unknown_ruleset_is_refused_with_those_that_there_are(service: Service, name: str, told: str, suffix: str) -> None:
    details = {
        "zh": f"没有名为「{told}」的规则集。可用：{_RULESETS}。",
        "en": f"There is no ruleset “{told}”. Available: {_RULESETS}.",
    }
    for language, detail in details.items():
        path, headers = f"/v1/rulesets/{name}{suffix}", {"Accept-Language": language}
        check(service.post(GOOD, path, headers) if suffix else service.get(path, headers), 404, "E621", "", detail)
    service.answers()


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/v1", "/v1/", "/v2/decisions", "/v1/decisions/", "/v1/Decisions", "/api/__init__.py", "/static/x", "/.env", "/v1/%2e%2e/wsgi.py", "/{0}", "/%s%n", "/v1/rulesets/loan-pricing%00"],
)  # fmt: skip
def test_an_unknown_address_is_refused(service: Service, path: str) -> None:
    raw = httpx.URL(path).path
    for language, start in (("zh", "这里没有 "), ("en", "There is nothing at ")):
        response = service.get(path, {"Accept-Language": language})
        problem = response.json()
        assert (response.status_code, problem["code"]) == (404, "E620"), response.text
        assert problem["detail"].startswith(start)
        assert problem["detail"].removeprefix(start).rstrip("。.") == raw.rstrip(".")
    service.answers()


def test_an_address_is_repeated_only_so_far(service: Service) -> None:
    assert len(service.get("/" + "x" * 3_000).content) < 1_000


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", DECISIONS, "GET, HEAD, OPTIONS, POST"),
        ("DELETE", DECISIONS, "GET, HEAD, OPTIONS, POST"),
        ("GET", "/v1/try", "OPTIONS, POST"),
        ("POST", "/v1/decisions/1", "GET, HEAD, OPTIONS"),
        ("PATCH", "/v1/rulesets/loan-pricing/decisions", "OPTIONS, POST"),
        ("TRACE", DECISIONS, "GET, HEAD, OPTIONS, POST"),
        ("PUT", "/v1/rulesets", "GET, HEAD, OPTIONS, POST"),
        ("POST", "/v1/vocabulary", "GET, HEAD, OPTIONS"),
        ("DELETE", "/v1/rulesets/loan-pricing", "GET, HEAD, OPTIONS"),
        ("POST", "/healthz", "GET, HEAD, OPTIONS"),
        ("POST", "/readyz", "GET, HEAD, OPTIONS"),
        ("BREW", DECISIONS, "GET, HEAD, OPTIONS, POST"),
    ],
)
def test_a_method_that_is_not_there_is_refused_with_those_that_are(service: Service, method: str, path: str, allowed: str) -> None:
    for language, detail in (("zh", f"{path} 不接受 {method}。"), ("en", f"{path} does not accept {method}.")):
        response = service.client.request(method, path, headers={"Accept-Language": language})
        check(response, 405, "E622", "", detail)
        assert response.headers["Allow"] == allowed
    service.answers()
