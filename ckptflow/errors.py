"""Pure. Every error a user can meet.

Each keeps its parts as fields, says what and where in one line (`str(error)`), and what to do next in another (`hint`).
Codes are stable: scripts and documentation refer to them. Only the command line maps an error to an exit code.
"""

from __future__ import annotations

from typing import ClassVar

from .dataclass import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a text file. Lines and columns count from 1; `text` is the whole line, without its end."""

    file: str
    line: int
    column: int
    text: str = ""
    length: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a file: stable code (`CF012`), what is wrong, where, and what would be right."""

    code: str
    message: str
    place: Place | None = None
    hint: str | None = None

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.message}"


class CkptflowError(Exception):
    """Base of all errors meant for users. `code` is stable; `hint` is a remedy or None."""

    code: ClassVar[str] = "CF900"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SpecError(CkptflowError):
    """`pipeline.yaml`, params or configuration is invalid; holds all mistakes that were found, in file order."""

    code = "CF001"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(str(p) for p in problems) or "invalid pipeline")
        self.problems = problems


class EditRefused(SpecError):
    """An edit that cannot be made, or would make the file invalid; places are those of the text that it would give."""

    code = "CF190"


class ProjectNotFound(CkptflowError):
    """No pipeline file here or in any parent directory."""

    code = "CF002"


class UsageError(CkptflowError):
    """The command line asks for something that cannot be."""

    code = "CF003"


class RemoteNotFound(UsageError):
    """There is no remote of that name."""

    code = "CF017"

    def __init__(self, name: str, *, hint: str | None = None) -> None:
        super().__init__(f"there is no remote `{name}`", hint=hint)
        self.name = name


class TargetNotFound(CkptflowError):
    """A target matches no stage, chunk or out."""

    code = "CF004"

    def __init__(self, target: str, *, hint: str | None = None) -> None:
        super().__init__(f"no stage or out matches `{target}`", hint=hint)
        self.target = target


class CheckpointNotFound(TargetNotFound):
    """A target matches no checkpoint, and no stage that could have one."""

    code = "CF019"

    def __init__(self, target: str, *, hint: str | None = None) -> None:
        super().__init__(target, hint=hint or "`ckptflow checkpoints list` shows what there is")
        self.message = f"no checkpoint or stage matches `{target}`"
        self.args = (self.message,)


class DepMissing(CkptflowError):
    """A dep is neither in the workspace nor the out of a stage."""

    code = "CF005"


class DepUnreadable(CkptflowError):
    """A dep is there and cannot be used: a FIFO, a socket, a symlink loop, no permission, a malformed table."""

    code = "CF006"


class DepChanged(DepUnreadable):
    """A dep is not what it was when it was cut."""

    code = "CF013"


class SpillMissing(CkptflowError):
    """What was kept of a cut (derived data) is gone or damaged: the deps have to be cut again."""

    code = "CF014"


class OutEdited(CkptflowError):
    """An out in the workspace was changed by hand; a run would lose the change."""

    code = "CF007"


class CodeError(CkptflowError):
    """A stage's function cannot be read: no such module or function, or a syntax error. `place` where there is one."""

    code = "CF008"

    def __init__(self, message: str, *, place: Place | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.place = place

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class StoreError(CkptflowError):
    """The store cannot be used: missing, read-only, full, wrong marker, transport error."""

    code = "CF010"


class StoreDamaged(StoreError):
    """Something in the store is not what its name or checksum says; `objects` are those that a remote held so."""

    code = "CF011"

    def __init__(self, message: str, *, hint: str | None = None, objects: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.objects = objects


class RootUnreadable(StoreError):
    """What must be kept cannot be told: a lock file, a tree or the document of a run is there and cannot be read."""

    code = "CF018"


class KeyUnusable(CkptflowError):
    """The project's key cannot be used: too short, unreadable, or in a file that git tracks. Never shows the key."""

    code = "CF016"


class Locked(CkptflowError):
    """A living run holds a lock that is needed."""

    code = "CF020"

    def __init__(self, what: str, holder: str) -> None:
        super().__init__(f"{what} is locked by {holder}", hint="wait for it to end, or stop it")
        self.what = what
        self.holder = holder


class CheckpointError(CkptflowError):
    """What the library of checkpoints was asked for cannot be: nothing to go on from, lost, not trusted."""

    code = "CF040"


class StageError(CkptflowError):
    """A stage function or command failed in one chunk. `traceback` holds the user's frames only."""

    code = "CF030"

    def __init__(self, message: str, *, traceback: str = "", output: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.traceback = traceback
        self.output = output


class ResultError(StageError):
    """A stage function returned something that its outs cannot hold."""

    code = "CF031"


class CommandFailed(StageError):
    """A stage's command ended with a status other than 0, or by a signal."""

    code = "CF032"


class CodeChanged(CkptflowError):
    """A module of the project is not what it was when the run was planned."""

    code = "CF033"


class GitError(CkptflowError):
    """Git cannot tell: it is not installed, there is no repository, or it failed."""

    code = "CF300"


class VersionNotFound(CkptflowError):
    """A name is no revision of git and no run."""

    code = "CF301"

    def __init__(self, name: str, *, hint: str | None = None) -> None:
        super().__init__(f"there is no revision or run `{name}`", hint=hint)
        self.name = name


class ValuesMissing(CkptflowError):
    """A file of metrics, params or plots is not to be had in a version."""

    code = "CF302"


class ValuesMalformed(CkptflowError):
    """A file of metrics, params or plots holds nothing that can be read as such."""

    code = "CF303"


class FieldMissing(CkptflowError):
    """A plot asks for a field that its data do not have."""

    code = "CF304"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one attempt at a chunk ended badly, as plain data that travels from a worker.

    `kind` is one of `exception` (the user's code raised), `memory` (it raised MemoryError), `result` (wrong type
    returned), `exit` (a command's status), `timeout`, `killed` (the worker died), `dep` (a dep could not be read),
    `dep-changed` (a dep, or a module of the project, changed under the run), `damaged` (an object in the store that a
    dep is made of is missing or not what its name says, or what was kept of a cut is: plan again), `store` (the store
    could not be used: disk full, read-only). `traceback` has no engine frames. `lost` names objects that a remote
    should hold and does not. `error` names the class of an exception.
    """

    kind: str
    message: str
    traceback: str = ""
    output: str = ""
    log: str = ""
    hint: str | None = None
    notes: tuple[str, ...] = field(default=())
    lost: tuple[str, ...] = field(default=())
    error: str = ""
