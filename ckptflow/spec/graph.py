"""Pure. Which stage reads what which stage writes, from paths alone.

A dep meets an out when they are the same path, when one lies inside the other, or when the dep is a glob that names the
out or can name a file inside it. Whether an out is a directory is not known before it is written: a glob that reaches
it with a wildcard and goes on (`**/*.py`, `data/*/x.csv`) is taken to look inside only where the out is a `dir` or has
no suffix. Else every stage that reads `**/*.py` would depend on every other one.

Each dep costs its depth and a bisection, so thousands of stages are no matter.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from ..ids import StageName
from .model import Out, Stage
from .paths import ancestors, fixed_text, is_glob, looks_like_a_file, names, names_below


class Outs:
    """The outs of many stages, indexed by path."""

    def __init__(self, stages: Iterable[Stage]) -> None:
        self._writers: dict[str, list[StageName]] = {}
        self._outs: dict[str, Out] = {}
        for stage in stages:
            for out in stage.outs:
                self._writers.setdefault(out.path, []).append(stage.name)
                self._outs.setdefault(out.path, out)
        self._sorted = sorted(self._outs)

    def met_by(self, path: str) -> list[str]:
        """Return the outs' paths that a dep on `path` (a glob, unless it is an out's own name) meets, sorted."""
        if path in self._outs:
            return [path]
        if not is_glob(path):
            return sorted([*self._above(path), *self._inside(path)])
        fixed = fixed_text(path)
        base = fixed.rpartition("/")[0]
        near = [*self._above(fixed), *(self._inside(base) if base else self._sorted)]
        return sorted({out for out in near if self._meets(path, fixed, out)})

    def writers(self, path: str) -> list[StageName]:
        """Return the stages that have `path` as an out."""
        return self._writers.get(path, [])

    def _meets(self, pattern: str, fixed: str, path: str) -> bool:
        if names(pattern, path) or fixed.startswith(f"{path}/"):
            return True
        directory = self._outs[path].format == "dir" or not looks_like_a_file(path)
        return directory and names_below(pattern, path)

    def _above(self, path: str) -> list[str]:
        """Return the outs that `path` lies inside of."""
        return [above for above in ancestors(path) if above in self._outs]

    def _inside(self, directory: str) -> list[str]:
        """Return the outs that lie inside `directory`."""
        if directory == ".":
            return self._sorted
        first = bisect_left(self._sorted, f"{directory}/")
        last = bisect_left(self._sorted, f"{directory}0")  # "0" is the character after "/"
        return self._sorted[first:last]


def upstream(stages: Mapping[StageName, Stage]) -> dict[StageName, tuple[StageName, ...]]:
    """Return for each stage the stages that come before it: those of `after`, and those whose outs it reads, in the
    order of its deps; itself never.
    """
    outs = Outs(stages.values())
    found: dict[StageName, tuple[StageName, ...]] = {}
    for name, stage in stages.items():
        before: dict[StageName, None] = dict.fromkeys(stage.after)
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
