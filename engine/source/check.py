"""What do the words of a cell or expression mean here, and do the types and units fit?

Takes the parser's trees; gives the same trees with field names, choice labels and quantities resolved to their
canonical form, and the type of each expression. Raises ``Unreadable`` at the first fault of a cell (the pipeline goes
on with the next cell, so a document's author sees all of them).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Final, assert_never

from engine.builtins import BUILTINS, comparable
from engine.datatypes import (
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    EmptyType,
    Field,
    ListType,
    NumberType,
    RecordType,
    TextType,
    Type,
    choice_labels,
    fits,
    type_words,
)
from engine.diagnostics import Text, suggestion
from engine.source.keywords import RATIO_UNITS
from engine.source.lexer import Lexicon, Unreadable, day, fold
from engine.source.syntax import (
    AnyOf,
    Anything,
    Arithmetic,
    Call,
    Compare,
    Comparison,
    Conditional,
    Element,
    Empty,
    Expression,
    FieldRef,
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
    Test,
    Variable,
)
from engine.source.writer import write_expression
from engine.values import CONTEXT, ISO_DATE, Months, choice_parameters, lattice_point, plain

_EMPTY: Final = EmptyType()
_BOOLEAN: Final = BooleanType()
_NUMBER: Final = NumberType()
_SPANS: Final = {"天": 1, "月": 1, "年": 12}
_TRUTH: Final = {True: ("是", "true"), False: ("否", "false")}


@dataclass(frozen=True)
class Scope:
    """The fields that may be named, by key; an id or either label spells one."""

    fields: Mapping[str, Field]
    spellings: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for known in self.fields.values():
            for spelling in (known.id, known.label.zh, known.label.en):
                self.spellings[fold(spelling)] = known.key

    def find(self, text: str) -> Field | None:
        """The field that ``text`` names by id or label, or None."""
        key = self.spellings.get(fold(text))
        return None if key is None else self.fields[key]

    @cached_property
    def lexicon(self) -> Lexicon:
        """Every name that may be written in a cell or an expression: fields, choices and functions."""
        labels = {spelling: "NAME" for known in self.fields.values() for spelling in _member_spellings(known.type)}
        labels |= {spelling: "CHOICE" for known in self.fields.values() for spelling in _spellings(known.type)}
        labels |= dict.fromkeys(self.spellings, "FIELD")
        labels |= dict.fromkeys(BUILTINS, "NAME")
        return Lexicon({label: kind for label, kind in labels.items() if label})


def _spellings(type_: Type) -> Iterable[str]:
    item = type_.item if isinstance(type_, ListType) else type_
    return (spelling for spelling, _ in choice_labels(item)) if isinstance(item, ChoiceType) else ()


def _member_spellings(type_: Type) -> Iterable[str]:
    record = type_.item if isinstance(type_, ListType) else type_
    if not isinstance(record, RecordType):
        return ()
    own = [spelling for member in record.members for spelling in (member.id, member.label.zh, member.label.en)]
    return [*own, *(spelling for member in record.members for spelling in (*_member_spellings(member.type), *_spellings(member.type)))]


def find_choice(type_: ChoiceType, text: str) -> str | None:
    """The code that ``text`` spells (code or label, any width), or None."""
    folded = fold(text)
    return next((code for spelling, code in choice_labels(type_) if fold(spelling) == folded), None)


def _truth_choice(type_: ChoiceType, *, value: bool) -> str | None:
    """The code of a choice that is labelled 是 or 否, words that otherwise mean true and false."""
    return next((code for word in _TRUTH[value] if (code := find_choice(type_, word))), None)


# --- units -------------------------------------------------------------------------------------------------------------


def in_unit(quantity: Quantity, unit: str | None) -> Decimal:
    """The number that ``quantity`` is in ``unit`` (``%/年``, ``‰/月``, ``元`` …; None where no unit is known). Raises E207."""
    base, _, period = (unit or "").partition("/")
    number, written = quantity.number, quantity.unit
    if written == base or (unit is None and written not in RATIO_UNITS):
        return number
    if written in RATIO_UNITS:
        if not base:
            return CONTEXT.multiply(number, RATIO_UNITS[written])
        annual = period != "月" and not (written == "‰" and period)
        if base in RATIO_UNITS and annual:
            return CONTEXT.divide(CONTEXT.multiply(number, RATIO_UNITS[written]), RATIO_UNITS[base])
    if (written, base) == ("年", "月"):
        return CONTEXT.multiply(number, 12)
    raise Unreadable("E207", *quantity.span, found=f"{plain(number)}{written}", expected=unit or "—")


def _unit(type_: Type) -> str:
    return type_.unit if isinstance(type_, NumberType) else ""


def _joined_unit(left: Type, right: Type, node: Arithmetic | Comparison) -> str:
    """Sums and comparisons take one unit; a pure number fits any."""
    mine, other = _unit(left), _unit(right)
    if mine and other and mine != other:
        raise Unreadable("E207", *node.right.span, found=other, expected=mine)
    return mine or other


_SAME_UNIT: Final = frozenset({"min", "max", "sum", "mean", "append", "concatenate", "list contains", "index of", "modulo"})


def _item_unit(type_: Type) -> str:
    return _unit(type_.item) if isinstance(type_, ListType) else _unit(type_)


def _same_unit(node: Expression, left: Type, right: Type) -> None:
    """Raise E207 when two types carry different units; a pure number goes with any."""
    mine, other = _item_unit(left), _item_unit(right)
    if mine and other and mine != other:
        raise Unreadable("E207", *node.span, found=other, expected=mine)


def _with_unit(result: Type, types: Iterable[Type]) -> Type:
    """The result of a function over amounts carries their unit, wherever it was stated."""
    unit = next((_item_unit(type_) for type_ in types if _item_unit(type_)), "")
    return replace(result, unit=unit) if isinstance(result, NumberType) and unit else result


def joined(node: Expression, left: Type, right: Type) -> Type:
    """The type that holds both: the wider choice list, text over choices, the unit of whichever states one."""
    _same_unit(node, left, right)
    wider = right if fits(left, right) else left
    if isinstance(wider, NumberType):
        return replace(wider, unit=_unit(left) or _unit(right))
    return wider


# --- expressions -------------------------------------------------------------------------------------------------------


def check_expression(node: Expression, scope: Scope, expected: Type | None = None) -> tuple[Expression, Type]:
    """Resolve and type ``node``. ``expected`` guides bare words, text and quantities; the caller compares the result."""
    return _Checker(scope).expression(node, expected)


def mismatch(node: Expression | Test, found: Type, expected: Type) -> Unreadable:
    """E204: what was wanted and what was found, in the words of a table's author."""
    wanted, got = type_words(expected), type_words(found)
    if isinstance(expected, ChoiceType) and isinstance(found, ChoiceType):
        wanted, got = _listed(expected), _listed(found)
    if isinstance(expected, DateType) and isinstance(found, TextType):
        wanted = Text(wanted.zh + '（日期不加引号，或写 @"2024-09-30"）', wanted.en + ' (a date has no quotes, or is written @"2024-09-30")')
    return Unreadable("E204", *node.span, expected_zh=wanted.zh, expected_en=wanted.en, found_zh=got.zh, found_en=got.en)


