"""What is wrong with a ruleset, what should its author look at, and what has been proven of it?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.diagnostics import Diagnostic
from engine.errors import DocumentError
from engine.pipeline import run_stages
from engine.program import Program
from engine.verify.cover import BUDGET
from engine.verify.findings import Finding, TableReport
from engine.verify.verifier import Verifier


@dataclass(frozen=True, slots=True)
class DocumentReport:
    """Faults that keep the documents from compiling, or the report of every table."""

    faults: tuple[Diagnostic, ...]
    tables: tuple[TableReport, ...]

    @property
    def findings(self) -> Iterator[Finding]:
        return (finding for table in self.tables for finding in table.findings)

    @property
    def blocks(self) -> bool:
        """Whether something is found that must be mended before anybody may approve."""
        return bool(self.faults) or any(finding.severity == "error" for finding in self.findings)


def check_document(
    vocabulary: object, documents: Iterable[object], *, ruleset: str | None = None, budget: int = BUDGET, gaps_on_collect: bool = False
) -> DocumentReport:
    """Compile the documents and check the tables of ``ruleset``, or of all. Raises ``KeyError`` for an unknown ruleset."""
    try:
        program = run_stages(vocabulary, documents)
    except DocumentError as error:
        return DocumentReport(error.diagnostics, ())
    return DocumentReport((), tuple(check_program(Verifier(program, budget=budget, gaps_on_collect=gaps_on_collect), program, ruleset)))


def check_program(verifier: Verifier, program: Program, ruleset: str | None = None) -> Iterator[TableReport]:
    """The report of each table of ``ruleset``, or of all rulesets. Raises ``KeyError`` for an unknown ruleset."""
    wanted = program.rulesets if ruleset is None else (program.ruleset(ruleset),)
    return (verifier.check(table) for known in wanted for table in known.tables)
