"""Edge. Sending finished work to a remote: what it lacks, objects before the records that name them.

Small objects go in packs, large ones under their own names; then one segment tells of them all: where the objects are,
and the records. A segment never changes once it is there, and no two senders write one: its name has a part drawn by
lot. So every request may be repeated, and a sender that dies leaves at most objects that nothing names. Nothing is sent
under a name that is condemned, and before it is told of, it is seen that none of it was condemned meanwhile.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeAlias

from ..dataclass import dataclass
from ..errors import StoreDamaged, StoreError
from ..ids import ChunkKey, Digest, digest
from ..plan.model import Partial, Record
from ..store import layout, packs
from ..store.hashing import hash_file
from ..store.objects import Objects
from ..store.oserrors import store_error
from ..store.packs import Held
from ..store.protocol import NotThere
from . import lines
from .ages import Moment
from .condemned import blob_of
from .remote import FRESH_SECONDS, Remote, Traffic
from .trees import get_listing

PACK_OBJECTS = 4096
"""Objects in a pack, at most: the line that tells of them stays below half a megabyte."""

_BLOCK = 4 << 20
_AT_ONCE_BYTES = 64 << 20
"""What is read into memory at a time."""


Sign: TypeAlias = Callable[[Record | Partial], Record | Partial]


@dataclass(frozen=True, slots=True)
class Shipment:
    """What is to be sent together: records, each with the objects it names (None where a listing is not to be had), and
    all objects, with their sizes in bytes. `lacking` are those that the remote did not have when this was made.
    """

    needs: list[tuple[Record | Partial, dict[Digest, int] | None]]
    sizes: dict[Digest, int]
    lacking: dict[Digest, int]


class Sender:
    """Sends from the local `objects` to `remote`, for one thread. Raises `StoreError`.

    `sign` returns a record as it is to stand in the remote. `run` is the id of the run that sends.
    """

    def __init__(self, remote: Remote, objects: Objects, run: str, *, sign: Sign | None = None):
        self._remote = remote
        self._objects = objects
        self._sign = sign
        self._label = f"{run}-{os.urandom(4).hex()}"
        self._seq = 0
        self.sent = Traffic()
        self.records = 0
        self.missing: set[Digest] = set()  # what was meant, and is neither here (any more) nor there
        self.left_out: list[Record | Partial] = []  # their objects are not here (any more), and not there either

    def send(self, records: Iterable[Record | Partial], extra: Iterable[Digest] = ()) -> None:
        """Send what the remote lacks of `records`, of the objects they name, and of the objects `extra`: see `ship`."""
        self._remote.look(seconds=FRESH_SECONDS)
        self.ship(self.prepare(records, extra))

    def prepare(self, records: Iterable[Record | Partial], extra: Iterable[Digest] = ()) -> Shipment:
        """Find out what is to be sent, by what is known of the remote; ask it nothing, and send nothing yet."""
        latest: dict[ChunkKey, Record | Partial] = {}
        for each in records:
            if isinstance(each, Record) or not isinstance(latest.get(each.key), Record):
                latest[each.key] = each
        needs = [(record, self._needs(record)) for record in latest.values()]
        sizes = self._sizes(needs, extra)
        return Shipment(needs, sizes, {name: sizes[name] for name in self._remote.lacks(sizes)})

    def ship(self, shipment: Shipment) -> None:
        """Send what the remote lacks of `shipment`.

        What an unfinished chunk has kept is not sent where its record is, or goes. Where sending is interrupted, what
        has arrived until then is told of, so that it need not be sent again.
        """
        held: list[list[Held]] = []
        missing: set[Digest] = set()
        began = Moment()
        try:
            # Looked up anew: another shipment may have brought some of it since this one was made.
            while lacking := self._lacking(shipment.sizes, held, missing):
                missing |= self._upload(lacking, held)
        except BaseException:
            with suppress(StoreError):
                self._tell(held, [])
            raise
        self.missing |= missing
        told = self._remote.lookup(record.key for record, _ in shipment.needs)
        whole = []
        for record, named in shipment.needs:
            if named is None or not missing.isdisjoint(named):
                self.left_out.append(record)
            elif record.key not in told or (isinstance(record, Record) and told[record.key].parts != record.parts):
                whole.append(record)
        self._tell(held, whole)
        if began.age > 2 * FRESH_SECONDS and self._lacking(
            shipment.sizes, held, missing
        ):  # it took long, and meanwhile ...
            self.ship(shipment)

    def _lacking(
        self, sizes: dict[Digest, int], held: Iterable[list[Held]], missing: Collection[Digest]
    ) -> dict[Digest, int]:
        """Return what the remote lacks, with sizes: what it neither holds nor was sent as `held`, or what is condemned.

        What is relied on was seen listed some minutes ago at most: far less than the time after which `gc` deletes.
        """
        self._remote.look(seconds=FRESH_SECONDS)
        condemned = self._remote.condemned
        sent = {one.object for group in held for one in group if blob_of(one) not in condemned}
        return {n: sizes[n] for n in self._remote.lacks(n for n in sizes if n not in sent) if n not in missing}

    def would_send(self, shipment: Shipment) -> tuple[dict[Digest, int], list[Record | Partial]]:
        """Return what `ship` would do: the objects it would upload, with their sizes in bytes, and the records."""
        lacking = {name: size for name, size in shipment.lacking.items() if self._objects.is_here(name)}
        nowhere = shipment.lacking.keys() - lacking.keys()
        whole = [r for r, named in shipment.needs if named is not None and nowhere.isdisjoint(named)]
        return lacking, whole

    def documents(self, reads: Mapping[str, Callable[[], bytes]]) -> Iterator[str]:
        """Put documents, several at once; yield their names as they are there. What is gone meanwhile is left out."""

        def put(name: str) -> str:
            with suppress(NotThere):
                self.document(name, reads[name]())
            return name

        return self._remote.map(put, list(reads))

    def document(self, name: str, data: bytes) -> None:
        """Put a document under its name: a checkpoint, a pointer, what a run came to."""
        self._remote.bucket.put(name, data)
        self.sent.add(bytes=len(data), requests=1)

    def _needs(self, record: Record | Partial) -> dict[Digest, int] | None:
        """Return the objects that `record` names, with their sizes; None where a listing is not to be had."""
        found: dict[Digest, int] = {}
        for part in record.parts if isinstance(record, Record) else record.headway.parts:
            if not part.listing:
                found[part.object] = part.bytes
                continue
            listing = get_listing(self._objects, part.object)
            if listing is None:
                return None
            found[part.object] = len(listing.encode())
            found.update((file.object, file.bytes) for file in listing.files)
        return found

    def _sizes(
        self, needs: Iterable[tuple[Record | Partial, dict[Digest, int] | None]], extra: Iterable[Digest]
    ) -> dict[Digest, int]:
        """Return all objects that are meant, with their sizes; of `extra` those that are here."""
        sizes = {name: size for _, named in needs for name, size in (named or {}).items()}
        single = {name: self._objects.size(name) for name in dict.fromkeys(extra)}
        sizes.update((name, size) for name, size in single.items() if size is not None)
        return sizes

    def _upload(self, lacking: dict[Digest, int], held: list[list[Held]]) -> set[Digest]:
        """Upload objects; return those that are not here. What has arrived, and where, is added to `held`, in groups
        that one line each tells of.
        """
        missing: set[Digest] = set()
        large = [name for name, size in lacking.items() if size > packs.PACKED_MOST]
        small = [name for name, size in lacking.items() if size <= packs.PACKED_MOST]
        packing = self._packs(small, missing)
        while wave := _up_to(packing, _AT_ONCE_BYTES // packs.PACK_BYTES):
            for arrived in self._remote.map(self._upload_pack, wave):
                held.append(arrived)
        for done in self._remote.map(partial(self._upload_loose, missing), large):
            if done is not None:
                held.append([done])
        return missing

    def _upload_loose(self, missing: set[Digest], name: Digest) -> Held | None:
        try:
            path = self._objects.path(name)
        except (NotThere, StoreDamaged):
            missing.add(name)
            return None
        size = path.stat().st_size
        if layout.object_name(name) in self._remote.condemned:
            held = self._upload_anew(name, path, size)
        else:
            self._remote.bucket.upload(layout.object_name(name), path)
            held = Held(name, size)
        self.sent.add(objects=1, bytes=size, requests=1)
        return held

    def _upload_anew(self, object_: Digest, path: Path, size: int) -> Held:
        """Upload an object whose own name is condemned: as a pack, which has a name that nobody knows yet."""
        copy = self._objects.scratch()
        try:
            with open(path, "rb") as reader, open(copy, "xb") as writer:
                shutil.copyfileobj(reader, writer, _BLOCK)
                writer.write(os.urandom(packs.SALT_BYTES) + packs.end([(object_, 0, size)]))
            pack = hash_file(copy)
            self._remote.bucket.upload(layout.pack_name(pack), copy)
        except OSError as error:
            raise store_error(error, f"copy {object_[:12]}", str(copy.parent)) from error
        finally:
            copy.unlink(missing_ok=True)
        return Held(object_, size, pack)

    def _packs(self, names: Sequence[Digest], missing: set[Digest]) -> Iterator[list[tuple[Digest, bytes]]]:
        """Yield the contents of packs, read when they are asked for."""
        pack: list[tuple[Digest, bytes]] = []
        size = 0
        for name in names:
            try:
                data = self._objects.get(name)
            except (NotThere, StoreDamaged):
                missing.add(name)
                continue
            if pack and (size + len(data) > packs.PACK_BYTES or len(pack) == PACK_OBJECTS):
                yield pack
                pack, size = [], 0
            pack.append((name, data))
            size += len(data)
        if pack:
            yield pack

    def _upload_pack(self, objects: list[tuple[Digest, bytes]]) -> list[Held]:
        condemned = self._remote.condemned
        if len(objects) == 1 and layout.object_name(objects[0][0]) not in condemned:  # a pack would only be longer
            ((name, data),) = objects
            self._remote.bucket.put(layout.object_name(name), data)
            self.sent.add(objects=1, bytes=len(data), requests=1)
            return [Held(name, len(data))]
        data, index = packs.build(objects)
        if len(objects) == 1 or layout.pack_name(digest(data)) in condemned:
            data, index = packs.build(objects, os.urandom(packs.SALT_BYTES))
        pack = digest(data)
        self._remote.bucket.put(layout.pack_name(pack), data)
        self.sent.add(objects=len(objects), bytes=len(data), requests=1)
        return [Held(name, size, pack, at) for name, at, size in index]

    def _tell(self, held: list[list[Held]], records: list[Record | Partial]) -> None:
        """Put the segment that tells of objects and records, and keep its copy."""
        if not held and not records:
            return
        signed = (self._sign(record) for record in records) if self._sign is not None else records
        # Those of packs stand apart from the others: a line tells of one pack, or of none.
        packed = [group for group in held if group[0].pack is not None]
        loose = [one for group in held if group[0].pack is None for one in group]
        told = [*packed, *(loose[at : at + PACK_OBJECTS] for at in range(0, len(loose), PACK_OBJECTS))]
        text = b"".join((*map(lines.encode_holding, told), *map(_line_of, signed)))
        self._seq += 1
        name = layout.segment_name(self._label, self._seq)
        self._remote.bucket.put(name, text)
        self.sent.add(bytes=len(text), requests=1)
        self._remote.mirror.keep(name, text)
        self._remote.mirror.refresh()
        self.records += len(records)


def _line_of(record: Record | Partial) -> bytes:
    return lines.encode_record(record) if isinstance(record, Record) else lines.encode_partial(record)


_Pack = list[tuple[Digest, bytes]]


def _up_to(items: Iterator[_Pack], number: int) -> list[_Pack]:
    return [item for _, item in zip(range(number), items, strict=False)]