def _listed(type_: ChoiceType) -> Text:
    return Text("、".join(choice.label.zh for choice in type_.choices) + " 之一", "one of " + ", ".join(type_.codes))


class _Checker:
    def __init__(self, scope: Scope, bound: Mapping[str, Type] | None = None) -> None:
        self.scope = scope
        self.bound = dict(bound or {})

    def expression(self, node: Expression, expected: Type | None = None) -> tuple[Expression, Type]:
        match node:
            case Literal_():
                return self.literal(node, expected)
            case Quantity() if isinstance(expected, DateType | DurationType) and node.unit in _SPANS:
                return self.span(node), DurationType("days" if node.unit == "天" else "months")
            case Quantity():
                unit = expected.unit if isinstance(expected, NumberType) else None
                return Literal_(in_unit(node, unit), node.span), NumberType(unit=unit or "")
            case Name():
                return self.name(node, expected)
            case FieldRef(id_):
                return node, self.scope.fields[id_].type
            case Variable(name):
                return node, self.bound[name]
            case Negation():
                operand, type_ = self.of(node.operand, (NumberType, DurationType), _NUMBER, expected)
                return replace(node, operand=operand), type_
            case Arithmetic():
                return self.arithmetic(node, expected)
            case Comparison():
                return self.comparison(node), _BOOLEAN
            case Junction():
                return replace(node, parts=tuple(self.condition(part) for part in node.parts)), _BOOLEAN
            case Inverse():
                return replace(node, operand=self.condition(node.operand)), _BOOLEAN
            case Conditional():
                return self.conditional(node, expected)
            case Membership():
                operand, type_ = self.expression(node.operand)
                return replace(node, operand=operand, test=self.test(node.test, type_)), _BOOLEAN
            case Quantified():
                source, inner = self.over(node.variable, node.source)
                return replace(node, source=source, condition=inner.condition(node.condition)), _BOOLEAN
            case Iteration():
                source, inner = self.over(node.variable, node.source)
                body, type_ = inner.expression(node.body)
                return replace(node, source=source, body=body), ListType(type_)
            case Filter():
                return self.filter(node)
            case Element():
                source, type_ = self.of(node.source, (ListType,), ListType(_NUMBER))
                position, _ = self.of(node.position, (NumberType,), _NUMBER)
                return replace(node, source=source, position=position), type_.item if isinstance(type_, ListType) else _EMPTY
            case MemberOf():
                return self.member(node)
            case Call():
                return self.call(node, expected)
            case ListOf():
                return self.list_of(node, expected)
            case _:
                assert_never(node)

    def of(self, node: Expression, kinds: tuple[type, ...], wanted: Type, expected: Type | None = None) -> tuple[Expression, Type]:
        """The checked node, which must be of one of ``kinds`` (or empty)."""
        checked, type_ = self.expression(node, expected)
        if not isinstance(type_, (*kinds, EmptyType)):
            raise mismatch(node, type_, wanted)
        return checked, type_

    def condition(self, node: Expression) -> Expression:
        return self.of(node, (BooleanType,), _BOOLEAN)[0]

    def literal(self, node: Literal_, expected: Type | None) -> tuple[Expression, Type]:
        value = node.value
        match value:
            case None:
                return node, _EMPTY
            case bool() if isinstance(expected, ChoiceType) and (code := _truth_choice(expected, value=value)):
                return Literal_(code, node.span), expected
            case bool():
                return node, _BOOLEAN
            case Decimal():
                return node, NumberType(unit="")
            case datetime.date():
                return node, DateType()
            case datetime.timedelta():
                return node, DurationType("days")
            case Months():
                return node, DurationType("months")
            case str() if isinstance(expected, ChoiceType):
                return self.choice(node, value, expected), expected
            case str():
                return node, TextType()
            case _:
                assert_never(value)

    @staticmethod
    def span(node: Quantity) -> Literal_:
        """``30天``, ``6个月``, ``1年`` beside a date are durations."""
        if node.number != int(node.number):
            raise Unreadable("E204", *node.span, expected_zh="整数", expected_en="a whole number", found_zh=plain(node.number), found_en=plain(node.number))
        count = int(node.number)
        return Literal_(datetime.timedelta(days=count) if node.unit == "天" else Months(count * _SPANS[node.unit]), node.span)

    def choice(self, node: Literal_ | Name, text: str, type_: ChoiceType) -> Literal_:
        code = find_choice(type_, text)
        if code is None:
            raise Unreadable("E203", *node.span, found=text, **choice_parameters(type_, text))
        return Literal_(code, node.span)

    def name(self, node: Name, expected: Type | None) -> tuple[Expression, Type]:
        if node.text in self.bound:
            return Variable(node.text, node.span), self.bound[node.text]
        if isinstance(expected, ChoiceType) and find_choice(expected, node.text) is not None:
            return self.choice(node, node.text, expected), expected
        item = self.bound.get("item")
        if isinstance(item, RecordType) and (member := item.member(node.text)):
            return MemberOf(Variable("item", node.span), member.id, node.span), member.type
        known = self.scope.find(node.text)
        if known is not None:
            return FieldRef(known.key, node.span), known.type
        if isinstance(expected, ChoiceType):
            return self.choice(node, node.text, expected), expected
        names = [name for known in self.scope.fields.values() for name in (known.id, known.label.zh, known.label.en)]
        raise Unreadable("E202", *node.span, found=node.text, **suggestion(node.text, names))

    def pair(self, left: Expression, right: Expression) -> tuple[Expression, Type, Expression, Type]:
        """Check two sides that should agree: the side that knows its type guides the other."""
        if isinstance(left, Literal_ | Quantity) or (isinstance(left, Name) and not self._known(left)):
            other, other_type = self.expression(right)
            try:
                mine, mine_type = self.expression(left, other_type)
            except Unreadable as error:
                raise self.named(error, other) from None
            return mine, mine_type, other, other_type
        mine, mine_type = self.expression(left)
        try:
            other, other_type = self.expression(right, mine_type)
        except Unreadable as error:
            raise self.named(error, mine) from None
        return mine, mine_type, other, other_type

    def named(self, error: Unreadable, subject: Expression) -> Unreadable:
        """An unknown choice is told as a value of the field it was compared with."""
        if error.code == "E203" and "field_zh" not in error.parameters and isinstance(subject, FieldRef):
            label = self.scope.fields[subject.id].label
            error.parameters |= {"field_zh": label.zh, "field_en": label.en}
        return error

    def _known(self, node: Name) -> bool:
        item = self.bound.get("item")
        member = isinstance(item, RecordType) and item.member(node.text) is not None
        return node.text in self.bound or member or self.scope.find(node.text) is not None

    def arithmetic(self, node: Arithmetic, expected: Type | None) -> tuple[Expression, Type]:
        if node.operator in ("+", "-"):
            left, left_type, right, right_type = self.pair(node.left, node.right)
        else:
            left, left_type = self.expression(node.left)
            right, right_type = self.expression(node.right)
        result = self.arithmetic_type(node, left_type, right_type)
        return replace(node, left=left, right=right), result

    def arithmetic_type(self, node: Arithmetic, left: Type, right: Type) -> Type:
        match node.operator, left, right:
            case "+" | "-", NumberType(), NumberType():
                return NumberType(unit=_joined_unit(left, right, node))
            case "*" | "/" | "**", NumberType(), NumberType():
                return _NUMBER
            case _, EmptyType(), other:
                return other
            case _, other, EmptyType():
                return other
            case "+", TextType() | ChoiceType(), TextType() | ChoiceType():
                return TextType()
            case "-", DateType(), DateType():
                return DurationType("days")
            case "+" | "-", DateType(), DurationType():
                return DateType()
            case "+" | "-", DurationType(), DurationType() if left == right:
                return left
            case "*" | "/", DurationType(), NumberType():
                return left
        wanted = left if not isinstance(left, BooleanType | ListType | RecordType) else _NUMBER
        raise mismatch(node.right if wanted is left else node.left, right if wanted is left else left, wanted)

    def comparison(self, node: Comparison) -> Expression:
        left, left_type, right, right_type = self.pair(node.left, node.right)
        if not (fits(right_type, left_type) or fits(left_type, right_type)):
            raise mismatch(node.right, right_type, left_type)
        _joined_unit(left_type, right_type, node)
        order = self.order(node.operator, right_type if fits(left_type, right_type) else left_type, node)
        return replace(node, left=left, right=right, order=order)

    def order(self, operator: str, type_: Type, node: Comparison | Compare | Interval) -> tuple[str, ...]:
        """The order of an ordered choice that ``operator`` needs; raises E215 when the type has none."""
        if operator in ("=", "!=") or isinstance(type_, EmptyType):
            return ()
        if isinstance(type_, ChoiceType) and type_.ordered:
            return type_.codes
        in_test = isinstance(node, Compare | Interval) and isinstance(type_, TextType)
        if isinstance(type_, ChoiceType) or in_test or not comparable(type_):
            raise Unreadable("E215", *node.span, found=operator)
        return ()

    def conditional(self, node: Conditional, expected: Type | None) -> tuple[Expression, Type]:
        condition = self.condition(node.condition)
        then, then_type = self.expression(node.then, expected)
        otherwise, other_type = self.expression(node.otherwise, expected or then_type)
        if not (fits(other_type, then_type) or fits(then_type, other_type)):
            raise mismatch(node.otherwise, other_type, then_type)
        result = joined(node.otherwise, then_type, other_type)
        return replace(node, condition=condition, then=then, otherwise=otherwise), result

    def over(self, variable: str, source: Expression) -> tuple[Expression, _Checker]:
        checked, type_ = self.of(source, (ListType,), ListType(_NUMBER))
        item = type_.item if isinstance(type_, ListType) else _EMPTY
        return checked, _Checker(self.scope, {**self.bound, variable: item})

    def filter(self, node: Filter) -> tuple[Expression, Type]:
        source, inner = self.over("item", node.source)
        condition, type_ = inner.expression(node.condition)
        item = inner.bound["item"]
        if isinstance(type_, NumberType):
            position, _ = self.of(node.condition, (NumberType,), _NUMBER)
            return Element(source, position, node.span), item
        if not isinstance(type_, BooleanType | EmptyType):
            raise mismatch(node.condition, type_, _BOOLEAN)
        return replace(node, source=source, condition=condition), ListType(item)

    def member(self, node: MemberOf) -> tuple[Expression, Type]:
        source, type_ = self.expression(node.source)
        record = type_.item if isinstance(type_, ListType) else type_
        found = record.member(node.member) if isinstance(record, RecordType) else None
        if found:
            result: Type = ListType(found.type) if isinstance(type_, ListType) else found.type
            return replace(node, source=source, member=found.id), result
        part = _PARTS.get(node.member, node.member)
        if part in _TEMPORAL_PARTS.get(_temporal_kind(type_), ()):
            return replace(node, source=source, member=part), _NUMBER
        raise Unreadable("E202", *node.span, found=node.member, **suggestion(node.member, _member_names(record)))

    def call(self, node: Call, expected: Type | None) -> tuple[Expression, Type]:
        if node.function == "list contains" and len(node.arguments) == 2 and not self.is_list(node.arguments[0]):
            return self.expression(Membership(node.arguments[1], Compare("=", node.arguments[0], span=node.span), node.span))
        builtin = BUILTINS.get(node.function)
        if builtin is None:
            raise Unreadable("E211", node.span[0], node.span[0] + len(node.function), found=node.function, **suggestion(node.function, BUILTINS))
        checked = self.searched(node) if node.function in ("list contains", "index of", "append") else self.arguments(node, expected)
        types = [type_ for _, type_ in checked]
        result = builtin.result(types)
        if result is None:
            raise Unreadable("E212", *node.span, function=node.function, usage=builtin.usage)
        if node.function == "date" and all(isinstance(part, Literal_) and part.value is not None for part in node.arguments):
            _literal_date(node)
        if node.function in _SAME_UNIT:
            for argument, type_ in zip(node.arguments[1:], types[1:], strict=True):
                _same_unit(argument, types[0], type_)
            result = _with_unit(result, types)
        return replace(node, arguments=tuple(argument for argument, _ in checked)), result

    def is_list(self, node: Expression) -> bool:
        """Whether the right side of ``in`` is a list; a single value there means equality."""
        if isinstance(node, ListOf):
            return True
        if isinstance(node, Literal_ | Quantity) or (isinstance(node, Name) and not self._known(node)):
            return False
        return isinstance(self.expression(node)[1], ListType)

    def arguments(self, node: Call, expected: Type | None) -> list[tuple[Expression, Type]]:
        guide = expected if not isinstance(expected, ListType) else None
        if node.function == "concatenate":
            known = [self.expression(argument)[1] for argument in node.arguments if not isinstance(argument, ListOf)]
            return [self.expression(argument, known[0] if known else expected) for argument in node.arguments]
        return [self.expression(argument, guide) for argument in node.arguments]

    def searched(self, node: Call) -> list[tuple[Expression, Type]]:
        """A list and an element of it guide one another: ``tier in [金卡, 白金卡]``, ``贵宾厅 in perks``."""
        if len(node.arguments) != 2:
            return self.arguments(node, None)
        source, element = node.arguments
        if isinstance(source, ListOf):
            checked, type_ = self.expression(element)
            return [self.expression(source, ListType(type_)), (checked, type_)]
        items = self.expression(source)
        guide = items[1].item if isinstance(items[1], ListType) else None
        return [items, self.expression(element, guide)]

    def list_of(self, node: ListOf, expected: Type | None) -> tuple[Expression, Type]:
        wanted = expected.item if isinstance(expected, ListType) else None
        items, item_type = [], wanted
        for item in node.items:
            checked, type_ = self.expression(item, item_type)
            if item_type is not None and not (fits(type_, item_type) or fits(item_type, type_)):
                raise mismatch(item, type_, item_type)
            item_type = type_ if item_type is None else joined(item, item_type, type_)
            items.append(checked)
        return replace(node, items=tuple(items)), ListType(item_type or _EMPTY)

    # --- tests --------------------------------------------------------------------------------------------------------

    def test(self, node: Test, type_: Type) -> Test:
        match node:
            case Anything() | Empty():
                return node
            case Compare("=", Literal_(None)):
                return Empty(node.span)
            case Compare():
                order = self.order(node.operator, type_, node)
                return replace(node, operand=self.operand(node.operand, type_), order=order)
            case Interval():
                order = self.order("..", type_, node)
                return replace(node, low=self.operand(node.low, type_), high=self.operand(node.high, type_), order=order)
            case AnyOf() | NoneOf():
                return replace(node, tests=tuple(self.test(part, type_) for part in node.tests))
            case _:
                assert_never(node)

    def operand(self, node: Expression, type_: Type) -> Expression:
        checked, found = self.expression(node, type_)
        if not fits(found, type_):
            raise mismatch(node, found, type_)
        if _unit(found) and _unit(found) != _unit(type_):
            raise Unreadable("E207", *node.span, found=_unit(found), expected=_unit(type_) or "—")
        return checked


