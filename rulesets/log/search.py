"""Which decisions were made? (placeholder until the search lands)"""

from __future__ import annotations

from typing import Any


def find(session: Any, **wanted: Any) -> Any:
    raise NotImplementedError


def get(session: Any, id_: str) -> Any:
    from rulesets.models import DecisionRecord

    return session.get(DecisionRecord, id_)
