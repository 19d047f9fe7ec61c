"""Does the service decide over HTTP exactly as the rules say, and say why?"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import Case
from rulesets.cases import same
from rulesets.catalog import SHIPPED, load_catalog
from tests.api.running import Service, read, written

RULESETS: Final = sorted(path.parent.name for path in SHIPPED.glob("*/ruleset.yaml"))

LOAN: Final[dict[str, Any]] = {
    "term_months": 12,
    "lpr_1y_pct": Decimal("3.0"),
    "lpr_5y_pct": Decimal("3.5"),
    "credit_grade": "AA",
    "guarantee_class": "mortgage",
    "policy_fixed_rate": False,
    "related_person": False,
    "risk_class": "normal",
    "vip_tier": "gold",
}
CUSTOMER: Final[dict[str, Any]] = {
    "legal_form": "natural_person",
    "region_type": "urban",
    "employer_type": "tertiary",
    "fiscal_tax_body": False,
    "industry_section": "none",
    "deposit_balance": 1000000,
    "loan_balance": 0,
    "fee_product_count": 1,
}


@pytest.fixture(scope="module")
def exports(service: Service) -> dict[str, list[str]]:
    """Ruleset → the outcomes it exports."""
    return {ruleset["name"]: ruleset["exports"] for ruleset in read(service.get("/v1/rulesets"))["rulesets"]}


@pytest.fixture(scope="module")
def cases() -> Mapping[str, tuple[Case, ...]]:
    return load_catalog().cases


def outcomes_text(response: httpx.Response) -> str:
    """The outcomes of an answer, as written."""
    found = re.search(r'"outcomes":(\{.*?\}),"undecided":', response.text)
    assert found, response.text
    return found[1]


def step(answer: Any, production: str, *kinds: str) -> Any:
    """The only step of a production in a trace; among steps of these kinds, by default of those that rules made."""
    (found,) = (step for step in answer["trace"] if step["production"] == production and step["kind"] in (kinds or ("table", "formula")))
    return found


# --- the shipped rules ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ruleset", RULESETS)
def test_every_shipped_case_is_decided_over_http_as_its_owners_expect(
    service: Service, ruleset: str, cases: Mapping[str, tuple[Case, ...]], exports: dict[str, list[str]]
) -> None:
    for case in cases[ruleset]:
        answer = service.decide(case.given, ruleset=ruleset, trace=bool(case.because))
        expected = {name: value for name, value in case.expect.items() if name in exports[ruleset]}
        wrong = {name: answer["outcomes"].get(name) for name, value in expected.items() if not same(answer["outcomes"].get(name), value)}
        assert not wrong, f"{case.name}: {wrong} instead of {expected}"
        fired = {f"{step['production']}#{row}" for step in answer.get("trace", []) for row in step["rows"]}
        assert fired >= set(case.because), case.name


def test_one_ruleset_and_all_rulesets_answer_the_same_about_the_same_outcomes(service: Service, exports: dict[str, list[str]]) -> None:
    everything = service.decide(LOAN | CUSTOMER)
    for ruleset, names in exports.items():
        alone = service.decide(LOAN | CUSTOMER, ruleset=ruleset)
        assert alone["outcomes"] == {name: everything["outcomes"][name] for name in names if name in everything["outcomes"]}
        assert alone["undecided"] == [open_ for open_ in everything["undecided"] if open_["outcome"] in names]


def test_an_answer_has_these_members_and_no_others(service: Service) -> None:
    assert list(service.decide(CUSTOMER)) == ["decision_id", "outcomes", "undecided", "rulesets"]
    assert list(service.decide(CUSTOMER, trace=True)) == ["decision_id", "outcomes", "undecided", "rulesets", "trace"]


def test_an_answer_names_version_and_hash_of_just_the_rulesets_it_used(service: Service) -> None:
    held = {ruleset["name"]: ruleset for ruleset in read(service.get("/v1/rulesets"))["rulesets"]}
    used = service.decide(CUSTOMER, "customer_line")["rulesets"]
    assert used == [{name: held["customer-segmentation"][name] for name in ("name", "version", "sha256")}]
    used = service.decide(LOAN | CUSTOMER, "value_segment", "final_rate_pct")["rulesets"]
    assert [ruleset["name"] for ruleset in used] == ["customer-segmentation", "loan-pricing"]


def test_every_decision_has_an_id_of_its_own(service: Service) -> None:
    ids = [service.decide(CUSTOMER, "customer_line")["decision_id"] for _ in range(40)]
    assert len(set(ids)) == 40
    assert all(str(uuid.UUID(id_)) == id_ for id_ in ids)


# --- numbers -------------------------------------------------------------------------------------------------------------


def test_numbers_and_decimal_strings_give_outcomes_equal_byte_for_byte(service: Service) -> None:
    strings = LOAN | {"term_months": "12", "lpr_1y_pct": "3.0", "lpr_5y_pct": "3.5"}
    longer = LOAN | {"term_months": Decimal("12.0"), "lpr_1y_pct": "3.0000", "lpr_5y_pct": "0003.50"}
    first, second, third = (service.ask(facts, ruleset="loan-pricing") for facts in (LOAN, strings, longer))
    assert outcomes_text(first) == outcomes_text(second) == outcomes_text(third)


def test_a_sum_that_binary_floats_get_wrong_is_answered_exactly(service: Service) -> None:
    assert 3.0 + 2.1 - 0.36 != 4.74
    response = service.ask(LOAN, "general_rate_pct", "discount_permille_monthly", "discount_bp", "final_rate_pct", "final_monthly_permille")
    assert (
        outcomes_text(response)
        == '{"general_rate_pct":5.1,"discount_permille_monthly":0.3,"discount_bp":36,"final_rate_pct":4.74,"final_monthly_permille":3.95}'
    )


def test_a_json_number_with_an_exponent_is_read_exactly(service: Service) -> None:
    body = b'{"facts":{"deposit_balance":1E6,"loan_balance":0e0},"outcomes":["value_segment"]}'
    assert read(service.post(body))["outcomes"] == {"value_segment": "high"}


@pytest.mark.parametrize("balance", [Decimal("999999.99"), "999999.99"])
def test_one_fen_below_a_threshold_is_below_it(service: Service, balance: Decimal | str) -> None:
    facts = {"deposit_balance": balance, "loan_balance": 0}
    assert service.decide(facts, "value_segment")["outcomes"] == {"value_segment": "mid"}
    assert service.decide(facts | {"deposit_balance": 1000000}, "value_segment")["outcomes"] == {"value_segment": "high"}


@given(balance=st.decimals(0, 10**11, places=2))
def test_any_amount_is_read_and_told_without_losing_a_digit(service: Service, balance: Decimal) -> None:
    told = []
    for spelling in (balance, str(balance)):
        answer = service.decide({"deposit_balance": spelling, "loan_balance": 0}, "value_segment", trace=True)
        told += [reading["value"] for step in answer["trace"] for reading in step["read"] if reading["field"] == "deposit_balance"]
    assert told
    assert all(not isinstance(value, float) and value == balance for value in told)


# --- which outcomes ------------------------------------------------------------------------------------------------------


def test_without_a_wish_every_exported_outcome_is_answered_or_undecided_once(service: Service, exports: dict[str, list[str]]) -> None:
    answer = service.decide(LOAN | CUSTOMER)
    told = [*answer["outcomes"], *(open_["outcome"] for open_ in answer["undecided"])]
    assert sorted(told) == sorted(name for names in exports.values() for name in names)


@pytest.mark.parametrize("ruleset", RULESETS)
def test_a_ruleset_answers_about_its_own_exports_only(service: Service, ruleset: str, exports: dict[str, list[str]]) -> None:
    answer = service.decide({}, ruleset=ruleset)
    assert answer["outcomes"] == {}
    assert [open_["outcome"] for open_ in answer["undecided"]] == exports[ruleset]


def test_only_the_outcomes_wanted_are_answered_in_the_order_they_were_named(service: Service) -> None:
    answer = service.decide(CUSTOMER, "segment_basis", "customer_line", "final_rate_pct", "segment_basis")
    assert list(answer["outcomes"].items()) == [("segment_basis", "deposit"), ("customer_line", "personal")]
    assert [open_["outcome"] for open_ in answer["undecided"]] == ["final_rate_pct"]


def test_lists_and_truths_and_numbers_come_as_json_lists_truths_and_numbers(service: Service) -> None:
    outcomes = service.decide(CUSTOMER | LOAN, "product_class", "final_rate_pct", "pricing_decision")["outcomes"]
    assert outcomes == {"product_class": ["deposit_customer", "fee_customer"], "final_rate_pct": Decimal("4.74"), "pricing_decision": "price"}
    eligible = service.decide({"blacklisted": True, "aml_level": "low", "risk_class": "normal", "max_overdue_days_12m": 0}, "eligible")["outcomes"]
    assert eligible == {"eligible": False}


# --- what is not known ---------------------------------------------------------------------------------------------------


def test_an_outcome_whose_facts_are_missing_is_undecided_and_names_them(service: Service) -> None:
    answer = service.decide({"deposit_balance": 5}, "value_segment", "customer_line")
    assert answer["outcomes"] == {}
    assert answer["undecided"] == [
        {"outcome": "value_segment", "reason": "missing_facts", "missing": ["loan_balance"], "because": ["loan_tier"]},
        {"outcome": "customer_line", "reason": "missing_facts", "missing": ["legal_form"], "because": []},
    ]


def test_what_is_missing_is_always_a_fact_and_never_something_that_rules_derive(service: Service) -> None:
    derived = {field["id"] for field in read(service.get("/v1/vocabulary"))["fields"] if field["derived_by"]}
    for open_ in service.decide({})["undecided"]:
        assert open_["reason"] == "missing_facts"
        assert open_["missing"], open_
        assert not derived & set(open_["missing"]), open_


def test_giving_what_is_missing_decides(service: Service) -> None:
    known = {name: value for name, value in LOAN.items() if name not in ("term_months", "guarantee_class")}
    open_ = service.decide(known, "final_rate_pct")["undecided"]
    assert [sorted(entry["missing"]) for entry in open_] == [["guarantee_class", "term_months"]]
    answer = service.decide(known | {name: LOAN[name] for name in open_[0]["missing"]}, "final_rate_pct")
    assert answer["undecided"] == []


def test_a_null_fact_is_known_to_be_empty_and_not_missing(service: Service) -> None:
    answer = service.decide({"legal_form": None, "region_type": "urban"}, "customer_line", "rating_dept")
    assert answer["outcomes"] == {}
    assert answer["undecided"] == [
        {"outcome": "customer_line", "reason": "no_row_matched", "missing": [], "because": []},
        {"outcome": "rating_dept", "reason": "upstream", "missing": [], "because": ["customer_line"]},
    ]


def test_a_null_that_no_row_looks_at_does_no_harm(service: Service) -> None:
    assert service.decide(CUSTOMER | {"industry_section": None}, "industry_market")["outcomes"] == {"industry_market": "not_applicable"}


def test_an_empty_result_leaves_its_outcome_undecided(small: Service) -> None:
    answer = small.decide({"remark": None}, "echo")
    assert answer["undecided"] == [{"outcome": "echo", "reason": "empty_result", "missing": [], "because": []}]


def test_a_default_stands_in_where_no_row_matches_and_an_outcome_without_one_stays_open(small: Service) -> None:
    answer = small.decide({"opened": "2020-01-01", "visits": 9}, "standing", "verdict", trace=True)
    assert answer["outcomes"] == {"standing": "new"}
    assert answer["undecided"] == [{"outcome": "verdict", "reason": "no_row_matched", "missing": [], "because": []}]
    assert step(answer, "standing")["rows"] == []
    assert step(answer, "standing")["text"] == {"zh": "其他情况 → 资历：新客户", "en": "otherwise → standing: new"}


def test_dates_and_texts_and_records_are_facts_as_well(small: Service) -> None:
    guarantors = [{"person": "张三", "share": Decimal("0.1")}, {"person": "李四", "share": "0.2"}]
    answer = small.decide({"opened": "2019-12-31", "remark": "你好 <b>", "guarantors": guarantors}, "standing", "echo", "guaranteed")
    assert answer["outcomes"] == {"standing": "old", "echo": "你好 <b>", "guaranteed": Decimal("0.3")}


# --- what the caller already decided, and how it may be spelt --------------------------------------------------------------


def test_a_fact_that_is_given_wins_over_the_rules_that_derive_it(service: Service) -> None:
    answer = service.decide(CUSTOMER | {"value_segment": "general"}, "value_segment", "segment_basis", trace=True)
    assert answer["outcomes"] == {"value_segment": "general", "segment_basis": "deposit"}
    assert step(answer, "value_segment")["outcomes"] == {"segment_basis": "deposit"}
    assert step(answer, "value_segment", "given") == {
        "ruleset": "",
        "production": "value_segment",
        "kind": "given",
        "outcomes": {"value_segment": "general"},
        "read": [],
        "rows": [],
        "misses": [],
        "text": {"zh": "客户价值层级 = 一般（调用方给出）", "en": "value segment = general (given)"},
    }


def test_a_given_fact_feeds_the_rules_of_other_departments(service: Service) -> None:
    assert service.decide(LOAN | {"vip_tier": "none"}, "final_rate_pct")["outcomes"] == {"final_rate_pct": Decimal("5.1")}
    assert service.decide(LOAN | {"vip_tier": "diamond"}, "final_rate_pct")["outcomes"] == {"final_rate_pct": Decimal("4.74")}


def test_fields_and_choices_may_be_named_by_their_labels(service: Service) -> None:
    by_id = service.ask(CUSTOMER, ruleset="customer-segmentation")
    fields = {field["id"]: field for field in read(service.get("/v1/vocabulary"))["fields"]}
    for language in ("zh", "en"):
        labelled = {fields[name]["label"][language]: _labelled(value, fields[name], language) for name, value in CUSTOMER.items()}
        assert outcomes_text(service.ask(labelled, ruleset="customer-segmentation")) == outcomes_text(by_id)
    assert {"存款月日均余额", "客户主体类型"} < {field["label"]["zh"] for field in fields.values()}


def _labelled(value: Any, field: Mapping[str, Any], language: str) -> Any:
    labels = {choice["code"]: choice["label"][language] for choice in field.get("choices", [])}
    return labels.get(value, value)


# --- the trace -----------------------------------------------------------------------------------------------------------


def test_a_trace_tells_each_step_with_rows_readings_misses_and_both_languages(service: Service) -> None:
    answer = service.decide(LOAN, "final_rate_pct", trace=True)
    assert [step["production"] for step in answer["trace"] if step["kind"] == "given"] == ["credit_grade", "risk_class", "vip_tier"]
    assert {step["production"] for step in answer["trace"] if step["kind"] == "formula"} == {"general_rate_pct", "discount_bp", "quoted_rate_pct"}
    assert {step["production"] for step in answer["trace"] if step["kind"] == "table"} == {
        "reference_rate",
        "grade_spread",
        "guarantee_adj",
        "member_discount",
        "final_rate",
    }
    assert step(answer, "member_discount") == {
        "ruleset": "loan-pricing",
        "production": "member_discount",
        "kind": "table",
        "outcomes": {"discount_permille_monthly": Decimal("0.3"), "discount_reason": "member"},
        "read": [
            {"field": "policy_fixed_rate", "value": False, "from": "given"},
            {"field": "related_person", "value": False, "from": "given"},
            {"field": "risk_class", "value": "normal", "from": "given"},
            {"field": "vip_tier", "value": "gold", "from": "given"},
        ],
        "rows": ["r4"],
        "misses": [
            {"row": "r1", "column": "policy_fixed_rate", "test": "true", "value": False},
            {"row": "r2", "column": "related_person", "test": "true", "value": False},
            {"row": "r3", "column": "risk_class", "test": 'not("normal")', "value": "normal"},
        ],
        "text": {
            "zh": "会员等级 = 黄金 → 会员月利率优惠：0.3‰/月；优惠判定原因：会员优惠",
            "en": "VIP tier = gold → monthly member discount: 0.3‰ a month; discount reason: member",
        },
    }
    assert step(answer, "quoted_rate_pct") == {
        "ruleset": "loan-pricing",
        "production": "quoted_rate_pct",
        "kind": "formula",
        "outcomes": {"quoted_rate_pct": Decimal("4.74")},
        "read": [
            {"field": "discount_bp", "value": 36, "from": "loan-pricing/discount_bp"},
            {"field": "general_rate_pct", "value": Decimal("5.1"), "from": "loan-pricing/general_rate_pct"},
        ],
        "rows": [],
        "misses": [],
        "text": {
            "zh": "报价年利率 = 一般客户年利率 - 优惠折年基点 / 100 = 4.74%/年",
            "en": "quoted annual rate = general annual rate - annualised discount / 100 = 4.74% a year",
        },
    }


def test_a_step_reads_only_what_was_given_or_what_an_earlier_step_derived(service: Service) -> None:
    told: set[str] = {"given", "expression"}
    for taken in service.decide(LOAN | CUSTOMER, trace=True)["trace"]:
        assert {reading["from"] for reading in taken["read"]} <= told, taken
        told.add(f"{taken['ruleset']}/{taken['production']}")


def test_the_same_question_has_the_same_trace_from_every_worker(service: Service) -> None:
    traces = [service.decide(LOAN | CUSTOMER, trace=True)["trace"] for _ in range(6)]
    assert all(trace == traces[0] for trace in traces)


def test_a_trace_says_which_department_derived_what_another_one_read(service: Service) -> None:
    facts = {name: value for name, value in CUSTOMER.items() if name != "value_segment"}
    facts |= {"blacklisted": False, "aml_level": "low", "risk_class": "normal", "max_overdue_days_12m": 0, "aum_daily_avg": 200000, "annual_contribution": 0}
    answer = service.decide(facts, "computed_tier", trace=True)
    assert answer["outcomes"] == {"computed_tier": "gold"}
    readings = {reading["field"]: (reading["value"], reading["from"]) for reading in step(answer, "computed_tier")["read"]}
    assert readings["value_segment"] == ("high", "customer-segmentation/value_segment")
    assert readings["eligible"] == (True, "vip-membership/eligibility")


def test_a_table_where_nothing_matched_tells_why_every_row_missed(service: Service) -> None:
    answer = service.decide({"legal_form": None}, "customer_line", trace=True)
    missed = step(answer, "customer_line")
    assert (missed["rows"], missed["outcomes"], missed["text"]) == ([], {}, {"zh": "没有一行命中", "en": "no row matched"})
    assert [(miss["row"], miss["column"], miss["value"]) for miss in missed["misses"]] == [(row, "legal_form", None) for row in ("r1", "r2", "r3")]


@pytest.mark.parametrize("ruleset", RULESETS)
def test_asking_for_the_trace_changes_nothing_else(service: Service, ruleset: str, cases: Mapping[str, tuple[Case, ...]]) -> None:
    for case in cases[ruleset][:5]:
        plain, traced = (service.ask(case.given, ruleset=ruleset, trace=trace) for trace in (False, True))
        assert outcomes_text(plain) == outcomes_text(traced)
        assert {**read(traced), "trace": 0, "decision_id": 0} == {**read(plain), "trace": 0, "decision_id": 0}


def test_members_of_a_request_may_come_in_any_order(service: Service) -> None:
    body = {"trace": False, "outcomes": ["customer_line"], "facts": {"legal_form": "enterprise"}}
    assert read(service.post(written(body)))["outcomes"] == {"customer_line": "corporate"}
