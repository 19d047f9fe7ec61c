"""Can administrators, and nobody else, say who works with the rules and which systems may ask?"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Final

import httpx
import pytest
import sqlalchemy as sa
from flask import Flask

from api import create_app
from api.service import Service
from rulesets import clock, people
from rulesets.audit import Actor
from rulesets.models import ApiKey, AuditEntry, User
from tests.api.browser import Browser, code, signed_in
from tests.api.running import KEY, PASSWORD_HASH, SMALL, held

EVERYTHING: Final = {"department": None, "ruleset": None}
ENDPOINTS: Final = [
    ("GET", "/v1/users"),
    ("POST", "/v1/users"),
    ("GET", "/v1/users/vera"),
    ("PATCH", "/v1/users/vera"),
    ("PUT", "/v1/users/vera/grants"),
    ("POST", "/v1/users/vera/password"),
    ("POST", "/v1/departments"),
    ("GET", "/v1/keys"),
    ("POST", "/v1/keys"),
    ("POST", "/v1/keys/tests/rotate"),
    ("DELETE", "/v1/keys/tests"),
]
BODIES: Final[dict[tuple[str, str], Any]] = {
    ("POST", "/v1/users"): {"name": "intruder", "display": "x"},
    ("PATCH", "/v1/users/vera"): {"active": False},
    ("PUT", "/v1/users/vera/grants"): {"grants": []},
    ("POST", "/v1/departments"): {"id": "intruders", "zh": "x", "en": "x"},
    ("POST", "/v1/keys"): {"system": "intruder", "scopes": ["read"]},
    ("POST", "/v1/keys/tests/rotate"): {},
}
_numbers: Final = itertools.count(1)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = held(tmp_path_factory.mktemp("people"), SMALL)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def app(service: Service) -> Flask:
    return create_app(service)


@pytest.fixture(scope="module")
def adam(app: Flask) -> Iterator[Browser]:
    with signed_in(app, "adam") as browser:
        yield browser


@pytest.fixture(scope="module")
def department(adam: Browser) -> str:
    assert adam.ask("POST", "/v1/departments", {"id": "lending", "zh": "信贷部", "en": "Lending"}).status_code == 201
    return "lending"


@pytest.fixture
def name(adam: Browser) -> str:
    """The name of somebody new, who may do nothing."""
    name = f"new-{next(_numbers)}"
    assert adam.ask("POST", "/v1/users", {"name": name, "display": name, "single_sign_on": True}).status_code == 201
    return name


def user(adam: Browser, name: str) -> Any:
    response = adam.get(f"/v1/users/{name}")
    assert response.status_code == 200, response.text
    return response.json()


def in_store(service: Service) -> tuple[Any, ...]:
    """Everything that an administrator could change."""
    with service.database.reading() as session:
        counted = session.scalar(sa.select(sa.func.max(AuditEntry.number)))
        return (*(session.execute(sa.select(table.__table__)).all() for table in (User, ApiKey)), counted)


def last_entry(service: Service) -> tuple[str, str, str, str, str]:
    with service.database.reading() as session:
        entry = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.number.desc()).limit(1)).one()
        return entry.actor, entry.origin, entry.action, entry.object, entry.reason


# --- who may ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_only_administrators_of_everything_may(app: Flask, service: Service, adam: Browser, department: str, method: str, path: str) -> None:
    local = f"local-{next(_numbers)}"
    with service.database.writing() as session:
        made, _ = people.create(session, Actor("command:tests"), name=local, display=local, single_sign_on=True)
        made.password = PASSWORD_HASH
        granted = [people.Granted("administrator", department), people.Granted("administrator", ruleset="typed"), people.Granted("approver")]
        people.grant(session, Actor("command:tests"), local, revision=made.revision, granted=granted)
    body = BODIES.get((method, path))
    with Browser(app) as nobody, Browser(app, headers={"Authorization": f"Bearer {KEY}"}) as system, ExitStack() as others:
        browsers = [others.enter_context(signed_in(app, who)) for who in ("vera", "edda", "anna", "cora", local)]
        before = in_store(service)
        assert code(nobody.ask(method, path, body)) == (401, "E610")
        assert code(system.ask(method, path, body)) == (403, "E649")
        for browser in browsers:
            assert code(browser.ask(method, path, body, If_Match='"1"')) == (403, "E617")
        assert in_store(service) == before


def test_a_refusal_names_the_role_that_is_lacking(app: Flask) -> None:
    with signed_in(app, "vera") as vera:
        assert vera.get("/v1/users", Accept_Language="zh").json()["detail"] == "需要角色：管理员。"
        assert vera.get("/v1/users", Accept_Language="en").json()["detail"] == "This needs the role administrator."


def test_anybody_signed_in_may_read_the_departments(app: Flask, department: str) -> None:
    with signed_in(app, "vera") as vera:
        response = vera.get("/v1/departments")
        assert {"id": department, "zh": "信贷部", "en": "Lending"} in response.json()["departments"]
        assert vera.get("/v1/departments", If_None_Match=response.headers["ETag"]).status_code == 304


# --- departments and users -------------------------------------------------------------------------------------------------


def test_a_department_is_made_once(adam: Browser, department: str) -> None:
    for body in ({"id": department, "zh": "别的", "en": "Other"}, {"id": "other", "zh": "信贷部", "en": "Other"}):
        assert code(adam.ask("POST", "/v1/departments", body)) == (409, "E638")


def test_a_new_user_gets_a_password_that_opens_only_the_door_to_another(app: Flask, adam: Browser, service: Service) -> None:
    response = adam.ask("POST", "/v1/users", {"name": "liwei", "display": "李伟"})
    assert response.status_code == 201
    assert response.headers["Cache-Control"] == "no-store"
    answer = response.json()
    assert (answer["user"]["name"], answer["user"]["must_change_password"], answer["user"]["grants"]) == ("liwei", True, [])
    assert last_entry(service) == ("user:adam", adam.address, "user.created", "user:liwei", "")
    assert answer["password"] not in adam.get("/v1/users").text
    with signed_in(app, "liwei", answer["password"]) as liwei:
        assert code(liwei.get("/v1/rulesets")) == (403, "E618")


def test_who_signs_in_elsewhere_gets_no_password(adam: Browser) -> None:
    answer = adam.ask("POST", "/v1/users", {"name": "zhaolei", "display": "赵磊", "single_sign_on": True}).json()
    assert (answer["password"], answer["user"]["single_sign_on"], answer["user"]["must_change_password"]) == (None, True, False)


def test_a_name_is_given_once(adam: Browser, name: str) -> None:
    assert adam.ask("PATCH", f"/v1/users/{name}", {"active": False}, If_Match='"1"').status_code == 200
    response = adam.ask("POST", "/v1/users", {"name": name, "display": "somebody else"})
    assert code(response) == (409, "E630")
    assert response.json()["errors"][0]["pointer"] == "/name"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/display", "/name"]),
        ({"name": "Li Wei", "display": "x"}, ["/name"]),
        ({"name": "liwei\n", "display": "x"}, ["/name"]),
        ({"name": "liwei2", "display": "a\x01b"}, ["/display"]),
        ({"name": "liwei2", "display": "李伟\n"}, ["/display"]),
        ({"name": "liwei2", "display": "x" * 129}, ["/display"]),
        ({"name": "liwei2", "display": ""}, ["/display"]),
        ({"name": "liwei2", "display": "x", "department": "No Such"}, ["/department"]),
        ({"name": "liwei2", "display": "x", "single_sign_on": 1}, ["/single_sign_on"]),
        ({"name": "liwei2", "display": "x", "password": "x", "grants": []}, ["/grants", "/password"]),
    ],
)
def test_what_is_no_user_is_refused_with_its_place(adam: Browser, body: Any, pointers: list[str]) -> None:
    response = adam.ask("POST", "/v1/users", body)
    assert code(response) == (422, "E607")
    assert sorted({error["pointer"] for error in response.json()["errors"]}) == pointers


def test_an_unknown_department_is_named(adam: Browser) -> None:
    response = adam.ask("POST", "/v1/users", {"name": "liwei3", "display": "x", "department": "no-such"})
    assert code(response) == (422, "E632")
    assert (response.json()["errors"][0]["pointer"], "no-such" in response.json()["detail"]) == ("/department", True)


@pytest.mark.parametrize("name", ["nobody", "Vera", "x" * 300, "a%20b"])
def test_a_user_who_is_not_there_is_not_found(adam: Browser, name: str) -> None:
    asked = [
        adam.get(f"/v1/users/{name}"),
        adam.ask("PATCH", f"/v1/users/{name}", {"active": False}, If_Match='"1"'),
        adam.ask("PUT", f"/v1/users/{name}/grants", {"grants": []}, If_Match='"1"'),
        adam.ask("POST", f"/v1/users/{name}/password"),
    ]
    assert [code(response) for response in asked] == [(404, "E631")] * 4
    assert all(len(response.json()["detail"]) < 150 for response in asked)


def test_all_users_are_listed_with_what_they_may_do(adam: Browser) -> None:
    found = {one["name"]: one for one in adam.get("/v1/users").json()["users"]}
    assert list(found) == sorted(found)
    assert found["adam"] == user(adam, "adam")
    assert found["edda"]["grants"] == [{"role": "editor", **EVERYTHING}]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+08:00", found["adam"]["seen_at"])


def test_a_user_is_changed_by_whoever_has_seen_the_present_revision(adam: Browser, name: str, department: str, service: Service) -> None:
    tag = adam.get(f"/v1/users/{name}").headers["ETag"]
    assert tag == '"1"'
    change = {"display": "李伟", "department": department, "reason": "调入信贷部"}
    response = adam.ask("PATCH", f"/v1/users/{name}", change, If_Match=tag)
    assert response.status_code == 200
    assert (response.json()["display"], response.json()["department"], response.json()["revision"]) == ("李伟", department, 2)
    assert response.headers["ETag"] == '"2"'
    assert last_entry(service) == ("user:adam", adam.address, "user.changed", f"user:{name}", "调入信贷部")
    assert adam.ask("PATCH", f"/v1/users/{name}", {"department": None}, If_Match='"2"').json()["department"] is None


@pytest.mark.parametrize(("method", "path", "body"), [("PATCH", "", {"display": "x"}), ("PUT", "/grants", {"grants": []})])
def test_a_change_is_refused_without_the_present_revision(adam: Browser, name: str, service: Service, method: str, path: str, body: Any) -> None:
    before = in_store(service)
    assert code(adam.ask(method, f"/v1/users/{name}{path}", body)) == (428, "E651")
    for tag in ('"7"', '"0"', '"x"', "*", 'W/"1"', '"1", "2"', '"99999999999999999999"'):
        assert code(adam.ask(method, f"/v1/users/{name}{path}", body, If_Match=tag)) == (412, "E652")
    assert in_store(service) == before


def test_signing_in_does_not_count_as_a_revision(app: Flask, adam: Browser) -> None:
    before = user(adam, "cora")
    with signed_in(app, "cora"):
        after = user(adam, "cora")
    assert before["revision"] == after["revision"]
    assert before["seen_at"] != after["seen_at"]


def test_a_locked_account_shows_until_when_and_a_new_password_opens_it(app: Flask, adam: Browser) -> None:
    password = adam.ask("POST", "/v1/users", {"name": "forgetful", "display": "x"}).json()["password"]
    with Browser(app) as browser:
        assert {browser.sign_in("forgetful", "some other password").status_code for _ in range(5)} == {401}
        assert browser.sign_in("forgetful", password).status_code == 401
    assert user(adam, "forgetful")["locked_until"] is not None
    response = adam.ask("POST", "/v1/users/forgetful/password")
    assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
    assert user(adam, "forgetful")["locked_until"] is None
    with signed_in(app, "forgetful", response.json()["password"]):
        assert user(adam, "forgetful")["must_change_password"] is True


# --- grants ----------------------------------------------------------------------------------------------------------------


def test_what_is_granted_can_be_done_from_the_next_request_on(app: Flask, adam: Browser, service: Service, department: str) -> None:
    with service.database.writing() as session:
        made, _ = people.create(session, Actor("command:tests"), name="granted", display="x", single_sign_on=True)
        made.password = PASSWORD_HASH
    with signed_in(app, "granted") as them:
        assert code(them.get("/v1/rulesets")) == (403, "E617")
        granted = [{"role": "viewer"}, {"role": "editor", "department": department}, {"role": "approver", "ruleset": "typed"}]
        response = adam.ask("PUT", "/v1/users/granted/grants", {"grants": granted, "reason": "转岗"}, If_Match='"1"')
        assert response.status_code == 200, response.text
        assert response.json()["grants"] == [{**EVERYTHING, **one} for one in granted]
        assert last_entry(service) == ("user:adam", adam.address, "user.granted", "user:granted", "转岗")
        assert them.get("/v1/rulesets").status_code == 200
        assert adam.ask("PUT", "/v1/users/granted/grants", {"grants": []}, If_Match='"2"').json()["grants"] == []
        assert code(them.get("/v1/rulesets")) == (403, "E617")


@pytest.mark.parametrize(
    ("granted", "expected", "pointer"),
    [
        ({"role": "king"}, "E607", "/grants/0/role"),
        ({}, "E607", "/grants/0/role"),
        ({"role": "editor", "department": "lending", "ruleset": "typed"}, "E607", "/grants/0"),
        ({"role": "editor", "department": "no-such"}, "E632", "/grants/0/department"),
        ({"role": "editor", "ruleset": "no-such"}, "E633", "/grants/0/ruleset"),
        ({"role": "editor", "ruleset": "a\x01b"}, "E607", "/grants/0/ruleset"),
        ({"role": "editor", "for": "everything"}, "E607", "/grants/0/for"),
    ],
)
def test_a_grant_is_a_role_for_one_thing_that_is_there(adam: Browser, name: str, department: str, granted: Any, expected: str, pointer: str) -> None:
    response = adam.ask("PUT", f"/v1/users/{name}/grants", {"grants": [granted]}, If_Match='"1"')
    assert code(response) == (422, expected)
    assert response.json()["errors"][0]["pointer"] == pointer
    assert user(adam, name)["grants"] == []


def test_nobody_grants_to_themselves_and_the_last_administrator_stays(adam: Browser, service: Service) -> None:
    before = in_store(service)
    tag = f'"{user(adam, "adam")["revision"]}"'
    for granted in ([{"role": "approver"}, {"role": "administrator"}], []):
        assert code(adam.ask("PUT", "/v1/users/adam/grants", {"grants": granted}, If_Match=tag)) == (403, "E634")
    assert code(adam.ask("POST", "/v1/users/adam/password")) == (403, "E634")
    assert code(adam.ask("PATCH", "/v1/users/adam", {"active": False}, If_Match=tag)) == (409, "E635")
    assert in_store(service) == before


# --- keys ------------------------------------------------------------------------------------------------------------------


def make_key(adam: Browser, **body: Any) -> Any:
    response = adam.ask("POST", "/v1/keys", {"system": "crm", "scopes": ["decide", "read"], **body})
    assert response.status_code == 201, response.text
    assert response.headers["Cache-Control"] == "no-store"
    return response.json()


def ask_as(app: Flask, secret: str, method: str, path: str, body: Any = None) -> httpx.Response:
    with Browser(app, headers={"Authorization": f"Bearer {secret}"}) as system:
        return system.ask(method, path, body)


def test_a_key_is_shown_once_and_opens_what_it_says(app: Flask, adam: Browser, service: Service) -> None:
    made = make_key(adam)
    assert made["key"]["system"] == "crm"
    assert (made["key"]["scopes"], made["key"]["outcomes"], made["key"]["state"]) == (["decide", "read"], None, "valid")
    assert (made["key"]["created_by"], made["key"]["expires_at"], made["key"]["used_at"]) == ("adam", None, None)
    assert last_entry(service) == ("user:adam", adam.address, "key.created", f"key:{made['key']['id']}", "")
    listed = adam.get("/v1/keys")
    assert made["key"] in listed.json()["keys"]
    assert made["secret"] not in listed.text
    assert ask_as(app, made["secret"], "GET", "/v1/rulesets").status_code == 200
    assert ask_as(app, made["secret"], "POST", "/v1/decisions", {"facts": {}}).status_code == 200


@pytest.mark.parametrize(("scope", "allowed", "refused"), [("read", "GET", "POST"), ("decide", "POST", "GET")])
def test_a_key_does_only_what_its_scopes_say(app: Flask, adam: Browser, scope: str, allowed: str, refused: str) -> None:
    asked: dict[str, tuple[str, Any]] = {"GET": ("/v1/rulesets", None), "POST": ("/v1/decisions", {"facts": {}})}
    secret = make_key(adam, scopes=[scope])["secret"]
    assert ask_as(app, secret, allowed, *asked[allowed]).status_code == 200
    assert code(ask_as(app, secret, refused, *asked[refused])) == (403, "E616")


def test_a_key_asks_only_for_its_outcomes_and_for_all_of_them_when_it_names_none(app: Flask, adam: Browser) -> None:
    secret = make_key(adam, outcomes=["standing", "echo"])["secret"]
    facts = {"opened": "2019-05-01", "remark": "x"}
    answer = ask_as(app, secret, "POST", "/v1/decisions", {"facts": facts}).json()
    assert sorted(answer["outcomes"]) == ["echo", "standing"]
    answer = ask_as(app, secret, "POST", "/v1/decisions", {"facts": facts, "outcomes": ["echo"]}).json()
    assert sorted(answer["outcomes"]) == ["echo"]
    response = ask_as(app, secret, "POST", "/v1/decisions", {"facts": facts, "outcomes": ["echo", "guaranteed"]})
    assert code(response) == (403, "E615")
    assert response.json()["errors"][0]["pointer"] == "/outcomes/1"


def test_a_key_that_was_revoked_opens_nothing(app: Flask, adam: Browser, service: Service) -> None:
    made = make_key(adam)
    assert ask_as(app, made["secret"], "GET", "/v1/rulesets").status_code == 200
    for _ in range(2):
        response = adam.ask("DELETE", f"/v1/keys/{made['key']['id']}")
        assert (response.status_code, response.content) == (204, b"")
    assert code(ask_as(app, made["secret"], "GET", "/v1/rulesets")) == (401, "E611")
    kept = next(key for key in adam.get("/v1/keys").json()["keys"] if key["id"] == made["key"]["id"])
    assert (kept["state"], kept["revoked_at"] is not None) == ("revoked", True)
    assert last_entry(service)[2:4] == ("key.revoked", f"key:{made['key']['id']}")


def test_a_key_is_replaced_while_the_old_one_still_works(app: Flask, adam: Browser) -> None:
    made = make_key(adam, outcomes=["echo"])
    path = f"/v1/keys/{made['key']['id']}/rotate"
    response = adam.ask("POST", path, {"overlap_hours": 1})
    assert response.status_code == 201
    new = response.json()
    same = ("system", "scopes", "outcomes")
    assert [new["key"][name] for name in same] == [made["key"][name] for name in same]
    for secret in (made["secret"], new["secret"]):
        assert ask_as(app, secret, "GET", "/v1/rulesets").status_code == 200
    assert adam.ask("POST", f"/v1/keys/{new['key']['id']}/rotate", {"overlap_hours": 0}).status_code == 201
    assert code(ask_as(app, new["secret"], "GET", "/v1/rulesets")) == (401, "E611")
    assert code(adam.ask("POST", f"/v1/keys/{new['key']['id']}/rotate", {})) == (409, "E640")


@pytest.mark.parametrize("id_", ["no-such", "00000000-0000-0000-0000-000000000000", "x" * 300])
def test_a_key_that_is_not_there_is_not_found(adam: Browser, id_: str) -> None:
    assert code(adam.ask("DELETE", f"/v1/keys/{id_}")) == (404, "E639")
    assert code(adam.ask("POST", f"/v1/keys/{id_}/rotate", {})) == (404, "E639")


def test_a_key_can_end_by_itself(app: Flask, adam: Browser, service: Service) -> None:
    made = make_key(adam, expires_at="2099-01-01")
    assert made["key"]["expires_at"] == "2099-01-01T00:00:00+08:00"
    with service.database.writing() as session:
        session.execute(sa.update(ApiKey).where(ApiKey.id == made["key"]["id"]).values(expires_at=clock.now() - 1))
    service.key_ring.forget()
    assert code(ask_as(app, made["secret"], "GET", "/v1/rulesets")) == (401, "E611")
    kept = next(key for key in adam.get("/v1/keys").json()["keys"] if key["id"] == made["key"]["id"])
    assert kept["state"] == "expired"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"system": "a b"}, ["/system"]),
        ({"system": "x" * 65}, ["/system"]),
        ({"scopes": []}, ["/scopes"]),
        ({"scopes": ["everything"]}, ["/scopes/0"]),
        ({"scopes": None}, ["/scopes"]),
        ({"outcomes": []}, ["/outcomes"]),
        ({"outcomes": ["echo", "no-such", "gone"]}, ["/outcomes/1", "/outcomes/2"]),
        ({"expires_at": "tomorrow"}, ["/expires_at"]),
        ({"expires_at": "2020-01-01"}, ["/expires_at"]),
        ({"expires_at": 2099}, ["/expires_at"]),
        ({"owner": "x"}, ["/owner"]),
    ],
)
def test_what_is_no_key_is_refused_with_its_place(adam: Browser, service: Service, body: Any, pointers: list[str]) -> None:
    before = in_store(service)
    response = adam.ask("POST", "/v1/keys", {"system": "crm", "scopes": ["read"], **body})
    assert code(response) == (422, "E607")
    assert [error["pointer"] for error in response.json()["errors"]] == pointers
    assert in_store(service) == before


@pytest.mark.parametrize("hours", [-1, 721, "1", 1.5, True, None])
def test_an_overlap_is_a_whole_number_of_hours(adam: Browser, hours: Any) -> None:
    made = make_key(adam)
    assert code(adam.ask("POST", f"/v1/keys/{made['key']['id']}/rotate", {"overlap_hours": hours})) == (422, "E607")


def test_each_fault_is_told_in_chinese_too(adam: Browser) -> None:
    bodies = [
        ("POST", "/v1/users", {"name": "Li Wei", "display": "a\x01b", "department": 1}),
        ("POST", "/v1/users", {"name": 1, "display": "", "single_sign_on": "yes"}),
        ("POST", "/v1/keys", {"system": "crm", "scopes": ["x"], "outcomes": [], "expires_at": "x"}),
        ("POST", "/v1/keys", {"system": "crm", "scopes": ["read"], "outcomes": ["x"]}),
        ("PUT", "/v1/users/vera/grants", {"grants": [{"role": "king"}], "reason": "x" * 501}),
    ]
    for method, path, body in bodies:
        response = adam.ask(method, path, body, If_Match='"1"', Accept_Language="zh")
        for error in response.json()["errors"]:
            assert re.search("[一-鿿]", error["detail"]), error
