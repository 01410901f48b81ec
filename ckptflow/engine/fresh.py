"""Edge. The fast answer: is everything as it was when it was last found up to date?

A witness is written (`engine.witness`) when a run ends with nothing left to do: what stat says of every file that had a
part in that verdict, the names that were looked up and not found, and the settings. If all of it still holds, nothing
can be stale and nothing is planned. If anything differs, the ordinary way is taken; so this is never more than a cache.

Imports nothing but what it needs: this is what a user waits for most often.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from array import array
from collections.abc import Sequence
from typing import Any

from xxhash import xxh3_64, xxh3_64_hexdigest

from .. import __version__
from ..store.inodes import MASK
from ..workspace.discover import file_of, scan, walk

VERSION = 3
KIND = "fresh"
KEY = "CKPTFLOW_KEY"
S_IFMT, S_IFDIR = 0o170000, 0o040000  # POSIX; the module `stat` would be one more import
IGNORED = frozenset({".git", ".ckptflow", "__pycache__", ".DS_Store"})


def key_of(file: str, here: str, targets: Sequence[str]) -> str:
    """Return the name under which the verdict on some targets is kept. `here` is the directory that they start from."""
    return "\0".join((file, here, *targets) if targets else (file,))


def still_fresh(root: str, file: str, targets: Sequence[str] = (), here: str = ".") -> dict[str, Any] | None:
    """Return the result of the last run of these targets if it still holds for the project at `root`, else None."""
    key = key_of(file, here, targets)
    path = f"{root}/.ckptflow/cache.db"
    if not os.path.exists(path):  # noqa: PTH110 - pathlib costs as much as all the rest
        return None
    try:
        db = sqlite3.connect(path, timeout=1)
        row = db.execute("SELECT value FROM documents WHERE kind = ? AND key = ?", (KIND, key)).fetchone()
        db.close()
        witness = _opened(key, row[0]) if row else None
    except (sqlite3.Error, ValueError, TypeError):
        return None
    if witness is None or witness.get("about") != about() or not holds(root, witness):
        return None
    result: dict[str, Any] = witness["result"]
    return result


def _opened(key: str, value: str) -> Any | None:
    """Return the document if its checksum holds, as `workspace.cache` writes and reads it: a run that has nothing to do
    does not import that."""
    text = f"{KIND}\0{key}\0{value[16:]}".encode("utf-8", "surrogatepass")
    sound = value[:16] == xxh3_64_hexdigest(text)
    return json.loads(value[16:]) if sound else None


def holds(root: str, witness: dict[str, Any]) -> bool:
    """Tell whether every file is as the witness saw it."""
    try:
        for path, size, mtime, inode in witness["files"]:
            found = os.stat(os.path.join(root, path))  # noqa: PTH116, PTH118
            if found.st_size != size or found.st_mtime_ns != mtime or found.st_ino & MASK != inode:
                return False
        for path in witness["absent"]:
            if os.path.lexists(os.path.join(root, path)):  # noqa: PTH118
                return False
        if any(has_more(root, *place) for place in witness["places"]):
            return False
        return all(tree_stamp(os.path.join(root, path)) == stamp for path, stamp in witness["dirs"])  # noqa: PTH118
    except OSError:
        return False


def has_more(root: str, directory: str, mtime: int, names: list[str]) -> bool:
    """Tell whether a pipeline file came to a directory, which had these `names` that matter, or to a new one in it."""
    full = f"{root}/{directory}"
    try:
        if os.stat(full).st_mtime_ns == mtime:  # noqa: PTH116
            return False
    except OSError:  # a directory that went takes no pipeline file with it: those are witnessed as files
        return False
    came = [name for name in scan(full, top=directory == ".") if name not in names]
    new = [f"{full}/{name[:-1]}" for name in came if name[-1] == "/"]
    return len(new) < len(came) or any(file_of(at, found) for top in new for at, _, found in walk(top))


def tree_stamp(top: str) -> str:
    """Return a digest of the names, sizes, modification times and inodes of all below a directory.

    Valid on this machine only, and only for comparison: entries are taken in the order in which the system lists them,
    which changes when the directory does.
    """
    hasher = xxh3_64()
    ignored = IGNORED
    stack = [top]
    while stack:
        directory = stack.pop()
        names: list[str] = []
        numbers: list[int] = []
        fd = os.open(directory, os.O_RDONLY)  # by descriptor: entries are then looked up in it and not from the root
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    name = entry.name
                    if name in ignored:
                        continue
                    found = entry.stat()
                    names.append(name)
                    numbers += (found.st_size, found.st_mtime_ns, found.st_ino & MASK)
                    if found.st_mode & S_IFMT == S_IFDIR:
                        stack.append(f"{directory}/{name}")
        finally:
            os.close(fd)
        hasher.update("\0".join(names).encode("utf-8", "surrogateescape"))
        hasher.update(array("q", numbers).tobytes())
    return hasher.hexdigest()


def about() -> list[Any]:
    """Return what else a verdict depends on: versions of program and interpreter, settings in the environment.

    The project's key decides which records of others count, so another key makes another verdict. It is not kept: what
    stands here in its place is its signature of a fixed text, which tells no more of it than those in a remote do. The
    same goes for URLs, which may hold passwords.
    """
    own = [(k, v) for k, v in os.environ.items() if k.startswith("CKPTFLOW_")]
    settings = sorted([k, signature(v) if k == KEY or "://" in v else v] for k, v in own)
    return [VERSION, __version__, sys.prefix, list(sys.version_info[:3]), settings]


def signature(key: str) -> str:
    """Return what tells a secret from others and does not give it away."""
    from hmac import digest

    return digest(key.encode("utf-8", "surrogateescape"), b"ckptflow: which key", "sha256").hex()


def answer(began: float, result: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON object of a run that had nothing to do."""
    run = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + f"-{os.urandom(2).hex()}"
    return {"run": run, "ok": True, "outcome": "ok", "seconds": round(time.perf_counter() - began, 3), **result}
