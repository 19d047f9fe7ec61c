"""How is a golden program read, and which findings does it give?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from engine import Case, Diagnostic, Engine, EngineError, check_document, compile_program, read_cases
from rulesets.cases import failures
from rulesets.yaml_text import load_yaml

GOLDEN: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Example:
    """A vocabulary, rulesets and the cases of each, read from one YAML file."""

    vocabulary: Any
    rulesets: list[Any]
    cases: dict[str, tuple[Case, ...]]

    def compile(self) -> Engine:
        """All rulesets together. Raises ``DocumentError``."""
        return compile_program(self.vocabulary, self.rulesets)


def read_example(path: Path) -> Example:
    """Read ``document.yaml``; raises ``DocumentError`` when it is no YAML or its cases are malformed."""
    data = load_yaml(path.read_text(encoding="utf-8"), path.name)
    cases = {item["ruleset"]: read_cases(item) for item in data.get("cases", [])}
    return Example(data["vocabulary"], data["rulesets"], cases)


def read_request(path: Path) -> dict[str, Any]:
    """Read ``facts.json``: the ``facts`` and, where they matter, the ``outcomes`` wanted; numbers exact."""
    return dict(json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal))


def findings(document: Path, request: Path | None) -> tuple[Diagnostic, ...]:
    """Everything the engine reports about a document, its cases, and (when there is one) a request to decide."""
    try:
        example = read_example(document)
        engine = example.compile()
        if request:
            engine.decide(**read_request(request))
    except EngineError as error:
        return error.diagnostics
    return tuple(finding for ruleset, cases in example.cases.items() for finding in failures(engine, ruleset, cases))


def proof_findings(document: Path, code: str) -> tuple[Diagnostic, ...]:
    """What the proofs find in the tables of a document: everything but information that has another code."""
    example = read_example(document)
    found = check_document(example.vocabulary, example.rulesets)
    return (*found.faults, *(finding.diagnostic for finding in found.findings if finding.severity != "information" or finding.code == code))


def compare_or_record(path: Path, text: str, *, record: bool) -> None:
    """Assert that ``path`` holds ``text``; with ``--record`` write it instead."""
    if record:
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text
