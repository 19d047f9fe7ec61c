"""Does a caller that already has the rules save the transfer, and never keep stale ones?"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

import httpx
import pytest

from api import create_app
from tests.api.running import SMALL, WITH_KEY, Service, held, read

TAGGED: Final = ["/v1/vocabulary", "/v1/rulesets", "/v1/rulesets/loan-pricing", "/v1/rulesets/vip-membership"]


def tag(service: Service, path: str) -> str:
    return service.get(path).headers["ETag"]


def tags_of(store: Path, documents: Path) -> dict[str, str]:
    """Address → entity tag of a service with these documents, on a store in a new folder."""
    store.mkdir()
    made = held(store, documents)
    with httpx.Client(transport=httpx.WSGITransport(create_app(made)), base_url="http://small", headers=WITH_KEY) as client:
        tags = {path: client.get(path).headers["ETag"] for path in ("/v1/vocabulary", "/v1/rulesets", "/v1/rulesets/typed", "/v1/rulesets/failing")}
    made.stop()
    return tags


@pytest.mark.parametrize("path", TAGGED)
def test_an_answer_that_may_be_kept_has_a_strong_tag_and_must_be_asked_about(service: Service, path: str) -> None:
    response = service.get(path)
    assert re.fullmatch(r'"[0-9a-f]{32}"', response.headers["ETag"])
    assert response.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("path", TAGGED)
def test_a_caller_with_the_same_version_gets_304_and_no_body(service: Service, path: str) -> None:
    known = tag(service, path)
    for sent in (known, f'"x", {known}', f"W/{known}", "*"):
        response = service.get(path, {"If-None-Match": sent})
        assert (response.status_code, response.content) == (304, b"")
        assert response.headers["ETag"] == known
        assert response.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("path", TAGGED)
@pytest.mark.parametrize("sent", ['"0123456789abcdef0123456789abcdef"', "0123", '""', "", "nonsense,,;"])
def test_a_caller_with_another_version_gets_the_whole(service: Service, path: str, sent: str) -> None:
    response = service.get(path, {"If-None-Match": sent})
    assert response.status_code == 200
    assert read(response)


def test_a_tag_of_one_address_is_not_that_of_another(service: Service) -> None:
    assert len({tag(service, path) for path in TAGGED}) == len(TAGGED)


@pytest.mark.parametrize("path", TAGGED)
def test_every_worker_gives_the_same_tag_and_the_same_bytes(service: Service, path: str) -> None:
    seen = {(response.headers["ETag"], response.content) for response in (service.get(path) for _ in range(6))}
    assert len(seen) == 1


def test_the_tag_does_not_depend_on_the_language(service: Service) -> None:
    assert len({service.get("/v1/vocabulary", {"Accept-Language": language}).headers["ETag"] for language in ("zh", "en")}) == 1


@pytest.mark.parametrize("path", TAGGED)
def test_the_head_has_the_tag_of_the_whole(service: Service, path: str) -> None:
    response = service.client.head(path)
    assert (response.status_code, response.content, response.headers["ETag"]) == (200, b"", tag(service, path))


@pytest.mark.parametrize("path", TAGGED)
def test_a_tag_is_no_key(service: Service, path: str) -> None:
    response = service.get(path, {"If-None-Match": tag(service, path), "Authorization": ""})
    assert response.status_code == 401
    assert "ETag" not in response.headers


def test_another_start_with_the_same_documents_gives_the_same_tags(tmp_path: Path) -> None:
    assert tags_of(tmp_path / "one", SMALL) == tags_of(tmp_path / "another", SMALL)


def test_one_changed_figure_changes_the_tag_of_its_ruleset_and_of_no_other(tmp_path: Path) -> None:
    before = tags_of(tmp_path / "before", SMALL)
    changed = shutil.copytree(SMALL, tmp_path / "changed")
    document = changed / "failing" / "ruleset.yaml"
    document.write_text(document.read_text(encoding="utf-8").replace("'[6..8]'", "'[6..9]'"), encoding="utf-8")
    after = tags_of(tmp_path / "after", changed)
    assert {path for path in before if before[path] != after[path]} == {"/v1/rulesets", "/v1/rulesets/failing"}


def test_a_decision_is_never_kept(service: Service) -> None:
    response = service.ask({"legal_form": "enterprise"})
    assert response.headers["Cache-Control"] == "no-store"
    assert "ETag" not in response.headers


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_health_check_is_never_kept(service: Service, path: str) -> None:
    assert service.get(path).headers["Cache-Control"] == "no-store"
