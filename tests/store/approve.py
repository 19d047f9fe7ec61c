"""Approve a draft from a process of its own: ``python -m tests.store.approve URL DRAFT REVISION``."""

from __future__ import annotations

import sys

from rulesets import drafts
from rulesets.database import Database
from rulesets.refusals import Refused
from tests.store.bank import ANNA


def main(url: str, id_: str, revision: str) -> None:
    database = Database(url)
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        print("version", drafts.approve(database, ANNA, id_, int(revision), "")[1].number)
    except Refused as refused:
        print(type(refused).__name__)


if __name__ == "__main__":
    main(*sys.argv[1:])
