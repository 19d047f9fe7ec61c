"""What can be found in a table, and what is known of each question that was asked?"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from engine.codes import CODES
from engine.diagnostics import Diagnostic, Language, Text
from engine.program import Program
from engine.source.writer import local_id
from engine.values import Value, render, words
from engine.verify.regions import Region

Severity = Literal["error", "warning", "information"]
_SEVERITIES: Mapping[str, Severity] = {"E": "error", "W": "warning", "I": "information"}


# --- verdicts --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proven:
    """It holds for every customer; ``work`` units were spent."""

    work: int = 0


@dataclass(frozen=True, slots=True)
class Refuted:
    """It does not hold: an example shows it."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """It is not known; ``budget`` is the number of work units there were, 0 where more work would not help."""

    reason: Text
    budget: int = 0


Verdict = Proven | Refuted | Unknown

BUDGET_SPENT = Text("在限定的计算量内未能判定", "not decided within the work units allowed")
EXPRESSION_COLUMN = Text("涉及算式列，未找到可以作证的客户", "an expression column is involved and no customer was found that shows it")
COMPUTED_OUTCOMES = Text("结论由算式得出，未找到可以作证的客户", "the outcomes are computed and no customer was found that shows it")
GATHERED = Text("该命中策略汇集多行，只找最明显的", "the policy gathers rows, so only the plain ones are looked for")
COMPUTED = Text("结论由算式得出", "outcomes are computed")
ROWS_CLASH = Text("先要消除重叠或矛盾", "overlaps or contradictions must go first")

Question = Literal["complete", "complete_empty", "disjoint", "consistent", "alive", "needed", "mergeable", "reachable", "relevant", "inside"]


@dataclass(frozen=True, slots=True)
class Proof:
    """One question about a table and its verdict. ``listed`` tells whether the findings are all there are."""

    question: Question
    verdict: Verdict
    listed: bool = True


# --- repairs ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Operation:
    """One change of a document, as RFC 6902 has it: ``add`` before a position, ``replace``, or ``remove``."""

    op: Literal["add", "replace", "remove"]
    path: tuple[str | int, ...]
    value: Any = None


@dataclass(frozen=True, slots=True)
class Repair:
    """A change of the document that mends a finding; ``proposed`` cells are a guess that the author must look at."""

    title: Text
    operations: tuple[Operation, ...]
    proposed: tuple[str, ...] = ()

    def apply(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The document with the change made; the one given is left as it is."""
        changed = copy.deepcopy(dict(document))
        for operation in self.operations:
            _apply(operation, changed)
        return changed


def _apply(operation: Operation, document: Any) -> None:
    *steps, last = operation.path
    for step in steps:
        document = document[step]
    match operation.op:
        case "add" if isinstance(document, list):
            document.insert(int(last), copy.deepcopy(operation.value))
        case "add" | "replace":
            document[last] = copy.deepcopy(operation.value)
        case "remove":
            del document[last]


# --- findings --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Example:
    """A customer, as typed values by key."""

    facts: Mapping[str, Value]

    def json(self) -> dict[str, Any]:
        """The facts as JSON values by id."""
        return {local_id(key): render(value) for key, value in self.facts.items()}

    def words(self, program: Program, language: Language) -> str:
        joint = "，" if language == "zh" else ", "
        fields = program.fields
        return joint.join(f"{fields[key].label.in_(language)} = {words(value, fields[key].type, language)}" for key, value in self.facts.items())


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding about a table.

    ``regions`` are the customers it is about, ``size`` their share of the table's grid, ``rows`` the ids of the rows
    concerned. ``verdict`` is ``Refuted`` when ``example`` shows it and ``Proven`` when it holds for every customer of the
    regions; ``Unknown`` says that there may be no such customer.
    """

    diagnostic: Diagnostic
    verdict: Verdict
    regions: tuple[Region, ...] = ()
    rows: tuple[str, ...] = ()
    size: float = 0.0
    example: Example | None = None
    repairs: tuple[Repair, ...] = ()

    @property
    def code(self) -> str:
        return self.diagnostic.code

    @property
    def severity(self) -> Severity:
        return severity_of(self.diagnostic.code)


def severity_of(code: str) -> Severity:
    """What the first letter of a code says: E an error, W a warning, I information."""
    assert code in CODES
    return _SEVERITIES[code[0]]


@dataclass(frozen=True, slots=True)
class TableReport:
    """Everything that was found about one table, errors first, each kind by size; and what was proven."""

    ruleset: str
    table: str
    title: Text
    findings: tuple[Finding, ...]
    proofs: tuple[Proof, ...]

    def verdict(self, question: Question) -> Verdict | None:
        """The verdict of one question; None when it was not asked."""
        return next((proof.verdict for proof in self.proofs if proof.question == question), None)
