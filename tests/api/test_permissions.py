"""Who may do what? ``permissions.txt`` says it for every address, method and kind of caller, to be reviewed when it changes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from admin_ui import add_pages
from api import create_app
from api.problems import HTTP_CODES
from tests.api.everybody import BODIES, NOWHERE, Bank, address, founded, operations_of

TABLE: Final = Path(__file__).with_name("permissions.txt")
KINDS: Final = {
    "nobody": "没有登录也没有密钥 / neither signed in nor with a key",
    "wrong-key": "密钥不存在 / a key that does not exist",
    "decide": "密钥，权限 decide / a key with the scope decide",
    "read": "密钥，权限 read / a key with the scope read",
    "both": "密钥，两种权限 / a key with both scopes",
    "nothing": "已登录，没有授权 / signed in, nothing granted",
    "viewer": "查看，全行 / viewer for everything",
    "editor": "编辑，全行 / editor for everything",
    "approver": "审批，全行 / approver for everything",
    "compliance": "合规，全行 / compliance for everything",
    "administrator": "管理员，全行 / administrator for everything",
    "editor-else": "编辑，仅限另一部门 / editor for another department only",
    "approver-else": "审批，仅限另一部门 / approver for another department only",
    "one-time": "全部角色，须先修改密码 / every role, but the password must be changed first",
    "no-token": "全部角色，缺少页面令牌 / every role, but without the token of the page",
    "all-roles": "全部角色，全行 / every role for everything",
}
UNDOCUMENTED: Final = {"GET /", "GET /docs", "GET /docs/errors", "GET /static/{filename}", "GET /v1/openapi.json"}
"""Pages and the description of the interface: nothing of a bank's rules and no customer."""
UNSUCCESSFUL: Final = {"GET /v1/single-sign-on", "GET /v1/single-sign-on/callback"}
"""Nobody succeeds with these here: no provider is configured."""
HEADING: Final = """\
# 谁可以做什么 / Who may do what
#
# 每行一个操作，每列一类调用方 / A line is an operation, a column a kind of caller:
#
{kinds}
#
# yes：允许（不等于成功）；其他为拒绝的代码 / yes: allowed, which is not to succeed; otherwise the code of the refusal:
#
{codes}
#
# pytest tests/api/test_permissions.py --record
"""


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return founded(tmp_path_factory.mktemp("bank"))


