"""Pure. Finished chunks some items of which failed: when these alone are tried again, and what that is recorded as.

A chunk is mended with the code of now. Where all of it was made by this code, it stays the chunk that it is. Where
other code has made it, what it comes to is a mixture, made by neither: it gets a key of its own, and is found by its
loose key alone.
"""

from __future__ import annotations

from ..chunk.headway import Headway
from ..dataclass import dataclass
from ..fingerprint.encode import digest_of
from ..ids import ChunkKey, Digest
from ..spec.model import Stage
from .model import Record

MENDED = frozenset({"parquet", "arrow", "json", "pickle"})
"""Formats that give back the very values that were written: what comes of further items can be put among them."""


@dataclass(frozen=True, slots=True)
class Mending:
    """A finished chunk, and the key under which it is recorded when its failed items were tried again."""

    key: ChunkKey
    headway: Headway


def mending(stage: Stage, record: Record, key: ChunkKey, code: Digest | None) -> Mending | None:
    """Return how the failed items of `record` are tried again alone; None where the whole chunk has to be run.

    `key` is that of the chunk, `code` the code that it would be run with.
    """
    if not stage.each or stage.carry is not None or record.quarantine is None or record.items is None:
        return None
    if not all(out.format in MENDED for out in stage.outs):
        return None
    outs = {label: (part,) for label, part in record.outs.items()}
    headway = Headway(record.items.total, record.items, outs, (record.quarantine,), finished=True)
    return Mending(key if record.key == key else _key_of_mixture(record, code), headway)


def _key_of_mixture(record: Record, code: Digest | None) -> ChunkKey:
    parts = [[label, part.object] for label, part in sorted(record.outs.items())]
    made = [record.key, parts, record.quarantine.object if record.quarantine is not None else None]
    return ChunkKey(digest_of(["mended", record.loose, code, made]))
