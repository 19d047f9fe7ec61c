"""How do the tests export a log, and what does the checker, run by itself, say of a file?"""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from rulesets.audit_check import Broken, Report, check
from rulesets.audit_export import parts, write_export
from rulesets.database import Database

CHECKER: Final = Path(__file__).resolve().parents[2] / "rulesets" / "audit_check.py"


def exported(database: Database) -> bytes:
    """The whole log of a store."""
    out = io.BytesIO()
    with database.reading() as session:
        write_export(session, out, parts(session))
    return out.getvalue()


def checked(data: bytes, known: tuple[int, str] | None = None) -> Report:
    return check(io.BytesIO(data), known)


def first_broken(data: bytes) -> Broken:
    """What the checker names first in an export that must not pass."""
    with pytest.raises(Broken) as caught:
        checked(data)
    return caught.value


def run_checker(*arguments: str | Path) -> tuple[int, str, str]:
    """The exit code, output and complaints of the checker as a program, in a Python that sees nothing of ours."""
    done = subprocess.run([sys.executable, "-I", "-S", CHECKER, *arguments], cwd="/", capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout, done.stderr
