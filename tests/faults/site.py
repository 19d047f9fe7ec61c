"""How do the tests start the real service on a store of theirs, kill parts of it, and start it again at the same address?"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from tests.api.running import MASTER_KEYS, ROOT, environment, serve_command

WORKERS: Final = 2
PATIENCE: Final = 90.0
"""Seconds that a machine with other things to do may take for anything."""


def awaited(what: str, condition: Callable[[], object]) -> None:
    """Return when ``condition`` holds; an assertion says what never came."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"{what}: not within {PATIENCE:.0f} s"
        time.sleep(0.02)


@dataclass(slots=True)
class Site:
    """gunicorn with its workers on one store; ``process`` is the master."""

    url: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Serve, and return when every worker is there."""
        settings = {"DATABASE_URL": self.url, "ZHUNSHENG_MASTER_KEYS": MASTER_KEYS}
        command = serve_command("--port", str(self.port), "--workers", str(WORKERS))
        with (self.folder / "out").open("ab") as out, (self.folder / "err").open("ab") as err:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment(**settings), stdout=out, stderr=err, start_new_session=True)
        awaited("the service", self.is_ready)
        awaited("its workers", lambda: len(self.workers()) == WORKERS)

    def is_ready(self) -> bool:
        assert self.master.poll() is None, self.complained
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    @property
    def master(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    @property
    def complained(self) -> str:
        return (self.folder / "err").read_text(encoding="utf-8")

    def workers(self) -> list[int]:
        pid = self.master.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def kill_worker(self, worker: int) -> None:
        """Kill one worker at once, and return when another one stands in for it."""
        os.kill(worker, signal.SIGKILL)
        awaited("another worker", lambda: worker not in (found := self.workers()) and len(found) == WORKERS)

    def kill_master(self) -> None:
        """Kill the master at once, and then its orphaned workers, as systemd does (``KillMode=mixed``)."""
        group = self.master.pid
        self.master.kill()
        self.master.wait()
        os.killpg(group, signal.SIGKILL)
        awaited("the end of the orphaned workers", lambda: not _lives(group))

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ask the service to end; asserts that it does, cleanly and with all its processes."""
        self.master.send_signal(how)
        self.ended()

    def ended(self) -> None:
        """Assert that the service ends cleanly, having been asked to."""
        assert self.master.wait(PATIENCE) == 0, self.complained
        awaited("the end of the workers", lambda: not _lives(self.master.pid))

    def close(self) -> None:
        """End whatever is left."""
        if self.process is not None and _lives(self.process.pid):
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
