"""What does a decision say: outcomes, what stayed undecided and why, and the trace?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from engine.diagnostics import Text

UNDECIDED_REASONS: Final[dict[str, Text]] = {
    "missing_facts": Text("缺少所需的字段", "facts are missing"),
    "no_row_matched": Text("没有一行命中", "no row matched"),
    "empty_result": Text("计算结果为空", "the result is empty"),
    "upstream": Text("上游结论未定", "an outcome it needs is undecided"),
}


@dataclass(frozen=True, slots=True)
class Undecided:
    """An outcome without a value. ``missing`` are the facts a caller must add; ``because`` the outcomes it waits for.

    An outcome in ``because`` may also be given by the caller instead of the facts it would follow from.
    """

    outcome: str
    reason: str
    missing: tuple[str, ...] = ()
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """One value a production read: the field (or expression column), its value, and where it came from.

    ``origin`` is ``given`` or the ``ruleset/table`` that derived it.
    """

    name: str
    value: Any
    origin: str


@dataclass(frozen=True, slots=True)
class Miss:
    """Why a row above did not match: the first column whose test failed on the value read."""

    row: str
    column: str
    test: str
    value: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One production that was evaluated (or one fact that stood in for an outcome).

    ``rows`` are the ids of the rows that fired; empty with outcomes given means the default applied.
    """

    ruleset: str
    production: str
    kind: str
    outcomes: Mapping[str, Any]
    read: tuple[Reading, ...] = ()
    rows: tuple[str, ...] = ()
    misses: tuple[Miss, ...] = ()
    text: Text = field(default_factory=lambda: Text("", ""))


class Decision(NamedTuple):
    """An evaluated request: exported outcomes by name, what stayed undecided, the rulesets used, the steps in order."""

    outcomes: Mapping[str, Any]
    undecided: tuple[Undecided, ...]
    rulesets: tuple[str, ...]
    steps: tuple[Step, ...] = ()
