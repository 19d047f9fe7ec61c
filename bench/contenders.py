"""Who takes part in a race, and how is each asked, here or in a process of its own, so that none can stall or kill the run?"""

from __future__ import annotations

import importlib
import itertools
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any, Final, Protocol

from bench.cases import Decide, Workload
from bench.peers import PEERS, natural_facts

KEPT: Final = "engine, kept agenda"
FRESH: Final = "engine, fresh agenda"
TRACED: Final = "engine, kept agenda, with trace"
APART: Final = frozenset({"durable_rules"})
"""Peers that can take the process down with them."""
PATIENCE: Final = 20.0
MEMORY: Final = 4 * 1024**3
STRIDE_SECONDS: Final = 0.005
Answer = Mapping[str, object]


class Unable(Exception):
    """A contender cannot take part; the message says why in plain words."""


class Contender(Protocol):
    name: str

    def answers(self, count: int) -> Sequence[Answer]:
        """Decide for the first ``count`` customers; raises Unable."""

    def rate(self, seconds: float) -> float:
        """Decide for about ``seconds``, going on where the last turn ended, and return decisions per second; raises Unable."""

    def close(self) -> None:
        """Let go of whatever the contender holds."""


@dataclass(frozen=True, slots=True)
class Absent:
    """One who would have taken part."""

    name: str
    reason: str


def line_up(workload: Workload) -> list[Contender | Absent]:
    return [*ours(workload), *(peer(name, workload) for name in PEERS)]


def ours(workload: Workload) -> list[Contender | Absent]:
    """Give the engine's three ways of answering; they take the numbers as they are."""
    try:
        subject = importlib.import_module("bench.subject")
        with deadline("compiling"), in_plain_words():
            ways: Mapping[str, Decide] = subject.build(workload)
    except ImportError as error:
        return [Absent("engine", f"cannot be imported: {error}")]
    except Unable as error:
        return [Absent("engine", str(error))]
    return [Here(name, decide, list(workload.customers)) for name, decide in ways.items()]


def peer(module: str, workload: Workload) -> Contender | Absent:
    try:
        return Elsewhere(module, workload) if module in APART else here(module, workload)
    except ImportError as error:
        return Absent(module, f"not installed: {error.name}")
    except Unable as error:
        return Absent(importlib.import_module(f"bench.peers.{module}").NAME, str(error))


# --- in this process -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Here:
    name: str
    decide: Decide
    customers: Sequence[dict[str, Any]]
    stride: int = 1
    turnstile: Iterator[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.turnstile = itertools.cycle(self.customers)

    def answers(self, count: int) -> Sequence[Answer]:
        with deadline("answering"), in_plain_words():
            return [dict(self.decide(facts)) for facts in self.customers[:count]]

    def rate(self, seconds: float) -> float:
        with in_plain_words():
            start, done = time.perf_counter(), 0
            while (elapsed := time.perf_counter() - start) < seconds:
                done += self.stride_along()
        return done / elapsed

    def stride_along(self) -> int:
        """Decide for some customers, for twice as many the next time if that was too short to look at the clock, and return how many."""
        decide, count, start = self.decide, self.stride, time.perf_counter()
        for facts in itertools.islice(self.turnstile, count):
            decide(facts)
        if time.perf_counter() - start < STRIDE_SECONDS:
            self.stride *= 2
        return count

    def close(self) -> None:
        pass


def here(module: str, workload: Workload) -> Here:
    chosen = importlib.import_module(f"bench.peers.{module}")
    with deadline("building"), in_plain_words():
        decide = chosen.build(workload)
    return Here(chosen.NAME, decide, [natural_facts(facts) for facts in workload.customers])


@contextmanager
def deadline(what: str) -> Iterator[None]:
    """Raise Unable when the block lasts longer than our patience; one call into C is not interrupted."""

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise Unable(f"skipped: {what} takes more than {PATIENCE:.0f} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def in_plain_words() -> Iterator[None]:
    """Turn whatever a peer raises into Unable."""
    try:
        yield
    except (Unable, ImportError):
        raise
    except Exception as error:
        raise Unable(f"fails: {error or type(error).__name__}") from error


# --- in a process of its own -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Elsewhere:
    """Asks over a pipe; a process that dies or keeps silent becomes Unable and is ended."""

    module: str
    workload: Workload
    name: str = field(init=False)
    pipe: Connection = field(init=False)
    process: multiprocessing.process.BaseProcess = field(init=False)

    def __post_init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, self.module, self.workload), daemon=True)
        self.process.start()
        theirs.close()
        self.name = importlib.import_module(f"bench.peers.{self.module}").NAME
        self.reply()

    def answers(self, count: int) -> Sequence[Answer]:
        answers: Sequence[Answer] = self.ask("answers", count)
        return answers

    def rate(self, seconds: float) -> float:
        rate: float = self.ask("rate", seconds)
        return rate

    def close(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def ask(self, *question: object) -> Any:
        with suppress(BrokenPipeError):
            self.pipe.send(question)
        return self.reply()

    def reply(self) -> Any:
        try:
            if not self.pipe.poll(PATIENCE):
                self.close()
                raise Unable(f"skipped: no answer within {PATIENCE:.0f} s")
            answer = self.pipe.recv()
        except (EOFError, ConnectionResetError) as error:
            self.process.join()
            raise Unable(f"crashes: {ending(self.process.exitcode)}") from error
        if isinstance(answer, Unable):
            raise answer
        return answer


def ending(exit_code: int | None) -> str:
    return f"its process was ended by {signal.Signals(-exit_code).name}" if exit_code is not None and exit_code < 0 else f"its process ended with {exit_code}"


def serve(pipe: Connection, module: str, workload: Workload) -> None:
    """Build a contender and answer questions until nobody asks any more; what the C library says when it dies is not shown."""
    bound_memory()
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stderr.fileno())
    try:
        contender = here(module, workload)
        pipe.send(contender.name)
        while True:
            question, value = pipe.recv()
            pipe.send(getattr(contender, question)(value))
    except Unable as error:
        pipe.send(error)
    except EOFError:
        return


def bound_memory() -> None:
    """Let an explosion end in an error of this process instead of a machine without memory."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
