"""Edge. What every row is given: where to work, how large, how often, beside whom; and what it gives back: lines of the
table.
"""

from __future__ import annotations

import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TypeVar

from .cost import By, Cost, Ratio, Series, process
from .peers import Peers

T = TypeVar("T")


class Size(IntEnum):
    """How large the work is. Only FULL is what SPEC section 14 speaks of; TINY shows that the scripts work."""

    TINY = 0
    QUICK = 1
    FULL = 2
    LARGE = 3


@dataclass(frozen=True, slots=True)
class Beside:
    """A program that did the same work in the same run: its cost in words, and ckptflow's in units of that."""

    cost: str
    ratio: Ratio


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. `name` stays the same from run to run. `limit` is the cost in units of the limit's,
    `ratio` the same in words. `met` is None where there is no target, or not at this size. `figures` are raw numbers.
    """

    name: str
    work: str
    ours: str
    beside: str
    ratio: str
    target: str
    met: bool | None
    limit: Ratio | None = None
    peers: Mapping[str, Beside] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bench:
    """The settings of one row. `scratch` is an empty directory of its own, on the disk that is measured. `only` names
    the programs to measure; empty: all.
    """

    scratch: Path
    size: Size
    rounds: int
    peers: Peers
    only: frozenset[str] = frozenset()

    def wants(self, program: str) -> bool:
        """Return whether a program is to be measured."""
        return not self.only or program in self.only

    def pick(self, tiny: T, quick: T, full: T) -> T:
        """Return what goes with the size."""
        return (tiny, quick, full)[min(self.size, Size.FULL)]

    def held(self, met: bool) -> bool | None:
        """Return whether a target is met; None at the tiny size, whose figures mean nothing."""
        return None if self.size is Size.TINY else met


Row = Callable[[Bench], Iterable[Line]]
"""Measures, and yields the lines of the table. Raises WentWrong."""

_SCRIPT = shutil.which("ckptflow", path=sysconfig.get_path("scripts"))
COMMAND = [_SCRIPT] if _SCRIPT else [sys.executable, "-m", "ckptflow.cli.main"]
"""The command that users start."""


def ckptflow(project: Path, *args: str, watch: bool = False) -> Cost:
    """Run the command in a project; return its cost."""
    return process([*COMMAND, *args], project, watch=watch)


def bare(what: str, *args: str | Path, cwd: Path, watch: bool = False) -> Cost:
    """Run one of the bare programs of `benchmarks.bare` in a process of its own; return its cost."""
    root = str(Path(__file__).resolve().parents[1])
    argv = [sys.executable, "-m", "benchmarks.bare", what, *map(str, args)]
    return process(argv, cwd, env={"PYTHONPATH": root}, watch=watch)


def against(ours: Series, others: Mapping[str, Series], by: By = "cpu") -> dict[str, Beside]:
    """Return what stands beside ckptflow in a line."""
    return {name: Beside(shown(other), ours.over(other, by)) for name, other in others.items()}


def ahead(peers: Mapping[str, Beside]) -> bool:
    """Return whether ckptflow costs less than each of them."""
    return all(beside.ratio.median < 1.0 for beside in peers.values())


def seconds(value: float) -> str:
    """Return a duration for people."""
    if value < 0.01:
        return f"{value * 1000:.2g} ms" if value >= 0.001 else f"{value * 1e6:.0f} µs"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s" if value < 10 else f"{value:.1f} s"


def shown(cost: Cost | Series) -> str:
    """Return CPU and wall seconds for people."""
    return f"{seconds(cost.cpu)} CPU, {seconds(cost.wall)} wall"


def figures(**costs: Cost | Series) -> dict[str, float]:
    """Return costs as raw numbers."""
    numbers: dict[str, float] = {}
    for name, cost in costs.items():
        numbers |= {f"{name}_wall": cost.wall, f"{name}_cpu": cost.cpu}
    return numbers
