"""Edge. Where checkpoints are: a local folder, or any URL that a bucket can be opened on.

A local folder is used directly, with all that files can do (appending, links, kernel locks); everything else is object
storage. A store on disk belongs to one thread: whoever needs one asks for it (`store`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ...errors import StoreError
from ...store.bucket import Bucket
from ...store.bucketed import BucketStore
from ...store.buckets.opening import open_bucket
from ...store.buckets.urls import parse_url
from ...store.local import LocalStore
from ...store.oserrors import store_error
from ...store.protocol import Store
from ...store.syncing import sync_file
from ..records import Durability

TIMEOUT = 60.0
"""Seconds to wait for an answer of object storage, and how long failed requests are repeated."""


class Place:
    """One base. `folder` is None on object storage, `bucket` on local disk. Opening it touches nothing."""

    def __init__(self, base: str | os.PathLike[str], options: Mapping[str, Any], durability: Durability) -> None:
        self.durability = durability
        self.folder: Path | None = None
        self.bucket: Bucket | None = None
        text = os.fspath(base)
        url = parse_url(text)
        if url is None or url.scheme in ("file", "local"):
            path = Path(text).expanduser() if url is None else Path("/") / unquote(url.path)
            self.folder = path.absolute()
        else:
            self.bucket = open_bucket(text, options, root=Path(), timeout=TIMEOUT)

    @property
    def url(self) -> str:
        """Where this is, without credentials."""
        return str(self.folder) if self.bucket is None else self.bucket.url

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine."""
        return self.bucket is None

    def store(self, *, create: bool = False) -> Store | None:
        """Return a store for one thread; None where there is no such folder and it is not to be made."""
        if self.bucket is not None:
            return BucketStore(self.bucket)
        assert self.folder is not None
        if not create and not self.folder.is_dir():
            return None
        return LocalStore(self.folder, create=create)

    def sync(self, store: Store, names: Iterable[str], *, folders: bool = True) -> None:
        """Make files, and with `folders` their names, survive a loss of power; nothing on object storage or `off`."""
        if self.durability is Durability.OFF or self.bucket is not None:
            return
        parents: dict[Path, None] = {}
        try:
            for name in names:
                path = store.local(name)
                if path is not None:
                    sync_file(str(path))
                    parents[path.parent] = None
            for folder in parents if folders else ():
                sync_file(str(folder))
        except OSError as error:
            raise store_error(error, "sync", self.url) from error

    def needed(self) -> Store:
        """Return a store for one thread, whose folder must be there. Raises `StoreError`."""
        store = self.store()
        if store is None:
            raise StoreError(f"there are no checkpoints at {self.url}", hint="is the path right, the disk mounted?")
        return store
