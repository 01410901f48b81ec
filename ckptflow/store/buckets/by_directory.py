"""Edge. A local directory, also on a network mount, used as a bucket.

Rules: the directory is there or every call is an error: a disk that is not mounted is no empty remote. What a call
has written survives a loss of power when it returns. `replace` compares and writes under a lock that every change of
such a name takes, on every machine that the file system carries locks to; objects and packs, which are named by their
bytes, need none.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import StoreError
from ...ids import digest
from .. import layout
from ..bucket import Unavailable
from ..local import LocalStore
from ..oserrors import store_error
from ..protocol import Entry, NotThere
from ..syncing import sync_file
from .ranges import BLOCK, check_start, download, too_short, write_all

_PASSING = frozenset({errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH})
"""What a network file system answers while its server is away."""

_LOCK = layout.lock_name("bucket")
_NAMED_BY_BYTES = (layout.OBJECTS, layout.PACKS)


class DirectoryBucket:
    """A `Bucket` in the directory `path`, which must exist. May be used from several threads, processes, machines."""

    def __init__(self, path: Path | str) -> None:
        self._root = os.path.abspath(path)  # noqa: PTH100 - a trailing `..` is meant textually, as in LocalStore

    @property
    def url(self) -> str:
        """The directory's absolute path."""
        return self._root

    def get(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """Return all bytes, or `size` of them from offset `start` on. Raises `NotThere`, `StoreError`."""
        with self._store() as store:
            self._check_file(store, name)
            if not start and size is None:
                return store.get(name)
            with self._reading(name), open(f"{self._root}/{name}", "rb", buffering=0) as file:
                check_start(start, os.fstat(file.fileno()).st_size, f"{name} in {self._root}")
                file.seek(start)
                data = file.read(-1 if size is None else size)
        if size is not None and len(data) != size:
            raise too_short(f"{name} in {self._root}", start, size)
        return data

    def download(self, name: str, path: Path) -> int:
        """Write all bytes to the new local file `path`; return how many. Raises `NotThere`."""
        entry = self.stat(name)
        if entry is None or entry.bytes <= BLOCK:
            return write_all(path, [self.get(name)])
        return download(lambda start, size: self.get(name, start, size), entry.bytes, path)

    def put(self, name: str, data: bytes) -> None:
        """Store `data` under `name`, replacing what was there."""
        with self._store() as store, self._guarded(store, name):
            store.put(name, data)
        self._sync(name)

    def upload(self, name: str, path: Path) -> None:
        """Store a copy of a local file under `name`: written beside and renamed."""
        with self._store() as store:
            copy = store.local(layout.temporary_name(f"{os.getpid()}-{os.urandom(8).hex()}"))
            assert copy is not None
            try:
                copy.parent.mkdir(exist_ok=True)
                shutil.copyfile(path, copy)
                with self._guarded(store, name):
                    store.adopt(copy, name)
            except OSError as error:
                raise store_error(error, f"upload {name}", self._root) from error
            finally:
                copy.unlink(missing_ok=True)
        self._sync(name)

    def create(self, name: str, data: bytes) -> bool:
        """Like `put`, unless the name exists: then change nothing and return False."""
        with self._store() as store, self._guarded(store, name):
            made = store.create(name, data)
        if made:
            self._sync(name)
        return made

    def replace(self, name: str, data: bytes, version: str) -> bool:
        """Like `put`, if what is there still has this `version`; else change nothing and return False."""
        with self._store() as store, self._guarded(store, name):
            if store.stat(name) is None or digest(store.get(name)) != version:
                return False
            store.put(name, data)
        self._sync(name)
        return True

    def read(self, name: str) -> tuple[bytes, str]:
        """Return all bytes and their digest. Raises `NotThere`."""
        data = self.get(name)
        return data, digest(data)

    def stat(self, name: str) -> Entry | None:
        """Return what is known of `name`, None if it is not there."""
        with self._store() as store:
            try:
                self._check_file(store, name)
            except NotThere:
                return None
            return store.stat(name)

    def list(self, prefix: str, after: str = "") -> Iterator[Entry]:
        """Yield all names that start with `prefix` and sort behind `after`, sorted."""
        with self._store() as store:
            for entry in store.list(prefix):
                if entry.name > after and not entry.name.startswith(layout.LOCKS):
                    yield entry

    def delete(self, names: Iterable[str]) -> None:
        """Remove names; no error for those that are not there."""
        with self._store() as store:
            for name in names:
                with self._guarded(store, name):
                    store.delete(name)

    def close(self) -> None:
        """Nothing to let go of."""

    @contextmanager
    def _store(self) -> Iterator[LocalStore]:
        """Yield a store of this call alone (an instance belongs to one thread); sort out errors of the file system."""
        try:
            if not os.path.isdir(self._root):  # noqa: PTH112
                raise StoreError(
                    f"there is no directory {self._root}", hint="is its disk mounted? make the directory if it is new"
                )
            yield LocalStore(self._root)
        except StoreError as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and cause.errno in _PASSING:
                raise Unavailable(error.message, hint=error.hint) from cause
            raise

    def _check_file(self, store: LocalStore, name: str) -> None:
        """Raise `NotThere` for a name that is not there, or that is a directory: what others have as a mere prefix."""
        path = store.local(name)
        assert path is not None
        if path.is_dir() or store.stat(name) is None:
            raise NotThere(f"no {name} in {self._root}")

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise store_error(error, f"read {name}", self._root) from error

    @contextmanager
    def _guarded(self, store: LocalStore, name: str) -> Iterator[None]:
        """Let nobody else change names that `replace` may be used on."""
        if name.startswith(_NAMED_BY_BYTES):
            yield
            return
        path = store.local(_LOCK)
        assert path is not None
        try:
            path.parent.mkdir(exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            raise store_error(error, f"lock {name}", self._root) from error
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS):
                    raise store_error(error, f"lock {name}", self._root) from error
            yield
        finally:
            os.close(fd)

    def _sync(self, name: str) -> None:
        try:
            sync_file(f"{self._root}/{name}")
            sync_file(f"{self._root}/{name.rpartition('/')[0]}")
        except OSError as error:
            raise store_error(error, f"sync {name}", self._root) from error
