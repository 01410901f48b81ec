"""Pure. Which stage feeds which: the directed acyclic graph that `deps` and `outs` make.

An edge exists where a dep meets an out (`spec.graph`): is it, lies inside it, holds it, or is a glob that can name it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from ..dataclass import dataclass
from ..ids import StageName
from ..spec.graph import Outs
from ..spec.model import Dep, Pipeline


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a dep comes from.

    `exact` names the one out that the dep is. Otherwise the dep is observed in the workspace once the stages in `after`
    are done: none for a source, more where the dep holds, matches or lies inside outs.
    """

    exact: tuple[StageName, str] | None
    after: tuple[StageName, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """The stages in an order in which each comes after all it needs, and the origin of each dep (stage, dep label).

    The order is DVC's: that of the files, each stage after what it needs and no earlier than that takes.
    """

    order: tuple[StageName, ...]
    origins: Mapping[tuple[StageName, str], Origin]
    needs: Mapping[StageName, tuple[StageName, ...]]
    feeds: Mapping[StageName, tuple[StageName, ...]]

    def upstream(self, stages: Iterable[StageName], ends: Container[StageName] = ()) -> set[StageName]:
        """Return `stages` and all that they need; what only one of `ends` needs is not needed."""
        return _reach(stages, {name: () if name in ends else up for name, up in self.needs.items()})

    def connected(self, stages: Iterable[StageName]) -> set[StageName]:
        """Return the whole pipelines that `stages` belong to: all that is connected with them, in either direction."""
        edges = {name: (*self.needs[name], *self.feeds[name]) for name in self.order}
        return _reach(stages, edges)

    def downstream(self, stages: Iterable[StageName]) -> set[StageName]:
        """Return `stages` and all that need them."""
        return _reach(stages, self.feeds)


def build_graph(pipeline: Pipeline) -> Graph:
    """Return the graph of a valid pipeline (without cycles)."""
    outs = Outs(pipeline.stages.values())
    labels = {o.path: (s.name, o.label) for s in pipeline.stages.values() for o in s.outs}
    needs = {name: dict.fromkeys(stage.after) for name, stage in pipeline.stages.items()}
    origins: dict[tuple[StageName, str], Origin] = {}
    for stage in pipeline.stages.values():
        for dep in stage.deps:
            origin = _origin(stage.name, dep, outs, labels)
            origins[stage.name, dep.label] = origin
            needs[stage.name].update(dict.fromkeys(origin.after))
    feeds: dict[StageName, list[StageName]] = {name: [] for name in pipeline.stages}
    for name, up in needs.items():
        for other in up:
            feeds[other].append(name)
    return Graph(
        order=_order(needs),
        origins=origins,
        needs={name: tuple(up) for name, up in needs.items()},
        feeds={name: tuple(down) for name, down in feeds.items()},
    )


def _origin(stage: StageName, dep: Dep, outs: Outs, labels: Mapping[str, tuple[StageName, str]]) -> Origin:
    if dep.path in labels:
        return Origin(labels[dep.path], (labels[dep.path][0],))
    after = dict.fromkeys(labels[path][0] for path in outs.met_by(dep.path))
    after.pop(stage, None)
    return Origin(None, tuple(after))


def _order(needs: Mapping[StageName, Iterable[StageName]]) -> tuple[StageName, ...]:
    """Return the stages depth first: what one needs, in the order of its deps, and then the stage itself."""
    order: dict[StageName, None] = {}
    for name in needs:
        stack = [(name, iter(needs[name]))]
        while stack:
            stage, left = stack[-1]
            before = next((n for n in left if n not in order), None)
            if before is not None:
                stack.append((before, iter(needs[before])))
            else:
                order[stage] = None
                stack.pop()
    return tuple(order)


def _reach(start: Iterable[StageName], edges: Mapping[StageName, Iterable[StageName]]) -> set[StageName]:
    seen: set[StageName] = set()
    todo = list(start)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo.extend(edges.get(name, ()))
    return seen
