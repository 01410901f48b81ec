"""Edge. Comparisons of versions, as methods of a project; what they need is imported when one is made."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import TargetNotFound
from ..spec.paths import normalise
from .opened import Opened

if TYPE_CHECKING:
    from ..engine.plots import PlotOptions, Plots
    from ..engine.values import ValuesDiff, VersionValues
    from ..engine.version import Version
    from ..engine.versions import Versions
    from ..values.paths import PathChanges

HEAD, WORKSPACE = "HEAD", "workspace"
"""What is compared unless said otherwise."""


class Compared(Opened):
    """The values, plots and paths of versions: the workspace, revisions of git, runs."""

    def metrics(
        self, targets: Sequence[str] = (), *, branches: bool = False, tags: bool = False, commits: bool = False
    ) -> list[VersionValues]:
        """Return the metrics of the workspace, or with it those of all branches, tags or commits."""
        from ..engine.values import show_metrics

        with self._versions() as versions:
            return show_metrics(versions, self._paths(targets), branches=branches, tags=tags, commits=commits)

    def metrics_diff(
        self, old: str = HEAD, new: str = WORKSPACE, *, targets: Sequence[str] = (), unchanged: bool = False
    ) -> ValuesDiff:
        """Return how metrics differ between two versions: `workspace`, revisions of git, runs."""
        from ..engine.values import diff_values, metrics_of

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
        from ..engine.values import diff_values, params_of

        paths = self._paths(targets)
        with self._versions() as versions:
            before, after = (params_of(versions.find(name), paths, deps=deps) for name in (old, new))
            return diff_values(before, after, paths, unchanged=unchanged)

    def plots(
        self, targets: Sequence[str] = (), versions: Sequence[str] = (WORKSPACE,), *, options: PlotOptions | None = None
    ) -> Plots:
        """Return what plots show, in one chart for all `versions`."""
        from ..engine.plots import PlotOptions, plots_of

        with self._versions() as known:
            found = [known.find(name) for name in versions]
            return plots_of(found, self._plot_ids(found, targets), options or PlotOptions())

    def plots_diff(
        self, versions: Sequence[str] = (), targets: Sequence[str] = (), *, options: PlotOptions | None = None
    ) -> Plots:
        """Return what plots show in `versions` beside each other; one alone is compared with the workspace, and none
        means HEAD and the workspace.
        """
        from ..engine.plots import PlotOptions, plots_of, versions_to_plot

        with self._versions() as known:
            found = versions_to_plot(known, versions)
            return plots_of(found, self._plot_ids(found, targets), options or PlotOptions())

    def diff(self, old: str = HEAD, new: str = WORKSPACE, *, targets: Sequence[str] = ()) -> PathChanges:
        """Return which deps and outs were added, deleted, modified or renamed between two versions."""
        from ..engine.paths import path_changes

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
        from ..engine.versions import Versions

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
        from ..engine.plots import named_plots

        names = named_plots(versions) if targets else frozenset()
        return tuple(target if target in names else self._paths([target])[0] for target in targets)
