"""Edge. A project opened at a path: where it is, its settings, its pipeline.

The one place that reads the environment for the settings, and only when it is asked to open a project.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from ..engine.session import Session, open_session
from ..engine.survey import read_pipeline
from ..engine.targets import as_named_from
from ..spec.model import Pipeline
from ..workspace.locate import Location, find_or_begin, find_project
from ..workspace.settings import Settings, load_settings


class Opened:
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
        self._env = os.environ if env is None else env
        self._overrides = overrides
        self.settings: Settings = self._load_settings()

    @classmethod
    def find(cls, start: Path | None = None, *, file: str | None = None, overrides: Mapping[str, Any] = {}) -> Self:
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

    def _load_settings(self, instead: Mapping[Path, str] | None = None) -> Settings:
        return load_settings(self.location.root, self._env, self._overrides, instead)

    @contextmanager
    def _session(self, *, create: bool = False) -> Iterator[Session]:
        session = open_session(self.location, self.settings, create=create, env=self._env)
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
