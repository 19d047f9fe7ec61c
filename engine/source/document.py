"""What did the author write? Documents as read, before their cells are understood."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from engine.datatypes import ChoiceType, Field
from engine.diagnostics import Location, Text

HitPolicy = Literal["U", "A", "P", "F", "R", "O", "C", "C+", "C<", "C>", "C#"]
HIT_POLICIES: Final[dict[HitPolicy, Text]] = {
    "U": Text("唯一", "unique"),
    "A": Text("任一", "any"),
    "P": Text("优先", "priority"),
    "F": Text("首个", "first"),
    "R": Text("规则顺序", "rule order"),
    "O": Text("输出顺序", "output order"),
    "C": Text("收集", "collect"),
    "C+": Text("合计", "collect sum"),
    "C<": Text("最小", "collect minimum"),
    "C>": Text("最大", "collect maximum"),
    "C#": Text("计数", "collect count"),
}
SOURCE_KINDS: Final = ("regulation", "paper", "practice", "default", "technical")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a figure comes from: a regulation by its 文号，a bank paper by title and section, practice, or a default."""

    kind: str
    ref: str


@dataclass(frozen=True, slots=True)
class ColumnSource:
    """An input column: the text of a field name or of an expression. A bare field has no label or scale of its own."""

    text: str
    label: Text | None = None
    scale: int | None = None
    is_expression: bool = False


@dataclass(frozen=True, slots=True)
class RowSource:
    """One row: the texts of its condition cells and output cells."""

    id: str
    when: tuple[str, ...]
    then: tuple[str, ...]
    sources: tuple[Source, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class TableSource:
    """A decision table as written."""

    id: str
    title: Text
    hit_policy: HitPolicy
    inputs: tuple[ColumnSource, ...]
    outputs: tuple[str, ...]
    rows: tuple[RowSource, ...]
    default: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    location: Location = field(default_factory=Location)


@dataclass(frozen=True, slots=True)
class FormulaSource:
    """A formula as written: one outcome, one expression."""

    outcome: str
    title: Text
    text: str
    sources: tuple[Source, ...] = ()
    note: str = ""
    location: Location = field(default_factory=Location)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The bank's fields and choice lists, shared by all rulesets."""

    title: Text
    fields: Mapping[str, Field]
    choice_lists: Mapping[str, ChoiceType] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Document:
    """A ruleset as written. ``raw`` is the data it was read from."""

    id: str
    title: Text
    owner: Text
    exports: tuple[str, ...]
    locals: Mapping[str, Field]
    tables: tuple[TableSource, ...]
    formulas: tuple[FormulaSource, ...]
    description: Text = field(default_factory=lambda: Text("", ""))
    notes: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """A worked customer: ``given`` facts, ``expect``ed outcomes, and ``because`` the rows that must fire (``table#row``)."""

    name: str
    given: Mapping[str, Any]
    expect: Mapping[str, Any]
    because: tuple[str, ...] = ()
    source: str = ""
