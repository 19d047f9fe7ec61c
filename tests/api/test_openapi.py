"""Does the OpenAPI document say what the service does: all of it, and nothing else?"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx
import jsonschema_rs
import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from api import create_app
from api.callers import COOKIE, CSRF_HEADER
from tests.api.everybody import Bank, founded
from tests.api.running import DECISIONS, Server, Service, read, written

DOCUMENT: Final = "/v1/openapi.json"
PUBLIC: Final = {"GET /healthz", "GET /readyz", "POST /v1/sign-in", "GET /v1/single-sign-on", "GET /v1/single-sign-on/callback"}
PAGES: Final = {"GET /", "GET /docs", "GET /docs/errors", "GET /static/{filename}", f"GET {DOCUMENT}"}
_TABLE: Final = Path(__file__).with_name("permissions.txt").read_text(encoding="utf-8")
OPERATIONS: Final = sorted(set(re.findall(r"^([A-Z]+ /\S*)", _TABLE, re.MULTILINE)) - PAGES)
"""What test_permissions.py has reviewed."""
NOT_HERE: Final = [positive_data_acceptance, ignored_auth]
"""Which facts there are is not in the document but in the vocabulary; who may do what is tried by test_permissions.py."""


@pytest.fixture(scope="module")
def document(service: Service) -> Any:
    """The document as served, to a caller without a key."""
    response = service.get(DOCUMENT, {"Authorization": ""})
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/json")
    return read(response)


@pytest.fixture(scope="module")
def operations(server: Server) -> Mapping[str, APIOperation]:
    """What schemathesis makes of the document: "POST /v1/decisions" → how to try it."""
    return _operations(schemathesis.openapi.from_url(f"{server.url}{DOCUMENT}"))


def _operations(schema: Any) -> Mapping[str, APIOperation]:
    results = list(schema.get_all_operations())
    assert all(isinstance(result, Ok) for result in results), results
    return {result.ok().label: result.ok() for result in results if isinstance(result, Ok)}


def each(document: Any) -> Iterator[tuple[str, str, Any]]:
    """Path, method and definition of every operation."""
    for path, item in document["paths"].items():
        yield from ((path, method.upper(), operation) for method, operation in item.items() if method != "parameters")


# --- the document --------------------------------------------------------------------------------------------------------


def test_the_document_is_valid_openapi_3_1(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    schemathesis.openapi.from_dict(document).validate()


def test_a_document_with_a_fault_would_not_be_called_valid(document: Any) -> None:
    del document["info"]["title"]
    with pytest.raises(jsonschema_rs.ValidationError, match="title"):
        schemathesis.openapi.from_dict(document).validate()


def test_the_document_lists_exactly_these_operations(operations: Mapping[str, APIOperation]) -> None:
    assert sorted(operations) == OPERATIONS


def test_every_operation_needs_a_key_or_a_sign_in_except_the_public_ones(document: Any) -> None:
    assert document["components"]["securitySchemes"] == {
        "key": {"type": "http", "scheme": "bearer"},
        "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    }
    assert not document.get("security")
    for path, method, operation in each(document):
        assert bool(operation.get("security")) == (f"{method} {path}" not in PUBLIC), path
        assert all(scheme in ({"key": []}, {"cookie": []}) or path == "/metrics" for scheme in operation.get("security", []))


def test_every_status_is_named_and_every_refusal_is_a_problem(document: Any) -> None:
    for path, method, operation in each(document):
        for status, response in operation["responses"].items():
            assert status.isdecimal(), f"{method} {path} documents {status}, which no caller can tell"
            assert re_bilingual(response["description"]) or status[0] == "2", response
            types = list(response.get("content", {}))
            assert len(types) == (status not in ("204", "302", "304")), (path, status)
            assert status[0] in "23" or types == ["application/problem+json"], (path, status)
        assert ("401" in operation["responses"]) == (f"{method} {path}" not in PUBLIC - {"POST /v1/sign-in"} | {"GET /metrics"})
        assert "{" not in path or "404" in operation["responses"]
        assert "requestBody" not in operation or {"400", "413", "415", "422"} <= operation["responses"].keys()


def re_bilingual(text: str) -> bool:
    return text.isascii() is False and " / " in text


def test_every_operation_has_a_summary_in_both_languages(document: Any) -> None:
    for _, _, operation in each(document):
        assert re_bilingual(operation["summary"]), operation["summary"]


def test_the_examples_of_the_document_are_answered(service: Service, document: Any) -> None:
    facts = document["components"]["schemas"]["DecisionRequest"]["properties"]["facts"]["example"]
    assert service.decide(facts, "value_segment")["outcomes"] == {"value_segment": "high"}


# --- the service against its document ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return founded(tmp_path_factory.mktemp("bank"))


@pytest.fixture(scope="module")
def app(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with bank.opened(tmp_path_factory.mktemp("app")) as held:
        app = create_app(held)
        app.wsgi_app = _each_from_elsewhere(app.wsgi_app)  # type: ignore[method-assign]
        yield app


def _each_from_elsewhere(application: Callable[..., Any]) -> Callable[..., Any]:
    """Every request comes from another address, so that none is refused because there were so many."""
    numbers = itertools.count()
    return lambda environ, start: application({**environ, "REMOTE_ADDR": f"10.{next(numbers)}"}, start)


@pytest.fixture(scope="module")
def in_process(app: Flask) -> Mapping[str, APIOperation]:
    """``operations``, of the small bank, without inventing cookies and keys: those are real."""
    refusals = {"negative_data_rejection": {"expected-statuses": [400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 428]}}
    config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}, "checks": refusals})
    return _operations(schemathesis.openapi.from_wsgi(DOCUMENT, app, config=config))


def credentials(bank: Bank, scheme: str) -> dict[str, Any]:
    """What shows who is calling: a key with all scopes, or somebody with all roles."""
    if scheme == "nobody":
        return {}
    if scheme == "key":
        return {"headers": dict(bank.callers["both"])}
    person = bank.callers["all-roles"]
    return {"headers": {CSRF_HEADER: person[CSRF_HEADER]}, "cookies": dict([person["Cookie"].split("=", 1)])}


@pytest.mark.parametrize("label", OPERATIONS)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_whatever_is_sent_is_answered_as_documented(
    bank: Bank, app: Flask, in_process: Mapping[str, APIOperation], label: str, mode: GenerationMode, soak: bool, tmp_path: Path
) -> None:
    """Any 5xx, undocumented status or type, answer of another shape or accepted nonsense is a failure.

    So is a refusal because there were too many requests, or one without a word of Chinese.
    """
    operation = in_process[label]
    if mode is GenerationMode.NEGATIVE and nothing_could_be_wrong(operation):
        pytest.skip("it takes nothing that could be wrong")
    schemes = [name for scheme in operation.definition.raw.get("security", []) for name in scheme] or ["nobody"]
    seen: Counter[int] = Counter()

    @settings(max_examples=1_000 if soak else 6, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
    @given(data=st.data())
    def sent(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        if data.draw(st.integers(0, 3)):
            _aim(case, bank)
        response = case.call_and_validate(excluded_checks=NOT_HERE, **credentials(bank, data.draw(st.sampled_from(schemes))))
        seen[response.status_code] += 1
        assert response.status_code not in (429, 503)
        if response.status_code >= 400 and case.method != "HEAD":
            for error in response.json()["errors"]:
                assert re.search(r"[\u4e00-\u9fff]", error["detail"]), error

    with bank.opened(tmp_path) as held:
        app.extensions["zhunsheng"] = held
        sent()


def nothing_could_be_wrong(operation: APIOperation) -> bool:
    """Whether there is no body, and no parameter but texts in the address: any text will do."""
    raw = operation.definition.raw
    shared = operation.schema.raw_schema["paths"][operation.path].get("parameters", [])
    parameters = [parameter for parameter in [*raw.get("parameters", []), *shared] if parameter.get("in") != "path" or parameter["schema"]["type"] != "string"]
    return "requestBody" not in raw and not parameters


def _aim(case: schemathesis.Case, bank: Bank) -> None:
    """Let a case be about something that there is, where it is not meant to miss."""
    place, meta = bank.place(case.path), case.meta
    assert meta is not None
    if case.path_parameters and not meta.is_negative_at(ParameterLocation.PATH):
        case.path_parameters = {name: place.parameters.get(name, value) for name, value in case.path_parameters.items()}
    if "If-Match" in case.headers and not meta.is_negative_at(ParameterLocation.HEADER):
        case.headers["If-Match"] = f'"{place.revision}"'


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
