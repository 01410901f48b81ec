"""Edge. `python -m benchmarks`: measure, print the table, write it as Markdown and JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from .bench import Bench, Line, Size
from .cost import WentWrong
from .rows import ROWS
from .table import document, markdown, verdict


def main(argv: list[str] | None = None) -> int:
    """Measure what is asked for; return 0, 1 where something could not be measured."""
    asked = _parser().parse_args(argv)
    scratch = Path(tempfile.mkdtemp(prefix="ckptflow-benchmarks-", dir=asked.scratch))
    measured: dict[str, list[Line]] = {}
    broken = 0
    try:
        for name in asked.rows or ROWS:
            place = scratch / name
            place.mkdir()
            measured[name] = []
            try:
                for line in ROWS[name](Bench(place, asked.size, asked.rounds, frozenset(asked.only))):
                    measured[name].append(line)
                    print(_told(line), flush=True)
            except WentWrong as error:
                broken += 1
                print(f"{name}: could not be measured: {error}", file=sys.stderr)
            shutil.rmtree(place, ignore_errors=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if asked.out is not None:
        _write(asked.out, measured, _notes(asked.size, asked.rounds))
    return 1 if broken else 0


def _told(line: Line) -> str:
    return (
        f"{line.work}\n    {line.ours}\n    beside: {line.beside}\n"
        f"    ratio: {line.ratio}; to reach: {line.target}; reached: {verdict(line)}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="The table of SPEC section 14.")
    sizes = parser.add_mutually_exclusive_group()
    for size, words in (
        (Size.TINY, "only to see that everything works; the figures mean nothing"),
        (Size.QUICK, "smaller data, a few minutes"),
        (Size.LARGE, "with a million chunks too"),
    ):
        option = f"--{size.name.lower()}"
        sizes.add_argument(option, dest="size", action="store_const", const=size, help=words, default=Size.FULL)
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), metavar="ROW", help=f"of: {', '.join(ROWS)}")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="times that each is measured (default: 3)")
    parser.add_argument(
        "--only", type=_names, default=[], metavar="PROGRAM,...", help="of the row `remotes`: ckptflow, rclone, dvc"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="write measured.md and measured.json there")
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="work here: on the disk that is to be measured")
    return parser


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _notes(size: Size, rounds: int) -> list[str]:
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    return [
        f"{when}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, size `{size.name.lower()}`.",
        f"Medians of {rounds} rounds or more, measured in turn.",
        "Caches of the file system are warm. CPU is user and system time of all processes; it is the figure to trust.",
        f"Load of the machine when it ended: {os.getloadavg()[0]:.1f}.",
    ]


def _write(out: Path, measured: dict[str, list[Line]], notes: list[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    lines = [line for each in measured.values() for line in each]
    (out / "measured.md").write_text(markdown(lines, notes))
    (out / "measured.json").write_text(json.dumps(document(measured, notes), indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
