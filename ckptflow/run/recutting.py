"""Edge. A table cut by rows, with the memory of how it was cut the last time: what is stored as it was is not decoded.

The memory is one file a dep and way of cutting it, in the directory of derived data. It is read whole or not at all,
and replaced by every cut; without it everything is cut, and the pieces are the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..fingerprint.encode import digest_of
from ..formats.tables import TableSource
from ..ids import Digest
from ..spec.model import Cut
from ..workspace.derived import replace_file
from .messages import Input
from .sources import Found, known_shape

if TYPE_CHECKING:
    import pyarrow as pa

    from ..chunk.again import Former
    from ..chunk.rows import RowPiece
    from .readcache import ReadCache

_VERSION = 1


def cut_table(
    item: Input, found: Found, rows: int, how: Cut, spill_dir: Path, cache: ReadCache | None
) -> Iterator[RowPiece]:
    """Yield the pieces of the table that `found` is, of about `rows` rows each.

    Pieces that the memory does not have are read next, as a rule: what `cache` has room for is kept of their rows.
    """
    from ..chunk.again import Former, cut_again
    from ..chunk.rows import cut_rows

    table = found.table(columns=item.columns, shape=known_shape(found, spill_dir))
    groups = table.named_groups()
    if groups is None:
        yield from cut_rows(table.batches(), table.schema, rows, how)
        return
    way = _way(table, rows, how)
    path = spill_dir / f"{_name(item, found, rows, how)}.cut"
    former = _former(path, way)
    known = {piece.digest for piece in former.pieces}
    passing = _Passing(table, cache.room if cache is not None else 0)
    pieces: list[RowPiece] = []
    for piece in cut_again(passing.batches_from, table.schema, rows, how, groups, former):
        pieces.append(piece)
        passing.let_go(piece, keep=piece.digest not in known)
        yield piece
    found.ensure_unchanged()
    if cache is not None:
        cache.keep_rows(found, item.columns, passing.kept)
    with suppress(OSError):  # a disk that is full, or only read from, costs the memory and not the cut
        replace_file(path, Former(groups, tuple(pieces)).encode(way))


class _Passing:
    """Rows on their way to the cutter, which holds them too until they are in a piece; `kept` is what stays of them."""

    def __init__(self, table: TableSource, room: int) -> None:
        self._table = table
        self._room = room
        self._batches: deque[tuple[int, pa.RecordBatch]] = deque()
        self.kept: dict[tuple[int, int], pa.Table] = {}

    def batches_from(self, row: int) -> Iterator[pa.RecordBatch]:
        """See `TableSource`."""
        self._batches.clear()
        for batch in self._table.batches_from(row):
            self._batches.append((row, batch))
            row += batch.num_rows
            yield batch

    def let_go(self, piece: RowPiece, *, keep: bool) -> None:
        """Forget the rows up to the end of `piece`; if there is room, keep its own."""
        import pyarrow as pa

        found = []
        while self._batches and self._batches[0][0] < piece.stop:
            start, batch = self._batches[0]
            if keep and start + batch.num_rows > piece.start:
                found.append((max(0, piece.start - start), min(batch.num_rows, piece.stop - start), batch))
            if start + batch.num_rows > piece.stop:
                break
            self._batches.popleft()
        size = sum(batch.nbytes for _, _, batch in found)  # of all that a slice holds on to
        if found and size <= self._room:
            self._room -= size
            rows = [batch.slice(start, stop - start) for start, stop, batch in found]
            self.kept[piece.start, piece.stop] = pa.Table.from_batches(rows, self._table.schema).combine_chunks()


def _former(path: Path, way: str) -> Former:
    from ..chunk.again import Former

    try:
        return Former.decode(path.read_bytes(), way)
    except (OSError, ValueError, KeyError, TypeError):  # absent, torn, or made in another way: it is derived data
        return Former()


def _name(item: Input, found: Found, rows: int, how: Cut) -> Digest:
    """Name the dep by where it is, for its content is what changes."""
    return digest_of(["former cut", found.source.path, found.source.format, list(item.columns or ()), rows, how.value])


def _way(table: TableSource, rows: int, how: Cut) -> Digest:
    """Name all that decides the pieces but the stored bytes: other versions of Arrow might read other values."""
    import pyarrow as pa

    from ..chunk import content, schema

    versions = [_VERSION, content.VERSION, schema.VERSION, pa.__version__]
    return digest_of(["cut", versions, rows, how.value, table.schema.serialize().to_pybytes().hex()])
