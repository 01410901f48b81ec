"""Pure. What users ask for: targets and flags become a selection of stages and chunks."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase

from ..dataclass import dataclass
from ..errors import TargetNotFound, UsageError
from ..ids import StageName
from ..plan.graph import Graph
from ..plan.selection import Selection
from ..spec.model import Pipeline, stage_name
from ..spec.paths import is_glob, normalise
from ..spec.refs import split_address

CHUNKS = re.compile(r"(?P<stage>.+)#(?P<which>\d+(?:\.\.\d+)?|failed|stale)")


@dataclass(frozen=True, slots=True)
class ReproOptions:
    """The flags of `repro`. `time_limit` in seconds; `commit` false leaves the lock file as it is; `pull` looks for
    finished work in the remote, and brings all outs. `keep_finished`: chunks that superseded code has made stay;
    `refresh_mixed`: those that stayed are made again.
    """

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
    pull: bool = False
    keep_finished: bool = False
    refresh_mixed: bool = False


Failed = Callable[[StageName], frozenset[int]]
"""Returns which chunks of a stage failed in the last run."""


def select(
    pipeline: Pipeline,
    graph: Graph,
    targets: Sequence[str],
    options: ReproOptions,
    failed: Failed,
    file: str = "",
) -> Selection:
    """Return what to plan. Without targets these are the stages of `file`, of all files where it is empty.

    Raises `TargetNotFound`, `UsageError`.
    """
    if options.keep_finished and options.refresh_mixed:
        hint = "the one keeps what superseded code has made, the other makes it again"
        raise UsageError("--keep-finished and --refresh-mixed exclude each other", hint=hint)
    wanted: dict[StageName, None] = {}
    whole: set[StageName] = set()
    chunks: dict[StageName, list[Callable[[int], bool]]] = {}
    for target in targets:
        match = CHUNKS.fullmatch(target)
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
    if options.all_pipelines:
        wanted.update(dict.fromkeys(graph.order))
    elif not targets:
        wanted.update(dict.fromkeys(n for n in graph.order if not file or pipeline.stages[n].file == file))
    start = set(wanted)
    if options.from_stage is not None:
        again = graph.downstream(resolve(pipeline, options.from_stage))
        start = again if not targets else start | again
    if options.pipeline:
        start = graph.connected(start)
    elif options.downstream:
        start = graph.downstream(start)
    if (options.single_item or options.downstream) and not (options.pipeline or options.all_pipelines):
        stages, pinned = start, graph.upstream(start) - start
    else:
        frozen = {name for name, stage in pipeline.stages.items() if stage.frozen}  # taken as they are
        stages, pinned = graph.upstream(start, ends=frozen), set()
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
        retry=options.retry_failed,
        keep=options.keep_finished,
        renew=options.refresh_mixed,
    )


def check_chunks(pipeline: Pipeline, targets: Sequence[str], known: Mapping[StageName, int]) -> None:
    """Raise `TargetNotFound` for a target such as `load#17` where the stage has no chunk of these numbers.

    `known` is the number of chunks of the stages of which it is known.
    """
    for target in targets:
        match = CHUNKS.fullmatch(target)
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


def as_named_from(pipeline: Pipeline, target: str, here: str, file: str) -> str:
    """Return a target as `resolve` takes it, for somebody who stands in the directory `here` by the pipeline `file`.

    There, `train` is a stage of that file, and paths and `dir/dvc.yaml:train` start at the directory.
    """
    name, mark, chunks = target.partition("#") if CHUNKS.fullmatch(target) else (target, "", "")
    address, local = split_address(name)
    candidates: list[str] = []
    if address is not None:
        candidates.append(stage_name(normalise(here, address) or address, local))
    else:
        candidates += [stage_name(file, name)] if file else []
        candidates.append(normalise(here, name, outside=True) or name)
    for candidate in dict.fromkeys((*candidates, name)):
        with suppress(TargetNotFound):
            resolve(pipeline, candidate)
            return f"{candidate}{mark}{chunks}"
    return target


def resolve(pipeline: Pipeline, target: str) -> tuple[StageName, ...]:
    """Return the stages that a target names: a stage, a group, an out's path, a glob of stages, a pipeline file, or a
    directory for all pipeline files below it.
    """
    name = StageName(target)
    if name in pipeline.stages:
        return (name,)
    if target in pipeline.files:
        return tuple(s.name for s in pipeline.stages.values() if s.file == target)
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
    below = "" if path == "." else f"{path}/"
    if any(f.startswith(below) for f in pipeline.files):
        return tuple(s.name for s in pipeline.stages.values() if s.file.startswith(below))
    stages = pipeline.stages.values()
    known: dict[str, str] = {s.local: s.name for s in stages} | {o.path: o.path for s in stages for o in s.outs}
    known |= {s.name: s.name for s in stages}
    from difflib import get_close_matches  # only for a mistake

    close = get_close_matches(target, list(known), 1)
    hint = f"did you mean `{known[close[0]]}`?" if close else f"stages are {', '.join(list(pipeline.stages)[:10])}"
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
