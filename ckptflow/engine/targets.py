"""Pure. What users ask for: targets and flags become a selection of stages and chunks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from ..errors import TargetNotFound, UsageError
from ..ids import StageName
from ..plan.graph import Graph
from ..plan.selection import Selection
from ..spec.model import Pipeline
from ..spec.paths import is_glob

_CHUNKS = re.compile(r"(?P<stage>.+)#(?P<which>\d+(?:\.\.\d+)?|failed|stale)")


@dataclass(frozen=True, slots=True)
class ReproOptions:
    """The flags of `repro`. `time_limit` in seconds; `commit` false leaves the lock file as it is."""

    force: bool = False
    single_item: bool = False
    downstream: bool = False
    pipeline: bool = False
    all_pipelines: bool = False
    from_stage: str | None = None
    keep_going: bool = False
    time_limit: float | None = None
    retry_failed: bool = False
    limit_chunks: int | None = None
    commit: bool = True


Failed = Callable[[StageName], frozenset[int]]
"""Returns which chunks of a stage failed in the last run."""


def select(
    pipeline: Pipeline, graph: Graph, targets: Sequence[str], options: ReproOptions, failed: Failed
) -> Selection:
    """Return what to plan. Raises `TargetNotFound`, `UsageError`."""
    wanted: dict[StageName, None] = {}
    whole: set[StageName] = set()
    chunks: dict[StageName, list[Callable[[int], bool]]] = {}
    for target in targets:
        match = _CHUNKS.fullmatch(target)
        if match is None:
            whole.update(resolve(pipeline, target))
            wanted.update(dict.fromkeys(resolve(pipeline, target)))
            continue
        for stage in resolve(pipeline, match["stage"]):
            if pipeline.stages[stage].chunk is None:
                raise UsageError(f"stage `{stage}` has no chunks to choose from", hint=f"say `{stage}`")
            wanted[stage] = None
            chunks.setdefault(stage, []).append(_chooser(match["which"], stage, failed))
    chunks = {stage: choosers for stage, choosers in chunks.items() if stage not in whole}
    if not targets or options.all_pipelines or options.pipeline:
        wanted.update(dict.fromkeys(graph.order))
    start = set(wanted)
    if options.from_stage is not None:
        again = graph.downstream(resolve(pipeline, options.from_stage))
        start = again if not targets else start | again
    if options.downstream:
        start = graph.downstream(start)
    if options.single_item:
        stages, pinned = start, graph.upstream(start) - start
    else:
        stages, pinned = graph.upstream(start), set()
    forced: set[StageName] = set()
    if options.force:
        forced = set(stages)
    if options.from_stage is not None:
        forced |= graph.downstream(resolve(pipeline, options.from_stage)) & stages
    if options.retry_failed:
        for stage in stages:
            if pipeline.stages[stage].chunk is not None and failed(stage):
                chunks.setdefault(stage, []).append(_chooser("failed", stage, failed))
    return Selection(
        stages=frozenset(stages),
        pinned=frozenset(pinned),
        forced=frozenset(forced),
        chunks={stage: _any(choosers) for stage, choosers in chunks.items()},
        limit=options.limit_chunks,
        keep_going=options.keep_going,
    )


def check_chunks(pipeline: Pipeline, targets: Sequence[str], known: Mapping[StageName, int]) -> None:
    """Raise `TargetNotFound` for a target such as `load#17` where the stage has no chunk of these numbers.

    `known` is the number of chunks of the stages of which it is known.
    """
    for target in targets:
        match = _CHUNKS.fullmatch(target)
        if match is None or not match["which"][0].isdigit():
            continue
        first, _, last = match["which"].partition("..")
        if int(last or first) < int(first):
            raise TargetNotFound(target, hint=f"say `{match['stage']}#{last}..{first}`")
        for stage in resolve(pipeline, match["stage"]):
            count = known.get(stage)
            if count is not None and int(first) >= count:
                which = f"its chunks are `{stage}#0` to `{stage}#{count - 1}`" if count else "it has no chunks"
                raise TargetNotFound(target, hint=which)


def resolve(pipeline: Pipeline, target: str) -> tuple[StageName, ...]:
    """Return the stages that a target names: a stage, an out's path or name, a glob of stages, the pipeline file."""
    name = StageName(target)
    if name in pipeline.stages:
        return (name,)
    if target == pipeline.file:
        return tuple(pipeline.stages)
    path = target.removeprefix("./").rstrip("/")
    makers = tuple(s.name for s in pipeline.stages.values() for o in s.outs if path == o.path)
    if makers:
        return makers
    inside = tuple(s.name for s in pipeline.stages.values() for o in s.outs if path.startswith(f"{o.path}/"))
    if inside:
        return inside
    if is_glob(target):
        found = tuple(s for s in pipeline.stages if fnmatchcase(s, target))
        if found:
            return found
    group = tuple(s for s in pipeline.stages if s.startswith(f"{target}@"))
    if group:
        return group
    known: Iterable[str] = (*pipeline.stages, *(o.path for s in pipeline.stages.values() for o in s.outs))
    close = get_close_matches(target, list(known), 1)
    hint = f"did you mean `{close[0]}`?" if close else f"stages are {', '.join(list(pipeline.stages)[:10])}"
    raise TargetNotFound(target, hint=hint)


def _chooser(which: str, stage: StageName, failed: Failed) -> Callable[[int], bool]:
    if which == "stale":
        return lambda _: True
    if which == "failed":
        indexes = failed(stage)
        return lambda index: index in indexes
    first, _, last = which.partition("..")
    low, high = int(first), int(last or first)
    return lambda index: low <= index <= high


def _any(choosers: list[Callable[[int], bool]]) -> Callable[[int], bool]:
    return lambda index: any(chooser(index) for chooser in choosers)
