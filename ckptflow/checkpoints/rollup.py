"""Edge. Merging the record segments of a remote: many small ones cost a new reader a request each.

Rules: the merged segment is there before those that it replaces are removed, so that a reader meets either or both,
and both say the same. Only what was listed and read is replaced; a segment that came meanwhile stays, and so does one
with a line that this program cannot read. Lines are copied as they are, signatures and fields of later versions
included; a record that a later line of the same key supersedes is left out. One program at a time: see `lease`.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress

from ..errors import Locked
from ..ids import ChunkKey, Digest
from ..plan.model import Partial, Record
from ..store import layout
from ..store.packs import Held
from . import lines
from .lease import Lease, take
from .records import SEGMENT_BYTES, split_lines
from .remote import Remote
from .sending import PACK_OBJECTS

SEGMENTS_MOST = 500
"""Small segments that a remote may have before `push` merges them."""
_SMALL = SEGMENT_BYTES // 2


def roll_up(remote: Remote, *, most: int = SEGMENTS_MOST) -> int:
    """Merge the small segments of `remote` if there are more than `most`; return how many were replaced.

    Costs nothing where there are few, and is left to the next time where somebody else cleans up the remote just now.
    Raises `StoreError`; nothing is lost then.
    """
    if len(_mergeable(remote)) <= most:
        return 0
    with suppress(Locked), take(remote.bucket, f"push-{os.urandom(4).hex()}") as lease:
        remote.refresh()
        names = _mergeable(remote)
        merge(remote, names, lease)
        return len(names)
    return 0


def merge(
    remote: Remote,
    names: Iterable[str],
    lease: Lease,
    *,
    objects: Container[Digest] = (),
    keys: Container[ChunkKey] = (),
) -> None:
    """Replace the segments `names`, which the mirror has listed under this `lease`, by merged ones.

    What they tell of `objects`, and the records of `keys`, is left out: those proved missing or damaged.
    """
    old = sorted(names)
    if not old:
        return
    label = layout.merged_run((layout.segment_of(old[-1]) or ("merged", 0))[0], os.urandom(4).hex())
    for number, text in enumerate(_segments(_merged(remote, old, objects, keys)), 1):
        name = layout.segment_name(label, number)
        lease.make_sure()  # a machine that slept meanwhile would bring back what `gc` has removed
        remote.bucket.put(name, text)
        remote.mirror.keep(name, text)
        remote.fetched.add(requests=1)
    remote.bucket.delete(old)
    remote.fetched.add(requests=1)
    remote.mirror.drop(old)
    remote.mirror.refresh()


def _mergeable(remote: Remote) -> list[str]:
    past = remote.mirror.past()
    strange = {damage.segment for damage in past.damage()} if past is not None else set()
    return sorted(name for name, size in remote.mirror.segments().items() if size < _SMALL and name not in strange)


def _merged(remote: Remote, names: list[str], objects: Container[Digest], keys: Container[ChunkKey]) -> Iterator[bytes]:
    """Yield the lines that are left of segments, each with its end of line; the latest of each key. What unfinished
    chunks have kept comes last and in its order: a line that takes back what was kept before it hides no later one.
    """
    seen: set[bytes] = set()
    partials: list[bytes] = []
    told: set[Held] = set()
    loose: list[Held] = []
    for name in reversed(names):
        for _, line in reversed(list(split_lines(remote.mirror.read(name)))):
            if (unfinished := lines.partial_key(line)) is not None:
                if unfinished not in seen and unfinished.hex() not in keys and not _names(line, objects):
                    partials.append(line + b"\n")
                continue
            if not lines.is_holding(line):
                key, _ = lines.glance(line)
                if key not in seen and key.hex() not in keys and not _names(line, objects):
                    seen.add(key)
                    yield line + b"\n"
                continue
            held = [h for h in lines.held_in(line) if h not in told and h.object not in objects]
            told.update(held)
            if held and held[0].pack is not None:
                yield lines.encode_holding(held)
            else:
                loose += held
            while len(loose) >= PACK_OBJECTS:
                yield lines.encode_holding(loose[:PACK_OBJECTS])
                del loose[:PACK_OBJECTS]
    if loose:
        yield lines.encode_holding(loose)
    yield from reversed(partials)


def _names(line: bytes, objects: Container[Digest]) -> bool:
    if objects == ():
        return False
    match lines.decode(line):
        case Record(parts=parts):
            return any(part.object in objects for part in parts)
        case Partial(headway=headway):
            return any(part.object in objects for part in headway.parts)
        case _:
            return False


def _segments(texts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield lines joined to segments of bounded size."""
    some: list[bytes] = []
    size = 0
    for text in texts:
        if some and size + len(text) > SEGMENT_BYTES:
            yield b"".join(some)
            some, size = [], 0
        some.append(text)
        size += len(text)
    if some:
        yield b"".join(some)
