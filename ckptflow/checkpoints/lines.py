"""Pure. One line of a record log: a sealed JSON object (see `sealed`).

    {"key":"<64 hex>","v":1,"loose":"<64 hex>","outs":{...},...,"x":"<16 hex>"}
    {"held":[["<object>",<offset>,<bytes>],...],"v":1,"pack":"<64 hex>","x":"<16 hex>"}

A line with `"forget":true` takes back what earlier lines said of its key. A line that begins with `partial`, which has
the key, tells how far an unfinished chunk is. A line that begins with `held` tells where a remote holds objects: in a
pack, or, without `pack`, each under its own name. `v` is the version of the line; unknown fields of this version are
kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from ..dataclass import dataclass
from ..ids import ChunkKey, Digest, is_digest
from ..plan.model import Partial, Record
from ..store.packs import Held
from .sealed import BadLine as BadLine
from .sealed import is_sound, seal, unseal

VERSION = 1

_KEY_START = b'{"key":"'
_KEY = slice(len(_KEY_START), len(_KEY_START) + 64)
_AFTER_KEY = b'","v":%d,' % VERSION
_FORGET = _AFTER_KEY + b'"forget":true,'
_LOOSE = b'"loose":"'
_LOOSE_START = _AFTER_KEY + _LOOSE
_LOOSE_KEY = slice(_KEY.stop + len(_LOOSE_START), _KEY.stop + len(_LOOSE_START) + 64)
_HELD_START = b'{"held":['
_PARTIAL_START = b'{"partial":"'


@dataclass(frozen=True, slots=True)
class Forget:
    """What was recorded under this key is not to be used: its objects proved bad or missing."""

    key: ChunkKey


@dataclass(frozen=True, slots=True)
class Holding:
    """The remote holds these objects; all in one pack, or each under its own name."""

    objects: tuple[Held, ...]


Line: TypeAlias = Record | Partial | Forget | Holding


class StrangeLine(BadLine):
    """The line is whole, and not of a kind or version that this program knows: what it names cannot be told."""


def encode_record(record: Record) -> bytes:
    """Return the line of `record`, with its end of line."""
    return _encode(record.key, record.to_dict())


def encode_forget(key: ChunkKey) -> bytes:
    """Return the line that takes back what was recorded under `key`."""
    return _encode(key, {"forget": True})


def encode_partial(partial: Partial) -> bytes:
    """Return the line that tells how far a chunk is."""
    rest = {k: v for k, v in partial.to_dict().items() if k not in ("partial", "v", "x")}
    return seal({"partial": partial.key, "v": VERSION, **rest})


def encode_holding(objects: Sequence[Held]) -> bytes:
    """Return the line that tells where objects are; all of one pack, or none in a pack."""
    rows = [[held.object, held.offset, held.bytes] for held in objects]
    (pack,) = {held.pack for held in objects}
    return seal({"held": rows, "v": VERSION, **({} if pack is None else {"pack": pack})})


def decode(line: bytes) -> Line:
    """Read one line, without its end of line. Raises `BadLine`."""
    if line.startswith(_HELD_START):
        return Holding(held_in(line))
    if line.startswith(_PARTIAL_START):
        return _partial(line)
    doc = _checked(line)
    try:
        if doc.get("forget") is True:
            return Forget(ChunkKey(doc["key"]))
        del doc["v"], doc["x"]
        record = Record.from_dict(doc)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StrangeLine(f"not a record: {error!r}") from error
    for part in record.parts:
        if not (is_digest(part.object) and is_digest(part.values)):
            raise StrangeLine("a record that names no objects")
    if not ((record.loose is None or is_digest(record.loose)) and (record.code is None or is_digest(record.code))):
        raise StrangeLine("`loose` or `code` is malformed")
    return record


def _partial(line: bytes) -> Partial:
    doc = unseal(line)
    _check_version(doc)
    try:
        partial = Partial.from_dict({k: v for k, v in doc.items() if k not in ("v", "x")})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StrangeLine(f"not what is kept of a chunk: {error!r}") from error
    if not is_digest(partial.key):
        raise StrangeLine("no key")
    return partial


def partial_key(line: bytes) -> bytes | None:
    """Return the key's 32 bytes of a line that tells how far a chunk is, None for any other. Raises `BadLine`."""
    if not line.startswith(_PARTIAL_START):
        return None
    if not is_sound(line):
        raise BadLine("checksum does not match")
    try:
        return bytes.fromhex(line[len(_PARTIAL_START) :][:64].decode("ascii"))
    except ValueError as error:
        raise BadLine(f"not a key: {error}") from error


