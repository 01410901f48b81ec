"""Edge. What a dep consists of: the files behind a `Source`, in the store or in the workspace, and the table they make.

Names of files are POSIX, relative to the dep's own path: to the directory, to the fixed part of a glob, to the out.
A single file has the empty name, parts of an out are named as in the workspace.
"""

from __future__ import annotations

import json
import stat as modes
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path

from ..chunk.model import Part
from ..chunk.tree import Layout, Listing, MalformedDocument, Tree
from ..dataclass import dataclass
from ..errors import DepChanged, DepMissing, DepUnreadable, StoreDamaged
from ..formats.registry import is_tabular
from ..formats.tables import CACHE_BYTES, Shape, TableFile, TableSource, measure, no_columns, open_table
from ..ids import Digest, digest
from ..spec.paths import is_glob
from ..workspace.derived import replace_file
from ..workspace.observed import Stamp, stamp_of
from ..workspace.place import part_name
from ..workspace.walk import members
from .messages import Source

ObjectPath = Callable[[Digest], Path]
"""Returns the verified local path of an object. Raises `StoreDamaged`, `NotThere`."""

_SHAPE_VERSION = 1


class Kind(Enum):
    """What a source is."""

    FILE = auto()  # one file
    PARTS = auto()  # files that together are one value of the source's format: a table, or a list of values
    DIR = auto()  # files with names


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: `path` in the workspace or `object` in the store; `part` if it is one of an out."""

    name: str
    bytes: int
    path: Path | None = None
    object: Digest | None = None
    part: Part | None = None
    executable: bool = False
    stamp: Stamp | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A source and its files, sorted by name, parts in their order."""

    source: Source
    kind: Kind
    files: tuple[SourceFile, ...]
    object_path: ObjectPath
    top: Path | None = None  # the directory of the workspace, where the source is one
    root: Path | None = None  # of the project, where the source is in its workspace

    def ensure_unchanged(self) -> None:
        """Raise `DepChanged` if other files lie in the workspace than those that were hashed for the plan.

        What was read is what its digest says only if this holds before and after. What is kept for later under the name
        of a content (a partition, the shape of a table) is therefore kept after this was called.
        """
        if self.root is not None:
            _find_in_workspace(self.source, self.root)

    @property
    def tabular(self) -> bool:
        """Whether the files make one table."""
        return self.kind is not Kind.DIR and is_tabular(self.source.format)

    def locate(self, file: SourceFile) -> Path:
        """Return where the file can be read; for one of the store this verifies it."""
        if file.path is not None:
            return file.path
        assert file.object is not None
        return self.object_path(file.object)

    def label(self, file: SourceFile) -> str:
        """Return how messages call the file."""
        return f"{self.source.path}/{file.name}" if file.name else self.source.path

    def table(
        self,
        *,
        columns: tuple[str, ...] | None = None,
        files: tuple[SourceFile, ...] | None = None,
        shape: Shape | None = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> TableSource:
        """Return the table that the files (default: all of the source) make."""
        chosen = self.table_files(files)
        if not chosen and (self.files if files is None else files):
            return open_table((), shape=no_columns())
        return open_table(chosen, columns=columns, shape=shape, cache_bytes=cache_bytes)

    def measure(self) -> Shape:
        """Return the shape of the table that all files make."""
        chosen = self.table_files()
        return no_columns() if self.files and not chosen else measure(chosen)

    def table_files(self, files: tuple[SourceFile, ...] | None = None) -> list[TableFile]:
        """Return the files as `formats` takes them, without parts that have not even columns."""

        def locator(file: SourceFile) -> Callable[[], Path]:
            return lambda: self.locate(file)

        chosen = self.files if files is None else files
        return [
            TableFile(self.label(file), self.source.format, locator(file), file.object)
            for file in chosen
            if file.part is None or not file.part.is_void
        ]

    def picked(self, names: tuple[str, ...]) -> tuple[SourceFile, ...]:
        """Return the files of these names, in this order. Raises `DepMissing`."""
        known = {file.name: file for file in self.files}
        for name in names:
            if name not in known:
                raise DepMissing(f"{self.source.path}/{name} is not there any more", hint="run again")
        return tuple(known[name] for name in names)


def find(source: Source, root: Path, object_path: ObjectPath) -> Found:
    """Return what `source` consists of.

    Raises `DepMissing`, `DepUnreadable`, `DepChanged` for files that are not those of the plan any more, and
    `StoreDamaged` for a tree that is none.
    """
    if source.tree is not None:
        return _find_tree(source, source.tree, object_path)
    kind, files = _find_in_workspace(source, root)
    top = root / source.path if kind is not Kind.FILE and not is_glob(source.path) else None
    return Found(source, kind, files, object_path, top, root)


def _find_tree(source: Source, name: Digest, object_path: ObjectPath) -> Found:
    try:
        tree = Tree.decode(object_path(name).read_bytes())
        if tree.layout is Layout.DIR or any(part.listing for part in tree.parts):
            files: dict[str, SourceFile] = {}
            for part in tree.parts:
                files.update({f.name: f for f in listed(part, object_path)})
            return Found(source, Kind.DIR, tuple(files[n] for n in sorted(files)), object_path)
    except MalformedDocument as error:
        raise StoreDamaged(f"object {name} is no tree of `{source.path}`: {error}") from error
    single = tree.layout is Layout.FILE
    parts = tuple(
        SourceFile("" if single else part_name(i, tree.suffix), part.bytes, object=part.object, part=part)
        for i, part in enumerate(tree.parts)
    )
    return Found(source, Kind.FILE if single else Kind.PARTS, parts, object_path)


def listed(part: Part, object_path: ObjectPath) -> tuple[SourceFile, ...]:
    """Return the files that a directory's listing names."""
    try:
        listing = Listing.decode(object_path(part.object).read_bytes())
    except MalformedDocument as error:
        raise StoreDamaged(f"object {part.object} is no listing: {error}") from error
    return tuple(SourceFile(f.path, f.bytes, object=f.object, executable=f.executable) for f in listing.files)


def _find_in_workspace(source: Source, root: Path) -> tuple[Kind, tuple[SourceFile, ...]]:
    together = Kind.PARTS if is_tabular(source.format) else Kind.DIR
    if is_glob(source.path):
        return together, _table_files(_as_planned(source, _members(source, root)), together)
    path = root / source.path
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise DepMissing(f"dep `{source.path}` is missing") from error
    except OSError as error:
        raise DepUnreadable(f"dep `{source.path}` cannot be read: {error.strerror}") from error
    if modes.S_ISREG(status.st_mode):
        file = SourceFile("", status.st_size, path=path, stamp=Stamp.of(status))
        return Kind.FILE, tuple(_as_planned(source, [file]))
    if modes.S_ISDIR(status.st_mode):
        files = _as_planned(source, _members(source, root))
        return together, _table_files(files, together)
    raise DepUnreadable(f"dep `{source.path}` is neither a file nor a directory")


def _as_planned(source: Source, files: list[SourceFile]) -> list[SourceFile]:
    """Return `files` if they are those that the plan was made of. Raises `DepChanged`."""
    if source.stamp and stamp_of((f.name, f.stamp) for f in files if f.stamp is not None) != source.stamp:
        raise DepChanged(f"`{source.path}` changed while it was being read")
    return files


def _table_files(files: list[SourceFile], kind: Kind) -> tuple[SourceFile, ...]:
    """Leave out what writers put beside the parts of a table: `_SUCCESS`, `.crc` files and the like."""
    if kind is Kind.DIR:
        return tuple(files)
    return tuple(f for f in files if not any(part.startswith(("_", ".")) for part in f.name.split("/")))


def _members(source: Source, root: Path) -> list[SourceFile]:
    """Return the files of a directory or glob of the workspace, sorted."""
    files = (
        SourceFile(name, status.st_size, path=Path(path), stamp=Stamp.of(status))
        for name, path, status in members(root, source.path)
    )
    return sorted(files, key=lambda f: f.name)


def known_shape(found: Found, spill_dir: Path) -> Shape:
    """Return the shape of the source's table: as kept in `spill_dir` by an earlier call, else measured and kept.

    Kept, because the types of a CSV are those of the whole file, and because a table of ten thousand parts would else
    be opened part by part in every worker.
    """
    if found.kind is Kind.FILE and found.source.format == "parquet":
        return found.measure()
    path = spill_dir / f"{_shape_name(found)}.shape"
    try:
        return Shape.decode(path.read_bytes())
    except (OSError, ValueError, KeyError, TypeError):  # absent or torn: it is derived data
        shape = found.measure()
    found.ensure_unchanged()
    replace_file(path, shape.encode())
    return shape


def _shape_name(found: Found) -> Digest:
    """Name the files themselves, not the values: equal values may be grouped in other ways."""
    files = [[f.name, f.bytes, f.object] for f in found.files]
    identity = found.source.tree or found.source.identity
    return digest(json.dumps(["shape", _SHAPE_VERSION, identity, found.source.format, files]).encode())
