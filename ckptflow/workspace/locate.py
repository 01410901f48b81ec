"""Edge. Find the project: its root directory, its pipeline files, and the one that the user stands by."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ..dataclass import dataclass
from ..errors import ProjectNotFound
from .discover import PIPELINE_FILES, STATE_DIR, file_of, find_root, find_upwards, walk

__all__ = ["PIPELINE_FILES", "STATE_DIR", "Location", "find_project"]


@dataclass(frozen=True, slots=True)
class Location:
    """A project on disk. `root` is absolute, all other paths are POSIX and relative to it.

    `file` is the pipeline file that the user works through: the nearest one upwards from `here`, the working directory,
    or the one that was named; empty where there is none upwards, and then all files of the project are meant. `alone`:
    a file of another name than pipeline files have was named, so that no other one counts.
    """

    root: Path
    file: str
    here: str = "."
    alone: bool = False

    @property
    def state(self) -> Path:
        """The directory of settings, store and derived data."""
        return self.root / STATE_DIR

    @property
    def lock(self) -> Path:
        """The lock file of `file`."""
        return self.lock_of(self.file)

    def lock_of(self, file: str) -> Path:
        """The lock file beside a pipeline file: `pipeline.yaml` has `pipeline.lock`."""
        return (self.root / file).with_suffix(".lock" if file.endswith("pipeline.yaml") else ".ckptflow.lock")

    def files(self, found: Iterable[tuple[str, tuple[str, ...]]]) -> tuple[str, ...]:
        """Return the pipeline files among what was found in the project's directories (`discover.scan`).

        `file` comes first, in the place of any other one of its directory.
        """
        if self.alone:
            return (self.file,)
        names = [file_of(directory, names) for directory, names in found]
        folder = os.path.dirname(self.file)  # noqa: PTH120 - a relative POSIX text
        others = [f for f in names if f is not None and (not self.file or os.path.dirname(f) != folder)]  # noqa: PTH120
        return (self.file, *others) if self.file else tuple(others)


def find_project(start: Path, file: str | None = None) -> Location:
    """Return the project that `start` is in: the nearest directory upwards with a pipeline file, `.ckptflow` or `.dvc`.

    A pipeline file belongs to the nearest root upwards (`discover.find_root`). `file` names a pipeline file, relative
    to `start`. Raises `ProjectNotFound`.
    """
    start = start.absolute()
    if file is not None:
        path = Path(os.path.normpath(start / file))
        if not path.is_file():
            raise ProjectNotFound(f"there is no file `{file}` here ({start})", hint="name an existing pipeline file")
        root = Path(find_root(str(path.parent)))
        alone = path.name not in PIPELINE_FILES
        return Location(root, path.relative_to(root).as_posix(), _from(root, start), alone)
    found = find_upwards(str(start))
    if found is not None and found[1]:
        return Location(Path(found[0]), found[1], _from(Path(found[0]), start))
    below = Location(Path(found[0]) if found is not None else start, "", _from(start, start))
    if any(file_of(directory, names) for directory, _, names in walk(str(below.root))):
        return Location(below.root, "", _from(below.root, start))
    raise ProjectNotFound(
        f"no pipeline.yaml in {start} or above it", hint="make a project with `ckptflow init`, or go to its directory"
    )


def find_or_begin(start: Path, file: str | None = None) -> Location:
    """Return the project as `find_project` does or, where there is no such pipeline file, the one that a new file named
    so (default: pipeline.yaml, in `start`) belongs to.
    """
    with suppress(ProjectNotFound):
        location = find_project(start, file)
        if location.file:
            return location
    start = start.absolute()
    path = Path(os.path.normpath(start / (file or PIPELINE_FILES[0])))
    root = Path(find_root(str(path.parent)))
    return Location(root, path.relative_to(root).as_posix(), _from(root, start), path.name not in PIPELINE_FILES)


def _from(root: Path, start: Path) -> str:
    """Return where `start` is from the root; `..` where it lies outside."""
    return Path(os.path.relpath(start, root)).as_posix()
