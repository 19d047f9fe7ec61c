"""How does a strategy choose, one named choice at a time?"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pen:
    """Choices, each a whole number from ``low`` to ``high``; drawn by Hypothesis, they shrink to the first option and to "no"."""

    number: Callable[[int, int], int]

    @classmethod
    def drawing(cls, draw: DrawFn) -> Pen:
        """Choices that Hypothesis draws and shrinks."""
        return cls(lambda low, high: draw(st.integers(low, high)))

    @classmethod
    def rolling(cls, seed: int) -> Pen:
        """Choices by chance, where there are too many to draw; the same for the same seed."""
        return cls(random.Random(seed).randint)

    def pick(self, options: Sequence[T]) -> T:
        return options[self.number(0, len(options) - 1)]

    def chance(self, one_in: int) -> bool:
        """True once in so many times."""
        return self.number(1, one_in) == one_in

    def several(self, options: Sequence[T], count: int) -> list[T]:
        """``count`` different ones of ``options``, or all when there are fewer."""
        left = list(options)
        return [left.pop(self.number(0, len(left) - 1)) for _ in range(min(count, len(left)))]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        return self.several(options, len(options))


@st.composite
def pens(draw: DrawFn) -> Pen:
    """A pen, for tests that choose as they go."""
    return Pen.drawing(draw)
