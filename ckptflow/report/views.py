"""Edge. What renderers want to know of a project, as they see it.

`report` and `engine` stand on one rung of the ladder and do not know each other: the engine's values fit these
protocols by their shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ..errors import CkptflowError
from ..spec.model import Value


class GraphView(Protocol):
    """Stages in topological order, edges from a stage to one that reads its outs, chunks a stage where known."""

    @property
    def nodes(self) -> Sequence[str]: ...
    @property
    def edges(self) -> Sequence[tuple[str, str]]: ...
    @property
    def chunks(self) -> Mapping[str, int]: ...


class OutView(Protocol):
    """One out: `schema` has a name and a type a column; `preview` the first rows, a list of values each."""

    @property
    def path(self) -> str: ...
    @property
    def stage(self) -> str | None: ...
    @property
    def format(self) -> str: ...
    @property
    def schema(self) -> Sequence[tuple[str, str]]: ...
    @property
    def rows(self) -> int | None: ...
    @property
    def bytes(self) -> int: ...
    @property
    def chunks(self) -> int: ...
    @property
    def preview(self) -> Sequence[Sequence[object]]: ...


class FileChange(Protocol):
    """A file of an import: `action` is `create`, `keep`, `add` or `replace`; `origin` what it is made from."""

    @property
    def path(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def origin(self) -> str | None: ...


class Standing(Protocol):
    """A stage after an import: `taken`, `fresh`, `frozen`, `stale` or `unknown`, and why."""

    @property
    def stage(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def reasons(self) -> Sequence[str]: ...


class RunSummary(Protocol):
    """One run of the past. `started` is ISO 8601 in UTC, `outcome` one word, the counts are of chunks."""

    @property
    def run(self) -> str: ...
    @property
    def started(self) -> str: ...
    @property
    def seconds(self) -> float: ...
    @property
    def outcome(self) -> str: ...
    @property
    def ran(self) -> int: ...
    @property
    def reused(self) -> int: ...
    @property
    def failed(self) -> int: ...


class VersionValues(Protocol):
    """The values of one version by file, and the errors of files that could not be read; `error` is the version's."""

    @property
    def version(self) -> str: ...
    @property
    def files(self) -> Mapping[str, Value]: ...
    @property
    def errors(self) -> Mapping[str, CkptflowError]: ...
    @property
    def error(self) -> CkptflowError | None: ...


class Finding(Protocol):
    """Something in the store that is not as it should be: a kind of thing, its name, what is wrong, what helps."""

    @property
    def what(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def problem(self) -> str: ...
    @property
    def remedy(self) -> str: ...


class Group(Protocol):
    """Garbage of one kind: what it is, how many things and bytes, why it may go."""

    @property
    def what(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def why(self) -> str: ...


class Cleaned(Protocol):
    """What goes from one store, or would go, and what stays; `waiting` says why it is still there.

    `condemned` are bytes that go in a later call, `reason` says when.
    """

    @property
    def where(self) -> str: ...
    @property
    def groups(self) -> Sequence[Group]: ...
    @property
    def kept_objects(self) -> int: ...
    @property
    def kept_bytes(self) -> int: ...
    @property
    def counted(self) -> str: ...
    @property
    def notes(self) -> Sequence[str]: ...
    @property
    def done(self) -> bool: ...
    @property
    def waiting(self) -> str | None: ...


class Check(Protocol):
    """One thing `doctor` looked at; `hint` says what to do where it is not well."""

    @property
    def name(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def detail(self) -> str: ...
    @property
    def hint(self) -> str | None: ...


class FileEdit(Protocol):
    """What an edit does to one file: the text before (None: there was no such file) and after."""

    @property
    def file(self) -> str: ...
    @property
    def before(self) -> str | None: ...
    @property
    def after(self) -> str: ...


class Edited(Protocol):
    """What came of an edit of pipeline files, or would; what else there is to say about it."""

    @property
    def edits(self) -> Sequence[FileEdit]: ...
    @property
    def notes(self) -> Sequence[str]: ...


class StageText(Protocol):
    """How a stage is written: its file and name there, the number of its first line, its lines with its comments."""

    @property
    def file(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def lines(self) -> Sequence[str]: ...


class Tally(Protocol):
    """How far a transfer is: what is being done, objects and bytes that are done with, and those expected."""

    @property
    def doing(self) -> str: ...
    @property
    def objects(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def done_objects(self) -> int: ...
    @property
    def done_bytes(self) -> int: ...


class Lack(Protocol):
    """An out that could not be moved or placed: of which stage, why, what helps."""

    @property
    def stage(self) -> str: ...
    @property
    def out(self) -> str: ...
    @property
    def problem(self) -> str: ...
    @property
    def hint(self) -> str: ...


class RemoteView(Protocol):
    """A remote: its address and options as they may be shown; whether it is trusted, and taken where none is named."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def options(self) -> Mapping[str, object]: ...
    @property
    def trust(self) -> bool: ...
    @property
    def default(self) -> bool: ...


class Promise(Protocol):
    """What a remote promises: `state` is `good`, `weak` or `bad`; what was seen, and what follows."""

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def seen(self) -> str: ...
    @property
    def follows(self) -> str | None: ...


class ProbedRemote(Protocol):
    """What came of an examination: `usable` is `yes`, `pull` or `no`; `latency` in seconds."""

    @property
    def usable(self) -> str: ...
    @property
    def findings(self) -> Sequence[Promise]: ...
    @property
    def latency(self) -> float | None: ...


class CheckedRemote(Protocol):
    """A remote that was examined."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def probed(self) -> ProbedRemote: ...
