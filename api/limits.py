"""How often may somebody try who has not shown who they are? Counted in each process by itself, by address.

``limits`` is what Flask-Limiter counts with. Flask-Limiter itself looks at every request, which takes half as long as a
decision; here only refusals and sign-ins are counted, and nobody who shows a valid key is.
"""

from __future__ import annotations

import math
import time
from typing import Final, Literal

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

What = Literal["sign-in", "refused"]
LIMITS: Final[dict[What, RateLimitItem]] = {"sign-in": RateLimitItemPerMinute(10), "refused": RateLimitItemPerMinute(600)}


class Limits:
    """The counts of one process."""

    def __init__(self) -> None:
        self._strategy = FixedWindowRateLimiter(MemoryStorage())

    def wait(self, what: What, origin: str) -> int:
        """Count a try from ``origin``: the seconds after which it may be made, 0 for now."""
        limit = LIMITS[what]
        if self._strategy.hit(limit, what, origin):
            return 0
        return max(1, math.ceil(self._strategy.get_window_stats(limit, what, origin).reset_time - time.time()))
