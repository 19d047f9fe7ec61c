"""Is every code's text whole: both languages, the same parameters, and sentences that end?"""

from __future__ import annotations

import re
from string import Formatter
from typing import Final

import pytest

from engine.codes import CODES, Code

_EVERY: Final = pytest.mark.parametrize("code", CODES.values(), ids=CODES)


def _parameters(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@_EVERY
def test_both_languages_say_the_same_things(code: Code) -> None:
    def neutral(text: str) -> set[str]:
        return {re.sub(r"_(zh|en)$", "", name) for name in _parameters(text)}

    assert neutral(code.zh) == neutral(code.en)


@_EVERY
def test_a_text_takes_parameters_of_its_own_language_only(code: Code) -> None:
    assert not [name for name in _parameters(code.zh + code.mend_zh) if name.endswith("_en")]
    assert not [name for name in _parameters(code.en + code.mend_en) if name.endswith("_zh")]


@_EVERY
def test_a_mend_needs_no_parameter_that_the_message_lacks_in_the_other_language(code: Code) -> None:
    zh, en = ({re.sub(r"_(zh|en)$", "", name) for name in _parameters(mend)} for mend in (code.mend_zh, code.mend_en))
    assert zh == en


@_EVERY
def test_messages_and_mends_are_sentences(code: Code) -> None:
    assert re.search(r"[。？}]$", code.zh)
    assert re.search(r"[.?}]$", code.en)
    assert re.search(r"[。？]$", code.mend_zh)
    assert re.search(r"[.?]$", code.mend_en)
    assert not re.search(r"[。.]$", code.title_zh + "|" + code.title_en)


@_EVERY
def test_a_code_names_its_family(code: Code) -> None:
    assert re.fullmatch(r"E[1-5]\d\d|[EWI]7\d\d", code.id)


@_EVERY
def test_chinese_has_chinese_and_english_has_none(code: Code) -> None:
    assert re.search("[一-鿿]", code.title_zh)
    assert re.search("[一-鿿]", code.zh)
    assert not re.search("[一-鿿]", code.title_en + code.en + code.mend_en)
