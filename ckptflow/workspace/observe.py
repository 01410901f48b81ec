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
from collections.abc import Iterable, Sequence
from pathlib import Path

from xxhash import xxh3_128

from ..dataclass import dataclass
from ..errors import DepMissing, DepUnreadable
from ..ids import Digest, digest
from ..spec.paths import is_glob, is_url
from ..store.hashing import hash_file
from ..store.inodes import MASK
from .cache import Cache
from .urls import url_digest
from .walk import glob_parts, members, unreadable

GRANULARITY_NS = 20_000_000
"""Coarser than the timestamps of any current local file system (a jiffy is at most 10 ms)."""
COARSE_NS = 2_000_000_000
"""For file systems that keep whole seconds (FAT keeps two)."""
MANY_FILES = 64


@dataclass(frozen=True, slots=True)
class Stamp:
    """What stat says of a file; equal stamps mean that nobody wrote to it, but for the racy case."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Take the stamp of a stat result."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ino & MASK)


@dataclass(frozen=True, slots=True)
class Observed:
    """What lies at a path.

    `digest` names the content. `files` are the paths of a directory or glob, relative to the path (to the glob's fixed
    part), sorted, with their stamps and digests; one entry with an empty path for a file or a URL.
    """

    path: str
    kind: str  # "file", "dir", "glob" or "url"
    digest: Digest
    files: tuple[tuple[str, Stamp, Digest], ...]
    base: str

    @property
    def stamp(self) -> str:
        """Tells these files as they are now from what lies here when any of them, or their names, have changed."""
        return stamp_of((name, stamp) for name, stamp, _ in self.files)

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(s.size for _, s, _ in self.files)


def stamp_of(files: Iterable[tuple[str, Stamp]]) -> str:
    """Return a digest of names and stamps. Valid on this machine only, and only for comparison."""
    hasher = xxh3_128()
    for name, stamp in sorted(files, key=lambda file: file[0]):
        text = f"{name}\0{stamp.size} {stamp.mtime_ns} {stamp.inode}\n"
        hasher.update(text.encode("utf-8", "surrogateescape"))
    return hasher.hexdigest()


def is_racy(mtime_ns: int, now_ns: int) -> bool:
    """Tell whether a file with this mtime, seen at this time, could still change without its mtime changing."""
    granularity = COARSE_NS if mtime_ns % 1_000_000_000 == 0 else GRANULARITY_NS
    return mtime_ns > now_ns - granularity


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
        times = [stamp.mtime_ns for _, stamp, _ in seen.files] if seen is not None else []
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
                now = [(name, Stamp.of(status)) for name, _, status in members(self._root, seen.path)]
            except DepUnreadable:
                return False
            return sorted(now, key=lambda file: file[0]) == [(name, stamp) for name, stamp, _ in seen.files]
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
        return Observed(url, "url", name, (("", Stamp(size, 0, 0), name),), url)

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
            stamp, name = self._hash([("", full, status)], path)[0][1:]
            return Observed(path, "file", name, (("", stamp, name),), path)
        if modes.S_ISDIR(status.st_mode):
            files = self._hash(list(members(self._root, path)), path)
            return Observed(path, "dir", _listing(files), tuple(files), path)
        kind = {modes.S_IFIFO: "a FIFO", modes.S_IFSOCK: "a socket", modes.S_IFCHR: "a device"}.get(
            modes.S_IFMT(status.st_mode), "no regular file"
        )
        raise DepUnreadable(f"`{path}` is {kind}", hint="a dep is a file, a directory or a table")

    def _glob(self, pattern: str) -> Observed:
        files = self._hash(list(members(self._root, pattern)), pattern)
        return Observed(pattern, "glob", _listing(files), tuple(files), glob_parts(pattern)[0])

    def _hash(self, items: Sequence[tuple[str, str, os.stat_result]], path: str) -> list[tuple[str, Stamp, Digest]]:
        """Return (relative path, stamp, digest) of each file, sorted; from the cache where its stamp is known."""
        known = self._cache.digests_under(f"{path}/") if len(items) > MANY_FILES else None
        result: list[tuple[str, Stamp, Digest]] = []
        fresh: list[tuple[str, int, int, int, str]] = []
        for relative, full, status in items:
            key = f"{path}/{relative}" if relative else path
            stamp = Stamp.of(status)
            row = known.get(key) if known is not None else self._cache.digest_of(key)
            if row is not None and row[:3] == (stamp.size, stamp.mtime_ns, stamp.inode):
                result.append((relative, stamp, Digest(row[3])))
                continue
            stamp, name = hash_stable(full, key)
            result.append((relative, stamp, name))
            if is_racy(stamp.mtime_ns, time.time_ns()):
                self._young.add(path)
            else:
                fresh.append((key, stamp.size, stamp.mtime_ns, stamp.inode, name))
        if fresh:
            self._cache.keep_digests(fresh)
        result.sort(key=lambda row: row[0])
        return result


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


def _listing(files: list[tuple[str, Stamp, Digest]]) -> Digest:
    return digest("".join(f"{name}\0{content}\n" for name, _, content in files).encode("utf-8", "surrogateescape"))
