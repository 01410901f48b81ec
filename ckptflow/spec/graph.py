"""Pure. Which stage reads what which stage writes, from paths alone.

A dep meets an out when they are the same path, when one lies inside the other, or when the dep is a glob that can name
something at, in or above the out. Each dep costs its depth and a bisection, so thousands of stages are no matter.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from ..ids import StageName
from .model import Stage
from .paths import ancestors, is_glob, may_hold, parent


class Outs:
    """The outs of many stages, indexed by path."""

    def __init__(self, stages: Iterable[Stage]) -> None:
        self._writers: dict[str, list[StageName]] = {}
        for stage in stages:
            for out in stage.outs:
                self._writers.setdefault(out.path, []).append(stage.name)
        self._sorted = sorted(self._writers)

    def met_by(self, path: str) -> list[str]:
        """Return the outs' paths that a dep on `path` (a glob is one unless it is an out's own name) meets, sorted."""
        if path in self._writers:
            return [path]
        if not is_glob(path):
            return sorted([*(a for a in ancestors(path) if a in self._writers), *self._inside(path)])
        fixed = _fixed_part(path)
        near = [fixed, *ancestors(fixed)]
        inside = self._inside(fixed) if fixed != "." else self._sorted
        return sorted({out for out in [*near, *inside] if out in self._writers and may_hold(path, out)})

    def writers(self, path: str) -> list[StageName]:
        """Return the stages that have `path` as an out."""
        return self._writers.get(path, [])

    def _inside(self, directory: str) -> list[str]:
        if directory == ".":
            return [path for path in self._sorted if not path.startswith("/")]
        start = directory + "/"
        first = bisect_left(self._sorted, start)
        last = bisect_left(self._sorted, directory + "0")  # "0" is the character after "/"
        return self._sorted[first:last]


def _fixed_part(pattern: str) -> str:
    """Return the directory of `pattern` that has no glob in it; `.` where there is none."""
    while is_glob(pattern):
        pattern = parent(pattern)
    return pattern


def upstream(stages: Mapping[StageName, Stage]) -> dict[StageName, tuple[StageName, ...]]:
    """Return for each stage the stages whose outs it reads, in the order of its deps; itself never."""
    outs = Outs(stages.values())
    found: dict[StageName, tuple[StageName, ...]] = {}
    for name, stage in stages.items():
        before: dict[StageName, None] = {}
        for dep in stage.deps:
            for path in outs.met_by(dep.path):
                before.update(dict.fromkeys(outs.writers(path)))
        before.pop(name, None)
        found[name] = tuple(before)
    return found


def cycles(edges: Mapping[StageName, tuple[StageName, ...]]) -> list[tuple[StageName, ...]]:
    """Return cycles that share no stage, each from producer to consumer and starting with the stage that is declared
    first; empty exactly when `edges` (stage to what it needs) has no cycle."""
    order = {name: i for i, name in enumerate(edges)}
    left = dict(edges)
    found = []
    while True:
        try:
            TopologicalSorter(left).prepare()
        except CycleError as error:
            ring: list[StageName] = error.args[1][:-1]
            start = ring.index(min(ring, key=order.__getitem__))
            found.append((*ring[start:], *ring[:start]))
            gone = set(ring)
            left = {
                name: tuple(b for b in before if b not in gone) for name, before in left.items() if name not in gone
            }
        else:
            return found
