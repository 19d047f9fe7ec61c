"""Does memory stay flat through thousands of decisions and through thousands of published versions?"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from engine import DecisionError, DocumentError, Engine, FactsError, compile_program

PAGE: Final = os.sysconf("SC_PAGE_SIZE")
STATM: Final = Path("/proc/self/statm")
LEAST_BLOCKS: Final = 0.5
"""A leak of one object in every second turn."""
LEAST_BYTES: Final = 25
"""A leak of the C extension's, in bytes a turn."""
VOCABULARY: Final = {
    "title": {"zh": "词汇表", "en": "vocabulary"},
    "fields": {
        **{
            f"n{n}": {"label": {"zh": f"数{n}", "en": f"number {n}"}, "type": "number", "scale": 2, "min": -1000, "max": 1000000, "unit": "元"}
            for n in range(8)
        },
        "tier": {
            "label": {"zh": "等级", "en": "tier"},
            "type": "choice",
            "ordered": True,
            "choices": {"low": {"zh": "低", "en": "low tier"}, "high": {"zh": "高", "en": "high tier"}},
        },
    },
}

pytestmark = pytest.mark.skipif(not STATM.exists(), reason="the process's memory is read from /proc")


def document(version: int) -> dict[str, Any]:
    """A ruleset of some tables and a formula; every version has other figures."""
    rows = [{"id": f"r{n}", "when": [f"[{n * 10 + version % 10}..{n * 10 + 10 + version % 10})", "-"], "then": [f"{version}.25 + n2"]} for n in range(10)]
    return {
        "ruleset": "memory",
        "title": {"zh": "内存", "en": "memory"},
        "owner": {"zh": "测试", "en": "tests"},
        "exports": ["n5", "n6", "tier"],
        "tables": [
            {"id": "steps", "title": {"zh": "档", "en": "steps"}, "hit_policy": "U", "inputs": ["n0", "n1"], "outputs": ["n5"], "rows": rows},
            {
                "id": "tiers",
                "title": {"zh": "等级", "en": "tiers"},
                "hit_policy": "F",
                "inputs": ["n5"],
                "outputs": ["tier"],
                "rows": [{"id": "r1", "when": [">= 3"], "then": ['"high"']}],
                "default": {"tier": '"low"'},
            },
        ],
        "formulas": [{"outcome": "n6", "title": {"zh": "比", "en": "ratio"}, "expression": "n5 / n3"}],
    }


def held() -> tuple[int, int]:
    """Bytes that the process holds, and blocks that Python's objects hold."""
    gc.collect()
    return int(STATM.read_text().split()[1]) * PAGE, sys.getallocatedblocks()


def growth(turn: Callable[[int], None], turns: int) -> tuple[float, float]:
    """Bytes and blocks of growth per turn, after a warm-up; the least of three measurements, so that one late arena is no leak."""
    for n in range(turns // 2):
        turn(n)
    found = []
    for _ in range(3):
        before = held()
        for n in range(turns):
            turn(n)
        found.append([(after - earlier) / turns for after, earlier in zip(held(), before, strict=True)])
    return min(size for size, _ in found), min(blocks for _, blocks in found)


def decide(engine: Engine, n: int) -> None:
    """Five decisions: answered, now and then traced, undecided, refused, failing."""
    customer: dict[str, Any] = {"n0": n % 100, "n1": None, "n2": "1.5", "n3": n % 7 + 1}
    known = {f"n{m}": m for m in (4, 7) if n >> m & 1}
    engine.decide(customer | known)
    engine.decide(customer, trace=n % 10 == 0)
    engine.decide({}, fresh_agenda=n % 10 == 0)
    with pytest.raises(FactsError):
        engine.decide({"n0": "abc"})
    with pytest.raises(DecisionError):
        engine.decide(customer | {"n0": 5, "n3": 0})


def publish(n: int) -> None:
    """A version comes into force, decides, and gives way; now and then one is refused, or forgotten without being closed."""
    engine = compile_program(VOCABULARY, [document(n)])
    engine.decide({"n0": 5, "n1": 1, "n2": 0, "n3": 2})
    if n % 3:
        engine.close()
    if n % 10 == 0:
        with pytest.raises(DocumentError):
            compile_program(VOCABULARY, [document(n) | {"exports": ["nothing"]}])


def test_decisions_hold_no_memory(soak: bool) -> None:
    engine = compile_program(VOCABULARY, [document(1)])
    size, blocks = growth(lambda n: decide(engine, n), 10_000 if soak else 800)
    assert size < LEAST_BYTES
    assert blocks < LEAST_BLOCKS
    engine.close()


def test_versions_that_gave_way_hold_no_memory(soak: bool) -> None:
    size, blocks = growth(publish, 1_000 if soak else 80)
    assert size < LEAST_BYTES * 20
    assert blocks < LEAST_BLOCKS
