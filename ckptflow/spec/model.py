"""Pure. What a pipeline declares, as values: the result of reading `pipeline.yaml` once it is found valid.

All paths are POSIX, relative to the project root, normalised, without `..`. Params and templates are resolved already:
a `Pipeline` holds values, not references. Nothing here refers to files, hashes or time.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

from ..dataclass import dataclass, field
from ..errors import Place
from ..ids import StageName
from .catalog import Artifact, NamedDataset
from .drawing import Drawing

Value: TypeAlias = "None | bool | int | float | str | list[Value] | dict[str, Value]"
"""A value as YAML and JSON know it. Treated as immutable."""


class Cut(StrEnum):
    """How boundaries are chosen: by the data near them, or by counting."""

    CONTENT = "content"
    FIXED = "fixed"


class OnError(StrEnum):
    """What a failing chunk does to its stage."""

    FAIL = "fail"
    CONTINUE = "continue"
    QUARANTINE = "quarantine"  # items that fail are set aside; a chunk that fails as a whole: as with `continue`


class OutKind(StrEnum):
    """Which list of the stage an out stands in; metrics and plots are outs that reports know."""

    OUT = "out"
    METRIC = "metric"
    PLOT = "plot"


@dataclass(frozen=True, slots=True)
class Dep:
    """What a stage reads. `name` is the function's argument (None in a list of deps); `path` may be a glob."""

    path: str
    name: str | None = None
    format: str | None = None
    columns: tuple[str, ...] | None = None
    place: Place | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """The name, or the path where there is none."""
        return self.name or self.path


@dataclass(frozen=True, slots=True)
class Out:
    """What a stage writes. `format` is resolved (from `format:` or the suffix): a name that `formats` knows.

    `drawing` is how a plot is drawn, where that is said.
    """

    path: str
    format: str
    name: str | None = None
    kind: OutKind = OutKind.OUT
    cache: bool = True
    persist: bool = False
    push: bool = True
    workspace: bool = True
    desc: str | None = None
    drawing: Drawing | None = None
    place: Place | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """The name, or the path where there is none."""
        return self.name or self.path


@dataclass(frozen=True, slots=True)
class OverParts:
    """`{over: DEP}`: the chunks of the upstream out, one to one."""

    over: str


@dataclass(frozen=True, slots=True)
class OverRows:
    """`{over: DEP, rows: N}`: about N rows each."""

    over: str
    rows: int
    cut: Cut = Cut.CONTENT


@dataclass(frozen=True, slots=True)
class OverBytes:
    """`{over: DEP, bytes: 64MiB}`: about that many bytes each."""

    over: str
    bytes: int
    cut: Cut = Cut.CONTENT


@dataclass(frozen=True, slots=True)
class OverFiles:
    """`{over: DEP, files: N}`: about N files each."""

    over: str
    files: int
    cut: Cut = Cut.CONTENT


@dataclass(frozen=True, slots=True)
class ByRanges:
    """`{by: {DEP: COLUMNS, ...}, rows: N}`: ranges of the sorted keys of the first dep; the others sliced alike."""

    by: Mapping[str, tuple[str, ...]]
    rows: int
    cut: Cut = Cut.CONTENT


@dataclass(frozen=True, slots=True)
class ByBuckets:
    """`{by: {DEP: COLUMNS, ...}, into: N}`: N hash buckets of the keys."""

    by: Mapping[str, tuple[str, ...]]
    into: int


@dataclass(frozen=True, slots=True)
class ByValues:
    """`{by: {DEP: COLUMN, ...}}`: one chunk per distinct value of the first dep's column."""

    by: Mapping[str, tuple[str, ...]]


ChunkSpec: TypeAlias = OverParts | OverRows | OverBytes | OverFiles | ByRanges | ByBuckets | ByValues


