"""The engine: what a ruleset means. Other packages use it through the names exported here.

``compile_program`` turns a vocabulary and rulesets (plain data) into an ``Engine``; ``Engine.decide`` answers. See
``engine/README.md`` for the picture.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine import datatypes as types
from engine.backends.rete.run import Engine
from engine.codes import CODES, Code
from engine.datatypes import Field, Type
from engine.decision import UNDECIDED_REASONS, Decision, Miss, Reading, Step, Undecided
from engine.diagnostics import Diagnostic, Language, Location, Text
from engine.errors import DecisionError, DocumentError, EngineError, FactsError
from engine.explain import Explainer
from engine.pipeline import run_stages
from engine.program import Formula, Program, Ruleset, Table
from engine.source.document import Case
from engine.source.reader import read_cases
from engine.source.writer import ORDERED, canonical_json, document_json, document_sha256
from engine.verify.document import DocumentReport, check_document
from engine.verify.findings import Example, Finding, Operation, Proof, Proven, Refuted, Repair, TableReport, Unknown, Verdict, severity_of
from engine.verify.regions import Clause, Region
from engine.verify.verifier import Verifier, verify_table

SEMANTICS = 1
"""Version of the meaning of rules; stored with every decision and proof."""


def compile_program(vocabulary: object, documents: Iterable[object]) -> Engine:
    """Compile rulesets that are in force together.

    ``vocabulary`` and ``documents`` are plain data as read from YAML or JSON, numbers exact. Raises ``DocumentError``
    with every finding of the stage that failed.
    """
    return Engine(run_stages(vocabulary, documents))


__all__ = [
    "CODES",
    "ORDERED",
    "SEMANTICS",
    "UNDECIDED_REASONS",
    "Case",
    "Clause",
    "Code",
    "Decision",
    "DecisionError",
    "Diagnostic",
    "DocumentError",
    "DocumentReport",
    "Engine",
    "EngineError",
    "Example",
    "Explainer",
    "FactsError",
    "Field",
    "Finding",
    "Formula",
    "Language",
    "Location",
    "Miss",
    "Operation",
    "Program",
    "Proof",
    "Proven",
    "Reading",
    "Refuted",
    "Region",
    "Repair",
    "Ruleset",
    "Step",
    "Table",
    "TableReport",
    "Text",
    "Type",
    "Undecided",
    "Unknown",
    "Verdict",
    "Verifier",
    "canonical_json",
    "check_document",
    "compile_program",
    "document_json",
    "document_sha256",
    "read_cases",
    "severity_of",
    "types",
    "verify_table",
]
