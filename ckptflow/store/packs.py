"""Pure. Packs: many small objects in one, so that they travel in one request and are read in ranges.

    bytes of the objects, one after the other; perhaps some random bytes
    index: JSON [["<object>", offset, bytes], ...], offsets from the start of the pack
    length of the index, 8 bytes, big-endian
    "ckptpk01"

A pack is named by the BLAKE3 of all its bytes. What is read from it is believed for its own digest and nothing else;
the index is there for tools that find a pack and no line that tells of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from ..dataclass import dataclass
from ..ids import Digest, is_digest

END = b"ckptpk01"
_FOOTER = 8 + len(END)

PACK_BYTES = 8 << 20
"""A pack is closed when it is as large as this: a few hundred ranges of it, or all of it, are one request each."""
SALT_BYTES = 16
PACKED_MOST = 512 << 10
"""Objects up to this size travel in packs."""


class MalformedPack(ValueError):
    """The bytes are no pack; the text says why."""


@dataclass(frozen=True, slots=True)
class Held:
    """Where a remote holds an object: in a pack from `offset` on, or (None) under the object's own name."""

    object: Digest
    bytes: int
    pack: Digest | None = None
    offset: int = 0


def build(objects: Iterable[tuple[Digest, bytes]], salt: bytes = b"") -> tuple[bytes, list[tuple[Digest, int, int]]]:
    """Return (the bytes of a pack, its index as (object, offset, size in bytes)).

    Random bytes as `salt` give a pack a name that no other one has.
    """
    blocks: list[bytes] = []
    index: list[tuple[Digest, int, int]] = []
    at = 0
    for object_, data in objects:
        blocks.append(data)
        index.append((object_, at, len(data)))
        at += len(data)
    return b"".join((*blocks, salt, end(index))), index


def end(index: Sequence[tuple[Digest, int, int]]) -> bytes:
    """Return what stands in a pack behind its objects."""
    text = json.dumps(index, separators=(",", ":")).encode("ascii")
    return b"".join((text, len(text).to_bytes(8, "big"), END))


def read_index(data: bytes) -> list[tuple[Digest, int, int]]:
    """Return the index of a pack, given all its bytes. Raises `MalformedPack`."""
    if len(data) < _FOOTER or not data.endswith(END):
        raise MalformedPack("does not end as a pack does")
    end = len(data) - _FOOTER
    start = end - int.from_bytes(data[end : end + 8], "big")
    if start < 0:
        raise MalformedPack("its index is longer than itself")
    try:
        index = [(Digest(o), int(at), int(size)) for o, at, size in json.loads(data[start:end])]
    except (TypeError, ValueError) as error:
        raise MalformedPack(f"its index cannot be read: {error}") from error
    if not all(is_digest(o) and 0 <= at <= at + size <= start for o, at, size in index):
        raise MalformedPack("its index names what is not in it")
    return index


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `start` to `stop` of one pack, and the objects in them that are wanted."""

    pack: Digest
    start: int
    stop: int
    wanted: tuple[Held, ...]


def spans(held: Iterable[Held], gap: int = 256 << 10, most: int = PACK_BYTES) -> Iterator[Span]:
    """Yield the ranges that have to be read for objects in packs, in as few requests as makes sense.

    Neighbours with at most `gap` bytes between them are read together: a request costs about as much as that many
    bytes. No range is longer than `most` bytes, so that memory is bounded, except for one object that is.
    """
    group: list[Held] = []
    for item in sorted(held, key=lambda h: (h.pack or "", h.offset)):
        if group and (
            item.pack != group[0].pack
            or item.offset > _stop(group) + gap
            or item.offset + item.bytes - group[0].offset > most
        ):
            yield _span(group)
            group = []
        group.append(item)
    if group:
        yield _span(group)


def _stop(group: Sequence[Held]) -> int:
    return max(item.offset + item.bytes for item in group)


def _span(group: Sequence[Held]) -> Span:
    pack = group[0].pack
    assert pack is not None
    return Span(pack, group[0].offset, _stop(group), tuple(group))
