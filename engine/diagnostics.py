"""What was found, where, and how is it said to the author of a table?"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as default
from typing import Literal

from engine.codes import CODES

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Text:
    """A text in both languages."""

    zh: str
    en: str

    def in_(self, language: Language) -> str:
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, slots=True)
class Location:
    """A grid place: document, table (or formula), row, column or field, and characters ``start``–``end`` of ``text``.

    ``path`` is the place in the document as keys and positions, and gives the JSON pointer. ``line`` counts from 1.
    """

    document: str = ""
    path: tuple[str | int, ...] = ()
    part: Text | None = None
    row: str = ""
    row_number: int = 0
    column: Text | None = None
    field: Text | None = None
    line: int = 0
    text: str = ""
    start: int = 0
    end: int = 0

    @property
    def pointer(self) -> str:
        """RFC 6901 pointer of ``path``."""
        return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in self.path)

    def at(self, *steps: str | int) -> Location:
        return Location(
            self.document, (*self.path, *steps), self.part, self.row, self.row_number, self.column, self.field, self.line, self.text, self.start, self.end
        )

    def spanning(self, text: str, start: int, end: int) -> Location:
        return replace(self, text=text, start=start, end=end)

    def words(self, language: Language) -> str:
        """The place as a reader of the table would name it."""
        zh = language == "zh"
        steps = []
        if self.part:
            steps.append(f"「{self.part.zh}」" if zh else f"“{self.part.en}”")
        if self.row:
            steps.append(f"第 {self.row_number} 行（{self.row}）" if zh else f"row {self.row_number} ({self.row})")
        if self.column:
            steps.append(f"列「{self.column.zh}」" if zh else f"column “{self.column.en}”")
        if self.field:
            steps.append(f"字段「{self.field.zh}」" if zh else f"field “{self.field.en}”")
        if self.line:
            steps.append(f"第 {self.line} 行" if zh else f"line {self.line}")
        return " › ".join(steps) or " › ".join(str(step + 1) if isinstance(step, int) else step for step in self.path)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding: a code of ``CODES``, the parameters of its texts, and its place."""

    code: str
    location: Location = default(default_factory=Location)
    parameters: Mapping[str, object] = default(default_factory=dict)

    def title(self, language: Language) -> str:
        code = CODES[self.code]
        return code.title_zh if language == "zh" else code.title_en

    def message(self, language: Language) -> str:
        code = CODES[self.code]
        return (code.zh if language == "zh" else code.en).format_map(self.parameters).strip()

    def mend(self, language: Language) -> str:
        code = CODES[self.code]
        return (code.mend_zh if language == "zh" else code.mend_en).format_map(self.parameters)

    def render(self, language: Language) -> str:
        """Title, place, the offending characters underlined, message and mend: several lines of plain text."""
        place = self.location
        lines = [f"{self.code} {self.title(language)}" + (f"    {place.document}" if place.document else "")]
        if words := place.words(language):
            lines.append("    " + words)
        if place.text:
            lines.append("        " + place.text)
            lines.append("        " + _underline(place.text, place.start, place.end))
        lines.append("    " + self.message(language) + (" " if language == "en" else "") + self.mend(language))
        return "\n".join(lines)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _underline(text: str, start: int, end: int) -> str:
    return " " * _width(text[:start]) + "‾" * max(1, _width(text[start:end]))


def suggestion(found: str, candidates: Iterable[str]) -> dict[str, str]:
    """Parameters ``suggestion_zh`` and ``suggestion_en``: the nearest candidate, or nothing."""
    near = difflib.get_close_matches(found, list(candidates), n=1, cutoff=0.6)
    if not near:
        return {"suggestion_zh": "", "suggestion_en": ""}
    return {"suggestion_zh": f"是不是「{near[0]}」？", "suggestion_en": f"Did you mean “{near[0]}”?"}
