"""Edge. What a store is: names and bytes. It has never heard of a stage, a record or a digest.

Names are relative POSIX paths of safe characters, made in `layout` and nowhere else. A name either holds the whole of
what was put there or does not exist: a driver writes to a temporary name beside the target and moves it, or uses one
request. Every error is a `StoreError`; only a positive "not there" is `None` or `NotThere`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from ..dataclass import dataclass
from ..errors import StoreError


class NotThere(StoreError):
    """The store was reached and has nothing under this name."""

    code = "CF012"


@dataclass(frozen=True, slots=True)
class Entry:
    """One name with its size in bytes and the time it was written (nanoseconds since 1970, by the server's clock)."""

    name: str
    bytes: int
    written_ns: int


class Store(Protocol):
    """The smallest interface that everything above needs. All methods raise `StoreError`."""

    @property
    def url(self) -> str:
        """Where this is, without credentials."""
        ...

    def get(self, name: str) -> bytes:
        """Return all bytes. Raises `NotThere`."""
        ...

    def put(self, name: str, data: bytes) -> None:
        """Store `data` under `name` in one step, replacing what was there."""
        ...

    def create(self, name: str, data: bytes) -> bool:
        """Like `put`, unless the name exists: then change nothing and return False."""
        ...

    def append(self, name: str, data: bytes) -> None:
        """Add `data` at the end of `name` (made if missing) in one write. Local stores only."""
        ...

    def stat(self, name: str) -> Entry | None:
        """Return what is known of `name`, None if it is not there."""
        ...

    def list(self, prefix: str) -> Iterator[Entry]:
        """Yield all names that start with `prefix`, sorted. Temporary names are not among them."""
        ...

    def delete(self, name: str) -> None:
        """Remove `name`; no error if it is not there."""
        ...

    def sync(self, names: Iterable[str] = ()) -> None:
        """Make all that was written so far survive a loss of power. Object storage: nothing to do.

        `names` are what other processes wrote; a driver that cannot sync a whole file system syncs these too.
        """
        ...

    def local(self, name: str) -> Path | None:
        """Return the path of the plain file that holds, or would hold, `name`; None if the store has no plain files."""
        ...

    def place(self, name: str) -> str | None:
        """Return what `local` does as text, for what is done once a chunk: a `Path` costs more than most calls."""
        ...

    def adopt(self, path: Path, name: str) -> None:
        """Move the finished local file `path` to `name`, in one step where both are on one file system."""
        ...

    def link(self, fd: int, name: str) -> bool:
        """Let the finished local file that is open as `fd` be `name` as well; False where the name is taken or the file
        cannot have another one there. It is the file that was opened, whatever its path leads to by now.
        """
        ...
