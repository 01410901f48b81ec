"""Pure. DVC's names of directories: the MD5 of a JSON list of `{"md5": ..., "relpath": ...}`, sorted by path.

The bytes are those of Python's `json.dumps(..., sort_keys=True)`: ASCII, `", "` and `": "` between values. Files alone
count: no empty directories, no modes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import md5

from .lock import DIRECTORY


def listing_md5(files: Iterable[tuple[str, str]]) -> str:
    """Return what DVC calls a directory with these `(relative POSIX path, MD5)`."""
    rows = [{"md5": digest, "relpath": path} for path, digest in sorted(files)]
    return md5(json.dumps(rows, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + DIRECTORY


def read_listing(data: bytes) -> list[tuple[str, str]] | None:
    """Return `(relative path, MD5)` of the files that a `.dir` of DVC's cache lists; None for what is none.

    A path that would leave the directory makes it none.
    """
    try:
        rows = [(row["relpath"], row["md5"]) for row in json.loads(data)]
    except (ValueError, KeyError, TypeError):
        return None
    sound = all(isinstance(path, str) and isinstance(digest, str) and _inside(path) for path, digest in rows)
    return rows if sound else None


def _inside(path: str) -> bool:
    return bool(path) and not any(part in ("", ".", "..") for part in path.split("/"))