@pytest.fixture(scope="module")
def app(bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The whole application with its pages, as wsgi.py puts it together."""
    with bank.opened(tmp_path_factory.mktemp("app")) as held:
        app = create_app(held)
        add_pages(app)
        yield app


@pytest.fixture(scope="module")
def document(app: Flask) -> Any:
    return app.test_client().get("/v1/openapi.json").json


@pytest.fixture(scope="module")
def operations(app: Flask) -> list[str]:
    """Everything that the application answers: "GET /v1/users"."""
    return sorted(_operations(app), key=lambda operation: operation.split()[::-1])


@pytest.fixture(scope="module")
def answers(bank: Bank, app: Flask, operations: list[str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, TestResponse]]:
    """Operation → kind of caller → what it is answered. Each operation is tried on a store of its own, by one kind after the other."""
    found, kept = {}, app.extensions["zhunsheng"]
    for number, operation in enumerate(operations):
        with bank.opened(tmp_path_factory.mktemp(f"operation-{number}")) as held:
            app.extensions["zhunsheng"] = held
            found[operation] = {kind: ask(app, bank, kind, operation) for kind in KINDS}
    app.extensions["zhunsheng"] = kept
    return found


def ask(app: Flask, bank: Bank, kind: str, operation: str, *, method: str = "", **parameters: str) -> TestResponse:
    """What a kind of caller is answered; every kind calls from a machine of its own."""
    asked, path = operation.split()
    place = bank.place(path)
    where = address(path, {**place.parameters, **parameters})
    headers = dict(bank.callers[kind]) | ({} if asked == "GET" else {"If-Match": f'"{place.revision}"'})
    machine = {"REMOTE_ADDR": f"10.0.0.{list(KINDS).index(kind)}"}
    return app.test_client(use_cookies=False).open(
        where, method=method or asked, json=BODIES.get(operation), headers=headers, environ_base=machine, buffered=True
    )


def _operations(app: Flask) -> Iterator[str]:
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<(?:[^:>]+:)?([^>]+)>", r"{\1}", rule.rule)
        yield from (f"{method} {path}" for method in (rule.methods or set()) - {"HEAD", "OPTIONS"})


# --- the table -----------------------------------------------------------------------------------------------------------


def test_every_caller_may_do_what_the_table_says(answers: dict[str, dict[str, TestResponse]], record: bool) -> None:
    written = table(answers)
    if record:
        TABLE.write_text(written, encoding="utf-8")
    assert written == TABLE.read_text(encoding="utf-8")


def table(answers: Mapping[str, Mapping[str, TestResponse]]) -> str:
    """The expected file for these answers."""
    cells = {operation: {kind: cell(response) for kind, response in row.items()} for operation, row in answers.items()}
    codes = sorted({told for row in cells.values() for told in row.values()} - {"yes"})
    heading = HEADING.format(
        kinds="\n".join(f"#   {kind:15}{text}" for kind, text in KINDS.items()),
        codes="\n".join(f"#   {code}  {HTTP_CODES[code].status}  {HTTP_CODES[code].title.zh} / {HTTP_CODES[code].title.en}" for code in codes),
    )
    width = max(map(len, cells)) + 1
    lines = ["".join([" " * width, *(f" {kind}" for kind in KINDS)])]
    lines += ["".join([f"{operation:{width}}", *(f" {told:{len(kind)}}" for kind, told in row.items())]).rstrip() for operation, row in cells.items()]
    return heading + "\n" + "\n".join(lines) + "\n"


def cell(response: TestResponse) -> str:
    """``yes``, or the code of a refusal by permission."""
    if response.status_code not in (401, 403):
        return "yes"
    code = str(json.loads(response.data)["code"])
    assert HTTP_CODES[code].status == response.status_code
    return code


def test_everything_documented_is_tried_and_hardly_anything_else_is_answered(document: Any, operations: list[str]) -> None:
    assert set(operations) == operations_of(document).keys() | UNDOCUMENTED


def test_every_operation_that_takes_a_body_is_sent_one(document: Any) -> None:
    assert {label for label, operation in operations_of(document).items() if "requestBody" in operation} == set(BODIES)


def test_somebody_succeeds_with_every_operation(answers: dict[str, dict[str, TestResponse]]) -> None:
    """Or the table would say little: a refusal of what nobody can do is no permission."""
    statuses = {operation: {response.status_code for response in row.values()} for operation, row in answers.items()}
    assert {operation for operation, seen in statuses.items() if min(seen) >= 400} == UNSUCCESSFUL & statuses.keys()
    assert not {operation: seen for operation, seen in statuses.items() if max(seen) >= 429}


def test_documented_security_is_what_the_table_says(document: Any, answers: dict[str, dict[str, TestResponse]]) -> None:
    """An operation that the document says takes a key, or a sign-in, lets one of them in, and nobody else."""
    for label, operation in operations_of(document).items():
        row = {kind: cell(response) for kind, response in answers[label].items()}
        schemes = {name for scheme in operation.get("security", []) for name in scheme}
        expected = {name for name, kind in (("key", "both"), ("cookie", "all-roles")) if row[kind] == "yes"}
        assert schemes == (set() if row["nobody"] == "yes" else expected), label


# --- without a permission nothing is learnt -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["nobody", "wrong-key"])
def test_a_stranger_does_not_learn_what_there_is(app: Flask, bank: Bank, operations: list[str], kind: str) -> None:
    for operation in operations:
        path = operation.split()[1]
        if bank.place(path) is NOWHERE or "{" not in path or operation in UNDOCUMENTED:
            continue
        known, unknown = ask(app, bank, kind, operation), ask(app, bank, kind, operation, name="nothing", id="nothing", id_="nothing", number="99")
        assert (known.status_code, known.data) == (unknown.status_code, unknown.data), operation
        assert known.status_code == 401, operation


@pytest.mark.parametrize("kind", KINDS)
def test_asking_for_the_head_needs_the_same_permission(app: Flask, bank: Bank, operations: list[str], kind: str) -> None:
    for operation in operations:
        if operation.startswith("GET "):
            whole, head = ask(app, bank, kind, operation), ask(app, bank, kind, operation, method="HEAD")
            assert (head.status_code, head.data) == (whole.status_code, b""), operation


def test_anybody_may_ask_which_methods_there_are_and_learns_nothing_more(app: Flask, bank: Bank, operations: list[str]) -> None:
    for path in {operation.split()[1] for operation in operations}:
        response = ask(app, bank, "nobody", f"OPTIONS {path}")
        assert (response.status_code, response.data) == (200, b""), path
        allowed = {method for operation in operations for method, other in [operation.split()] if re.fullmatch(re.sub(r"{\w+}", "[^/]+", other), path)}
        assert set(response.headers["Allow"].split(", ")) == allowed | {"OPTIONS"} | ({"HEAD"} if "GET" in allowed else set())
        assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("kind", ["wrong-key", "read", "no-token", "one-time"])
def test_a_refusal_comes_before_anything_is_read_of_the_request(app: Flask, bank: Bank, kind: str) -> None:
    refused = cell(ask(app, bank, kind, "POST /v1/drafts"))
    assert refused != "yes"
    for sent in (b"{", b'{"nothing":1}', b"x" * 2_000_000):
        response = app.test_client(use_cookies=False).post("/v1/drafts", data=sent, content_type="text/plain", headers=dict(bank.callers[kind]))
        assert cell(response) == refused
