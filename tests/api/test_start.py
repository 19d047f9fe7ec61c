"""Does the service start with good settings, say in one line what is wrong with bad ones, and stop when told?"""

from __future__ import annotations

import re
import shutil
import socket
from pathlib import Path
from typing import Final

import httpx
import pytest
from click.testing import CliRunner

from api.config import ConfigurationError, settings_from
from rulesets.cli import main
from rulesets.database import Database
from rulesets.keys import hash_key
from rulesets.log.sealing import MasterKeys, Sealer, new_master_key
from rulesets.people import ROLES
from tests.api.running import DECISIONS, JSON, KEY, MASTER_KEYS, SMALL, WITH_KEY, Server, Service, output_of_serve, prepared, running

HASH: Final = hash_key(KEY)
KEYS: Final = {"ZHUNSHENG_MASTER_KEYS": MASTER_KEYS}
NO_KEY: Final = (
    "ZHUNSHENG_MASTER_KEYS: 没有主密钥，请运行 `zhunsheng master-key` 生成并妥善保管 / no master key: make one with `zhunsheng master-key` and keep it safe"
)
BAD_DATABASE: Final = (
    "DATABASE_URL: 应为 postgresql://用户:口令@主机/库 或 sqlite:////文件路径 / should be postgresql://user:password@host/database or sqlite:////path/to/file"
)
BAD_FLAG: Final = "ZHUNSHENG_BEHIND_PROXY: 应为 1 或 0 / should be 1 or 0"
BAD_LEVEL: Final = "ZHUNSHENG_LOG_LEVEL: 应为其中之一 / should be one of: INFO, WARNING, ERROR"
BAD_ZONE: Final = "ZHUNSHENG_TIME_ZONE: 没有这个时区，例如 Asia/Shanghai / no such time zone: Asia/Peking"
HALF_OIDC: Final = (
    "ZHUNSHENG_OIDC_CLIENT_SECRET: 单点登录需要 ZHUNSHENG_OIDC_ISSUER、ZHUNSHENG_OIDC_CLIENT_ID、ZHUNSHENG_OIDC_CLIENT_SECRET"
    " / single sign-on needs all of ZHUNSHENG_OIDC_ISSUER, ZHUNSHENG_OIDC_CLIENT_ID, ZHUNSHENG_OIDC_CLIENT_SECRET"
)
BAD_SIZE: Final = "ZHUNSHENG_MAX_BODY: 应为 1024 到 67108864 的整数（字节） / a whole number of bytes from 1024 to 67108864"


# --- what stops a start --------------------------------------------------------------------------------------------------

SETTINGS: Final[dict[str, tuple[dict[str, str], str]]] = {
    "no master key": ({}, NO_KEY),
    "an empty master key": ({"ZHUNSHENG_MASTER_KEYS": ""}, NO_KEY),
    "another kind of store": ({**KEYS, "DATABASE_URL": "mysql://localhost/rules"}, BAD_DATABASE),
    "a store in memory": ({**KEYS, "DATABASE_URL": "sqlite:///:memory:"}, BAD_DATABASE),
    "no address of a store": ({**KEYS, "DATABASE_URL": "rules.db"}, BAD_DATABASE),
    "a flag in words": ({**KEYS, "ZHUNSHENG_BEHIND_PROXY": "yes"}, BAD_FLAG),
    "a level that is none": ({**KEYS, "ZHUNSHENG_LOG_LEVEL": "debug"}, BAD_LEVEL),
    "no time zone": ({**KEYS, "ZHUNSHENG_TIME_ZONE": "Asia/Peking"}, BAD_ZONE),
    "half a sign-on": ({**KEYS, "ZHUNSHENG_OIDC_ISSUER": "https://id.bank.example", "ZHUNSHENG_OIDC_CLIENT_ID": "rules"}, HALF_OIDC),
    "a size in words": ({**KEYS, "ZHUNSHENG_MAX_BODY": "1MB"}, BAD_SIZE),
    "a negative size": ({**KEYS, "ZHUNSHENG_MAX_BODY": "-1"}, BAD_SIZE),
    "a size too small": ({**KEYS, "ZHUNSHENG_MAX_BODY": "1023"}, BAD_SIZE),
    "a size too large": ({**KEYS, "ZHUNSHENG_MAX_BODY": "67108865"}, BAD_SIZE),
    "a size without end": ({**KEYS, "ZHUNSHENG_MAX_BODY": "9" * 5_000}, BAD_SIZE),
    "a size in full-width digits": ({**KEYS, "ZHUNSHENG_MAX_BODY": "１０４８５７６"}, BAD_SIZE),
}


