"""Pure. One canonical encoding of values, the only thing that is ever hashed to name a recipe.

Rules: injective (different values, different bytes), self-delimiting, the same on every machine, version and hash seed.
Every value is a one-letter tag, then a length or a count where its size varies, then its bytes. `True`, `1` and `1.0`
have different tags; a list is not a tuple; -0.0 is not 0.0; every NaN is the same NaN. Dicts and sets are sorted by the
UTF-8 bytes of their keys. The first byte is the version of the encoding.
"""

from __future__ import annotations

import struct
from typing import Any

from ..ids import Digest, digest

VERSION = b"\x01"
_NAN = b"f\x7f\xf8\x00\x00\x00\x00\x00\x00"


def encode(value: object) -> bytes:
    """Return the canonical bytes of `value`.

    Takes None, bool, int of any size, float, str (lone surrogates too), bytes, list, tuple, dict with str keys and
    frozenset of str, nested as deep as the interpreter recurses. Raises TypeError for anything else, subclasses
    included: what a subclass adds would be lost.
    """
    parts = [VERSION]
    _encode(value, parts)
    return b"".join(parts)


def digest_of(value: object) -> Digest:
    """Return the digest of the encoding of `value`. Raises TypeError as `encode` does."""
    return digest(encode(value))


def _encode(value: Any, parts: list[bytes]) -> None:
    kind = type(value)
    if kind is str:  # most of what there is: without a further call
        data = value.encode("utf-8", "surrogatepass")
        parts.append(b"s%d:%b" % (len(data), data))
    elif kind is list or kind is tuple:
        parts.append(b"%b%d:" % (b"l" if kind is list else b"t", len(value)))
        for item in value:
            if type(item) is str:  # once more, for the keys of very many chunks
                data = item.encode("utf-8", "surrogatepass")
                parts.append(b"s%d:%b" % (len(data), data))
            else:
                _encode(item, parts)
    elif value is None:
        parts.append(b"n")
    elif kind is bool:
        parts.append(b"T" if value else b"F")
    elif kind is int:
        size = (value.bit_length() + 8) // 8  # one bit for the sign
        _sized(b"i", value.to_bytes(size, "big", signed=True), parts)
    elif kind is float:
        parts.append(_NAN if value != value else b"f" + struct.pack(">d", value))
    elif kind is bytes:
        _sized(b"b", value, parts)
    elif kind is dict:
        keys = sorted((_key(key), key) for key in value)
        parts.append(b"d%d:" % len(keys))
        for name, key in keys:
            _sized(b"s", name, parts)
            _encode(value[key], parts)
    elif kind is frozenset:
        parts.append(b"z%d:" % len(value))
        for name in sorted(_key(item) for item in value):
            _sized(b"s", name, parts)
    else:
        raise TypeError(f"cannot encode a value of type {kind.__module__}.{kind.__qualname__}")


def _sized(tag: bytes, data: bytes, parts: list[bytes]) -> None:
    parts.append(b"%s%d:" % (tag, len(data)))
    parts.append(data)


def _key(key: object) -> bytes:
    if type(key) is not str:
        raise TypeError(f"keys and set members must be str, not {type(key).__qualname__}")
    assert isinstance(key, str)
    return key.encode("utf-8", "surrogatepass")
