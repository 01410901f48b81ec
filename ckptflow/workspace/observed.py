"""Pure. What was seen of a path in the workspace: its files, what stat said of each, and what names their contents."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Iterator

from xxhash import xxh3_128

from ..dataclass import dataclass
from ..ids import Digest
from ..store.inodes import MASK

GRANULARITY_NS = 20_000_000
"""Coarser than the timestamps of any current local file system (a jiffy is at most 10 ms)."""
COARSE_NS = 2_000_000_000
"""For file systems that keep whole seconds (FAT keeps two)."""


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


class Stamped:
    """Names of files, sorted, and their stamps, as compact as they come: a directory may have a million."""

    __slots__ = ("names", "numbers")

    def __init__(self, found: Iterable[tuple[str, os.stat_result]]) -> None:
        names: list[str] = []
        numbers = array("q")
        for name, status in found:
            names.append(name)
            numbers.extend((status.st_size, status.st_mtime_ns, status.st_ino & MASK))
        order = sorted(range(len(names)), key=names.__getitem__)
        self.names = [names[i] for i in order]
        self.numbers = array("q")
        """Three a file: size, mtime in ns, inode."""
        for i in order:
            self.numbers.extend(numbers[3 * i : 3 * i + 3])

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Stamp:
        return Stamp(*self.numbers[3 * index : 3 * index + 3])

    def __setitem__(self, index: int, stamp: Stamp) -> None:
        self.numbers[3 * index : 3 * index + 3] = array("q", (stamp.size, stamp.mtime_ns, stamp.inode))

    def any_racy(self, now_ns: int) -> bool:
        """Tell whether any of the files, seen at this time, could still change and look the same."""
        return any(is_racy(mtime_ns, now_ns) for mtime_ns in self.numbers[1::3])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stamped) and self.numbers == other.numbers and self.names == other.names

    __hash__ = None  # type: ignore[assignment]


class Files:
    """(name, stamp, digest) of files, sorted by name. `digests` are the bytes of one after the other."""

    __slots__ = ("digests", "stamped")

    def __init__(self, stamped: Stamped, digests: bytes | bytearray) -> None:
        self.stamped = stamped
        self.digests = digests

    def __len__(self) -> int:
        return len(self.stamped)

    def __iter__(self) -> Iterator[tuple[str, Stamp, Digest]]:
        for index, (name, digest) in enumerate(self.contents()):
            yield name, self.stamped[index], digest

    def contents(self) -> Iterator[tuple[str, Digest]]:
        """Yield (name, digest) of each file."""
        at = 0
        for name in self.stamped.names:
            yield name, Digest(self.digests[at : at + 32].hex())
            at += 32

    @property
    def stamp(self) -> str:
        """Tells these files as they are now from what lies there when any of them, or their names, have changed."""
        return stamp_of((name, stamp) for name, stamp, _ in self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Files) and self.digests == other.digests and self.stamped == other.stamped

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Observed:
    """What lies at a path.

    `digest` names the content. `files` are the files of a directory or glob, relative to the path (to the glob's fixed
    part); one with an empty name for a file or a URL.
    """

    path: str
    kind: str  # "file", "dir", "glob" or "url"
    digest: Digest
    files: Files
    base: str

    @classmethod
    def one(cls, path: str, kind: str, stamp: Stamp, digest: Digest) -> Observed:
        """Return what is seen of a single file, or of a URL."""
        found = Stamped(())
        found.names.append("")
        found[0] = stamp
        return cls(path, kind, digest, Files(found, bytes.fromhex(digest)), path)


def stamp_of(files: Iterable[tuple[str, Stamp]]) -> str:
    """Return a digest of names and stamps, which come sorted by name. Valid on this machine, and for comparison."""
    hasher = xxh3_128()
    for name, stamp in files:
        text = f"{name}\0{stamp.size} {stamp.mtime_ns} {stamp.inode}\n"
        hasher.update(text.encode("utf-8", "surrogateescape"))
    return hasher.hexdigest()


def is_racy(mtime_ns: int, now_ns: int) -> bool:
    """Tell whether a file with this mtime, seen at this time, could still change without its mtime changing."""
    granularity = COARSE_NS if mtime_ns % 1_000_000_000 == 0 else GRANULARITY_NS
    return mtime_ns > now_ns - granularity
