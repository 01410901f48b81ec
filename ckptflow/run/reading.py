"""Edge. What an input stands for: the value that the function gets, or a file for a command.

Strategy: first where the piece is (`where`), then in which form it is wanted. Tables come as rows, whatever holds them.
A form that shows bytes gets the file itself only if the piece is named by bytes; if it is named by its rows, it gets a
file written anew from them, since another file with the same rows must not make a difference.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ..chunk.model import AtBytes, AtColumns, AtFiles, AtPart, AtRows, AtSlot, Whole
from ..dataclass import replace
from ..errors import DepChanged, DepUnreadable, UsageError
from ..formats.deliver import as_form, source_as
from ..formats.forms import FILE_FORMS, TABLE_FORMS, Form
from ..formats.lines import LinesReader
from ..formats.registry import get_format
from ..spec.paths import is_glob
from .messages import Input
from .readcache import ReadCache
from .sources import Found, Kind, ObjectPath, SourceFile, known_shape, listed
from .spills import read_slot

if TYPE_CHECKING:
    import pyarrow as pa


def read_input(input: Input, *, root: Path, object_path: ObjectPath, spill_dir: Path, cache: ReadCache) -> object:
    """Return the value of `input` in the form it asks for. Paths are absolute and keep the suffix of the dep.

    Raises `DepMissing`, `DepUnreadable`, `DepChanged`, `SpillMissing`, `StoreDamaged`, and `UsageError` for a form
    that does not go with the dep.
    """
    return _Reading(input, root, object_path, spill_dir, cache).value()


def materialise(
    input: Input,
    path: Path,
    *,
    root: Path,
    object_path: ObjectPath,
    spill_dir: Path,
    cache: ReadCache | None = None,
) -> None:
    """Make `path`, at which there is nothing, the file or directory that `input` stands for. Raises as `read_input`.

    Whole files are symbolic links to where they lie; pieces are written, tables in the dep's format.
    """
    if cache is None:
        with ReadCache() as own:
            _Reading(input, root, object_path, spill_dir, own).place(path)
        return
    _Reading(input, root, object_path, spill_dir, cache).place(path)


class _Reading:
    """One input being read."""

    def __init__(self, item: Input, root: Path, object_path: ObjectPath, spill_dir: Path, cache: ReadCache) -> None:
        self._item = item
        self._form = item.form
        self._spill_dir = spill_dir
        self._cache = cache
        where = item.piece.where if item.piece is not None else Whole()
        self._where = where
        match where:
            case AtPart(part) | AtColumns(part):
                kind = Kind.DIR if part.listing else Kind.FILE
                single = (SourceFile("", part.bytes, object=part.object, part=part),)
                source = replace(item.source, identity=part.object, tree=None)
                self._found = Found(source, kind, listed(part, object_path) if part.listing else single, object_path)
            case AtSlot():
                self._found = Found(item.source, Kind.FILE, (), object_path)
            case _:
                self._found = cache.found(item.source, root, object_path)

    def value(self) -> object:
        """Return the value in the form asked for."""
        match self._where:
            case AtBytes(start, stop):
                return self._range_value(start, stop)
            case AtFiles(names) if not self._found.tabular:
                return self._files_value(self._found.picked(names))
        if not self._found.tabular:
            return self._plain_value()
        if self._form not in FILE_FORMS:
            return self._table_value()
        return self._bytes_value()

    def place(self, path: Path) -> None:
        """Make `path` the file or directory that the input stands for."""
        match self._where:
            case AtBytes(start, stop):
                path.write_bytes(self._range(start, stop))
            case AtFiles(names) if not self._by_rows:
                files = self._found.picked(names)
                _link_files(self._found, files, path, alone=len(files) == 1)
            case _ if self._by_rows:
                get_format(self._found.source.format).write(self._table(), path)
            case _:
                _link_files(self._found, self._found.files, path, alone=self._found.kind is Kind.FILE)

    # ---- tables

    @property
    def _by_rows(self) -> bool:
        """Whether the piece is named by its rows, so that the bytes of a file are not part of its identity."""
        match self._where:
            case Whole():
                return False
            case AtPart(part):
                return self._found.tabular and part.values != part.object
            case AtFiles():
                piece = self._item.piece
                return self._found.tabular and piece is not None and piece.rows is not None
            case _:
                return self._found.tabular

    def _table(self) -> pa.Table:
        columns = self._item.columns
        match self._where:
            case AtRows(start, stop):
                return self._cache.rows(self._found, columns, start, stop, self._spill_dir)
            case AtSlot(spill, slot):
                assert self._item.piece is not None
                return read_slot(self._spill_dir, spill, slot, self._item.piece.digest)
            case AtFiles(names):
                return self._found.table(columns=columns, files=self._found.picked(names)).to_table()
            case AtPart():
                return self._found.table(columns=columns).to_table()
            case AtColumns():
                return self._found.table(columns=columns).schema.empty_table()
            case AtBytes(start, stop):
                return self._parsed(start, stop)
            case Whole():
                return self._cache.whole(self._found, columns, self._spill_dir)

    def _table_value(self) -> object:
        if isinstance(self._where, Whole) and self._form in (Form.DATASET, Form.READER):
            # Not the shared one: a reader of the last chunk may still be half read.
            shape = known_shape(self._found, self._spill_dir)
            return source_as(self._found.table(columns=self._item.columns, shape=shape), self._form)
        return as_form(self._table(), self._form)

    def _bytes_value(self) -> object:
        """Return a table, or a piece of one, as the bytes of a file."""
        whole = isinstance(self._where, Whole)
        if self._form is Form.PATHS and not self._by_rows:
            return self._paths(self._chosen())
        if self._form in (Form.BYTES, Form.TEXT) and not self._by_rows:
            return self._joined(self._chosen())
        path = self._whole_path() if whole else self._piece_path()
        match self._form:
            case Form.PATHS:
                return [path]
            case Form.BYTES:
                return path.read_bytes()
            case Form.TEXT:
                return _decoded(path.read_bytes(), self._found.source.path)
            case _:
                return path

    def _chosen(self) -> tuple[SourceFile, ...]:
        return self._found.picked(self._where.files) if isinstance(self._where, AtFiles) else self._found.files

    def _joined(self, files: tuple[SourceFile, ...]) -> bytes | str:
        if len(files) != 1 and self._found.source.format not in ("text", "jsonl"):
            raise self._unfit("several files")
        data = b"".join(self._found.locate(file).read_bytes() for file in files)
        return data if self._form is Form.BYTES else _decoded(data, self._found.source.path)

    # ---- files

    def _plain_value(self) -> object:
        """Return a source that is no table, or one part of it."""
        found, form = self._found, self._form
        if found.kind is Kind.DIR:
            match form:
                case Form.NATURAL | Form.PATH:
                    return self._whole_path()
                case Form.PATHS:
                    return self._paths(found.files)
                case _:
                    raise self._unfit("a directory")
        if form is Form.PATH or (form is Form.NATURAL and found.source.format in ("file", "dir")):
            return self._whole_path()
        if form is Form.PATHS:
            return self._paths(found.files)
        if form in (Form.BYTES, Form.TEXT):
            return self._joined(found.files)
        read = get_format(found.source.format).read
        values = [read(found.locate(file), form) for file in found.files]
        return values[0] if found.kind is Kind.FILE else values

    def _files_value(self, files: tuple[SourceFile, ...]) -> object:
        match self._form:
            case Form.NATURAL | Form.PATHS:
                return self._paths(files)
            case Form.PATH:
                return self._paths(files)[0] if len(files) == 1 else self._piece_path()
            case Form.BYTES | Form.TEXT:
                return self._joined(files)
            case _:
                raise self._unfit("files")

    def _paths(self, files: tuple[SourceFile, ...]) -> list[Path]:
        """Return a path of each file; those of the store get links with their names."""
        found = self._found
        if all(file.path is not None for file in files):
            return [found.locate(file).absolute() for file in files]
        whole = files == found.files and not isinstance(self._where, AtPart)
        if found.kind is Kind.FILE or whole:
            top = self._whole_path()
        else:
            top = self._fresh(piece=True)
            _link_files(found, files, top, alone=False)
        return [top / file.name if file.name else top for file in files]

    def _whole_path(self) -> Path:
        """Return the path of the whole source, or of the whole part: where it lies, or links with the right names."""
        found = self._found
        if found.kind is Kind.FILE and found.files[0].path is not None:
            return found.files[0].path.absolute()
        if found.top is not None:
            return found.top.absolute()
        part = isinstance(self._where, AtPart)
        known = None if part else self._cache.view(found)
        if known is None:
            known = self._fresh(piece=part)
            _link_files(found, found.files, known, alone=found.kind is Kind.FILE)
            if not part:
                self._cache.keep_view(found, known)
        return known

    def _piece_path(self) -> Path:
        path = self._fresh(piece=True)
        self.place(path)
        return path

    def _fresh(self, *, piece: bool) -> Path:
        """Return a path with the dep's name for a whole source; pieces have a name that says nothing."""
        source = self._found.source
        suffix = get_format(source.format).suffix if self._found.tabular else Path(source.path).suffix
        name = f"chunk{suffix}" if piece else "files" if is_glob(source.path) else Path(source.path).name
        return self._cache.fresh(name, self._spill_dir, piece=piece)

    # ---- ranges of bytes

    def _range(self, start: int, stop: int) -> bytes:
        """Return the bytes of a range; for a table in text with the header before them, so that they are a file."""
        (file,) = self._found.files
        path = self._found.locate(file)
        with path.open("rb") as stream:
            stream.seek(start)
            data = stream.read(stop - start)
        if len(data) != stop - start:
            raise DepChanged(f"{self._found.source.path} is shorter than it was when it was cut")
        if self._found.source.format in ("csv", "tsv"):
            return LinesReader(path, self._found.source.format).header()[0] + data
        return data

    def _parsed(self, start: int, stop: int) -> pa.Table:
        shape = self._cache.table(self._found, None, self._spill_dir).shape
        reader = LinesReader(self._found.locate(self._found.files[0]), self._found.source.format)
        schema = self._cache.table(self._found, self._item.columns, self._spill_dir).schema
        return reader.parse_range(shape.parts[0], start, stop, schema)

    def _range_value(self, start: int, stop: int) -> object:
        source, form = self._found.source, self._form
        if self._found.tabular and form not in FILE_FORMS:
            return as_form(self._parsed(start, stop), form)
        if form in TABLE_FORMS:
            raise self._unfit("a range of bytes")
        natural = Form.TEXT if source.format == "text" else Form.PATH
        match natural if form is Form.NATURAL else form:
            case Form.TEXT:
                return _decoded(self._range(start, stop), source.path)
            case Form.BYTES:
                return self._range(start, stop)
            case Form.PATHS:
                return [self._piece_path()]
            case _:
                return self._piece_path()

    def _unfit(self, what: str) -> UsageError:
        text = f"dep `{self._item.label}` is {what} of format `{self._found.source.format}`"
        return UsageError(f"{text} and cannot be given as {self._form}", hint="annotate it as list[pathlib.Path]")


def _decoded(data: bytes, path: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DepUnreadable(f"{path} is not UTF-8: {error}", hint="annotate the argument as bytes") from error


def _link_files(found: Found, files: tuple[SourceFile, ...], path: Path, *, alone: bool) -> None:
    """Make `path` a link to the one file, or a directory of links with the files' names."""
    if alone:
        (file,) = files
        _link(found, file, path)
        return
    path.mkdir(parents=True)
    for file in files:
        if file.part is not None and file.part.is_void:
            continue
        target = path / (file.name or Path(found.source.path).name)
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(found, file, target)


def _link(found: Found, file: SourceFile, path: Path) -> None:
    target = found.locate(file).absolute()
    if file.executable:  # the mode is the object's and cannot be another in a link
        shutil.copyfile(target, path)
        path.chmod(0o555)
        return
    path.symlink_to(target)
