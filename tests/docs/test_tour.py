"""Do the examples of the tour still give what the page says: those in Python, and those in a shell against the demo?"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.api.running import MASTER_KEYS, ROOT, Server, running

PAGE: Final = ROOT / "docs" / "tour.md"
BLOCKS: Final = re.findall(r"```sh\n(.*?)```\n(?:```text\n(.*?)```\n)?", PAGE.read_text(encoding="utf-8"), re.DOTALL)
"""Commands, and what they print; … stands for what differs from day to day."""
NEXT: Final = "=== next ==="
SECONDS: Final = 120


def test_every_python_example_of_the_tour_gives_what_the_page_says() -> None:
    result = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert result.attempted > 10
    assert result.failed == 0


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each block prints when all are run one after the other, as the page tells, beside a demo."""
    here = tmp_path_factory.mktemp("tour")
    (here / "rulesets").symlink_to(ROOT / "rulesets")
    (here / "python3").symlink_to(sys.executable)
    script = "set -eu\n" + f"\necho '{NEXT}'\n".join(commands for commands, _ in BLOCKS)
    with running(here, "--demo", DATABASE_URL=f"sqlite:///{here}/demo.db", ZHUNSHENG_MASTER_KEYS=MASTER_KEYS) as server:
        done = subprocess.run(["bash", "-c", script], cwd=here, env=_as_printed(server, here), capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split(f"{NEXT}\n")


def _as_printed(server: Server, here: Path) -> dict[str, str]:
    """The environment that the tour asks for, from what the demo prints at its start."""
    passwords = dict(re.findall(r"^  demo-(\w+) +(\S+)", server.said, re.MULTILINE))
    (key,) = re.findall(r"Bearer (\S+?)\"", server.said)
    named = {f"{role.upper()}_PASSWORD": passwords[role] for role in ("editor", "approver", "compliance")}
    return {**os.environ, **named, "URL": server.url, "KEY": key, "PATH": f"{here}:{os.environ['PATH']}"}


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_each_command_of_the_tour_prints_what_the_page_says(printed: list[str], number: int) -> None:
    said = "(.*)".join(map(re.escape, BLOCKS[number][1].split("…")))
    assert re.fullmatch(said, printed[number]), printed[number]


def test_the_tour_has_commands_to_run() -> None:
    assert len(BLOCKS) == PAGE.read_text(encoding="utf-8").count("```sh") > 7
