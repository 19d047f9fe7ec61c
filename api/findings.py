"""How are the findings of a check shown to whoever edits?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from api.problems import language
from engine import Diagnostic


def finding_views(findings: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """Each finding with its place, in the caller's language."""
    spoken = language()
    return [
        {
            "code": found.code,
            "document": found.location.document,
            "pointer": found.location.pointer,
            "place": found.location.words(spoken),
            "start": found.location.start,
            "end": found.location.end,
            "title": found.title(spoken),
            "detail": f"{found.message(spoken)}{'' if spoken == 'zh' else ' '}{found.mend(spoken)}",
        }
        for found in findings
    ]
