"""Which decisions are timed: what are the tables, who are the customers, and what is the right answer?"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal, assert_never

Value = int | Decimal | str | bool
Facts = dict[str, Value]
Decide = Callable[[dict[str, object]], Mapping[str, object]]
"""One customer's facts in, the outcomes by name out (more keys may be there; they are not looked at)."""


@dataclass(frozen=True, slots=True)
class Anything:
    """Accepts every value."""


@dataclass(frozen=True, slots=True)
class Range:
    """Accepts ``low <= value < high``; a bound that is None is not there."""

    low: Decimal | None
    high: Decimal | None


@dataclass(frozen=True, slots=True)
class OneOf:
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Flag:
    value: bool


Cell = Anything | Range | OneOf | NoneOf | Flag


@dataclass(frozen=True, slots=True)
class Number:
    """Numbers from ``low`` to ``high``, both included, with ``scale`` decimals."""

    low: Decimal
    high: Decimal
    scale: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Codes, lowest first."""

    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false."""


Kind = Number | Choice | Boolean


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    zh: str
    en: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Row:
    when: tuple[Cell, ...]
    then: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """``U``: exactly one row accepts any customer. ``F``: the first row that accepts decides."""

    name: str
    zh: str
    hit_policy: Literal["U", "F"]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """Tables in an order in which each finds its inputs; ``customers`` give every field of ``inputs``."""

    name: str
    inputs: tuple[Field, ...]
    outcomes: tuple[Field, ...]
    tables: tuple[Table, ...]
    customers: tuple[Facts, ...]


# --- the right answer ------------------------------------------------------------------------------------------------


def accepts(cell: Cell, value: Value) -> bool:
    match cell:
        case Anything():
            return True
        case Range(low, high):
            assert isinstance(value, (int, Decimal))
            return (low is None or low <= value) and (high is None or value < high)
        case OneOf(values):
            return value in values
        case NoneOf(values):
            return value not in values
        case Flag(wanted):
            return value is wanted
        case _:
            assert_never(cell)


def expected(workload: Workload, facts: Facts) -> Facts:
    """Try every row of every table; raises ValueError when the workload breaks its own promise of a complete table."""
    known = dict(facts)
    for table in workload.tables:
        values = [known[name] for name in table.inputs]
        hits = [row for row in table.rows if all(map(accepts, row.when, values))]
        if not hits or (table.hit_policy == "U" and len(hits) > 1):
            raise ValueError(f"{workload.name}, {table.name}: {len(hits)} rows accept {values}")
        known.update(zip(table.outputs, hits[0].then, strict=True))
    return {field.name: known[field.name] for field in workload.outcomes}


# --- writing tables down ---------------------------------------------------------------------------------------------

ANY: Final = Anything()
YES: Final = Flag(True)
NO: Final = Flag(False)


def at_least(low: int) -> Range:
    return Range(Decimal(low), None)


def below(high: int) -> Range:
    return Range(None, Decimal(high))


def between(low: int, high: int) -> Range:
    return Range(Decimal(low), Decimal(high))


def one_of(*values: str) -> OneOf:
    return OneOf(values)


def none_of(*values: str) -> NoneOf:
    return NoneOf(values)


def row(*cells: Cell, gives: Value | tuple[Value, ...]) -> Row:
    return Row(cells, gives if isinstance(gives, tuple) else (gives,))


# --- the chain: five tables of a bank --------------------------------------------------------------------------------

MONEY: Final = Number(Decimal(0), Decimal(100_000_000_000), 2)
PEOPLE: Final = one_of("farmer", "individual")
TRADE: Final = one_of("merchant", "company")
BAD: Final = one_of("substandard", "doubtful", "loss")

CHAIN_INPUTS: Final = (
    Field("deposit", "存款日均余额", "average deposit", MONEY),
    Field("loan", "贷款余额", "loan balance", MONEY),
    Field("kind", "客户类型", "kind of customer", Choice(("farmer", "individual", "merchant", "company"))),
    Field("overdue_days", "逾期天数", "days overdue", Number(Decimal(0), Decimal(3650), 0)),
    Field("listed", "在关注名单", "on the watch list", Boolean()),
    Field("assets", "金融资产", "financial assets", MONEY),
    Field("years", "合作年限", "years with the bank", Number(Decimal(0), Decimal(80), 0)),
    Field("products", "持有产品数", "products held", Number(Decimal(0), Decimal(30), 0)),
    Field("warning", "预警信号", "warning signal", Choice(("none", "blue", "yellow", "red"))),
)
CHAIN_OUTCOMES: Final = (
    Field("segment", "客户分层", "segment", Choice(("basic", "growth", "core", "strategic"))),
    Field("risk_class", "风险分类", "risk class", Choice(("normal", "attention", "substandard", "doubtful", "loss"))),
    Field("tier", "会员等级", "tier", Choice(("ordinary", "silver", "gold", "platinum", "diamond"))),
    Field("discount_bp", "利率优惠", "rate discount", Number(Decimal(0), Decimal(200), 0)),
    Field("visit_days", "走访间隔", "visit interval", Number(Decimal(1), Decimal(365), 0)),
    Field("rate_step_pct", "利率调整", "rate step", Number(Decimal(-5), Decimal(5), 2)),
)

