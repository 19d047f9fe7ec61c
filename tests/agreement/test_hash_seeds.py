"""Do two processes that hash differently give the same hashes and answers, byte for byte?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def printed(seed: str) -> bytes:
    """What ``answers`` prints in a process of its own."""
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run([sys.executable, "-m", "tests.agreement.answers"], env=environment, cwd=ROOT, capture_output=True, check=True, timeout=120)
    return done.stdout


def test_the_hash_seed_changes_no_byte() -> None:
    first, second = printed("1"), printed("2")
    assert first.splitlines() == second.splitlines()
    assert first.count(b"outcomes") > 10
