"""Can a system decide and a person change the rules with the client, and is every refusal an exception that says why?"""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from flask import Flask
from zhunsheng_client import (
    ChangedMeanwhile,
    Client,
    Fault,
    InConflict,
    InvalidRequest,
    NotAllowed,
    NotFound,
    NotSignedIn,
    types,
)

from rulesets import audit_check
from tests.api.running import KEY, PASSWORD, Server
from tests.client.conftest import URL, SignedIn

TOMORROW = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0).isoformat()


def with_year(draft: types.DraftDetail, year: int) -> types.DraftDetail:
    draft["document"]["tables"][0]["rows"][0]["when"] = [f'< date("{year}-01-01")']
    return draft


def saved(editor: Client, year: int) -> types.DraftDetail:
    draft = with_year(editor.drafts.open("typed", title="年份"), year)
    return editor.drafts.save(draft["id"], draft["document"], cases=draft["cases"], revision=draft["revision"])


# --- a system ------------------------------------------------------------------------------------------------------------


def test_a_decision_keeps_every_digit_both_ways(crm: Client) -> None:
    answer = crm.decisions.decide({"debt": Decimal("0.10"), "income": "3.00"}, outcomes=["burden"])
    assert (answer["outcomes"], type(answer["outcomes"]["burden"])) == ({"burden": Decimal("0.0333")}, Decimal)


def test_a_decision_can_be_found_read_and_replayed(crm: Client) -> None:
    answer = crm.decisions.decide({"opened": datetime(2019, 5, 1, tzinfo=UTC).date(), "debt": Decimal("50.00")}, outcomes=["standing"], reference="c-1")
    (found,) = crm.decisions.search(reference="c-1", ruleset="typed", version=1)["decisions"]
    kept = crm.decisions.get(found["decision_id"])
    assert (kept["decision_id"], kept["outcomes"], kept["facts"]["debt"]) == (answer["decision_id"], {"standing": "old"}, Decimal("50.00"))
    assert kept["trace"][0]["read"] == [{"field": "opened", "value": "2019-05-01", "from": "given"}]
    replayed = crm.decisions.replay(kept["decision_id"])
    assert (replayed["result"], replayed["differences"]) == ("identical", [])


def test_a_batch_tells_the_status_of_every_item(crm: Client) -> None:
    answer = crm.decisions.batch([{"facts": {"opened": "2019-05-01"}}, {"facts": {"opened": "soon"}}], outcomes=["standing"])
    assert [item["status"] for item in answer["items"]] == [200, 422]
    assert answer["items"][0]["decision"]["outcomes"] == {"standing": "old"}


def test_the_rules_of_another_day_decide_when_asked(crm: Client) -> None:
    assert crm.decisions.decide_by_ruleset("typed", {"opened": "2021-05-01"}, as_of=TOMORROW, versions={"typed": 1})["outcomes"] == {"standing": "new"}


def test_what_is_in_force_can_be_read(crm: Client) -> None:
    assert {ruleset["name"] for ruleset in crm.rulesets.list()["rulesets"]} == {"typed", "failing"}
    assert crm.rulesets.get("typed")["version"] == 1
    assert crm.rulesets.version("typed", 1)["document"]["ruleset"] == "typed"
    assert "income" in {field["id"] for field in crm.vocabulary.get(as_of=TOMORROW)["fields"]}
    assert crm.health.ready()["status"] == "ready"


# --- people --------------------------------------------------------------------------------------------------------------


def test_the_whole_life_of_a_change(signed_in: SignedIn, crm: Client) -> None:
    editor, approver = signed_in("edda"), signed_in("anna")
    draft = saved(editor, 2018)
    assert editor.drafts.check(draft["id"]) == {"findings": []}
    assert editor.drafts.try_out({"opened": "2019-05-01"}, drafts=[draft["id"]], outcomes=["standing"])["outcomes"] == {"standing": "new"}
    draft = editor.drafts.submit(draft["id"], "监管口径调整", revision=draft["revision"], effective_from=TOMORROW)
    published = approver.drafts.approve(draft["id"], revision=draft["revision"], comment="同意")
    newest, *_ = crm.rulesets.versions("typed")["versions"]
    assert (published["state"], newest["version"], newest["state"], newest["approver"]) == ("approved", published["version"], "scheduled", "anna")
    assert approver.rulesets.withdraw("typed", newest["version"], "撤回重审")["state"] == "withdrawn"


def test_nobody_overwrites_anybody(signed_in: SignedIn) -> None:
    editor = signed_in("edda")
    draft = saved(editor, 2017)
    with pytest.raises(ChangedMeanwhile) as caught:
        editor.drafts.save(draft["id"], draft["document"], cases=draft["cases"], revision=draft["revision"] - 1)
    assert (caught.value.status, caught.value.code) == (412, "E652")
    assert editor.drafts.discard(draft["id"], revision=draft["revision"])["state"] == "discarded"


