"""Does a record say all that is needed to decide again, with sensitive values sealed and numbers exact?"""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from engine import SEMANTICS
from rulesets.audit_check import canonical
from rulesets.log.records import MASK, Answer, Fields, masked, new_record, opened, parse, plain_outcomes, used, versions_in
from rulesets.log.sealing import is_sealed, written
from tests.log.writing import DECISION, USED, answer, ask


@pytest.fixture
def fields(engine) -> Fields:
    return Fields(engine.program.vocabulary.fields)


def asked_of(desk, facts, **more):
    """The record's request and the text that another request must equal."""
    record = new_record(ask("r", facts, **more), answer(DECISION, 1), fields=desk.fields, sealer=desk.sealer)
    return opened(parse(record.text), desk.sealer)["request"], record.asked


def test_a_record_says_what_was_asked_and_answered(desk):
    question = ask("r-1", outcomes=["tier"], ruleset="tier", as_of=11, known_as_of=12, versions={"tier": 3})
    record = new_record(question, Answer(at=7, as_of=8, known_as_of=9, used=USED, decision=DECISION), fields=desk.fields, sealer=desk.sealer, id="d-1")
    kept = opened(parse(record.text), desk.sealer)
    assert kept.pop("fingerprint") == desk.sealer.fingerprint(record.asked)
    assert kept == {
        "id": "d-1",
        "at": 7,
        "system": "crm",
        "reference": "r-1",
        "request": {
            "facts": {"income": "600000", "visits": "8", "remark": "1.50"},
            "outcomes": ["tier"],
            "ruleset": "tier",
            "as_of": 11,
            "known_as_of": 12,
            "versions": {"tier": 3},
        },
        "as_of": 8,
        "known_as_of": 9,
        "usage": USED.sha256,
        "semantics": SEMANTICS,
        "outcomes": {"tier": "gold", "limit": "1200000", "rate": "4", "frequent": False},
        "undecided": [{"outcome": "echo", "reason": "missing_facts"}],
    }
    assert (record.id, record.at, record.system, record.reference, record.used) == ("d-1", 7, "crm", "r-1", USED)
    assert record.text == canonical(json.loads(record.text))


def test_sensitive_values_are_sealed_one_by_one_and_nothing_else(desk):
    text = desk.record("r").text
    kept = parse(text)
    sealed = {name for part in (kept["request"]["facts"], kept["outcomes"]) for name, value in part.items() if is_sealed(value)}
    assert sealed == {"income", "limit"}
    assert "600000" not in text
    assert "1200000" not in text
    assert masked(kept)["request"]["facts"] == {"income": MASK, "visits": "8", "remark": "1.50"}
    assert masked(kept)["outcomes"] == {"tier": "gold", "limit": MASK, "rate": "4", "frequent": False}


def test_what_no_field_is_found_for_and_what_looks_sealed_is_sealed(desk):
    odd = {"年 收 入": 5, "remark": {"sealed": "a:b"}}
    record = new_record(ask("r", odd), answer(DECISION), fields=desk.fields, sealer=desk.sealer)
    assert all(is_sealed(value) and value["sealed"] != "a:b" for value in parse(record.text)["request"]["facts"].values())
    assert opened(parse(record.text), desk.sealer)["request"]["facts"] == odd


def test_a_fact_named_by_label_is_kept_by_id_and_sealed(desk):
    request, asked = asked_of(desk, {"年收入": 600000, "visits": 1})
    assert request["facts"] == {"income": "600000", "visits": "1"}
    assert asked == asked_of(desk, {"visits": 1, "income": 600000})[1]
    assert "600000" not in new_record(ask("r", {"年收入": 600000}), answer(DECISION), fields=desk.fields, sealer=desk.sealer).text.replace("1200000", "")


@pytest.mark.parametrize("number", [1, Decimal(1), Decimal("1.0"), Decimal("1E+0"), Decimal("100E-2"), "1", "1.0", "1.00", "01"])
def test_a_number_is_the_same_however_it_is_written(desk, number):
    assert asked_of(desk, {"income": number, "guarantors": [{"person": "x", "share": number}]}) == asked_of(
        desk, {"income": 1, "guarantors": [{"person": "x", "share": "1.0"}]}
    )


