"""Are decisions kept, found again, replayed, masked, and never made twice for one reference?"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask

from api import create_app
from api.service import Service
from rulesets import clock
from rulesets.clock import SECOND
from tests.api.browser import code, person
from tests.api.running import SMALL, WITH_KEY, held
from tests.store.bank import published

ASK = {"facts": {"opened": "2019-05-01", "income": "100.00", "debt": 50, "visits": 2}}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = held(tmp_path_factory.mktemp("kept"), SMALL)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def app(service: Service) -> Flask:
    return create_app(service)


@pytest.fixture
def crm(app: Flask) -> Iterator[httpx.Client]:
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://small", headers=WITH_KEY) as client:
        yield client


def ask(crm: httpx.Client, **more: Any) -> Any:
    response = crm.post("/v1/decisions", json={**ASK, **more})
    assert response.status_code == 200, response.text
    return response.json()


def test_the_same_reference_and_request_is_the_same_decision(crm: httpx.Client) -> None:
    first = ask(crm, reference="loan-1")
    again = ask(crm, reference="loan-1", facts={"debt": "50.00", "income": 100, "opened": "2019-05-01", "visits": "2"})
    assert again == first
    traced = ask(crm, reference="loan-1", trace=True)
    assert traced["decision_id"] == first["decision_id"]
    assert traced["trace"]
    assert ask(crm, reference="loan-2")["decision_id"] != first["decision_id"]


@pytest.mark.parametrize("change", [{"facts": {**ASK["facts"], "debt": 51}}, {"outcomes": ["burden"]}, {"as_of": "2099-01-01"}])
def test_the_same_reference_with_another_request_is_refused(crm: httpx.Client, change: dict[str, Any]) -> None:
    ask(crm, reference="taken")
    assert code(crm.post("/v1/decisions", json={**ASK, "reference": "taken", **change})) == (409, "E661")


def test_a_kept_decision_is_shown_with_its_steps_and_replays_identically(crm: httpx.Client) -> None:
    made = ask(crm)
    kept = crm.get(f"/v1/decisions/{made['decision_id']}").json()
    assert kept["outcomes"] == made["outcomes"]
    assert kept["outcomes"]["band"] == 1
    assert kept["facts"] == {"opened": "2019-05-01", "income": 100, "debt": 50, "visits": 2}
    assert {step["production"] for step in kept["trace"]} >= {"standing", "burden"}
    assert {version["name"] for version in kept["versions"]} == {"vocabulary", "typed", "failing"}
    assert crm.post(f"/v1/decisions/{made['decision_id']}/replay").json() == {"result": "identical", "differences": []}


def test_a_decision_by_rules_that_failed_is_kept_too(crm: httpx.Client) -> None:
    response = crm.post("/v1/decisions", json={"facts": {"income": 0, "debt": 1}, "reference": "fails"})
    assert response.status_code == 422
    (kept,) = crm.get("/v1/decisions", params={"reference": "fails"}).json()["decisions"]
    assert (kept["failure"], kept["outcomes"]) == (["E503"], {})
    assert crm.post(f"/v1/decisions/{kept['decision_id']}/replay").json()["result"] == "identical"
    assert crm.post("/v1/decisions", json={"facts": {"income": 0, "debt": 1}, "reference": "fails"}).status_code == 422


def test_what_is_refused_at_the_door_is_not_kept(crm: httpx.Client) -> None:
    assert crm.post("/v1/decisions", json={"facts": {"nothing": 1}, "reference": "refused"}).status_code == 422
    assert crm.get("/v1/decisions", params={"reference": "refused"}).json()["decisions"] == []


def test_decisions_are_found_by_what_is_known_of_them(crm: httpx.Client) -> None:
    start = clock.now()
    ids = [ask(crm, reference=f"search-{n}")["decision_id"] for n in range(5)]
    since = clock.write(start, UTC)

    def find(**params: Any) -> list[str]:
        response = crm.get("/v1/decisions", params={"since": since, **params})
        assert response.status_code == 200, response.text
        return [one["decision_id"] for one in response.json()["decisions"]]

    assert find() == ids[::-1]
    assert find(reference="search-3") == [ids[3]]
    assert find(outcome="standing:old") == ids[::-1]
    assert find(outcome="standing:new") == []
    assert find(outcome="burden:0.5") == ids[::-1]
    assert find(ruleset="typed", version=1) == ids[::-1]
    assert find(ruleset="typed", version=2) == []
    assert find(until=since) == []


def test_pages_follow_one_another(crm: httpx.Client) -> None:
    for n in range(5):
        ask(crm, reference=f"page-{n}")
    found, after = [], None
    while True:
        page = crm.get("/v1/decisions", params={"limit": 2, **({"after": after} if after else {})}).json()
        found += page["decisions"]
        if (after := page["next"]) is None:
            break
    assert len({one["decision_id"] for one in found}) == len(found) >= 5
    assert [one["at"] for one in found] == sorted((one["at"] for one in found), reverse=True)
    assert crm.get("/v1/decisions", params={"after": "?"}).status_code == 422


def test_a_batch_answers_each_item_by_itself(crm: httpx.Client) -> None:
    items = [ASK, {"facts": {"nothing": 1}}, {"facts": {"income": 0, "debt": 1}}, {**ASK, "reference": "batch"}, {**ASK, "reference": "batch"}]
    answer = crm.post("/v1/decisions/batch", json={"items": items}).json()["items"]
    assert [item["status"] for item in answer] == [200, 422, 422, 200, 200]
    assert answer[1]["problem"]["code"] == "E401"
    assert answer[3]["decision"] == answer[4]["decision"]
    assert answer[0]["decision"]["outcomes"] == ask(crm)["outcomes"]


@pytest.mark.parametrize("items", [[], [ASK] * 1001])
def test_a_batch_has_one_to_a_thousand_items(crm: httpx.Client, items: list[Any]) -> None:
    assert crm.post("/v1/decisions/batch", json={"items": items}).status_code == 422


def test_rules_can_be_asked_as_of_another_instant_or_by_version(service: Service, crm: httpx.Client) -> None:
    later = clock.now() // SECOND * SECOND + 86_400 * SECOND
    version = published(service.database, 2018, effective_from=later)
    service.releases.look()
    instant = clock.write(later, service.settings.zone)
    assert ask(crm, outcomes=["standing"])["outcomes"] == {"standing": "old"}
    future = ask(crm, outcomes=["standing"], as_of=instant)
    assert (future["outcomes"], future["rulesets"][0]["version"]) == ({"standing": "new"}, version.number)
    assert ask(crm, outcomes=["standing"], versions={"typed": version.number})["outcomes"] == {"standing": "new"}
    assert ask(crm, outcomes=["standing"], as_of=instant, known_as_of=clock.write(version.published_at - 1, service.settings.zone))["outcomes"] == {
        "standing": "old"
    }
    assert code(crm.post("/v1/decisions", json={**ASK, "versions": {"typed": 99}})) == (404, "E657")
    assert code(crm.post("/v1/decisions", json={**ASK, "as_of": "1999-01-01"})) == (404, "E659")
    assert crm.post(f"/v1/decisions/{future['decision_id']}/replay").json()["result"] == "identical"


def test_drafts_are_tried_without_a_trace_in_the_log(app: Flask, service: Service, crm: httpx.Client) -> None:
    before = crm.get("/v1/decisions").json()["decisions"][0]
    with person(app, "edda") as edda:
        draft = edda.post("/v1/drafts", json={"ruleset": "typed", "title": "试"}).json()
        draft["document"]["tables"][0]["rows"][0]["when"] = ["< 2018年1月1日"]
        saved = edda.put(f"/v1/drafts/{draft['id']}", json={name: draft[name] for name in ("document", "cases")}, headers={"If-Match": '"1"'})
        assert saved.status_code == 200
        tried = edda.post("/v1/try", json={**ASK, "drafts": [draft["id"]], "outcomes": ["standing"], "trace": True}).json()
        assert (tried["outcomes"], tried["rulesets"][0]["version"]) == ({"standing": "new"}, 0)
        assert edda.post("/v1/try", json={**ASK, "outcomes": ["standing"]}).json()["outcomes"] == {"standing": "old"}
        assert code(edda.post("/v1/try", json={**ASK, "drafts": ["nothing"]})) == (404, "E656")
    assert crm.get("/v1/decisions").json()["decisions"][0] == before


def test_a_system_sees_its_own_decisions_and_people_see_all(app: Flask, crm: httpx.Client) -> None:
    made = ask(crm)
    assert code(crm.get("/v1/decisions/00000000-0000-0000-0000-000000000000")) == (404, "E663")
    with person(app, "cora") as cora:
        assert cora.get(f"/v1/decisions/{made['decision_id']}").json()["outcomes"] == made["outcomes"]
        assert cora.post(f"/v1/decisions/{made['decision_id']}/replay").json()["result"] == "identical"
        assert cora.post("/v1/audit/verify").json()["result"] == "intact"
        entries = cora.get("/v1/audit", params={"action": "log.opened"}).json()["entries"]
        assert len(entries) >= 1
        exported = cora.post("/v1/audit/export")
        assert exported.headers["Content-Type"] == "application/x-ndjson"
        assert exported.content.count(b"\n") > 10


def test_sensitive_values_are_sealed_in_the_store_and_shown_only_to_compliance_and_their_system(tmp_path: Path) -> None:
    documents = shutil.copytree(SMALL, tmp_path / "documents")
    vocabulary = documents / "vocabulary.yaml"
    written = vocabulary.read_text(encoding="utf-8")
    for field in ("remark", "echo"):
        written = re.sub(rf"(  {field}: .*)}}$", r"\1, sensitive: true}", written, flags=re.MULTILINE)
    vocabulary.write_text(written, encoding="utf-8")
    made = held(tmp_path, documents)
    app = create_app(made)
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://small", headers=WITH_KEY) as crm:
        id_ = ask(crm, facts={"remark": "王小明", "income": 100, "debt": 50}, reference="secret")["decision_id"]
        assert crm.get(f"/v1/decisions/{id_}").json()["outcomes"]["echo"] == "王小明"
        assert code(crm.get("/v1/decisions", params={"outcome": "echo:王小明"})) == (422, "E666")
        assert len(crm.get("/v1/decisions", params={"outcome": "echo"}).json()["decisions"]) == 1
        assert crm.post(f"/v1/decisions/{id_}/replay").json()["result"] == "identical"
    with person(app, "cora") as cora, person(app, "vera") as vera:
        assert cora.get(f"/v1/decisions/{id_}").json()["facts"]["remark"] == "王小明"
        seen = vera.get(f"/v1/decisions/{id_}").json()
        assert (seen["facts"]["remark"], seen["outcomes"]["echo"], seen["facts"]["income"]) == ("***", "***", 100)
        assert "trace" not in seen
        assert "王小明" not in vera.get("/v1/decisions").text
    made.stop()
    for file in tmp_path.glob("store.db*"):
        assert "王小明".encode() not in file.read_bytes(), file
