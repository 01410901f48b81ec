"""Edge. Edits of pipeline files: read, change, check the whole project with the new texts, write; or only tell.

What an edit is, and when it is refused, `spec.edit` knows. Nothing is written before everything has been checked. If a
file was saved by somebody else meanwhile, the edit is made again on what is there now. A run that is going on read the
files when it began; it is not disturbed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ..dataclass import dataclass
from ..errors import CkptflowError, TargetNotFound, UsageError
from ..spec.edit import fields, stages
from ..spec.edit.edition import Edition, check
from ..spec.edit.splicing import excerpt
from ..spec.edit.typed import Assignment
from ..spec.model import Pipeline, Stage, Value
from ..spec.paths import normalise, parent
from ..spec.refs import split_address
from ..spec.schema import schema_text
from ..workspace import texts
from ..workspace.locate import Location
from ..workspace.skeleton import SCHEMA_FILE, with_modeline
from ..workspace.texts import Overtaken, TextFile
from .session import make_state
from .survey import ProjectFiles, find_files
from .targets import as_named_from, resolve

ATTEMPTS_MOST = 20


@dataclass(frozen=True, slots=True)
class FileEdit:
    """What an edit does to one file: the text before (None: there was no such file) and after."""

    file: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Edited:
    """What came of an edit: the files that it changed, or with `dry` would change; what there is to say about it."""

    edits: tuple[FileEdit, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StageText:
    """How a stage is written: its file and name there, the number of its first line, its lines with its comments."""

    file: str
    name: str
    line: int
    lines: tuple[str, ...]


class Desk:
    """The pipeline files of a project while they are edited. `files` are those that there are, the user's first."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self.files = find_files(location)
        self._texts: dict[str, TextFile] = {}

    def edition(self, file: str) -> Edition:
        """Return the edition of a file of the project as it lies there; of a new one, with the line that names its
        schema."""
        found = self._texts.setdefault(file, texts.read(self._location.root, file))
        if found.data is not None:
            return Edition.begin(file, found.text)
        return Edition.begin(file, "") if file.endswith("dvc.yaml") else Edition.blank(file, with_modeline("", file))

    def has(self, file: str) -> bool:
        """Tell whether a file is there."""
        return self._texts.setdefault(file, texts.read(self._location.root, file)).data is not None

    def home(self, target: str) -> tuple[str, str]:
        """Return the pipeline file of a stage, as somebody in the working directory names it, and its name there.

        Raises `TargetNotFound`, `UsageError` where several files have such a stage.
        """
        address, name = split_address(target)
        if address is not None:
            file = normalise(self._location.here, address, outside=True)
            if file not in self.files:
                raise TargetNotFound(target, hint=f"pipeline files are {', '.join(self.files[:8])}")
            return file, name
        if self._location.file:
            return self._location.file, name
        having = [file for file in self.files if name in fields.names(self.edition(file))]
        if not having:
            raise TargetNotFound(target, hint=f"name its file too: `{self.files[0]}:{name}`")
        if len(having) > 1:
            raise UsageError(f"several files have a stage `{name}`", hint=f"name one: `{having[0]}:{name}`")
        return having[0], name

    def check(self, editions: Sequence[Edition], renamed: Mapping[str, str] | None = None) -> None:
        """Raise `EditRefused` unless the project is no worse with these texts."""
        check(editions, self.files[0], ProjectFiles(self._location.root), self.files[1:], renamed)

    def edits(self, editions: Iterable[Edition]) -> tuple[FileEdit, ...]:
        """Return what would be written."""
        return tuple(
            FileEdit(e.file, e.mark + e.before if self.has(e.file) else None, e.result)
            for e in editions
            if e.is_changed
        )

    def write(self, edits: Sequence[FileEdit]) -> None:
        """Write all files or, where one cannot be, none. Raises `EditRefused`, `Overtaken`."""
        for edit in edits:
            texts.check_writable(self._texts[edit.file])
        written: list[TextFile] = []
        try:
            for edit in edits:
                written.append(self._texts[edit.file])
                texts.replace(self._texts[edit.file], edit.after)
        except BaseException:
            for file in written[:-1]:
                texts.put_back(file)
            raise


