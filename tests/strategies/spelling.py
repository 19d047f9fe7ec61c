"""How would the staff of a bank type what a document says in canonical form?

Every token of a cell or an expression is written in one of the ways that mean the same: full-width digits and marks, Chinese
words, labels for ids and choices, 万 and 亿, dates with 年月日.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from engine import Program, Table
from engine.datatypes import ChoiceType, Field, ListType, NumberType, RecordType, Type
from engine.program import Formula, outcome_item
from engine.source.check import Scope
from engine.source.lexer import Lexeme
from engine.source.syntax import Quantity
from engine.values import plain
from tests.strategies.pen import Pen

WORDS: Final[dict[str, tuple[str, ...]]] = {
    "GE": (">=", "≥", "≧", "＞＝", "=>", "大于等于", "大于或等于", "不小于", "不低于", "不少于", "至少"),
    "GT": (">", "＞", "大于", "超过", "高于", "多于"),
    "LE": ("<=", "≤", "⩽", "＜＝", "=<", "小于等于", "不大于", "不超过", "不高于", "至多", "最多"),
    "LT": ("<", "＜", "小于", "低于", "不满", "少于", "不足"),
    "NE": ("!=", "≠", "<>", "！＝", "不等于"),
    "EQ": ("=", "＝", "==", "等于"),
    "IF": ("if", "如果"),
    "THEN": ("then", "那么", "则"),
    "ELSE": ("else", "否则"),
    "AND": ("and", "且", "并且"),
    "OR": ("or", "或", "或者"),
    "NOT": ("not", "非", "不是"),
    "IN": ("in", "属于"),
    "SOME": ("some", "存在"),
    "EVERY": ("every", "每个"),
    "SATISFIES": ("satisfies", "满足"),
    "FOR": ("for", "对于"),
    "RETURN": ("return", "得到"),
    "NULL": ("null", "空", "缺失", "为空"),
    "TRUE": ("true", "是", "TRUE"),
    "FALSE": ("false", "否", "False"),
    "MINUS": ("-", "－", "−", "–"),
    "PLUS": ("+", "＋"),
    "TIMES": ("*", "×", "＊"),
    "DIVIDE": ("/", "÷", "／"),
    "POWER": ("**", "＊＊"),
    "LPAR": ("(", "（"),
    "RPAR": (")", "）"),
    "LBRACKET": ("[", "【", "［"),
    "RBRACKET": ("]", "】", "］"),
    "RANGE": ("..", "…", "．．"),
    "COMMA": (", ", "，", "、", "；"),
    "DOT": (".", "的"),
}  # fmt: skip
"""Token → what may be typed for it, the canonical spelling first."""
ANYTHING: Final = ("-", "－", "—", "任意", "不限", "任何")
QUOTES: Final = ('"', '"'), ("“", "”"), ("「", "」"), ("『", "』"), ("＂", "＂")
PARTS: Final = {"year": "年", "month": "月", "day": "日", "days": "天数", "years": "年数", "months": "月数"}
FUNCTIONS: Final[dict[str, tuple[str, ...]]] = {
    "min": ("min", "最小值"),
    "max": ("max", "最大值"),
    "sum": ("sum", "求和", "合计"),
    "count": ("count", "计数", "个数"),
    "mean": ("mean", "平均值"),
    "abs": ("abs", "绝对值"),
    "floor": ("floor", "向下取整"),
    "ceiling": ("ceiling", "向上取整"),
    "round": ("round", "四舍五入"),
    "contains": ("contains", "包含"),
    "starts with": ("starts with", "开头是"),
    "ends with": ("ends with", "结尾是"),
}
SIZES: Final = {"": 0, "百": 2, "千": 3, "万": 4, "十万": 5, "百万": 6, "千万": 7, "亿": 8, "十亿": 9, "百亿": 10, "千亿": 11, "万亿": 12}
"""Word → its power of ten."""
COMPARATORS: Final = frozenset({"GE", "GT", "LE", "LT", "EQ", "NE"})
_FULL: Final = str.maketrans("0123456789.", "０１２３４５６７８９．")
_WORD: Final = re.compile(r"[^\W\d]\w*")
_LATIN: Final = re.compile(r"[A-Za-z0-9_]")


@dataclass(frozen=True)
class Speller:
    """Respells the documents of a program; ``often`` says how many of the tokens change, as one in so many stay."""

    pen: Pen
    program: Program

    def document(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document as somebody may have typed it."""
        ruleset = self.program.ruleset(document["ruleset"])
        productions = {production.id: production for production in ruleset.productions}
        scope = Scope({key: known for key, known in self.program.fields.items() if known.owner in ("", ruleset.id)})
        typist = _Typist(self.pen, scope)
        tables = [typist.table(table, data, self.program) for data in document.get("tables", []) if isinstance(table := productions[data["id"]], Table)]
        formulas = [
            typist.formula(formula, data, self.program)
            for data in document.get("formulas", [])
            if isinstance(formula := productions[scope.fields[_key(data["outcome"], scope)].id], Formula)
        ]
        return {**document, "tables": tables, "formulas": formulas}

    def facts(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Facts with labels for the ids of fields and the codes of choices."""
        fields = self.program.vocabulary.fields
        return {self.pen.pick((name, fields[name].label.zh, fields[name].label.en)): self.labelled(value, fields[name].type) for name, value in facts.items()}

    def labelled(self, value: Any, type_: Type) -> Any:
        match type_, value:
            case ChoiceType(), str():
                label = type_.label(value)
                return self.pen.pick((value, label.zh, label.en))
            case ListType(ChoiceType() as item), list():
                return [self.labelled(one, item) for one in value]
            case _:
                return value


def _key(spelling: str, scope: Scope) -> str:
    known = scope.find(spelling)
    assert known is not None
    return known.key


@dataclass(frozen=True)
class _Typist:
    """Types the tables and formulas of one ruleset."""

    pen: Pen
    scope: Scope

    # --- documents ------------------------------------------------------------------------------------------------------

    def table(self, table: Table, data: Mapping[str, Any], program: Program) -> dict[str, Any]:
        names = {name: self.identifier(program.fields[key]) for name, key in zip(data["outputs"], table.gives, strict=True)}
        types = [outcome_item(program.fields[key].type, table.policy) for key in table.gives]
        rows = [
            {
                **row,
                "when": [self.cell(text, column.type) for text, column in zip(row["when"], table.columns, strict=True)],
                "then": [self.result(text, type_) for text, type_ in zip(row["then"], types, strict=True)],
            }
            for row in data["rows"]
        ]
        default = {names[name]: self.result(text, program.fields[_key(name, self.scope)].type) for name, text in data.get("default", {}).items()}
        return {**data, "inputs": [self.column(column) for column in data["inputs"]], "outputs": list(names.values()), "rows": rows, "default": default}

    def formula(self, formula: Formula, data: Mapping[str, Any], program: Program) -> dict[str, Any]:
        outcome = program.fields[formula.gives[0]]
        return {**data, "outcome": self.identifier(outcome), "expression": self.result(data["expression"], outcome.type)}

    def column(self, column: Any) -> Any:
        if isinstance(column, str):
            return self.pen.pick(_names(self.scope.fields[_key(column, self.scope)]))
        return {**column, "expression": self.expression(column["expression"])}

    def identifier(self, known: Field) -> str:
        """A name that may stand where documents take ids: the id, or a label without blanks and marks."""
        return self.pen.pick([name for name in _names(known) if _WORD.fullmatch(name)])

    # --- texts ----------------------------------------------------------------------------------------------------------

    def cell(self, text: str, type_: Type) -> str:
        """A condition cell of a column of ``type_``."""
        if text == "-":
            return self.pen.pick(ANYTHING)
        lexemes = self.scope.lexicon.lex(text)
        return self.written([piece for test in self.tests(lexemes) for piece in self.test(test, type_)])

    def result(self, text: str, type_: Type) -> str:
        """An output cell or formula for an outcome of ``type_``."""
        lexemes = self.scope.lexicon.lex(text)
        if [lexeme.kind for lexeme in lexemes] in (["STRING"], ["NUMBER"], ["MINUS", "NUMBER"]):
            return self.written([self.token(lexeme, type_) for lexeme in lexemes])
        return self.expression(text)

    def expression(self, text: str) -> str:
        return self.written(self.tokens(self.scope.lexicon.lex(text)))

    # --- cells ----------------------------------------------------------------------------------------------------------

    @staticmethod
    def tests(lexemes: Sequence[Lexeme]) -> Iterator[list[Lexeme]]:
        """The tests of a cell with the commas and brackets of ``not`` between them."""
        test: list[Lexeme] = []
        depth = 0
        for before, lexeme in zip([None, *lexemes], lexemes, strict=False):
            opens_not = lexeme.kind == "LPAR" and before is not None and before.kind == "NOT"
            closes_not = lexeme.kind == "RPAR" and not test
            if lexeme.kind in ("COMMA", "NOT") or opens_not or closes_not or (lexeme.kind == "RPAR" and depth and test[0].kind not in ("LPAR", "LBRACKET")):
                if test:
                    yield test
                yield [lexeme]
                depth += opens_not - (lexeme.kind == "RPAR")
                test = []
            else:
                test.append(lexeme)
                if lexeme.kind in ("RBRACKET", "RPAR"):
                    yield test
                    test = []
        if test:
            yield test

    def test(self, lexemes: Sequence[Lexeme], type_: Type) -> list[str]:
        """One comparison or range, with the words that stand after a value: 以上, 以下, 至."""
        kinds = [lexeme.kind for lexeme in lexemes]
        if kinds == ["COMMA"]:
            return [self.pen.pick((*WORDS["COMMA"], "或", " or "))]
        ends = [[]] if not lexemes else _operands(lexemes)
        if kinds[:1] == ["GE"] and self.pen.chance(3):
            return [*self.typed(ends[0], type_), "以上"]
        if kinds[:1] == ["LE"] and self.pen.chance(3):
            return [*self.typed(ends[0], type_), self.pen.pick(("以下", "以内"))]
        if (kinds[0], kinds[-1]) == ("LBRACKET", "RBRACKET") and self.pen.chance(2):
            return [*self.typed(ends[0], type_), self.pen.pick(("至", "到", "~", "～")), *self.typed(ends[1], type_)]
        if len(ends) == 1 and kinds[0] not in COMPARATORS and kinds[0] not in ("NULL", "COMMA", "NOT", "LPAR", "RPAR") and self.pen.chance(4):
            return [self.pen.pick(WORDS["EQ"]), *self.typed(ends[0], type_)]
        return self.typed(lexemes, type_)

    def typed(self, lexemes: Sequence[Lexeme], type_: Type) -> list[str]:
        return [self.token(lexeme, type_) for lexeme in lexemes]

    # --- tokens -----------------------------------------------------------------------------------------------------------

    def tokens(self, lexemes: Sequence[Lexeme]) -> list[str]:
        """The tokens of an expression; a choice is known by the field it is compared with."""
        words: list[str] = []
        guide: Type | None = None
        for n, lexeme in enumerate(lexemes):
            before = lexemes[n - 1].kind if n else ""
            after = lexemes[n + 1].kind if n + 1 < len(lexemes) else ""
            compared = before in COMPARATORS and n >= 2 and lexemes[n - 2].kind == "FIELD" and (n < 3 or lexemes[n - 3].kind not in ("DOT", "LBRACKET"))
            guide = self.scope.fields[_key(str(lexemes[n - 2].value), self.scope)].type if compared else None
            member = before == "DOT"
            if lexeme.kind == "NAME" and after == "LPAR" and not member:
                words.append(self.pen.pick(FUNCTIONS.get(str(lexeme.value), (str(lexeme.value),))))
            elif member:
                words.append(self.member(str(lexeme.value)))
            elif lexeme.kind == "DOT" and after == "NAME":
                words.append(self.pen.pick(WORDS["DOT"]))
            else:
                words.append(self.token(lexeme, guide if isinstance(guide, ChoiceType) else None))
        return words

    def member(self, name: str) -> str:
        if name in PARTS:
            return self.pen.pick((name, PARTS[name]))
        for known in self.scope.fields.values():
            record = known.type.item if isinstance(known.type, ListType) else known.type
            found = record.member(name) if isinstance(record, RecordType) else None
            if found:
                return self.pen.pick((found.id, found.label.zh, found.label.en))
        return name

    def token(self, lexeme: Lexeme, type_: Type | None) -> str:
        """One token; ``type_`` is that of the column or outcome it stands for, when there is one."""
        match lexeme.kind, lexeme.value:
            case "NUMBER", Decimal() as number:
                return self.number(number, type_)
            case "QUANTITY", Quantity(number, unit):
                return plain(number) + unit
            case "STRING", str() as text:
                return self.text(text, type_)
            case "AT", str() as text:
                return self.moment(text)
            case "FIELD", str() as name:
                return self.pen.pick(_names(self.scope.fields[_key(name, self.scope)]))
            case kind, _ if kind in WORDS:
                return self.pen.pick(WORDS[kind])
            case _:
                return str(lexeme.value)

    def number(self, number: Decimal, type_: Type | None) -> str:
        """Plain, in 万 or 亿, in full-width digits, with the unit of its column."""
        size = self.pen.pick(("", "", *SIZES))
        text = plain(number.scaleb(-SIZES[size])) + size
        unit = type_.unit if isinstance(type_, NumberType) and "/" not in type_.unit else ""
        if unit and self.pen.chance(2):
            text += unit
        return text.translate(_FULL) if self.pen.chance(3) else text

    def text(self, text: str, type_: Type | None) -> str:
        """In quotes of any kind; a choice by its code or label, with or without quotes."""
        if isinstance(type_, ChoiceType) and self.pen.chance(2):
            label = type_.label(text)
            return self.pen.pick((label.zh, label.zh, label.en, text))
        if isinstance(type_, ChoiceType):
            text = self.pen.pick((text, type_.label(text).zh))
        opening, closing = self.pen.pick(QUOTES)
        return opening + re.sub(rf"([\\{closing}])", r"\\\1", text) + closing

    def moment(self, text: str) -> str:
        """A date in numbers or with 年月日; a duration as it is."""
        canonical = f'@"{text}"'
        if text.lstrip("-").startswith("P"):
            return canonical
        day = datetime.date.fromisoformat(text)
        year = f"{day.year:04}"
        shown = (canonical, text, f"{year}/{day.month}/{day.day}", f"{year}年{day.month}月{day.day}日", f"{year} 年 {day.month:02} 月 {day.day:02} 号")
        return self.pen.pick(shown)

    def written(self, words: Sequence[str]) -> str:
        """The words in one text, with blanks between most of them, and wherever they would run together."""
        text = ""
        for word in words:
            touching = text and word and _runs_together(text, word)
            text += (self.pen.pick((" ", "\u3000")) if touching or self.pen.chance(2) else "") + word
        return self.pen.pick(("", " ")) + text


def _names(known: Field) -> tuple[str, str, str]:
    return known.id, known.label.zh, known.label.en


def _operands(lexemes: Sequence[Lexeme]) -> list[list[Lexeme]]:
    """The one or two values of a test."""
    ends: list[list[Lexeme]] = [[]]
    for lexeme in lexemes:
        if lexeme.kind == "RANGE":
            ends.append([])
        elif lexeme.kind not in COMPARATORS | {"LBRACKET", "RBRACKET", "LPAR", "RPAR"}:
            ends[-1].append(lexeme)
    return ends


def _runs_together(text: str, word: str) -> bool:
    """Whether two words would be read as one, or as another one, without a blank between them."""
    left, right = text[-1], word[0]
    names = (left.isalnum() or left == "_") and (right.isalnum() or right == "_")
    digits = left in ",，、；" and (right.isdigit() or right in "-－−–")
    marks = not left.isalnum() and not right.isalnum() and left not in ")）]】］ \u3000" and right not in "(（[【［"
    return bool(names or digits or marks or (_LATIN.match(left) and right == "."))