_PARTS: Final = {"年": "year", "月": "month", "日": "day", "天数": "days", "年数": "years", "月数": "months"}
_TEMPORAL_PARTS: Final = {"date": ("year", "month", "day"), "days": ("days",), "months": ("years", "months")}


def _temporal_kind(type_: Type) -> str:
    return "date" if isinstance(type_, DateType) else type_.kind if isinstance(type_, DurationType) else ""


def _member_names(type_: Type) -> list[str]:
    if isinstance(type_, RecordType):
        return [name for member in type_.members for name in (member.id, member.label.zh, member.label.en)]
    return list(_TEMPORAL_PARTS.get(_temporal_kind(type_), ()))


# --- condition cells ---------------------------------------------------------------------------------------------------


def check_cell(node: Test, type_: Type, scope: Scope, label: Text) -> Test:
    """Resolve a condition cell of a column of ``type_``: constants on the column's lattice and inside its domain."""
    try:
        checked = _Checker(scope).test(node, type_)
    except Unreadable as error:
        raise _not_a_value(error, type_) from None
    if isinstance(type_, ListType | RecordType) and not isinstance(checked, Anything | Empty):
        raise mismatch(node, type_, _BOOLEAN)
    return _constants(checked, type_, label)


def _not_a_value(error: Unreadable, type_: Type) -> Unreadable:
    """A condition cell takes values, so an unknown word there is told as what it should have been."""
    if error.code != "E202":
        return error
    wanted, found = type_words(type_), error.parameters["found"]
    words = {"expected_zh": wanted.zh, "expected_en": wanted.en, "found_zh": f"「{found}」", "found_en": f"“{found}”"}
    return Unreadable("E204", error.start, error.end, **words)


