"""Edge. A table cut by rows, with the memory of how it was cut the last time: what is stored as it was is not decoded.

The memory is one file a dep and way of cutting it, in the directory of derived data. It is read whole or not at all,
and replaced by every cut; without it everything is cut, and the pieces are the same.
"""

from __future__ import annotations

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
    from ..chunk.again import Former
    from ..chunk.rows import RowPiece

_VERSION = 1


def cut_table(item: Input, found: Found, rows: int, how: Cut, spill_dir: Path) -> Iterator[RowPiece]:
    """Yield the pieces of the table that `found` is, of about `rows` rows each."""
    from ..chunk.again import Former, cut_again
    from ..chunk.rows import cut_rows

    table = found.table(columns=item.columns, shape=known_shape(found, spill_dir))
    groups = table.named_groups()
    if groups is None:
        yield from cut_rows(table.batches(), table.schema, rows, how)
        return
    way = _way(table, rows, how)
    path = spill_dir / f"{_name(item, found, rows, how)}.cut"
    pieces: list[RowPiece] = []
    for piece in cut_again(table.batches_from, table.schema, rows, how, groups, _former(path, way)):
        pieces.append(piece)
        yield piece
    found.ensure_unchanged()
    with suppress(OSError):  # a disk that is full, or only read from, costs the memory and not the cut
        replace_file(path, Former(groups, tuple(pieces)).encode(way))


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