SEGMENT: Final = Table(
    "segment_table",
    "客户分层表",
    "U",
    ("deposit", "loan", "kind"),
    ("segment",),
    (
        row(below(50_000), below(100_000), PEOPLE, gives="basic"),
        row(below(50_000), between(100_000, 500_000), PEOPLE, gives="growth"),
        row(below(50_000), at_least(500_000), PEOPLE, gives="core"),
        row(between(50_000, 300_000), below(500_000), PEOPLE, gives="growth"),
        row(between(50_000, 300_000), at_least(500_000), PEOPLE, gives="core"),
        row(between(300_000, 1_000_000), ANY, PEOPLE, gives="core"),
        row(at_least(1_000_000), ANY, PEOPLE, gives="strategic"),
        row(below(500_000), below(1_000_000), TRADE, gives="basic"),
        row(below(500_000), between(1_000_000, 5_000_000), TRADE, gives="growth"),
        row(below(500_000), at_least(5_000_000), TRADE, gives="core"),
        row(between(500_000, 3_000_000), below(5_000_000), TRADE, gives="growth"),
        row(between(500_000, 3_000_000), at_least(5_000_000), TRADE, gives="core"),
        row(at_least(3_000_000), below(30_000_000), TRADE, gives="core"),
        row(at_least(3_000_000), at_least(30_000_000), TRADE, gives="strategic"),
    ),
)
RISK: Final = Table(
    "risk_table",
    "风险分类表",
    "U",
    ("overdue_days", "listed", "loan"),
    ("risk_class",),
    (
        row(below(1), NO, ANY, gives="normal"),
        row(below(1), YES, ANY, gives="attention"),
        row(between(1, 30), NO, ANY, gives="attention"),
        row(between(1, 30), YES, ANY, gives="attention"),
        row(between(30, 90), NO, below(5_000_000), gives="attention"),
        row(between(30, 90), NO, at_least(5_000_000), gives="substandard"),
        row(between(30, 90), YES, ANY, gives="substandard"),
        row(between(90, 180), NO, ANY, gives="substandard"),
        row(between(90, 180), YES, ANY, gives="doubtful"),
        row(between(180, 360), NO, ANY, gives="doubtful"),
        row(between(180, 360), YES, ANY, gives="loss"),
        row(at_least(360), ANY, ANY, gives="loss"),
    ),
)
TIER: Final = Table(
    "tier_table",
    "会员等级表",
    "F",
    ("segment", "assets", "risk_class", "years"),
    ("tier",),
    (
        row(ANY, ANY, BAD, ANY, gives="ordinary"),
        row(one_of("strategic"), at_least(5_000_000), one_of("normal"), at_least(5), gives="diamond"),
        row(one_of("strategic"), at_least(5_000_000), ANY, ANY, gives="platinum"),
        row(one_of("strategic"), between(1_000_000, 5_000_000), one_of("normal"), ANY, gives="platinum"),
        row(one_of("strategic"), ANY, ANY, ANY, gives="gold"),
        row(one_of("core"), at_least(3_000_000), one_of("normal"), at_least(3), gives="platinum"),
        row(one_of("core"), at_least(1_000_000), ANY, ANY, gives="gold"),
        row(one_of("core"), between(200_000, 1_000_000), one_of("normal"), ANY, gives="gold"),
        row(one_of("core"), ANY, ANY, ANY, gives="silver"),
        row(one_of("growth"), at_least(1_000_000), one_of("normal"), ANY, gives="gold"),
        row(one_of("growth"), at_least(200_000), none_of("attention"), at_least(2), gives="silver"),
        row(none_of("core", "strategic"), at_least(500_000), ANY, ANY, gives="silver"),
        row(ANY, ANY, ANY, ANY, gives="ordinary"),
    ),
)
DISCOUNT: Final = Table(
    "discount_table",
    "利率优惠表",
    "U",
    ("tier", "risk_class", "products"),
    ("discount_bp",),
    (
        row(one_of("diamond"), one_of("normal"), at_least(5), gives=60),
        row(one_of("diamond"), one_of("normal"), below(5), gives=50),
        row(one_of("diamond"), one_of("attention"), ANY, gives=30),
        row(one_of("platinum"), one_of("normal"), at_least(5), gives=45),
        row(one_of("platinum"), one_of("normal"), below(5), gives=36),
        row(one_of("platinum"), one_of("attention"), ANY, gives=20),
        row(one_of("gold"), one_of("normal"), at_least(4), gives=36),
        row(one_of("gold"), one_of("normal"), below(4), gives=25),
        row(one_of("gold"), one_of("attention"), ANY, gives=10),
        row(one_of("silver"), one_of("normal"), at_least(4), gives=18),
        row(one_of("silver"), one_of("normal"), below(4), gives=12),
        row(one_of("silver"), one_of("attention"), ANY, gives=5),
        row(one_of("ordinary"), one_of("normal", "attention"), ANY, gives=0),
        row(ANY, BAD, ANY, gives=0),
    ),
)
VISIT: Final = Table(
    "visit_table",
    "走访与利率表",
    "F",
    ("tier", "discount_bp", "warning"),
    ("visit_days", "rate_step_pct"),
    (
        row(ANY, ANY, one_of("red"), gives=(7, Decimal("0.50"))),
        row(one_of("diamond", "platinum"), ANY, one_of("yellow"), gives=(10, Decimal("0.10"))),
        row(ANY, ANY, one_of("yellow"), gives=(15, Decimal("0.25"))),
        row(one_of("diamond"), at_least(50), one_of("none"), gives=(30, Decimal("-0.30"))),
        row(one_of("diamond"), ANY, ANY, gives=(30, Decimal("-0.20"))),
        row(one_of("platinum"), at_least(36), one_of("none"), gives=(45, Decimal("-0.20"))),
        row(one_of("platinum"), ANY, ANY, gives=(30, Decimal("-0.10"))),
        row(one_of("gold"), at_least(25), one_of("none"), gives=(60, Decimal("-0.10"))),
        row(one_of("gold"), ANY, one_of("blue"), gives=(45, Decimal(0))),
        row(one_of("gold"), ANY, ANY, gives=(60, Decimal(0))),
        row(one_of("silver"), between(10, 100), none_of("blue"), gives=(90, Decimal(0))),
        row(one_of("silver"), ANY, ANY, gives=(60, Decimal("0.05"))),
        row(ANY, ANY, one_of("blue"), gives=(90, Decimal("0.10"))),
        row(ANY, ANY, ANY, gives=(180, Decimal("0.15"))),
    ),
)