def _constants(node: Test, type_: Type, label: Text) -> Test:
    match node:
        case Anything() | Empty():
            return node
        case Compare():
            value = _constant(node.operand, type_, label)
            if _never(node.operator, value, type_):
                raise _outside(node, label, type_, _spelled(value) if node.operator == "=" else f"{node.operator} {_spelled(value)}")
            return replace(node, operand=value)
        case Interval():
            low, high = _constant(node.low, type_, label), _constant(node.high, type_, label)
            _check_interval(replace(node, low=low, high=high), type_, label)
            return replace(node, low=low, high=high)
        case AnyOf() | NoneOf():
            return replace(node, tests=tuple(_constants(part, type_, label) for part in node.tests))
        case _:
            assert_never(node)


def _constant(node: Expression, type_: Type, label: Text) -> Literal_:
    if isinstance(node, Call) and node.function == "date" and all(isinstance(part, Literal_) for part in node.arguments):
        node = Literal_(_literal_date(node), node.span)
    if not isinstance(node, Literal_):
        raise Unreadable("E213", *node.span, found=write_expression(node))
    if isinstance(node.value, Decimal) and isinstance(type_, NumberType):
        check_scale(node, type_, label)
    return node


def _literal_date(node: Call) -> datetime.date:
    """``date("2024-09-30")`` or ``date(2024, 9, 30)`` as a constant; raises E205 when there is no such day."""
    parts = [_spelled(part) for part in node.arguments if isinstance(part, Literal_)]
    written = parts if len(parts) == 3 else parts[0].split("-")
    if (len(parts) == 1 and not ISO_DATE.fullmatch(parts[0])) or not all(part.isdecimal() for part in written):
        raise Unreadable("E205", *node.span, found=parts[0], why_zh="写法应为 YYYY-MM-DD", why_en="the form is YYYY-MM-DD")
    return day(written[0], written[1], written[2], start=node.span[0], end=node.span[1], found="-".join(written))


