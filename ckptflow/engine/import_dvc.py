"""Edge. The use case `import-dvc`: a DVC project becomes a ckptflow project, and nothing of what DVC did is run again.

Order: read all, and refuse while nothing is written; then the files; then what DVC did is taken over, stage by stage,
as a run would take it over, without running anything. Doing it again changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Any

from ..dataclass import dataclass, field
from ..dvc.config import default_remote, remotes
from ..dvc.convert import OldStage, old_stages, pipeline_of, settings_of, with_settings
from ..dvc.ignore import FILE as IGNORE_FILE
from ..dvc.lock import NotedStage
from ..errors import ProjectNotFound, StoreError, UsageError
from ..ids import StageName
from ..plan.graph import build_graph
from ..spec.load import load_pipeline
from ..spec.model import stage_name
from ..spec.paths import parent
from ..workspace.discover import find_root, walk
from ..workspace.dvc import DvcProject
from ..workspace.locate import Location
from ..workspace.skeleton import (
    CONFIG,
    CONFIG_FILE,
    IGNORED,
    LOCAL_CONFIG_FILE,
    SCHEMA_FILE,
    with_ignored,
    with_modeline,
)
from .locks import load_locks
from .survey import ProjectFiles, Survey

DVC_FILE = "dvc.yaml"
OUR_FILE = "pipeline.yaml"


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that is made or added to. `before`: its text, None where there is none; `origin`: what it is made from.

    `secret`: it is for the user's eyes alone. `generated`: nobody reads it.
    """

    path: str
    before: str | None
    after: str
    origin: str | None = None
    secret: bool = False
    generated: bool = False

    @property
    def action(self) -> str:
        """`create`, `keep`, `add` (lines at the end) or `replace`."""
        if self.before is None:
            return "create"
        if self.before == self.after:
            return "keep"
        return "add" if self.after.startswith(self.before) else "replace"

    def diff(self, source: str | None) -> list[str]:
        """Return what changes as a unified diff, against the text that it is made from where it is new. No secrets."""
        if self.secret or self.generated:
            return []
        then = self.before if self.before is not None else source
        name = self.path if self.before is not None else self.origin or os.devnull
        lines = (then or "").splitlines(), self.after.splitlines()
        return list(unified_diff(*lines, fromfile=name, tofile=self.path, lineterm="", n=1))


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What is to be written, what the pipeline then is, and what people should know. `old`: what DVC noted of stages
    that no `dvc.lock` has. `sources`: the texts that files are made from, by path.
    """

    location: Location
    files: tuple[FileChange, ...]
    survey: Survey
    old: Mapping[StageName, NotedStage]
    notes: tuple[str, ...]
    sources: Mapping[str, str] = field(default_factory=dict)


def project_at(start: Path) -> Location:
    """Return the project that `start` lies in: all of its pipeline files are meant."""
    return Location(Path(find_root(str(start.absolute()))), "")


def plan_import(location: Location, dvc: DvcProject, only: Sequence[str], *, force: bool) -> ImportPlan:
    """Return what importing the project at `location` would write; `only` restricts it to these `dvc.yaml`s.

    An existing `pipeline.yaml` of another text is kept, unless `force`. Raises `SpecError` for what ckptflow does not
    read, `ProjectNotFound` where DVC has no pipeline, `UsageError`.
    """
    found = dict(_pipeline_files(location.root))
    wanted = _wanted(found, only)
    old = _old_stages(dvc) if not only else {}
    if not wanted and not old:
        raise ProjectNotFound(
            f"there is no {DVC_FILE} in {location.root} or below it", hint="name a directory with a DVC project"
        )
    notes: list[str] = []
    files: list[FileChange] = []
    sources: dict[str, str] = {}
    for file in wanted:
        sources[file] = _text(location.root, file) or ""
        target = f"{file.removesuffix(DVC_FILE)}{OUR_FILE}"
        files.append(_pipeline(location.root, target, sources[file], file, force, notes))
    noted: dict[StageName, NotedStage] = {}
    for folder, stages in old.items():
        if folder in found:
            names = ", ".join(stage.name for stage in stages)
            notes.append(f"{folder}: stages of DVC before 1.0 are left out ({names}): move them into {found[folder]}")
            continue
        target = OUR_FILE if folder == "." else f"{folder}/{OUR_FILE}"
        files.append(_pipeline(location.root, target, pipeline_of(stages), "*.dvc", force, notes))
        noted.update({stage_name(target, stage.name): stage.noted for stage in stages})
    survey = _survey(location, found, files)
    files += _project_files(location.root, dvc, notes)
    notes += _ignore_notes(location.root, dvc)
    return ImportPlan(location, tuple(files), survey, noted, tuple(notes), sources)


def write_files(plan: ImportPlan) -> None:
    """Write what is planned. Raises `StoreError`."""
    for change in plan.files:
        if change.action == "keep":
            continue
        path = plan.location.root / change.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
            with open(temporary, "w", encoding="utf-8", newline="") as file:
                if change.secret:
                    temporary.chmod(0o600)
                file.write(change.after)
            temporary.replace(path)
        except OSError as error:
            raise StoreError(f"`{change.path}` cannot be written: {error.strerror or error}") from error


def _pipeline_files(root: Path) -> Iterator[tuple[str, str]]:
    """Yield (directory, the pipeline file of DVC's in it); of ours only where there is none of DVC's."""
    for directory, _, names in walk(str(root)):
        for name in (DVC_FILE, OUR_FILE):
            if name in names:
                yield directory, name if directory == "." else f"{directory}/{name}"
                break


def _wanted(found: Mapping[str, str], only: Sequence[str]) -> list[str]:
    files = [file for file in found.values() if file.endswith(DVC_FILE)]
    unknown = [file for file in only if file not in files]
    if unknown:
        known = f"there are {', '.join(files)}" if files else "there is none"
        raise UsageError(f"there is no `{unknown[0]}` of DVC's in this project", hint=known)
    return [file for file in files if not only or file in only]


def _old_stages(dvc: DvcProject) -> dict[str, tuple[OldStage, ...]]:
    """Return the stages of DVC before 1.0 by directory."""
    by_folder: dict[str, list[Any]] = {}
    for tracked in dvc.old_stages():
        by_folder.setdefault(parent(tracked.file), []).append(tracked)
    return {folder: old_stages(files) for folder, files in by_folder.items()}


def _pipeline(root: Path, target: str, text: str, origin: str, force: bool, notes: list[str]) -> FileChange:
    """Return how a pipeline file of ours comes to be; one that is there is kept as it is, or replaced by `force`."""
    before = _text(root, target)
    after = with_modeline(text, target)
    if before is not None and before != after and not force:
        notes.append(f"{target} is there already and differs from {origin}: it is kept (--force replaces it)")
        after = before
    return FileChange(target, before, after, origin)


def _survey(location: Location, found: Mapping[str, str], files: Sequence[FileChange]) -> Survey:
    """Return the pipeline as it will be, read from the texts that are planned."""
    planned = {change.path: change.after for change in files}
    reader = _Planned(location.root, planned)
    others = [file for folder, file in found.items() if not any(parent(path) == folder for path in planned)]
    names = [*planned, *others]
    first = location.file if location.file in names else names[0]
    pipeline = load_pipeline(first, reader, others=[name for name in names if name != first])
    locks = load_locks(location, pipeline.files)
    return Survey(pipeline, build_graph(pipeline), locks, reader.seen, tuple(names))


class _Planned(ProjectFiles):
    """The files of a project, some of which are only planned yet."""

    def __init__(self, root: Path, planned: Mapping[str, str]) -> None:
        super().__init__(root)
        self._planned = planned

    def read(self, path: str) -> str | None:
        """See `ProjectFiles`."""
        return self._planned[path].removeprefix("\ufeff") if path in self._planned else super().read(path)


def _project_files(root: Path, dvc: DvcProject, notes: list[str]) -> Iterator[FileChange]:
    """Yield what a project has besides pipelines: settings with DVC's remotes, the schema, `.gitignore`."""
    from ..spec.schema import schema_text

    shared: dict[str, Any] = {}
    local: dict[str, Any] = {}
    if dvc.folder is not None:
        known = remotes(dvc.configs, dvc.folder)
        shared, local = settings_of(known, default_remote(dvc.configs))
        for remote in known:
            if remote.left_out:
                notes.append(f"remote {remote.name}: {', '.join(remote.left_out)} has no equivalent and is left out")
    for path, settings, start in ((CONFIG_FILE, shared, CONFIG), (LOCAL_CONFIG_FILE, local, "")):
        before = _text(root, path)
        after = with_settings(start if before is None else before, settings)
        if after is None:
            names = ", ".join(f"`{name}`" for name in settings)
            notes.append(f"{path} has {names} already, or cannot be added to: DVC's remotes are left out")
        if after or before is not None:
            yield FileChange(path, before, after or before or "", secret=path == LOCAL_CONFIG_FILE)
    schema = _text(root, SCHEMA_FILE)
    yield FileChange(SCHEMA_FILE, schema, schema or schema_text(), generated=True)
    ignored = _text(root, ".gitignore")
    yield FileChange(".gitignore", ignored, with_ignored(ignored or "", IGNORED))


def _ignore_notes(root: Path, dvc: DvcProject) -> Iterator[str]:
    text = _text(root, IGNORE_FILE)
    if text is not None and any(line.strip() and not line.startswith("#") for line in text.splitlines()):
        yield f"{IGNORE_FILE} has no equivalent yet: what it leaves out of directories counts from now on"


def _text(root: Path, path: str) -> str | None:
    """Return a file's text with its own line ends."""
    try:
        with open(root / path, encoding="utf-8", newline="") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise UsageError(f"`{path}` is not UTF-8 text", hint="write it in UTF-8") from error
    except OSError as error:
        raise StoreError(f"`{path}` cannot be read: {error.strerror or error}") from error
