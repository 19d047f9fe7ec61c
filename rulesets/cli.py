"""What can be done at the command line? ``zhunsheng serve | check | describe | key``."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import IO, Any, Final, NoReturn

import click

from engine import DocumentError, EngineError, Explainer, Language
from rulesets.cases import failures
from rulesets.catalog import NO_VOCABULARY, SHIPPED, has_vocabulary, load_catalog, told
from rulesets.log.sealing import new_master_key

HOST: Final = "127.0.0.1"
LANGUAGE = click.option("--language", type=click.Choice(["zh", "en"]), default="zh", help="语言 / language")
PORT: Final = 8000
ROOT: Final = Path(__file__).resolve().parents[1]
DEMO_KEY: Final = ROOT / "var" / "demo-master-key"
FOLDER = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default=SHIPPED)


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


@click.group()
def main() -> None:
    """准绳：银行规则服务 / Zhunsheng: a rules service for banks."""


@main.command()
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


@main.command()
@FOLDER
@LANGUAGE
def check(folder: Path, language: Language) -> None:
    """检查规则与用例 / Compile a folder of documents and run its cases."""
    if not has_vocabulary(folder):
        sys.exit(NO_VOCABULARY.format(folder=folder))
    try:
        catalog = load_catalog(folder)
        engine = catalog.compile()
    except DocumentError as error:
        _fail(error, language)
    known = {ruleset.id for ruleset in engine.program.rulesets}
    findings = [*catalog.misplaced, *(finding for name, cases in catalog.cases.items() if name in known for finding in failures(engine, name, cases))]
    if findings:
        _fail(EngineError(findings), language)
    rows = sum(len(table.rows) for ruleset in engine.program.rulesets for table in ruleset.tables)
    count = sum(len(cases) for cases in catalog.cases.values())
    rulesets = len(engine.program.rulesets)
    click.echo(f"通过：{rulesets} 个规则集，{rows} 行，{count} 个用例" if language == "zh" else f"Passed: {rulesets} rulesets, {rows} rows, {count} cases")


@main.command()
@click.argument("ruleset")
@LANGUAGE
def describe(ruleset: str, language: Language) -> None:
    """用一句话说明每一行 / Say every row of a shipped ruleset as a sentence."""
    engine = load_catalog().compile()
    try:
        found = engine.program.ruleset(ruleset)
    except KeyError:
        names = ", ".join(known.id for known in engine.program.rulesets)
        sys.exit(f"没有规则集 {ruleset}；可用 / no such ruleset; available: {names}")
    explainer = Explainer(engine.program)
    for table in found.tables:
        click.echo(f"\n{table.title.in_(language)} [{table.policy}]")
        for row in table.rows:
            click.echo(f"  {row.id}  {explainer.describe(table, row).in_(language)}")


@main.command("master-key")
@click.argument("name", default="k1")
def master_key(name: str) -> None:
    """生成主密钥 / Make a master key for ZHUNSHENG_MASTER_KEYS."""
    click.echo(new_master_key(name))


def _demo_master_key() -> str:
    """The master key of the demo on this machine, made at its first start."""
    path = DEMO_KEY
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(new_master_key("demo"))
    return path.read_text().strip()


def _fail(error: EngineError, language: Language) -> NoReturn:
    sys.exit(told(error, language))


if __name__ == "__main__":
    main()
