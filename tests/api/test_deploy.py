"""Do the files of ``deploy/`` do what they say? Tried with systemd's own check, and with a real nginx, where there are any."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.api.running import ROOT, Server, Service, free_port, running
from tests.store.receiver import Receiver, receiving

UNIT: Final = ROOT / "deploy" / "zhunsheng.service"
SITE: Final = ROOT / "deploy" / "nginx.conf"
NGINX: Final = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
SYSTEMD: Final = shutil.which("systemd-analyze")
with_nginx = pytest.mark.skipif(NGINX is None, reason="no nginx on this machine")


# --- systemd --------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(SYSTEMD is None, reason="no systemd on this machine")
def test_systemd_understands_the_unit(tmp_path):
    unit = tmp_path / "zhunsheng.service"
    text = UNIT.read_text(encoding="utf-8").replace("/opt/zhunsheng/.venv/bin/python", sys.executable)
    unit.write_text(text.replace("EnvironmentFile=/etc/zhunsheng/environment", "EnvironmentFile=-/etc/zhunsheng/environment"), encoding="utf-8")
    done = subprocess.run([str(SYSTEMD), "verify", "--recursive-errors=no", str(unit)], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "zhunsheng" in line]) == (0, [])


def test_the_service_tells_systemd_when_it_is_ready():
    """What ``Type=notify`` waits for, from the process that ``ExecStart`` names."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"{folder}/notify")
        systemd.settimeout(60)
        with running(Path(folder), NOTIFY_SOCKET=f"{folder}/notify"):
            assert "READY=1" in systemd.recv(1024).decode().splitlines()


def test_the_documentation_says_where_the_files_go_and_which_settings_the_unit_needs():
    told = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for setting in re.findall(r"^#   ([A-Z_]+)=", UNIT.read_text(encoding="utf-8"), re.MULTILINE):
        assert f"| `{setting}` |" in told
    for path in ("/etc/zhunsheng/environment", "/opt/zhunsheng", "/var/lib/zhunsheng", "deploy/nginx.conf", "deploy/zhunsheng.service"):
        assert path in told


# --- nginx ----------------------------------------------------------------------------------------------------------------


@contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[tuple[httpx.Client, int, int]]:
    """The sample in front of a port of ours: a client that trusts its certificate, and its ports for http and https."""
    plain, secure = free_port(), free_port()
    certificate(folder)
    (folder / "nginx.conf").write_text(main_configuration(folder, upstream, plain, secure), encoding="utf-8")
    with (folder / "err").open("wb") as err:
        process = subprocess.Popen([str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"], stderr=err)
    trusted = ssl.create_default_context(cafile=str(folder / "tls.crt"))
    try:
        _await_port(process, secure, folder)
        with httpx.Client(base_url=f"https://localhost:{secure}", verify=trusted, timeout=20, http1=True) as client:
            yield client, plain, secure
    finally:
        process.terminate()
        process.wait(30)


def main_configuration(folder: Path, upstream: int, plain: int, secure: int) -> str:
    """The sample with our ports, names and folders, inside the least that nginx needs."""
    site = SITE.read_text(encoding="utf-8")
    for there, here in {
        "127.0.0.1:8000": f"127.0.0.1:{upstream}",
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl": f"listen 127.0.0.1:{secure} ssl",
        "zhunsheng.bank.example": "localhost",
        "/etc/zhunsheng/": f"{folder}/",
        "/var/log/nginx/": f"{folder}/",
    }.items():
        assert there in site
        site = site.replace(there, here)
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    return f"daemon off;\nmaster_process off;\npid {folder}/pid;\nevents {{}}\nhttp {{\n{temporary}{site}\n}}\n"


def certificate(folder: Path) -> None:
    """A certificate for localhost, vouched for by itself."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    made = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    (folder / "tls.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "tls.key").write_bytes(private)


def _await_port(process: subprocess.Popen[bytes], port: int, folder: Path, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert process.poll() is None, (folder / "err").read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("nginx does not listen")


def port_of(receiver: Receiver) -> int:
    return httpx.URL(receiver.url).port or 0


@with_nginx
def test_a_decision_goes_through_nginx(server: Server, service: Service, tmp_path: Path) -> None:
    with nginx(tmp_path, server.port) as (client, _, _):
        client.headers = service.client.headers
        Service(client).answers()
        response = client.get("/v1/rulesets")
    assert response.status_code == 200
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Server" not in response.headers or "/" not in response.headers["Server"]


@with_nginx
def test_the_service_learns_who_called_and_nobody_can_say_otherwise(tmp_path):
    forged = {"X-Forwarded-For": "10.9.9.9", "X-Forwarded-Proto": "http", "X-Request-Id": "id with blanks"}
    with receiving() as receiver, nginx(tmp_path, port_of(receiver)) as (client, _, _):
        client.post("/v1/decisions?reference=Mrs-Wang", content=b"{}", headers=forged)
        client.post("/v1/decisions", content=b"{}", headers={"X-Request-Id": "trace-00001"})
    first, second = receiver.got
    assert (first.headers["X-Forwarded-For"], first.headers["X-Forwarded-Proto"], first.headers["Host"]) == ("127.0.0.1", "https", "localhost")
    assert re.fullmatch("[0-9a-f]{32}", first.headers["X-Request-Id"])
    assert second.headers["X-Request-Id"] == "trace-00001"
    logged = (tmp_path / "zhunsheng.log").read_text()
    assert '"POST /v1/decisions" 200' in logged
    assert "trace-00001" in logged
    assert "Wang" not in logged


@with_nginx
def test_while_the_service_is_away_callers_are_told_to_try_again(tmp_path):
    with nginx(tmp_path, free_port()) as (client, _, _):
        response = client.post("/v1/decisions", content=b"{}")
    assert (response.status_code, response.headers["Content-Type"]) == (503, "application/problem+json")
    assert response.headers["Retry-After"] == "5"
    assert response.json()["code"] == "E690"


@with_nginx
def test_metrics_large_bodies_and_plain_http_end_at_nginx(tmp_path):
    with receiving() as receiver, nginx(tmp_path, port_of(receiver)) as (client, plain, _):
        assert client.get("/metrics").status_code == 404
        assert client.post("/v1/decisions", content=b"x" * 3_000_000).status_code == 413
        moved = httpx.post(f"http://localhost:{plain}/v1/decisions?a=b", content=b"{}")
        assert (moved.status_code, moved.headers["Location"]) == (308, "https://localhost/v1/decisions?a=b")
    assert receiver.got == []
