"""Does a folder of documents become an engine, with the faults of all its files told at once?"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from engine import DocumentError
from rulesets.cases import failures
from rulesets.catalog import SHIPPED, Catalog, has_vocabulary, load_catalog, told
from rulesets.yaml_text import load_yaml
from tests.api.running import SMALL

CASES = "ruleset: failing\ncases:\n  - {name: 甲, given: {income: 2.00, debt: 1}, expect: {burden: 0.5}, because: ['burden#r1'], source: 口头}\n"

Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Make a copy of the small documents in which some files have another content; None takes a file away."""

    def make(**files: str | bytes | None) -> Path:
        copy = shutil.copytree(SMALL, tmp_path / "documents")
        for name, content in files.items():
            path = copy / (name.replace("_", "/", 1) + ".yaml")
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content.encode() if isinstance(content, str) else content)
        return copy

    return make


def faults(folder: Path) -> list[tuple[str, str]]:
    """Code and document of every finding about a folder, be it when reading or when compiling."""
    with pytest.raises(DocumentError) as caught:
        load_catalog(folder).compile()
    return [(finding.code, finding.location.document) for finding in caught.value.diagnostics]


# --- good folders --------------------------------------------------------------------------------------------------------


def test_rulesets_come_in_the_order_of_their_names_with_their_cases(folder: Folder) -> None:
    catalog = load_catalog(folder(failing_cases=CASES))
    assert list(catalog.documents) == ["failing", "typed"]
    assert catalog.vocabulary["title"] == {"zh": "小词汇表", "en": "small vocabulary"}
    (case,) = catalog.cases["failing"]
    assert (case.name, case.given, case.expect) == ("甲", {"income": Decimal("2.00"), "debt": 1}, {"burden": Decimal("0.5")})
    assert (case.because, case.source) == (("burden#r1",), "口头")
    assert catalog.cases["typed"] == ()


def test_a_catalogue_compiles_to_an_engine_that_decides(folder: Folder) -> None:
    engine = load_catalog(folder()).compile()
    assert engine.decide({"income": 2, "debt": 1}, ["burden"]).outcomes == {"burden": Decimal("0.5")}
    engine.close()


def test_what_is_no_ruleset_in_a_folder_is_left_alone(folder: Folder) -> None:
    made = folder()
    (made / "README.md").write_text("no ruleset", encoding="utf-8")
    (made / "drafts").mkdir()
    (made / "drafts" / "notes.yaml").write_text("a: [", encoding="utf-8")
    assert list(load_catalog(made).documents) == ["failing", "typed"]


def test_a_vocabulary_alone_is_a_catalogue_without_rulesets(tmp_path: Path) -> None:
    shutil.copy(SMALL / "vocabulary.yaml", tmp_path)
    catalog = load_catalog(tmp_path)
    assert catalog.documents == {}
    assert catalog.compile().decide({"visits": 1}).outcomes == {}


def test_whether_a_folder_has_a_vocabulary_can_be_asked_of_anything(tmp_path: Path) -> None:
    (tmp_path / "vocabulary.yaml").mkdir()
    assert has_vocabulary(SMALL)
    assert not has_vocabulary(tmp_path)
    assert not has_vocabulary(tmp_path / "nowhere")
    assert not has_vocabulary(SMALL / "vocabulary.yaml")
    assert not has_vocabulary(Path("x" * 5_000))


# --- faults --------------------------------------------------------------------------------------------------------------


def test_the_faults_of_several_files_are_told_at_once_each_with_its_file(folder: Folder) -> None:
    made = folder(vocabulary="a: 1\na: 2\n", failing_ruleset=b"a: \xff\n", typed_ruleset="a: [\n", typed_cases="a: &x 1\nb: *x\n")
    assert faults(made) == [
        ("E101", "vocabulary.yaml"),
        ("E101", "failing/ruleset.yaml"),
        ("E101", "typed/ruleset.yaml"),
        ("E101", "typed/cases.yaml"),
    ]


def test_unreadable_cases_are_one_fault_and_not_also_missing_ones(folder: Folder) -> None:
    assert faults(folder(failing_cases="a: [\n")) == [("E101", "failing/cases.yaml")]


def test_malformed_cases_are_told_with_the_unreadable_files(folder: Folder) -> None:
    made = folder(failing_cases="ruleset: failing\ncases:\n  - {name: 甲, given: {}}\n  - {name: 乙, expect: {}, given: [1]}\n", typed_ruleset="a: [\n")
    assert sorted(code for code, _ in faults(made)) == ["E101", "E103", "E104"]


def test_a_folder_without_a_vocabulary_is_a_fault_that_names_the_file(folder: Folder) -> None:
    assert faults(folder(vocabulary=None)) == [("E101", "vocabulary.yaml")]


def test_faults_inside_readable_documents_are_told_by_the_compiler(folder: Folder) -> None:
    text = (SMALL / "failing" / "ruleset.yaml").read_text(encoding="utf-8")
    found = faults(folder(failing_ruleset=text.replace("debt / income", "debt / nothing").replace("[6..8]", "[8..6]")))
    assert found == [("E209", "failing"), ("E202", "failing")] or found == [("E202", "failing"), ("E209", "failing")]


@pytest.mark.parametrize("content", ["", "- a list\n", "just text\n", "7\n"])
def test_a_document_of_another_kind_is_a_fault_and_no_crash(folder: Folder, content: str) -> None:
    assert {code for code, _ in faults(folder(typed_ruleset=content))} <= {"E103", "E104"}
    assert {code for code, _ in faults(SMALL.parent / "nowhere")} == {"E101"}


@pytest.mark.parametrize("content", ["", "- a list\n", "just text\n", "7\n"])
def test_cases_of_another_kind_are_a_fault_and_no_crash(folder: Folder, content: str) -> None:
    assert {code for code, _ in faults(folder(typed_cases=content))} <= {"E103", "E104"}


def test_one_ruleset_in_two_folders_is_a_fault(folder: Folder) -> None:
    made = folder()
    shutil.copytree(made / "typed", made / "typed-again")
    assert ("E309", "typed") in faults(made)


def test_findings_are_told_in_each_language_asked_for(folder: Folder) -> None:
    with pytest.raises(DocumentError) as caught:
        load_catalog(folder(failing_ruleset="a: [\n", typed_ruleset="a: 1\na: 2\n"))
    both = told(caught.value, "zh", "en")
    assert both.count("E101 文档无法读取") == both.count("E101 Unreadable document") == 2
    assert both.index("文档无法读取    failing") < both.index("Unreadable document    failing") < both.index("文档无法读取    typed")
    assert "Unreadable" not in told(caught.value, "zh")


# --- the shipped folder --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> Catalog:
    return load_catalog()


def test_every_shipped_folder_is_called_like_its_ruleset(shipped: Catalog) -> None:
    assert [document["ruleset"] for document in shipped.documents.values()] == list(shipped.documents)
    for path in SHIPPED.glob("*/cases.yaml"):
        assert load_yaml(path.read_text(encoding="utf-8"), path.name)["ruleset"] == path.parent.name


def test_every_shipped_ruleset_has_cases_and_satisfies_them(shipped: Catalog) -> None:
    engine = shipped.compile()
    for name in shipped.documents:
        assert shipped.cases[name], f"{name} has no cases"
        assert failures(engine, name, shipped.cases[name]) == []
    engine.close()
