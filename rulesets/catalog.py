"""Which rulesets are shipped, and how do the documents of a folder become an engine?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine import Case, Diagnostic, DocumentError, Engine, EngineError, Language, Location, compile_program, read_cases
from rulesets.views import cut
from rulesets.yaml_text import load_yaml

SHIPPED: Final = Path(__file__).with_name("documents")
NO_VOCABULARY: Final = "{folder} 里没有 vocabulary.yaml / holds no vocabulary.yaml"


@dataclass(frozen=True, slots=True)
class Catalog:
    """The plain data of a vocabulary, and of rulesets and their cases by folder, in the order of the folders.

    ``misplaced`` are findings about files that name another ruleset than their folder does.
    """

    vocabulary: Mapping[str, Any]
    documents: Mapping[str, Mapping[str, Any]]
    cases: Mapping[str, tuple[Case, ...]]
    misplaced: tuple[Diagnostic, ...] = ()

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
    cases: dict[str, tuple[Case, ...]] = {}

    def read(path: Path, made: Callable[[Any], Any] = lambda data: data) -> Any:
        name = path.relative_to(folder).as_posix()
        try:
            data = _read(path, name)
            misplaced.extend(_misplaced(data, name))
            return made(data)
        except DocumentError as error:
            faults.extend(error.diagnostics)
            return None

    vocabulary = read(folder / "vocabulary.yaml")
    for path in sorted(folder.glob("*/ruleset.yaml")):
        documents[path.parent.name] = read(path)
        beside = path.with_name("cases.yaml")
        cases[path.parent.name] = (read(beside, read_cases) if beside.exists() else None) or ()
    if faults:
        raise DocumentError(faults)
    return Catalog(vocabulary, documents, cases, tuple(misplaced))


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
