"""Edge. The lock files of a project as one: each stage's entry stands in the lock file beside its pipeline file.

In memory entries go by the names of the project, in each file by the names of that file; so a file means the same
wherever the project's root is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..checkpoints import lockfile
from ..checkpoints.lockfile import LockEntry
from ..dataclass import dataclass, replace
from ..ids import StageName
from ..spec.model import stage_name
from ..workspace.locate import Location


@dataclass(frozen=True, slots=True)
class Locks:
    """What the lock files of `files` said when they were read."""

    location: Location
    files: tuple[str, ...]
    entries: Mapping[StageName, LockEntry]

    def update(self, entries: Iterable[LockEntry], removed: Iterable[StageName] = ()) -> None:
        """Put `entries` into their files and take `removed` out; other entries stay as they are on disk now.

        Raises `SpecError` if a file is malformed, and `StoreError`.
        """
        put: dict[str, list[LockEntry]] = {}
        taken: dict[str, list[StageName]] = {}
        for entry in entries:
            file, local = self._home(entry.stage)
            put.setdefault(file, []).append(entry if local == entry.stage else replace(entry, stage=local))
        for name in removed:
            file, local = self._home(name)
            taken.setdefault(file, []).append(local)
        for file in self.files:
            if file in put or file in taken:
                lockfile.update(self.location.lock_of(file), put.get(file, ()), taken.get(file, ()))

    def _home(self, name: StageName) -> tuple[str, StageName]:
        """Return the pipeline file of a stage and what that calls it."""
        for file in self.files:
            local = name.removeprefix(f"{file}:")
            if local != name and stage_name(file, local) == name:
                return file, StageName(local)
        return next(file for file in self.files if "/" not in file), name


def load_locks(location: Location, files: tuple[str, ...]) -> Locks:
    """Read the lock files beside `files`. Raises `SpecError`, `StoreError`."""
    entries: dict[StageName, LockEntry] = {}
    for file in files:
        for local, entry in lockfile.load(location.lock_of(file)).stages.items():
            name = stage_name(file, local)
            entries[name] = entry if name == local else replace(entry, stage=name)
    return Locks(location, files, entries)


def lock_path(location: Location, file: str) -> str:
    """Return the lock file of a pipeline file, as a path of the project."""
    return location.lock_of(file).relative_to(location.root).as_posix()
