"""Are the pages true: generated parts fresh, every example of the language page checked, every link and class there?"""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from engine.backends.reference import value_of
from engine.source.cells import parse_cell, parse_expression
from engine.source.check import Scope, check_cell, check_expression
from engine.source.lexer import MAX_CHARACTERS, MAX_DEPTH, Unreadable
from engine.source.reader import read_vocabulary
from engine.source.writer import write_constant, write_expression, write_test
from engine.values import MAX_DIGITS, Value, admit
from rulesets.yaml_text import load_yaml

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"
LANGUAGE: Final = (DOCS / "language.md").read_text(encoding="utf-8")
PAGES: Final = [DOCS / name for name in ("language.md", "semantics.md", "glossary.md")]


def _block(kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)```", LANGUAGE, re.DOTALL)
    assert found
    return found[1]


SCOPE: Final = Scope(read_vocabulary(load_yaml(_block("yaml"), "language.md")).fields)
CUSTOMER: Final = {name: admit(raw, SCOPE.fields[name].type) for name, raw in json.loads(_block("json"), parse_float=Decimal).items()}


def examples(kind: str) -> Iterator[list[str]]:
    """The cells of every row of the tables marked ``kind``, without the backticks."""
    for marked in re.finditer(rf"<!-- examples: {kind} -->\n((?:\|.*\n)+)", LANGUAGE):
        for line in marked[1].splitlines()[2:]:
            cells = re.split(r"(?<!\\)\|", line)[1:-1]
            yield [cell.strip().strip("`").replace("\\|", "|") for cell in cells]


def _typed(kind: str, columns: int) -> list[Any]:
    return [pytest.param(*row[:columns], id=" ".join(row[: columns - 1])) for row in examples(kind)]


@pytest.mark.parametrize(("column", "typed", "canonical"), _typed("cells", 3))
def test_a_condition_on_the_page_has_the_canonical_form_it_says(column: str, typed: str, canonical: str) -> None:
    field = SCOPE.fields[column]
    assert write_test(check_cell(parse_cell(typed, SCOPE.lexicon), field.type, SCOPE, field.label)) == canonical


@pytest.mark.parametrize(("column", "typed", "code"), _typed("refused", 3))
def test_what_the_page_says_is_refused_is_refused_with_that_code(column: str, typed: str, code: str) -> None:
    field = SCOPE.fields[column]
    with pytest.raises(Unreadable) as caught:
        check_cell(parse_cell(typed, SCOPE.lexicon), field.type, SCOPE, field.label)
    assert caught.value.code == code


def _written(value: Value) -> str:
    return f"[{', '.join(map(_written, value))}]" if isinstance(value, list) else write_constant(value)


@pytest.mark.parametrize(("typed", "canonical", "gives"), _typed("expressions", 3))
def test_an_expression_on_the_page_is_written_and_gives_what_it_says(typed: str, canonical: str, gives: str) -> None:
    node, _ = check_expression(parse_expression(typed, SCOPE.lexicon), SCOPE)
    assert (write_expression(node), _written(value_of(node, CUSTOMER))) == (canonical, gives)


def test_the_page_has_examples_of_every_kind() -> None:
    assert [len(list(examples(kind))) > 10 for kind in ("cells", "refused", "expressions")] == [True] * 3


def test_the_limits_on_the_page_are_the_limits() -> None:
    assert f"最多 {MAX_CHARACTERS} 个字符、{MAX_DEPTH} 层括号；一个数最多 {MAX_DIGITS} 位有效数字" in LANGUAGE


def test_the_generated_pages_are_fresh() -> None:
    done = subprocess.run([sys.executable, "scripts/docs", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("page", [*PAGES, DOCS / "errors" / "README.md"], ids=lambda page: page.name)
def test_a_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def _rows(name: str) -> list[list[str]]:
    lines = (DOCS / name).read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]


def test_every_class_of_the_glossary_exists() -> None:
    named = [name for row in _rows("glossary.md") for name in re.findall(r"`((?:engine|rulesets|api)[\w.]*)`", row[-1])]
    assert len(named) > 20
    for name in named:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name


def test_a_term_of_the_glossary_has_one_line() -> None:
    terms = [row[0] for row in _rows("glossary.md")]
    assert len(terms) == len(set(terms))


def test_every_behaviour_with_a_golden_program_is_named_by_the_semantics() -> None:
    page = (DOCS / "semantics.md").read_text(encoding="utf-8")
    folders = {path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/golden/good/*/*/document.yaml")}
    assert {folder for folder in folders if f"../{folder}" not in page} == set()


def test_the_statements_of_the_semantics_are_numbered_in_order() -> None:
    numbers = [int(number) for number in re.findall(r"^- \*\*S(\d+)\*\*", (DOCS / "semantics.md").read_text(encoding="utf-8"), re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
