"""Can people write, check, submit, approve and roll back over HTTP, each only what is theirs to do?"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask

from api import create_app
from api.service import Service
from tests.api.browser import code, person
from tests.api.running import SMALL, WITH_KEY, held


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = held(tmp_path, SMALL)
    yield made
    made.stop()


@pytest.fixture
def app(service: Service) -> Flask:
    return create_app(service)


@pytest.fixture
def edda(app: Flask) -> Iterator[httpx.Client]:
    with person(app, "edda") as client:
        yield client


@pytest.fixture
def anna(app: Flask) -> Iterator[httpx.Client]:
    with person(app, "anna") as client:
        yield client


def opened(browser: httpx.Client, ruleset: str = "typed", **more: Any) -> Any:
    response = browser.post("/v1/drafts", json={"ruleset": ruleset, "title": "调整年份", **more})
    assert response.status_code == 201, response.text
    return response.json()


def with_year(draft: Any, year: int) -> Any:
    """What is saved: the document with another year."""
    document = copy.deepcopy(draft["document"])
    document["tables"][0]["rows"][0]["when"] = [f"< {year}年1月1日"]
    return {"document": document, "cases": draft["cases"]}


def revision(draft: Any) -> dict[str, str]:
    return {"If-Match": f'"{draft["revision"]}"'}


def saved(browser: httpx.Client, draft: Any, year: int) -> Any:
    response = browser.put(f"/v1/drafts/{draft['id']}", json=with_year(draft, year), headers=revision(draft))
    assert response.status_code == 200, response.text
    return response.json()


def act(browser: httpx.Client, draft: Any, what: str, **body: Any) -> Any:
    response = browser.post(f"/v1/drafts/{draft['id']}/{what}", json=body, headers=revision(draft))
    assert response.status_code in (200, 201), response.text
    return response.json()


def test_the_whole_life_of_a_change(service: Service, edda: httpx.Client, anna: httpx.Client) -> None:
    draft = opened(edda)
    assert (draft["state"], draft["base"], draft["contributors"], draft["changes"]) == ("draft", 1, ["edda"], [])
    draft = saved(edda, draft, 2018)
    assert [(change["path"], change["after"]) for change in draft["changes"]] == [(["tables", "standing", "rows", "early", "when", "opened"], "< 2018年1月1日")]
    assert edda.post(f"/v1/drafts/{draft['id']}/check").json() == {"findings": []}
    draft = act(edda, draft, "submit", reason="监管口径调整")
    assert draft["state"] == "submitted"
    assert code(edda.post(f"/v1/drafts/{draft['id']}/approve", json={}, headers=revision(draft))) == (403, "E617")
    draft = act(anna, draft, "approve", comment="同意")
    assert (draft["state"], draft["version"], draft["decided_by"]) == ("approved", 2, "anna")
    versions = edda.get("/v1/rulesets/typed/versions").json()["versions"]
    assert [(one["version"], one["state"], one["author"], one["approver"]) for one in versions] == [
        (2, "scheduled", "edda", "anna"),
        (1, "in_force", "shipped", "installation"),
    ]
    whole = edda.get("/v1/rulesets/typed/versions/2").json()
    assert whole["document"]["tables"][0]["rows"][0]["when"] == ['< @"2018-01-01"']
    assert whole["sha256"] == versions[0]["sha256"]


def test_saving_needs_the_revision_it_was_made_on(edda: httpx.Client) -> None:
    draft = opened(edda)
    path, body = f"/v1/drafts/{draft['id']}", with_year(draft, 2018)
    assert code(edda.put(path, json=body)) == (428, "E651")
    for tag in ('"7"', '"x"', '"1", "2"', "W/x"):
        assert code(edda.put(path, json=body, headers={"If-Match": tag})) == (412, "E652"), tag
    response = edda.put(path, json=body, headers={"If-Match": '"1"'})
    assert response.headers["ETag"] == '"2"'
    assert code(edda.put(path, json=body, headers={"If-Match": '"1"'})) == (412, "E652")


def test_findings_have_their_place_in_the_document_and_in_words(edda: httpx.Client) -> None:
    draft = opened(edda)
    body = with_year(draft, 2018)
    body["document"]["tables"][0]["rows"][0]["when"] = ["< 5万"]
    draft = edda.put(f"/v1/drafts/{draft['id']}", json=body, headers=revision(draft)).json()
    (finding,) = edda.post(f"/v1/drafts/{draft['id']}/check").json()["findings"]
    assert finding["document"] == "typed"
    assert finding["pointer"] == "/tables/0/rows/0/when/0"
    assert "资历" in finding["place"]
    refusal = edda.post(f"/v1/drafts/{draft['id']}/submit", json={"reason": "改"}, headers=revision(draft))
    assert refusal.status_code == 422
    assert refusal.json()["errors"][0]["pointer"] == finding["pointer"]
    english = edda.post(f"/v1/drafts/{draft['id']}/check", headers={"Accept-Language": "en"}).json()["findings"][0]
    assert english["title"].isascii()


def test_a_conflict_is_shown_cell_by_cell_and_settled_by_choosing(app: Flask, edda: httpx.Client, anna: httpx.Client) -> None:
    with person(app, "emil") as emil:
        late = saved(emil, opened(emil), 2015)
        first = act(edda, saved(edda, opened(edda), 2018), "submit", reason="改")
        act(anna, first, "approve")
        assert emil.get(f"/v1/drafts/{late['id']}").json()["stale"] is True
        refusal = emil.post(f"/v1/drafts/{late['id']}/rebase", json={}, headers=revision(late))
        assert code(refusal) == (409, "E655")
        (conflict,) = refusal.json()["conflicts"]
        assert (conflict["kind"], conflict["ours"], conflict["theirs"]) == ("cell", "< 2015年1月1日", '< @"2018-01-01"')
        chosen = {"resolutions": [{"path": conflict["path"], "value": conflict["theirs"]}]}
        rebased = emil.post(f"/v1/drafts/{late['id']}/rebase", json=chosen, headers=revision(late)).json()
        assert (rebased["base"], rebased["stale"], rebased["changes"]) == (2, False, [])


def test_a_rejection_says_why(edda: httpx.Client, anna: httpx.Client) -> None:
    draft = act(edda, saved(edda, opened(edda), 2018), "submit", reason="改")
    assert anna.post(f"/v1/drafts/{draft['id']}/reject", json={}, headers=revision(draft)).status_code == 422
    draft = act(anna, draft, "reject", comment="缺少依据")
    assert (draft["state"], draft["comment"]) == ("rejected", "缺少依据")
    assert code(anna.post(f"/v1/drafts/{draft['id']}/approve", json={}, headers=revision(draft))) == (409, "E653")


def test_a_scheduled_version_is_warned_of_withdrawn_and_carried_to(edda: httpx.Client, anna: httpx.Client) -> None:
    draft = act(edda, saved(edda, opened(edda), 2018), "submit", reason="年底起", effective_from="2099-12-31T00:00:00")
    assert draft["effective_from"] == "2099-12-31T00:00:00+08:00"
    act(anna, draft, "approve")
    today = opened(edda)
    assert [warning["version"] for warning in today["warnings"]] == [2]
    carried = act(edda, today, "carry-forward", version=2)
    assert (carried["base"], carried["effective_from"]) == (2, "2099-12-31T00:00:00+08:00")
    assert code(edda.post("/v1/rulesets/typed/versions/2/withdraw", json={"reason": "不再需要"})) == (403, "E617")
    assert anna.post("/v1/rulesets/typed/versions/2/withdraw", json={"reason": "不再需要"}).json()["state"] == "withdrawn"
    assert code(anna.post("/v1/rulesets/typed/versions/1/withdraw", json={"reason": "不再需要"})) == (409, "E658")
    assert edda.get(f"/v1/drafts/{today['id']}").json()["warnings"] == []


@pytest.mark.parametrize("instant", ["tomorrow", "2026-13-01", "2026-12-01T09:00:00.5", "2026-12-01T25:00"])
def test_an_instant_that_is_none_is_refused(edda: httpx.Client, instant: str) -> None:
    draft = saved(edda, opened(edda), 2018)
    response = edda.post(f"/v1/drafts/{draft['id']}/submit", json={"reason": "改", "effective_from": instant}, headers=revision(draft))
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/effective_from")


def test_drafts_are_listed_by_ruleset_and_state(edda: httpx.Client) -> None:
    first, second = opened(edda), opened(edda, "failing")
    assert [draft["id"] for draft in edda.get("/v1/drafts", params={"ruleset": "failing"}).json()["drafts"]] == [second["id"]]
    assert edda.delete(f"/v1/drafts/{first['id']}", headers=revision(first)).json()["state"] == "discarded"
    assert {draft["id"] for draft in edda.get("/v1/drafts", params={"state": "draft"}).json()["drafts"]} == {second["id"]}
    assert edda.get("/v1/drafts", params={"state": "lost"}).status_code == 422
    assert edda.get("/v1/drafts?state=draft&state=draft").status_code == 422


def test_what_is_not_there_is_not_found(edda: httpx.Client) -> None:
    assert code(edda.get("/v1/drafts/nothing")) == (404, "E656")
    assert code(edda.post("/v1/drafts", json={"ruleset": "nowhere", "title": "?"})) == (404, "E621")
    assert code(edda.post("/v1/drafts", json={"ruleset": "typed", "title": "?", "version": 9})) == (404, "E657")
    assert code(edda.get("/v1/rulesets/nowhere/versions")) == (404, "E621")
    assert code(edda.get("/v1/rulesets/typed/versions/9")) == (404, "E657")


def test_a_new_ruleset_is_opened_by_an_administrator_and_begins_empty(app: Flask, edda: httpx.Client, anna: httpx.Client) -> None:
    body = {"name": "green-credit", "department": "head-office"}
    assert code(edda.post("/v1/rulesets", json=body)) == (403, "E617")
    with person(app, "adam") as adam:
        assert adam.post("/v1/rulesets", json=body).json() == {**body, "versions": 0}
        assert code(adam.post("/v1/rulesets", json=body)) == (409, "E660")
        assert code(adam.post("/v1/rulesets", json={**body, "name": "other", "department": "moon"})) == (422, "E632")
    draft = opened(edda, "green-credit")
    assert (draft["base"], draft["document"]) == (0, {"ruleset": "green-credit"})
    label = {"zh": "绿色信贷", "en": "green credit"}
    document = {"ruleset": "green-credit", "title": label, "owner": label, "exports": []}
    draft = edda.put(f"/v1/drafts/{draft['id']}", json={"document": document, "cases": draft["cases"]}, headers=revision(draft)).json()
    assert act(anna, act(edda, draft, "submit", reason="新规则集"), "approve")["version"] == 1


def test_a_roll_back_waits_for_somebody_else(edda: httpx.Client, anna: httpx.Client) -> None:
    response = edda.post("/v1/rulesets/typed/rollback", json={"version": 1, "reason": "恢复"})
    assert (response.status_code, response.json()["state"]) == (201, "submitted")
    assert act(anna, response.json(), "approve")["version"] == 2


def test_keys_of_systems_do_not_edit(app: Flask) -> None:
    with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://small", headers=WITH_KEY) as client:
        assert code(client.get("/v1/drafts")) == (403, "E649")
        assert client.get("/v1/rulesets/typed/versions").status_code == 200
