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
from rulesets.keys import hash_key
from tests.api.running import DECISIONS, JSON, KEY, SMALL, WITH_KEY, Server, Service, keys, output_of_serve, running

HASH: Final = hash_key(KEY)
NO_KEY: Final = "ZHUNSHENG_API_KEYS: 没有 API 密钥，请运行 `zhunsheng key 系统名` 生成 / no API key: create one with `zhunsheng key SYSTEM`"
BAD_KEY: Final = "ZHUNSHENG_API_KEYS: 每项应为 名称:SHA-256（64 位十六进制） / each entry is NAME:SHA-256 (64 hex digits)"
BAD_SIZE: Final = "ZHUNSHENG_MAX_BODY: 应为 1024 到 67108864 的整数（字节） / a whole number of bytes from 1024 to 67108864"


# --- what stops a start --------------------------------------------------------------------------------------------------

SETTINGS: Final[dict[str, tuple[dict[str, str], str]]] = {
    "no keys at all": ({}, NO_KEY),
    "empty keys": ({"ZHUNSHENG_API_KEYS": ""}, NO_KEY),
    "only commas": ({"ZHUNSHENG_API_KEYS": " , ,"}, NO_KEY),
    "a key instead of its hash": ({"ZHUNSHENG_API_KEYS": f"credit:{KEY}"}, BAD_KEY),
    "a hash without a name": ({"ZHUNSHENG_API_KEYS": HASH}, BAD_KEY),
    "a hash in capitals": ({"ZHUNSHENG_API_KEYS": f"credit:{HASH.upper()}"}, BAD_KEY),
    "a hash too short": ({"ZHUNSHENG_API_KEYS": f"credit:{HASH[:-1]}"}, BAD_KEY),
    "one garbled entry of two": ({"ZHUNSHENG_API_KEYS": f"credit:{HASH},core {HASH}"}, BAD_KEY),
    "a size in words": ({"ZHUNSHENG_API_KEYS": keys(), "ZHUNSHENG_MAX_BODY": "1MB"}, BAD_SIZE),
    "a negative size": ({"ZHUNSHENG_API_KEYS": keys(), "ZHUNSHENG_MAX_BODY": "-1"}, BAD_SIZE),
    "a size too small": ({"ZHUNSHENG_API_KEYS": keys(), "ZHUNSHENG_MAX_BODY": "1023"}, BAD_SIZE),
    "a size too large": ({"ZHUNSHENG_API_KEYS": keys(), "ZHUNSHENG_MAX_BODY": "67108865"}, BAD_SIZE),
    "a size without end": ({"ZHUNSHENG_API_KEYS": keys(), "ZHUNSHENG_MAX_BODY": "9" * 5_000}, BAD_SIZE),
    "a size in full-width digits": ({"ZHUNSHENG_API_KEYS": keys(), "ZHUNSHENG_MAX_BODY": "１０４８５７６"}, BAD_SIZE),
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
        settings_from({"ZHUNSHENG_API_KEYS": keys(), "ZHUNSHENG_DOCUMENTS": str(tmp_path / folder)})
    assert str(caught.value) == f"ZHUNSHENG_DOCUMENTS: {tmp_path / folder} 里没有 vocabulary.yaml / holds no vocabulary.yaml"


def test_a_wrong_setting_stops_the_start_with_that_line_and_nothing_else() -> None:
    assert output_of_serve() == (1, f"zhunsheng: {NO_KEY}\n")


def test_documents_with_faults_stop_the_start_and_all_faults_are_told_in_both_languages(tmp_path: Path) -> None:
    folder = shutil.copytree(SMALL, tmp_path / "documents")
    (folder / "typed" / "ruleset.yaml").write_text("a: [", encoding="utf-8")
    (folder / "failing" / "ruleset.yaml").write_bytes(b"a: \xff\n")
    code, written = output_of_serve(ZHUNSHENG_API_KEYS=keys(), ZHUNSHENG_DOCUMENTS=str(folder))
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


# --- what a start says ---------------------------------------------------------------------------------------------------


def test_a_started_service_says_where_it_is_and_nothing_else(server: Server) -> None:
    assert server.said == f"准绳 Zhunsheng 已就绪 / ready:  {server.url}\n"
    assert server.complained == ""


def test_it_listens_on_this_machine_only(server: Server) -> None:
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} | {"127.0.0.2"}
    for address in others - {"127.0.0.1"}:
        with socket.socket() as probe:
            probe.settimeout(2)
            assert probe.connect_ex((address, server.port)) != 0, address


def test_a_demo_prints_a_request_that_works_with_a_key_of_this_run_only(tmp_path: Path) -> None:
    """The first request to a fresh worker knows nothing and wants everything: the network has never fired before."""
    with running(tmp_path, "--demo", "--workers", "1", ZHUNSHENG_API_KEYS=keys("other")) as demo:
        (key,) = re.findall(r"Authorization: Bearer (zs_[\w-]{43})", demo.said)
        with httpx.Client(base_url=demo.url, headers={"Authorization": f"Bearer {key}", **JSON}, timeout=20) as client:
            first = client.post(DECISIONS, content=b'{"facts":{}}')
            assert first.status_code == 200
            assert first.json()["outcomes"] == {}
            (url, body) = re.findall(r"curl -s (\S+) .*-d '(\{.*\})'", demo.said)[0]
            assert client.post(url, content=body.encode()).json()["outcomes"]["final_rate_pct"] == 4.74
            assert client.post(DECISIONS, content=b'{"facts":{}}', headers=WITH_KEY).status_code == 401
        assert "演示模式" in demo.said
        assert "demo mode" in demo.said
        assert demo.complained == ""


def test_settings_take_effect(tmp_path: Path) -> None:
    """Two systems with keys, documents by a path relative to where the service was started, a body limit."""
    documents = shutil.copytree(SMALL, tmp_path / "documents")
    settings = {
        "ZHUNSHENG_API_KEYS": f" credit:{HASH}, core:{hash_key('second')},",
        "ZHUNSHENG_DOCUMENTS": documents.name,
        "ZHUNSHENG_MAX_BODY": "1024",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    with running(tmp_path, "--workers", "1", cwd=tmp_path, **settings) as started, httpx.Client(base_url=started.url, headers=JSON) as client:
        assert client.get("/readyz").json() == {"status": "ready", "rulesets": 2}
        for key in (KEY, "second"):
            headers = {"Authorization": f"Bearer {key}"}
            assert [ruleset["name"] for ruleset in client.get("/v1/rulesets", headers=headers).json()["rulesets"]] == ["failing", "typed"]
            assert client.post(DECISIONS, content=b'{"facts":{}}'.ljust(1024), headers=headers).status_code == 200
            assert client.post(DECISIONS, content=b'{"facts":{}}'.ljust(1025), headers=headers).status_code == 413
