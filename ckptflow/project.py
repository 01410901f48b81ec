"""Edge. The Python API: a project, opened at a path, with the use cases as methods. The command line is built on it.

The one place that reads the environment for the settings, and only when it is asked to open a project. What looks into
outs and stores (`engine.inspect`), edits pipeline files, or reads what DVC keeps, is imported where it is needed: a run
does without.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .engine.repro import repro
from .engine.result import RunResult
from .engine.session import Session, failed_before, open_session
from .engine.status import status
from .engine.survey import read_pipeline
from .engine.take_over import Standing, take_over
from .engine.targets import ReproOptions, as_named_from, check_chunks, resolve, select
from .errors import StageError
from .events import Event, Reporter
from .ids import Digest
from .plan.view import PlanView
from .spec.model import Pipeline, Stage, Value
from .workspace.cache import Cache
from .workspace.locate import Location, find_or_begin, find_project
from .workspace.observe import Observer
from .workspace.settings import Settings, load_settings

if TYPE_CHECKING:
    from .checkpoints.verify import Finding
    from .engine.editing import Edited, StageText
    from .engine.import_dvc import ImportPlan
    from .engine.inspect import Check, GraphView, OutView, RunSummary
    from .formats.dataset import Dataset
    from .spec.edit.typed import Assignment

__all__ = ["Project", "ReproOptions", "RunResult", "load", "open"]


class Project:
    """A directory with a pipeline file. Cheap to make: nothing is opened before a method needs it.

    `path` is the project's directory or one inside it, or a pipeline file. Methods raise the errors of
    `ckptflow.errors`. With `begin` there need be no pipeline file yet: `add_stage` writes it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] = ".",
        *,
        file: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        begin: bool = False,
    ) -> None:
        start = Path(path)
        if start.is_file():
            start, file = start.parent, start.name
        self.location: Location = (find_or_begin if begin else find_project)(start, file)
        self.settings: Settings = load_settings(self.location.root, os.environ if env is None else env, overrides)

    @classmethod
    def find(cls, start: Path | None = None, *, file: str | None = None, overrides: Mapping[str, Any] = {}) -> Project:
        """Return the project that `start` (default: the working directory) is in."""
        return cls(start or Path.cwd(), file=file, overrides=overrides)

    @property
    def root(self) -> Path:
        """The project's directory, absolute."""
        return self.location.root

    @property
    def pipeline(self) -> Pipeline:
        """The stages as the pipeline file declares them. Raises `SpecError`."""
        with self._session() as session:
            return read_pipeline(session).pipeline

    def repro(
        self,
        targets: Sequence[str] = (),
        *,
        options: ReproOptions | None = None,
        reporter: Reporter | None = None,
        check: bool = False,
    ) -> RunResult:
        """Bring targets (default: all) up to date. With `check`, a failed run raises `StageError`."""
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
        with self._session() as session:
            targets, survey = self._from_here(session, targets), read_pipeline(session)
            asked = {stage for t in targets for stage in resolve(survey.pipeline, t.split("#")[0])}
            selection = select(survey.pipeline, survey.graph, targets, ReproOptions(), failed_before(session.cache))
            found = status(session, survey, selection)
            return replace(found, stages=tuple(s for s in found.stages if s.stage in asked))

    def plan(self, targets: Sequence[str] = (), *, options: ReproOptions | None = None) -> PlanView:
        """Return what `repro` would do."""
        return self.status(targets, options=options or ReproOptions())

    def load(self, out: str) -> object:
        """Return what an out holds: a table as `pyarrow.Table`, a pickle as its object, files as a path."""
        from .engine import inspect as looking

        with self._session() as session:
            return looking.load_out(session, read_pipeline(session), out)

    def open(self, out: str) -> Dataset:
        """Return a lazy handle on a table out."""
        from .engine import inspect as looking

        with self._session() as session:
            return looking.open_out(session, read_pipeline(session), out)

    def show(self, out: str, rows: int = 10) -> OutView:
        """Return the schema, size and first rows of an out."""
        from .engine import inspect as looking

        with self._session() as session:
            (out,) = self._from_here(session, [out])
            return looking.show(session, read_pipeline(session), out, rows)

    def verify(self, *, deep: bool = False, targets: Sequence[str] = ()) -> list[Finding]:
        """Check the store and return what is wrong; bad objects are set aside and made again by the next `repro`."""
        from .engine import inspect as looking

        with self._session() as session:
            return looking.verify(session, deep, self._objects_of(session, targets))

    def log(self, limit: int = 20) -> list[RunSummary]:
        """Return the latest runs, the latest first."""
        from .engine import inspect as looking

        with self._session() as session:
            return looking.log(session, limit)

    def doctor(self) -> Sequence[Check]:
        """Return what there is to say about this machine and project."""
        from .engine import inspect as looking

        with self._session(create=True) as session:
            return looking.doctor(session, read_pipeline(session))

    def graph(self) -> GraphView:
        """Return the graph of stages."""
        from .engine import inspect as looking

        with self._session() as session:
            return looking.graph_view(read_pipeline(session))

    def add_stage(self, name: str, fields: Mapping[str, Value], *, force: bool = False, dry: bool = False) -> Edited:
        """Write a new stage into the pipeline file; with `force`, in the place of one of that name.

        This and the other edits keep every line that they are not about. `EditRefused`, with nothing written, where the
        file would be invalid afterwards; with `dry` nothing is written either.
        """
        from .engine import editing

        return editing.add_stage(self.location, name, fields, force=force, dry=dry)

    def set_stage(self, stage: str, assignments: Sequence[Assignment], *, dry: bool = False) -> Edited:
        """Set, add to, take from or unset fields of a stage."""
        from .engine import editing

        return editing.set_fields(self.location, stage, assignments, dry=dry)

    def freeze(self, stages: Sequence[str], *, dry: bool = False) -> Edited:
        """Let stages not be run again until `unfreeze`."""
        from .engine import editing

        return editing.freeze(self.location, stages, dry=dry)

    def unfreeze(self, stages: Sequence[str], *, dry: bool = False) -> Edited:
        """Let frozen stages be run again."""
        from .engine import editing

        return editing.unfreeze(self.location, stages, dry=dry)

    def rename_stage(self, stage: str, new: str, *, dry: bool = False) -> Edited:
        """Give a stage another name, everywhere; what is finished stays finished."""
        from .engine import renaming

        with self._session() as session:
            return renaming.rename_stage(session, stage, new, dry=dry)

    def remove_stages(self, stages: Sequence[str], *, outs: bool = False, dry: bool = False) -> Edited:
        """Take stages out; with `outs`, delete what they made from the workspace too."""
        from .engine import renaming

        with self._session() as session:
            return renaming.remove_stages(session, stages, outs=outs, dry=dry)

    def stage_text(self, stage: str) -> StageText:
        """Return how a stage is written in its file."""
        from .engine import editing

        return editing.stage_text(self.location, stage)

    def stages(self, targets: Sequence[str] = (), *, every: bool = False, recursive: bool = False) -> Sequence[Stage]:
        """Return the stages of the pipeline file, of all files (`every`), or of targets: stages, groups, pipeline files
        and directories (with `recursive` those below too). Raises `TargetNotFound`.
        """
        from .engine.editing import chosen

        with self._session() as session:
            pipeline = read_pipeline(session).pipeline
            return chosen(pipeline, targets, self.location, every=every, recursive=recursive)

    @contextmanager
    def _session(self, *, create: bool = False) -> Iterator[Session]:
        session = open_session(self.location, self.settings, create=create)
        try:
            yield session
        finally:
            session.close()

    def _from_here(self, session: Session, targets: Sequence[str]) -> Sequence[str]:
        """Return targets as the project names them, for somebody in the working directory."""
        location = self.location
        at_top = location.here == "." and "/" not in location.file
        if at_top and not any(":" in target for target in targets):
            return targets
        pipeline = read_pipeline(session).pipeline
        return [as_named_from(pipeline, target, location.here, location.file) for target in targets]

    def _options(self, session: Session, options: ReproOptions) -> ReproOptions:
        """Return the options with the stage that they name as the project names it."""
        if options.from_stage is None:
            return options
        (name,) = self._from_here(session, [options.from_stage])
        return replace(options, from_stage=name)

    def _objects_of(self, session: Session, targets: Sequence[str]) -> frozenset[Digest] | None:
        from .engine import inspect as looking

        if not targets:
            return None
        targets, survey = self._from_here(session, targets), read_pipeline(session)
        names: set[Digest] = set()
        for target in targets:
            stage, out = looking.find_out(survey, target)
            names.update(p.object for p in looking.tree_of(session, survey, stage, out).parts)
        return frozenset(names)


