"""What can be done at the command line? ``zhunsheng COMMAND``; each command stands in ``rulesets.commands``."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

COMMANDS: Final = {
    "serve": "serve:serve",
    "check": "documents:check",
    "describe": "documents:describe",
    "master-key": "keeping:master_key",
    "rotate-keys": "keeping:rotate_keys",
    "destroy-keys": "keeping:destroy_keys",
    "backup": "keeping:backup",
    "restore": "keeping:restore",
    "retain": "keeping:retain",
    "audit": "auditing:audit",
}
"""Name → where it is."""


class Lazy(click.Group):
    """Reads a command's module when the command is called or listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        found = getattr(import_module(f"rulesets.commands.{module}"), name)
        assert isinstance(found, click.Command)
        return found


@click.group(cls=Lazy)
def main() -> None:
    """准绳：银行规则服务 / Zhunsheng: a rules service for banks."""


if __name__ == "__main__":
    main()
