"""Edge. The fast answer: is everything as it was when it was last found up to date?

A witness is written (`engine.witness`) when a run ends with nothing left to do: what stat says of every file that had a
part in that verdict, the names that were looked up and not found, and the settings. If all of it still holds, nothing
can be stale and nothing is planned. If anything differs, the ordinary way is taken; so this is never more than a cache.

A witness is a file of its own below `.ckptflow/fresh/`: texts with NUL between them, which paths cannot hold, behind a
checksum. Neither JSON nor SQLite is read, whose modules cost more than all the rest, and nothing else is imported that
need not be: this is what a user waits for most often.
"""

from __future__ import annotations

import os
import sys

from xxhash import xxh3_64_hexdigest, xxh3_128_hexdigest

from .. import __version__
from ..store.inodes import MASK
from ..workspace.discover import file_of, scan, walk

TYPE_CHECKING = False  # `typing` costs a fifth of the interpreter's own start, `collections.abc` a tenth
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

VERSION = 5
FOLDER = "fresh"
"""Below the state directory: the witnesses, a file for each choice of targets."""
KEY = "CKPTFLOW_KEY"


class Witness:
    """What a run saw that had nothing left to do.

    `files`: (path, `stamp_of` it); `absent`: paths with nothing there; `dirs`: (path, `tree_stamp`); `places`:
    (directory, mtime_ns, names), where pipeline files were looked for. `result` is the JSON text of what the run came
    to; with `plain` there is no more to say of its `stages` than how many they are.
    """

    __slots__ = ("absent", "dirs", "files", "places", "plain", "result", "stages")

    def __init__(
        self,
        files: Sequence[tuple[str, str]],
        absent: Sequence[str],
        dirs: Sequence[tuple[str, str]],
        places: Sequence[tuple[str, int, Sequence[str]]],
        *,
        stages: int,
        plain: bool,
        result: str,
    ) -> None:
        self.files, self.absent, self.dirs, self.places = files, absent, dirs, places
        self.stages, self.plain, self.result = stages, plain, result

    def encode(self, name: str) -> bytes:
        """Return the bytes of the file of this `name_of`."""
        texts = [name, about(), str(self.stages), "plain" if self.plain else "", self.result]
        texts += [str(len(part)) for part in (self.files, self.absent, self.dirs)]
        for pairs in (self.files, self.dirs):
            texts += [text for pair in pairs for text in pair]
        texts += self.absent
        for directory, mtime, names in self.places:
            texts += [directory, str(mtime), str(len(names)), *names]
        data = "\0".join(texts).encode("utf-8", "surrogatepass")
        return xxh3_64_hexdigest(data).encode() + data

    @staticmethod
    def decode(name: str, data: bytes) -> Witness | None:
        """Return the witness of this name; None if it is not sound, or speaks of other circumstances (`about`)."""
        if data[:16] != xxh3_64_hexdigest(data[16:]).encode():
            return None
        texts = iter(data[16:].decode("utf-8", "surrogatepass").split("\0"))
        if next(texts) != name or next(texts) != about():
            return None
        stages, plain, result = int(next(texts)), next(texts) == "plain", next(texts)
        files, absent, dirs = (int(next(texts)) for _ in range(3))
        return Witness(
            [(next(texts), next(texts)) for _ in range(files)],
            dirs=[(next(texts), next(texts)) for _ in range(dirs)],
            absent=[next(texts) for _ in range(absent)],
            places=list(_places(texts)),
            stages=stages,
            plain=plain,
            result=result,
        )

    def holds(self, root: str) -> bool:
        """Tell whether every file is as it was seen."""
        stat, lexists = os.stat, os.path.lexists
        try:
            for path, stamp in self.files:
                if stamp_of(stat(path if path[0] == "/" else f"{root}/{path}")) != stamp:
                    return False
            for path in self.absent:
                if lexists(path if path[0] == "/" else f"{root}/{path}"):
                    return False
            if any(has_more(root, *place) for place in self.places):
                return False
            return not self.dirs or self._dirs_hold(root)
        except OSError:
            return False

    def _dirs_hold(self, root: str) -> bool:
        from ..workspace.treestamp import tree_stamp  # most projects have no directories to look at

        return all(tree_stamp(os.path.join(root, path)) == stamp for path, stamp in self.dirs)  # noqa: PTH118


def _places(texts: Iterator[str]) -> Iterator[tuple[str, int, list[str]]]:
    for directory in texts:
        mtime = int(next(texts))
        yield directory, mtime, [next(texts) for _ in range(int(next(texts)))]


def name_of(file: str, here: str, targets: Sequence[str]) -> str:
    """Return the name of the witness for some targets. `here` is the directory that they start from."""
    asked = (file, here, *targets) if targets else (file,)
    return xxh3_128_hexdigest("\0".join(asked).encode("utf-8", "surrogatepass"))


def still_fresh(root: str, file: str, targets: Sequence[str] = (), here: str = ".") -> Witness | None:
    """Return what the last run of these targets saw if it still holds for the project at `root`, else None."""
    name = name_of(file, here, targets)
    try:
        with open(f"{root}/.ckptflow/{FOLDER}/{name}", "rb") as kept:
            witness = Witness.decode(name, kept.read())
    except (OSError, ValueError):
        return None
    return witness if witness is not None and witness.holds(root) else None


def stamp_of(found: os.stat_result) -> str:
    """Return what is compared of a file."""
    return stamp_text(found.st_size, found.st_mtime_ns, found.st_ino & MASK)


def stamp_text(size: int, mtime_ns: int, inode: int) -> str:
    """Return a stamp as witnesses hold it; `inode` is masked."""
    return f"{size} {mtime_ns} {inode}"


def has_more(root: str, directory: str, mtime: int, names: Sequence[str]) -> bool:
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


def about() -> str:
    """Return what else a verdict depends on: versions of program and interpreter, settings in the environment.

    The project's key decides which records of others count, so another key makes another verdict. It is not kept: what
    stands here in its place is its signature of a fixed text, which tells no more of it than those in a remote do. The
    same goes for URLs, which may hold passwords.
    """
    own = [(k, v) for k, v in os.environ.items() if k.startswith("CKPTFLOW_")]
    settings = sorted(f"{k}={signature(v) if k == KEY or '://' in v else v}" for k, v in own)
    return "\n".join((str(VERSION), __version__, sys.prefix, sys.version, *settings))


def signature(key: str) -> str:
    """Return what tells a secret from others and does not give it away."""
    from hmac import digest

    return digest(key.encode("utf-8", "surrogateescape"), b"ckptflow: which key", "sha256").hex()


def answer(began: float, result: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON object of a run that had nothing to do."""
    from time import gmtime, perf_counter, strftime

    run = strftime("%Y%m%dT%H%M%SZ", gmtime()) + f"-{os.urandom(2).hex()}"
    return {"run": run, "ok": True, "outcome": "ok", "seconds": round(perf_counter() - began, 3), **result}
