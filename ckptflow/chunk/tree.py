"""Pure. Trees: the document that lists the parts of one out, in chunk order; its digest names the whole out.

Text, one JSON value a line: a header, then one row a part. Rows are `Part.to_list`. A listing is the same for a
directory: a header, then `[path, object, bytes, executable]` a file, sorted by path. The encoding is canonical (sorted
keys, no spaces, ASCII), so equal contents have equal names.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

from ..dataclass import dataclass
from ..ids import Digest, digest, is_digest
from .model import Part

VERSION = 1


class Layout(StrEnum):
    """How an out stands in the workspace: one file, a directory of parts, or the files that a listing names."""

    FILE = "file"
    PARTS = "parts"
    DIR = "dir"


class MalformedDocument(ValueError):
    """The bytes are no tree or listing of a version that this program reads."""


_text = json.encoder.encode_basestring_ascii
_line = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Tree:
    """One out. `format` is the parts' format, `suffix` the end of the parts' file names (`.parquet`)."""

    layout: Layout
    format: str
    parts: tuple[Part, ...]
    suffix: str = ""

    def encode(self) -> bytes:
        """Return the canonical text."""
        # Written out: the encoder takes longer for this one line than all else that a stage of one part needs.
        header = (
            f'{{"ckptflow":"tree","format":{_text(self.format)},"layout":{_text(self.layout)},'
            f'"parts":{len(self.parts)},"suffix":{_text(self.suffix)},"version":{VERSION}}}'
        )
        return "".join(f"{line}\n" for line in (header, *(_line(p.to_list()) for p in self.parts))).encode()

    @classmethod
    def decode(cls, data: bytes) -> Tree:
        """Inverse of `encode`. Raises `MalformedDocument`."""
        header, rows = _split(data, "tree")
        try:
            parts = tuple(Part.from_list(row) for row in rows)
            tree = cls(Layout(header["layout"]), header["format"], parts, header["suffix"])
        except (KeyError, ValueError, TypeError) as error:
            raise MalformedDocument(f"not a tree: {error}") from error
        if len(parts) != header.get("parts") or not all(is_digest(p.object) and is_digest(p.values) for p in parts):
            raise MalformedDocument("not a tree: parts missing or misnamed")
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
        text = "".join(f"{p.values}\n" for p in self.parts)
        return digest(f"{self.layout.value} {self.format}\n{text}".encode())


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
        return "".join(f"{_line(row)}\n" for row in (header, *rows)).encode()

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


def _split(data: bytes, kind: str) -> tuple[dict[str, Any], list[Any]]:
    try:
        header, *rows = [json.loads(line) for line in data.decode().splitlines()]
    except ValueError as error:
        raise MalformedDocument(f"not a {kind}: {error}") from error
    if not isinstance(header, dict) or header.get("ckptflow") != kind:
        raise MalformedDocument(f"not a {kind}")
    if header.get("version") != VERSION:
        raise MalformedDocument(f"{kind} of version {header.get('version')}, this program reads {VERSION}")
    return header, rows
