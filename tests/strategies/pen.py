"""How does a strategy choose, one named choice at a time?"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pen:
    """Choices drawn by Hypothesis; every one shrinks to its first option, to the lowest number, to "no"."""

    draw: DrawFn

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

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


@dataclass(frozen=True, slots=True)
class Dice(Pen):
    """Choices by chance, where there are too many for Hypothesis to draw: the same for the same seed."""

    chooser: random.Random

    @classmethod
    def of(cls, seed: int) -> Dice:
        return cls(_never, random.Random(seed))

    def number(self, low: int, high: int) -> int:
        return self.chooser.randint(low, high)


def _never(strategy: object) -> NoReturn:
    raise AssertionError(strategy)


@st.composite
def pens(draw: DrawFn) -> Pen:
    """A pen, for tests that choose as they go."""
    return Pen(draw)
