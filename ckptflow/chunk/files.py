"""Pure. Many files cut into groups of about so many, by their paths; a group is named by the paths and the contents."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from ..dataclass import dataclass
from ..ids import Digest, Hasher, digest
from ..spec.model import Cut
from .content import Hashes, chooser


@dataclass(frozen=True, slots=True)
class FilesPiece:
    """Some files, paths sorted; `bytes` is their total size."""

    paths: tuple[str, ...]
    digest: Digest
    bytes: int


def cut_files(files: Iterable[tuple[str, Digest, int]], count: int, cut: Cut) -> list[FilesPiece]:
    """Return groups of about `count` of `files`, each `(path, digest of the content, size)`, in the order of paths.

    With `count` 1 every file is a piece. A changed file changes its own piece alone; an added or removed one that and
    at most its neighbours. No files are one piece without files.
    """
    ordered = sorted(files)
    choose = chooser(count, cut)
    hashes: Hashes = np.array([int(digest(_name(path))[:16], 16) for path, _, _ in ordered], np.uint64)
    cuts = choose.push(np.arange(len(ordered)), hashes, len(ordered)) + choose.finish()
    edges = [0, *(boundary.element for boundary in cuts), len(ordered)]
    return [_piece(ordered[start:stop]) for start, stop in pairwise(edges)]


def _piece(files: list[tuple[str, Digest, int]]) -> FilesPiece:
    hasher = Hasher()
    hasher.update(b"files 1\n")
    for path, content, _ in files:
        name = _name(path)
        hasher.update(f"{len(name)} ".encode() + name + f" {content}\n".encode())
    return FilesPiece(tuple(path for path, _, _ in files), hasher.digest(), sum(size for _, _, size in files))


def _name(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")  # names that are no UTF-8 are names all the same
