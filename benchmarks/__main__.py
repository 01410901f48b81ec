"""Edge. `python -m benchmarks`: measure, print the table, write it as Markdown, JSON and a picture.

`prepare`, `growth`, `compare` and `picture`, in first place, do something else.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import growth
from .bench import Bench, Line, Size
from .compare import compare, told
from .cost import WentWrong
from .peers import Peers
from .peers.all import ALL
from .peers.environment import Environments, default_directory, with_pip
from .picture import picture
from .rows import ROWS
from .table import beside, document, markdown, verdict

NAMES = [peer.name for peer in ALL]
DESCRIPTION = """\
The table of SPEC section 14. Besides:
  prepare [PEER...]             install the peers, which the table does by itself when it needs them
  growth                        each kind of work by size, and how its cost grows
  compare OLD.json NEW.json     which ratios moved
  picture MEASURED.json OUT.svg
"""


def main(argv: list[str] | None = None) -> int:
    """Do what is asked for; return 0, 1 where something could not be measured or got worse."""
    argv = sys.argv[1:] if argv is None else argv
    others = {"prepare": _prepare, "growth": growth.main, "compare": _compare, "picture": _picture}
    if argv and argv[0] in others:
        return others[argv[0]](argv[1:])
    return _table(_parser().parse_args(argv))


def _table(asked: argparse.Namespace) -> int:
    peers = peers_in(asked.peers, with_peers=asked.size is not Size.TINY and not asked.no_peers)
    scratch = Path(tempfile.mkdtemp(prefix="ckptflow-benchmarks-", dir=asked.scratch))
    measured: dict[str, list[Line]] = {}
    broken = 0
    try:
        for name in asked.rows or ROWS:
            place = scratch / name
            place.mkdir()
            measured[name] = []
            try:
                for line in ROWS[name](Bench(place, asked.size, asked.rounds, peers, frozenset(asked.only))):
                    measured[name].append(line)
                    print(_told(line), flush=True)
            except WentWrong as error:
                broken += 1
                print(f"{name}: could not be measured: {error}", file=sys.stderr)
            shutil.rmtree(place, ignore_errors=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if asked.out is not None:
        _write(asked.out, measured, _notes(asked.size, asked.rounds, peers))
    return 1 if broken else 0


def peers_in(directory: Path, *, with_peers: bool) -> Peers:
    """Return the peers with their environments below a directory."""
    return Peers(ALL, Environments(directory, with_pip)) if with_peers else Peers()


def _told(line: Line) -> str:
    peers = f"    peers: {beside(line, '; ')}\n" if line.peers else ""
    return (
        f"{line.work}\n    {line.ours}\n    beside: {line.beside}\n{peers}"
        f"    ratio: {line.ratio}; to reach: {line.target}; reached: {verdict(line)}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sizes = parser.add_mutually_exclusive_group()
    for size, words in (
        (Size.TINY, "only to see that everything works; the figures mean nothing, and no peer is asked"),
        (Size.QUICK, "smaller data, a few minutes"),
        (Size.LARGE, "with a million chunks too"),
    ):
        option = f"--{size.name.lower()}"
        sizes.add_argument(option, dest="size", action="store_const", const=size, help=words, default=Size.FULL)
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), metavar="ROW", help=f"of: {', '.join(ROWS)}")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="times that each is measured (default: 3)")
    parser.add_argument(
        "--only", type=_names, default=[], metavar="PEER,...", help=f"these alone, of: {', '.join(NAMES)}"
    )
    parser.add_argument("--no-peers", action="store_true", help="ckptflow and the limits alone")
    parser.add_argument("--peers", type=Path, default=default_directory(), metavar="DIR", help="environments of peers")
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="work here: on the disk that is to be measured")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write measured.md, .json and .svg there")
    return parser


def _names(text: str) -> list[str]:
    return [_program(name.strip()) for name in text.split(",")]


def _program(name: str) -> str:
    return name if name == "ckptflow" else _peer(name)


def _peer(name: str) -> str:
    if name not in NAMES:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(NAMES)}")
    return name


def _notes(size: Size, rounds: int, peers: Peers) -> list[str]:
    when = datetime.now(UTC).strftime("%Y-%m-%d")
    return [
        f"{when}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, size `{size.name.lower()}`.",
        f"Medians of {rounds} rounds or more, measured in turn.",
        "Caches of the file system are warm. CPU is user and system time of all processes; it is the figure to trust.",
        *peers.notes(),
        f"Load of the machine when it ended: {os.getloadavg()[0]:.1f}.",
    ]


def _write(out: Path, measured: Mapping[str, Sequence[Line]], notes: Sequence[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    figures = document(measured, notes)
    (out / "measured.md").write_text(markdown([line for each in measured.values() for line in each], notes))
    (out / "measured.json").write_text(json.dumps(figures, indent=1) + "\n")
    (out / "measured.svg").write_text(picture(figures))


def _prepare(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks prepare")
    parser.add_argument("names", nargs="*", type=_peer, metavar="PEER", help=f"of: {', '.join(NAMES)}; default: all")
    parser.add_argument("--peers", type=Path, default=default_directory(), metavar="DIR", help="environments of peers")
    asked = parser.parse_args(argv)
    peers = peers_in(asked.peers, with_peers=True)
    for peer in peers.ready(lambda peer: not asked.names or peer.name in asked.names):
        print(f"{peer.name}: {', '.join(peer.peer.requirements)} in {peer.programs.parent}")
    return 0


def _compare(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks compare")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    asked = parser.parse_args(argv)
    found = compare(_read(asked.old), _read(asked.new))
    print(*told(found), sep="\n")
    return 1 if any(each.worse for each in found) else 0


def _picture(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks picture")
    parser.add_argument("measured", type=Path)
    parser.add_argument("out", type=Path)
    asked = parser.parse_args(argv)
    asked.out.write_text(picture(_read(asked.measured)))
    return 0


def _read(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(path.read_text())
    return read


if __name__ == "__main__":
    sys.exit(main())
