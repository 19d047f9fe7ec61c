"""Do the views show the whole of a vocabulary and a ruleset, so that a reader needs nothing else?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import pytest

from engine import Engine, canonical_json, compile_program, types
from rulesets.catalog import load_catalog
from rulesets.views import ruleset_view, summary_view, type_view, vocabulary_view
from tests.api.running import SMALL, written


@pytest.fixture(scope="module")
def small() -> Iterator[Engine]:
    engine = load_catalog(SMALL).compile()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def shipped() -> Iterator[Engine]:
    engine = load_catalog().compile()
    yield engine
    engine.close()


def field(engine: Engine, name: str) -> dict[str, Any]:
    (found,) = [field for field in vocabulary_view(engine)["fields"] if field["id"] == name]
    return dict(found)


# --- the vocabulary --------------------------------------------------------------------------------------------------------

FIELDS: Final[dict[str, dict[str, Any]]] = {
    "income": {"type": "number", "unit": "元", "scale": 2, "min": 0, "max": 1000000, "rounding": "half_up"},
    "remark": {"type": "text", "max_length": 10},
    "opened": {"type": "date"},
    "verdict": {"type": "boolean"},
    "standing": {
        "type": "choice",
        "ordered": False,
        "choices": [{"code": "old", "label": {"zh": "老客户", "en": "old"}}, {"code": "new", "label": {"zh": "新客户", "en": "new"}}],
    },
    "guarantors": {
        "type": "list",
        "item": {
            "type": "record",
            "members": [
                {"id": "person", "label": {"zh": "姓名", "en": "person"}, "type": "text", "max_length": 5},
                {
                    "id": "share",
                    "label": {"zh": "份额", "en": "share"},
                    "type": "number",
                    "unit": "%",
                    "scale": 1,
                    "min": 0,
                    "max": 100,
                    "rounding": "half_up",
                },
            ],
        },
    },
}


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_is_shown_with_all_that_its_type_says(small: Engine, name: str) -> None:
    shown = field(small, name)
    assert {key: value for key, value in shown.items() if key in FIELDS[name]} == FIELDS[name]
    assert set(shown) == {"id", "label", "sensitive", "derived_by", *FIELDS[name]}


def test_a_field_is_shown_with_its_labels_and_who_derives_it(small: Engine) -> None:
    assert field(small, "burden")["label"] == {"zh": "负担率", "en": "burden"}
    assert field(small, "burden")["derived_by"] == "failing"
    assert field(small, "echo")["derived_by"] == "typed"
    assert field(small, "income")["derived_by"] is None


def test_sensitive_fields_are_marked(shipped: Engine) -> None:
    assert field(shipped, "deposit_balance")["sensitive"] is True
    assert field(shipped, "legal_form")["sensitive"] is False


def test_durations_and_what_is_empty_have_a_view_as_well() -> None:
    assert type_view(types.DurationType("days"))["type"] == "duration"
    assert type_view(types.EmptyType())["type"] == "empty"


def test_the_vocabulary_shows_every_field_once_in_its_order(shipped: Engine) -> None:
    view = vocabulary_view(shipped)
    assert [field["id"] for field in view["fields"]] == list(shipped.program.vocabulary.fields)
    assert set(view["title"]) == {"zh", "en"}
    assert {field["derived_by"] for field in view["fields"]} - {None} <= {ruleset.id for ruleset in shipped.program.rulesets}


def test_every_exported_outcome_is_a_field_of_the_vocabulary_that_says_so(shipped: Engine) -> None:
    derived = {field["id"]: field["derived_by"] for field in vocabulary_view(shipped)["fields"] if field["derived_by"]}
    assert derived == {name: ruleset.id for ruleset in shipped.program.rulesets for name in ruleset.exports}


# --- rulesets --------------------------------------------------------------------------------------------------------------


def test_a_summary_counts_tables_and_rows(small: Engine) -> None:
    ruleset = small.program.ruleset("failing")
    assert summary_view(ruleset, 7) == {
        "name": "failing",
        "title": {"zh": "会失败的规则", "en": "rules that fail"},
        "owner": {"zh": "测试", "en": "tests"},
        "version": 7,
        "sha256": ruleset.sha256,
        "exports": ["burden", "band", "verdict"],
        "tables": 2,
        "rows": 4,
    }


def test_a_ruleset_is_shown_with_what_it_needs_of_others(shipped: Engine) -> None:
    needs = ruleset_view(shipped, shipped.program.ruleset("vip-membership"), 1)["needs"]
    assert {"field": "value_segment", "derived_by": "customer-segmentation"} in needs
    assert {"field": "blacklisted", "derived_by": None} in needs
    assert [need["field"] for need in needs] == sorted(need["field"] for need in needs)


def test_what_a_ruleset_derives_itself_it_does_not_need(shipped: Engine) -> None:
    for ruleset in shipped.program.rulesets:
        view = ruleset_view(shipped, ruleset, 1)
        needed = {need["field"] for need in view["needs"]}
        assert not needed & set(ruleset.exports), ruleset.id
        assert needed <= set(shipped.program.vocabulary.fields), ruleset.id


def test_every_row_default_and_formula_is_said_in_both_languages(small: Engine) -> None:
    sentences = ruleset_view(small, small.program.ruleset("typed"), 1)["sentences"]
    assert sentences.pop("guaranteed")["zh"].startswith("担保合计 = sum(for g in 担保人 return ")
    assert sentences == {
        "standing": {
            "early": {"zh": "开户日期 < 2020-01-01 → 资历：老客户", "en": "opening date < 2020-01-01 → standing: old"},
            "default": {"zh": "其他情况 → 资历：新客户", "en": "otherwise → standing: new"},
        },
        "echo": {"zh": "回显 = 备注", "en": "echo = remark"},
    }


def test_a_sentence_for_every_row_of_every_shipped_table_and_for_every_formula(shipped: Engine) -> None:
    for ruleset in shipped.program.rulesets:
        sentences = ruleset_view(shipped, ruleset, 1)["sentences"]
        assert list(sentences) == [production.id for production in ruleset.productions]
        for table in ruleset.tables:
            expected = [row.id for row in table.rows] + ["default"] * bool(table.default)
            assert list(sentences[table.id]) == expected
            assert all(said["zh"] and said["en"] for said in sentences[table.id].values())


def test_the_document_shown_is_the_one_that_the_hash_names(shipped: Engine) -> None:
    for ruleset in shipped.program.rulesets:
        document = json.loads(written(ruleset_view(shipped, ruleset, 1)["document"]), parse_float=Decimal)
        assert hashlib.sha256(canonical_json(document).encode()).hexdigest() == ruleset.sha256


def test_the_documents_shown_compile_to_the_same_rules_again(shipped: Engine) -> None:
    documents = [json.loads(written(ruleset_view(shipped, ruleset, 1)["document"]), parse_float=Decimal) for ruleset in shipped.program.rulesets]
    again = compile_program(load_catalog().vocabulary, documents)
    assert [(ruleset.id, ruleset.sha256) for ruleset in again.program.rulesets] == [(ruleset.id, ruleset.sha256) for ruleset in shipped.program.rulesets]
    again.close()
