"""Which rulesets are shipped, and how do the documents of a folder become an engine?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine import Case, DocumentError, Engine, compile_program, read_cases
from rulesets.yaml_text import load_yaml

SHIPPED: Final = Path(__file__).with_name("documents")


@dataclass(frozen=True, slots=True)
class Catalog:
    """The plain data of a vocabulary, rulesets and their cases, by ruleset id in folder order."""

    vocabulary: Mapping[str, Any]
    documents: Mapping[str, Mapping[str, Any]]
    cases: Mapping[str, tuple[Case, ...]]

    def compile(self) -> Engine:
        """All rulesets in force together. Raises ``DocumentError``."""
        return compile_program(self.vocabulary, self.documents.values())


def load_catalog(folder: Path = SHIPPED) -> Catalog:
    """Read ``vocabulary.yaml`` and every ``<ruleset>/ruleset.yaml`` with its ``cases.yaml``.

    Raises ``DocumentError`` with the faults of all files, ``FileNotFoundError`` when there is no vocabulary.
    """
    faults: list[Any] = []
    documents: dict[str, Mapping[str, Any]] = {}
    cases: dict[str, tuple[Case, ...]] = {}

    def read(path: Path) -> Any:
        try:
            return load_yaml(path.read_text(encoding="utf-8"), path.relative_to(folder).as_posix())
        except DocumentError as error:
            faults.extend(error.diagnostics)
            return {}

    vocabulary = read(folder / "vocabulary.yaml")
    for path in sorted(folder.glob("*/ruleset.yaml")):
        documents[path.parent.name] = read(path)
        beside = path.with_name("cases.yaml")
        cases[path.parent.name] = _cases(read(beside), faults) if beside.exists() else ()
    if faults:
        raise DocumentError(faults)
    return Catalog(vocabulary, documents, cases)


def _cases(data: object, faults: list[Any]) -> tuple[Case, ...]:
    try:
        return read_cases(data)
    except DocumentError as error:
        faults.extend(error.diagnostics)
        return ()
