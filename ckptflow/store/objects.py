"""Edge. Objects: immutable bytes in a store, named by their BLAKE3; what the store lacks may be held elsewhere.

Rules: an object is believed only after its bytes were hashed on this machine, never for its name, size or mode. What
was believed is remembered together with the file's size, modification time and inode. A bad object is moved to
`quarantine/` and reported as `StoreDamaged`, unless it can be had elsewhere; a bad one at a name that is to be written
is replaced, not skipped.
"""

from __future__ import annotations

import itertools
import os
import stat as modes
from collections.abc import Iterable, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Protocol

from blake3 import blake3

from ..dataclass import dataclass
from ..errors import StoreDamaged, StoreError
from ..ids import Digest, digest
from . import layout
from .hashing import hash_file
from .inodes import MASK
from .oserrors import store_error
from .protocol import NotThere, Store
from .writers import may_be_written

_BLOCK = 8 << 20
_SMALL = 1 << 20


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells that a file is still the one that was hashed. `changed_ns` (ctime) only dates it: links change it."""

    bytes: int
    modified_ns: int
    inode: int
    changed_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> FileState:
        """Return the state in a stat result."""
        return cls(found.st_size, found.st_mtime_ns, found.st_ino & MASK, found.st_ctime_ns)

    @property
    def identity(self) -> tuple[int, int, int]:
        """What must be unchanged: size, modification time, inode."""
        return self.bytes, self.modified_ns, self.inode


class Verified(Protocol):
    """Remembers across processes which files were hashed and found good. May forget at any time."""

    def knows(self, object_: Digest, state: FileState) -> bool:
        """Tell whether this very file was found good."""
        ...

    def remember(self, object_: Digest, state: FileState) -> None:
        """The file, as it is now, is good."""
        ...


class Elsewhere(Protocol):
    """Where objects are that the store itself lacks."""

    def holds(self, object_: Digest) -> bool:
        """Tell whether the object can be had, without asking far away."""
        ...

    def fetch(self, objects: Sequence[Digest]) -> None:
        """Put those of `objects` that are held into the store, verified. Raises `StoreError`, `StoreDamaged`."""
        ...


class Objects:
    """Content addressing over a store. `verified` adds a memory that outlives the process.

    `elsewhere` counts as part of the store: what is held there is there, and is brought when it is read.
    """

    __slots__ = ("_good", "_numbers", "_store", "_verified", "elsewhere", "set_aside")

    def __init__(self, store: Store, verified: Verified | None = None, elsewhere: Elsewhere | None = None) -> None:
        self._store = store
        self._verified = verified
        self.elsewhere = elsewhere
        self.set_aside: list[str] = []  # what was found damaged, in words, for whoever tells people
        self._good: set[int] = set()  # `_mark` of each file found good: a stage may write a million objects
        self._numbers = itertools.count()

    def put(self, data: bytes) -> Digest:
        """Store `data` and return its digest. Nothing is written if a good object is there."""
        object_ = digest(data)
        name = layout.object_name(object_)
        path = self._store.place(name)
        if path is None or not self._is_good(object_, path, len(data)):
            self._store.put(name, data)
            self._believe(object_, path)
        return object_

    def put_file(self, path: Path, *, move: bool) -> tuple[Digest, int]:
        """Store the bytes of a local file; return its digest and size in bytes. `move` gives the file itself away.

        A copy is hashed while it is made, so that digest and bytes agree even if somebody writes to `path` meanwhile;
        a small file is read once, and written only if there is no such object yet. A file that has other names (hard
        links) or is a link is copied in either case: its bytes may change under us.
        """
        try:
            found = os.lstat(path)
            own = move and modes.S_ISREG(found.st_mode) and found.st_nlink == 1
            if self._store.local(layout.MARKER) is None:
                data = path.read_bytes()
                object_, size = self.put(data), len(data)
            elif own:
                object_, size = hash_file(path), found.st_size
                self._take(path, object_, size)
            else:
                object_, size = self._copy_in(path)
            if move:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise store_error(error, f"store {path}", self._store.url) from error
        return object_, size

    def share_file(self, path: Path | str) -> tuple[Digest, int, bool] | None:
        """Let a local file be an object as well, without a copy, read-only from now on; return its digest, its size,
        and whether it is the object now: not where there was a good one already.

        None, and nothing has changed, where its bytes could be written to by somebody who has it open, or by another
        name; where it may be run; and where the store's files cannot be other names of it.
        """
        if self._store.place(layout.MARKER) is None:
            return None
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            found = os.fstat(fd)
            mode = modes.S_IMODE(found.st_mode)
            if not modes.S_ISREG(found.st_mode) or found.st_nlink > 1 or mode & 0o111:
                return None
            os.fchmod(fd, 0o444)
            shared = None if may_be_written(fd) else self._link_in(fd)
            if shared is None:
                os.fchmod(fd, mode)
        except OSError:
            return None
        finally:
            os.close(fd)
        return shared

    def get(self, object_: Digest) -> bytes:
        """Return the bytes, verified. Raises `NotThere`, `StoreDamaged`."""
        try:
            return self._get(object_)
        except (NotThere, StoreDamaged):
            if not self._bring(object_):
                raise
        return self._get(object_)

    def path(self, object_: Digest) -> Path:
        """Return the path of the object's file, verified at its first use on this machine; never write to it.

        Raises `NotThere`, `StoreDamaged`, and `StoreError` where the store has no plain files.
        """
        return Path(self.place(object_))

    def place(self, object_: Digest) -> str:
        """Return what `path` does as text, for what is done once a chunk. Raises as that does."""
        try:
            return self._path(object_)
        except (NotThere, StoreDamaged):
            if not self._bring(object_):
                raise
        return self._path(object_)

    def prepare(self, objects: Iterable[Digest]) -> None:
        """Bring all of `objects` that the store lacks at once, which is faster than one by one when they are read.

        What is nowhere is found missing when it is read. Raises `StoreError`.
        """
        if self.elsewhere is not None and (lacking := [o for o in dict.fromkeys(objects) if not self.is_here(o)]):
            self.elsewhere.fetch(lacking)

    def has(self, object_: Digest, size: int | None = None) -> bool:
        """Tell whether the object is there, with this size if given: a torn one is a miss at the cost of a stat.

        What is held elsewhere is there.
        """
        return self.is_here(object_, size) or (self.elsewhere is not None and self.elsewhere.holds(object_))

    def is_here(self, object_: Digest, size: int | None = None) -> bool:
        """Tell whether the store itself has the object, with this size if given."""
        entry = self._store.stat(layout.object_name(object_))
        return entry is not None and (size is None or entry.bytes == size)

    def size(self, object_: Digest) -> int | None:
        """Return the size in bytes of an object that the store itself has, else None."""
        entry = self._store.stat(layout.object_name(object_))
        return None if entry is None else entry.bytes

    def check(self, object_: Digest) -> bool:
        """Hash the object now, whatever is remembered of it, and tell whether it is good. Raises `NotThere`."""
        path = self._local(object_)
        if path is None:
            return digest(self._store.get(layout.object_name(object_))) == object_
        return self._check_file(object_, path, remembered=False)

    def is_same_file(self, object_: Digest, path: Path | str) -> bool:
        """Tell whether `path` is the object's own file, by hard link or symlink."""
        own = self._local(object_)
        try:
            return own is not None and os.path.samefile(own, path)  # noqa: PTH121
        except OSError:
            return False

    def trust(self, object_: Digest) -> None:
        """Another process of this run has just written and hashed the object: good until its file changes."""
        self._believe(object_, self._local(object_))

    def is_aside(self, object_: Digest, path: Path) -> bool:
        """Tell whether `path` is a file that was the object's own before it was set aside: its bytes are kept there."""
        for entry in self._store.list(layout.QUARANTINE):
            own = self._store.local(entry.name) if layout.is_aside_for(entry.name, object_) else None
            with suppress(OSError):
                if own is not None and os.path.samefile(own, path):  # noqa: PTH121
                    return True
        return False

    def quarantine(self, object_: Digest) -> None:
        """Set the object aside under `quarantine/`; nothing if it is not there."""
        name = layout.object_name(object_)
        aside = layout.quarantine_name(object_, f"{os.getpid()}-{os.urandom(4).hex()}")
        path = self._store.local(name)
        if path is not None:
            with suppress(OSError):
                self._good.discard(_mark(object_, FileState.of(os.lstat(path))))
            if self._store.stat(name) is not None:
                self._store.adopt(path, aside)
            return
        with suppress(NotThere):
            self._store.put(aside, self._store.get(name))
            self._store.delete(name)

    def scratch(self) -> Path:
        """Return a fresh path for unfinished work on the store's disk, so that `put_file(move=True)` is a rename."""
        token = f"{os.getpid()}-{os.urandom(4).hex()}-{next(self._numbers)}"
        path = self._store.local(layout.temporary_name(token))
        if path is None:
            raise StoreError(f"{self._store.url} has no place for temporary files")
        try:
            path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise store_error(error, f"make {layout.TEMPORARY}", self._store.url) from error
        return path

    def _get(self, object_: Digest) -> bytes:
        data = self._store.get(layout.object_name(object_))
        if digest(data) != object_:
            raise self._damaged(object_)
        return data

    def _path(self, object_: Digest) -> str:
        path = self._local(object_)
        if path is None:
            raise StoreError(f"objects of {self._store.url} are not local files", hint="fetch them first")
        if not self._check_file(object_, path):
            raise self._damaged(object_)
        return path

    def _bring(self, object_: Digest) -> bool:
        """Bring the object from elsewhere, if it can be had there."""
        if self.elsewhere is None or not self.elsewhere.holds(object_):
            return False
        self.elsewhere.fetch((object_,))
        return True

    def _local(self, object_: Digest) -> str | None:
        return self._store.place(layout.object_name(object_))

    def _is_good(self, object_: Digest, path: str, size: int) -> bool:
        """Tell whether a write can be saved. Not asked of a store without plain files: a request is no cheaper."""
        try:
            found = os.lstat(path)
            known = _mark(object_, FileState.of(found)) in self._good
            return found.st_size == size and (known or self._check_file(object_, path))
        except (FileNotFoundError, NotThere):
            return False

    def _check_file(self, object_: Digest, path: str, *, remembered: bool = True) -> bool:
        """Hash the file unless this very one is known to be good. Raises `NotThere`."""
        try:
            found = os.lstat(path)
            if not modes.S_ISREG(found.st_mode):
                return False
            state = FileState.of(found)
            mark = _mark(object_, state)
            if remembered and mark in self._good:
                return True
            if not (remembered and self._verified is not None and self._verified.knows(object_, state)):
                if hash_file(path) != object_:
                    self._good.discard(mark)
                    return False
                if FileState.of(os.lstat(path)) == state and self._verified is not None:
                    self._verified.remember(object_, state)
        except FileNotFoundError:
            self._store.stat(layout.object_name(object_))  # tells a missing store from a missing object
            raise NotThere(f"no object {object_[:12]} in {self._store.url}") from None
        except OSError as error:
            raise store_error(error, f"read {layout.object_name(object_)}", self._store.url) from error
        self._good.add(mark)
        return True

    def _believe(self, object_: Digest, path: str | None) -> None:
        """It has just been written: good until the file changes. Not remembered beyond: it may be lost yet."""
        if path is not None:
            with suppress(OSError):
                self._good.add(_mark(object_, FileState.of(os.lstat(path))))

    def _take(self, path: Path, object_: Digest, size: int) -> None:
        own = self._local(object_)
        if own is None or not self._is_good(object_, own, size):
            self._store.adopt(path, layout.object_name(object_))
            self._believe(object_, own)

    def _link_in(self, fd: int) -> tuple[Digest, int, bool] | None:
        """Give an open file that nobody writes to another name in the store, if there is no such object yet."""
        found = os.fstat(fd)
        size = found.st_size
        if size <= _SMALL:
            data = os.read(fd, size)
            if len(data) < size:
                return None
            object_ = digest(data)
        else:
            object_ = hash_file(f"/proc/self/fd/{fd}")
        own = self._local(object_)
        if own is not None and self._is_good(object_, own, size):
            return object_, size, False
        if not self._store.link(fd, layout.object_name(object_)):
            return None
        self._good.add(_mark(object_, FileState.of(found)))
        return object_, size, True

    def _copy_in(self, path: Path) -> tuple[Digest, int]:
        with open(path, "rb", buffering=0) as reader:
            if os.fstat(reader.fileno()).st_size <= _SMALL:
                data = reader.read()
                return self.put(data), len(data)
            copy = self.scratch()
            try:
                object_, size = _copy_hashing(reader, copy)
                self._take(copy, object_, size)
            finally:
                copy.unlink(missing_ok=True)
        return object_, size

    def _damaged(self, object_: Digest) -> StoreDamaged:
        self.quarantine(object_)
        error = StoreDamaged(
            f"object {object_[:12]} in {self._store.url} is damaged and was set aside",
            hint=f"it will be made again; the bad bytes are under {layout.QUARANTINE}",
        )
        self.set_aside.append(error.message)
        return error


def _copy_hashing(reader: FileIO, target: Path) -> tuple[Digest, int]:
    """Copy a file to the new file `target`; return digest and size of what was written."""
    hasher = blake3(max_threads=blake3.AUTO)
    size = 0
    with open(target, "xb", buffering=0) as writer:
        while block := reader.read(_BLOCK):
            hasher.update(block)
            view = memoryview(block)
            while view:
                view = view[writer.write(view) :]
            size += len(block)
    return Digest(hasher.hexdigest()), size


def _mark(object_: Digest, state: FileState) -> int:
    """Return 64 bits that tell an object and the file that holds it from all others."""
    return hash((object_, state.identity))
