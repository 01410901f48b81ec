"""Pure. What of a remote is garbage, and what happens to it when: decided from what was listed.

Nobody can hold a remote alone, so what goes is condemned first. Rules:

1. Blobs (objects under their own names, packs) that nothing needs are *announced* in a document. Then the lines that
   name them go from the log: new segments first, then the old ones are removed. From then on the document is *waiting*.
2. A blob is deleted in a later call, when its document has been waiting for the grace time and no line that is listed
   then names it. A blob that a line names all the same (a writer or a merger was at it) is condemned anew, or, if
   something that counts leads to it, *spared*: its lines, which the document keeps, stand in the log again.
3. A document stays for `LEAST_NS` after its blobs were deleted, and nobody writes under a name that is condemned: so
   nothing that was sent again can be deleted by a call that began before.

A writer relies on what it saw listed at most `remote.FRESH_SECONDS` ago, which is far less than `LEAST_NS`; that is all
that clocks are trusted for, and it is the server's clock that counts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from xxhash import xxh3_64_hexdigest

from ..dataclass import dataclass, field, replace
from ..ids import Digest
from ..store import layout
from ..store.packs import Held
from .garbage import Item, Keys, Row, Segment, hidden_by, is_alive, latest_run

VERSION = 1
LEAST_NS = 3600 * 10**9
"""The shortest grace time in a remote, whatever was asked for."""
LIVE_PART = 3
"""A pack of which less than one part in so many is alive is packed anew."""

_FRAME_BYTES, _ROW_BYTES = 64, 100
"""What a pack has besides its objects, at most: for itself, and for each of them."""


class BadDocument(ValueError):
    """The bytes are no list of condemned blobs that this program can read; the text says why."""


@dataclass(frozen=True, slots=True)
class Condemned:
    """A document `name` under `condemned/`: blobs that go, by name. The lines that told of them are in `log`.

    `since_ns` is when the last line that named them went from the log of the remote, None while that is not so;
    `deleted_ns` when they were deleted. Both by the server's clock.
    """

    name: str
    blobs: tuple[str, ...]
    since_ns: int | None = None
    deleted_ns: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def log(self) -> str:
        """The name of the lines beside the document, as a segment has them."""
        return f"{self.name}l"

    def encode(self) -> bytes:
        """Return the JSON text."""
        doc = {
            **self.extra,
            "ckptflow": "condemned",
            "version": VERSION,
            "since": self.since_ns,
            "deleted": self.deleted_ns,
            "blobs": list(self.blobs),
        }
        return (json.dumps({**doc, "x": _checksum(doc)}, indent=0) + "\n").encode("ascii")

    @classmethod
    def decode(cls, name: str, data: bytes) -> Condemned:
        """Inverse of `encode`; unknown fields are kept. Raises `BadDocument`."""
        try:
            doc = json.loads(data)
            if doc["ckptflow"] != "condemned" or doc["version"] != VERSION:
                raise BadDocument(f"{name} is of version {doc.get('version')!r}; this program reads {VERSION}")
            if doc.pop("x") != _checksum(doc):
                raise BadDocument(f"{name} is damaged: its checksum does not hold")
            return cls(
                name,
                tuple(str(layout.check_name(blob)) for blob in doc["blobs"]),
                None if doc["since"] is None else int(doc["since"]),
                None if doc["deleted"] is None else int(doc["deleted"]),
                {k: v for k, v in doc.items() if k not in _FIELDS},
            )
        except BadDocument:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadDocument(f"{name} cannot be read: {error!r}") from error


def _checksum(doc: Mapping[str, Any]) -> str:
    return xxh3_64_hexdigest(json.dumps(doc, sort_keys=True).encode("ascii"))


_FIELDS = frozenset({"ckptflow", "version", "since", "deleted", "blobs"})


@dataclass(frozen=True, slots=True)
class Stock:
    """What a remote holds, as listed: segments, blobs by name, what is condemned with the lines that were kept."""

    segments: Sequence[Segment]
    blobs: Mapping[str, Item]
    condemned: Sequence[Condemned] = ()
    kept_rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """By the name of the document."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A line: one of the segment or of the condemned lines called `source`, as it is there, or what is `held`."""

    source: str = ""
    row: Row = field(default_factory=lambda: Row(0, 0))
    held: tuple[Held, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done, in this order: `repack` (what is alive in packs that go), announce `condemn` with the lines
    `dropped`, write `lines` into new segments, remove the segments `go`, let the new document wait; put the documents
    `changed`, delete the blobs of `delete` and put its documents, remove the documents `finished`.

    `dead` are the blobs that nothing needs, with the time since which they wait; `live` those that stay.
    """

    condemn: tuple[str, ...]
    dropped: tuple[Kept, ...]
    repack: tuple[Held, ...]
    lines: tuple[Kept, ...]
    go: tuple[str, ...]
    changed: tuple[Condemned, ...]
    delete: tuple[Condemned, ...]
    finished: tuple[str, ...]
    waiting: tuple[str, ...]
    live: tuple[str, ...]
    records: int
    latest: str

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.condemn or self.lines or self.go or self.changed or self.delete or self.finished)


def blob_of(held: Held) -> str:
    """Return the name under which an object is held."""
    return layout.object_name(held.object) if held.pack is None else layout.pack_name(held.pack)


def decide(stock: Stock, reached: Collection[Digest], now_ns: int, grace_ns: int) -> Verdict:
    """Return what is to be done with a remote in which the objects `reached` are to be kept."""
    return _Decision(stock, reached, now_ns, max(grace_ns, LEAST_NS)).verdict()


class _Decision:
    """The steps of `decide`, with what they have in common."""

    def __init__(self, stock: Stock, reached: Collection[Digest], now_ns: int, grace_ns: int) -> None:
        self.stock = stock
        self.reached = reached
        self.now = now_ns
        self.grace = grace_ns
        self.since = now_ns - grace_ns
        self.pending = [doc for doc in stock.condemned if doc.deleted_ns is None]
        self.doomed = {blob for doc in self.pending for blob in doc.blobs}
        self.listed: dict[str, dict[Digest, Held]] = defaultdict(dict)  # what listed lines say is in a blob
        for segment in stock.segments:
            for row in segment.rows:
                for held in row.held:
                    self.listed[blob_of(held)][held.object] = held
        self.restored = self._restored()
        self.needed = self._needed()

    def verdict(self) -> Verdict:
        sparse = [blob for blob in self.needed if self._is_sparse(blob)]
        repack = {held.object: held for blob in sparse for held in self.needed[blob].values()}
        stays = self.needed.keys() - set(sparse)
        dead = [blob for blob in self.stock.blobs if blob not in stays and not self._is_young(blob)]
        waiting = {blob for blob in dead if blob in self.doomed and not self.listed.get(blob)}
        unannounced = {blob for doc in self._unannounced() for blob in doc.blobs}
        condemn = [blob for blob in dead if blob not in waiting or blob in unannounced]
        gone = set(dead) | {blob for blob in self.listed if blob not in self.stock.blobs}
        go, lines, dropped = self._log(gone)
        lines += [Kept(held=(held,)) for held in self.restored.values() if blob_of(held) in stays]
        lines += self._restored_records()
        dropped += [Kept(doc.log, row=row) for doc in self._unannounced() for row in self._rows(doc)]
        changed, delete, finished = self._documents(waiting - set(condemn))
        return Verdict(
            condemn=tuple(condemn),
            dropped=tuple(dropped),
            repack=tuple(repack.values()),
            lines=tuple(lines),
            go=tuple(go),
            changed=tuple(changed),
            delete=tuple(delete),
            finished=tuple(finished),
            waiting=tuple(sorted(waiting - set(condemn) - {blob for doc in delete for blob in doc.blobs})),
            live=tuple(blob for blob in self.stock.blobs if blob not in set(dead)),
            records=sum(1 for kept in dropped if kept.row.key),
            latest=latest_run(self.stock.segments),
        )

    def _unannounced(self) -> list[Condemned]:
        """Return the documents of calls that ended before their lines were gone from the log."""
        return [doc for doc in self.pending if doc.since_ns is None]

    def _rows(self, doc: Condemned) -> Sequence[Row]:
        return self.stock.kept_rows.get(doc.name, ())

    def _is_young(self, blob: str) -> bool:
        return self.stock.blobs[blob].written_ns > self.since

    def _restored(self) -> dict[Digest, Held]:
        """Return where objects are that are to be kept and that only a condemned document still tells of."""
        told = {o for blob, held in self.listed.items() if blob in self.stock.blobs for o in held}
        found: dict[Digest, Held] = {}
        for rows in self.stock.kept_rows.values():
            for held in (held for row in rows for held in row.held):
                if held.object in self.reached and held.object not in told and blob_of(held) in self.stock.blobs:
                    found[held.object] = held
        return found

    def _needed(self) -> dict[str, dict[Digest, Held]]:
        """Return the blobs that hold what is to be kept. Of several one will do: one that is not condemned, if any."""
        where: dict[Digest, list[Held]] = defaultdict(list)
        for blob, members in self.listed.items():
            if blob in self.stock.blobs:
                for object_, held in members.items():
                    if object_ in self.reached:
                        where[object_].append(held)
        for object_, held in self.restored.items():
            where[object_].append(held)
        for object_ in self.reached:  # of which no line tells, which somebody may mend
            if object_ not in where and (own := layout.object_name(object_)) in self.stock.blobs:
                where[object_].append(Held(object_, self.stock.blobs[own].bytes))
        needed: dict[str, dict[Digest, Held]] = defaultdict(dict)
        for object_, places in where.items():
            good = [held for held in places if blob_of(held) not in self.doomed]
            for held in good or places[:1]:
                needed[blob_of(held)][object_] = held
        return needed

    def _is_sparse(self, blob: str) -> bool:
        if layout.pack_of(blob) is None or self._is_young(blob):
            return False
        live = _FRAME_BYTES + sum(held.bytes + _ROW_BYTES for held in self.needed[blob].values())
        return live * LIVE_PART < self.stock.blobs[blob].bytes

    def _log(self, gone: Collection[str]) -> tuple[list[str], list[Kept], list[Kept]]:
        """Return the segments that go, what of them stays, and what does not."""
        segments = sorted(self.stock.segments, key=lambda s: s.name)
        alone = {s.name for s in segments if s.is_left_alone(self.since)}
        keys = Keys.of(segments)
        hidden = hidden_by(s for s in segments if s.name in alone)
        go: list[str] = []
        lines: list[Kept] = []
        dropped: list[Kept] = []
        for segment in segments:
            if segment.name in alone:
                continue
            stays: list[Kept] = []
            leaves: list[Kept] = []
            for row in segment.rows:
                if row.key or row.partial:
                    alive = is_alive(segment.name, row, keys, hidden, self.reached)
                    (stays if alive else leaves).append(Kept(segment.name, row=row))
                    continue
                held = tuple(h for h in row.held if self._is_told(h, gone))
                if len(held) == len(row.held):
                    stays.append(Kept(segment.name, row=row))
                    continue
                leaves.append(Kept(segment.name, row=row))
                if held:
                    stays.append(Kept(held=held))
            if leaves or segment.damaged or not stays:
                go.append(segment.name)
                lines += stays
                dropped += leaves
        return go, lines, dropped

    def _is_told(self, held: Held, gone: Collection[str]) -> bool:
        blob = blob_of(held)
        return blob not in gone and (held.object in self.reached or self._is_young(blob))

    def _restored_records(self) -> list[Kept]:
        """Return the records of condemned documents all objects of which are to be kept after all."""
        if not self.restored:
            return []
        taken = Keys.of(self.stock.segments).last
        found: dict[bytes, Kept] = {}
        for document, rows in sorted(self.stock.kept_rows.items()):
            for row in rows:
                if row.key and not row.forget and row.key not in taken and all(n in self.reached for n in row.names):
                    found[row.key] = Kept(f"{document}l", row=row)
        return list(found.values())

    def _documents(self, waiting: Collection[str]) -> tuple[list[Condemned], list[Condemned], list[str]]:
        """Return the documents that change, those whose blobs are deleted now, and those that have done their work."""
        changed: list[Condemned] = []
        delete: list[Condemned] = []
        finished: list[str] = []
        for doc in self.stock.condemned:
            if doc.deleted_ns is not None:
                if self.now - doc.deleted_ns >= LEAST_NS:
                    finished.append(doc.name)
                continue
            since = doc.since_ns
            left = () if since is None else tuple(blob for blob in doc.blobs if self._is_doomed(blob, since, waiting))
            if not left and (doc.blobs or since is None):  # what it listed is condemned anew, or spared
                finished.append(doc.name)
            elif since is not None and self.now - since >= self.grace:
                delete.append(replace(doc, blobs=left, deleted_ns=self.now))
            elif left != doc.blobs:
                changed.append(replace(doc, blobs=left))
        return changed, delete, finished

    def _is_doomed(self, blob: str, since_ns: int, waiting: Collection[str]) -> bool:
        """Tell whether a blob stays on its document. One that was deleted already does, by a call that did not end."""
        item = self.stock.blobs.get(blob)
        return item is None or (blob in waiting and item.written_ns <= since_ns)


def is_document(name: str) -> bool:
    """Tell whether a name under `condemned/` is that of a list of what is condemned."""
    return name.endswith(".json") and name != layout.LEASE
