"""Pure. What workers are asked to do: tasks for chunks and cuts, made from the state of the schedule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from ..chunk.headway import Headway
from ..chunk.model import AtPart, Part, Piece
from ..formats.forms import Form
from ..ids import StageName
from ..plan.merging import Merge
from ..plan.model import CutRequest, Source
from ..plan.schedule import Schedule
from ..plan.stagerun import StageRun
from ..run.messages import STREAMED, CutTask, Each, Input, Output, Task
from ..run.messages import Source as WorkerSource
from ..spec.model import OnError, Stage, Value, chunked_deps
from ..spec.values import param_argument


class TaskMaker:
    """Makes tasks for the stages of one schedule; what is the same for all chunks of a stage is worked out once."""

    def __init__(
        self,
        schedule: Schedule,
        forms: Mapping[StageName, Mapping[str, Form]],
        logs: str,
        *,
        links: bool = False,
        combine_forms: Mapping[StageName, Form] | None = None,
        kept: Callable[[StageRun, int], Headway | None] = lambda run, index: None,
    ) -> None:
        self._schedule = schedule
        self._forms = forms
        self._logs = logs
        self._combine_forms = combine_forms or {}
        self._kept = kept  # what an earlier attempt at a chunk has kept
        self._links = links  # outs in the workspace are hard links to objects
        self._common: dict[StageName, tuple[tuple[Input, ...], tuple[Output, ...], dict[str, object]]] = {}
        self._sources: dict[tuple[StageName, str], WorkerSource] = {}  # one thing, and so pickled once a batch

    def chunk(self, number: int, run: StageRun, index: int) -> Task:
        """Return the task that processes chunk `index`."""
        if run.name not in self._common:
            self._common[run.name] = (self._inputs(run), self._outputs(run), keyword_values(run.stage))
        whole, outputs, kwargs = self._common[run.name]
        key = run.mending[index].key if index in run.mending else run.keys[index]
        assert key is not None
        attempt = run.attempts.get(index, 0) + 1
        return Task(
            id=number,
            stage=run.name,
            key=key,
            index=index if run.chunked else None,
            chunks=run.chunks,
            inputs=(*whole, *self._pieces(run, index)),
            outputs=outputs,
            log=self.log(run.name, index if run.chunked else None, f"{attempt}"),
            call=run.stage.call,
            cmd=run.stage.cmd,
            wdir=run.stage.wdir,
            kwargs=kwargs,
            env={"DVC_STAGE": run.name, **run.stage.env} if run.stage.cmd else run.stage.env,
            timeout=run.stage.timeout,
            attempt=attempt,
            state=None if (state := run.state_before(index)) is None else (state.value,),
            each=_each(run.stage),
            halve=run.stage.on_error is OnError.QUARANTINE and attempt > run.stage.retries,
            keep_seconds=run.stage.checkpoint.every,
            keep_items=run.stage.checkpoint.items,
            headway=self._kept(run, index) if run.stage.call else None,
        )

    def merge(self, number: int, run: StageRun, merge: Merge) -> Task:
        """Return the task that merges results of a stage."""
        formats = {out.label: out.format for out in run.stage.outs}
        form = self._combine_forms.get(run.name, Form.NATURAL)
        inputs = tuple(
            Input(label, WorkerSource(out.path, formats[label], STREAMED), form, piece=_whole_part(node[label]))
            for node in merge.nodes
            for label, out in ((out.label, out) for out in run.stage.outs)
        )
        return Task(
            id=number,
            stage=run.name,
            key=merge.key,
            index=None,
            chunks=run.chunks,
            inputs=inputs,
            outputs=self._outputs(run),
            log=self.log(run.name, None, f"merge-{merge.key[:12]}"),
            call=run.stage.combine,
            env=run.stage.env,
            timeout=run.stage.timeout,
            merge=len(merge.nodes),
        )

    def cut(self, number: int, request: CutRequest) -> CutTask:
        """Return the task that makes a sheet."""
        run = self._schedule.stages[request.stage]
        deps = {d.label: d for d in run.stage.deps}
        inputs = tuple(
            Input(label, worker_source(source), columns=deps[label].columns)
            for label, source in request.sources.items()
        )
        return CutTask(number, request.stage, inputs, request.spec, self.log(request.stage, None, "cut"))

    def log(self, stage: StageName, index: int | None, which: str) -> str:
        """Return the path for what a task prints. The chunks of a stage have a directory; a stage without, a file."""
        safe = _safe(stage)
        if index is None:
            return f"{self._logs}/{safe}.{which}.log"
        folder = f"{safe[:-4]}%2elog" if safe.endswith(".log") else safe  # never the name of a file
        return f"{self._logs}/{folder}/{index:05d}.{which}.log"

    def _inputs(self, run: StageRun) -> tuple[Input, ...]:
        """Return the deps that every chunk gets whole."""
        cut = chunked_deps(run.stage.chunk)
        return tuple(
            Input(
                label=dep.label,
                source=worker_source(run.sources[dep.label]),
                form=self._form(run, dep.label),
                name=dep.name,
                columns=dep.columns,
            )
            for dep in run.stage.deps
            if dep.label not in cut
        )

    def _outputs(self, run: StageRun) -> tuple[Output, ...]:
        whole = self._links and bool(run.stage.cmd) and not run.chunked
        return tuple(
            Output(
                label=out.label,
                path=out.path,
                format=out.format,
                name=out.name,
                persist=out.persist,
                share=whole and out.workspace and out.cache and not out.persist,
            )
            for out in run.stage.outs
        )

    def _pieces(self, run: StageRun, index: int) -> tuple[Input, ...]:
        cut = chunked_deps(run.stage.chunk)
        return tuple(
            Input(
                label=dep.label,
                source=self._piece_source(run, dep.label),
                form=self._form(run, dep.label),
                name=dep.name,
                piece=self._piece(run, dep.label, index),
                columns=dep.columns,
            )
            for dep in run.stage.deps
            if dep.label in cut
        )

    def _piece(self, run: StageRun, label: str, index: int) -> Piece:
        cut = chunked_deps(run.stage.chunk)
        if cut[0] in run.sheets:
            return run.sheets[cut[0]].pieces[label][index]
        piece = self._schedule.reads.piece(run, label, index)
        assert piece is not None
        return piece

    def _piece_source(self, run: StageRun, label: str) -> WorkerSource:
        if label in run.sources:
            if (run.name, label) not in self._sources:
                self._sources[run.name, label] = worker_source(run.sources[label])
            return self._sources[run.name, label]
        dep = next(d for d in run.stage.deps if d.label == label)
        return WorkerSource(dep.path, dep.format or self._schedule.reads.out_format(run, label), STREAMED)

    def _form(self, run: StageRun, label: str) -> Form:
        return self._forms.get(run.name, {}).get(label, Form.PATH)


@cache
def _safe(stage: StageName) -> str:
    """Return the name of a stage as part of a path."""
    return "".join(c if c.isalnum() or c in "-_." else f"%{ord(c):02x}" for c in stage)


def _each(stage: Stage) -> Each | None:
    if not stage.each:
        return None
    aside = stage.on_error is OnError.QUARANTINE
    return Each(chunked_deps(stage.chunk)[0], stage.retries, stage.backoff, aside)


def _whole_part(part: Part) -> Piece:
    return Piece(part.values, AtPart(part), part.rows, part.bytes)


def worker_source(source: Source) -> WorkerSource:
    """Return a source as workers know it."""
    return WorkerSource(source.path, source.format, source.identity, source.tree, source.stamp)


def keyword_values(stage: Stage) -> dict[str, Any]:
    """Return args and params by argument name; a param's argument is the last part of its name.

    Mappings come sorted by key: their order is no part of the recipe, so a function must not see it.
    """
    values = {**{param_argument(name): value for name, value in stage.params.items()}, **stage.args}
    return {name: _sorted(value) for name, value in values.items()}


def _sorted(value: Value) -> Value:
    match value:
        case dict():
            return {key: _sorted(value[key]) for key in sorted(value)}
        case list():
            return [_sorted(item) for item in value]
        case _:
            return value
