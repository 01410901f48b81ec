"""Projects that share a bucket in memory, which counts what it is asked and fails when it is told to."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ckptflow.checkpoints.records import RecordLog
from ckptflow.chunk.model import Part
from ckptflow.ids import ChunkKey, StageName, digest
from ckptflow.plan.model import Record
from ckptflow.project import Project
from ckptflow.store.bucket import Unavailable
from ckptflow.store.buckets.by_memory import MemoryBucket
from ckptflow.store.local import LocalStore
from ckptflow.store.marker import open_store
from ckptflow.store.objects import Objects
from ckptflow.store.protocol import Entry

CONFIG = "remotes: {storage: 'memory://storage'}\n"
STAGES = """
import pyarrow as pa


def squares(rows: pa.Table) -> pa.Table:
    return pa.table({"y": [x * x for x in rows["x"].to_pylist()]})


def total(squares: pa.Table) -> dict:
    return {"total": sum(squares["y"].to_pylist())}


def model(squares: pa.Table) -> dict:
    return {"weights": squares["y"].to_pylist()}


def pages(squares: pa.Table, pages) -> None:
    for y in squares["y"].to_pylist()[:3]:
        (pages / f"{y}.txt").write_text(str(y))
"""
PIPELINE = """
stages:
  squares:
    call: work:squares
    deps: {rows: rows.csv}
    chunk: {over: rows, rows: 10, cut: fixed}
    outs: {squares: data/squares.parquet}
  total:
    call: work:total
    deps: {squares: data/squares.parquet}
    outs: {total: data/total.json}
"""
PAGES = """
  pages:
    call: work:pages
    deps: {squares: data/squares.parquet}
    outs: {pages: {path: data/pages, format: dir}}
"""
MODEL = """
  model:
    call: work:model
    deps: {squares: data/squares.parquet}
    outs: {model: data/model.pkl}
"""


class Counted(MemoryBucket):
    """Counts requests by kind, and fails when it is told to."""

    def __init__(self) -> None:
        super().__init__("memory://storage")
        self.asked: Counter[str] = Counter()
        self.fail: Callable[[str, str], bool] = lambda kind, name: False

    def _ask(self, kind: str, name: str) -> None:
        self.asked[kind] += 1
        if self.fail(kind, name):
            raise Unavailable(f"no answer to {kind} {name}")

    def read(self, name: str) -> tuple[bytes, str]:
        self._ask("get", name)
        return super().read(name)

    def put(self, name: str, data: bytes) -> None:
        self._ask("put", name)
        super().put(name, data)

    def create(self, name: str, data: bytes) -> bool:
        self._ask("put", name)
        return super().create(name, data)

    def list(self, prefix: str, after: str = "") -> Iterator[Entry]:
        self._ask("list", prefix)
        return super().list(prefix, after)

    def delete(self, names: Iterable[str]) -> None:
        gone = list(names)
        self._ask("delete", gone[0] if gone else "")
        super().delete(gone)

    def names(self, prefix: str) -> list[str]:
        return [entry.name for entry in MemoryBucket.list(self, prefix)]


Made = Callable[..., Project]


def clone(project: Project, to: Path, open_project: Any) -> Project:
    """What git would bring: everything but outs, store and caches."""
    ignore = shutil.ignore_patterns("data", "store", "cache.db*", "logs", "remotes", "tmp", "cuts", "__pycache__")
    shutil.copytree(project.root, to, ignore=ignore)
    return open_project(to)


def content(project: Project, path: str) -> dict[str, bytes]:
    full = project.root / path
    files = [full] if full.is_file() else sorted(p for p in full.rglob("*") if p.is_file())
    return {p.relative_to(project.root).as_posix(): p.read_bytes() for p in files}


def states(project: Project, *targets: str) -> dict[str, tuple[str, int, int]]:
    result = project.repro(targets)
    return {s.stage: (s.state, s.ran, s.reused) for s in result.stages}


def filled(
    project: Project, count: int, size: int = 20, stage: str = "squares", after: int = 0, *, alike: bool = False
) -> list[Record]:
    """Records and objects in a project's store, as if so many chunks had run; `alike`: all with one result."""
    store = LocalStore(project.root / ".ckptflow/store", create=True)
    open_store(store, create=True)
    objects, log = Objects(store), RecordLog(store, "20260101T000000Z-aaaa")
    made = []
    for number in range(after, after + count):
        data = f"{0 if alike else number} ".encode().ljust(size, b".")
        object_ = objects.put(data)
        part = Part(object_, len(data), object_)
        key = ChunkKey(digest(f"key {number}".encode()))
        record = Record(key, {"squares": part}, StageName(stage), "r", 0.1, "2026-01-01T00:00:00Z")
        log.add(record)
        made.append(record)
    return made
