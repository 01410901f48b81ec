"""Edge. A store in the memory of this process: the same semantics as any other, for tests and for trying things."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from . import layout
from .oserrors import store_error
from .protocol import Entry, NotThere


class MemoryStore:
    """A `Store` whose names and bytes are gone with the object. Times count calls, so tests are the same every time."""

    __slots__ = ("_files", "_ticks")

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, int]] = {}
        self._ticks = 0

    @property
    def url(self) -> str:
        """`memory:`, which is nowhere."""
        return "memory:"

    def get(self, name: str) -> bytes:
        """Return all bytes. Raises `NotThere`."""
        found = self._files.get(layout.check_name(name))
        if found is None:
            raise NotThere(f"no {name} in the store {self.url}")
        return found[0]

    def put(self, name: str, data: bytes) -> None:
        """Store `data` under `name`, replacing what was there."""
        self._ticks += 1
        self._files[layout.check_name(name)] = (bytes(data), self._ticks)

    def create(self, name: str, data: bytes) -> bool:
        """Like `put`, unless the name exists: then change nothing and return False."""
        if layout.check_name(name) in self._files:
            return False
        self.put(name, data)
        return True

    def append(self, name: str, data: bytes) -> None:
        """Add `data` at the end of `name`, made if missing."""
        before = self._files.get(layout.check_name(name), (b"", 0))[0]
        self.put(name, before + data)

    def stat(self, name: str) -> Entry | None:
        """Return what is known of `name`, None if it is not there."""
        found = self._files.get(layout.check_name(name))
        return None if found is None else Entry(name, len(found[0]), found[1])

    def list(self, prefix: str) -> Iterator[Entry]:
        """Yield all names that start with `prefix`, sorted."""
        layout.check_prefix(prefix)
        for name in sorted(self._files):
            if name.startswith(prefix) and not name.startswith(layout.TEMPORARY) and name in self._files:
                data, written = self._files[name]
                yield Entry(name, len(data), written)

    def delete(self, name: str) -> None:
        """Remove `name`; no error if it is not there."""
        self._files.pop(layout.check_name(name), None)

    def sync(self, names: Iterable[str] = ()) -> None:
        """Do nothing: nothing here survives a loss of power."""

    def local(self, name: str) -> Path | None:
        """Return None: there are no files."""
        layout.check_name(name)
        return None

    def place(self, name: str) -> str | None:
        """Return None: there are no files."""
        layout.check_name(name)
        return None

    def adopt(self, path: Path, name: str) -> None:
        """Take the bytes of `path` under `name` and remove the file."""
        layout.check_name(name)
        try:
            data = path.read_bytes()
            self.put(name, data)
            path.unlink()
        except OSError as error:
            raise store_error(error, f"write {name}", self.url) from error

    def link(self, fd: int, name: str) -> bool:
        """Return False: there are no files."""
        layout.check_name(name)
        return False
