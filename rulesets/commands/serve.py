"""Serve on this machine: ``zhunsheng serve [--demo]``. Hands over to gunicorn at once."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import IO, Any, Final, NoReturn

import click

HOST: Final = "127.0.0.1"
PORT: Final = 8000
ROOT: Final = Path(__file__).resolve().parents[2]
DEMO_KEY: Final = ROOT / "var" / "demo-master-key"


class WrongSetting(click.ClickException):
    """One line in Chinese and English, with the exit code of a wrong command line."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=file is None)


class Whole(click.IntRange):
    """A whole number within bounds; refuses in both languages."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            named = str(param.envvar) if param else ""
            raise WrongSetting(f"{named}: 应为 {self.min} 到 {self.max} 的整数 / a whole number from {self.min} to {self.max}") from None


@click.command()
@click.option("--demo", is_flag=True, help="只在本机、用一次性密钥演示 / on this machine only, with a one-time key")
@click.option("--port", type=Whole(1, 65535), envvar="PORT", default=PORT, show_default=True)
@click.option("--workers", type=Whole(1, 64), envvar="WORKERS", default=2, show_default=True)
def serve(demo: bool, port: int, workers: int) -> NoReturn:
    """启动服务 / Serve on 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            another = port + 1 if 1024 <= port < 65535 else PORT
            sys.exit(f"端口 {port} 已被占用或不可用，请换一个 / port {port} is in use or not allowed, choose another:  PORT={another} make run")
    if demo:
        os.environ |= {"ZHUNSHENG_DEMO": "1", "ZHUNSHENG_MASTER_KEYS": os.environ.get("ZHUNSHENG_MASTER_KEYS") or _demo_master_key()}
    if folder := os.environ.get("ZHUNSHENG_DOCUMENTS"):
        os.environ["ZHUNSHENG_DOCUMENTS"] = str(Path(folder).absolute())
    os.environ |= {"ZHUNSHENG_BIND": f"{HOST}:{port}", "WEB_CONCURRENCY": str(workers)}
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py"), "wsgi:app"])  # noqa: S606 - our own arguments


def _demo_master_key() -> str:
    """The master key of the demo on this machine, made at its first start."""
    path = DEMO_KEY
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        from rulesets.log.sealing import new_master_key  # takes a while to read, and is needed once

        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(new_master_key("demo"))
    return path.read_text().strip()
