"""Edge. How the rows of deps come into slots: found by looking at the keys of the leading dep, whatever their number.

Ranges need the keys in order. Few are sorted in memory. Many are first divided, by a sample of them, into parts that
lie one above the other, each in a file; the parts are then sorted one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DepUnreadable
from ..formats.tables import TableSource
from ..spec.model import ByBuckets, ByRanges, ByValues

if TYPE_CHECKING:
    import pyarrow as pa

    from ..chunk.keys import Ranges, Slotting

ByKeys = ByRanges | ByBuckets | ByValues

PART_ROWS = 1 << 19
"""Keys that are sorted at a time, about."""

_SAMPLE = 1 << 16
_MOST_PARTS = 200  # files open at once
_BATCH_BYTES = 8 << 20


def slotting_of(spec: ByKeys, table: TableSource, label: str, directory: Path) -> Slotting:
    """Return the slots of a partition, from the key column of its leading dep `table`.

    `directory` exists, and is used for files that are gone afterwards. Raises `DepUnreadable` for a column that cannot
    be a key.
    """
    from ..chunk.keys import build_buckets, build_ranges, build_values

    columns = spec.by[label]
    try:
        keys = table.select(columns)
        match spec:
            case ByBuckets():
                return build_buckets(spec.into, keys.schema.field(columns[0]).type)
            case ByValues():
                return build_values(_arrays(keys))
            case ByRanges() if table.num_rows <= PART_ROWS:
                return build_ranges(_arrays(keys), spec.rows, spec.cut)
        return _ranges_on_disk(spec, keys, directory)
    except ValueError as error:
        raise DepUnreadable(f"dep `{label}`, key {', '.join(columns)}: {error}") from error


def large(batches: Iterable[pa.RecordBatch], size: int) -> Iterator[pa.RecordBatch]:
    """Yield the same rows in batches of at least `size` bytes, the last one smaller."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        waiting.append(batch)
        held += batch.nbytes
        if held >= size:
            yield pa.concat_batches(waiting)
            waiting, held = [], 0
    if waiting:
        yield pa.concat_batches(waiting)


def _arrays(keys: TableSource) -> Iterator[pa.Array]:
    return chain.from_iterable(batch.columns for batch in keys.batches())


def _ranges_on_disk(spec: ByRanges, keys: TableSource, directory: Path) -> Ranges:
    from ..chunk.keys import build_ranges_of, parting

    step = max(1, keys.num_rows // _SAMPLE)
    parts = parting((array[::step] for array in _arrays(keys)), min(_MOST_PARTS, keys.num_rows // PART_ROWS + 1))
    paths = [directory / f"keys-{number}.arrow" for number in range(parts.count)]
    _divide(keys, parts, paths)
    try:
        return build_ranges_of(map(_read_part, paths), spec.rows, spec.cut)
    finally:
        for path in paths:
            path.unlink()


def _divide(keys: TableSource, parts: Ranges, paths: list[Path]) -> None:
    """Write every key to the file of its part; nulls are in the first."""
    import numpy as np
    import pyarrow as pa

    schema = keys.schema.empty_table().select([0]).schema
    with ExitStack() as stack:
        files: list[Any] = []
        for path in paths:
            sink = stack.enter_context(pa.OSFile(str(path), "wb"))
            files.append(stack.enter_context(pa.ipc.new_stream(sink, schema)))
        for batch in large(keys.batches(), _BATCH_BYTES):
            slots = parts.assign(batch.column(0))
            ordered = batch.select([0]).take(pa.array(np.argsort(slots, kind="stable")))
            edges = np.searchsorted(np.sort(slots), np.arange(parts.count + 1)).tolist()
            for number, file in enumerate(files):
                if edges[number] < edges[number + 1]:
                    file.write_batch(ordered.slice(edges[number], edges[number + 1] - edges[number]))


def _read_part(path: Path) -> Iterator[pa.Array]:
    import pyarrow as pa

    with pa.OSFile(str(path), "rb") as source, pa.ipc.open_stream(source) as reader:
        for batch in reader:
            yield batch.column(0)