def check_scale(node: Literal_, type_: NumberType, label: Text) -> None:
    """Raise E206 when the constant is not a multiple of the field's unit in the last place."""
    value = node.value
    if isinstance(value, Decimal) and lattice_point(value, type_.scale) is None:
        raise Unreadable("E206", *node.span, found=plain(value), field_zh=label.zh, field_en=label.en, scale=type_.scale)


def _never(operator: str, node: Literal_, type_: Type) -> bool:
    value = node.value
    if not isinstance(type_, NumberType) or not isinstance(value, Decimal):
        return False
    low, high = type_.minimum, type_.maximum
    too_high = high is not None and (value > high or (value == high and operator == ">"))
    too_low = low is not None and (value < low or (value == low and operator == "<"))
    return {"<": too_low, "<=": too_low, ">": too_high, ">=": too_high, "=": too_low or too_high}.get(operator, False)


def _check_interval(node: Interval, type_: Type, label: Text) -> None:
    low, high = node.low, node.high
    assert isinstance(low, Literal_) and isinstance(high, Literal_)
    spelled = f"{'[' if node.low_closed else '('}{_spelled(low)}..{_spelled(high)}{']' if node.high_closed else ')'}"
    left, right = low.value, high.value
    if left is None or right is None:
        raise mismatch(node, _EMPTY, type_)
    if node.order:
        left, right = Decimal(node.order.index(str(left))), Decimal(node.order.index(str(right)))
    closed = node.low_closed and node.high_closed
    if left > right or (left == right and not closed) or _between_nothing(node, left, right, type_):  # type: ignore[operator]
        raise Unreadable("E209", *node.span, found=spelled)
    if _never(">=" if node.low_closed else ">", low, type_) or _never("<=" if node.high_closed else "<", high, type_):
        raise _outside(node, label, type_, spelled)


def _between_nothing(node: Interval, left: object, right: object, type_: Type) -> bool:
    """``(5..6)`` on whole numbers, ``(2024-01-01..2024-01-02)`` and ``(silver..gold)`` hold nothing."""
    if node.low_closed or node.high_closed:
        return False
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        step = Decimal(1).scaleb(-type_.scale) if isinstance(type_, NumberType) else Decimal(1)
        return CONTEXT.subtract(right, left) <= step
    return isinstance(left, datetime.date) and isinstance(right, datetime.date) and (right - left).days <= 1


def _outside(node: Compare | Interval, label: Text, type_: Type, found: str) -> Unreadable:
    assert isinstance(type_, NumberType)
    low = "−∞" if type_.minimum is None else plain(type_.minimum)
    high = "∞" if type_.maximum is None else plain(type_.maximum)
    return Unreadable("E208", *node.span, field_zh=label.zh, field_en=label.en, low=low, high=high, found=found)


def _spelled(node: Literal_) -> str:
    return plain(node.value) if isinstance(node.value, Decimal) else str(node.value)
