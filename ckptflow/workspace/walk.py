"""Edge. The files of a directory or a glob: the one answer for who hashes a dep, who cuts it and who looks again.

`*` stays in its directory unless `**` occurs. Symlinks are followed; a loop, and anything that is neither a file nor a
directory, is refused before something blocks on it.
"""

from __future__ import annotations

import errno
import os
import stat as modes
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from ..errors import DepUnreadable
from ..spec.paths import is_glob
from .link import BESIDE
from .treestamp import IGNORED


def members(root: Path, path: str) -> Iterable[tuple[str, str, os.stat_result]]:
    """Return (relative path, full path, stat) of the files of a directory or glob below `root`, in no order.

    Raises `DepUnreadable`.
    """
    if not is_glob(path):
        return _walk(root / path, path)
    base, rest = glob_parts(path)
    start = root / base
    deep = "**" in rest
    return [
        item
        for item in (_walk(start, base, deep=deep or "/" in rest) if start.is_dir() else ())
        if fnmatchcase(item[0], rest) and (deep or item[0].count("/") == rest.count("/"))
    ]


def glob_parts(pattern: str) -> tuple[str, str]:
    """Return the directory of a pattern in which nothing is left open (`.` for the root), and the pattern below it."""
    fixed = pattern.split("*")[0].split("?")[0].split("[")[0]
    base = fixed.rsplit("/", 1)[0] if "/" in fixed else "."
    return base, pattern if base == "." else pattern[len(base) + 1 :]


def _walk(top: Path, path: str, *, deep: bool = True) -> Iterator[tuple[str, str, os.stat_result]]:
    """Yield (relative path, full path, stat) of all regular files below `top`."""
    stack: list[tuple[str, str, frozenset[tuple[int, int]]]] = [("", str(top), frozenset())]
    while stack:
        prefix, directory, parents = stack.pop()
        try:
            here = os.stat(directory)  # noqa: PTH116 - hot: 100,000 files
            if (here.st_dev, here.st_ino) in parents:
                raise DepUnreadable(f"`{path}` has a symlink loop at `{prefix or '.'}`", hint="remove the link")
            parents = parents | {(here.st_dev, here.st_ino)}
            with os.scandir(directory) as entries:
                for entry in entries:
                    if entry.name in IGNORED or entry.name.startswith(BESIDE):
                        continue
                    status = entry.stat()
                    relative = f"{prefix}{entry.name}"
                    if modes.S_ISDIR(status.st_mode):
                        if deep:
                            stack.append((f"{relative}/", entry.path, parents))
                    elif modes.S_ISREG(status.st_mode):
                        yield relative, entry.path, status
                    else:
                        raise DepUnreadable(
                            f"`{path}` holds `{relative}`, which is no regular file", hint="remove it from the dep"
                        )
        except OSError as error:
            raise unreadable(f"{path}/{prefix}", error) from error


def unreadable(path: str, error: OSError) -> DepUnreadable:
    """Return what an error of the system means for a dep."""
    if error.errno == errno.ELOOP:
        return DepUnreadable(f"`{path}` is a symlink loop", hint="remove the link")
    if error.errno in (errno.EACCES, errno.EPERM):
        return DepUnreadable(f"`{path}` may not be read", hint="give yourself permission to read it")
    return DepUnreadable(f"`{path}` cannot be read: {error.strerror or error}")
