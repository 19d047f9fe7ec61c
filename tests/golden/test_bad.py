"""Does every code have an example that fails with the recorded words, and a mended one that passes?"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from engine import CODES, Diagnostic, Language
from tests.golden.programs import GOLDEN, compare_or_record, findings, proof_findings

FOLDERS: Final = sorted((GOLDEN / "bad").iterdir())


def _request(folder: Path, name: str) -> Path | None:
    path = folder / name
    return path if path.exists() else None


def _found(folder: Path, document: Path, request: Path | None) -> tuple[Diagnostic, ...]:
    """Codes x7xx are found by the proofs, the others by compiling and deciding."""
    code = folder.name.partition("-")[0]
    return proof_findings(document, code) if code[1] == "7" else findings(document, request)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_an_example_that_fails_is_refused_in_the_recorded_words(folder: Path, language: Language, record: bool) -> None:
    found = _found(folder, folder / "document.yaml", _request(folder, "facts.json"))
    compare_or_record(folder / f"expected.{language}.txt", "\n\n".join(finding.render(language) for finding in found) + "\n", record=record)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_an_example_fails_with_the_code_of_its_folder_and_no_other(folder: Path) -> None:
    found = _found(folder, folder / "document.yaml", _request(folder, "facts.json"))
    assert {finding.code for finding in found} == {folder.name.partition("-")[0]}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_mended_example_passes(folder: Path) -> None:
    document = folder / "mended.yaml"
    request = _request(folder, "mended.json") or _request(folder, "facts.json")
    assert _found(folder, document if document.exists() else folder / "document.yaml", request) == ()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_mended_example_differs_from_the_one_that_fails_in_one_file(folder: Path) -> None:
    mended = [folder / name for name in ("mended.yaml", "mended.json") if (folder / name).exists()]
    assert len(mended) == 1
    assert mended[0].read_bytes() != (folder / {"mended.yaml": "document.yaml", "mended.json": "facts.json"}[mended[0].name]).read_bytes()


def test_every_code_has_an_example() -> None:
    assert {folder.name.partition("-")[0] for folder in FOLDERS} == set(CODES)
