"""Pure. One line of a record log: a JSON object that ends with a checksum of the bytes before it.

    {"key":"<64 hex>","v":1,"outs":{...},...,"x":"<16 hex>"}

`x` is xxh3_64 of everything before `,"x"`. It finds damage, not malice. A line with `"forget":true` takes back what
earlier lines said of its key. `v` is the version of the line; unknown fields of this version are kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from xxhash import xxh3_64_hexdigest

from ..dataclass import dataclass
from ..ids import ChunkKey, is_digest
from ..plan.model import Record

VERSION = 1

_TAIL = len(',"x":"0123456789abcdef"}')
_KEY_START = b'{"key":"'
_KEY = slice(len(_KEY_START), len(_KEY_START) + 64)
_AFTER_KEY = b'","v":%d,' % VERSION
_FORGET = _AFTER_KEY + b'"forget":true,'


@dataclass(frozen=True, slots=True)
class Forget:
    """What was recorded under this key is not to be used: its objects proved bad or missing."""

    key: ChunkKey


Line: TypeAlias = Record | Forget


class BadLine(ValueError):
    """The bytes are no line of a record log that this program can use; the text says why."""


def encode_record(record: Record) -> bytes:
    """Return the line of `record`, with its end of line."""
    return _encode(record.key, record.to_dict())


def encode_forget(key: ChunkKey) -> bytes:
    """Return the line that takes back what was recorded under `key`."""
    return _encode(key, {"forget": True})


def decode(line: bytes) -> Line:
    """Read one line, without its end of line. Raises `BadLine`."""
    doc = _checked(line)
    try:
        if doc.get("forget") is True:
            return Forget(ChunkKey(doc["key"]))
        record = Record.from_dict({k: v for k, v in doc.items() if k not in ("v", "x")})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadLine(f"not a record: {error!r}") from error
    if not all(is_digest(part.object) and is_digest(part.values) for part in record.outs.values()):
        raise BadLine("a record that names no objects")
    return record


def glance(line: bytes) -> tuple[bytes, bool]:
    """Return (the key's 32 bytes, whether the line is a `Forget`) of a line whose checksum holds. Raises `BadLine`.

    What `decode` does, less the parsing of lines in the form that this version writes: for reading millions of them.
    """
    if _sound(line) and line.startswith(_KEY_START) and line.startswith(_AFTER_KEY, _KEY.stop):
        try:
            return bytes.fromhex(line[_KEY].decode("ascii")), line.startswith(_FORGET, _KEY.stop)
        except ValueError as error:
            raise BadLine(f"not a key: {error}") from error
    doc = _checked(line)
    return bytes.fromhex(doc["key"]), doc.get("forget") is True


def _encode(key: ChunkKey, doc: Mapping[str, Any]) -> bytes:
    rest = {k: v for k, v in doc.items() if k not in ("key", "v", "x")}
    text = json.dumps({"key": key, "v": VERSION, **rest}, separators=(",", ":"))
    body = text[:-1].encode("ascii")
    return b'%b,"x":"%b"}\n' % (body, xxh3_64_hexdigest(body).encode("ascii"))


def _sound(line: bytes) -> bool:
    body = line[:-_TAIL]
    return line[-_TAIL:] == b',"x":"%b"}' % xxh3_64_hexdigest(body).encode("ascii")


def _checked(line: bytes) -> dict[str, Any]:
    if not _sound(line):
        raise BadLine("checksum does not match")
    try:
        doc = json.loads(line)
    except ValueError as error:
        raise BadLine(f"not JSON: {error}") from error
    if not isinstance(doc, dict) or not is_digest(doc.get("key")):
        raise BadLine("no key")
    if doc.get("v") != VERSION:
        raise BadLine(f"record of version {doc.get('v')!r}, this program reads {VERSION}: a newer ckptflow wrote it")
    return doc
