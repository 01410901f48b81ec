"""Pure. Bytes of no known structure, cut where the eight bytes before a place say so.

Places whose eight bytes hash low enough (about 64 in a piece) are the elements of `content`'s rule; where there are
none, in long runs of one value, cuts are by counting. Held in memory: the bytes that are not yet in a piece.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from ..dataclass import dataclass
from ..ids import Digest, Hasher
from ..spec.model import Cut
from .content import Boundaries, Hashes, Places, factor

_WIDTH = 8
_STEP = 1 << 14
_A_PIECE = 64
_BIAS = np.uint64(0xC2B2AE3D27D4EB4F)  # so that a run of zeros is no element


@dataclass(frozen=True, slots=True)
class BytePiece:
    """Bytes `start` to `stop` (excluded) of the data."""

    start: int
    stop: int
    digest: Digest


def cut_binary(blocks: Iterable[bytes], size: int, cut: Cut) -> Iterator[BytePiece]:
    """Yield pieces of about `size` bytes (of exactly that many with a fixed cut, the last shorter), in order.

    `blocks` are the data in parts of any size. At least one piece: no bytes are one piece without bytes.
    """
    choose = Boundaries(size, anywhere=True)
    parts: deque[tuple[int, bytes]] = deque()
    at = seen = 0
    tail = b""

    def until(stop: int) -> BytePiece:
        nonlocal at
        hasher, start = Hasher(), at
        while parts and at < stop:
            first, data = parts[0]
            upto = min(stop, first + len(data))
            hasher.update(memoryview(data)[at - first : upto - first])
            at = upto
            if upto == first + len(data):
                parts.popleft()
        return BytePiece(start, stop, hasher.digest())

    for block in blocks:
        if not block:
            continue
        parts.append((seen, block))
        seen += len(block)
        if cut is Cut.FIXED:
            while seen - at > size:
                yield until(at + size)
            continue
        near = tail + block
        places, hashes = _elements(near, seen - len(near), size)
        tail = near[1 - _WIDTH :]
        for boundary in choose.push(places, hashes, seen):
            yield until(boundary.position)
    if cut is Cut.CONTENT:
        for boundary in choose.finish():
            yield until(boundary.position)
    if at < seen or not seen:
        yield until(seen)


def _elements(data: bytes, start: int, size: int) -> tuple[Places, Hashes]:
    limit = np.uint64(min(2**64 - 1, _A_PIECE * 2**64 // size))
    places: list[Places] = [np.empty(0, np.int64)]
    hashes: list[Hashes] = [np.empty(0, np.uint64)]
    # Words at all eight phases of the data, each phase an aligned sweep: faster than one sweep over unaligned words.
    for phase in range(min(_WIDTH, max(0, len(data) - _WIDTH + 1))):
        words = np.frombuffer(data, "<u8", (len(data) - phase) // _WIDTH, phase)
        for first in range(0, len(words), _STEP):
            near = words[first : first + _STEP] * factor(0)
            near += _BIAS
            found = np.flatnonzero(near < limit)
            places.append((found + first) * _WIDTH + (start + phase + _WIDTH))
            hashes.append(near[found])
    place = np.concatenate(places)
    order = np.argsort(place)
    return place[order], np.concatenate(hashes)[order]