@dataclass(frozen=True, slots=True)
class Imported:
    """What `import_dvc` did, or with `dry` would do: the files, and how each stage stands."""

    dry: bool
    plan: ImportPlan
    stages: tuple[Standing, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "ok": True,
            "dry": self.dry,
            "files": [{"path": f.path, "action": f.action, "from": f.origin} for f in self.plan.files],
            "stages": [stage.to_json() for stage in self.stages],
            "notes": list(self.plan.notes),
        }


def import_dvc(
    path: str | os.PathLike[str] = ".",
    *,
    files: Sequence[str] = (),
    dry: bool = False,
    force: bool = False,
    env: Mapping[str, str] | None = None,
) -> Imported:
    """Make the DVC project at `path` a ckptflow project, and take over what DVC did; run nothing.

    `files` are the `dvc.yaml`s to import, relative to the project's root (default: all). With `dry` nothing is written.
    An existing `pipeline.yaml` is kept unless `force`.
    """
    from .engine.import_dvc import plan_import, project_at, write_files
    from .workspace.dvc import DvcProject

    location = project_at(Path(path))
    cache = Cache(None)
    plan = plan_import(location, DvcProject(location.root, Observer(location.root, cache), cache), files, force=force)
    if not dry:
        write_files(plan)
    settings = load_settings(location.root, os.environ if env is None else env)
    session = open_session(location, settings, create=not dry)
    try:
        return Imported(dry, plan, take_over(session, plan.survey, plan.old, write=not dry))
    finally:
        session.close()


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
