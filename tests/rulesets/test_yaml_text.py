"""Is YAML read exactly, and refused with its place where it means something else than it seems?"""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Diagnostic, DocumentError
from rulesets.yaml_text import dump_yaml, load_yaml

SCALARS: Final[dict[str, Any]] = {
    # numbers are exact
    "0.1": Decimal("0.1"),
    "1.10": Decimal("1.10"),
    "-0.30": Decimal("-0.30"),
    "12345678901234567890.123456789": Decimal("12345678901234567890.123456789"),
    "100": 100,
    "-7": -7,
    "0": 0,
    "123456789012345678901234567890": 123456789012345678901234567890,
    # what only resembles a number is text
    "1e5": "1e5",
    "1_000": "1_000",
    "0x10": "0x10",
    "0o7": "0o7",
    "012": "012",
    "+1": "+1",
    ".5": ".5",
    "5.": "5.",
    ".inf": ".inf",
    ".nan": ".nan",
    "1:30": "1:30",
    "12:30:45": "12:30:45",
    "100万": "100万",
    "5%": "5%",
    "０": "０",
    # dates stay text
    "2024-09-30": "2024-09-30",
    "2024-09-30 10:00:00": "2024-09-30 10:00:00",
    "2024-09-30T10:00:00Z": "2024-09-30T10:00:00Z",
    # Norway, and every other word that YAML 1.1 took for a truth
    "no": "no",
    "NO": "NO",
    "yes": "yes",
    "on": "on",
    "Off": "Off",
    "y": "y",
    "True": "True",
    "FALSE": "FALSE",
    "Null": "Null",
    "true": True,
    "false": False,
    "null": None,
    "~": None,
    "": None,
    # nor is there merging
    "=": "=",
    "<<": "<<",
}


def fault(text: str) -> Diagnostic:
    """The one finding for a text that cannot be read."""
    with pytest.raises(DocumentError) as caught:
        load_yaml(text, "folder/file.yaml")
    (finding,) = caught.value.diagnostics
    assert finding.code == "E101"
    assert finding.location.document == "folder/file.yaml"
    return finding


# --- what is read --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", SCALARS)
def test_a_plain_word_is_read_as_just_what_it_says(written: str) -> None:
    (found,) = load_yaml(f"key: {written}", "file").values()
    assert found == SCALARS[written]
    assert type(found) is type(SCALARS[written])


def test_a_number_keeps_its_zeros() -> None:
    assert str(load_yaml("rate: 4.350", "file")["rate"]) == "4.350"


def test_a_quoted_word_is_text_whatever_it_looks_like() -> None:
    assert load_yaml("""{a: '1', b: "true", c: 'null', d: "0.5"}""", "file") == {"a": "1", "b": "true", "c": "null", "d": "0.5"}


def test_a_key_may_be_any_word_and_is_no_truth() -> None:
    assert load_yaml("no: 1\non: 2\n中文: 3\n", "file") == {"no": 1, "on": 2, "中文": 3}


def test_merging_is_not_a_thing() -> None:
    assert load_yaml("a: {<<: {b: 1}}", "file") == {"a": {"<<": {"b": 1}}}


def test_blocks_and_line_ends_of_other_systems_are_read() -> None:
    assert load_yaml("a: |\r\n  x\r\n  y\r\nb: >\r\n  x\r\n  y\r\n", "file") == {"a": "x\ny\n", "b": "x y\n"}


def test_a_byte_order_mark_is_no_text() -> None:
    assert load_yaml("\ufeffa: 1", "file") == {"a": 1}


@pytest.mark.parametrize("text", ["", "# only a remark\n", "---\n"])
def test_a_file_without_content_is_read_as_nothing(text: str) -> None:
    assert load_yaml(text, "file") is None


# --- what is refused, and where ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line", "shown", "start"),
    [
        ("a: 1\na: 2\n", 2, "a: 2", 0),
        ("a: {b: 1, b: 2}\n", 1, "a: {b: 1, b: 2}", 10),
        ("a:\n  - b: 1\n    c: 2\n    b: 3\n", 4, "    b: 3", 4),
        ("'a': 1\n\"a\": 2\n", 2, '"a": 2', 0),
        ("年: 1\n年: 2\n", 2, "年: 2", 0),
        ("1: a\n1: b\n", 2, "1: b", 0),
    ],
)
def test_a_repeated_key_is_refused_at_its_second_place(text: str, line: int, shown: str, start: int) -> None:
    place = fault(text).location
    assert (place.line, place.text, place.start) == (line, shown, start)
    assert "两次" in fault(text).render("zh")
    assert "repeated" in fault(text).render("en")


@pytest.mark.parametrize("text", ["a: &x 1\n", "a: &x 1\nb: *x\n", "a: &x {b: 1}\nc: *x\n", "- &x [1]\n- *x\n", "a: *nowhere\n", "&x a: *x\n"])
def test_an_alias_is_refused(text: str) -> None:
    assert "&" in fault(text).render("zh") or "锚点" in fault(text).render("zh") or "*nowhere" in text


