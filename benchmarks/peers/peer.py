"""Edge. What a peer is: the packages to install, and for each kind of work how a user of it would write the project.

A new peer is a file like its neighbours here: texts of the files that its users write, and one `PEER`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..cost import Cost, process
from .environment import Environments

CHAIN = 10
HANGS = 900.0
"""Seconds after which a peer is taken to hang."""


@dataclass(frozen=True, slots=True)
class Copies:
    """So many stages, each of which copies a file by a shell command: all the same file, or in chains of ten."""

    count: int
    chained: bool

    @property
    def source(self) -> str:
        """What stage `n` reads, as an expression of Python."""
        return f'f"data/{{n}}.txt" if n % {CHAIN} == 0 else f"out/{{n - 1}}.txt"' if self.chained else '"source.txt"'

    def pairs(self) -> list[tuple[str, str]]:
        """Return what each stage reads and writes."""
        return [(self._source(n), f"out/{n}.txt") for n in range(self.count)]

    def _source(self, n: int) -> str:
        if not self.chained:
            return "source.txt"
        return f"data/{n}.txt" if n % CHAIN == 0 else f"out/{n - 1}.txt"

    def write_sources(self, directory: Path) -> None:
        """Write what is read at first, and make the directory that is written to."""
        made = {target for _, target in self.pairs()}
        (directory / "out").mkdir(parents=True, exist_ok=True)
        for source in {source for source, _ in self.pairs()} - made:
            (directory / source).parent.mkdir(exist_ok=True)
            (directory / source).write_text(f"{source}\n")


@dataclass(frozen=True, slots=True)
class Jobs:
    """So many files `parts/{n}.parquet` of rows, each of which becomes `out/{n}.parquet` with one column more."""

    count: int


@dataclass(frozen=True, slots=True)
class Reads:
    """One stage that reads `path`, a file or a directory, and writes its name to `out.txt`."""

    path: str


@dataclass(frozen=True, slots=True)
class Work:
    """How a peer does one kind of work. `write` writes its files, besides what is read; `argv` runs it, with a program
    of its environment. More than `most` stages or jobs are not asked of it, more than `most_first` not for the first
    time: it would take minutes.
    """

    write: Callable[[Path, Copies], None] | Callable[[Path, Jobs], None] | Callable[[Path, Reads], None]
    argv: Sequence[str]
    most: int = 10_000
    most_first: int = 10_000
    prepare: Sequence[Sequence[str]] = ()


@dataclass(frozen=True, slots=True)
class Peer:
    """One program to stand beside. `version` tells its version, for the row `version`; None: it has no command."""

    name: str
    requirements: Sequence[str]
    version: Sequence[str] | None = None
    stages: Work | None = None
    jobs: Work | None = None
    reads: Work | None = None
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ready:
    """A peer that is installed."""

    peer: Peer
    programs: Path

    @property
    def name(self) -> str:
        """What it is called."""
        return self.peer.name

    def start(self, work: Work, directory: Path, task: Copies | Jobs | Reads) -> None:
        """Make the project of some work in `directory`. Raises WentWrong."""
        directory.mkdir(parents=True, exist_ok=True)
        work.write(directory, task)  # type: ignore[arg-type]
        for argv in work.prepare:
            self.run(argv, directory)

    def run(self, argv: Sequence[str], directory: Path) -> Cost:
        """Run a program of the environment; return its cost. Raises WentWrong, also where it hangs."""
        program, *args = argv
        return process([str(self.programs / program), *args], directory, env=self.peer.env, within=HANGS)


@dataclass(frozen=True, slots=True)
class Peers:
    """Those that may stand beside; each is installed when it is first asked for."""

    all_: Sequence[Peer] = ()
    environments: Environments | None = None

    def ready(self, wanted: Callable[[Peer], bool]) -> list[Ready]:
        """Return those that are wanted and can be installed."""
        found = []
        for peer in self.all_:
            if self.environments is not None and wanted(peer):
                programs = self.environments.prepare(peer.name, peer.requirements)
                if programs is not None:
                    found.append(Ready(peer, programs))
        return found

    def notes(self) -> list[str]:
        """Return what a reader should know of those that were asked for: versions, and why one is not there."""
        if self.environments is None:
            return []
        there = [peer.requirements[0] for peer in self.all_ if peer.name in self.environments.there]
        notes = [f"Peers: {', '.join(there)}."] if there else []
        return [*notes, *(f"Without {name}: {why}" for name, why in self.environments.missing.items())]
