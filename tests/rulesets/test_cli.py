"""Do the commands do what they say, in both languages, and end with the right exit code?"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from api.config import settings_from
from rulesets.catalog import load_catalog
from rulesets.cli import COMMANDS, main
from rulesets.log.sealing import MasterKeys
from tests.api.running import SMALL

CASES = "ruleset: failing\ncases:\n  - {{name: 甲, given: {{visits: 3}}, expect: {{band: {band}}}}}\n"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(SMALL, tmp_path / "documents")


# --- check ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "pattern"),
    [("zh", r"通过：15 个规则集，(\d+) 行，(\d+) 个用例\n"), ("en", r"Passed: 15 rulesets, (\d+) rows, (\d+) cases\n")],
    ids=["zh", "en"],
)
def test_the_shipped_rules_pass_their_check(language: str, pattern: str) -> None:
    result = run("check", "--language", language)
    assert result.exit_code == 0, result.output
    told = re.fullmatch(pattern, result.output)
    assert told
    catalog = load_catalog()
    tables = [table for document in catalog.documents.values() for table in document.get("tables", [])]
    assert int(told[1]) == sum(len(table["rows"]) for table in tables)
    assert int(told[2]) == sum(len(cases) for cases in catalog.cases.values())


def test_a_folder_is_checked_with_its_cases(folder: Path) -> None:
    (folder / "failing" / "cases.yaml").write_text(CASES.format(band=1), encoding="utf-8")
    result = run("check", str(folder))
    assert (result.exit_code, result.output) == (0, "通过：2 个规则集，5 行，1 个用例\n")


def test_a_case_that_fails_fails_the_check_and_says_why(folder: Path) -> None:
    (folder / "failing" / "cases.yaml").write_text(CASES.format(band=2), encoding="utf-8")
    chinese, english = run("check", str(folder)), run("check", str(folder), "--language", "en")
    assert chinese.exit_code == english.exit_code == 1
    assert chinese.output.startswith("E308 用例不符")
    assert "「甲」" in chinese.output
    assert english.output.startswith("E308 Case does not match")
    assert "“甲”" in english.output


def test_every_fault_of_a_folder_is_told(folder: Path) -> None:
    (folder / "failing" / "ruleset.yaml").write_text("a: [\n", encoding="utf-8")
    (folder / "typed" / "ruleset.yaml").write_bytes(b"\xff")
    result = run("check", str(folder))
    assert result.exit_code == 1
    assert result.output.count("E101 文档无法读取") == 2
    assert "Traceback" not in result.output


@pytest.mark.parametrize("change", ["the folder", "the cases"])
def test_cases_beside_another_ruleset_are_told_and_no_crash(folder: Path, change: str) -> None:
    (folder / "failing" / "cases.yaml").write_text(CASES.format(band=1).replace("failing", "failing" if change == "the folder" else "typed"), encoding="utf-8")
    if change == "the folder":
        (folder / "failing").rename(folder / "renamed")
    result = run("check", str(folder))
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == 1
    assert "failing" in result.output


def test_a_folder_without_a_vocabulary_is_told_in_one_line(tmp_path: Path) -> None:
    result = run("check", str(tmp_path))
    assert (result.exit_code, result.output) == (1, f"{tmp_path} 里没有 vocabulary.yaml / holds no vocabulary.yaml\n")


def test_no_folder_at_all_is_a_wrong_command_line(tmp_path: Path) -> None:
    assert run("check", str(tmp_path / "nowhere")).exit_code == 2


# --- describe ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "row"),
    [
        ("zh", "  r4  会员等级 = 黄金 → 会员月利率优惠：0.3‰/月；优惠判定原因：会员优惠"),
        ("en", "  r4  VIP tier = gold → monthly member discount: 0.3‰ a month; discount reason: member"),
    ],
    ids=["zh", "en"],
)
def test_every_row_of_a_ruleset_is_said_as_a_sentence(language: str, row: str) -> None:
    result = run("describe", "loan-pricing", "--language", language)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert any(line.startswith(row) for line in lines), result.output
    document = load_catalog().documents["loan-pricing"]
    for table in document["tables"]:
        start = lines.index(f"{table['title'][language]} [{table['hit_policy']}]")
        assert [line.split()[0] for line in lines[start + 1 : start + 1 + len(table["rows"])]] == [each["id"] for each in table["rows"]]


def test_an_unknown_ruleset_is_told_with_those_that_there_are() -> None:
    result = run("describe", "nothing")
    assert result.exit_code == 1
    assert result.output.startswith("没有规则集 nothing；可用 / no such ruleset; available: aml-review-cycle, ")
    assert result.output.count("\n") == 1


# --- master-key ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["k2"], ["2026-q4"]])
def test_a_new_master_key_is_one_that_the_service_takes(arguments: list[str]) -> None:
    result = run("master-key", *arguments)
    assert result.exit_code == 0
    assert result.output.startswith(f"{(arguments or ['k1'])[0]}:")
    settings = settings_from({"ZHUNSHENG_MASTER_KEYS": result.output.strip(), "DATABASE_URL": "postgresql:///rules"})
    assert settings.master_keys == MasterKeys.parse(result.output.strip())


def test_two_master_keys_are_never_alike() -> None:
    assert run("master-key").output != run("master-key").output


@pytest.mark.parametrize("name", ["主密钥", "two words", "a:b", "a,b", "", "line\nbreak"])
def test_a_name_that_the_service_would_not_take_gets_no_master_key(name: str) -> None:
    result = run("master-key", name)
    told = "主密钥的名称应为 1 到 64 个字母、数字、点、横线或下划线 / a master key is named by 1 to 64 letters, digits, dots, dashes or underscores"
    assert (result.exit_code, result.output) == (1, f"{told}\n")


# --- the command line itself -----------------------------------------------------------------------------------------------


def test_the_commands_are_explained_in_both_languages() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for command in COMMANDS:
        (line,) = [line for line in result.output.splitlines() if line.strip().startswith(f"{command} ")]
        assert " / " in line, line


@pytest.mark.parametrize("arguments", [["nothing"], ["check", "--language", "fr"], ["describe"]])
def test_a_wrong_command_line_ends_with_code_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2
