"""Pure. A JSON object on a line of its own that ends with a checksum of the bytes before it.

    {"key":"...",...,"x":"<16 hex>"}

`x` is xxh3_64 of everything before `,"x"`. It finds damage, not malice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from xxhash import xxh3_64_hexdigest

_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
_DECODE = json.JSONDecoder().decode
TAIL = len(',"x":"0123456789abcdef"}')
"""The bytes of a line, without its end, that the checksum is not about."""


class BadLine(ValueError):
    """The bytes are no line that this program can use; the text says why."""


def seal(doc: Mapping[str, Any]) -> bytes:
    """Return the line of `doc`, which is not empty, with its end. Raises TypeError for what JSON cannot hold."""
    body = _ENCODE(doc)[:-1].encode("ascii")
    return b'%b,"x":"%b"}\n' % (body, xxh3_64_hexdigest(body).encode("ascii"))


def is_sound(line: bytes) -> bool:
    """Tell whether the checksum of a line, without its end, holds."""
    return line[-TAIL:] == b',"x":"%b"}' % xxh3_64_hexdigest(line[:-TAIL]).encode("ascii")


def unseal(line: bytes) -> dict[str, Any]:
    """Return what a line, without its end, holds. Raises `BadLine`."""
    if not is_sound(line):
        raise BadLine("checksum does not match")
    try:
        doc = _DECODE(line.decode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise BadLine(f"not JSON: {error}") from error
    if not isinstance(doc, dict):
        raise BadLine("not an object")
    return doc
