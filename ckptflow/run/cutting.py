"""Edge. Cuts deps into pieces: reads them as streams, lets the pure room `chunk` decide, returns a `Sheet`.

The digest of a piece covers all that a function can be given of it: rows and schema for tables, whatever the file's
encoding; for a range of a CSV its exact bytes, the header and the types of the whole file; names and contents for
files. Whoever delivers a piece (`reading`) shows nothing beyond that.

An empty dep is one piece without rows, so that its stage runs once and its out has a schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..chunk.model import AtBytes, AtColumns, AtFiles, AtPart, AtRows, Piece, Whole
from ..chunk.packed import Pieces
from ..chunk.sheet import Sheet
from ..errors import CkptflowError, DepUnreadable
from ..formats.forms import FILE_FORMS
from ..formats.registry import LINES
from ..formats.tables import TableSource
from ..ids import Digest, Hasher, digest
from ..spec.model import (
    ByBuckets,
    ByRanges,
    ByValues,
    ChunkSpec,
    Cut,
    OverBytes,
    OverFiles,
    OverParts,
    OverRows,
    chunked_deps,
)
from ..store.hashing import hash_file
from .messages import CutTask, Input
from .sources import Found, Kind, SourceFile, find, known_shape
from .spills import spill_keys, spill_rows

if TYPE_CHECKING:
    import pyarrow as pa

    from ..chunk.values import TableHasher
    from .readcache import ReadCache

_READ_BYTES = 4 << 20


def cut(
    task: CutTask,
    store_path_of: Callable[[Digest], Path],
    root: Path,
    spill_dir: Path,
    cache: ReadCache | None = None,
) -> Sheet:
    """Return the pieces of the deps of `task`, cut together as its spec says; whole ones where it says nothing.

    `store_path_of` returns the verified local path of an object; `root` is the project, `spill_dir` a directory for
    derived data, `cache` what this process reads chunks through, if it does. Raises `DepMissing`, `DepUnreadable` (also
    for a dep that cannot be cut this way), `DepChanged` for one that changed meanwhile, `StoreDamaged`.
    """
    found = {i.label: (i, find(i.source, root, store_path_of)) for i in task.inputs}
    sheet = _cut(task, found, spill_dir, cache)
    for _, dep in found.values():
        dep.ensure_unchanged()
    return sheet


def _cut(task: CutTask, found: dict[str, tuple[Input, Found]], spill_dir: Path, cache: ReadCache | None) -> Sheet:
    spec = task.spec
    if spec is None:
        return Sheet({label: Pieces((_whole(i, dep),)) for label, (i, dep) in found.items()})
    for label in chunked_deps(spec):
        if label not in found:
            raise CkptflowError(f"stage `{task.stage}`: dep `{label}` of its chunks was not handed to the cut")
    if isinstance(spec, ByRanges | ByBuckets | ByValues):
        return spill_keys(spec, {label: found[label] for label in spec.by}, spill_dir)
    pieces, labels = _over(spec, *found[spec.over], spill_dir, cache)
    return Sheet({spec.over: pieces}, labels, counted=isinstance(spec, OverRows))


def _over(
    spec: ChunkSpec, item: Input, found: Found, spill_dir: Path, cache: ReadCache | None
) -> tuple[Pieces, tuple[str, ...]]:
    match spec:
        case OverParts():
            return _parts(item, found)
        case OverRows(rows=rows, cut=how):
            return Pieces(_rows(item, found, rows, how, spill_dir, cache)), ()
        case OverBytes(bytes=size, cut=how):
            return Pieces(_bytes(item, found, size, how, spill_dir)), ()
        case OverFiles(files=count, cut=how):
            return _files(found, count, how)
        case _:
            raise AssertionError(f"not cut over one dep: {spec}")


# ---- one to one


def _parts(item: Input, found: Found) -> tuple[Pieces, tuple[str, ...]]:
    if found.kind is Kind.DIR:
        return _files(found, 1, Cut.FIXED)
    columns = next((f for f in found.files if f.part is not None and not f.part.is_void), None)
    pieces = Pieces(_part(item, found, file, columns) for file in found.files)
    if not pieces:
        return Pieces((_no_files(),)), ()
    return pieces, tuple(file.name for file in found.files) if found.kind is Kind.PARTS else ()


def _part(item: Input, found: Found, file: SourceFile, columns: SourceFile | None) -> Piece:
    part = file.part
    if part is not None and part.is_void and columns is not None and columns.part is not None:
        schema = found.table(columns=item.columns, files=(columns,)).schema
        return Piece(_hasher(schema).digest(), AtColumns(columns.part), 0, 0)
    where = AtPart(part) if part is not None else AtFiles((file.name,)) if file.name else Whole()
    if not found.tabular:
        return Piece(_content(found, file), where, part.rows if part is not None else None, file.bytes)
    if part is not None and item.columns is None:
        return Piece(part.values, where, part.rows, file.bytes)
    values, rows = _values(found.table(columns=item.columns, files=(file,)))
    return Piece(values, where, rows, file.bytes)


def _values(table: TableSource) -> tuple[Digest, int]:
    hasher = _hasher(table.schema)
    for batch in table.batches():
        hasher.update(batch)
    return hasher.digest(), hasher.rows


def _hasher(schema: pa.Schema) -> TableHasher:
    from ..chunk.values import TableHasher

    return TableHasher(schema)


def _no_files() -> Piece:
    from ..chunk.files import cut_files

    return Piece(cut_files([], 1, Cut.FIXED)[0].digest, AtFiles(()), None, 0)


# ---- whole


def _whole(item: Input, found: Found) -> Piece:
    """Identify a dep that every chunk gets whole: a table by its values (and the rows of its files, which a `Dataset`
    shows), anything else by its bytes and the names of its files."""
    size = sum(file.bytes for file in found.files)
    if found.tabular and item.form not in FILE_FORMS:
        table = found.table(columns=item.columns)
        values, rows = _values(table)
        if found.kind is Kind.PARTS:
            values = digest(f"files of {values} {[part.rows for part in table.shape.parts]}".encode())
        return Piece(values, Whole(), rows, size)
    if found.kind is Kind.FILE:
        return Piece(_content(found, found.files[0]), Whole(), None, size)
    hasher = Hasher()
    for file in found.files:
        name = file.name.encode("utf-8", "surrogateescape")
        hasher.update(f"{len(name)} {_content(found, file)} ".encode() + name)
    return Piece(hasher.digest(), Whole(), None, size)


def _content(found: Found, file: SourceFile) -> Digest:
    content = file.object if file.object is not None else hash_file(found.locate(file))
    return digest(f"{content} executable".encode()) if file.executable else content


# ---- rows


def _rows(item: Input, found: Found, rows: int, how: Cut, spill_dir: Path, cache: ReadCache | None) -> Iterator[Piece]:
    if found.kind is Kind.FILE and found.source.format in LINES and (item.columns is None or not found.tabular):
        yield from _lines(found, spill_dir, how, rows=rows)
        return
    if not found.tabular:
        raise _uncuttable(found, "rows", "a table, CSV, JSON Lines or text")
    if found.source.format in LINES:
        yield from spill_rows(item, found, rows, how, spill_dir)
        return
    from .recutting import cut_table

    for piece in cut_table(item, found, rows, how, spill_dir, cache):
        yield Piece(piece.digest, AtRows(piece.start, piece.stop), piece.stop - piece.start, piece.bytes)


def _lines(
    found: Found, spill_dir: Path, how: Cut, *, rows: int | None = None, size: int | None = None
) -> Iterator[Piece]:
    from ..chunk.text import cut_lines

    (file,) = found.files
    path = found.locate(file)
    salt = b""
    if found.tabular:
        from ..chunk.values import schema_digest

        salt = schema_digest(known_shape(found, spill_dir).schema).encode()
    separated = found.source.format in ("csv", "tsv")
    for piece in cut_lines(
        _blocks(path),
        rows=rows,
        size=size,
        cut=how,
        quoted=separated,
        header=separated,
        delimiter=b"\t" if found.source.format == "tsv" else b",",
        salt=salt,
    ):
        where = AtBytes(piece.start, piece.stop)
        yield Piece(piece.digest, where, piece.rows, piece.stop - piece.start)


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            yield block


# ---- bytes and files


def _bytes(item: Input, found: Found, size: int, how: Cut, spill_dir: Path) -> Iterator[Piece]:
    if found.kind is Kind.FILE and found.source.format in LINES and (item.columns is None or not found.tabular):
        yield from _lines(found, spill_dir, how, size=size)
        return
    if found.tabular and found.source.format not in LINES:
        from ..chunk.rows import cut_table_bytes

        table = found.table(columns=item.columns, shape=known_shape(found, spill_dir))
        groups = [(g.start, g.stop) for g in table.row_groups]
        for rows in cut_table_bytes(table.batches(), table.schema, size, how, groups=groups):
            yield Piece(rows.digest, AtRows(rows.start, rows.stop), rows.stop - rows.start, rows.bytes)
        return
    if found.kind is not Kind.FILE or found.tabular:
        raise _uncuttable(found, "bytes", "one file, or a Parquet table")
    from ..chunk.binary import cut_binary

    for piece in cut_binary(_blocks(found.locate(found.files[0])), size, how):
        yield Piece(piece.digest, AtBytes(piece.start, piece.stop), None, piece.stop - piece.start)


def _files(found: Found, count: int, how: Cut) -> tuple[Pieces, tuple[str, ...]]:
    from ..chunk.files import cut_files

    if found.kind is Kind.FILE or any(file.part is not None for file in found.files):
        raise _uncuttable(
            found, "files", "a directory or a pattern; for the parts of a chunked out, leave `files` away"
        )
    named = [(file.name, _content(found, file), file.bytes) for file in found.files]
    groups = cut_files(named, count, how)
    labels = tuple(_file_label(group.paths) for group in groups)
    return Pieces(Piece(group.digest, AtFiles(group.paths), None, group.bytes) for group in groups), labels


def _file_label(paths: tuple[str, ...]) -> str:
    if len(paths) < 2:
        return paths[0] if paths else "no files"
    return f"{paths[0]} to {paths[-1]}"


def _uncuttable(found: Found, unit: str, takes: str) -> DepUnreadable:
    what = {Kind.FILE: "a file", Kind.PARTS: "several files", Kind.DIR: "a directory"}[found.kind]
    text = f"`{found.source.path}` ({what} of format `{found.source.format}`) cannot be cut by {unit}"
    return DepUnreadable(text, hint=f"{unit}: needs {takes}")