QUIET: Final[Facts] = {"overdue_days": 0, "listed": False, "warning": "none"}
SHARE_OF_QUIET: Final = 0.4


def chain(customers: int = 1_000) -> Workload:
    """Nine facts, five tables, six outcomes; customers are spread over the intervals between the tables' limits, a share of them gives no worry."""
    tables = (SEGMENT, RISK, TIER, DISCOUNT, VISIT)
    rng = random.Random(20_240_601)
    limits = {field.name: cut_points(field.kind, field.name, tables) for field in CHAIN_INPUTS if isinstance(field.kind, Number)}
    people = tuple(chain_customer(rng, limits) for _ in range(customers))
    return Workload("chain of 5 tables", CHAIN_INPUTS, CHAIN_OUTCOMES, tables, people)


def chain_customer(rng: random.Random, limits: Mapping[str, list[Decimal]]) -> Facts:
    facts = {field.name: drawn(rng, field, limits.get(field.name, [])) for field in CHAIN_INPUTS}
    return facts | QUIET if rng.random() < SHARE_OF_QUIET else facts


def cut_points(kind: Number, name: str, tables: tuple[Table, ...]) -> list[Decimal]:
    """Return the ends of the field and every limit that a table sets on it, in order."""
    cells = [row.when[table.inputs.index(name)] for table in tables if name in table.inputs for row in table.rows]
    bounds = {bound for cell in cells if isinstance(cell, Range) for bound in (cell.low, cell.high) if bound is not None}
    typical_end = min(kind.high, max(bounds) * 3)
    return sorted(bounds | {kind.low, typical_end})


# --- drawing customers -----------------------------------------------------------------------------------------------

