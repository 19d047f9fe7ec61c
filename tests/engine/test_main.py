"""Does ``python -m engine`` show the stages of a program and explain a code?"""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from engine import CODES
from engine.__main__ import explain, main
from engine.pipeline import STAGES
from tests.engine.bank import VOCABULARY


def _document(cell: str) -> dict[str, Any]:
    label = {"zh": "会员等级", "en": "member tier"}
    table: dict[str, Any] = {"id": "tier", "title": label, "hit_policy": "U", "inputs": ["deposits"], "outputs": ["tier"]}
    table["rows"] = [{"id": "r1", "when": [cell], "then": ["金卡"]}]
    return {"vocabulary": VOCABULARY, "rulesets": [{"ruleset": "member-tiers", "title": label, "owner": label, "exports": ["tier"], "tables": [table]}]}


def _run(monkeypatch: pytest.MonkeyPatch, text: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    return main(["stages"])


def test_every_stage_is_shown_with_its_reason_and_then_the_python_that_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(monkeypatch, json.dumps(_document(">= 100万"))) == 0
    shown = capsys.readouterr().out
    places = [shown.index(f"== {name}: {why}") for name, _, why in STAGES]
    assert places == sorted(places)
    assert 'r1: >= 1000000 → "gold"' in shown
    assert "def fire(s):" in shown[places[-1] :]


def test_a_document_that_does_not_compile_shows_the_stages_it_reached_and_every_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, json.dumps(_document(">= 1,000,000"))) == 1
    shown = capsys.readouterr().out
    assert "E210 数字含糊" in shown
    assert "E210 Ambiguous number" in shown
    assert "== understand" in shown
    assert "== link" not in shown


@pytest.mark.parametrize("text", ["", "[1]", "{}", '{"vocabulary": {}, "rulesets": 5}', "{"])
def test_what_is_not_a_program_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str) -> None:
    with pytest.raises(SystemExit) as caught:
        _run(monkeypatch, text)
    assert caught.value.code == 2
    assert "standard input is not" in capsys.readouterr().err


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_explained_in_both_languages(code: str) -> None:
    said = explain(code)
    assert f"{code} {CODES[code].title_zh}\n" in said
    assert f"{code} {CODES[code].title_en}\n" in said
    assert "{" not in said


def test_a_code_may_be_asked_for_in_small_letters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "e203"]) == 0
    assert "未知取值" in capsys.readouterr().out


def test_an_unknown_code_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "E999"]) == 1
    assert "E101 E102" in capsys.readouterr().out
