"""Edge. What travels between the engine and its workers: plain data, pickled, no behaviour.

Work goes out as a `Batch` of tasks for one worker, in order; reports come back one a task, as soon as each is done, so
that what is finished is kept although the rest of the batch is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from ..chunk.headway import Headway, Items
from ..chunk.model import Part, Piece
from ..chunk.sheet import Sheet
from ..dataclass import dataclass, field
from ..errors import Failure
from ..formats.forms import Form
from ..ids import ChunkKey, Digest, StageName

if TYPE_CHECKING:
    from ..spec.model import ChunkSpec, Value

STREAMED = "stream"
"""The identity of an out that is still being made: its parts are known, the whole is not."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a dep's data lies: the tree of an out in the store, or a path of the workspace (file, directory, glob).

    `identity` is the digest of the content, the name under which a worker may keep what it has read. `stamp` is that of
    the files of the workspace when they were hashed (`workspace.observed.stamp_of`): a worker that finds another reads
    other content, and ends its task with `dep-changed`. Empty: not to be checked.
    """

    path: str
    format: str
    identity: str
    tree: Digest | None = None
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Input:
    """One dep of one chunk. `piece` is None for a dep given whole. `name` is the argument, None for a `cmd` stage."""

    label: str
    source: Source
    form: Form = Form.NATURAL
    name: str | None = None
    piece: Piece | None = None
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """One out of one chunk. `path` is its place in the workspace, which only an unchunked `cmd` stage writes to.

    `share`: what stands there afterwards is a hard link to the object, so the file may become the object itself.
    """

    label: str
    path: str
    format: str
    name: str | None = None
    persist: bool = False
    share: bool = False


@dataclass(frozen=True, slots=True)
class Each:
    """How the items of a chunk are taken one by one: `label` is the dep that they are in. Retries are an item's.

    `quarantine`: an item that fails is set aside, and the rest is done.
    """

    label: str
    retries: int = 0
    backoff: float = 1.0
    quarantine: bool = False


@dataclass(frozen=True, slots=True)
class Fallen:
    """An item at which workers died: its number in the chunk, how many of its attempts are used up, and why."""

    number: int
    attempts: int
    failure: Failure


@dataclass(frozen=True, slots=True)
class Task:
    """One chunk to be processed, complete in itself.

    `kwargs` are args and params by argument name. `log` is the path that takes the standard output and error of this
    chunk. `index` is None in a stage that is not chunked. `state` holds the state that the chunk
    gets, where its stage carries one. With `merge`, the inputs are the outs of so many results, one result after the
    other, and `call` merges two of them. With `each` the function is called for one item after the other. With `halve`,
    where the function fails, the items that make it fail are found by halving and set aside. What is finished is kept
    every `keep_seconds` and `keep_items`; `headway` is what an earlier attempt kept.

    Where workers died at it, `fallen` are the items (with `each`), and `tried` is what came of the trials so far (with
    `halve`): None, or why it failed. `fresh`: a worker that has done nothing yet is to do it. `timeout`, in seconds,
    is that of one call of the function: of an item, of a trial, or of the whole.
    """

    id: int
    stage: StageName
    key: ChunkKey
    index: int | None
    chunks: int
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    log: str
    call: str | None = None
    cmd: tuple[str, ...] = ()
    wdir: str = "."
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    attempt: int = 1
    state: tuple[Value, ...] | None = None
    merge: int = 0
    each: Each | None = None
    halve: bool = False
    keep_seconds: float = 300.0
    keep_items: int = 1000
    headway: Headway | None = None
    fallen: tuple[Fallen, ...] = ()
    tried: tuple[Failure | None, ...] = ()
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class CutTask:
    """Deps to be cut into pieces. `spec` None asks for one piece that is the whole dep, identified by its values."""

    id: int
    stage: StageName
    inputs: tuple[Input, ...]
    spec: ChunkSpec | None
    log: str


@dataclass(frozen=True, slots=True)
class Started:
    """A worker has begun this task."""

    task: int
    worker: int


@dataclass(frozen=True, slots=True)
class Done:
    """The chunk is processed; its objects are in the store, written whole, not yet synced."""

    task: int
    outs: Mapping[str, Part]
    seconds: float
    rows_in: int | None = None
    state: tuple[Value, ...] | None = None
    brought: tuple[int, int] = (0, 0)  # objects and bytes that came from a remote for it
    items: Items | None = None
    quarantine: Part | None = None
    last: str | int | None = None  # the last item, for people


@dataclass(frozen=True, slots=True)
class Kept:
    """The chunk is not finished, and this much of it is in the store. `last` is the last item of it, for people."""

    task: int
    headway: Headway
    last: str | int | None = None


@dataclass(frozen=True, slots=True)
class CutDone:
    """The deps are cut."""

    task: int
    sheet: Sheet
    seconds: float
    brought: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial of a chunk that is halved came to its end."""

    task: int
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class InHand:
    """The call at which a worker died, or ran out of memory: the number of the item or of the trial, and its attempt.

    `to_blame`: nothing else can be: the call itself took too long or crashed, or a fresh worker began with it.
    """

    number: int
    attempt: int
    to_blame: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """The task ended badly; nothing of it is recorded. `at`: see there."""

    task: int
    failure: Failure
    seconds: float
    at: InHand | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the function says it is inside a chunk; `failed` of the items that are `done` were set aside."""

    task: int
    done: int
    total: int | None
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Returned:
    """These tasks were handed out and came to nothing through no fault of theirs. They cost no attempt."""

    tasks: tuple[int, ...]


Report: TypeAlias = Started | Done | Kept | Tried | CutDone | Failed | Progress | Returned


@dataclass(frozen=True, slots=True)
class RemoteSetup:
    """A remote from which a worker brings objects that the local store lacks. `options` may hold credentials.

    `folder` is that of the mirror, `cache` the file of derived data; `timeout` in seconds.
    """

    name: str
    url: str
    options: Mapping[str, Any] = field(repr=False)
    timeout: float
    folder: str
    cache: str


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What every worker of a run is told once. Paths are absolute; `store` and `spills` are local directories.

    `env` is added to the environment of all workers. `cache_bytes` bounds what a worker keeps of deps that it has read.
    `sources` maps files of the project (relative, POSIX) to the digest of the bytes from which the code part of the
    recipes was made: a worker that imports other bytes fails its task with `dep-changed` and runs nothing of them.
    """

    root: str
    store: str
    spills: str
    env: Mapping[str, str] = field(default_factory=dict)
    cache_bytes: int = 256 << 20
    sources: Mapping[str, Digest] = field(default_factory=dict)
    remote: RemoteSetup | None = None
