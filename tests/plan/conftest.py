"""A world in memory for the planner: rows at paths, code as words, records and trees in dictionaries.

Every row of a path is one piece where it is cut. A chunk's result is its key unless `world.results` says otherwise, so
that results differ exactly where recipes or data do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from ckptflow.chunk.headway import Items
from ckptflow.chunk.model import AtRows, Part, Piece, Whole
from ckptflow.chunk.packed import Pieces
from ckptflow.chunk.sheet import Sheet
from ckptflow.chunk.tree import Tree
from ckptflow.errors import DepMissing, Failure
from ckptflow.fingerprint.recipe import DepForm, Recipe
from ckptflow.ids import ChunkKey, Digest, StageName, digest
from ckptflow.plan.graph import build_graph
from ckptflow.plan.model import Before, CutRequest, Record, Refusal, Source
from ckptflow.plan.schedule import Schedule
from ckptflow.plan.selection import Retry, Selection
from ckptflow.plan.stagerun import Phase, StageRun
from ckptflow.spec.model import Dep, Out, Pipeline, Stage

BROKEN = Failure("exception", "ValueError: no")


def name_of(*words: object) -> Digest:
    return digest(repr(words).encode())


@dataclass
class World:
    """Implements `Facts` and `Past`. `cut` false: sheets are not known before they are asked for."""

    rows: dict[str, list[str]] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)
    results: dict[str, Callable[[ChunkKey], object]] = field(default_factory=dict)
    records: dict[ChunkKey, Record] = field(default_factory=dict)
    trees: dict[Digest, Tree] = field(default_factory=dict)
    lock: dict[StageName, Before] = field(default_factory=dict)
    cut: bool = False
    pipeline: Pipeline = field(default_factory=lambda: Pipeline("pipeline.yaml", {}))
    looked_up: list[ChunkKey] = field(default_factory=list)
    looked_up_loosely: list[ChunkKey] = field(default_factory=list)
    elsewhere: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Tree]]] = field(default_factory=list)
    bad: set[tuple[str, str, int]] = field(default_factory=set)
    made: int = 0

    def stages(self, *stages: Stage) -> None:
        self.pipeline = Pipeline("pipeline.yaml", {s.name: s for s in stages})

    # ---- Facts

    def recipe(self, stage: StageName) -> Recipe:
        declared = self.pipeline.stages[stage]
        return Recipe(
            code=name_of(self.code.get(stage, stage)),
            params=declared.params,
            deps={d.label: DepForm("table", "parquet") for d in declared.deps},
            outs={o.label: o.format for o in declared.outs},
        )

    def before(self, stage: StageName) -> Before | None:
        return self.lock.get(stage)

    def source(self, stage: StageName, dep: Dep) -> Source:
        if dep.path not in self.rows:
            raise DepMissing(dep.path)
        return Source(dep.path, "csv", name_of(self.rows[dep.path]), tabular=True)

    def sees_bytes(self, stage: StageName, dep: Dep) -> bool:
        return False

    def sheet(self, request: CutRequest) -> Sheet | None:
        return self.make_sheet(request) if self.cut else None

    def make_sheet(self, request: CutRequest) -> Sheet:
        pieces = {}
        for label, source in request.sources.items():
            if source.tree is not None:
                rows = [p.values for p in self.trees[source.tree].parts]
            else:
                rows = [name_of(row) for row in self.rows[source.path]]
            if request.spec is None:
                pieces[label] = (Piece(name_of(rows), Whole()),)
            else:
                pieces[label] = tuple(Piece(row, AtRows(i, i + 1)) for i, row in enumerate(rows))
        return Sheet({label: Pieces(of_dep) for label, of_dep in pieces.items()})

    # ---- Past

    def lookup(self, stage: StageName, keys: Iterable[ChunkKey]) -> Mapping[ChunkKey, Record]:
        keys = list(keys)
        self.looked_up += keys
        return {k: self.records[k] for k in keys if k in self.records}

    def loosely(self, stage: StageName, keys: Iterable[ChunkKey], code: Digest) -> Mapping[ChunkKey, Record]:
        keys = set(keys)
        self.looked_up_loosely += keys
        found = [r for r in self.records.values() if r.loose in keys]
        found.sort(key=lambda r: (r.code == code, r.finished))
        return {r.loose: r for r in found if r.loose is not None}

    def partial(self, stage: StageName, key: ChunkKey) -> None:
        return None

    def tree(self, name: Digest) -> Tree | None:
        return self.trees.get(name)

    def regain(self, stage: Stage, key: ChunkKey, noted: Mapping[str, Digest]) -> Record | None:
        return None

    def adopt(self, stage: Stage, key: ChunkKey, upstream: Mapping[str, Tree]) -> Record | Refusal | None:
        """Another program made the stages in `elsewhere`: their results; one that begins with `not` does not count."""
        self.asked.append((stage.name, dict(upstream)))
        result = self.elsewhere.get(stage.name)
        if result is None or result.startswith("not "):
            return None if result is None else Refusal(result)
        parts = {o.label: Part(name_of("bytes", o.label, result), 1, name_of(o.label, result), 1) for o in stage.outs}
        return Record(key, parts, stage.name, "elsewhere", 0.0, "2026-01-01T00:00:00Z")

    # ---- work

    def make(self, schedule: Schedule, run: StageRun, index: int) -> Record:
        """Do a chunk; an item of it fails where `bad` names its stage and code."""
        key = run.mending[index].key if index in run.mending else run.keys[index]
        assert key is not None
        result = self.results.get(run.name, lambda key: key)(key)
        parts = {
            o.label: Part(name_of("bytes", o.label, result), 1, name_of(o.label, result), 1) for o in run.stage.outs
        }
        bad = (run.name, self.code.get(run.name, run.name), index) in self.bad
        self.made += 1
        return Record(
            key,
            parts,
            run.name,
            "run",
            1.0,
            f"2026-01-01T00:00:00.{self.made:03}Z",
            items=Items(9, int(bad), 0) if run.stage.each else None,
            quarantine=Part(name_of("bad", key), 1, name_of("bad", key), 1) if bad else None,
            loose=schedule.loose_key(run, index),
            code=run.recipe.code,
        )


@dataclass
class Machine:
    """A schedule and a loop around it that does no work but to note what was asked for."""

    world: World
    schedule: Schedule
    ran: list[tuple[str, int]] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)

    def go(
        self,
        choose: Callable[[int], int] = lambda count: 0,
        fails: Callable[[str, int, int], bool] = lambda stage, index, attempt: False,
        most: int = 1,
        at_once: int = 3,
        steps: int = 10_000,
    ) -> Machine:
        """Run to the end, or for some steps. `choose(n)` picks which of n running chunks ends next."""
        schedule, world = self.schedule, self.world
        if not self.events:
            schedule.start()
            self.events.append("start")
        running: list[tuple[StageName, int]] = []
        while steps > 0:
            while names := schedule.complete():
                for name in names:
                    self._settle(schedule.stages[name])
            for request in schedule.cuts():
                schedule.cut(request, world.make_sheet(request))
            while len(running) < at_once and (work := schedule.take(lambda run: most)):
                run = schedule.stages[work.stage]
                run.teams += 1
                running += [(work.stage, i) for i in work.indexes]
            if not running:
                if not schedule.complete() and not schedule.cuts():
                    break
                continue
            steps -= 1
            stage, index = running.pop(choose(len(running)))
            run = schedule.stages[stage]
            run.teams = sum(1 for s, _ in running if s == stage)
            self.ran.append((stage, index))
            if fails(stage, index, run.attempts.get(index, 0) + 1):
                verdict = schedule.failed(stage, index, BROKEN)
                self.events.append((stage, index, verdict))
                if isinstance(verdict, Retry) and run.phase is Phase.OPEN:
                    schedule.release(stage, index)
            else:
                record = world.make(schedule, run, index)
                world.records[record.key] = record
                schedule.done(stage, index, record)
        if steps > 0:
            schedule.end()
        return self

    def _settle(self, run: StageRun) -> None:
        self.settled.append(run.name)
        self.world.trees.update({run.names[label]: tree for label, tree in run.trees.items()})
        if not run.pinned and not run.fresh:
            self.world.lock[run.name] = Before(
                key=run.stage_key(),
                trees=dict(run.names),
                chunks=run.chunks,
                items=dict(run.recipe.items()),
                deps={label: s.identity for label, s in run.sources.items()},
                quarantined=run.items.failed,
                superseded=run.superseded,
            )
        self.schedule.settled(run.name)

    def phases(self) -> dict[str, str]:
        return {name: run.phase.value for name, run in self.schedule.stages.items()}

    def outs(self) -> dict[str, dict[str, Digest]]:
        return {name: dict(run.names) for name, run in self.schedule.stages.items()}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def new_world() -> type[World]:
    return World


@pytest.fixture
def machine() -> Callable[..., Machine]:
    """Make a machine for all stages of a world, or for a selection given by keywords."""

    def make(world: World, **selection: Any) -> Machine:
        graph = build_graph(world.pipeline)
        chosen = {"stages": frozenset(world.pipeline.stages), **selection}
        return Machine(world, Schedule(world.pipeline, graph, world, world, Selection(**chosen)))

    return make


@pytest.fixture
def stage() -> Callable[..., Stage]:
    """Make a stage: `stage("b", reads="a.parquet", chunk=...)` reads under the label `x` and writes `b.parquet`."""

    def make(name: str, reads: str | tuple[str, ...] = (), **fields: Any) -> Stage:
        paths = (reads,) if isinstance(reads, str) else reads
        labels = ("x", "y", "z")
        deps = tuple(Dep(path, label) for label, path in zip(labels, paths, strict=False))
        fields.setdefault("outs", (Out(f"{name}.parquet", "parquet", "out"),))
        fields.setdefault("deps", deps)
        return Stage(StageName(name), call=f"m:{name}", **fields)

    return make