def assert_one_line(written: str) -> None:
    """One line, Chinese before English, and neither a traceback nor a secret."""
    assert written.count("\n") == 1, written
    chinese, english = written.split(" / ", 1)
    assert re.search(r"[\u4e00-\u9fff]", chinese), written
    assert re.search(r"[a-z]{2,}", english), written
    assert KEY not in written
    assert HASH not in written


@pytest.mark.parametrize("name", SETTINGS)
def test_a_wrong_setting_is_told_in_one_line_that_names_it(name: str) -> None:
    settings, line = SETTINGS[name]
    with pytest.raises(ConfigurationError) as caught:
        settings_from(settings)
    assert str(caught.value) == line
    assert_one_line(f"{line}\n")


@pytest.mark.parametrize("folder", ["empty", "nowhere", "x" * 300, "\0"], ids=["an empty folder", "no folder", "a name too long", "no name"])
def test_a_folder_without_a_vocabulary_is_told(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError) as caught:
        settings_from({**KEYS, "ZHUNSHENG_DOCUMENTS": str(tmp_path / folder)})
    assert str(caught.value) == f"ZHUNSHENG_DOCUMENTS: {tmp_path / folder} 里没有 vocabulary.yaml / holds no vocabulary.yaml"


def test_a_wrong_setting_stops_the_start_with_that_line_and_nothing_else() -> None:
    assert output_of_serve(ZHUNSHENG_MASTER_KEYS="") == (1, f"zhunsheng: {NO_KEY}\n")


def test_documents_with_faults_stop_the_start_and_all_faults_are_told_in_both_languages(tmp_path: Path) -> None:
    folder = shutil.copytree(SMALL, tmp_path / "documents")
    (folder / "typed" / "ruleset.yaml").write_text("a: [", encoding="utf-8")
    (folder / "failing" / "ruleset.yaml").write_bytes(b"a: \xff\n")
    code, written = output_of_serve(**KEYS, DATABASE_URL=f"sqlite:///{tmp_path}/store.db", ZHUNSHENG_DOCUMENTS=str(folder))
    assert code == 1
    assert written.startswith("zhunsheng: 规则文档有误 / the documents have faults\n")
    assert "Traceback" not in written
    for document in ("typed/ruleset.yaml", "failing/ruleset.yaml"):
        assert f"E101 文档无法读取    {document}" in written
        assert f"E101 Unreadable document    {document}" in written


@pytest.mark.parametrize(
    ("options", "settings", "line"),
    [
        ((), {"PORT": "http"}, "PORT: 应为 1 到 65535 的整数 / a whole number from 1 to 65535\n"),
        (("--port", "0"), {}, "PORT: 应为 1 到 65535 的整数 / a whole number from 1 to 65535\n"),
        ((), {"PORT": "65536"}, "PORT: 应为 1 到 65535 的整数 / a whole number from 1 to 65535\n"),
        ((), {"WORKERS": "0"}, "WORKERS: 应为 1 到 64 的整数 / a whole number from 1 to 64\n"),
        (("--workers", "many"), {}, "WORKERS: 应为 1 到 64 的整数 / a whole number from 1 to 64\n"),
    ],
)
def test_a_wrong_number_stops_the_start(options: tuple[str, ...], settings: dict[str, str], line: str) -> None:
    result = CliRunner().invoke(main, ["serve", "--demo", *options], env=settings)
    assert (result.exit_code, result.output) == (2, line)
    assert_one_line(result.output)


def test_a_port_in_use_is_told_and_another_one_proposed(server: Server, service: Service) -> None:
    result = CliRunner().invoke(main, ["serve", "--port", str(server.port)])
    proposed = server.port + 1 if server.port < 65535 else 8000
    assert (result.exit_code, result.output) == (
        1,
        f"端口 {server.port} 已被占用或不可用，请换一个 / port {server.port} is in use or not allowed, choose another:  PORT={proposed} make run\n",
    )
    assert_one_line(result.output)
    service.answers()


def test_the_last_port_in_use_proposes_one_that_there_is() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 65535))
        held.listen()
        result = CliRunner().invoke(main, ["serve", "--port", "65535"])
    assert result.output.endswith("PORT=8000 make run\n")


def spoken(server: Server) -> str:
    """What a service wrote for people; its log of requests is lines of JSON."""
    return "".join(line for line in server.said.splitlines(keepends=True) if not line.startswith("{"))


# --- what a start says ---------------------------------------------------------------------------------------------------


def test_a_started_service_says_where_it_is_and_nothing_else(server: Server) -> None:
    assert spoken(server) == f"准绳 Zhunsheng 已就绪 / ready:  {server.url}\n"
    assert server.complained == ""


def test_it_listens_on_this_machine_only(server: Server) -> None:
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} | {"127.0.0.2"}
    for address in others - {"127.0.0.1"}:
        with socket.socket() as probe:
            probe.settimeout(2)
            assert probe.connect_ex((address, server.port)) != 0, address


