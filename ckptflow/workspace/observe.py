"""Edge. What lies in the workspace: files, directories and globs, with the digests of their contents.

Strategy: stat first, hash only what the cache does not know by (size, mtime, inode). A file modified within the clock's
granularity of being hashed is hashed again next time (the racy case that git calls by the same name). Contents are
hashed with BLAKE3 on all cores; the digest of a directory covers the sorted relative paths and the files' digests.

Anything that is neither a file nor a directory is refused here, before something blocks on it.
"""

from __future__ import annotations

import os
import stat as modes
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..errors import DepMissing, DepUnreadable
from ..ids import Digest, Hasher
from ..spec.paths import is_glob, is_url
from ..store.hashing import hash_file
from .cache import Cache
from .observed import GRANULARITY_NS, Files, Observed, Stamp, Stamped, is_racy
from .urls import url_digest
from .walk import glob_parts, members, unreadable

MANY_FILES = 64


class Observer:
    """Looks at paths below `root`, once each: what was seen is kept for the life of the observer."""

    def __init__(self, root: Path, cache: Cache) -> None:
        self._root = root
        self._cache = cache
        self._seen: dict[str, Observed | None] = {}
        self._young: set[str] = set()  # paths that held files when these could still change and look the same

    def forget(self, path: str | None = None) -> None:
        """Look again at `path`, or at everything, when asked next time."""
        if path is None:
            self._seen.clear()
        else:
            self._seen.pop(path, None)

    def see(self, path: str) -> Observed | None:
        """Return what lies at `path` (relative to the root, or absolute), None if there is nothing.

        Raises `DepUnreadable` for what is no file or directory, and for what cannot be read.
        """
        if path not in self._seen:
            self._seen[path] = self._look(path)
        return self._seen[path]

    def _look_patiently(self, path: str) -> None:
        """Wait until a later change of what was too young would show in a stamp, and look again."""
        seen = self._seen[path]
        times = seen.files.stamped.numbers[1::3] if seen is not None else ()
        begun = time.time_ns()
        while any(is_racy(t, time.time_ns()) for t in times if t <= begun):
            time.sleep(GRANULARITY_NS / 4e9)
        self._young.discard(path)
        self._seen[path] = self._look(path)

    def require(self, path: str) -> Observed:
        """Like `see`, but raises `DepMissing`, and waits until any later change can be seen: see `is_racy`."""
        self.see(path)
        if path in self._young:
            self._look_patiently(path)
        seen = self._seen[path]
        if seen is None:
            raise DepMissing(
                f"dep `{path}` is missing", hint="put the file there, correct the path, or make it the out of a stage"
            )
        return seen

    def unchanged(self, seen: Observed, only: Iterable[str] | None = None) -> bool:
        """Tell whether the files of `seen` still have the stamps they had, and no other came. With `only`, look at
        these files alone.
        """
        if seen.kind == "url":
            return self._url(seen.path) == seen
        if only is None and seen.kind != "file":
            try:
                return Stamped(self._members(seen.path)) == seen.files.stamped
            except DepUnreadable:
                return False
        wanted = None if only is None else set(only)
        base = f"{self._root}/{seen.base}"
        for name, stamp, _ in seen.files:
            if wanted is None or name in wanted:
                try:
                    if Stamp.of(os.stat(f"{base}/{name}" if name else base)) != stamp:  # noqa: PTH116 - once a chunk
                        return False
                except OSError:
                    return False
        return True

    def _url(self, url: str) -> Observed | None:
        try:
            name, size = url_digest(url)
        except DepMissing:
            return None
        return Observed.one(url, "url", Stamp(size, 0, 0), name)

    def _look(self, path: str) -> Observed | None:
        if is_url(path):
            return self._url(path)
        if is_glob(path):
            return self._glob(path)
        full = os.path.join(self._root, path)  # noqa: PTH118 - hot: once a stage, and once more for its outs
        try:
            status = os.stat(full)  # noqa: PTH116
        except FileNotFoundError:
            if os.path.islink(full):  # noqa: PTH114
                raise DepUnreadable(f"`{path}` is a symlink to nothing", hint="mend or remove the link") from None
            return None
        except NotADirectoryError:
            return None
        except OSError as error:
            raise unreadable(path, error) from error
        if modes.S_ISREG(status.st_mode):
            return self._file(path, full, Stamp.of(status))
        if modes.S_ISDIR(status.st_mode):
            files = self._hash(path, full)
            return Observed(path, "dir", _listing(files), files, path)
        kind = {modes.S_IFIFO: "a FIFO", modes.S_IFSOCK: "a socket", modes.S_IFCHR: "a device"}.get(
            modes.S_IFMT(status.st_mode), "no regular file"
        )
        raise DepUnreadable(f"`{path}` is {kind}", hint="a dep is a file, a directory or a table")

    def _glob(self, pattern: str) -> Observed:
        base = glob_parts(pattern)[0]
        files = self._hash(pattern, str(self._root / base))
        return Observed(pattern, "glob", _listing(files), files, base)

    def _members(self, path: str) -> Iterator[tuple[str, os.stat_result]]:
        return ((name, status) for name, _, status in members(self._root, path))

    def _file(self, path: str, full: str, stamp: Stamp) -> Observed:
        known = self._cache.digest_of(path)
        if known is None or known[:3] != (stamp.size, stamp.mtime_ns, stamp.inode):
            stamp, name = self._hash_one(path, path, full)
            return Observed.one(path, "file", stamp, name)
        return Observed.one(path, "file", stamp, Digest(known[3]))

    def _hash(self, path: str, top: str) -> Files:
        """Return the files of a directory or glob, which lie below `top`; digests from the cache where it knows them.

        Files and the cache's rows are both gone through by name, so that of neither more is held than must be.
        """
        found = Stamped(self._members(path))
        digests = bytearray()
        for index, (name, known) in enumerate(zip(found.names, self._known(path, found.names), strict=True)):
            if known is None or known[:3] != tuple(found.numbers[3 * index : 3 * index + 3]):
                found[index], content = self._hash_one(path, f"{path}/{name}", f"{top}/{name}")
                digests += bytes.fromhex(content)
            else:
                digests += bytes.fromhex(known[3])
        return Files(found, digests)

    def _known(self, path: str, names: Sequence[str]) -> Iterator[tuple[int, int, int, str] | None]:
        """Yield what the cache knows of each of the files below `path`: (size, mtime in ns, inode, digest)."""
        if len(names) <= MANY_FILES:
            yield from (self._cache.digest_of(f"{path}/{name}") for name in names)
            return
        rows = self._cache.digests_under(f"{path}/")
        row = next(rows, None)
        for name in names:
            key = f"{path}/{name}"
            while row is not None and row[0] < key:
                row = next(rows, None)
            yield row[1] if row is not None and row[0] == key else None

    def _hash_one(self, path: str, key: str, full: str) -> tuple[Stamp, Digest]:
        """Hash a file at or below `path`; kept in the cache under `key` unless it is too young for its stamp."""
        stamp, name = hash_stable(full, key)
        if is_racy(stamp.mtime_ns, time.time_ns()):
            self._young.add(path)
        else:
            self._cache.keep_digests([(key, stamp.size, stamp.mtime_ns, stamp.inode, name)])
        return stamp, name


def hash_stable(full: Path | str, path: str) -> tuple[Stamp, Digest]:
    """Hash a file; again if it changed meanwhile. Raises `DepUnreadable` when it does not hold still."""
    for _ in range(3):
        try:
            before = Stamp.of(os.stat(full))  # noqa: PTH116
            name = hash_file(full)
            if Stamp.of(os.stat(full)) == before:  # noqa: PTH116
                return before, name
        except OSError as error:
            raise unreadable(path, error) from error
    raise DepUnreadable(f"`{path}` is being written to", hint="wait until it is finished and run again")


def _listing(files: Files) -> Digest:
    hasher = Hasher()
    for name, content in files.contents():
        hasher.update(f"{name}\0{content}\n".encode("utf-8", "surrogateescape"))
    return hasher.digest()
