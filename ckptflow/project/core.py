"""Edge. The Python API: a project with the use cases as methods. The command line is built on it.

Each use case is imported by the methods that need it: no command needs all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..dataclass import replace
from ..engine.session import Session, failed_before
from ..engine.survey import read_pipeline
from ..errors import StageError
from ..ids import Digest
from .checkpoints import Checkpointed
from .compared import Compared
from .edits import Edits
from .remotes import Remotes
from .transfers import Transfers

if TYPE_CHECKING:
    from ..checkpoints.verify import Finding
    from ..engine.inspect import Check, GraphView, OutView, RunSummary
    from ..engine.result import RunResult
    from ..engine.runlog import RunDetail
    from ..engine.targets import ReproOptions
    from ..events import Event, Reporter
    from ..formats.dataset import Dataset
    from ..plan.view import PlanView
    from ..spec.catalog import Artifact, NamedDataset


class Project(Edits, Compared, Remotes, Transfers, Checkpointed):
    """A directory with a pipeline file, and all that can be done with it."""

    def repro(
        self,
        targets: Sequence[str] = (),
        *,
        options: ReproOptions | None = None,
        reporter: Reporter | None = None,
        check: bool = False,
    ) -> RunResult:
        """Bring targets (default: all) up to date. With `check`, a failed run raises `StageError`."""
        from ..engine.repro import repro
        from ..engine.targets import ReproOptions

        with self._session(create=True) as session:
            options = self._options(session, options or ReproOptions())
            result = repro(session, self._from_here(session, targets), options, reporter or _Silent())
        if check and not result.ok:
            bad = ", ".join(s.stage for s in result.stages if s.state in ("failed", "blocked", "stopped"))
            raise StageError(f"run {result.run} {result.outcome}: {bad}")
        return result

    def status(self, targets: Sequence[str] = (), *, options: ReproOptions | None = None) -> PlanView:
        """Return which stages and chunks are stale, and why; those of all pipeline files without targets or options.
        Runs nothing.
        """
        from ..engine.status import status
        from ..engine.targets import ReproOptions, check_chunks, select

        with self._session() as session:
            options = self._options(session, options or ReproOptions(all_pipelines=not targets))
            targets, survey = self._from_here(session, targets), read_pipeline(session)
            failed = failed_before(session.cache)
            selection = select(survey.pipeline, survey.graph, targets, options, failed, self.location.file)
            found = status(session, survey, selection)
            check_chunks(survey.pipeline, targets, {s.stage: s.total for s in found.stages if s.total is not None})
            return found

    def why(self, targets: Sequence[str]) -> PlanView:
        """Return the status of just these targets, without what they depend on."""
        from ..engine.status import status
        from ..engine.targets import ReproOptions, resolve, select

        with self._session() as session:
            targets, survey = self._from_here(session, targets), read_pipeline(session)
            asked = {stage for t in targets for stage in resolve(survey.pipeline, t.split("#")[0])}
            selection = select(survey.pipeline, survey.graph, targets, ReproOptions(), failed_before(session.cache))
            found = status(session, survey, selection)
            return replace(found, stages=tuple(s for s in found.stages if s.stage in asked))

    def plan(self, targets: Sequence[str] = (), *, options: ReproOptions | None = None) -> PlanView:
        """Return what `repro` would do."""
        from ..engine.targets import ReproOptions

        return self.status(targets, options=options or ReproOptions())

    def load(self, out: str) -> object:
        """Return what an out holds: a table as `pyarrow.Table`, a pickle as its object, files as a path."""
        from ..engine import inspect as looking

        with self._session() as session:
            return looking.load_out(session, read_pipeline(session), out)

    def open(self, out: str) -> Dataset:
        """Return a lazy handle on a table out."""
        from ..engine import inspect as looking

        with self._session() as session:
            return looking.open_out(session, read_pipeline(session), out)

    def show(self, out: str, rows: int = 10) -> OutView:
        """Return the schema, size and first rows of an out."""
        from ..engine import inspect as looking

        with self._session() as session:
            (out,) = self._from_here(session, [out])
            return looking.show(session, read_pipeline(session), out, rows)

    def verify(self, *, deep: bool = False, targets: Sequence[str] = ()) -> list[Finding]:
        """Check the store and return what is wrong; bad objects are set aside and made again by the next `repro`."""
        from ..engine import inspect as looking

        with self._session() as session:
            return looking.verify(session, deep, self._objects_of(session, targets))

    def log(self, limit: int = 20) -> list[RunSummary]:
        """Return the latest runs, the latest first."""
        from ..engine import inspect as looking

        with self._session() as session:
            return looking.log(session, limit)

    def run(self, run: str) -> RunDetail:
        """Return one run, by its name or the beginning of it: what it came to, what happened to checkpoints meanwhile.
        Raises `VersionNotFound`.
        """
        from ..engine.runlog import run_detail

        with self._session() as session:
            return run_detail(session, run)

    def doctor(self) -> Sequence[Check]:
        """Return what there is to say about this machine and project."""
        from ..engine import inspect as looking

        with self._session(create=True) as session:
            return looking.doctor(session, read_pipeline(session))

    def graph(self) -> GraphView:
        """Return the graph of stages."""
        from ..engine import inspect as looking

        with self._session() as session:
            return looking.graph_view(read_pipeline(session))

    def artifacts(self) -> tuple[Artifact, ...]:
        """Return the artifacts that the project's pipeline files declare, file by file."""
        return self.pipeline.artifacts

    def datasets(self) -> tuple[NamedDataset, ...]:
        """Return the datasets that the project's pipeline files declare, file by file, with what DVC noted of them."""
        from ..engine.former import noted_datasets

        with self._session() as session:
            return noted_datasets(session, read_pipeline(session).pipeline)

    def _options(self, session: Session, options: ReproOptions) -> ReproOptions:
        """Return the options with the stage that they name as the project names it."""
        if options.from_stage is None:
            return options
        (name,) = self._from_here(session, [options.from_stage])
        return replace(options, from_stage=name)

    def _objects_of(self, session: Session, targets: Sequence[str]) -> frozenset[Digest] | None:
        from ..engine import inspect as looking

        if not targets:
            return None
        targets, survey = self._from_here(session, targets), read_pipeline(session)
        names: set[Digest] = set()
        for target in targets:
            stage, out = looking.find_out(survey, target)
            names.update(p.object for p in looking.tree_of(session, survey, stage, out).parts)
        return frozenset(names)


def load(out: str, project: str | os.PathLike[str] = ".") -> object:
    """Return what an out of the project in the working directory (or at `project`) holds."""
    return Project(project).load(out)


def open(out: str, project: str | os.PathLike[str] = ".") -> Dataset:
    """Return a lazy handle on a table out of the project in the working directory (or at `project`)."""
    return Project(project).open(out)


class _Silent:
    """Tells nobody anything."""

    def emit(self, event: Event) -> None:
        """See `events.Reporter`."""

    def close(self) -> None:
        """See `events.Reporter`."""
