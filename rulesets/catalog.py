"""Which rulesets are shipped, and how do the documents of a folder become an engine?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from engine import Case, Diagnostic, DocumentError, Engine, EngineError, Language, Location, compile_program, read_cases
from rulesets.views import cut
from rulesets.yaml_text import load_yaml

SHIPPED: Final = Path(__file__).with_name("documents")
HEAD_OFFICE: Final = "head-office"
NO_VOCABULARY: Final = "{folder} 里没有 vocabulary.yaml / holds no vocabulary.yaml"


@dataclass(frozen=True)
class Catalog:
    """The plain data of a vocabulary, and of rulesets and their cases by folder, in the order of the folders.

    ``misplaced`` are findings about files that name another ruleset than their folder does.
    """

    vocabulary: Mapping[str, Any]
    documents: Mapping[str, Mapping[str, Any]]
    written_cases: Mapping[str, Any]
    misplaced: tuple[Diagnostic, ...] = ()

    @cached_property
    def cases(self) -> dict[str, tuple[Case, ...]]:
        """The cases by folder, read; raises ``DocumentError``."""
        return {name: read_cases(self.written_cases[name]) if name in self.written_cases else () for name in self.documents}

    def compile(self) -> Engine:
        """All rulesets in force together. Raises ``DocumentError``."""
        return compile_program(self.vocabulary, self.documents.values())


def load_catalog(folder: Path = SHIPPED) -> Catalog:
    """Read ``vocabulary.yaml`` and every ``<ruleset>/ruleset.yaml`` with its ``cases.yaml``.

    Raises ``DocumentError`` with the faults of all files.
    """
    faults: list[Diagnostic] = []
    misplaced: list[Diagnostic] = []
    documents: dict[str, Mapping[str, Any]] = {}
    cases: dict[str, Any] = {}

    def read(path: Path, judge: Callable[[Any], object] | None = None) -> Any:
        name = path.relative_to(folder).as_posix()
        try:
            data = _read(path, name)
            misplaced.extend(_misplaced(data, name))
            if judge:
                judge(data)
            return data
        except DocumentError as error:
            faults.extend(error.diagnostics)
            return None

    vocabulary = read(folder / "vocabulary.yaml")
    for path in sorted(folder.glob("*/ruleset.yaml")):
        documents[path.parent.name] = read(path)
        beside = path.with_name("cases.yaml")
        if beside.exists():
            cases[path.parent.name] = read(beside, read_cases)
    if faults:
        raise DocumentError(faults)
    return Catalog(vocabulary, documents, cases, tuple(misplaced))


def load_departments(folder: Path) -> tuple[Mapping[str, Mapping[str, str]], Mapping[str, str]]:
    """``departments.yaml``: the departments by id with their labels, and the department in charge of each ruleset.

    A folder without that file has one department, in charge of everything.
    """
    path = folder / "departments.yaml"
    if not path.exists():
        return {HEAD_OFFICE: {"zh": "总行", "en": "Head Office"}}, defaultdict(lambda: HEAD_OFFICE)
    data = _read(path, path.name)
    return data["departments"], data["in_charge"]


def has_vocabulary(folder: Path) -> bool:
    try:
        return (folder / "vocabulary.yaml").is_file()
    except OSError:
        return False


def told(error: EngineError, *languages: Language) -> str:
    """Every finding as an author reads it, in each language."""
    return "\n\n".join("\n".join(finding.render(language) for language in languages) for finding in error.diagnostics)


def _read(path: Path, name: str) -> Any:
    """The data of one file; raises ``DocumentError`` (E101) when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        raise _unreadable(name, "文件无法打开", "the file cannot be opened") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _unreadable(name, "文件不是 UTF-8 编码的文字", "the file is not text in UTF-8", line) from None
    return load_yaml(text, name)


def _unreadable(name: str, zh: str, en: str, line: int = 0) -> DocumentError:
    return DocumentError([Diagnostic("E101", Location(name, line=line), {"detail_zh": zh, "detail_en": en})])


def _misplaced(data: object, name: str) -> Iterator[Diagnostic]:
    """The finding (E104) for a file in a folder that is not called like the ruleset it names."""
    folder, _, _ = name.rpartition("/")
    named = data.get("ruleset") if isinstance(data, dict) else None
    if folder and named not in (None, folder):
        expected = {"expected_zh": f"文件夹的名称「{folder}」", "expected_en": f"“{folder}” (the name of the folder)"}
        yield Diagnostic("E104", Location(name, path=("ruleset",)), {**expected, "found": cut(str(named))})