def is_holding(line: bytes) -> bool:
    """Tell whether a line, good or bad, is one that tells where objects are."""
    return line.startswith(_HELD_START)


def are_sound(segment: bytes) -> bool:
    """Tell whether all lines of a segment, which ends with one, are as they were written."""
    return segment.endswith(b"\n") and all(map(is_sound, segment.splitlines()))


def held_in(line: bytes) -> tuple[Held, ...]:
    """Return what such a line tells. Raises `BadLine`."""
    doc = unseal(line)
    _check_version(doc)
    try:
        pack = doc.get("pack")
        objects = tuple(Held(Digest(o), int(size), pack, int(at)) for o, at, size in doc["held"])
    except (KeyError, TypeError, ValueError) as error:
        raise StrangeLine(f"tells of no objects: {error!r}") from error
    if not (pack is None or is_digest(pack)) or not all(
        is_digest(h.object) and h.bytes >= 0 <= h.offset for h in objects
    ):
        raise StrangeLine("tells of no objects")
    return objects


def glance(line: bytes) -> tuple[bytes, bool]:
    """Return (the key's 32 bytes, whether the line is a `Forget`) of a line whose checksum holds. Raises `BadLine`.

    What `decode` does, less the parsing of lines in the form that this version writes: for reading millions of them.
    """
    if is_sound(line) and line.startswith(_KEY_START) and line.startswith(_AFTER_KEY, _KEY.stop):
        try:
            return bytes.fromhex(line[_KEY].decode("ascii")), line.startswith(_FORGET, _KEY.stop)
        except ValueError as error:
            raise BadLine(f"not a key: {error}") from error
    doc = _checked(line)
    return bytes.fromhex(doc["key"]), doc.get("forget") is True


def loose_key(line: bytes) -> tuple[bytes, bytes] | None:
    """Return (the loose key's 32 bytes, the key's) of the line of a record that has one; None of others, good or bad.

    Like `glance` for reading millions of them.
    """
    if _LOOSE not in line:
        return None
    try:
        if line.startswith(_KEY_START) and line.startswith(_LOOSE_START, _KEY.stop):
            names = (line[_LOOSE_KEY].decode("ascii"), line[_KEY].decode("ascii")) if is_sound(line) else ()
        else:  # it stands where another version puts it, or a text looks like it
            doc = _checked(line)
            names = (doc["loose"], doc["key"]) if is_digest(doc.get("loose")) else ()
        loose, key = map(bytes.fromhex, names)
    except ValueError:  # `BadLine` is one
        return None
    return loose, key


def _encode(key: ChunkKey, doc: Mapping[str, Any]) -> bytes:
    rest = {k: v for k, v in doc.items() if k not in ("key", "v", "loose", "x")}
    loose = {"loose": doc["loose"]} if "loose" in doc else {}  # where `loose_key` finds it
    return seal({"key": key, "v": VERSION, **loose, **rest})


def _checked(line: bytes) -> dict[str, Any]:
    doc = unseal(line)
    _check_version(doc)
    if not is_digest(doc.get("key")):
        raise StrangeLine("no key")
    return doc


def _check_version(doc: Mapping[str, Any]) -> None:
    if doc.get("v") != VERSION:
        raise StrangeLine(
            f"record of version {doc.get('v')!r}, this program reads {VERSION}: a newer ckptflow wrote it"
        )
