"""Can administrators, and nobody else, say which systems are told, try it out, and see what became of each message?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest
import sqlalchemy as sa
from flask import Flask

from api import create_app
from api.service import Service
from rulesets import clock
from rulesets.models import Version, Webhook
from rulesets.webhooks import Courier, enqueue_due
from tests.api.browser import Browser, code, signed_in
from tests.api.running import KEY, SMALL, held
from tests.store.receiver import Receiver, receiving

NOBODY: Final = "00000000-0000-0000-0000-000000000000"
ENDPOINTS: Final = [
    ("GET", "/v1/webhooks", None),
    ("POST", "/v1/webhooks", {"url": "https://crm.bank/told"}),
    ("DELETE", f"/v1/webhooks/{NOBODY}", None),
    ("POST", f"/v1/webhooks/{NOBODY}/test", None),
    ("GET", f"/v1/webhooks/{NOBODY}/deliveries", None),
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = held(tmp_path_factory.mktemp("webhooks"), SMALL)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def app(service: Service) -> Flask:
    return create_app(service)


@pytest.fixture(scope="module")
def adam(app: Flask) -> Iterator[Browser]:
    with signed_in(app, "adam") as browser:
        yield browser


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def created(adam: Browser, url: str, **more: Any) -> tuple[str, str]:
    """The id and the secret of a new webhook."""
    response = adam.ask("POST", "/v1/webhooks", {"url": url, **more})
    assert response.status_code == 201, response.text
    return response.json()["webhook"]["id"], response.json()["secret"]


@pytest.mark.parametrize(("method", "path", "body"), ENDPOINTS)
@pytest.mark.parametrize("who", ["nobody", "a key", "vera", "edda", "anna"])
def test_only_administrators_may(app, who, method, path, body):
    with Browser(app) as browser:
        headers = {"Authorization": f"Bearer {KEY}"} if who == "a key" else {}
        if who not in ("nobody", "a key"):
            assert browser.sign_in(who).status_code == 200
        assert browser.ask(method, path, body, **headers).status_code == (401 if who == "nobody" else 403)


def test_a_webhook_is_listed_without_its_secret_until_it_is_removed(adam):
    id_, secret = created(adam, "https://crm.bank/told", rulesets=["typed"])
    assert len(secret) > 40
    response = adam.get("/v1/webhooks")
    assert secret not in response.text
    (found,) = [one for one in response.json()["webhooks"] if one["id"] == id_]
    assert found | {"created_at": ""} == {"id": id_, "url": "https://crm.bank/told", "rulesets": ["typed"], "created_by": "adam", "created_at": ""}
    assert adam.ask("DELETE", f"/v1/webhooks/{id_}").status_code == 204
    assert id_ not in adam.get("/v1/webhooks").text
    assert code(adam.ask("DELETE", f"/v1/webhooks/{id_}")) == (404, "E671")


@pytest.mark.parametrize(
    ("body", "status", "expected", "pointer"),
    [
        ({}, 422, "E607", "/url"),
        ({"url": ""}, 422, "E607", "/url"),
        ({"url": "ftp://crm.bank"}, 422, "E672", "/url"),
        ({"url": "https://u:p@crm.bank"}, 422, "E672", "/url"),
        ({"url": "https://crm.bank", "rulesets": []}, 422, "E607", "/rulesets"),
        ({"url": "https://crm.bank", "rulesets": ["typed", "nonesuch"]}, 422, "E633", "/rulesets/1"),
        ({"url": "https://crm.bank", "rulesets": ["No Name"]}, 422, "E607", "/rulesets/0"),
        ({"url": "https://crm.bank", "secret": "mine"}, 422, "E607", "/secret"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(adam, body, status, expected, pointer):
    response = adam.ask("POST", "/v1/webhooks", body)
    assert code(response) == (status, expected)
    assert response.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(("language", "words"), [("zh", "应以 https:// 或 http:// 开头"), ("en", "should begin with https:// or http://")])
def test_a_refusal_speaks_the_callers_language(adam, language, words):
    assert words in adam.ask("POST", "/v1/webhooks", {"url": "mailto:crm@bank"}, Accept_Language=language).json()["detail"]


@pytest.mark.parametrize(("method", "path"), [(method, path) for method, path, _ in ENDPOINTS if NOBODY in path])
@pytest.mark.parametrize("id_", [NOBODY, "x", "x" * 300])
def test_a_webhook_that_is_not_there_is_a_404(adam, method, path, id_):
    assert code(adam.ask(method, path.replace(NOBODY, id_))) == (404, "E671")


def test_a_webhook_can_be_tried_out(adam, receiver):
    id_, secret = created(adam, receiver.url)
    assert adam.ask("POST", f"/v1/webhooks/{id_}/test").json() == {"accepted": True, "failure": None}
    assert receiver.await_one().is_signed_by(secret)
    receiver.answer = lambda _: (500, {}, b"not today")
    assert adam.ask("POST", f"/v1/webhooks/{id_}/test").json() == {"accepted": False, "failure": "HTTP 500: not today"}


def test_each_message_can_be_followed(adam, service, receiver):
    id_, _ = created(adam, receiver.url, rulesets=["typed"])
    with service.database.writing() as session:
        session.execute(sa.update(Webhook).where(Webhook.id == id_).values(created_at=0))
        assert enqueue_due(session, clock.now(), service.settings.zone) == 1
        version = session.scalars(sa.select(Version).where(Version.ruleset == "typed")).one()
    assert followed(adam, id_) | {"id": "", "due_at": ""} == {
        "id": "",
        "ruleset": "typed",
        "version": version.number,
        "state": "waiting",
        "attempts": 0,
        "due_at": "",
        "done_at": None,
        "failure": None,
    }
    courier = Courier(service.database, service.sealer)
    receiver.answer = lambda _: (503, {}, b"later")
    courier.deliver_one()
    failed = followed(adam, id_)
    assert (failed["state"], failed["attempts"], failed["failure"]) == ("waiting", 1, "HTTP 503: later")
    receiver.answer = lambda _: (200, {}, b"")
    courier.deliver_one(clock.now() + clock.DAY)
    done = followed(adam, id_)
    assert (done["state"], done["attempts"], done["failure"], done["due_at"]) == ("delivered", 2, None, None)
    assert done["id"] == receiver.got[-1].message["id"]
    assert receiver.got[-1].message["effective_from"] == clock.write(version.effective_from, service.settings.zone)


def followed(adam: Browser, id_: str) -> dict[str, Any]:
    (found,) = adam.get(f"/v1/webhooks/{id_}/deliveries").json()["deliveries"]
    assert isinstance(found, dict)
    return found
