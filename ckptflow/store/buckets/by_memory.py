"""Edge. A bucket in the memory of this process: the semantics of object storage, for tests and for trying things.

Its server's clock is `now_ns` and can be set, so that what depends on age (grace times) is tested without waiting.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .. import layout
from ..oserrors import store_error
from ..protocol import Entry, NotThere
from .ranges import part_of, write_all


class MemoryBucket:
    """A `Bucket` whose names and bytes are gone with the process. May be used from several threads.

    `now_ns` tells the server's time in nanoseconds since 1970; assign another function to turn the clock.
    """

    def __init__(self, url: str = "memory:", now_ns: Callable[[], int] = time.time_ns) -> None:
        self.url = url
        self.now_ns = now_ns
        self._files: dict[str, tuple[bytes, int, str]] = {}  # bytes, when written, version
        self._lock = threading.Lock()
        self._writes = 0

    def get(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """Return all bytes, or `size` of them from offset `start` on. Raises `NotThere`, `StoreError`."""
        return part_of(self.read(name)[0], start, size, f"{name} in {self.url}")

    def download(self, name: str, path: Path) -> int:
        """Write all bytes to the new local file `path`; return how many. Raises `NotThere`."""
        return write_all(path, [self.read(name)[0]])

    def put(self, name: str, data: bytes) -> None:
        """Store `data` under `name`, replacing what was there."""
        layout.check_name(name)
        with self._lock:
            self._write(name, data)

    def upload(self, name: str, path: Path) -> None:
        """Store a local file under `name`."""
        try:
            data = path.read_bytes()
        except OSError as error:
            raise store_error(error, f"upload {path}", self.url) from error
        self.put(name, data)

    def create(self, name: str, data: bytes) -> bool:
        """Like `put`, unless the name exists: then change nothing and return False."""
        layout.check_name(name)
        with self._lock:
            if name in self._files:
                return False
            self._write(name, data)
            return True

    def replace(self, name: str, data: bytes, version: str) -> bool:
        """Like `put`, if what is there still has this `version`; else change nothing and return False."""
        layout.check_name(name)
        with self._lock:
            if name not in self._files or self._files[name][2] != version:
                return False
            self._write(name, data)
            return True

    def read(self, name: str) -> tuple[bytes, str]:
        """Return all bytes and their version. Raises `NotThere`."""
        found = self._files.get(layout.check_name(name))
        if found is None:
            raise NotThere(f"no {name} in {self.url}")
        return found[0], found[2]

    def stat(self, name: str) -> Entry | None:
        """Return what is known of `name`, None if it is not there."""
        found = self._files.get(layout.check_name(name))
        return None if found is None else Entry(name, len(found[0]), found[1])

    def list(self, prefix: str, after: str = "") -> Iterator[Entry]:
        """Yield all names that start with `prefix` and sort behind `after`, sorted, as they are when this is called."""
        layout.check_prefix(prefix)
        with self._lock:
            files = dict(self._files)
        names = sorted(name for name in files if name.startswith(prefix) and name > after)
        return iter([Entry(name, len(files[name][0]), files[name][1]) for name in names])

    def delete(self, names: Iterable[str]) -> None:
        """Remove names; no error for those that are not there."""
        checked = [layout.check_name(name) for name in names]
        with self._lock:
            for name in checked:
                self._files.pop(name, None)

    def close(self) -> None:
        """Nothing to let go of."""

    def _write(self, name: str, data: bytes) -> None:
        self._writes += 1
        self._files[name] = (bytes(data), self.now_ns(), str(self._writes))
