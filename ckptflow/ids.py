"""Pure. The names of things that are identified by their content, and the one hasher.

Identity is BLAKE3 with 256 bits, written as 64 lower-case hexadecimal digits. Whatever is shared between machines is
named with it; xxHash is for what needs no adversary (cuts, frames of the record log, the stat cache).
"""

from __future__ import annotations

from typing import NewType

from blake3 import blake3

Digest = NewType("Digest", str)
"""BLAKE3-256 of some bytes, as 64 lower-case hexadecimal digits."""

ChunkKey = NewType("ChunkKey", str)
"""Digest of a recipe: everything that determines a chunk's result."""

StageName = NewType("StageName", str)
"""A stage's name as users write it: `load`, `train@fr`."""

DIGEST_LENGTH = 64
_HEX = b"0123456789abcdef"


def digest(data: bytes | bytearray | memoryview) -> Digest:
    """Return the digest of `data`."""
    return Digest(blake3(data).hexdigest())


def is_digest(text: object) -> bool:
    """Tell whether `text` has the form of a digest; the check before a name from a document becomes a path."""
    if not isinstance(text, str) or len(text) != DIGEST_LENGTH or not text.isascii():
        return False
    return not text.encode().translate(None, _HEX)


class Hasher:
    """Streaming BLAKE3-256. Feed any number of buffers with `update`, then ask for `digest`."""

    __slots__ = ("_state",)

    def __init__(self) -> None:
        self._state = blake3()

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Add the bytes of `data`."""
        self._state.update(data)

    def digest(self) -> Digest:
        """Return the digest of all bytes so far; more may be added afterwards."""
        return Digest(self._state.hexdigest())
