"""Edge. A store in a local directory, also on network and FUSE mounts: plain files, written beside and renamed.

Rules: a name never holds half of something; objects are read-only files; no name and no symbolic link leads out of the
directory; the root is made when asked for and never by the way, so that a disk that is not mounted is an error and not
an empty store. Operating-system calls are used directly: `fsspec`'s local driver writes in place and never syncs.
"""

from __future__ import annotations

import errno
import fcntl
import itertools
import os
import stat as modes
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ..errors import StoreError
from . import layout
from .oserrors import store_error
from .protocol import Entry, NotThere
from .syncing import sync_file, sync_file_system

_COPY_BYTES = 1 << 20
_READ_BYTES = 1 << 16
"""Most objects are smaller, and need no file object."""
_T = TypeVar("_T")


class LocalStore:
    """A `Store` under the directory `path`, which `create` makes if it is missing. Opening it touches nothing else.

    May be used by any number of processes at once; one instance belongs to one thread.
    """

    __slots__ = ("_known", "_log", "_numbers", "_pending", "_root", "_syncing", "_token", "_whole")

    def __init__(self, path: Path | str, *, create: bool = False) -> None:
        self._root = os.path.abspath(path)  # noqa: PTH100 - paths are strings here: pathlib costs more than the call
        self._known: set[str] = set()  # directories found to be real ones
        self._log: tuple[str, int] | None = None  # the file appended to last, kept open
        self._pending: dict[str, None] = {}  # written since the last sync, in order
        self._syncing = threading.Lock()
        self._whole = True  # the system can sync a whole file system
        self._numbers = itertools.count()
        self._token = os.urandom(4).hex()
        if create:
            try:
                os.makedirs(self._root, exist_ok=True)  # noqa: PTH103
            except OSError as error:
                raise store_error(error, "make the store", self._root) from error

    @property
    def url(self) -> str:
        """The directory's absolute path."""
        return self._root

    @property
    def root(self) -> Path:
        """The directory."""
        return Path(self._root)

    def get(self, name: str) -> bytes:
        """Return all bytes. Raises `NotThere`."""
        path = self._path(name)
        try:
            fd = self._open(path)
            try:
                data = os.read(fd, _READ_BYTES)
                if more := os.read(fd, _READ_BYTES):
                    with open(fd, "rb", buffering=0, closefd=False) as file:
                        return data + more + file.read()
                return data
            finally:
                os.close(fd)
        except FileNotFoundError:
            raise self._missing(name) from None
        except OSError as error:
            raise store_error(error, f"read {name}", self._root) from error

    def put(self, name: str, data: bytes) -> None:
        """Store `data` under `name` in one step, replacing what was there."""
        path = self._path(name, make=True)
        temporary = self._write_beside(path, name, data)
        try:
            os.rename(temporary, path)  # noqa: PTH104
        except OSError as error:
            _unlink(temporary)
            raise store_error(error, f"write {name}", self._root) from error
        self._written(name)

    def create(self, name: str, data: bytes) -> bool:
        """Like `put`, unless the name exists: then change nothing and return False."""
        path = self._path(name, make=True)
        temporary = self._write_beside(path, name, data)
        try:
            if not _link_or_rename(temporary, path):
                return False
        except OSError as error:
            raise store_error(error, f"write {name}", self._root) from error
        finally:
            _unlink(temporary)
        self._written(name)
        return True

    def append(self, name: str, data: bytes) -> None:
        """Add `data` at the end of `name` in one write; on an error what was there stays as it was, if at all possible.

        The file stays open for the next call, and is opened again when somebody removed it.
        """
        try:
            fd = self._log_fd(name)
            written = os.write(fd, data)
            if written != len(data):
                size = os.fstat(fd).st_size
                os.ftruncate(fd, max(0, size - written))
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            self.close()
            raise store_error(error, f"append to {name}", self._root) from error
        self._written(name)

    def stat(self, name: str) -> Entry | None:
        """Return what is known of `name`, None if it is not there."""
        path = self._path(name)
        try:
            found = os.lstat(path)
            if modes.S_ISLNK(found.st_mode):
                fd = self._open(path)
                found = os.fstat(fd)
                os.close(fd)
        except FileNotFoundError:
            self._missing(name)
            return None
        except OSError as error:
            raise store_error(error, f"look at {name}", self._root) from error
        if not modes.S_ISREG(found.st_mode):
            raise StoreError(f"{name} in {self._root} is not a file")
        return Entry(name, found.st_size, found.st_mtime_ns)

    def list(self, prefix: str) -> Iterator[Entry]:
        """Yield all names that start with `prefix`, sorted."""
        layout.check_prefix(prefix)
        folder = prefix.rpartition("/")[0]
        top = f"{self._root}/{folder}" if folder else self._root
        if not self._check_directories(folder, make=False):
            self._missing(prefix)
            return
        try:
            yield from _walk(top, f"{folder}/" if folder else "", prefix)
        except FileNotFoundError:
            self._missing(prefix)
        except OSError as error:
            raise store_error(error, f"list {prefix or 'the store'}", self._root) from error

    def delete(self, name: str) -> None:
        """Remove `name`; no error if it is not there."""
        path = self._path(name)
        try:
            os.unlink(path)  # noqa: PTH108
        except FileNotFoundError:
            self._missing(name)
        except OSError as error:
            raise store_error(error, f"delete {name}", self._root) from error

    def sync(self, names: Iterable[str] = ()) -> None:
        """Make all that any process wrote so far survive a loss of power, with one call where the system has one.

        Where it has none, the files written by this instance and those in `names` are synced one by one, the objects
        before what names them. Nothing is done where this instance wrote nothing since the last time and `names` is
        empty. May be called from several threads; a call returns when what was written before it is safe.
        """
        with self._syncing:
            pending, self._pending = self._pending, {}  # writes may go on in another thread
            if pending or (names := tuple(names)):
                self._sync(pending, names)

    def _sync(self, pending: dict[str, None], names: Iterable[str]) -> None:
        try:
            self._whole = self._whole and sync_file_system(self._root)
            if not self._whole:
                ordered = dict.fromkeys((*names, *pending))
                for name in sorted(ordered, key=lambda n: not layout.is_immutable(n)):
                    sync_file(self._path(name))
                for folder in sorted({name.rpartition("/")[0] for name in ordered}):
                    sync_file(f"{self._root}/{folder}")
        except OSError as error:
            self._pending = {**pending, **self._pending}
            raise store_error(error, "sync", self._root) from error

    def local(self, name: str) -> Path | None:
        """Return the path of the plain file that holds, or would hold, `name`."""
        return Path(self._path(name))

    def place(self, name: str) -> str | None:
        """Return the path of the plain file that holds, or would hold, `name`, as text."""
        return self._path(name)

    def adopt(self, path: Path, name: str) -> None:
        """Move the finished local file `path` to `name`: a rename, or a copy from another file system.

        Refuses what is not a plain file. After a failure `path` is where it was.
        """
        target = self._path(name, make=True)
        try:
            if not modes.S_ISREG(os.lstat(path).st_mode):
                raise StoreError(f"{path} is not a plain file: it cannot become {name}")
            if layout.is_immutable(name):
                os.chmod(path, 0o444)  # noqa: PTH101
            try:
                self._in_folder(name, lambda: os.rename(path, target))  # noqa: PTH104
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                self._copy_in(path, target)
                os.unlink(path)  # noqa: PTH108
        except OSError as error:
            raise store_error(error, f"write {name}", self._root) from error
        self._written(name)

    def link(self, fd: int, name: str) -> bool:
        """Let the finished local file that is open as `fd` be `name` as well; False where the name is taken or the file
        cannot have another one there (another disk, a system without `/proc`).
        """
        target = self._path(name, make=True)
        opened = f"/proc/self/fd/{fd}"  # the file itself, whatever has taken its name meanwhile
        try:
            # Without a directory, though none is needed, Python makes a call that does not follow the link.
            self._in_folder(name, lambda: os.link(opened, target, src_dir_fd=fd, follow_symlinks=True))
        except OSError:
            return False
        self._written(name)
        return True

    def close(self) -> None:
        """Close the file kept open for `append`; the store can be used again."""
        if self._log is not None:
            fd, self._log = self._log[1], None
            with suppress(OSError):
                os.close(fd)

    def __del__(self) -> None:
        if getattr(self, "_log", None) is not None:
            self.close()

    def _path(self, name: str, *, make: bool = False) -> str:
        layout.check_name(name)
        folder = name.rpartition("/")[0]
        if folder and folder not in self._known:
            try:
                self._check_directories(folder, make=make)
            except NotThere:  # a directory that was known is gone; now none is known
                self._check_directories(folder, make=make)
        return f"{self._root}/{name}"

    def _in_folder(self, name: str, action: Callable[[], _T]) -> _T:
        """Do `action` in the directory of `name`; once more where somebody removed that after it was made."""
        try:
            return action()
        except FileNotFoundError:
            self._known.clear()
            self._path(name, make=True)
            return action()

    def _check_directories(self, folder: str, *, make: bool) -> bool:
        """See that each directory on the way to `folder` is a real one, no link to elsewhere; make missing ones.

        False where one is missing and is not to be made.
        """
        path, walked = self._root, ""
        for part in folder.split("/") if folder else ():
            path, walked = f"{path}/{part}", f"{walked}/{part}" if walked else part
            if walked in self._known:
                continue
            found: os.stat_result | None
            try:
                found = os.lstat(path)
            except FileNotFoundError:
                if not make:
                    return False
                try:
                    found = _make_directory(path)
                except FileNotFoundError:
                    self._known.clear()
                    raise self._missing(walked) from None
                except OSError as error:
                    raise store_error(error, f"make {walked}", self._root) from error
            except OSError as error:
                raise store_error(error, f"look at {walked}", self._root) from error
            if found is not None and not modes.S_ISDIR(found.st_mode):
                raise StoreError(
                    f"{walked} in the store {self._root} is not a directory",
                    hint="a store follows no symbolic links inside; link or move the whole store instead",
                )
            self._known.add(walked)
        return True

    def _missing(self, name: str) -> NotThere:
        """Return the miss of `name`; raise instead where the whole store is missing, which is no miss."""
        if not os.path.isdir(self._root):  # noqa: PTH112
            raise StoreError(
                f"there is no store at {self._root}", hint="is its disk mounted? `ckptflow init` makes a new store"
            )
        return NotThere(f"no {name} in the store {self._root}")

    def _open(self, path: str) -> int:
        """Open for reading; of links only those to a file in the same directory are followed (`latest.json`)."""
        try:
            return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ELOOP or "/" in (target := os.readlink(path)):  # noqa: PTH115
                raise
        return os.open(f"{path.rpartition('/')[0]}/{target}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)

    def _temporary(self, path: str) -> str:
        folder = path.rpartition("/")[0]
        return f"{folder}/.{os.getpid()}-{self._token}-{next(self._numbers)}.tmp"

    def _write_beside(self, path: str, name: str, data: bytes) -> str:
        """Write `data` to a temporary name beside `path`, close it and return that name."""
        temporary = self._temporary(path)
        mode = 0o444 if layout.is_immutable(name) else 0o666
        try:
            fd = self._in_folder(name, lambda: _new_file(temporary, mode))
            try:
                _write_all(fd, data)
            finally:
                os.close(fd)
        except OSError as error:
            _unlink(temporary)
            raise store_error(error, f"write {name}", self._root) from error
        return temporary

    def _copy_in(self, source: Path, target: str) -> None:
        temporary = self._temporary(target)
        try:
            with open(source, "rb") as reader, open(_new_file(temporary, 0o666), "wb") as writer:
                while block := reader.read(_COPY_BYTES):
                    writer.write(block)
                os.fchmod(writer.fileno(), modes.S_IMODE(os.fstat(reader.fileno()).st_mode))
            os.rename(temporary, target)  # noqa: PTH104
        except BaseException:
            _unlink(temporary)
            raise

    def _log_fd(self, name: str) -> int:
        if self._log is not None:
            kept, fd = self._log
            if kept == name and os.fstat(fd).st_nlink:
                return fd
            self.close()
        path = self._path(name, make=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        fd = self._in_folder(name, lambda: os.open(path, flags, 0o666))
        self._log = (name, fd)
        return fd

    def _written(self, name: str) -> None:
        self._pending[name] = None


def _make_directory(path: str) -> os.stat_result | None:
    """Make a directory; return what is there if somebody was quicker."""
    try:
        os.mkdir(path)  # noqa: PTH102
    except FileExistsError:
        return os.lstat(path)
    return None


def _new_file(path: str, mode: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _unlink(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)  # noqa: PTH108


def _link_or_rename(temporary: str, path: str) -> bool:
    """Give the finished file its name unless the name is taken; False if it is."""
    try:
        os.link(temporary, path)  # the one call that names a whole file and never replaces
        return True
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
    # No hard links here (FAT, some FUSE mounts): one creator at a time in this directory, then look and rename.
    folder = os.open(path.rpartition("/")[0], os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        if os.path.lexists(path):
            return False
        os.rename(temporary, path)  # noqa: PTH104
        return True
    finally:
        os.close(folder)


def _walk(folder: str, lead: str, prefix: str) -> Iterator[Entry]:
    """Yield the files under `folder`, whose names begin with `lead`, in the order of their whole names."""
    with os.scandir(folder) as found:
        items = sorted((f"{e.name}/" if e.is_dir(follow_symlinks=False) else e.name, e) for e in found)
    for key, item in items:
        name = f"{lead}{key}"
        if key.startswith(".") or not (name.startswith(prefix) or prefix.startswith(name)):
            continue
        if key.endswith("/"):
            if name != layout.TEMPORARY:
                yield from _walk(item.path, name, prefix)
            continue
        try:
            known = item.stat()
        except FileNotFoundError:  # removed since the directory was read, or a link to nowhere
            continue
        except OSError as error:
            if error.errno == errno.ELOOP:  # links in a circle lead nowhere too
                continue
            raise
        if modes.S_ISREG(known.st_mode):
            yield Entry(name, known.st_size, known.st_mtime_ns)
