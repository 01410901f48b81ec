"""Edge. One digest that tells whether anything below a directory has changed, at the cost of one `stat` a file.

Nothing is imported that need not be: a run with nothing to do comes by here. A directory of very many files is looked
at by as many processes as there are cores: a million files take seconds otherwise, nearly all of them in the system.
"""

from __future__ import annotations

import os
from marshal import dumps, loads
from struct import pack

from xxhash import xxh3_64

from ..store.alone import is_alone
from ..store.inodes import MASK

TYPE_CHECKING = False  # `typing` costs a fifth of the interpreter's own start
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    Look = tuple[bytes, list[str]]
    """(digest of a block of files, the names of the directories in it)."""

IGNORED = frozenset({".git", ".ckptflow", "__pycache__", ".DS_Store"})
S_IFMT, S_IFDIR = 0o170000, 0o040000  # POSIX; the module `stat` would be one more import
BLOCK = 8192
"""Files of one digest: each is taken whole by one process."""
MANY = 6 * BLOCK
"""Files of a directory from which on more than one process looks at them."""


def tree_stamp(top: str, many: int = MANY) -> str:
    """Return a digest of the names, sizes, modification times and inodes of all below a directory. Raises `OSError`.

    Valid on this machine only, and only for comparison: entries are taken in the order in which the system lists them,
    which changes when the directory does. Does not depend on `many`.
    """
    hasher = xxh3_64()
    stack = [top]
    while stack:
        directory = stack.pop()
        fd = os.open(directory, os.O_RDONLY)  # by descriptor: entries are then looked up in it and not from the root
        try:
            names = [name for name in os.listdir(fd) if name not in IGNORED]  # noqa: PTH208 - a descriptor
            looks = _look(fd, names) if len(names) < many else _look_together(fd, names)
            for found, inner in looks:
                hasher.update(found)
                stack += [f"{directory}/{name}" for name in inner]
        finally:
            os.close(fd)
    return hasher.hexdigest()


def _look(fd: int, names: list[str]) -> Iterator[Look]:
    """Look at the entries `names` of the directory `fd`, a block at a time."""
    stat = os.stat
    for at in range(0, len(names), BLOCK):
        block = names[at : at + BLOCK]
        numbers: list[int] = []
        inner: list[str] = []
        for name in block:
            found = stat(name, dir_fd=fd)
            numbers += (found.st_size, found.st_mtime_ns, found.st_ino & MASK)
            if found.st_mode & S_IFMT == S_IFDIR:
                inner.append(name)
        hasher = xxh3_64("\0".join(block).encode("utf-8", "surrogateescape"))
        hasher.update(pack(f"{len(numbers)}q", *numbers))
        yield hasher.digest(), inner


def _look_together(fd: int, names: list[str]) -> Iterator[Look]:
    """Do what `_look` does on all cores, in processes that do nothing else and end with it."""
    share = BLOCK * -(-len(names) // (BLOCK * _hands()))
    others = [_begin(fd, names[at : at + share]) for at in range(share, len(names), share)]
    try:
        yield from _look(fd, names[:share])
        for pipe, _ in others:
            if not (answer := pipe.read()):
                raise OSError("an entry cannot be looked at")
            looks: list[Look] = loads(answer)  # noqa: S302 - from a process of our own
            yield from looks
    finally:
        for pipe, pid in others:
            pipe.close()
            os.waitpid(pid, 0)


def _begin(fd: int, names: list[str]) -> tuple[BinaryIO, int]:
    """Start a process that looks at `names`; return where it answers, with nothing if it fails, and its id."""
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return open(read, "rb"), pid
    try:
        answer = dumps(list(_look(fd, names)))
        with open(write, "wb") as pipe:
            pipe.write(answer)
    finally:
        os._exit(0)  # whatever happened: what the process that was forked does at its end is not for this one


def _hands() -> int:
    """Return how many processes are to share the work."""
    return len(os.sched_getaffinity(0)) if is_alone() else 1
