"""Edge. Find the project: its root directory and its pipeline file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import ProjectNotFound

PIPELINE_FILES = ("pipeline.yaml", "dvc.yaml")
STATE_DIR = ".ckptflow"


@dataclass(frozen=True, slots=True)
class Location:
    """A project on disk. `root` is absolute; `file` is the pipeline file, POSIX, relative to the root."""

    root: Path
    file: str

    @property
    def state(self) -> Path:
        """The directory of settings, store and derived data."""
        return self.root / STATE_DIR

    @property
    def lock(self) -> Path:
        """The lock file beside the pipeline file: `pipeline.yaml` has `pipeline.lock`."""
        return (self.root / self.file).with_suffix(".lock" if self.file.endswith("pipeline.yaml") else ".ckptflow.lock")


def find_project(start: Path, file: str | None = None) -> Location:
    """Return the project that `start` is in: the nearest directory upwards with a pipeline file or `.ckptflow`.

    `file` names another pipeline file, relative to `start`. Raises `ProjectNotFound`.
    """
    start = start.absolute()
    if file is not None:
        path = (start / file).absolute()
        if not path.is_file():
            raise ProjectNotFound(f"there is no file `{file}` here ({start})", hint="name an existing pipeline file")
        root = next((d for d in (path.parent, *path.parent.parents) if (d / STATE_DIR).is_dir()), path.parent)
        return Location(root, path.relative_to(root).as_posix())
    for directory in (start, *start.parents):
        for name in PIPELINE_FILES:
            if (directory / name).is_file():
                return Location(directory, name)
    raise ProjectNotFound(
        f"no pipeline.yaml in {start} or above it", hint="make a project with `ckptflow init`, or go to its directory"
    )