def test_a_demo_prints_a_request_that_works_with_a_key_of_this_run_only(tmp_path: Path) -> None:
    """The first request to a fresh worker knows nothing and wants everything: the network has never fired before."""
    settings = {**KEYS, "DATABASE_URL": f"sqlite:///{tmp_path}/demo.db"}
    with running(tmp_path, "--demo", "--workers", "1", **settings) as demo:
        key = key_of(demo)
        with httpx.Client(base_url=demo.url, headers={"Authorization": f"Bearer {key}", **JSON}, timeout=20) as client:
            first = client.post(DECISIONS, content=b'{"facts":{}}')
            assert first.status_code == 200
            assert first.json()["outcomes"] == {}
            (url, body) = re.findall(r"curl -s (\S+) .*-d '(\{.*\})'", demo.said)[0]
            assert client.post(url, content=body.encode()).json()["outcomes"]["final_rate_pct"] == 4.74
            accounts = re.findall(r"^  (demo-\S+) +(\S+) ", demo.said, re.MULTILINE)
            assert {name for name, _ in accounts} >= {f"demo-{role}" for role in ROLES}
            assert [client.post("/v1/sign-in", json={"name": name, "password": password}).status_code for name, password in accounts] == [200] * len(accounts)
        assert "演示模式" in demo.said
        assert "demo mode" in demo.said
        assert demo.complained == ""
    with running(tmp_path, "--demo", "--workers", "1", **settings) as again, httpx.Client(base_url=again.url, headers=JSON) as client:
        by_key = [client.post(DECISIONS, content=b'{"facts":{}}', headers={"Authorization": f"Bearer {each}"}).status_code for each in (key, key_of(again))]
        assert by_key == [401, 200]
        assert client.post("/v1/sign-in", json=dict(zip(("name", "password"), accounts[0], strict=True))).status_code == 401


def key_of(demo: Server) -> str:
    """The key that a demo prints."""
    (key,) = re.findall(r"Authorization: Bearer (zs_[\w-]{43})", demo.said)
    return str(key)


def test_settings_take_effect(tmp_path: Path) -> None:
    """Documents by a path relative to where the service was started, a body limit; the first administrator is told once."""
    documents = shutil.copytree(SMALL, tmp_path / "documents")
    settings = {
        **prepared(tmp_path, documents),
        "ZHUNSHENG_DOCUMENTS": documents.name,
        "ZHUNSHENG_MAX_BODY": "1024",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    with running(tmp_path, "--workers", "1", cwd=tmp_path, **settings) as started, httpx.Client(base_url=started.url, headers={**JSON, **WITH_KEY}) as client:
        assert client.get("/readyz").json()["rulesets"] == 2
        assert [ruleset["name"] for ruleset in client.get("/v1/rulesets").json()["rulesets"]] == ["failing", "typed"]
        assert client.post(DECISIONS, content=b'{"facts":{}}'.ljust(1024)).status_code == 200
        assert client.post(DECISIONS, content=b'{"facts":{}}'.ljust(1025)).status_code == 413


def test_a_real_installation_tells_its_first_administrator_once(tmp_path: Path) -> None:
    settings = {**KEYS, "DATABASE_URL": f"sqlite:///{tmp_path}/store.db"}
    with running(tmp_path, "--workers", "1", **settings) as first:
        (password,) = re.findall(r"^  admin +(\S+) +administrator", first.said, re.MULTILINE)
        with httpx.Client(base_url=first.url) as client:
            signed_in = client.post("/v1/sign-in", json={"name": "admin", "password": password})
            assert (signed_in.status_code, signed_in.json()["user"]["must_change_password"]) == (200, True)
    with running(tmp_path, "--workers", "1", **settings) as again:
        assert spoken(again) == f"准绳 Zhunsheng 已就绪 / ready:  {again.url}\n"


def test_a_store_that_cannot_be_reached_stops_the_start_in_one_line() -> None:
    code, written = output_of_serve(**KEYS, DATABASE_URL="postgresql://rules@127.0.0.1:1/rules")
    assert code == 1
    assert written.startswith("zhunsheng: DATABASE_URL: 数据库连不上 / the database cannot be reached: ")
    assert_one_line(written)


def test_a_store_sealed_by_another_master_key_stops_the_start(tmp_path: Path) -> None:
    settings = prepared(tmp_path)
    database = Database(settings["DATABASE_URL"])
    Sealer(database, MasterKeys.parse(new_master_key("old"))).seal("王小明", "decision", "remark")
    database.close()
    code, written = output_of_serve(**settings)
    assert (code, "the master key old, by which data were sealed, is missing" in written) == (1, True)
    assert_one_line(written)
