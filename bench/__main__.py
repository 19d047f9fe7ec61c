"""What does ``python -m bench`` measure and print?"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Sequence
from typing import Final

from bench import durable, http
from bench.cases import Workload, chain, range_table
from bench.contenders import KEPT, Absent, bound_memory
from bench.race import CHECKED, Standing, race

SIZES: Final = (10, 100, 1_000, 5_000)
YARDSTICK: Final = "zen-engine"
SECONDS: Final = 12.0


def main() -> None:
    arguments = parsed()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start; {arguments.seconds:.0f} s each\n")
    if arguments.what in ("engine", "all"):
        races(arguments.seconds)
    if arguments.what in ("http", "all"):
        http.report(seconds=arguments.seconds)
    if arguments.what in ("durable", "all"):
        durable.report(seconds=arguments.seconds)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure the engine against its peers, the service against an empty view, and durable decisions against forgotten ones.",
    )
    parser.add_argument("what", nargs="?", choices=("engine", "http", "durable", "all"), default="all")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="measuring time for each workload, for HTTP and for each database (default %(default)s)")
    return parser.parse_args()


def races(seconds: float) -> None:
    """Race on the chain and on range tables of every size; customers and rows are the same in every run."""
    bound_memory()
    show(chain(), seconds)
    ours = {size: rate_of(KEPT, show(range_table(size), seconds)) for size in SIZES}
    small, large = ours[SIZES[0]], ours[SIZES[-1]]
    if small and large:
        print(f"{KEPT}: {SIZES[-1]:,} rows run at {large / small:.2f} of the speed of {SIZES[0]:,} rows\n")


def show(workload: Workload, seconds: float) -> Sequence[Standing | Absent]:
    """Race, print the table, and return what it shows."""
    standings = race(workload, seconds=seconds)
    yardstick = rate_of(YARDSTICK, standings)
    print(f"{workload.name:34}{'decisions/s':>12}{'spread':>9}{'to ' + YARDSTICK:>16}{f'wrong of {CHECKED}':>15}")
    for standing in standings:
        print(line(standing, yardstick))
    print(flush=True)
    return standings


def rate_of(name: str, standings: Sequence[Standing | Absent]) -> float | None:
    return next((standing.rate for standing in standings if isinstance(standing, Standing) and standing.name == name), None)


def line(standing: Standing | Absent, yardstick: float | None) -> str:
    if isinstance(standing, Absent):
        return f"  {standing.name:32}{standing.reason}"
    ratio = f"{standing.rate / yardstick:.2f} x" if yardstick else "-"
    return f"  {standing.name:32}{standing.rate:>12,.0f}{f'±{standing.spread:.0%}':>9}{ratio:>16}{standing.wrong:>15}"


if __name__ == "__main__":
    main()