def test_a_small_file_that_would_grow_to_millions_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))]
    assert fault("\n".join(lines)).location.line == 1


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system [ls]",
        "a: !!python/name:os.system",
        "a: !own 1",
        "a: !!float 1.5",
        "a: !!int 0x1f",
        "a: !!bool yes",
        "a: !!str 1",
        "a: !!binary aGk=",
        "a: !!timestamp 2024-01-01",
        "a: !!set {b}",
        "a: !!omap [b: 1]",
        "a: !<tag:zhunsheng,2026:decimal> NaN",
        "a: !!int abc",
        "!!map {a: 1}",
    ],
)
def test_a_tag_is_refused_even_one_of_yamls_own(text: str) -> None:
    finding = fault(text)
    assert (finding.location.line, finding.location.text) == (1, text)
    assert "标签" in finding.render("zh")


@pytest.mark.parametrize("text", ["[a]: b", "{a: 1}: b", "? [a]\n: b", "? {a: 1}\n: b"])
def test_a_key_that_is_a_list_or_a_mapping_is_refused(text: str) -> None:
    assert fault(text).location.line == 1


def test_a_whole_number_beyond_all_measure_is_refused() -> None:
    assert fault("a: " + "9" * 5_000).location.line == 1


@pytest.mark.parametrize(
    ("text", "line", "start"),
    [
        ("a: [\n", 1, 4),
        ("a: 'x\n", 1, 3),
        ("a:\n\tb: 1\n", 2, 0),
        ("a: b: c\n", 1, 4),
        ("a: 1\n b: 2\n", 2, 2),
        ("rows:\n  - {id: r1, when: [>= 5]}\n", 2, 20),
        ("rate: 5 %\nother: % 5\n", 2, 7),
        ("a: @x\n", 1, 3),
    ],
)
def test_a_text_that_is_no_yaml_is_refused_with_line_and_column(text: str, line: int, start: int) -> None:
    place = fault(text).location
    assert (place.line, place.start, place.text) == (line, start, text.splitlines()[line - 1])
    assert place.end == place.start + 1


def test_a_second_document_in_one_file_is_refused() -> None:
    assert fault("a: 1\n---\nb: 2\n").location.line == 2


def test_a_control_character_is_refused() -> None:
    assert "Traceback" not in fault("a: \x00\n").render("en")


@pytest.mark.parametrize(
    "text", ["a: 1\na: 2\n", "a: &x 1\nb: *x\n", "a: !own 1\n", "a: [\n", "[a]: b\n", "a: b: c\n", "a: \x00\n", "a: @x\n", "a: 1\n---\nb: 2\n"]
)
def test_each_language_is_spoken_by_itself_and_without_python(text: str) -> None:
    chinese, english = (fault(text).message(language) for language in ("zh", "en"))
    assert not any(word.isascii() and word.isalpha() and len(word) > 4 for word in chinese.replace("YAML", "").split()), chinese
    assert not any("\u4e00" <= character <= "\u9fff" for character in english), english
    assert "Decimal" not in english
    assert "'str'" not in english


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{a: ", "}"), ("- ", "")])
def test_a_hundred_thousand_levels_are_refused_and_do_not_end_the_process(opening: str, closing: str) -> None:
    """In a process of its own: the composer of libyaml recurses on the C stack."""
    program = (
        "import sys\nfrom engine import DocumentError\nfrom rulesets.yaml_text import load_yaml\n"
        f"try:\n    load_yaml({opening!r} * 100_000 + {closing!r} * 100_000, 'file')\nexcept DocumentError as error:\n    sys.exit(error.diagnostics[0].code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "E101\n")


# --- writing -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["100", "1E+3", "-0", "4.74", "0.10", "1E-10", "-5", "0.0", "12345678901234567890"])
def test_a_decimal_is_written_as_a_plain_number_and_read_back_equal(number: str) -> None:
    written = dump_yaml({"rate": Decimal(number)})
    assert "!" not in written
    back = load_yaml(written, "file")["rate"]
    assert back == Decimal(number)
    assert not isinstance(back, float)


AWKWARD: Final = ["", " x ", "a\nb", "x: y", "# x", "- x", "[x]", "&x", "*x", "!x", "%x", "@x", "`x`", "'", '"', "\\", "\t", "\u2028", "\x85", "\x07", "😀"]


@pytest.mark.parametrize("text", [*filter(None, SCALARS), *AWKWARD])
def test_a_text_is_written_so_that_it_stays_text(text: str) -> None:
    assert load_yaml(dump_yaml({"key": text, text or "k": 1}), "file") == {"key": text, text or "k": 1}


def test_small_things_are_written_on_one_line_in_the_order_given() -> None:
    data = {"title": {"zh": "名称", "en": "name"}, "exports": ["b", "a"], "rows": [{"id": "r1", "when": ["-"]}], "none": None}
    assert dump_yaml(data) == "title: {zh: 名称, en: name}\nexports: [b, a]\nrows:\n  - id: r1\n    when: ['-']\nnone: null\n"


def test_the_same_object_twice_is_written_twice() -> None:
    title = {"zh": "名称"}
    assert dump_yaml([{"title": title}, {"title": title}]).count("名称") == 2


_texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
_scalars = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | _texts | st.decimals(allow_nan=False, allow_infinity=False, places=4)
_data = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4), max_leaves=12)


@given(data=_data)
def test_whatever_is_written_is_read_back_equal(data: Any) -> None:
    assert load_yaml(dump_yaml(data), "file") == data
