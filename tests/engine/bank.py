"""Which fields do the tests of the engine speak of, and how do they read a cell or an expression?"""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any, Final

import pytest

from engine import Field, Type
from engine.backends.reference import value_of
from engine.source.cells import parse_cell, parse_expression
from engine.source.check import Scope, check_cell, check_expression
from engine.source.lexer import Unreadable
from engine.source.reader import read_vocabulary
from engine.source.syntax import Expression, Test
from engine.values import Value


def _label(zh: str, en: str) -> dict[str, str]:
    return {"zh": zh, "en": en}


def _number(zh: str, en: str, unit: str, scale: int, low: int, high: int) -> dict[str, Any]:
    return {"label": _label(zh, en), "type": "number", "unit": unit, "scale": scale, "min": low, "max": high}


_MEMBERS: Final = {
    "balance": {"label": _label("余额", "balance"), "type": "number", "unit": "元", "scale": 2},
    "days": {"label": _label("逾期", "days overdue"), "type": "number", "unit": "天", "scale": 0},
    "bank": {"label": _label("经办行", "bank"), "type": "text"},
}
VOCABULARY: Final[dict[str, Any]] = {
    "title": _label("词汇表", "vocabulary"),
    "fields": {
        "deposits": _number("日均存款", "average deposits", "元", 2, 0, 10**10),
        "loans": _number("贷款余额", "loan balance", "元", 2, 0, 10**10),
        "overdue": _number("逾期天数", "days past due", "天", 0, 0, 5000),
        "term": _number("贷款期限", "loan term", "月", 0, 1, 480),
        "annual_rate": _number("年利率", "annual rate", "%/年", 4, 0, 36),
        "monthly_rate": _number("月利率", "monthly rate", "‰/月", 4, 0, 30),
        "spread": _number("加点", "spread", "bp", 0, -500, 2000),
        "ratio": _number("负债收入比", "debt to income", "", 4, 0, 10),
        "tier": {
            "label": _label("会员等级", "member tier"),
            "type": "choice",
            "ordered": True,
            "choices": {"plain": _label("普通", "plain"), "gold": _label("金卡", "gold card"), "diamond": _label("钻石卡", "diamond card")},
        },
        "segment": {
            "label": _label("客群", "segment"),
            "type": "choice",
            "choices": {"farmer": _label("农户", "farm household"), "company": _label("企业", "company"), "public": _label("机关事业单位", "public body")},
        },
        "lpr": _number("LPR 1年期", "LPR 1Y", "%/年", 2, 0, 36),
        "product": {"label": _label("产品代码", "product code"), "type": "text", "max_length": 20},
        "retail": {"label": _label("是否零售", "retail"), "type": "boolean"},
        "opened": {"label": _label("开户日", "opening date"), "type": "date"},
        "today": {"label": _label("业务日期", "business date"), "type": "date"},
        "perks": {
            "label": _label("服务权益", "privileges"),
            "type": "list",
            "item": {"type": "choice", "choices": {"lounge": _label("贵宾厅", "lounge"), "courier": _label("上门服务", "home service")}},
        },
        "debts": {"label": _label("债务", "debts"), "type": "list", "item": {"type": "record", "members": _MEMBERS}},
    },
}
SCOPE: Final = Scope(read_vocabulary(VOCABULARY).fields)
CUSTOMER: Final[dict[str, Value]] = {
    "deposits": Decimal(1000000),
    "loans": Decimal(500000),
    "overdue": Decimal(90),
    "term": Decimal(36),
    "annual_rate": Decimal("4.35"),
    "monthly_rate": Decimal("3.625"),
    "spread": Decimal(30),
    "ratio": Decimal("0.35"),
    "tier": "gold",
    "segment": "farmer",
    "product": "SN-001",
    "retail": True,
    "opened": datetime.date(2020, 2, 29),
    "today": datetime.date(2024, 9, 30),
    "perks": ["lounge"],
    "debts": [{"balance": Decimal(500000), "days": Decimal(0), "bank": "本行"}, {"balance": Decimal(300000), "days": Decimal(95), "bank": None}],
}


def field(name: str) -> Field:
    found = SCOPE.find(name)
    assert found
    return found


def cell(text: str, name: str) -> Test:
    """The checked condition cell ``text`` of a column of the field ``name``."""
    column = field(name)
    return check_cell(parse_cell(text, SCOPE.lexicon), column.type, SCOPE, column.label)


def expression(text: str, expected: Type | None = None) -> tuple[Expression, Type]:
    """The checked expression and its type."""
    return check_expression(parse_expression(text, SCOPE.lexicon), SCOPE, expected)


def value(text: str, **changed: Value) -> Value:
    """What an expression gives for the customer."""
    return value_of(expression(text)[0], {**CUSTOMER, **changed})


def refusal(text: str, name: str = "") -> Unreadable:
    """The fault of a condition cell of the field ``name``, or without one of an expression."""
    with pytest.raises(Unreadable) as caught:
        cell(text, name) if name else expression(text)
    return caught.value
