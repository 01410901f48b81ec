"""Edge. The Python API: a project, opened at a path, with the use cases as methods. The command line is built on it.

The one place that reads the environment for the settings, and only when it is asked to open a project.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .checkpoints.verify import Finding
from .engine import inspect as looking
from .engine.import_dvc import ImportPlan, plan_import, project_at, write_files
from .engine.inspect import Check, GraphView, OutView, RunSummary
from .engine.paths import path_changes
from .engine.plots import PlotOptions, Plots, named_plots, plots_of, versions_to_plot
from .engine.repro import repro
from .engine.result import RunResult
from .engine.session import Session, failed_before, open_session
from .engine.status import status
from .engine.survey import read_pipeline
from .engine.take_over import Standing, take_over
from .engine.targets import ReproOptions, as_named_from, check_chunks, resolve, select
from .engine.values import ValuesDiff, VersionValues, diff_values, metrics_of, params_of, show_metrics
from .engine.version import WORKSPACE, Version
from .engine.versions import HEAD, Versions
from .errors import StageError, TargetNotFound
from .events import Event, Reporter
from .formats.dataset import Dataset
from .ids import Digest
from .plan.view import PlanView
from .spec.model import Pipeline
from .spec.paths import normalise
from .values.paths import PathChanges
from .workspace.cache import Cache
from .workspace.dvc import DvcProject
from .workspace.locate import Location, find_project
from .workspace.observe import Observer
from .workspace.settings import Settings, load_settings

__all__ = ["PlotOptions", "Plots", "Project", "ReproOptions", "RunResult", "VersionValues", "load", "open"]


class Project:
    """A directory with a pipeline file. Cheap to make: nothing is opened before a method needs it.

    `path` is the project's directory or one inside it, or a pipeline file. Methods raise the errors of
    `ckptflow.errors`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] = ".",
        *,
        file: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        start = Path(path)
        if start.is_file():
            start, file = start.parent, start.name
        self.location: Location = find_project(start, file)
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
        with self._session() as session:
            return looking.load_out(session, read_pipeline(session), out)

    def open(self, out: str) -> Dataset:
        """Return a lazy handle on a table out."""
        with self._session() as session:
            return looking.open_out(session, read_pipeline(session), out)

    def show(self, out: str, rows: int = 10) -> OutView:
        """Return the schema, size and first rows of an out."""
        with self._session() as session:
            (out,) = self._from_here(session, [out])
            return looking.show(session, read_pipeline(session), out, rows)

    def verify(self, *, deep: bool = False, targets: Sequence[str] = ()) -> list[Finding]:
        """Check the store and return what is wrong; bad objects are set aside and made again by the next `repro`."""
        with self._session() as session:
            return looking.verify(session, deep, self._objects_of(session, targets))

    def log(self, limit: int = 20) -> list[RunSummary]:
        """Return the latest runs, the latest first."""
        with self._session() as session:
            return looking.log(session, limit)

    def doctor(self) -> Sequence[Check]:
        """Return what there is to say about this machine and project."""
        with self._session(create=True) as session:
            return looking.doctor(session, read_pipeline(session))

    def graph(self) -> GraphView:
        """Return the graph of stages."""
        with self._session() as session:
            return looking.graph_view(read_pipeline(session))

    def metrics(
        self, targets: Sequence[str] = (), *, branches: bool = False, tags: bool = False, commits: bool = False
    ) -> list[VersionValues]:
        """Return the metrics of the workspace, or with it those of all branches, tags or commits."""
        with self._versions() as versions:
            return show_metrics(versions, self._paths(targets), branches=branches, tags=tags, commits=commits)

    def metrics_diff(
        self, old: str = HEAD, new: str = WORKSPACE, *, targets: Sequence[str] = (), unchanged: bool = False
    ) -> ValuesDiff:
        """Return how metrics differ between two versions: `workspace`, revisions of git, runs."""
        paths = self._paths(targets)
        with self._versions() as versions:
            before, after = (metrics_of(versions.find(name), paths) for name in (old, new))
            return diff_values(before, after, paths, unchanged=unchanged)

    def params_diff(
        self,
        old: str = HEAD,
        new: str = WORKSPACE,
        *,
        targets: Sequence[str] = (),
        unchanged: bool = False,
        deps: bool = False,
    ) -> ValuesDiff:
        """Return how params differ between two versions; with `deps`, only those that stages declare."""
        paths = self._paths(targets)
        with self._versions() as versions:
            before, after = (params_of(versions.find(name), paths, deps=deps) for name in (old, new))
            return diff_values(before, after, paths, unchanged=unchanged)

    def plots(
        self, targets: Sequence[str] = (), versions: Sequence[str] = (WORKSPACE,), *, options: PlotOptions | None = None
    ) -> Plots:
        """Return what plots show, in one chart for all `versions`."""
        with self._versions() as known:
            found = [known.find(name) for name in versions]
            return plots_of(found, self._plot_ids(found, targets), options or PlotOptions())

    def plots_diff(
        self, versions: Sequence[str] = (), targets: Sequence[str] = (), *, options: PlotOptions | None = None
    ) -> Plots:
        """Return what plots show in `versions` beside each other; one alone is compared with the workspace, and none
        means HEAD and the workspace.
        """
        with self._versions() as known:
            found = versions_to_plot(known, versions)
            return plots_of(found, self._plot_ids(found, targets), options or PlotOptions())

    def diff(self, old: str = HEAD, new: str = WORKSPACE, *, targets: Sequence[str] = ()) -> PathChanges:
        """Return which deps and outs were added, deleted, modified or renamed between two versions."""
        with self._versions() as versions:
            return path_changes(versions.find(old), versions.find(new), self._paths(targets))

    def version_names(self) -> list[str]:
        """Return the names that versions go by: the workspace, branches, tags, the latest runs."""
        with self._versions() as versions:
            return versions.names()

    def path_from_here(self, path: str) -> str:
        """Return a path of the project as it is written in the working directory."""
        end = "/" if path.endswith("/") else ""
        return path if self.location.here == "." else Path(os.path.relpath(path, self.location.here)).as_posix() + end

    @contextmanager
    def _versions(self) -> Iterator[Versions]:
        with self._session() as session:
            versions = Versions(session)
            try:
                yield versions
            finally:
                versions.close()

    def _paths(self, targets: Sequence[str]) -> tuple[str, ...]:
        """Return paths as the project names them. Raises `TargetNotFound` for one outside of it."""
        found = []
        for target in targets:
            path = normalise(".", Path(os.path.relpath(self.root / self.location.here / target, self.root)).as_posix())
            if path is None or path == ".":
                raise TargetNotFound(target, hint="name a file of the project")
            found.append(path)
        return tuple(found)

    def _plot_ids(self, versions: Sequence[Version], targets: Sequence[str]) -> tuple[str, ...]:
        """Return targets as ids of plots: names as they stand, all else as paths."""
        names = named_plots(versions) if targets else frozenset()
        return tuple(target if target in names else self._paths([target])[0] for target in targets)

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
