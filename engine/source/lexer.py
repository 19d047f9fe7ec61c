"""Where are the words, numbers, dates and marks in what was typed?

Full-width digits and marks, bank notation (``100万``, ``5%``, ``30BP``), Chinese and ISO dates, labels of fields and
choices (longest match, so labels may hold blanks and marks) all become tokens that know their place in characters.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Inexact
from typing import Final

from engine.source.keywords import FOLDED_MARKS, FUNCTION_WORDS, MULTIPLIERS, OPERATORS, QUOTES, UNITS, WORDS
from engine.source.syntax import Constant, Quantity
from engine.values import EXACT, impossible_date

MAX_CHARACTERS: Final = 2000
MAX_DEPTH: Final = 30

_ISO: Final = re.compile(r"(\d{4})([-/])(\d{1,2})\2(\d{1,2})(?!\d)", re.ASCII)
_CHINESE_DATE: Final = re.compile(r"(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*[日号]", re.ASCII)
_GROUPED: Final = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?(?![\d,])", re.ASCII)
_NUMBER: Final = re.compile(r"\d+(\.\d+)?", re.ASCII)
_AMOUNT: Final = re.compile(rf"-?\d[\d.,]*\s*({'|'.join(MULTIPLIERS)})?\s*({'|'.join(UNITS)})?", re.ASCII)
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[^\W\d_](?:(?!的)\w)*")
_SUFFIXES: Final = sorted(UNITS, key=len, reverse=True)
_SIZES: Final = sorted(MULTIPLIERS, key=len, reverse=True)


_OPENING: Final = frozenset({"LPAR", "LBRACKET", "IF", "SOME", "EVERY", "FOR", "POWER"})


class Unreadable(Exception):
    """A place in the text that cannot be read; becomes a located finding."""

    def __init__(self, code: str, start: int, end: int, /, **parameters: object) -> None:
        self.code, self.start, self.end, self.parameters = code, start, end, parameters
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Lexeme:
    """One token: its grammar ``kind``, its meaning, and its place in characters."""

    kind: str
    value: Constant | Quantity
    start: int
    end: int


_FOLDING: Final = str.maketrans({chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | FOLDED_MARKS)


def _reads_otherwise(spelling: str) -> bool:
    """Whether a label is itself a keyword or an amount; such a choice must be written in quotes."""
    return spelling in WORDS or bool(_AMOUNT.fullmatch(spelling))


def fold(text: str) -> str:
    """Map full-width characters and marks to their plain form, one character to one character."""
    return text.translate(_FOLDING)


class Lexicon:
    """The names that may stand in a text: a folded spelling → the kind of name it is (``FIELD`` or ``CHOICE``)."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self.labels = {fold(spelling): kind for spelling, kind in labels.items() if not _reads_otherwise(fold(spelling))}
        self.trees: dict[tuple[str, str], object] = {}
        self.by_first: dict[str, list[str]] = {}
        for spelling in sorted({*self.labels, *WORDS, *FUNCTION_WORDS}, key=lambda word: (-len(word), word)):
            self.by_first.setdefault(spelling[:1], []).append(spelling)

    def lex(self, text: str) -> list[Lexeme]:
        """Split ``text`` into lexemes. Raises ``Unreadable``."""
        if len(text) > MAX_CHARACTERS:
            raise Unreadable("E214", 0, len(text), limit=MAX_CHARACTERS, depth=MAX_DEPTH)
        lexemes = list(_Scanner(text, self).scan())
        _check_depth(lexemes)
        return lexemes


def _check_depth(lexemes: list[Lexeme]) -> None:
    depth = 0
    for lexeme in lexemes:
        depth += (lexeme.kind in _OPENING) - (lexeme.kind in ("RPAR", "RBRACKET"))
        if depth > MAX_DEPTH:
            raise Unreadable("E214", lexeme.start, lexeme.end, limit=MAX_CHARACTERS, depth=MAX_DEPTH)


