"""Deps that change while they are read: never recorded under the old key; in the end all is as a clean run makes it."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sim_pool import InlinePool, inline

from ckptflow import Project
from ckptflow.errors import CkptflowError
from ckptflow.run.messages import CutTask, Task
from ckptflow.workspace import observe
from ckptflow.workspace.cache import Cache

CODE = """\
import json
from pathlib import Path
import pyarrow as pa

def rows(t: pa.Table): return json.dumps(t.to_pylist()) + "\\n"
def text(t: str): return t.upper()
def names(d: Path): return {f.name: f.read_text() for f in sorted(d.iterdir())}
def many(t: list[Path]): return {f.name: f.read_text() for f in t}
def appending(t: Path):
    data = t.read_text()
    if data.count("x") < 3:
        with t.open("a") as file: file.write("x")
    return data
def adding(d: Path):
    data = names(d)
    if "new.txt" not in data:
        (d / "new.txt").write_text("new")
    return data
"""


@pytest.fixture(autouse=True)
def _inline() -> Iterator[None]:
    with inline():
        InlinePool.before = None
        yield
        InlinePool.before = None


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "raw" / "docs").mkdir(parents=True)
    (root / "steps.py").write_text(CODE)
    for number in range(4):
        (root / f"raw/docs/{number}.txt").write_text(f"doc {number}\n")
    table(root, 0)
    return root


def table(root: Path, version: int) -> None:
    """Write versions of a table of one size in bytes, as CSV, JSON Lines, Parquet and text."""
    values = [(i, (i * 7 + version) % 10) for i in range(60)]
    (root / "raw/t.csv").write_text("".join(["a,b\n", *(f"{a},{b}\n" for a, b in values)]))
    (root / "raw/t.txt").write_text("".join(f"{a} {b}\n" for a, b in values))
    rows = pa.table({"a": [a for a, _ in values], "b": [b for _, b in values]})
    pq.write_table(rows, root / "raw/t.parquet", compression="none", use_dictionary=False)


def pipeline(root: Path, **stages: dict[str, Any]) -> None:
    (root / "pipeline.yaml").write_text(json.dumps({"stages": stages}))


def call(function: str, dep: str, **more: Any) -> dict[str, Any]:
    name = {"names": "d", "adding": "d"}.get(function, "t")
    out = {"path": f"{function}.txt", "format": "json" if function in ("names", "adding", "many") else "text"}
    return {"call": f"steps:{function}", "deps": {name: dep}, "outs": {"out": out}, **more}


def repro(root: Path) -> Any:
    return Project(root, overrides={"jobs": 1}, env={}).repro()


def outs(root: Path) -> dict[str, bytes]:
    paths = [root / o.path for s in Project(root, env={}).pipeline.stages.values() for o in s.outs]
    files = [f for p in paths for f in ([p] if p.is_file() else sorted(p.rglob("*"))) if f.is_file()]
    return {f.relative_to(root).as_posix(): f.read_bytes() for f in files}


def clean(root: Path) -> dict[str, bytes]:
    """Return what a clean run of the sources as they are makes."""
    other = root.parent / f"clean{time.monotonic_ns()}"
    for path in ("raw", "steps.py", "pipeline.yaml"):
        for file in [root / path, *(root / path).rglob("*")]:
            if file.is_file() and "__pycache__" not in file.parts:
                target = other / file.relative_to(root)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read_bytes())
    InlinePool.before = None
    assert repro(other).ok
    return outs(other)


def once(kind: type, change: Callable[[], Any]) -> None:
    """Do `change` just before the first task of a kind is done."""
    state = {"done": False}

    def before(task: Task | CutTask) -> None:
        if isinstance(task, kind) and not state["done"]:
            state["done"] = True
            change()

    InlinePool.before = before


def test_a_function_that_appends_to_its_own_dep(root: Path) -> None:
    pipeline(root, s=call("appending", "raw/t.txt"))
    assert repro(root).ok
    assert (root / "raw/t.txt").read_text().count("x") == 3
    assert outs(root) == clean(root)


def test_a_function_that_adds_a_file_to_its_own_dep(root: Path) -> None:
    pipeline(root, s=call("adding", "raw/docs"))
    assert repro(root).ok
    assert outs(root) == clean(root)


@pytest.mark.parametrize("chunk", [None, {"over": "t", "files": 2}])
def test_a_file_comes_into_a_directory(root: Path, chunk: Any) -> None:
    entry = call("names", "raw/docs") if chunk is None else call("many", "raw/docs", chunk=chunk)
    pipeline(root, s=entry)
    once(Task, lambda: (root / "raw/docs/9.txt").write_text("late"))
    assert repro(root).ok
    (root / "raw/docs/9.txt").unlink()
    assert repro(root).ok
    assert outs(root) == clean(root)


CHUNKS = {
    "ranges": {"by": {"t": "a"}, "rows": 10},
    "buckets": {"by": {"t": "a"}, "into": 3},
    "values": {"by": {"t": "b"}},
    "rows": {"over": "t", "rows": 10},
    "fixed": {"over": "t", "rows": 10, "cut": "fixed"},
    "bytes": {"over": "t", "bytes": 100},
    "whole": None,
}


@pytest.mark.parametrize("when", [CutTask, Task])
@pytest.mark.parametrize("dep", ["raw/t.csv", "raw/t.parquet"])
@pytest.mark.parametrize("chunk", CHUNKS)
def test_there_and_back(root: Path, chunk: str, dep: str, when: type) -> None:
    """The dep changes under the run and is then what it was before: nothing of the one may pass for the other."""
    spec = CHUNKS[chunk]
    pipeline(root, s=call("rows", dep, **({"chunk": spec} if spec else {})))
    once(when, lambda: table(root, 1))
    assert repro(root).ok
    assert outs(root) == clean(root)
    table(root, 0)
    assert repro(root).ok
    assert outs(root) == clean(root)


@pytest.mark.parametrize("moment", range(3))
def test_there_and_back_within_one_cut(root: Path, moment: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read while another content is there must not be kept for later, though the old one has come back."""
    from ckptflow.run import spills

    pipeline(root, s=call("rows", "raw/t.csv", chunk=CHUNKS["ranges"]))
    name = ("slotting_of", "_by_slot", "_write")[moment]
    real, calls = getattr(spills, name), []

    def slotting(*args: Any) -> Any:
        if not calls:
            calls.append(1)
            table(root, 1)
            try:
                return real(*args)
            finally:
                if moment != 1:
                    table(root, 0)
        return real(*args)

    monkeypatch.setattr(spills, name, slotting)
    assert repro(root).ok
    table(root, 0)
    assert repro(root).ok
    assert outs(root) == clean(root)


