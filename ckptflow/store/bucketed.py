"""Edge. A bucket seen as a store: what is written in terms of `Store` works on object storage too.

There is no appending there, and nothing to sync: what a request has stored survives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import StoreError
from . import layout
from .bucket import Bucket
from .oserrors import store_error
from .protocol import Entry


class BucketStore:
    """A `Store` on `bucket`. May be used from several threads, as buckets are."""

    __slots__ = ("bucket",)

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    @property
    def url(self) -> str:
        """Where this is, without credentials."""
        return self.bucket.url

    def get(self, name: str) -> bytes:
        """Return all bytes. Raises `NotThere`."""
        return self.bucket.get(name)

    def put(self, name: str, data: bytes) -> None:
        """Store `data` under `name`, replacing what was there."""
        self.bucket.put(name, data)

    def create(self, name: str, data: bytes) -> bool:
        """Like `put`, unless the name exists: then change nothing and return False."""
        return self.bucket.create(name, data)

    def append(self, name: str, data: bytes) -> None:
        """Refuse: object storage cannot append."""
        layout.check_name(name)
        raise StoreError(f"cannot append to {name}: {self.url} is object storage")

    def stat(self, name: str) -> Entry | None:
        """Return what is known of `name`, None if it is not there."""
        return self.bucket.stat(name)

    def list(self, prefix: str) -> Iterator[Entry]:
        """Yield all names that start with `prefix`, sorted. Temporary names are not among them."""
        return (entry for entry in self.bucket.list(prefix) if not entry.name.startswith(layout.TEMPORARY))

    def delete(self, name: str) -> None:
        """Remove `name`; no error if it is not there."""
        self.bucket.delete([name])

    def sync(self, names: Iterable[str] = ()) -> None:
        """Do nothing: what was answered for is safe."""

    def local(self, name: str) -> Path | None:
        """Return None: there are no files."""
        layout.check_name(name)
        return None

    def place(self, name: str) -> str | None:
        """Return None: there are no files."""
        layout.check_name(name)
        return None

    def adopt(self, path: Path, name: str) -> None:
        """Upload the finished local file `path` as `name` and remove it."""
        self.bucket.upload(layout.check_name(name), path)
        try:
            path.unlink()
        except OSError as error:
            raise store_error(error, f"remove {path}", self.url) from error

    def link(self, fd: int, name: str) -> bool:
        """Return False: there are no files."""
        layout.check_name(name)
        return False
