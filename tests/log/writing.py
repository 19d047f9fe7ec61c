"""What do the tests of the decision log write: a small ruleset, questions to it, and logs that are closed at the end?"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from engine import Decision, Engine, Undecided, compile_program
from rulesets import clock
from rulesets.database import Database
from rulesets.log.records import Answer, Fields, Question, Record, Used, new_record, used
from rulesets.log.sealing import MasterKeys, Sealer
from rulesets.log.writer import DecisionLog

MASTERS: Final = MasterKeys({"k1": bytes(range(32))})
USED: Final = used(frozenset({("tier", 3, "3" * 64), ("vocabulary", 1, "1" * 64)}))

VOCABULARY: Final[dict[str, Any]] = {
    "title": {"zh": "词汇表", "en": "vocabulary"},
    "fields": {
        "income": {"label": {"zh": "年收入", "en": "income"}, "type": "number", "unit": "元", "scale": 2, "min": 0, "max": 1000000, "sensitive": True},
        "visits": {"label": {"zh": "走访次数", "en": "visits"}, "type": "number", "unit": "次", "scale": 1, "min": 0, "max": 99},
        "remark": {"label": {"zh": "备注", "en": "remark"}, "type": "text", "max_length": 40},
        "guarantors": {
            "label": {"zh": "担保人", "en": "guarantors"},
            "type": "list",
            "item": {
                "type": "record",
                "members": {
                    "person": {"label": {"zh": "姓名", "en": "person"}, "type": "text", "max_length": 5},
                    "share": {"label": {"zh": "份额", "en": "share"}, "type": "number", "unit": "%", "scale": 1, "min": 0, "max": 100},
                },
            },
        },
        "tier": {
            "label": {"zh": "等级", "en": "tier"},
            "type": "choice",
            "choices": {"gold": {"zh": "金卡", "en": "gold card"}, "plain": {"zh": "普通", "en": "plain card"}},
        },
        "limit": {"label": {"zh": "额度", "en": "limit"}, "type": "number", "unit": "元", "scale": 2, "min": 0, "max": 9000000, "sensitive": True},
        "rate": {"label": {"zh": "利率", "en": "rate"}, "type": "number", "unit": "%", "scale": 2, "min": 0, "max": 99},
        "frequent": {"label": {"zh": "是否常客", "en": "frequent"}, "type": "boolean"},
        "echo": {"label": {"zh": "回显", "en": "echo"}, "type": "text", "max_length": 40},
    },
}
RULES: Final[dict[str, Any]] = {
    "ruleset": "tier",
    "title": {"zh": "等级", "en": "tier"},
    "owner": {"zh": "测试", "en": "tests"},
    "exports": ["tier", "limit", "rate", "frequent", "echo"],
    "tables": [
        {
            "id": "by_income",
            "title": {"zh": "按收入", "en": "by income"},
            "hit_policy": "F",
            "inputs": ["income"],
            "outputs": ["tier"],
            "rows": [{"id": "rich", "when": [">= 500000"], "then": ['"gold"']}],
            "default": {"tier": '"plain"'},
        }
    ],
    "formulas": [
        {"outcome": "limit", "title": {"zh": "额度", "en": "limit"}, "expression": "income * 2"},
        {"outcome": "rate", "title": {"zh": "利率", "en": "rate"}, "expression": "visits * 0.5"},
        {"outcome": "frequent", "title": {"zh": "是否常客", "en": "frequent"}, "expression": "visits > 10"},
        {"outcome": "echo", "title": {"zh": "回显", "en": "echo"}, "expression": "remark"},
    ],
}
FACTS: Final[dict[str, Any]] = {"income": 600000, "visits": 8, "remark": "1.50"}


def compiled() -> Engine:
    return compile_program(VOCABULARY, [RULES])


def ask(reference: str | None = None, facts: Mapping[str, Any] = FACTS, system: str = "crm", **more: Any) -> Question:
    return Question(system=system, reference=reference, facts=facts, **more)


def answer(decision: Decision, at: int | None = None, used: Used = USED) -> Answer:
    now = clock.now() if at is None else at
    return Answer(at=now, as_of=now, known_as_of=now, used=used, decision=decision)


DECISION: Final = Decision({"tier": "gold", "limit": 1200000, "rate": 4, "frequent": False}, (Undecided("echo", "missing_facts", ("remark",)),), ("tier",))


class Desk:
    """Makes records of one decision, quickly, without deciding anew."""

    def __init__(self, database: Database, engine: Engine, masters: MasterKeys = MASTERS) -> None:
        self.fields = Fields(engine.program.vocabulary.fields)
        self.sealer = Sealer(database, masters)

    def record(self, reference: str | None = None, facts: Mapping[str, Any] = FACTS, *, at: int | None = None, system: str = "crm") -> Record:
        return new_record(ask(reference, facts, system), answer(DECISION, at), fields=self.fields, sealer=self.sealer)


@contextmanager
def logging(database: Database, desk: Desk, **options: Any) -> Iterator[DecisionLog]:
    """A decision log that is closed when the block ends."""
    log = DecisionLog(database, desk.sealer, **options)
    try:
        yield log
    finally:
        log.close()


def main() -> None:
    """Write decisions until the end of the world and say each reference once it is durable: ``writing.py URL NAME THREADS``."""
    import threading

    url, name, threads = sys.argv[1:4]
    database = Database(url)
    desk = Desk(database, compiled())
    log = DecisionLog(database, desk.sealer, anchor_seconds=0.05, anchor_records=40)

    def work(number: int) -> None:
        for count in range(10**9):
            reference = f"{name}-{number}-{count}"
            stored = log.write(desk.record(reference))
            os.write(1, f"{reference} {stored.id} {stored.hash}\n".encode())

    for number in range(int(threads)):
        threading.Thread(target=work, args=(number,), daemon=True).start()
    sys.stdin.read()
    log.close()
    os._exit(0)


ROOT: Final = Path(__file__).resolve().parents[2]

if __name__ == "__main__":
    main()
