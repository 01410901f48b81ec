"""Edge. What object storage can do: the few requests that everything remote is made of.

Names are those of `layout`, relative to the bucket's prefix. A name holds the whole of what was put there or does not
exist; there is no appending. Calls may come from several threads at once. Every error is a `StoreError`: `NotThere` is
the only answer that means a miss (never after a transport error, never for a bucket that does not exist), `Unavailable`
one that may go away by itself, a plain `StoreError` one that will not (credentials, permissions, no such bucket).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from ..errors import StoreError
from .protocol import Entry


class Unavailable(StoreError):
    """The remote did not answer, or not in full: a timeout, a reset, a 5xx, too many requests. Worth another try.

    What a change that ended so has done is unknown until it is looked at.
    """

    code = "CF015"


class Bucket(Protocol):
    """A place on object storage, or a directory used like one."""

    @property
    def url(self) -> str:
        """Where this is, without credentials."""
        ...

    def get(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """Return all bytes, or `size` of them from offset `start` on; never fewer than asked for. Raises `NotThere`."""
        ...

    def download(self, name: str, path: Path) -> int:
        """Write all bytes to the new local file `path`, in bounded memory; return how many. Raises `NotThere`.

        After an error there is no such file.
        """
        ...

    def put(self, name: str, data: bytes) -> None:
        """Store `data` under `name` in one request, replacing what was there."""
        ...

    def upload(self, name: str, path: Path) -> None:
        """Store a local file under `name`, large ones in parts and in bounded memory; what an upload that failed left
        behind on the server is removed.
        """
        ...

    def create(self, name: str, data: bytes) -> bool:
        """Like `put`, unless the name exists: then change nothing and return False.

        `data` should hold something that only this writer knows (a write id): where the outcome is unknown, what is
        there is read back and compared. A remote that ignores conditions overwrites; `remote check` finds that out.
        """
        ...

    def replace(self, name: str, data: bytes, version: str) -> bool:
        """Like `put`, if what is there still has this `version` (from `read`); else change nothing, return False."""
        ...

    def read(self, name: str) -> tuple[bytes, str]:
        """Return all bytes and their version, a text that changes with them. Raises `NotThere`."""
        ...

    def stat(self, name: str) -> Entry | None:
        """Return what is known of `name`, None if it is not there."""
        ...

    def list(self, prefix: str, after: str = "") -> Iterator[Entry]:
        """Yield all names that start with `prefix` and sort behind `after`, sorted; never from a cache."""
        ...

    def delete(self, names: Iterable[str]) -> None:
        """Remove names, in as few requests as the server allows; no error for those that are not there."""
        ...

    def close(self) -> None:
        """Let go of connections. Nothing is called after it."""
        ...