def chunked_deps(spec: ChunkSpec | None) -> tuple[str, ...]:
    """Return the labels of the deps that `spec` cuts, the leading one first; empty where nothing is cut."""
    match spec:
        case None:
            return ()
        case ByRanges() | ByBuckets() | ByValues():
            return tuple(spec.by)
        case _:
            return (spec.over,)


def stage_name(file: str, local: str) -> StageName:
    """Return what a stage is called in its project: stages of a file that does not lie at the top bear its path."""
    return StageName(f"{file}:{local}" if "/" in file else local)


@dataclass(frozen=True, slots=True)
class Carry:
    """`carry: {initial: ...}`: the chunks go one after the other, and each gets the state that the one before left."""

    initial: Value = None


@dataclass(frozen=True, slots=True)
class Keeping:
    """`checkpoint: {every, items, keep}`: seconds and items after which progress inside a chunk is kept, whichever
    comes first; how many checkpoint files of the stage stay.
    """

    every: float = 300.0
    items: int = 1000
    keep: int = 10


@dataclass(frozen=True, slots=True)
class Stage:
    """One step. Exactly one of `call` (`module:function`) and `cmd` (shell commands, run in order) is set.

    `file` is the pipeline file that declares it, `name` what the project calls it. `after` are stages without outs that
    come before it all the same: a dep named them.

    `each`: the function takes one item of the chunk at a time. `combine` is a `module:function` that merges the results
    of two chunks: what it leaves is the out.

    `params` maps the name as declared (`features.window_days`, or `other.yaml:key`) to its value; the last part of the
    name is the argument. `wdir` is the directory in which `cmd` runs. Seconds for `timeout` and `backoff`.
    `max_errors` is a number of items, or, where it is no whole number, a share of all.
    """

    name: StageName
    file: str = "pipeline.yaml"
    call: str | None = None
    cmd: tuple[str, ...] = ()
    wdir: str = "."
    args: Mapping[str, Value] = field(default_factory=dict)
    deps: tuple[Dep, ...] = ()
    after: tuple[StageName, ...] = ()
    outs: tuple[Out, ...] = ()
    params: Mapping[str, Value] = field(default_factory=dict)
    chunk: ChunkSpec | None = None
    carry: Carry | None = None
    each: bool = False
    checkpoint: Keeping = Keeping()
    combine: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    workers: int | None = None
    retries: int = 0
    backoff: float = 1.0
    timeout: float | None = None
    on_error: OnError = OnError.FAIL
    max_errors: int | float | None = None
    packages: tuple[str, ...] | None = None
    version: Value = None
    rowwise: bool = False
    frozen: bool = False
    always_changed: bool = False
    desc: str | None = None
    meta: Value = None
    place: Place | None = field(default=None, compare=False)

    @property
    def always(self) -> bool:
        """Whether it runs each time: it says so, or is a command that neither reads nor writes anything to compare."""
        return self.always_changed or bool(self.cmd and not (self.deps or self.outs or self.params))

    @property
    def for_its_effect(self) -> bool:
        """Whether it is a whole command without outs: what it is run for cannot be restored, only done again."""
        return bool(self.cmd and not self.outs and self.chunk is None)

    @property
    def local(self) -> str:
        """What its own file calls it: `train@fr`."""
        return self.name.removeprefix(f"{self.file}:")

    @property
    def group(self) -> str | None:
        """The declaration in its own file, if that makes several stages: `train` for `train@fr`."""
        group, mark, _ = self.local.partition("@")
        return group if mark else None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The stages of a project's pipeline files, file by file in their order, valid as a whole: no cycles, no two stages
    with one out.

    `file` is the first of the `files`, the one that the project is worked on through; `reads` all files whose text made
    this value (pipeline files, params, vars), so that a cache of it knows when it is out of date; `absent` those that
    were looked for and not there. The rest is what the files name beside their stages: see `toplevel` and `catalog`.
    """

    file: str
    stages: Mapping[StageName, Stage]
    reads: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    plots: Mapping[str, Drawing] = field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    datasets: tuple[NamedDataset, ...] = ()