def test_findings_say_where(signed_in: SignedIn) -> None:
    editor = signed_in("edda")
    draft = editor.drafts.open("typed", title="写错")
    draft["document"]["tables"][0]["rows"][0]["when"] = ["< soon"]
    draft = editor.drafts.save(draft["id"], draft["document"], cases=draft["cases"], revision=draft["revision"])
    with pytest.raises(InvalidRequest) as caught:
        editor.drafts.submit(draft["id"], "试试", revision=draft["revision"])
    assert caught.value.errors[0].pointer == "/tables/0/rows/0/when/0"


def test_an_administrator_leaves_out_what_stays_and_says_none_for_nothing(signed_in: SignedIn) -> None:
    administrator = signed_in("adam")
    administrator.departments.create("credit", zh="信贷部", en="Credit")
    made = administrator.users.create("vito", display="维托", department="credit")["user"]
    renamed = administrator.users.change("vito", revision=made["revision"], display="维多")
    assert (renamed["display"], renamed["department"]) == ("维多", "credit")
    assert administrator.users.change("vito", revision=renamed["revision"], department=None)["department"] is None


def test_an_export_goes_to_a_file_that_verifies(signed_in: SignedIn, tmp_path: Path) -> None:
    compliance, file = signed_in("cora"), tmp_path / "audit.jsonl"
    compliance.audit.export(file)
    assert audit_check.main([str(file)]) == 0
    with pytest.raises(FileExistsError):
        compliance.audit.export(file)
    assert compliance.audit.list(action="audit.exported")["entries"][0]["actor"] == "user:cora"


def test_who_signs_out_is_nobody_again(signed_in: SignedIn) -> None:
    viewer = signed_in("vera")
    assert viewer.me.get()["user"]["name"] == "vera"
    viewer.sign_out()
    with pytest.raises(NotSignedIn):
        viewer.me.get()


def test_a_client_with_a_key_cannot_sign_in(crm: Client) -> None:
    with pytest.raises(ValueError, match="acts for its system"):
        crm.sign_in("vera", PASSWORD)


# --- refusals ------------------------------------------------------------------------------------------------------------


def test_all_faults_of_a_request_are_told_with_their_places(app: Flask) -> None:
    with Client(URL, key=KEY, language="en", transport=httpx.WSGITransport(app)) as client, pytest.raises(InvalidRequest) as caught:
        client.decisions.decide({"debt": "1e6", "visits": True})
    assert (caught.value.status, caught.value.code) == (422, "E407")
    assert [(fault.code, fault.pointer) for fault in caught.value.errors] == [("E407", "/facts/debt"), ("E402", "/facts/visits")]
    assert isinstance(caught.value.errors[0], Fault)
    assert str(caught.value).startswith("422 E407 ")


def test_each_kind_of_refusal_has_its_exception(crm: Client, app: Flask, signed_in: SignedIn) -> None:
    with pytest.raises(NotFound, match="E663"):
        crm.decisions.get("none")
    with pytest.raises(NotAllowed, match="E649"):
        crm.drafts.list()
    crm.decisions.decide({"debt": 1}, outcomes=["standing"], reference="taken")
    with pytest.raises(InConflict, match="E661"):
        crm.decisions.decide({"debt": 2}, outcomes=["standing"], reference="taken")
    with Client(URL, key="zs_wrong", transport=httpx.WSGITransport(app)) as stranger, pytest.raises(NotSignedIn, match="E611"):
        stranger.rulesets.list()


def test_conflicts_of_a_rebase_are_members_of_the_exception(tmp_path: Path, signed_in: SignedIn) -> None:
    editor, approver = signed_in("edda"), signed_in("anna")
    draft, other = saved(editor, 2017), saved(editor, 2016)
    other = editor.drafts.submit(other["id"], "监管口径调整", revision=other["revision"])
    approver.drafts.approve(other["id"], revision=other["revision"])
    with pytest.raises(InConflict) as caught:
        editor.drafts.rebase(draft["id"], revision=draft["revision"])
    assert caught.value.code == "E655"
    assert [conflict["ours"] for conflict in caught.value.members["conflicts"]] == ['< date("2017-01-01")']


# --- over a real connection ----------------------------------------------------------------------------------------------


def test_it_works_over_a_real_connection(server: Server) -> None:
    with Client(server.url, key=KEY) as crm:
        assert crm.decisions.decide({"存款月日均余额": Decimal("1000000.00"), "loan_balance": 0})["outcomes"]["value_segment"] == "high"
        with pytest.raises(NotFound, match="规则 x=1"):
            crm.rulesets.get("../规则 x=1?#")
    with Client(server.url) as editor:
        editor.sign_in("edda", PASSWORD)
        assert editor.drafts.open("visit-plan", title="走访")["contributors"] == ["edda"]


def test_every_call_has_a_docstring_and_types(crm: Client) -> None:
    groups = [group for group in vars(crm).values() if type(group).__module__ == "zhunsheng_client.resources"]
    calls = [call for group in groups for name, call in inspect.getmembers(group, inspect.ismethod) if not name.startswith("_")]
    assert len(calls) > 40
    assert [call for call in calls if not call.__doc__ or "return" not in call.__annotations__] == []
