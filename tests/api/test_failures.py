"""When the fault is ours, does the caller learn that, a number to quote, and nothing else?"""

from __future__ import annotations

import logging
import re

import pytest

from tests.api.running import Service

GOOD = b'{"facts":{"remark":"the customer\'s secret"}}'


@pytest.mark.parametrize(
    ("language", "title", "pattern"),
    [
        ("zh", "系统故障", r"这是我们的故障[,，]请求无误。报修时请提供编号 ([0-9a-f]{12})。"),
        ("en", "Our fault", r"Our fault, not your request's\. Quote ([0-9a-f]{12}) when reporting\."),
    ],
)
def test_our_fault_is_told_with_a_number_and_logged_under_it(
    failing: Service, caplog: pytest.LogCaptureFixture, language: str, title: str, pattern: str
) -> None:
    with caplog.at_level(logging.ERROR):
        response = failing.post(GOOD, headers={"Accept-Language": language})
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert (problem["title"], problem["status"], problem["code"]) == (title, 500, "E699")
    incident = re.fullmatch(pattern, problem["detail"])
    assert incident, problem["detail"]
    (record,) = [record for record in caplog.records if record.name == "zhunsheng.api"]
    assert incident[1] in record.getMessage()
    assert record.exc_info
    assert "a fault in the engine room" in str(record.exc_info[1])


def test_our_fault_echoes_nothing_of_the_fault_or_of_the_request(failing: Service) -> None:
    response = failing.post(GOOD)
    assert not re.search(r"engine room|secret|RuntimeError|Traceback|\.py", response.text)


def test_every_incident_has_a_number_of_its_own(failing: Service) -> None:
    assert len({failing.post(GOOD).json()["detail"] for _ in range(5)}) == 5


def test_a_caller_without_a_key_meets_no_fault_of_ours(failing: Service) -> None:
    assert failing.post(GOOD, headers={"Authorization": ""}).status_code == 401
