"""Which fields can a bank's vocabulary hold?"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, assert_never

from engine.datatypes import (
    BooleanType,
    Choice,
    ChoiceType,
    DateType,
    DurationType,
    EmptyType,
    Field,
    ListType,
    Member,
    NumberType,
    RecordType,
    Rounding,
    TextType,
    Type,
)
from engine.diagnostics import Text
from tests.strategies.pen import Pen

Name = tuple[str, str, str]
"""An id with its Chinese and English labels."""

FIELD_NAMES: Final[tuple[Name, ...]] = (
    ("balance", "存款月日均余额", "average balance"),
    ("days", "当前逾期天数", "days past due"),
    ("loan", "贷款余额（月末）", "loan balance (month end)"),
    ("合同数", "合同件数", "contracts"),
    ("income_ratio", "收入负债比%", "income ratio, %"),
    ("due", "到期日", "due date"),
    ("opened", "开户日期", "opened on"),
    ("shareholder", "是否本行股东", "is a shareholder"),
    ("latest", "最近一次评级", "latest grade"),
    ("与行年限", "与我行往来年限", "years with us"),
    ("and_more", "非现场检查次数", "and more checks"),
    ("X1", "Ｘ１指标", "X1 index"),
    ("存款", "存款", "deposits"),
    ("存款大户", "存款大户数", "large depositors"),
    ("in_branch", "网点内办理", "done in branch"),
    ("minus", "减免额", "waived"),
    ("客户名", "客户名称/简称", "customer name"),
    ("空户数", "空户数", "empty accounts"),
    ("segment_now", "客户等级", "segment now"),
    ("date", "办理日期", "date of service"),
    ("count", "笔数", "count of payments"),
    ("每户均额", "每户均额", "mean per household"),
    ("limit_left", "剩余额度", "limit left"),
    ("fee", "手续费（元/笔）", "fee (per payment)"),
    ("flag", "预警标志", "warning flag"),
    ("结论一", "结论一", "outcome one"),
    ("score", "得分", "score"),
    ("至今月数", "至今月数", "months so far"),
    ("grade", "内部评级", "internal grade"),
    ("plan", "走访安排", "visit plan"),
)  # fmt: skip
MEMBER_NAMES: Final[tuple[Name, ...]] = (
    ("sum_due", "应还金额", "sum due"),
    ("paid_on", "还款日", "paid on"),
    ("结清", "结清标志", "paid off"),
    ("product", "品种", "product"),
    ("memo", "摘要", "memo"),
)  # fmt: skip
CHOICE_LISTS: Final[tuple[tuple[Name, ...], ...]] = (
    (("none", "非会员", "non-member"), ("gold", "黄金", "gold card"), ("platinum", "白金", "platinum card"), ("diamond", "钻石", "diamond card")),
    (("general", "一般", "standard"), ("mid", "中端", "mid-tier"), ("high_vip", "高端(VIP)", "high-end (VIP)"), ("high", "高端", "high-end")),
    (("甲级", "甲级", "grade A"), ("乙级", "乙级", "grade B"), ("丙级", "丙级以下", "grade C or lower")),
    (("approve", "同意", "approved"), ("reject", "否决", "rejected"), ("wait", "空缺待定", "waiting")),
    (("1Y", "1年期", "one year"), ("5Y", "5年期以上", "five years or more")),
    (("low", "低", "low risk"), ("medium", "中", "medium risk"), ("hi", "高", "high risk")),
    (("enterprise", "企业", "enterprise"), ("person", "自然人", "person"), ("farm_household", "农户", "farm household")),
)  # fmt: skip
UNITS: Final = ("", "元", "%/年", "‰/月", "bp", "天", "月", "%", "件")
ROUNDINGS: Final[tuple[Rounding, ...]] = ("half_up", "half_even", "up", "down", "ceiling", "floor")
BOUNDS: Final = tuple(
    (Decimal(low), Decimal(high))
    for low, high in (("0", "100"), ("0", "100000000000"), ("-1000", "1000"), ("-5", "5"), ("-5", "5.5"), ("1", "1"), ("0.1", "0.9"))
)
WIDE: Final = Decimal(10) ** 15


# --- types -----------------------------------------------------------------------------------------------------------


def number_type(pen: Pen, *, bounded: bool = True) -> NumberType:
    """A number whose bounds lie on its lattice."""
    scale = pen.pick((0, 2, 1, 4, 10))
    unit, rounding = pen.pick(UNITS), pen.pick(ROUNDINGS)
    if not bounded and pen.chance(2):
        return NumberType(scale, unit, rounding=rounding)
    low, high = pen.pick(BOUNDS if scale else BOUNDS[:4])
    return NumberType(scale, unit, low, high, rounding)


def wide_number_type(pen: Pen) -> NumberType:
    """A number for outcomes: mostly wide enough for any result."""
    return NumberType(pen.pick((0, 2, 4)), pen.pick(UNITS), -WIDE, WIDE, pen.pick(ROUNDINGS)) if pen.number(0, 3) else number_type(pen)


def choice_type(pen: Pen, *, ordered: bool | None = None) -> ChoiceType:
    codes = pen.pick(CHOICE_LISTS)[: pen.pick((4, 4, 4, 2))]
    return ChoiceType(tuple(Choice(code, Text(zh, en)) for code, zh, en in codes), pen.chance(2) if ordered is None else ordered)


def scalar_type(pen: Pen) -> Type:
    match pen.number(0, 8):
        case 0 | 1 | 2:
            return number_type(pen)
        case 3 | 4:
            return choice_type(pen)
        case 5:
            return BooleanType()
        case 6:
            return DateType()
        case 7:
            return TextType(pen.pick((1000, 12)))
        case _:
            return number_type(pen)


def item_type(pen: Pen) -> Type:
    """What a list may hold."""
    match pen.number(0, 4):
        case 0 | 1:
            return NumberType(pen.pick((0, 2)))
        case 2:
            return choice_type(pen)
        case 3:
            return DateType() if pen.chance(2) else TextType()
        case _:
            return record_type(pen)


def record_type(pen: Pen) -> RecordType:
    kinds: tuple[Type, ...] = (NumberType(2), DateType(), BooleanType(), choice_type(pen), TextType())
    named = zip(MEMBER_NAMES, kinds, strict=True)
    return RecordType(tuple(Member(id_, Text(zh, en), type_) for (id_, zh, en), type_ in named))


def field_type(pen: Pen) -> Type:
    """Any type that a caller may give."""
    match pen.number(0, 9):
        case 8:
            return ListType(item_type(pen))
        case 9:
            record = record_type(pen)
            return record if pen.chance(3) else ListType(record)
        case _:
            return scalar_type(pen)


# --- plain data ------------------------------------------------------------------------------------------------------


def label(text: Text) -> dict[str, str]:
    return {"zh": text.zh, "en": text.en}


def type_data(type_: Type) -> dict[str, Any]:
    """A type as a document spells it."""
    match type_:
        case NumberType(scale, unit, low, high, rounding):
            bounds = {key: bound for key, bound in (("min", low), ("max", high)) if bound is not None}
            return {"type": "number", "scale": scale, "unit": unit, "rounding": rounding, **bounds}
        case ChoiceType(choices, ordered):
            return {"type": "choice", "ordered": ordered, "choices": {choice.code: label(choice.label) for choice in choices}}
        case TextType(length):
            return {"type": "text", "max_length": length}
        case BooleanType():
            return {"type": "boolean"}
        case DateType():
            return {"type": "date"}
        case ListType(item):
            return {"type": "list", "item": type_data(item)}
        case RecordType(members):
            return {"type": "record", "members": {member.id: {"label": label(member.label), **type_data(member.type)} for member in members}}
        case DurationType() | EmptyType():
            raise AssertionError(type_)
        case _:
            assert_never(type_)


def field_data(known: Field) -> dict[str, Any]:
    return {"label": label(known.label), **type_data(known.type)}


def vocabulary_data(fields: Iterable[Field]) -> dict[str, Any]:
    """The vocabulary document of these fields."""
    return {"title": {"zh": "词汇表", "en": "vocabulary"}, "fields": {known.id: field_data(known) for known in fields}}