def test_texts_stay_exactly_as_they_came(desk):
    for text in ("1.50", "01", "e\u0301", "\u00e9", "\x00", "\U0001f600", "", "-0"):
        assert asked_of(desk, {"remark": text})[0]["facts"]["remark"] == text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"facts": {"visits": 1}}, {"facts": {"visits": 2}}),
        ({"facts": {"visits": None}}, {"facts": {}}),
        ({"facts": {"remark": "1"}}, {"facts": {"remark": "1.0"}}),
        ({"facts": {"visits": 1}}, {"facts": {"income": 1}}),
        ({"facts": {}, "outcomes": ["tier"]}, {"facts": {}}),
        ({"facts": {}, "ruleset": "tier"}, {"facts": {}}),
        ({"facts": {}, "as_of": 5}, {"facts": {}}),
        ({"facts": {}, "as_of": 5}, {"facts": {}, "known_as_of": 5}),
        ({"facts": {}, "versions": {"tier": 1}}, {"facts": {}, "versions": {"tier": 2}}),
    ],
)
def test_other_requests_are_other(desk, one, other):
    assert asked_of(desk, **one)[1] != asked_of(desk, **other)[1]


def test_the_engine_decides_the_same_from_a_record(desk, engine, fields):
    facts = {"income": Decimal("123456.78"), "visits": "10.5", "remark": "1.5", "guarantors": [{"person": "张", "share": Decimal("2.5")}]}
    decision = engine.decide(facts)
    record = new_record(ask("r", facts), answer(decision), fields=fields, sealer=desk.sealer)
    kept = opened(parse(record.text), desk.sealer)
    again = engine.decide(kept["request"]["facts"])
    assert again == decision
    assert plain_outcomes(again, fields) == kept["outcomes"]
    assert fields.exact(kept["outcomes"]) == dict(decision.outcomes)
    assert fields.exact(kept["outcomes"]) == {"tier": "plain", "limit": Decimal("246913.56"), "rate": Decimal("5.25"), "frequent": True, "echo": "1.5"}
    assert fields.exact({"guarantors": [{"person": "1.5", "share": "2.5"}], "visits": "3.0", "unknown": "1"}) == {
        "guarantors": [{"person": "1.5", "share": Decimal("2.5")}],
        "visits": 3,
        "unknown": "1",
    }


def test_rules_that_failed_are_kept_by_their_codes(desk):
    failed = replace(answer(DECISION, 1), decision=None, failure=("E501",))
    kept = parse(new_record(ask("r"), failed, fields=desk.fields, sealer=desk.sealer).text)
    assert (kept["outcomes"], kept["undecided"], kept["failure"]) == ({}, [], ["E501"])


def test_versions_are_named_by_their_hash_in_any_order():
    versions = [("vocabulary", 1, "1" * 64), ("tier", 3, "3" * 64)]
    assert used(frozenset(versions)) == used(frozenset(reversed(versions))) == USED
    assert list(versions_in(USED.versions_json)) == sorted(versions)
    assert used(frozenset([("tier", 4, "3" * 64)])).sha256 != used(frozenset([("tier", 3, "3" * 64)])).sha256


def test_what_is_no_number_stays_what_it_is(fields):
    assert fields.plain("frequent", value=True) is True
    assert fields.plain("visits", None) is None
    assert fields.plain("visits", "a") == "a"


def test_records_are_spelled_as_the_checker_spells_them():
    texts = [chr(point) for point in range(0x110000) if not 0xD800 <= point < 0xE000]
    assert written(texts) == canonical(texts)
    assert all(written({text: text, "m": [None, True, -5, 2**70, {}]}) == canonical({text: text, "m": [None, True, -5, 2**70, {}]}) for text in texts[::97])
    assert written(dict.fromkeys(texts[::31], 0)) == canonical(dict.fromkeys(texts[::31], 0))
