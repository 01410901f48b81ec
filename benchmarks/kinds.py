"""Edge. The kinds of work whose growth is measured: their sizes, the first run, and another with nothing to do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import projects
from .bench import bare, ckptflow
from .cost import Cost
from .peers import Copies
from .rows.chunks import over

Run = Callable[[Path, int, int], Iterator[tuple[str, Cost]]]
"""Works in a directory, at a size, so many rounds; yields what each work cost, each time."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of work. `works` names what is measured of it, in words."""

    name: str
    unit: str
    sizes: Sequence[int]
    tiny: Sequence[int]
    works: Mapping[str, str]
    run: Run


def _stages(place: Path, size: int, rounds: int) -> Iterator[tuple[str, Cost]]:
    project = projects.copying(place, Copies(size, chained=True))
    yield "first", ckptflow(project, "repro", "-q")
    for _ in range(rounds):
        yield "again", ckptflow(project, "repro")
        yield "status", ckptflow(project, "status", "-q")


def _chunks(place: Path, size: int, rounds: int) -> Iterator[tuple[str, Cost]]:
    project = projects.make(place, {"double": over(10, "work:double", cut="fixed")})
    projects.write_table(project / "data/table.parquet", size * 10)
    yield "first", ckptflow(project, "repro", "-q")
    for _ in range(rounds):
        yield "again", ckptflow(project, "repro")
        yield "plan", ckptflow(project, "-q", "plan")


def _files(place: Path, size: int, rounds: int) -> Iterator[tuple[str, Cost]]:
    project = projects.make(place, {"count": projects.counting("data")})
    projects.write_tree(project / "data", size)
    yield "first", ckptflow(project, "repro", "-q")
    for _ in range(rounds):
        yield "again", ckptflow(project, "repro")


def _bytes(place: Path, size: int, rounds: int) -> Iterator[tuple[str, Cost]]:
    project = projects.make(place, {"count": projects.counting("data/file.bin")})
    projects.write_noise(project / "data/file.bin", size)
    for _ in range(rounds):
        projects.forget(project, "count.json")
        yield "first", ckptflow(project, "repro", "-q")
        yield "again", ckptflow(project, "repro")


def _rows(place: Path, size: int, rounds: int) -> Iterator[tuple[str, Cost]]:
    project = projects.make(place, {"features": over(5_000, "work:features")})
    for _ in range(rounds):
        projects.forget(project, "data/out.parquet")
        projects.write_table(project / "data/table.parquet", size)
        yield "first", ckptflow(project, "repro", "-q")
        yield "again", ckptflow(project, "repro")
        projects.write_table(project / "data/other.parquet", size, insert_at=size // 2)
        (project / "data/other.parquet").replace(project / "data/table.parquet")
        yield "inserted", ckptflow(project, "repro", "-q")


def _objects(place: Path, size: int, rounds: int) -> Iterator[tuple[str, Cost]]:
    """A directory as the remote: what a server would cost is not ckptflow's."""
    project = projects.make(place, {"double": over(10, "work:double", cut="fixed")})
    projects.write_table(project / "data/table.parquet", size * 10)
    ckptflow(project, "repro", "-q")
    for number in range(rounds):
        (place / f"remote-{number}").mkdir()
        ckptflow(project, "remote", "add", f"r{number}", str(place / f"remote-{number}"))
        yield "push", ckptflow(project, "-q", "push", "-r", f"r{number}")
        yield "again", ckptflow(project, "-q", "push", "-r", f"r{number}")
        shutil.rmtree(place / f"remote-{number}")


def _records(place: Path, size: int, rounds: int) -> Iterator[tuple[str, Cost]]:
    place.mkdir(parents=True)
    for _ in range(rounds):
        made = bare("dicts", str(size), "", cwd=place)
        yield "save", bare("save", str(size), "kept", cwd=place).less(made)
        yield "load", bare("load", "kept", cwd=place)


_UP_TO_10K, _UP_TO_MILLION = (1, 10, 100, 1_000, 10_000), (10, 1_000, 10_000, 100_000, 1_000_000)
_NOTHING = "`repro` with nothing to do"
KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "stages",
            "stages",
            _UP_TO_10K,
            (1, 2),
            {"first": "first `repro` of stages of `cmd`", "again": _NOTHING, "status": "`status`"},
            _stages,
        ),
        Kind(
            "chunks",
            "chunks",
            _UP_TO_MILLION,
            (10, 20),
            {"first": "first `repro` of chunks of 10 rows", "again": _NOTHING, "plan": "`plan`"},
            _chunks,
        ),
        Kind(
            "files",
            "files",
            _UP_TO_MILLION,
            (10, 20),
            {"first": "first `repro` with a directory as dep", "again": _NOTHING},
            _files,
        ),
        Kind(
            "bytes",
            "bytes",
            (1 << 20, 10 << 20, 100 << 20, 1_000 << 20, 10_000 << 20),
            (1 << 10, 1 << 20),
            {"first": "first `repro` with a file as dep", "again": _NOTHING},
            _bytes,
        ),
        Kind(
            "rows",
            "rows",
            (1_000, 10_000, 100_000, 1_000_000, 10_000_000),
            (1_000, 10_000),
            {"first": "first `repro` of a table", "again": _NOTHING, "inserted": "`repro` after a row was inserted"},
            _rows,
        ),
        Kind(
            "objects",
            "objects",
            (10, 100, 1_000, 10_000, 100_000),
            (5, 10),
            {"push": "`push` to a directory", "again": "`push` with nothing to do"},
            _objects,
        ),
        Kind(
            "records",
            "records",
            (100, 1_000, 10_000, 100_000, 518_581),
            (10, 100),
            {
                "save": "`CheckpointManager.save` of a dict of dicts",
                "load": "`CheckpointManager.load`",
            },
            _records,
        ),
    )
}
