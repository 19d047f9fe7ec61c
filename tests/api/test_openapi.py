"""Does the OpenAPI document say what the service does: all of it, and nothing else?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.api.running import DECISIONS, WITH_KEY, Server, Service, read, written

DOCUMENT: Final = "/v1/openapi.json"
PUBLIC: Final = {"/healthz", "/readyz"}
OPERATIONS: Final = {
    "GET /healthz",
    "GET /readyz",
    "GET /v1/rulesets",
    "GET /v1/rulesets/{name}",
    "GET /v1/vocabulary",
    "POST /v1/decisions",
    "POST /v1/rulesets/{name}/decisions",
}


@pytest.fixture(scope="module")
def document(service: Service) -> Any:
    """The document as served, to a caller without a key."""
    response = service.get(DOCUMENT, {"Authorization": ""})
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    return read(response)


@pytest.fixture(scope="module")
def operations(server: Server) -> Mapping[str, APIOperation]:
    """What schemathesis makes of the document: "POST /v1/decisions" → how to try it."""
    schema = schemathesis.openapi.from_url(f"{server.url}{DOCUMENT}")
    results = list(schema.get_all_operations())
    assert all(isinstance(result, Ok) for result in results), results
    return {result.ok().label: result.ok() for result in results if isinstance(result, Ok)}


def each(document: Any) -> Iterator[tuple[str, str, Any]]:
    """Path, method and definition of every operation."""
    for path, item in document["paths"].items():
        yield from ((path, method, operation) for method, operation in item.items() if method != "parameters")


# --- the document --------------------------------------------------------------------------------------------------------


def test_the_document_is_valid_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document).validate()


def test_a_document_with_a_fault_would_not_be_called_valid(document: Any) -> None:
    del document["info"]["title"]
    with pytest.raises(jsonschema_rs.ValidationError, match="title"):
        schemathesis.openapi.from_dict(document).validate()


def test_the_document_lists_exactly_these_operations(operations: Mapping[str, APIOperation]) -> None:
    assert operations.keys() == OPERATIONS


def test_every_operation_needs_a_key_except_the_health_checks(document: Any) -> None:
    assert document["components"]["securitySchemes"] == {"key": {"type": "http", "scheme": "bearer"}}
    assert not document.get("security")
    for path, _, operation in each(document):
        assert operation.get("security") == (None if path in PUBLIC else [{"key": []}]), path


def test_every_status_is_named_and_every_refusal_is_a_problem(document: Any) -> None:
    for path, method, operation in each(document):
        for status, response in operation["responses"].items():
            assert status.isdecimal(), f"{method} {path} documents {status}, which no caller can tell"
            assert re_bilingual(response["description"]) or status == "200", response
            types = list(response.get("content", {}))
            assert types == {"2": ["application/json"], "3": [], "4": ["application/problem+json"]}[status[0]], (path, status)
        assert ("401" in operation["responses"]) == (path not in PUBLIC)
        assert ("404" in operation["responses"]) == ("{" in path)


def re_bilingual(text: str) -> bool:
    return text.isascii() is False and " / " in text


def test_every_operation_has_a_summary_in_both_languages(document: Any) -> None:
    for _, _, operation in each(document):
        assert re_bilingual(operation["summary"]), operation["summary"]


def test_the_examples_of_the_document_are_answered(service: Service, document: Any) -> None:
    facts = document["components"]["schemas"]["DecisionRequest"]["properties"]["facts"]["example"]
    assert service.decide(facts, "value_segment")["outcomes"] == {"value_segment": "high"}


# --- the service against its document ------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", sorted(OPERATIONS))
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_whatever_is_sent_is_answered_as_documented(operations: Mapping[str, APIOperation], label: str, mode: GenerationMode, soak: bool) -> None:
    """Any 5xx, undocumented status or type, answer of another shape, accepted nonsense or ignored key is a failure.

    Accepted requests are another matter: which facts there are is not in the document but in the vocabulary.
    """
    if mode is GenerationMode.NEGATIVE and label.removeprefix("GET ") in PUBLIC:
        pytest.skip("it takes nothing that could be wrong")

    @settings(max_examples=2_000 if soak else 30)
    @given(case=operations[label].as_strategy(generation_mode=mode))
    def sent(case: schemathesis.Case) -> None:
        case.call_and_validate(headers=WITH_KEY, excluded_checks=[positive_data_acceptance])

    sent()


def test_whatever_the_vocabulary_allows_is_answered_as_documented(service: Service, operations: Mapping[str, APIOperation]) -> None:
    fields = read(service.get("/v1/vocabulary"))["fields"]

    @given(facts=_facts(fields), trace=st.booleans())
    def asked(facts: Mapping[str, Any], trace: bool) -> None:
        response = service.ask(facts, trace=trace)
        _validate(operations[f"POST {DECISIONS}"], response)

    asked()


def test_each_ruleset_is_shown_as_documented(service: Service, operations: Mapping[str, APIOperation]) -> None:
    for ruleset in read(service.get("/v1/rulesets"))["rulesets"]:
        _validate(operations["GET /v1/rulesets/{name}"], service.get(f"/v1/rulesets/{ruleset['name']}"))


def test_each_kind_of_refusal_is_of_the_documented_shape(service: Service, operations: Mapping[str, APIOperation]) -> None:
    good = written({"facts": {}})
    for path, headers, body, status in (
        (DECISIONS, {}, b"{", 400),
        (DECISIONS, {"Authorization": ""}, good, 401),
        ("/v1/rulesets/none/decisions", {}, good, 404),
        (DECISIONS, {}, good.ljust(2_000_000), 413),
        (DECISIONS, {"Content-Type": "text/plain"}, good, 415),
        (DECISIONS, {}, b'{"facts":{"none":1}}', 422),
    ):
        response = service.post(body, path, headers)
        assert response.status_code == status
        _validate(operations["POST /v1/rulesets/{name}/decisions"], response)


def _validate(operation: APIOperation, response: httpx.Response) -> None:
    """Assert that status, type and shape of a response are documented."""
    assert str(response.status_code) in operation.definition.raw["responses"]
    operation.validate_response(response)


# --- facts from the vocabulary --------------------------------------------------------------------------------------------


def _facts(fields: list[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Some fields of the vocabulary, each with a value or null."""
    by_id = {field["id"]: field for field in fields}
    return st.lists(st.sampled_from(sorted(by_id)), unique=True, max_size=60).flatmap(
        lambda names: st.fixed_dictionaries({name: st.none() | _values(by_id[name]) for name in names})
    )


def _values(field: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    match field["type"]:
        case "number":
            low, high = Decimal(field["min"]), Decimal(field["max"])
            numbers = st.decimals(low, high, places=field["scale"]) | st.sampled_from([low, high])
            return numbers | numbers.map(lambda number: format(number, "f"))
        case "choice":
            return st.sampled_from([choice["code"] for choice in field["choices"]])
        case "boolean":
            return st.booleans()
        case "list":
            return st.lists(_values(field["item"]), max_size=4)
        case other:
            raise AssertionError(other)
