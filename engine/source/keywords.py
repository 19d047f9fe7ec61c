"""Which words and marks does the cell language know, in Chinese and in English?

Only spelling lives here: every entry maps what staff type to one token. "以上/以下" include the number and
"超过/不满" do not (民法典第一千二百五十九条).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

FOLDED_MARKS: Final[dict[str, str]] = {
    "，": ",", "、": ",", "；": ",", "（": "(", "）": ")", "【": "[", "】": "]", "［": "[", "］": "]",
    "≥": "≥", "≧": "≥", "⩾": "≥", "≤": "≤", "≦": "≤", "⩽": "≤", "≠": "≠", "×": "*", "÷": "/", "～": "~", "〜": "~",
    "－": "-", "—": "-", "–": "-", "−": "-", "…": "…", "％": "%", "．": ".", "。": ".", "\u3000": " ", "\u00a0": " ",
}  # fmt: skip
"""Marks with a plain form; full-width ASCII (U+FF01–U+FF5E) is folded by arithmetic."""

QUOTES: Final[dict[str, str]] = {'"': '"', "“": "”", "”": "”", "＂": "＂", "「": "」", "『": "』"}
"""Opening quote → closing quote."""

OPERATORS: Final[tuple[tuple[str, str], ...]] = (
    ("..", "RANGE"), ("…", "RANGE"), ("~", "TO"),
    (">=", "GE"), ("=>", "GE"), ("≥", "GE"), ("<=", "LE"), ("=<", "LE"), ("≤", "LE"),
    ("!=", "NE"), ("<>", "NE"), ("≠", "NE"), ("==", "EQ"), ("=", "EQ"), (">", "GT"), ("<", "LT"),
    ("**", "POWER"), ("+", "PLUS"), ("-", "MINUS"), ("*", "TIMES"), ("/", "DIVIDE"),
    ("(", "LPAR"), (")", "RPAR"), ("[", "LBRACKET"), ("]", "RBRACKET"), (",", "COMMA"), (".", "DOT"),
)  # fmt: skip

WORDS: Final[dict[str, str]] = {
    "if": "IF", "如果": "IF", "then": "THEN", "那么": "THEN", "则": "THEN", "else": "ELSE", "否则": "ELSE",
    "and": "AND", "且": "AND", "并且": "AND", "or": "OR", "或": "OR", "或者": "OR", "not": "NOT", "非": "NOT", "不是": "NOT",
    "in": "IN", "属于": "IN", "between": "BETWEEN", "介于": "BETWEEN", "与": "AND",
    "some": "SOME", "存在": "SOME", "every": "EVERY", "每个": "EVERY", "satisfies": "SATISFIES", "满足": "SATISFIES",
    "for": "FOR", "对于": "FOR", "return": "RETURN", "得到": "RETURN",
    "null": "NULL", "空": "NULL", "为空": "NULL", "缺失": "NULL", "任意": "ANY", "不限": "ANY", "任何": "ANY",
    "true": "TRUE", "True": "TRUE", "TRUE": "TRUE", "是": "TRUE", "false": "FALSE", "False": "FALSE", "FALSE": "FALSE", "否": "FALSE",
    "大于等于": "GE", "大于或等于": "GE", "不小于": "GE", "不低于": "GE", "不少于": "GE", "至少": "GE",
    "大于": "GT", "超过": "GT", "高于": "GT", "多于": "GT",
    "小于等于": "LE", "小于或等于": "LE", "不大于": "LE", "不超过": "LE", "不高于": "LE", "不多于": "LE", "至多": "LE", "最多": "LE",
    "小于": "LT", "低于": "LT", "不满": "LT", "少于": "LT", "不足": "LT",
    "等于": "EQ", "不等于": "NE", "以上": "AND_ABOVE", "以下": "AND_BELOW", "以内": "AND_BELOW", "至": "TO", "到": "TO",
    "加": "PLUS", "减": "MINUS", "乘以": "TIMES", "除以": "DIVIDE", "的": "DOT",
}  # fmt: skip

MULTIPLIERS: Final[dict[str, Decimal]] = {
    "万亿": Decimal(10**12), "千亿": Decimal(10**11), "百亿": Decimal(10**10), "十亿": Decimal(10**9), "亿": Decimal(10**8),
    "千万": Decimal(10**7), "百万": Decimal(10**6), "十万": Decimal(10**5), "万": Decimal(10**4), "千": Decimal(1000), "百": Decimal(100),
}  # fmt: skip

UNITS: Final[dict[str, str]] = {
    "%": "%", "‰": "‰", "bp": "bp", "BP": "bp", "Bp": "bp", "bps": "bp", "BPS": "bp", "个基点": "bp", "基点": "bp",
    "元": "元", "天": "天", "日": "天", "个月": "月", "月": "月", "年": "年", "小时": "小时", "个工作日": "工作日", "工作日": "工作日",
    "户": "户", "人": "人", "次": "次", "件": "件", "分": "分", "级": "级", "期": "期", "倍": "倍", "岁": "岁", "个": "个", "分钟": "分钟",
}  # fmt: skip
"""Spelling after a number → unit."""

RATIO_UNITS: Final[dict[str, Decimal]] = {"%": Decimal("0.01"), "‰": Decimal("0.001"), "bp": Decimal("0.0001")}
"""Units that are fractions of one."""

FUNCTION_WORDS: Final[dict[str, str]] = {
    "最小值": "min", "最大值": "max", "求和": "sum", "合计": "sum", "计数": "count", "个数": "count", "平均值": "mean",
    "绝对值": "abs", "向下取整": "floor", "向上取整": "ceiling", "四舍五入": "round",
    "包含": "contains", "开头是": "starts with", "结尾是": "ends with",
}  # fmt: skip
"""Chinese spelling of a function → its name."""
