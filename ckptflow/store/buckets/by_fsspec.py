"""Edge. Every other place that fsspec knows: SFTP, HTTP (to read from), WebDAV, and GCS and Azure by their own drivers.

fsspec promises little, so little is relied on. Rules:

- A file appears whole: it is written beside and moved, where moving is one step there; object storage takes it in one.
- Only GCS and Azure create only-if-missing by such a driver, and none replaces only-if-unchanged: elsewhere what is
  there is looked at, written, and read back. In this process such changes take turns; against others they are a guess.
- Directories are read one by one: fsspec's own walks take a directory that cannot be read for an empty one.
- "Not found" counts only while the place itself is there, and never where it hides another error.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from ...errors import StoreError
from ...ids import digest
from .. import layout
from ..bucket import Unavailable
from ..oserrors import store_error
from ..protocol import Entry, NotThere
from .failures import Answer, failure, no_answer, no_bucket
from .patience import Patience
from .ranges import BLOCK, check_start, download, nanoseconds, part_of, too_short, write_all
from .urls import shown

_T = TypeVar("_T")
READ_ONLY = ("http", "https")
_AT_ONE_STROKE = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "azure", "memory", "oss", "oci"})
"""Where a file that is written appears whole."""

_CREATES = frozenset({"gs", "gcs", "az", "abfs", "abfss"})
"""Where the server refuses to create what exists."""

_BATCH = 1000
_DELETIONS_AT_ONCE = 16
_ALWAYS_THERE = ("memory",)
_changes: dict[str, threading.RLock] = {}


class _Exists(StoreError):
    """What was to be created is there."""


class FsspecBucket:
    """A `Bucket` by any driver of fsspec. `timeout` is in seconds without an answer, where the driver has one.

    `make` gives a new connection and the path of the remote on it. May be used from several threads; those of drivers
    that are not made for that take turns.
    """

    def __init__(self, make: Callable[[], tuple[Any, str]], scheme: str, *, url: str, timeout: float) -> None:
        self.url = shown(url)
        self._make = make
        self._scheme = scheme
        self._patience = Patience(timeout)
        self._connected: tuple[Any, str] | None = None
        self._turn = threading.RLock()
        self._change = _changes.setdefault(self.url, threading.RLock())
        self._seen = scheme in _ALWAYS_THERE  # the place itself is known to be there

    def get(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """Return all bytes, or `size` of them from offset `start` on. Raises `NotThere`, `StoreError`."""
        whole = not start and size is None
        known = None if whole else self._entry(name)
        if known is not None:
            check_start(start, known.bytes, f"{name} at {self.url}")
            size = known.bytes - start if size is None else size
            if start + size > known.bytes:
                raise too_short(f"{name} at {self.url}", start, size)
            if not size:
                return b""
        range_ = {} if size is None else {"start": start, "end": start + size}
        data: bytes = self._ask(f"read {name}", name, "cat_file", self._path(name), **range_)
        if size is not None and len(data) > size:  # a web server that knows no ranges sends everything
            return part_of(data, start, size, f"{name} at {self.url}")
        if size is not None and len(data) != size:
            raise no_answer(f"read {name}", self.url)
        return data

    def download(self, name: str, path: Path) -> int:
        """Write all bytes to the new local file `path`, large ones in parts; return how many. Raises `NotThere`."""
        entry = self._entry(name)
        if entry.bytes <= BLOCK:
            data = self.get(name)
            if len(data) != entry.bytes:
                raise no_answer(f"read {name}", self.url)
            return write_all(path, [data])
        return download(
            lambda start, size: self._patience.again(lambda: self.get(name, start, size)), entry.bytes, path
        )

    def put(self, name: str, data: bytes) -> None:
        """Store `data` under `name` in one step, replacing what was there."""
        self._write(name, lambda path: self._ask(f"write {name}", None, "pipe_file", path, bytes(data)))

    def upload(self, name: str, path: Path) -> None:
        """Store a local file under `name` in one step."""
        layout.check_name(name)
        if not path.is_file():
            raise store_error(FileNotFoundError(2, os.strerror(2)), f"upload {path}", str(path.parent))
        self._write(name, lambda target: self._ask(f"write {name}", None, "put_file", str(path), target, limit=None))

    def create(self, name: str, data: bytes) -> bool:
        """Like `put`, unless the name is seen to exist: then change nothing and return False."""
        path, doing = self._path(name), f"create {name}"
        with self._change:
            if self.stat(name) is not None:
                return False
            if self._scheme in _CREATES:
                with suppress(_Exists):  # a driver that asks again is refused for what it has done: so look anyway
                    self._ask(doing, None, "pipe_file", path, bytes(data), mode="create")
            else:
                self.put(name, data)
            return self.get(name) == data

    def replace(self, name: str, data: bytes, version: str) -> bool:
        """Like `put`, if what is there is seen to have this `version`; else change nothing and return False."""
        with self._change:
            try:
                if self.read(name)[1] != version:
                    return False
            except NotThere:
                return False
            self.put(name, data)
            return self.get(name) == data

    def read(self, name: str) -> tuple[bytes, str]:
        """Return all bytes and their digest. Raises `NotThere`."""
        data = self.get(name)
        return data, digest(data)

    def stat(self, name: str) -> Entry | None:
        """Return what is known of `name`, None if it is not there."""
        try:
            return self._entry(name)
        except NotThere:
            return None

    def list(self, prefix: str, after: str = "") -> Iterator[Entry]:
        """Yield all names that start with `prefix` and sort behind `after`, sorted."""
        layout.check_prefix(prefix)
        folder = prefix.rpartition("/")[0]
        yield from self._walk(f"{folder}/" if folder else "", prefix, after)

    def delete(self, names: Iterable[str]) -> None:
        """Remove names, one request each, several at once; no error for those that are not there."""
        left = (layout.check_name(name) for name in names)
        if not self._connection()[0].async_impl:
            for name in left:
                self._delete(name)
            return
        from concurrent.futures import ThreadPoolExecutor

        while batch := list(islice(left, _BATCH)):
            with ThreadPoolExecutor(min(_DELETIONS_AT_ONCE, len(batch))) as pool:
                for _ in pool.map(self._delete, batch):
                    pass

    def _delete(self, name: str) -> None:
        self._writable(f"delete {name}")
        with suppress(NotThere):
            self._ask(f"delete {name}", name, "rm_file", self._path(name))

    def close(self) -> None:
        """Let go of the connection."""
        self._connected = None

    def _path(self, name: str) -> str:
        layout.check_name(name)
        return f"{self._connection()[1].rstrip('/')}/{name}"

    def _connection(self) -> tuple[Any, str]:
        with self._turn:
            if self._connected is None:
                try:
                    self._connected = self._make()
                except StoreError:
                    raise
                except Exception as error:
                    raise self._error(error, "connect") from None
                if (sftp := getattr(self._connected[0], "ftp", None)) is not None and hasattr(sftp, "get_channel"):
                    sftp.get_channel().settimeout(self._patience.timeout)  # paramiko waits for ever by itself
            return self._connected

    def _ask(
        self, doing: str, missing: str | None, method: str, *args: Any, limit: float | None = 0, **kwargs: Any
    ) -> Any:
        """Call a method of the driver; `missing` is the name that "not found" is about. `limit` 0: the usual time."""
        fs = self._connection()[0]
        try:
            if fs.async_impl:
                work = getattr(fs, f"_{method}")(*args, **kwargs)
                return self._run(fs, work, 4 * self._patience.timeout if limit == 0 else limit)
            with self._turn:
                return getattr(fs, method)(*args, **kwargs)
        except Exception as error:
            failed = self._error(error, doing, missing)
            if isinstance(failed, Unavailable) and not fs.async_impl:
                self._connected = None  # a session that broke does not come back
            raise failed from None

    def _run(self, fs: Any, work: Any, limit: float | None) -> Any:
        """Do `work` on the driver's loop, for so many seconds; an interrupt here ends it there."""

        async def limited() -> Any:
            return await asyncio.wait_for(work, limit)

        future = asyncio.run_coroutine_threadsafe(limited(), fs.loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _entry(self, name: str) -> Entry:
        """Return what is known of a file. Raises `NotThere`."""
        path = self._path(name)
        self._connection()[0].invalidate_cache()
        info = self._ask(f"look at {name}", name, "info", path)
        if info.get("type") != "file":
            raise NotThere(f"no {name} at {self.url}")
        return self._told(name, info)

    def _told(self, name: str, info: Mapping[str, Any]) -> Entry:
        if info.get("size") is None:  # a web server that does not tell: it has to send it
            return Entry(name, len(self.get(name)), _written(info))
        return Entry(name, int(info["size"]), _written(info))

    def _walk(self, lead: str, prefix: str, after: str) -> Iterator[Entry]:
        """Yield the files below the folder `lead`, in the order of their whole names."""
        fs, root = self._connection()
        fs.invalidate_cache()
        folder = f"{root.rstrip('/')}/{lead}".rstrip("/") + ("/" if self._scheme in READ_ONLY else "")
        try:
            found = self._ask(f"list {lead or 'names'}", lead or "names", "ls", folder, detail=True)
        except NotThere:
            return
        self._seen = True
        items = {}
        for info in found:
            name = str(info["name"]).rstrip("/").rpartition("/")[2]
            is_folder = info.get("type") == "directory" or str(info["name"]).endswith("/")
            if str(info["name"]).rstrip("/") != folder.rstrip("/"):
                items[f"{lead}{name}/" if is_folder else f"{lead}{name}"] = info
        for name, info in sorted(items.items()):
            try:
                layout.check_name(name.rstrip("/"))
            except StoreError:
                continue  # unfinished work, and what others put here
            if name.endswith("/"):
                if (name.startswith(prefix) or prefix.startswith(name)) and not after[: len(name)] > name:
                    yield from self._walk(name, prefix, after)
            elif name.startswith(prefix) and name > after:
                entry = self.stat(name) if self._scheme in READ_ONLY else self._told(name, info)
                if entry is not None:
                    yield entry

    def _writable(self, doing: str) -> None:
        if self._scheme in READ_ONLY:
            raise StoreError(f"cannot {doing} at {self.url}: it can only be read", hint="use it for pull and fetch")
        if not self._seen:
            self._look_at_place()

    def _write(self, name: str, send: Callable[[str], Any]) -> None:
        """Have a file sent to where it belongs; through a name beside it where it would be seen growing."""
        path = self._path(name)
        self._writable(f"write {name}")
        fs = self._connection()[0]
        if self._scheme in _AT_ONE_STROKE or not _moves(fs):
            send(path)
            return
        folder = path.rpartition("/")[0]
        beside = f"{folder}/.{os.getpid()}-{os.urandom(8).hex()}.tmp"
        try:
            self._ask(f"make a folder for {name}", None, "makedirs", folder, exist_ok=True)
            send(beside)
            self._move(beside, path, name)
        except BaseException:
            with suppress(StoreError):
                self._ask("tidy up", "", "rm_file", beside)
            raise

    def _move(self, beside: str, path: str, name: str) -> None:
        try:
            self._ask(f"write {name}", None, "mv", beside, path)
        except Unavailable:
            raise
        except StoreError:  # servers that do not move onto what is there
            self._ask(f"replace {name}", "", "rm_file", path)
            self._ask(f"write {name}", None, "mv", beside, path)

    def _look_at_place(self) -> None:
        """Raise unless the place itself is there: directory, bucket, or a web page at the address."""
        if self._seen:
            return
        fs, root = self._connection()
        try:
            if self._scheme in READ_ONLY:
                try:
                    self._call(fs, "cat_file", f"{root.rstrip('/')}/{layout.MARKER}")
                except FileNotFoundError:
                    self._call(fs, "cat_file", f"{root.rstrip('/')}/")
            elif self._scheme in _AT_ONE_STROKE:
                self._call(fs, "ls", root.lstrip("/").partition("/")[0], detail=False)
            else:
                self._call(fs, "info", root)
        except FileNotFoundError:
            raise no_bucket(self.url) from None
        except Exception as error:
            raise self._error(error, "look") from None
        self._seen = True

    def _call(self, fs: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        if fs.async_impl:
            return self._run(fs, getattr(fs, f"_{method}")(*args, **kwargs), 4 * self._patience.timeout)
        with self._turn:
            return getattr(fs, method)(*args, **kwargs)

    def _error(self, error: Exception, doing: str, missing: str | None = None) -> StoreError:
        """Return what a driver's error means. Its text is not shown: nobody knows what stands in it."""
        if isinstance(error, StoreError):
            return error
        if isinstance(error, FileExistsError):
            return _Exists(f"cannot {doing} at {self.url}: it exists")
        answer = _answer(error)
        if isinstance(error, FileNotFoundError) and answer.status in (0, 404):
            hidden = error.__cause__ or error.__context__
            if answer.status == 0 and self._scheme in READ_ONLY and hidden is not None:
                return no_answer(doing, self.url)  # fsspec calls everything "not found" that it cannot ask for
            if missing is None:
                return no_bucket(self.url)
            self._look_at_place()
            return NotThere(f"no {missing} at {self.url}")
        if answer.status:
            return failure(answer, doing, self.url)
        kind = type(error).__name__
        if isinstance(error, PermissionError) or "Authentication" in kind or "BadHostKey" in kind:
            return failure(Answer(403), doing, self.url)
        if isinstance(error, OSError | EOFError | asyncio.TimeoutError | TimeoutError) or kind in _BROKEN:
            return no_answer(doing, self.url)
        return StoreError(f"cannot {doing} at {self.url}: {kind} in the driver", hint="check the options of the remote")


_BROKEN = ("SSHException", "FSTimeoutError", "ClientPayloadError", "ServerDisconnectedError", "ClientConnectionError")


def _answer(error: BaseException | None) -> Answer:
    """Return the HTTP status that an error, or what it was made from, carries."""
    while error is not None:
        for attribute in ("status", "status_code", "code"):
            status = getattr(error, attribute, None)
            if isinstance(status, int) and 300 <= status < 600:
                return Answer(status)
        error = error.__cause__ or error.__context__
    return Answer(0)


def _moves(fs: Any) -> bool:
    """Tell whether the driver moves files by itself; fsspec's stand-in copies and deletes."""
    from fsspec import AbstractFileSystem

    return type(fs).mv is not AbstractFileSystem.mv


def _written(info: Mapping[str, Any]) -> int:
    """Return when a file was written (nanoseconds since 1970); 0 where the driver does not tell."""
    for key in ("mtime", "LastModified", "last_modified", "modified", "updated", "created"):
        value = info.get(key)
        if isinstance(value, datetime):
            return nanoseconds(value if value.tzinfo else value.replace(tzinfo=UTC))
        if isinstance(value, int | float):
            return int(value * 10**9)
        if isinstance(value, str):
            with suppress(ValueError):
                return nanoseconds(datetime.fromisoformat(value))
    return 0
