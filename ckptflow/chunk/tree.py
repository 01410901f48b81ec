"""Pure. Trees: the document that lists the parts of one out, in chunk order; its digest names the whole out.

Text, one JSON value a line: a header, then one row a part. Rows are `Part.to_list`. A listing is the same for a
directory: a header, then `[path, object, bytes, executable]` a file, sorted by path. The encoding is canonical (sorted
keys, no spaces, ASCII), so equal contents have equal names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from io import BytesIO
from itertools import chain
from typing import Any

from ..dataclass import dataclass
from ..ids import Digest, Hasher, is_digest
from .model import Part
from .packed import Parts

VERSION = 1


class Layout(StrEnum):
    """How an out stands in the workspace: one file, a directory of parts, or the files that a listing names."""

    FILE = "file"
    PARTS = "parts"
    DIR = "dir"


class MalformedDocument(ValueError):
    """The bytes are no tree or listing of a version that this program reads."""


_read = json.JSONDecoder().decode
_text = json.encoder.encode_basestring_ascii
_line = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Tree:
    """One out. `format` is the parts' format, `suffix` the end of the parts' file names (`.parquet`)."""

    layout: Layout
    format: str
    parts: Sequence[Part]
    suffix: str = ""

    def encode(self) -> bytes:
        """Return the canonical text."""
        # Written out: the encoder takes longer for this one line than all else that a stage of one part needs.
        header = (
            f'{{"ckptflow":"tree","format":{_text(self.format)},"layout":{_text(self.layout)},'
            f'"parts":{len(self.parts)},"suffix":{_text(self.suffix)},"version":{VERSION}}}'
        )
        return _encode(header, (p.to_list() for p in self.parts))

    @classmethod
    def decode(cls, data: bytes) -> Tree:
        """Inverse of `encode`. Raises `MalformedDocument`."""
        header, rows = _split(data, "tree")
        try:
            parts = Parts(_named(Part.from_list(row)) for row in rows)
            tree = cls(Layout(header["layout"]), header["format"], parts, header["suffix"])
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise MalformedDocument(f"not a tree: {error}") from error
        if len(parts) != header.get("parts"):
            raise MalformedDocument("not a tree: parts missing")
        return tree

    @property
    def rows(self) -> int | None:
        """The number of rows, None where any part has none."""
        total = 0
        for part in self.parts:
            if part.rows is None:
                return None
            total += part.rows
        return total

    @property
    def bytes(self) -> int:
        """The size of all parts."""
        return sum(p.bytes for p in self.parts)

    def identity(self) -> Digest:
        """Return the digest of the content: what a stage that reads the whole out depends on."""
        if self.layout is Layout.FILE:
            return self.parts[0].values
        hasher = Hasher()
        hasher.update(f"{self.layout.value} {self.format}\n".encode())
        for part in self.parts:
            hasher.update(f"{part.values}\n".encode())
        return hasher.digest()


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file of a directory; `path` is POSIX, relative to the directory."""

    path: str
    object: Digest
    bytes: int
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a directory, sorted by path."""

    files: tuple[ListedFile, ...]

    def encode(self) -> bytes:
        """Return the canonical text."""
        header = {"ckptflow": "listing", "files": len(self.files), "version": VERSION}
        rows = ([f.path, f.object, f.bytes, f.executable] for f in sorted(self.files, key=lambda f: f.path))
        return _encode(_line(header), rows)

    @classmethod
    def decode(cls, data: bytes) -> Listing:
        """Inverse of `encode`. Raises `MalformedDocument`, also for a path that would leave the directory."""
        header, rows = _split(data, "listing")
        try:
            files = tuple(ListedFile(path, Digest(object_), size, bool(x)) for path, object_, size, x in rows)
        except (ValueError, TypeError) as error:
            raise MalformedDocument(f"not a listing: {error}") from error
        if len(files) != header.get("files") or not all(is_digest(f.object) and _inside(f.path) for f in files):
            raise MalformedDocument("not a listing: files missing, misnamed or outside their directory")
        return cls(files)


def _inside(path: object) -> bool:
    return isinstance(path, str) and bool(path) and not any(p in ("", ".", "..") for p in path.split("/"))


def _named(part: Part) -> Part:
    if not (is_digest(part.object) and is_digest(part.values)):
        raise ValueError("a part is misnamed")
    return part


def _encode(header: str, rows: Iterable[list[Any]]) -> bytes:
    """Return the lines, of which there may be a million, without having them one by one."""
    text = BytesIO()
    for line in chain((header,), map(_line, rows)):
        text.write(f"{line}\n".encode())
    return text.getvalue()


def _split(data: bytes, kind: str) -> tuple[dict[str, Any], Iterator[Any]]:
    """Return the header and, one at a time, the rows, which raise ValueError where they are no JSON."""
    rows = (_read(line.decode()) for line in BytesIO(data))
    try:
        header = next(rows, None)
    except ValueError as error:
        raise MalformedDocument(f"not a {kind}: {error}") from error
    if not isinstance(header, dict) or header.get("ckptflow") != kind:
        raise MalformedDocument(f"not a {kind}")
    if header.get("version") != VERSION:
        raise MalformedDocument(f"{kind} of version {header.get('version')}, this program reads {VERSION}")
    return header, rows
