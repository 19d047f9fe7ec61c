"""How does the text of a cell or of a formula become a syntax tree?"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, cast

from lark import Lark, Token, Transformer, UnexpectedInput, v_args
from lark.exceptions import UnexpectedToken, VisitError
from lark.lexer import Lexer
from lark.tree import Meta

from engine.source.lexer import Lexeme, Lexicon, Unreadable, day
from engine.source.syntax import (
    AnyOf,
    Anything,
    Arithmetic,
    ArithmeticOperator,
    Call,
    Compare,
    Comparison,
    ComparisonOperator,
    Conditional,
    Constant,
    Element,
    Expression,
    Filter,
    Interval,
    Inverse,
    Iteration,
    Junction,
    ListOf,
    Literal_,
    MemberOf,
    Membership,
    Name,
    Negation,
    NoneOf,
    Quantified,
    Quantity,
    Span,
    Test,
)
from engine.values import CONTEXT, Months

_COMPARATORS: Final[dict[str, ComparisonOperator]] = {"GE": ">=", "GT": ">", "LE": "<=", "LT": "<", "EQ": "=", "NE": "!="}
_EXPECTED: Final[dict[str, tuple[str, str]]] = {
    "NUMBER": ("数字", "a number"), "STRING": ("加引号的文字", "text in quotes"), "FIELD": ("字段名称", "a field"),
    "CHOICE": ("取值", "a choice"), "DATE": ("日期", "a date"), "_COMMA": ("逗号", "a comma"), "_RPAR": ("右括号", "a closing bracket"),
    "_RBRACKET": ("右方括号", "a closing bracket"), "_RANGE": ("..", ".."), "$END": ("结束", "the end"), "_THEN": ("then(那么)", "then"),
    "_ELSE": ("else(否则)", "else"), "_LPAR": ("左括号", "an opening bracket"), "_AND": ("and(且)", "and"), "_IN": ("in(属于)", "in"),
    "_SATISFIES": ("satisfies(满足)", "satisfies"), "_RETURN": ("return(得到)", "return"), "GE": ("比较符", "a comparison"), "_PLUS": ("运算符", "an operator"),
}  # fmt: skip
_DURATION: Final = re.compile(r"(-)?P(?:(?:(\d{1,5})Y)?(?:(\d{1,5})M)?|(\d{1,7})D)", re.ASCII)
_KEPT: Final = frozenset("NUMBER QUANTITY DATE STRING AT CHOICE FIELD NAME GE GT LE LT EQ NE SOME EVERY TRUE FALSE NULL".split())


def _token(lexeme: Lexeme) -> Token:
    kind = lexeme.kind if lexeme.kind in _KEPT else "_" + lexeme.kind
    token = Token(kind, str(lexeme.value), start_pos=lexeme.start, line=1, column=lexeme.start + 1, end_line=1, end_column=lexeme.end + 1, end_pos=lexeme.end)
    token.value = lexeme.value
    return token


class _Lexemes(Lexer):
    """Hands our lexemes to lark; in the grammar a terminal without meaning has a leading underscore."""

    def __init__(self, lexer_conf: object) -> None:
        self.lexer_conf = lexer_conf

    def lex(self, data: Iterable[Lexeme]) -> Iterator[Token]:  # type: ignore[override]
        return map(_token, data)


@cache
def _parser() -> Lark:
    grammar = Path(__file__).with_name("feel.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer=_Lexemes, start=["cell", "formula"], propagate_positions=True, maybe_placeholders=False)


def parse_cell(text: str, lexicon: Lexicon) -> Test:
    """Read a condition cell; raises ``Unreadable`` with the place in characters."""
    if text == "-":  # most cells of most tables
        return Anything((0, 1))
    return cast(Test, _parse(text, lexicon, "cell"))


def parse_expression(text: str, lexicon: Lexicon) -> Expression:
    """Read an expression (an output cell, an expression column, a formula); raises ``Unreadable``."""
    return cast(Expression, _parse(text, lexicon, "formula"))


def _parse(text: str, lexicon: Lexicon, start: Literal["cell", "formula"]) -> Any:
    """Trees are frozen, so the same text under the same names is read once."""
    key = start, text
    if key not in lexicon.trees:
        lexicon.trees[key] = _read(text, lexicon, start)
    return lexicon.trees[key]


def _read(text: str, lexicon: Lexicon, start: Literal["cell", "formula"]) -> Any:
    lexemes = lexicon.lex(text)
    try:
        tree = _parser().parse(lexemes, start=start)
        return _Builder().transform(tree)
    except UnexpectedInput as stuck:
        raise _unexpected(stuck, text) from None
    except VisitError as wrapped:
        raise wrapped.orig_exc from None


def _unexpected(stuck: UnexpectedInput, text: str) -> Unreadable:
    if not isinstance(stuck, UnexpectedToken):
        raise stuck
    token = stuck.token
    at_end = token.type == "$END"
    start, end = (len(text), len(text)) if at_end else (token.start_pos or 0, token.end_pos or 0)
    possible = stuck.accepts or stuck.expected
    names = [_EXPECTED[kind] for kind in _EXPECTED if kind in possible]
    found = text[start:end]
    if "NAME" in possible and "FIELD" not in possible:
        names.append(("一个新的名称（不与字段、取值重名）", "a new name, not that of a field or choice"))
    zh = "、".join(dict.fromkeys(zh for zh, _ in names)) or "别的写法"
    en = ", ".join(dict.fromkeys(en for _, en in names)) or "something else"
    return Unreadable("E201", start, end, found_zh=found or "结尾", found_en=found or "the end", expected_zh=zh, expected_en=en)


def _span(meta: Meta) -> Span:
    return (0, 0) if meta.empty else (meta.start_pos, meta.end_pos)


def _arithmetic(operator: ArithmeticOperator) -> Callable[..., Expression]:
    def build(self: object, meta: Meta, parts: list[Expression]) -> Expression:
        return Arithmetic(operator, parts[0], parts[1], _span(meta))

    return build


def _interval(*, low_closed: bool, high_closed: bool) -> Callable[..., Test]:
    def build(self: object, meta: Meta, parts: list[Expression]) -> Test:
        return Interval(parts[0], parts[1], low_closed, high_closed, span=_span(meta))

    return build


def _constant(self: object, meta: Meta, parts: list[Token]) -> Expression:
    return Literal_(cast(Constant, parts[0].value), _span(meta))


@v_args(meta=True)
class _Builder(Transformer[Token, Any]):
    """Turns lark's tree into our nodes, one method per rule of the grammar."""

    # tests
    def cell(self, meta: Meta, parts: list[Test]) -> Test:
        return parts[0]

    def any_of(self, meta: Meta, parts: list[Test]) -> Test:
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts), _span(meta))

    def anything(self, meta: Meta, parts: list[object]) -> Test:
        return Anything(_span(meta))

    def none_of(self, meta: Meta, parts: list[Test]) -> Test:
        inner = parts[0]
        return NoneOf(inner.tests if isinstance(inner, AnyOf) else (inner,), _span(meta))

    def not_value(self, meta: Meta, parts: list[Expression]) -> Test:
        return NoneOf((Compare("=", parts[0], span=_span(meta)),), _span(meta))

    def compare(self, meta: Meta, parts: list[Any]) -> Test:
        return Compare(parts[0], parts[1], span=_span(meta))

    def equals(self, meta: Meta, parts: list[Expression]) -> Test:
        return Compare("=", parts[0], span=_span(meta))

    def and_above(self, meta: Meta, parts: list[Expression]) -> Test:
        return Compare(">=", parts[0], span=_span(meta))

    def and_below(self, meta: Meta, parts: list[Expression]) -> Test:
        return Compare("<=", parts[0], span=_span(meta))

    closed_closed = _interval(low_closed=True, high_closed=True)
    closed_open = _interval(low_closed=True, high_closed=False)
    open_closed = _interval(low_closed=False, high_closed=True)
    open_open = _interval(low_closed=False, high_closed=False)

    def comparator(self, meta: Meta, parts: list[Token]) -> ComparisonOperator:
        return _COMPARATORS[parts[0].type]

    # expressions
    def formula(self, meta: Meta, parts: list[Expression]) -> Expression:
        return parts[0]

    def conditional(self, meta: Meta, parts: list[Expression]) -> Expression:
        return Conditional(parts[0], parts[1], parts[2], _span(meta))

    def quantified(self, meta: Meta, parts: list[Any]) -> Expression:
        kind: Literal["some", "every"] = "some" if parts[0].type == "SOME" else "every"
        return Quantified(kind, parts[1].text, parts[2], parts[3], _span(meta))

    def iteration(self, meta: Meta, parts: list[Any]) -> Expression:
        return Iteration(parts[0].text, parts[1], parts[2], _span(meta))

    def disjunction(self, meta: Meta, parts: list[Expression]) -> Expression:
        return Junction("or", tuple(parts), _span(meta))

    def conjunction(self, meta: Meta, parts: list[Expression]) -> Expression:
        return Junction("and", tuple(parts), _span(meta))

    def comparison(self, meta: Meta, parts: list[Any]) -> Expression:
        return Comparison(parts[1], parts[0], parts[2], span=_span(meta))

    def between(self, meta: Meta, parts: list[Expression]) -> Expression:
        return Membership(parts[0], Interval(parts[1], parts[2], True, True, span=_span(meta)), _span(meta))

    def membership(self, meta: Meta, parts: list[Any]) -> Expression:
        return Membership(parts[0], parts[1], _span(meta))

    def in_list(self, meta: Meta, parts: list[Expression]) -> Expression:
        return Call("list contains", (parts[1], parts[0]), _span(meta))

    add = _arithmetic("+")
    subtract = _arithmetic("-")
    multiply = _arithmetic("*")
    divide = _arithmetic("/")
    power = _arithmetic("**")

    def negation(self, meta: Meta, parts: list[Expression]) -> Expression:
        operand = parts[0]
        if isinstance(operand, Literal_) and isinstance(operand.value, Decimal):
            return Literal_(CONTEXT.minus(operand.value), _span(meta))
        if isinstance(operand, Quantity):
            return Quantity(CONTEXT.minus(operand.number), operand.unit, _span(meta))
        return Negation(operand, _span(meta))

    def inverse(self, meta: Meta, parts: list[Expression]) -> Expression:
        return Inverse(parts[0], _span(meta))

    def bracketed(self, meta: Meta, parts: list[Expression]) -> Expression:
        position = parts[1]
        if isinstance(position, Literal_) and isinstance(position.value, Decimal):
            return Element(parts[0], position, _span(meta))
        return Filter(parts[0], position, _span(meta))

    def member(self, meta: Meta, parts: list[Any]) -> Expression:
        return MemberOf(parts[0], parts[1].text, _span(meta))

    number = string = date = _constant

    def quantity(self, meta: Meta, parts: list[Token]) -> Expression:
        return cast(Quantity, parts[0].value)

    def true(self, meta: Meta, parts: list[Token]) -> Expression:
        return Literal_(True, _span(meta))

    def false(self, meta: Meta, parts: list[Token]) -> Expression:
        return Literal_(False, _span(meta))

    def null_value(self, meta: Meta, parts: list[Token]) -> Expression:
        return Literal_(None, _span(meta))

    def at_literal(self, meta: Meta, parts: list[Token]) -> Expression:
        return Literal_(temporal(str(parts[0].value), *_span(meta)), _span(meta))

    def word(self, meta: Meta, parts: list[Token]) -> Expression:
        return Name(str(parts[0].value), _span(meta))

    name = variable = word

    def call(self, meta: Meta, parts: list[Any]) -> Expression:
        return Call(str(parts[0].value), tuple(parts[1:]), _span(meta))

    def list_of(self, meta: Meta, parts: list[Expression]) -> Expression:
        return ListOf(tuple(parts), _span(meta))


def temporal(text: str, start: int, end: int) -> Constant:
    """Read ``2024-09-30``, ``P30D``, ``P1Y2M``; raises ``Unreadable``."""
    if match := re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", text, re.ASCII):
        return day(match[1], match[2], match[3], start=start, end=end, found=text)
    match = _DURATION.fullmatch(text)
    if match and any(match.groups()[1:]):
        sign = -1 if match[1] else 1
        if match[4]:
            return datetime.timedelta(days=sign * int(match[4]))
        return Months(sign * (int(match[2] or 0) * 12 + int(match[3] or 0)))
    raise Unreadable(
        "E201",
        start,
        end,
        found_zh=text,
        found_en=text,
        expected_zh="日期 2024-09-30 或时长 P30D、P1Y2M",
        expected_en="a date 2024-09-30 or a duration P30D, P1Y2M",
    )