def add_stage(location: Location, name: str, values: Mapping[str, Value], *, force: bool, dry: bool) -> Edited:
    """Write a new stage into the user's pipeline file, which may be a new one; see `spec.edit.stages.add`."""

    def attempt() -> Edited:
        desk = Desk(location)
        new = not desk.has(location.file)
        edition = stages.add(desk.edition(location.file), name, values, force=force)
        desk.check([edition])
        edits = desk.edits([edition])
        if not dry:
            if new:
                write_schema(location)
            desk.write(edits)
        return Edited(edits)

    return again(attempt)


def set_fields(location: Location, target: str, assignments: Sequence[Assignment], *, dry: bool) -> Edited:
    """Set, add to, take from and unset fields of a stage; see `spec.edit.fields`."""
    return _each(location, [target], lambda edition, name: fields.assign(edition, name, assignments), dry=dry)


def freeze(location: Location, targets: Sequence[str], *, dry: bool) -> Edited:
    """Let stages not be run again until they are thawed."""
    return _each(location, targets, stages.freeze, dry=dry)


def unfreeze(location: Location, targets: Sequence[str], *, dry: bool) -> Edited:
    """Let frozen stages be run again."""
    return _each(location, targets, stages.unfreeze, dry=dry)


def stage_text(location: Location, target: str) -> StageText:
    """Return how a stage, or the group of an item, is written. Raises `TargetNotFound`, `SpecError`."""
    desk = Desk(location)
    file, name = desk.home(target)
    edition = desk.edition(file)
    name = name if name in fields.names(edition) else name.partition("@")[0]
    fields.require(edition, name)
    found = excerpt(edition.text, ("stages", name))
    return StageText(file, name, found.first + 1, found.lines)


def chosen(
    pipeline: Pipeline, targets: Sequence[str], location: Location, *, every: bool, recursive: bool
) -> Sequence[Stage]:
    """Return the stages that `stage list` is asked for, in the order of the pipeline; see `Project.stages`."""
    stages_ = pipeline.stages.values()
    if every or (not targets and not location.file):
        return [*stages_]
    wanted: set[str] = set()
    if not targets:
        return [stage for stage in stages_ if stage.file == location.file]
    for target in targets:
        folder = normalise(location.here, target) if (location.root / location.here / target).is_dir() else None
        if folder is None:
            wanted.update(resolve(pipeline, as_named_from(pipeline, target, location.here, location.file)))
            continue
        above = "" if folder == "." else f"{folder}/"
        there = [s.name for s in stages_ if s.file.startswith(above) and (recursive or parent(s.file) == folder)]
        if not there:
            raise TargetNotFound(target, hint="no pipeline file there; -R looks into the directories below it too")
        wanted.update(there)
    return [stage for stage in stages_ if stage.name in wanted]


def write_schema(location: Location) -> bool:
    """Write the JSON Schema of pipeline files, for editors; return whether it was new, or of another version."""
    make_state(location)
    file = texts.read(location.root, SCHEMA_FILE)
    text = schema_text()
    if file.data == text.encode():
        return False
    texts.replace(file, text)
    return True


def again(attempt: Callable[[], Edited]) -> Edited:
    """Make an edit, and make it anew as long as somebody else is quicker to write."""
    for _ in range(ATTEMPTS_MOST):
        try:
            return attempt()
        except Overtaken:
            continue
    raise CkptflowError("the files change faster than they can be edited", hint="stop what is writing to them")


def _each(
    location: Location, targets: Sequence[str], change: Callable[[Edition, str], Edition], *, dry: bool
) -> Edited:
    def attempt() -> Edited:
        desk = Desk(location)
        editions: dict[str, Edition] = {}
        for target in targets:
            file, name = desk.home(target)
            editions[file] = change(editions.get(file) or desk.edition(file), name)
        desk.check([*editions.values()])
        edits = desk.edits(editions.values())
        if not dry:
            desk.write(edits)
        return Edited(edits)

    return again(attempt)