def test_a_command_that_changes_its_source(root: Path) -> None:
    grow = "test $(grep -c x raw/t.txt) -ge 1 || echo x >> raw/t.txt"
    pipeline(root, s={"cmd": [f"cat raw/t.txt > c.txt; {grow}"], "deps": ["raw/t.txt"], "outs": ["c.txt"]})
    assert repro(root).ok
    assert outs(root) == clean(root)


def test_a_command_that_replaces_the_out_that_it_reads(root: Path) -> None:
    """The out is somebody else's: what was made of other bytes is not kept, and the edit is told about."""
    first = call("text", "raw/t.txt")
    bad = "cat text.txt > c.txt && cp text.txt n && echo more >> n && mv -f n text.txt"
    pipeline(root, first=first, s={"cmd": bad, "deps": ["text.txt"], "outs": ["c.txt"]})
    with pytest.raises(CkptflowError, match=r"text\.txt"):
        repro(root)
    pipeline(root, first=first, s={"cmd": "cat text.txt > c.txt", "deps": ["text.txt"], "outs": ["c.txt"]})
    with pytest.raises(CkptflowError, match="changed by hand"):
        repro(root)
    os.unlink(root / "text.txt")
    assert repro(root).ok
    assert outs(root) == clean(root)


def test_code_that_changes_after_planning(root: Path) -> None:
    pipeline(root, s=call("text", "raw/t.txt"))
    once(Task, lambda: (root / "steps.py").write_text(CODE.replace("upper", "title")))
    assert repro(root).ok
    assert outs(root) == clean(root)


def test_a_writer_that_does_not_stop(root: Path) -> None:
    """While it writes, a run may end in an error; what it kept is never wrong."""
    pipeline(
        root,
        a=call("rows", "raw/t.csv", chunk=CHUNKS["rows"]),
        b=call("text", "raw/t.txt"),
        c=call("many", "raw/docs", chunk={"over": "t", "files": 2}),
    )
    stop = threading.Event()

    def write() -> None:
        version = 0
        while not stop.is_set():
            version += 1
            table(root, version % 10)
            (root / f"raw/docs/{version % 4}.txt").write_text(f"doc {version}\n")
            time.sleep(0.03)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(4):
            with contextlib.suppress(CkptflowError):
                repro(root)
    finally:
        stop.set()
        writer.join()
    for version in (0, 3, 7):
        table(root, version)
        assert repro(root).ok
        assert outs(root) == clean(root)


def test_a_file_is_hashed_when_its_time_can_change(tmp_path: Path) -> None:
    """Hashed in the tick in which it was written, a file could change once more and look the same."""
    path = tmp_path / "f"
    path.write_text("1")
    observer = observe.Observer(tmp_path, Cache(None))
    observer.require("f")
    assert not observe.is_racy(path.stat().st_mtime_ns, time.time_ns())
