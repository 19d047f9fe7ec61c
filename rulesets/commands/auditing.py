"""Take the audit log away and check it: ``zhunsheng audit export``, ``zhunsheng audit verify``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from rulesets import audit_check
from rulesets.audit_export import export_audit
from rulesets.commands.keeping import FILE, told
from rulesets.settings import configured_database


@click.group()
def audit() -> None:
    """审计日志 / The audit log."""


@audit.command()
@FILE
@told
def export(file: Path) -> None:
    """导出 / Write the whole log to a new file."""
    with configured_database() as database:
        done = export_audit(database, file)
    click.echo(f"{done.entries} 条审计，{done.decisions} 条决策 / {done.entries} entries, {done.decisions} decisions:  {file}  sha256:{done.sha256}")
    click.echo(f"请另行记下最后一条 / note the last entry elsewhere:  {done.entries}:{done.head}")


@audit.command()
@FILE
@click.option("--entry", help="早先记下的一条，编号:哈希 / an entry noted earlier, NUMBER:HASH")
def verify(file: Path, entry: str | None) -> None:
    """离线核对导出的日志 / Check an exported log; needs neither the service nor the store."""
    sys.exit(audit_check.main([str(file), *(["--entry", entry] if entry else [])]))
