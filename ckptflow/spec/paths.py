"""Pure. Paths as pipelines write them: relative to the pipeline file, POSIX, normalised to the project's root.

No file system is asked: a path means the same wherever the project lies.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_GLOB = frozenset("*?[")
_WILDCARD = re.compile(r"[*?\[]")


def is_url(path: str) -> bool:
    """Tell whether `path` is `scheme://...`."""
    return _URL.match(path) is not None


def is_absolute(path: str) -> bool:
    """Tell whether `path` starts at a root: `/data` or `C:\\data`."""
    return path.startswith("/") or _DRIVE.match(path) is not None


def is_glob(path: str) -> bool:
    """Tell whether `path` has one of `*?[` and is no URL."""
    return not _GLOB.isdisjoint(path) and "://" not in path


def normalise(base: str, path: str, *, outside: bool = False) -> str | None:
    """Return `path`, taken from the directory `base`, relative to the project; `.` for the project itself.

    An absolute path stays absolute. None: the path leaves the project, or climbs above a root; with `outside` one that
    leaves the project begins with `..`.
    """
    if _DRIVE.match(path):
        return path
    rooted = path.startswith("/")
    parts: list[str] = [] if rooted or base == "." else base.split("/")
    for part in path.split("/"):
        if part == "..":
            if parts and parts[-1] != "..":
                parts.pop()
            elif outside:
                parts += [] if rooted else [".."]
            else:
                return None
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


def names(pattern: str, path: str) -> bool:
    """Tell whether the glob `pattern` names the file `path`.

    Patterns name files, not directories. `*`, `?` and `[...]` stay within one part of a path, unless `**` stands
    anywhere in the pattern: then all of them cross parts.
    """
    within = "**" in pattern or path.count("/") == pattern.count("/")
    return within and fnmatchcase(path, pattern)


def names_below(pattern: str, directory: str) -> bool:
    """Tell whether the glob `pattern` can name a file below `directory`; with `**` it may say yes too often."""
    if "**" in pattern:
        fixed, below = fixed_text(pattern), f"{directory}/"
        return below.startswith(fixed) or fixed.startswith(below)
    parts, above = pattern.split("/"), directory.split("/")
    return len(above) < len(parts) and all(map(fnmatchcase, above, parts))


def fixed_text(pattern: str) -> str:
    """Return `pattern` up to its first wildcard."""
    return _WILDCARD.split(pattern, maxsplit=1)[0]


def looks_like_a_file(path: str) -> bool:
    """Tell whether the name has a suffix that begins with a letter, as those of files do (`v1.0` has none)."""
    return suffix(path)[1:2].isalpha()