class _Scanner:
    def __init__(self, text: str, lexicon: Lexicon) -> None:
        self.original = text
        self.text = fold(text)
        self.labels = lexicon.labels
        self.by_first = lexicon.by_first

    def scan(self) -> Iterator[Lexeme]:
        at = 0
        while at < len(self.text):
            if self.text[at].isspace():
                at += 1
                continue
            lexeme = self._next(at)
            yield lexeme
            at = lexeme.end

    def _next(self, at: int) -> Lexeme:
        return self._quoted(at) or self._label(at) or self._date(at) or self._number(at) or self._operator(at) or self._word(at) or self._stuck(at)

    def _stuck(self, at: int) -> Lexeme:
        found = self.original[at]
        raise Unreadable("E201", at, at + 1, found_zh=found, found_en=found, expected_zh="数字、名称或运算符", expected_en="a number, a name or an operator")

    def _quoted(self, at: int) -> Lexeme | None:
        dated = self.text[at] == "@"
        opening = at + dated
        if opening >= len(self.original) or self.original[opening] not in QUOTES:
            return None
        closing = QUOTES[self.original[opening]]
        end, characters = opening + 1, []
        while end < len(self.original) and self.original[end] != closing:
            end += self.original[end] == "\\" and end + 1 < len(self.original)
            characters.append(self.original[end])
            end += 1
        if end >= len(self.original):
            found = self.original[at:]
            raise Unreadable("E201", at, end, found_zh=found, found_en=found, expected_zh="结束的引号", expected_en="the closing quote")
        return Lexeme("AT" if dated else "STRING", "".join(characters), at, end + 1)

    def _label(self, at: int) -> Lexeme | None:
        for spelling in self.by_first.get(self.text[at], ()):
            end = at + len(spelling)
            if self.text.startswith(spelling, at) and _whole_word(self.text, at, end):
                if spelling in self.labels:
                    return Lexeme(self.labels[spelling], spelling, at, end)
                if spelling in FUNCTION_WORDS:
                    if self.text[end:].lstrip().startswith("("):
                        return Lexeme("NAME", FUNCTION_WORDS[spelling], at, end)
                    continue
                return Lexeme(WORDS[spelling], spelling, at, end)
        return None

    def _date(self, at: int) -> Lexeme | None:
        if match := _ISO.match(self.text, at):
            parts = match[1], match[3], match[4]
        elif match := _CHINESE_DATE.match(self.text, at):
            parts = match[1], match[2], match[3]
        else:
            return None
        return Lexeme("DATE", day(*parts, start=at, end=match.end(), found=self.original[at : match.end()]), at, match.end())

    def _number(self, at: int) -> Lexeme | None:
        match = _NUMBER.match(self.text, at)
        if not match:
            return None
        if grouped := _GROUPED.match(self.text, at):
            found = self.original[at : grouped.end()]
            joined, spaced = grouped[0].replace(",", ""), grouped[0].replace(",", ", ")
            raise Unreadable("E210", at, grouped.end(), found=found, joined=joined, spaced=spaced)
        end = match.end()
        sized = self._skip_blanks(end)
        size = next((size for size in _SIZES if self.text.startswith(size, sized)), "")
        end = sized + len(size) if size else end
        try:
            number = EXACT.multiply(EXACT.create_decimal(match[0]), MULTIPLIERS.get(size, 1))
        except Inexact:
            raise Unreadable("E218", at, end, found=self.original[at:end]) from None
        after = self._skip_blanks(end)
        for unit in _SUFFIXES:
            if self.text.startswith(unit, after) and _whole_word(self.text, after, after + len(unit), left=False):
                end = after + len(unit)
                return Lexeme("QUANTITY", Quantity(number, UNITS[unit], (at, end)), at, end)
        return Lexeme("NUMBER", number, at, end)

    def _skip_blanks(self, at: int) -> int:
        while at < len(self.text) and self.text[at].isspace():
            at += 1
        return at

    def _operator(self, at: int) -> Lexeme | None:
        for spelling, kind in OPERATORS:
            if self.text.startswith(spelling, at):
                return Lexeme(kind, spelling, at, at + len(spelling))
        return None

    def _word(self, at: int) -> Lexeme | None:
        match = _WORD.match(self.text, at)
        return Lexeme("NAME", match[0], at, match.end()) if match else None


def _whole_word(text: str, start: int, end: int, *, left: bool = True) -> bool:
    """Latin words must not touch another Latin letter or digit; Chinese ones may stand anywhere."""
    before = left and start > 0 and _latin(text[start]) and _latin(text[start - 1])
    after = end < len(text) and _latin(text[end - 1]) and _latin(text[end])
    return not before and not after


def _latin(char: str) -> bool:
    return char.isascii() and (char.isalnum() or char == "_")


def day(year: str, month: str, date: str, *, start: int, end: int, found: str) -> datetime.date:
    """A calendar day; raises ``Unreadable`` (E205) that says why there is no such day."""
    try:
        return datetime.date(int(year), int(month), int(date))
    except ValueError:
        why = impossible_date(int(year), int(month), int(date))
        raise Unreadable("E205", start, end, found=found, why_zh=why.zh, why_en=why.en) from None
