"""Edge. Small results stay in memory: the bytes that a format makes are then named and written in one step.

A part of a few kilobytes costs less to compute than to write to a file, to read again for its name, and to move. What
is large goes to a file as it is made, so that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from .registry import Format, Written

if TYPE_CHECKING:
    import pyarrow as pa

SMALL_BYTES = 8 << 20
"""Most bytes, decoded, of a table that is packed in memory."""


@runtime_checkable
class Packing(Protocol):
    """A format that can make a small file in memory."""

    def pack(self, value: object, path: Path) -> Written:
        """Do as `write`; or return the bytes of the file in `Written.data`, and leave nothing at `path`."""
        ...


def pack(format_: Format, value: object, path: Path) -> Written:
    """Return what `format_` makes of `value`: in `Written.data`, or at `path` where that is None. Raises as `write`."""
    return cast(Packing, format_).pack(value, path) if _packs(type(format_)) else format_.write(value, path)


@cache
def _packs(kind: type) -> bool:
    return issubclass(kind, Packing)


def unpacked(written: Written, path: Path) -> Written:
    """Write what was packed to `path`; return what `write` returns."""
    if written.data is None:
        return written
    path.write_bytes(written.data)
    return Written(written.rows, written.values)


def small(batches: Iterator[pa.RecordBatch]) -> tuple[bool, Iterator[pa.RecordBatch]]:
    """Tell whether `batches` are at most one, and that a small one; return the same batches."""
    import pyarrow as pa

    held = []
    for batch in batches:
        held.append(batch)
        if len(held) > 1 or pa.ipc.get_record_batch_size(batch) > SMALL_BYTES:
            return False, chain(held, batches)
    return True, iter(held)
