"""Edge. How cost grows with size: `python -m benchmarks growth`.

Each kind of work is done at sizes that grow tenfold. What the smallest costs is fixed cost; of the rest, the exponent
is the slope of the logarithm of the cost over that of the size, by least squares on the larger sizes: 1 is linear, 2 is
quadratic. A kind stops at the size after which the next would take longer than it may.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .bench import seconds
from .cost import Cost, Series, WentWrong
from .kinds import KINDS, Kind
from .table import table

LINEAR = 1.1
"""What an exponent may be to count as linear: it is a figure that was measured."""
LARGER = 3
"""So many of the sizes, the largest, make the exponent."""
AGAIN_SECONDS = 5.0
"""What takes less is done again as a whole: what can be done but once in a place then has a median as well."""
NOISE = 0.25
"""What grew by less than this part of the fixed cost did not grow."""


@dataclass(frozen=True, slots=True)
class Growth:
    """One kind of work: CPU and wall seconds by size."""

    kind: str
    work: str
    unit: str
    cpu: Mapping[int, float]
    wall: Mapping[int, float]

    @property
    def exponent(self) -> float | None:
        """The exponent of its CPU seconds."""
        return exponent(self.cpu)

    @property
    def linear(self) -> bool:
        """It grows no faster than linearly."""
        return self.exponent is None or self.exponent <= LINEAR


def exponent(cost: Mapping[int, float]) -> float | None:
    """Return the exponent with which a cost grows over size; None where it does not, or too few sizes tell."""
    grown = _grown(cost)[-LARGER:]
    if len(grown) < 2:
        return None
    xs, ys = ([math.log(pair[i]) for pair in grown] for i in (0, 1))
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def _grown(cost: Mapping[int, float]) -> list[tuple[int, float]]:
    """Return by how much size and cost are above those of the smallest, where that can be told from noise."""
    (smallest, fixed), *rest = sorted(cost.items())
    return [(size - smallest, each - fixed) for size, each in rest if each - fixed > NOISE * fixed]


def measure(kind: Kind, scratch: Path, sizes: Sequence[int], budget: float, rounds: int) -> list[Growth]:
    """Do the work at each size, smallest first, while there is time; return its growth, a line each kind of run."""
    seen: dict[str, dict[int, Series]] = {work: {} for work in kind.works}
    before: float | None = None
    _done(kind, scratch, sizes[0], 1)  # the first run of all reads files and writes bytecode that others find there
    for size in sizes:
        began = time.perf_counter()
        found = _done(kind, scratch, size, rounds)
        took = time.perf_counter() - began
        for _ in range(rounds - 1 if took < AGAIN_SECONDS else 0):
            for work, costs in _done(kind, scratch, size, rounds).items():
                found[work] += costs
        for work, costs in found.items():
            seen[work][size] = Series(tuple(costs))
        print(f"{kind.name}, {size:,} {kind.unit}: {took:.1f} s", file=sys.stderr, flush=True)
        if before is not None and took + 10 * (took - before) > budget:  # what grew grows tenfold
            break
        before = took
    return [
        Growth(
            kind.name,
            kind.works[work],
            kind.unit,
            {size: series.cpu for size, series in by.items()},
            {size: series.wall for size, series in by.items()},
        )
        for work, by in seen.items()
    ]


def _done(kind: Kind, scratch: Path, size: int, rounds: int) -> dict[str, list[Cost]]:
    """Do the work once at a size, and its parts that can be done again so many times; return what each cost."""
    place = scratch / f"{kind.name}-{size}"
    found: dict[str, list[Cost]] = {}
    for work, cost in kind.run(place, size, rounds):
        found.setdefault(work, []).append(cost)
    shutil.rmtree(place, ignore_errors=True)
    return found


def statement(found: Sequence[Growth]) -> str:
    """Return what all of it comes to, in a sentence."""
    if all(each.exponent is None for each in found):
        return "Nothing grew by enough, or at enough sizes, to tell how."
    faster = [f"{each.work} ({each.exponent:.2f})" for each in found if not each.linear]
    if faster:
        return f"Grows faster than linearly: {'; '.join(faster)}."
    return f"Nothing grows faster than linearly: no exponent is above {LINEAR}."


def markdown(found: Sequence[Growth], notes: Sequence[str]) -> str:
    """Return the tables, one for each unit of size, below the statement."""
    parts = ["# Growth", "", statement(found), "", *(f"- {note}" for note in notes), ""]
    for kind in dict.fromkeys(each.kind for each in found):
        lines = [each for each in found if each.kind == kind]
        sizes = sorted({size for each in lines for size in each.cpu})
        head = [f"CPU by {lines[0].unit}", *(f"{size:,}" for size in sizes), "exponent"]
        rows = [[each.work, *(_cell(each.cpu.get(size)) for size in sizes), _told(each)] for each in lines]
        parts += [*table(head, rows), ""]
    return "\n".join(parts)


def _cell(value: float | None) -> str:
    return "-" if value is None else seconds(value)


def _told(each: Growth) -> str:
    if each.exponent is None:
        return "too few sizes" if _grown(each.cpu) or len(each.cpu) < 3 else "does not grow"
    return f"{each.exponent:.2f}" if each.linear else f"**{each.exponent:.2f}**"


def main(argv: list[str]) -> int:
    """Measure what is asked for, print the tables, write them; return 1 where something could not be measured."""
    asked = _parser().parse_args(argv)
    budget = 20.0 if asked.quick else asked.seconds
    scratch = Path(tempfile.mkdtemp(prefix="ckptflow-growth-", dir=asked.scratch))
    found: list[Growth] = []
    broken = 0
    try:
        for name in asked.kinds or KINDS:
            kind = KINDS[name]
            sizes = kind.tiny if asked.tiny else kind.sizes
            try:
                found += measure(kind, scratch, sizes, budget, asked.rounds)
            except WentWrong as error:
                broken += 1
                print(f"{name}: could not be measured: {error}", file=sys.stderr)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    notes = [
        f"Medians of {asked.rounds} rounds, whole processes. A kind stops where a size would take over {budget:g} s."
    ]
    print(markdown(found, notes))
    if asked.out is not None:
        asked.out.mkdir(parents=True, exist_ok=True)
        (asked.out / "growth.md").write_text(markdown(found, notes))
        document = [{**asdict(each), "exponent": each.exponent} for each in found]
        (asked.out / "growth.json").write_text(json.dumps({"notes": notes, "growth": document}, indent=1) + "\n")
    return 1 if broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks growth", description="How cost grows with size.")
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--tiny", action="store_true", help="only to see that everything works")
    sizes.add_argument("--quick", action="store_true", help="no size that would take over 20 s; a few minutes")
    sizes.add_argument(
        "--seconds", type=float, default=600.0, metavar="N", help="no size that would take longer (default: 600)"
    )
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), metavar="KIND", help=f"of: {', '.join(KINDS)}")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="times that each is measured (default: 3)")
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="work here: on the disk that is to be measured")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write growth.md and growth.json there")
    return parser
