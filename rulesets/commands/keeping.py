"""Keep what the store holds: its keys, its copies, its age."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from rulesets import backup as copies
from rulesets import clock
from rulesets.audit import Actor
from rulesets.log import sealing
from rulesets.log.retention import NotRemoved, export_and_remove
from rulesets.settings import ConfigurationError, configured_database, master_keys_from

FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


def told(command: Callable[..., None]) -> Callable[..., None]:
    """End with one line in both languages when something is not as it must be."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except (ConfigurationError, copies.BackupRefused, NotRemoved, sealing.SealBroken, sealing.WrongMasterKeys) as error:
            sys.exit(str(error))
        except OSError as error:
            sys.exit(f"{error.filename}: {error.strerror}")

    return run


@click.command("master-key")
@click.argument("name", default="k1")
@told
def master_key(name: str) -> None:
    """生成主密钥 / Make a master key for ZHUNSHENG_MASTER_KEYS."""
    click.echo(sealing.new_master_key(name))


@click.command("rotate-keys")
@told
def rotate_keys() -> None:
    """改用第一个主密钥 / Seal all data keys by the first master key; the others are no longer needed then."""
    with configured_database() as database, database.writing() as session:
        count = sealing.rotate(session, master_keys_from(), Actor("command:rotate-keys"))
    click.echo(f"已用新主密钥重新封装 {count} 个数据密钥 / {count} data keys sealed anew")


@click.command("destroy-keys")
@told
def destroy_keys() -> None:
    """销毁不再需要的数据密钥 / Destroy data keys that no record in the store needs: older exports cannot be read by anybody then."""
    with configured_database() as database, database.writing() as session:
        destroyed = sealing.destroy_keys(session, Actor("command:destroy-keys"))
    click.echo(f"已销毁 {len(destroyed)} 个数据密钥 / {len(destroyed)} data keys destroyed")


@click.command()
@FILE
@told
def backup(file: Path) -> None:
    """备份数据库 / Copy the store to a new file while others go on writing."""
    with configured_database() as database:
        made = copies.back_up(database, file, Actor("command:backup"))
    click.echo(f"{file}  sha256:{made.sha256}")


@click.command()
@FILE
@click.option("--replace", is_flag=True, help="覆盖非空的数据库 / replace a store that is not empty")
@told
def restore(file: Path, replace: bool) -> None:
    """从备份恢复 / Put a copy back."""
    with configured_database() as database:
        copies.restore(database, file, Actor("command:restore"), replace=replace)
    click.echo(f"已恢复 / restored:  {file}")


@click.command()
@click.argument("before")
@FILE
@click.option("--time-zone", envvar="ZHUNSHENG_TIME_ZONE", default="Asia/Shanghai", show_default=True)
@told
def retain(before: str, file: Path, time_zone: str) -> None:
    """移出早于 BEFORE 的决策 / Move decisions older than BEFORE to a file that verifies by itself."""
    try:
        instant = clock.read(before, ZoneInfo(time_zone))
    except ValueError:
        sys.exit(f"BEFORE: 应为日期，例如 2025-01-01 / should be a date such as 2025-01-01: {before}")
    with configured_database() as database:
        removed = export_and_remove(database, instant, file, Actor("command:retain"))
    if removed is None:
        click.echo("没有可移出的决策 / nothing to move")
    else:
        click.echo(f"已移出 {removed.decisions} 条 / {removed.decisions} moved:  {removed.file}  sha256:{removed.sha256}")
