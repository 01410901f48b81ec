"""Pure. Paths as pipelines write them: relative to the pipeline file, POSIX, normalised to the project's root.

No file system is asked: a path means the same wherever the project lies.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_GLOB = frozenset("*?[")


def is_url(path: str) -> bool:
    """Tell whether `path` is `scheme://...`."""
    return _URL.match(path) is not None


def is_absolute(path: str) -> bool:
    """Tell whether `path` starts at a root: `/data` or `C:\\data`."""
    return path.startswith("/") or _DRIVE.match(path) is not None


def is_glob(path: str) -> bool:
    """Tell whether `path` has one of `*?[`."""
    return not _GLOB.isdisjoint(path)


def normalise(base: str, path: str) -> str | None:
    """Return `path`, taken from the directory `base`, relative to the project; `.` for the project itself.

    An absolute path stays absolute. None: the path leaves the project, or climbs above a root.
    """
    if _DRIVE.match(path):
        return path
    rooted = path.startswith("/")
    parts: list[str] = [] if rooted or base == "." else base.split("/")
    for part in path.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    joined = "/".join(parts)
    return "/" + joined if rooted else joined or "."


def parent(path: str) -> str:
    """Return the directory that holds the normalised `path`; `.` at the top."""
    return path.rpartition("/")[0] or "."


def ancestors(path: str) -> list[str]:
    """Return the directories above the normalised `path`, the nearest first, `.` excluded."""
    found = []
    end = path.rfind("/")
    while end > 0:
        found.append(path[:end])
        end = path.rfind("/", 0, end)
    return found


def suffix(path: str) -> str:
    """Return the suffix in lower case, with its dot; empty where there is none (`.hidden`, `a.b/c`)."""
    name = path.rstrip("/").rpartition("/")[2]
    stem, dot, end = name.rpartition(".")
    return f".{end.lower()}" if stem and dot and end else ""


def may_hold(pattern: str, path: str) -> bool:
    """Tell whether the glob `pattern` can name something at, under or above `path`: an out there matters to it.

    `*`, `?` and `[...]` stay within one part of a path, `**` stands for any number of parts.
    """
    return _meets(pattern.split("/"), path.split("/"))


def _meets(pattern: list[str], path: list[str]) -> bool:
    """Both lists of parts agree as far as the shorter one goes; every `**` may take any number of parts."""
    reach = {0}  # positions in the pattern that the parts so far can lead to
    for part in path:
        step = set()
        for at in _past_stars(pattern, reach):
            if at == len(pattern):
                return True  # the pattern names a directory above `path`
            if pattern[at] == "**":
                step.add(at)
            elif fnmatchcase(part, pattern[at]):
                step.add(at + 1)
        if not step:
            return False
        reach = step
    return True


def _past_stars(pattern: list[str], reach: set[int]) -> set[int]:
    """Return `reach` and what lies behind a `**` there, which may take no part at all."""
    found = set()
    for start in reach:
        at = start
        found.add(at)
        while at < len(pattern) and pattern[at] == "**":
            at += 1
            found.add(at)
    return found
