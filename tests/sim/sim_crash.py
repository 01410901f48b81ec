"""Runs that die at a chosen step, each in a forked process; a script, so that it can fork before it has any thread.

`python sim_crash.py TEMPLATE WORK SEED POINTS` prints one JSON object a case: the step, and what was wrong after it.

A step is a change of the file system below the project: a file opened for writing, a rename, a link, a removal, a
directory made or removed, each seen by an audit hook just before its effect; and every `os.write`, which can also be
torn in the middle. Death is `os._exit`: no handler, no `finally`, no flush.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet  # noqa: F401 - imported before the fork, since every child needs it

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parent), str(HERE.parents[2])]

from sim_pool import inline  # noqa: E402

import ckptflow.chunk.keys  # noqa: E402
import ckptflow.run.calling  # noqa: E402
import ckptflow.run.cutting  # noqa: E402
import ckptflow.run.reading  # noqa: E402, F401
from ckptflow import Project  # noqa: E402
from ckptflow.checkpoints.records import read_segment, segments  # noqa: E402
from ckptflow.store.local import LocalStore  # noqa: E402

CHANGES = {"os.rename", "os.remove", "os.link", "os.symlink", "os.mkdir", "os.rmdir", "os.truncate"}
DIED = 86


class Steps:
    """Counts changes below `root` and ends the process at step `last` (0: never)."""

    def __init__(self, root: Path, last: int, torn: bool) -> None:
        self.kinds: list[str] = []
        self._root = str(root)
        self._last = last
        self._torn = torn
        self._write = os.write
        sys.addaudithook(self._hear)
        os.write = self._writing  # type: ignore[assignment]
        self._send = os.sendfile
        os.sendfile = self._sending

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = args
            if not isinstance(path, str) or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
            self._step(event, path)
        elif event in CHANGES:
            name = args[0]
            fd = name if isinstance(name, int) else args[-1] if not os.path.isabs(name) else -1
            self._step(
                event, os.readlink(f"/proc/self/fd/{fd}") if isinstance(fd, int) and fd >= 0 else os.fspath(name)
            )

    def _step(self, kind: str, path: Any) -> None:
        if str(path).startswith(self._root):
            self.kinds.append(kind)
            if len(self.kinds) == self._last:
                os._exit(DIED)

    def _writing(self, fd: int, data: Any) -> int:
        if not os.readlink(f"/proc/self/fd/{fd}").startswith(self._root):
            return self._write(fd, data)
        self.kinds.append("write")
        if len(self.kinds) == self._last:
            if self._torn:
                self._write(fd, bytes(data)[: len(data) // 2])
            os._exit(DIED)
        return self._write(fd, data)

    def _sending(self, target: int, source: int, offset: int, count: int) -> int:
        """`shutil.copyfile`."""
        if not os.readlink(f"/proc/self/fd/{target}").startswith(self._root):
            return self._send(target, source, offset, count)
        self.kinds.append("write")
        if len(self.kinds) == self._last:
            if self._torn:
                self._send(target, source, offset, os.fstat(source).st_size // 2)
            os._exit(DIED)
        return self._send(target, source, offset, count)


def forked(work: Callable[[], Any]) -> tuple[int, Any]:
    """Do `work` in a child; return its exit status and what it returned, None if it died."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            answer = json.dumps(work())
        except BaseException as error:
            traceback.print_exc()
            answer = json.dumps({"problem": f"{type(error).__name__}: {error}"})
        with os.fdopen(write, "w") as pipe:
            pipe.write(answer)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status, json.loads(text) if text else None


def repro(root: Path) -> Any:
    with inline(malice=0.0):
        return Project(root, overrides={"jobs": 1}, env={}).repro()


def outs(root: Path) -> dict[str, str]:
    """Return path -> digest of all files of all outs, of directories nothing."""
    found = {}
    for stage in Project(root, env={}).pipeline.stages.values():
        for out in stage.outs:
            path = root / out.path
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                name = file.relative_to(root).as_posix()
                found[name] = "" if file.is_dir() else hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def recorded(root: Path) -> Counter[str]:
    """Return the keys of all whole records, and how often each was recorded."""
    path = root / ".ckptflow/store"
    if not (path / "ckptflow.json").exists():
        return Counter()
    store = LocalStore(path)
    return Counter(line.key for name, _, _ in segments(store) for _, line in read_segment(store, name, []))


def dying(root: Path, last: int, torn: bool) -> dict[str, Any]:
    steps = Steps(root, last, torn)
    assert repro(root).ok
    return {"kinds": steps.kinds}


def recovering(root: Path, expected: dict[str, str]) -> dict[str, Any]:
    """Run again as if nothing had happened; tell what is wrong then."""
    before = recorded(root)
    result = repro(root)
    again = sorted(set(recorded(root) - before) & set(before))
    findings = Project(root, env={}).verify(deep=True)
    made = outs(root)
    litter = [str(p) for p in root.rglob(".ckptflow-*")]
    litter += [str(p) for p in (root / ".ckptflow/tmp").glob("*") if not p.name.startswith("place-")]
    problems = {
        "outcome": "" if result.ok else json.dumps(result.to_json()),
        "outs": ", ".join(sorted(n for n in made.keys() | expected.keys() if made.get(n) != expected.get(n))),
        "done twice": ", ".join(again),
        "findings": ", ".join(f"{f.name}: {f.problem}" for f in findings),
        "litter": ", ".join(litter),
        "second run": "" if sum(s.ran for s in repro(root).stages) == 0 else "ran again",
    }
    return {"problem": "; ".join(f"{what}: {text}" for what, text in problems.items() if text)}


def main() -> None:
    template, work, seed, points = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])

    def copy(name: str) -> Path:
        subprocess.run(["cp", "-a", str(template), str(work / name)], check=True)
        return work / name

    root = copy("count")
    _, counted = forked(lambda: dying(root, 0, False))
    print(json.dumps(counted), flush=True)
    kinds: list[str] = counted["kinds"]
    _, expected = forked(lambda: outs(root))
    cases = [(n, False) for n in range(1, len(kinds) + 1)]
    cases += [(n, True) for n, kind in enumerate(kinds, 1) if kind == "write"]
    chosen = sorted(random.Random(seed).sample(cases, min(points, len(cases))))
    for n, torn in chosen:
        root = copy(f"{n}-{torn}")
        status, _ = forked(lambda root=root, n=n, torn=torn: dying(root, n, torn))  # type: ignore[misc]
        _, answer = forked(lambda root=root: recovering(root, expected))  # type: ignore[misc]
        print(json.dumps({"step": n, "torn": torn, "kind": kinds[n - 1], "died": status == DIED, **answer}), flush=True)
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
