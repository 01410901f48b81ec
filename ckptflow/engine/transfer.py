"""Edge. What `push`, `fetch` and `checkout` share: the outs that are meant, how far a transfer is, what is let in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from ..checkpoints.lockfile import LockEntry
from ..checkpoints.remote import Remote, Traffic
from ..checkpoints.trust import code_outs
from ..dataclass import dataclass
from ..errors import SpecError
from ..ids import Digest, StageName
from ..plan.graph import Graph, build_graph
from ..spec.model import Out, Pipeline
from .gate import Gate
from .session import Session
from .survey import Survey
from .targets import resolve


class Tally:
    """How far a transfer is. Read by displays, from their own threads, while it goes on. Sizes in bytes."""

    def __init__(self) -> None:
        self.doing = ""
        self.objects = 0
        self.bytes = 0
        self._traffic = Traffic()
        self._began = (0, 0)
        self._settled = (0, 0)

    def begin(self, doing: str, traffic: Traffic | None = None) -> None:
        """Another part of the work begins: `doing` in a word or two. What moves is counted by `traffic`."""
        self._traffic = traffic or Traffic()
        self._began = (self._traffic.objects, self._traffic.bytes)
        self._settled = (0, 0)
        self.objects = self.bytes = 0
        self.doing = doing

    def expect(self, objects: int, bytes: int) -> None:
        """So much more is to be moved."""
        self.objects += objects
        self.bytes += bytes

    def settle(self, objects: int, bytes: int) -> None:
        """So much of what was expected is done with, however much of it had to be moved."""
        self._settled = (self._settled[0] + objects, self._settled[1] + bytes)
        self._began = (self._traffic.objects, self._traffic.bytes)

    @property
    def done_objects(self) -> int:
        """How many of the expected objects are done with."""
        return min(self.objects, self._settled[0] + self._traffic.objects - self._began[0])

    @property
    def done_bytes(self) -> int:
        """How many of the expected bytes are done with."""
        return min(self.bytes, self._settled[1] + self._traffic.bytes - self._began[1])


@dataclass(frozen=True, slots=True)
class LockedOut:
    """An out that a lock file names. `code`: to load it may run code that stands in it; `pushed`: remotes may have it.

    `out` is how the pipeline declares it, None where it does so no more. `bytes` is the size of its parts.
    """

    stage: StageName
    label: str
    path: str
    tree: Digest
    bytes: int
    out: Out | None
    code: bool
    pushed: bool


@dataclass(frozen=True, slots=True)
class Lack:
    """What could not be moved or placed: of which out, why, and what to do."""

    stage: str
    out: str
    problem: str
    hint: str
    damaged: bool = False

    def to_json(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"stage": self.stage, "out": self.out, "problem": self.problem, "help": self.hint}


@dataclass(frozen=True, slots=True)
class Refs:
    """Whose lock files count beside those of the workspace: of all branches, tags, commits."""

    branches: bool = False
    tags: bool = False
    commits: bool = False

    def __bool__(self) -> bool:
        return self.branches or self.tags or self.commits


NO_REFS = Refs()

Chosen: TypeAlias = Mapping[StageName, "frozenset[str] | None"]
"""Stages that were asked for; with the labels of their outs, or None for all of them."""


def choose(pipeline: Pipeline, targets: Sequence[str]) -> dict[StageName, frozenset[str] | None] | None:
    """Return what the targets name: the path of an out just that out, anything else the stages that `resolve` finds;
    None without targets. Raises `TargetNotFound`.
    """
    if not targets:
        return None
    chosen: dict[StageName, frozenset[str] | None] = {}
    for target in targets:
        path = target.removeprefix("./").rstrip("/")
        for name in resolve(pipeline, target):
            outs = pipeline.stages[name].outs
            labels = frozenset(o.label for o in outs if path == o.path or path.startswith(f"{o.path}/"))
            before = chosen.get(name, frozenset())
            whole = target in pipeline.stages or not labels or before is None
            chosen[name] = None if whole else labels | (before or frozenset())
    return chosen


def locked_outs(
    session: Session, survey: Survey, chosen: Chosen | None, refs: Refs, notes: list[str]
) -> list[LockedOut]:
    """Return the outs that the lock files name: of the workspace first, then those that only `refs` have, once each.

    What cannot be read of a revision is told in `notes`. Raises `GitError`.
    """
    found = list(_outs_of(survey.pipeline, survey.graph, survey.lock))
    if refs:
        from .versions import Versions  # asked of few

        versions = Versions(session)
        try:
            for version in versions.all(branches=refs.branches, tags=refs.tags, commits=refs.commits)[1:]:
                try:
                    if version.pipeline is not None:
                        found += _outs_of(version.pipeline, build_graph(version.pipeline), version.lock)
                except SpecError as error:
                    notes.append(f"{version.name} was left out: {error}")
        finally:
            versions.close()
    if chosen is not None:
        found = [o for o in found if o.stage in chosen and ((some := chosen[o.stage]) is None or o.label in some)]
    # One out may run code in one version and not in another: the strictest counts.
    code = {(o.stage, o.label, o.tree) for o in found if o.code}
    held_back = {(o.stage, o.label, o.tree) for o in found if not o.pushed}
    once = {(o.stage, o.label, o.tree): o for o in reversed(found)}
    return [
        LockedOut(o.stage, o.label, o.path, o.tree, o.bytes, o.out, key in code, key not in held_back)
        for key, o in reversed(once.items())
    ]


def _outs_of(pipeline: Pipeline, graph: Graph, lock: Mapping[StageName, LockEntry]) -> Iterator[LockedOut]:
    code = code_outs(pipeline, graph)
    for name, entry in lock.items():
        stage = pipeline.stages.get(name)
        declared = {out.label: out for out in stage.outs} if stage is not None else {}
        for label, noted in entry.outs.items():
            out = declared.get(label)
            if out is not None and out.path != noted["path"]:
                out = None
            yield LockedOut(
                stage=name,
                label=label,
                path=noted["path"],
                tree=Digest(noted["tree"]),
                bytes=size if isinstance(size := noted.get("bytes"), int) else 0,
                out=out,
                code=label in code.get(name, ()),
                pushed=out is None or out.push,
            )


def kept_back(pipeline: Pipeline) -> frozenset[StageName]:
    """Return the stages whose records stay here: one of their outs says `push: false`, and a record names all outs."""
    return frozenset(n for n, stage in pipeline.stages.items() if not all(out.push for out in stage.outs))


def gate_for(session: Session, remote: Remote, outs: Iterable[LockedOut]) -> Gate:
    """Return the gate for `outs` of a remote. Raises `KeyUnusable`."""
    code: dict[StageName, frozenset[str]] = {}
    for out in outs:
        if out.code:
            code[out.stage] = code.get(out.stage, frozenset()) | {out.label}
    gate = Gate(session, remote)
    gate.cover(code)
    return gate