AT_THE_LIMIT: Final = 0.1
JUST_UNDER_THE_LIMIT: Final = 0.05


def drawn(rng: random.Random, field: Field, limits: list[Decimal]) -> Value:
    match field.kind:
        case Boolean():
            return rng.random() < 0.25
        case Choice(codes):
            return rng.choice(codes)
        case Number(scale=scale):
            place = rng.randrange(len(limits) - 1)
            return number_in(rng, limits[place], limits[place + 1], scale)
        case _:
            assert_never(field.kind)


def number_in(rng: random.Random, low: Decimal, high: Decimal, scale: int) -> int | Decimal:
    """Return a number of ``[low, high)``, now and then the first or the last of it; whole numbers are ``int``."""
    unit = Decimal(1).scaleb(-scale)
    luck = rng.random()
    if luck < AT_THE_LIMIT:
        value = low
    elif luck < AT_THE_LIMIT + JUST_UNDER_THE_LIMIT:
        value = high - unit
    else:
        value = low + rng.randrange(int((high - low) / unit)) * unit
        whole = Decimal(int(value))
        value = whole if whole >= low and rng.random() < 0.5 else value
    return int(value) if value == int(value) else value


# --- range tables: n rows x 6 amounts --------------------------------------------------------------------------------

COLUMNS: Final = 6
TOP: Final = Decimal(100_000_000)
COLUMN_NAMES: Final = (("存款", "deposits"), ("贷款", "loans"), ("理财", "funds"), ("流水", "turnover"), ("收入", "income"), ("负债", "debts"))
ROUND_AMOUNTS: Final = (Decimal(10_000), Decimal(1_000), Decimal(100), Decimal("0.01"))
Box = tuple[tuple[Decimal, Decimal], ...]


def range_table(rows: int, customers: int = 1_000) -> Workload:
    """One table whose rows cut the whole of six amounts into disjoint boxes; every box gets about as many customers as the next."""
    rng = random.Random(rows)
    inputs = tuple(Field(f"amount_{en}", f"{zh}金额", f"amount of {en}", Number(Decimal(0), TOP - Decimal("0.01"), 2)) for zh, en in COLUMN_NAMES)
    boxes = list(split(rng, ((Decimal(0), TOP),) * COLUMNS, rows))
    rng.shuffle(boxes)
    names = tuple(field.name for field in inputs)
    table = Table("range_table", "区间表", "F", names, ("grade",), tuple(row(*map(range_cell, box), gives=place) for place, box in enumerate(boxes, 1)))
    people = tuple(inside(rng, rng.choice(boxes), names) for _ in range(customers))
    outcome = Field("grade", "档次", "grade", Number(Decimal(0), Decimal(100_000), 0))
    return Workload(f"{rows:,} range rows x {COLUMNS}", inputs, (outcome,), (table,), people)


def split(rng: random.Random, box: Box, count: int) -> Iterator[Box]:
    """Cut ``box`` into ``count`` boxes, each time in two at an amount of money in a random column."""
    if count == 1:
        yield box
        return
    share = rng.randint(max(1, count // 4), max(1, 3 * count // 4))
    column, cut = cut_of(rng, box, share / count)
    low, high = box[column]
    yield from split(rng, replaced(box, column, (low, cut)), share)
    yield from split(rng, replaced(box, column, (cut, high)), count - share)


def cut_of(rng: random.Random, box: Box, share: float) -> tuple[int, Decimal]:
    """Choose a column and an amount strictly inside it, near ``share`` of its width, as round as the width allows."""
    column = rng.randrange(COLUMNS)
    low, high = box[column]
    place = low + (high - low) * Decimal(min(0.9, max(0.1, share + rng.uniform(-0.15, 0.15))))
    first = rng.randrange(len(ROUND_AMOUNTS))
    cut = next((cut for amount in ROUND_AMOUNTS[first:] if low < (cut := (place // amount) * amount) < high), None)
    return cut_of(rng, box, share) if cut is None else (column, cut)


def replaced(box: Box, column: int, side: tuple[Decimal, Decimal]) -> Box:
    return (*box[:column], side, *box[column + 1 :])


def range_cell(side: tuple[Decimal, Decimal]) -> Cell:
    low, high = side
    if low == 0 and high == TOP:
        return ANY
    return Range(None if low == 0 else low, None if high == TOP else high)


def inside(rng: random.Random, box: Box, names: tuple[str, ...]) -> Facts:
    return {name: number_in(rng, low, high, 2) for name, (low, high) in zip(names, box, strict=True)}
