"""Edge. Garbage of a remote: looked for, condemned, and deleted when its time has come; `condemned` decides.

Rules: one call at a time, by a lease. What is listed is listed in the reverse of the order of writing: segments before
blobs, so that a blob that is named is among those that are seen. What is deleted was found unnamed after the grace
time. Whatever stands under `condemned/` and belongs to nothing was left by a call that was killed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import groupby

from ..dataclass import dataclass, field, replace
from ..errors import StoreError
from ..ids import Digest, digest
from ..store import layout, packs
from ..store.packs import Held
from ..store.protocol import Entry, NotThere
from . import lines
from .condemned import LEAST_NS, BadDocument, Condemned, Kept, Stock, Verdict, blob_of, decide, is_document
from .garbage import Group, Item, Row, Segment, beside, grouped, named_by_young
from .gc import Terms, parse_row, parse_segment
from .lease import Lease, server_now, take
from .reach import Documents, Roots, from_checkpoints, from_runs, from_trash, reach
from .records import SEGMENT_BYTES, split_lines
from .remote import Remote

_TRIES = 5
_AT_ONCE = 1000
"""Names in one request to delete."""
_HOLDING_MOST = 4096


@dataclass(frozen=True, slots=True)
class Found:
    """What a survey of a remote found, and what is to be done. `due_ns` is when the first of what waits may go."""

    verdict: Verdict
    stock: Stock
    runs: Documents
    checkpoints: Documents
    trash: Documents
    strays: tuple[str, ...]
    condemned: tuple[Group, ...]
    deleted: tuple[Group, ...]
    waiting: int
    waiting_bytes: int
    due_ns: int | None
    notes: tuple[str, ...]
    kept_objects: int
    kept_bytes: int


@dataclass(slots=True)
class _Reader:
    """Reads documents and objects of a remote, several at once; of objects those that are here are taken from here."""

    remote: Remote
    where: dict[Digest, Held]
    _known: dict[str, bytes | None] = field(default_factory=dict)

    def prepare(self, names: Iterable[str]) -> None:
        """Bring what will be read next."""
        wanted = [name for name in dict.fromkeys(names) if name not in self._known]
        far: list[Held] = []
        loose: list[str] = []
        for name in wanted:
            object_ = layout.object_of(name)
            if object_ is None:
                loose.append(name)
            elif (data := self._here(object_)) is not None:
                self._known[name] = data
            elif object_ in self.where and self.where[object_].pack is not None:
                far.append(self.where[object_])
            else:
                loose.append(name)
        self._known.update(zip(loose, self.remote.map(self._get, loose), strict=True))
        ranges = list(packs.spans(far))
        for span, data in zip(ranges, self.remote.map(self._range, ranges), strict=True):
            for held in span.wanted:
                at = held.offset - span.start
                self._known[layout.object_name(held.object)] = None if data is None else data[at : at + held.bytes]

    def read(self, name: str) -> bytes:
        """See `reach.Read`."""
        if name not in self._known:
            self.prepare([name])
        data = self._known.pop(name)
        if data is None:
            raise NotThere(f"no {name} in {self.remote.url}")
        return data

    def _here(self, object_: Digest) -> bytes | None:
        with suppress(NotThere):
            data = self.remote.store.get(layout.object_name(object_))
            return data if digest(data) == object_ else None
        return None

    def _get(self, name: str) -> bytes | None:
        try:
            return self.remote.bucket.get(name)
        except NotThere:
            return None

    def _range(self, span: packs.Span) -> bytes | None:
        try:
            return self.remote.bucket.get(layout.pack_name(span.pack), span.start, span.stop - span.start)
        except NotThere:
            return None


def clean(remote: Remote, roots: Roots, run: str, terms: Callable[[int], Terms]) -> Found:
    """Look for garbage in `remote` and do what is due. `terms` makes them of the server's time in ns.

    Raises `Locked` where another call is at it, `RootUnreadable`, `StoreError`.
    """
    with take(remote.bucket, run) as lease:
        found = survey(remote, roots, terms(server_now(remote.bucket)))
        carry_out(remote, found, run, lease)
        return found


def survey(remote: Remote, roots: Roots, terms: Terms) -> Found:
    """Return what is garbage in `remote`; add to `roots` what the remote itself keeps. Changes nothing there.

    Raises `RootUnreadable` where what must be kept cannot be told, and `StoreError`.
    """
    terms = replace(terms, grace_ns=max(terms.grace_ns, LEAST_NS))
    since = terms.since_ns
    bucket = remote.bucket
    remote.connect()
    listed = {entry.name: entry for entry in bucket.list(layout.CONDEMNED)}
    documents = list(_documents(remote, listed))
    known = {layout.LEASE, *(name for doc in documents for name in (doc.name, doc.log))}
    segments = _segments(remote)
    blobs = {
        entry.name: Item(entry.bytes, entry.written_ns)
        for prefix in (layout.OBJECTS, layout.PACKS)
        for entry in bucket.list(prefix)
        if layout.object_of(entry.name) or layout.pack_of(entry.name)
    }
    stock = Stock(segments, blobs, documents, dict(_kept_rows(remote, documents)))
    reader = _Reader(remote, _where(stock))
    runs = from_runs(roots, bucket.list(layout.RUNS), reader.read, terms.keep_runs, since, reader.prepare)
    checkpoints = from_checkpoints(
        roots,
        bucket.list(layout.CHECKPOINTS),
        reader.read,
        since,
        all_known=terms.all_known,
        prepare=reader.prepare,
    )
    trash = from_trash(roots, bucket.list(layout.TRASH), reader.read, since, reader.prepare)
    roots.named(named_by_young(segments, since))
    named = {name: row.stage for segment in segments for row in segment.rows for name in row.names}
    reached = reach(roots, reader.read, _young(reader, segments, since, named), reader.prepare)
    kept = reached.objects | beside(segments, reached.objects)
    verdict = decide(stock, kept, terms.now_ns, terms.grace_ns)
    stages = {*named.values()} if terms.all_known else roots.stages
    waiting = [doc for doc in documents if doc.deleted_ns is None and doc.since_ns is not None]
    due = [doc.since_ns + terms.grace_ns for doc in waiting if doc.since_ns is not None]
    dropped = [held for kept in verdict.dropped for held in kept.row.held if blob_of(held) in set(verdict.condemn)]
    told = {blob_of(held) for held in dropped}
    condemned = [
        *grouped(((held.object, held.bytes) for held in _once(dropped)), named, stages),
        *_group("never recorded", [b for b in verdict.condemn if b not in told], blobs, "no record tells of them"),
    ]
    going = [blob for doc in verdict.delete for blob in doc.blobs if blob in blobs]
    deleted = [
        *_group("condemned before", going, blobs, "nothing has led to it since"),
        *_entries("runs", runs, f"beyond the latest {terms.keep_runs}"),
        *_entries("checkpoints", checkpoints, "no pipeline, lock file or run that counts knows their stages"),
        *_entries("trash", trash, "put away longer ago than the grace time"),
    ]
    return Found(
        verdict,
        stock,
        runs,
        checkpoints,
        trash,
        tuple(name for name, entry in listed.items() if name not in known and entry.written_ns <= since),
        tuple(condemned),
        tuple(deleted),
        len(verdict.waiting),
        sum(blobs[blob].bytes for blob in verdict.waiting),
        min(due, default=None),
        reached.notes,
        len(verdict.live),
        sum(blobs[blob].bytes for blob in verdict.live),
    )


def carry_out(remote: Remote, found: Found, run: str, lease: Lease) -> None:
    """Do what was found, in the order in which `Verdict` names it. Raises `StoreError`.

    Wherever it stops, no record that is listed names what is gone, and the next call finishes.
    """
    bucket, verdict, source = remote.bucket, found.verdict, _Source(remote)
    token = os.urandom(4).hex()
    _delete(remote, [entry.name for entry, _ in (*found.runs.go, *found.checkpoints.go, *found.trash.go)], lease)
    moved = list(_repack(remote, verdict.repack))
    document: Condemned | None = None
    if verdict.condemn or verdict.dropped:
        document = Condemned(layout.condemned_name(run, token), verdict.condemn)
        bucket.put(document.log, b"".join(source.line(each) for each in verdict.dropped))
        bucket.put(document.name, document.encode())
    label = layout.merged_run(max(run, verdict.latest), token)
    for seq, text in enumerate(_joined(_new_lines(source, verdict.lines, moved)), 1):
        bucket.put(layout.segment_name(label, seq), text)
    _delete(remote, verdict.go, lease)
    for changed in verdict.changed:
        bucket.put(changed.name, changed.encode())
    if document is not None:
        lease.make_sure()
        bucket.put(document.name, replace(document, since_ns=server_now(bucket)).encode())
    for going in verdict.delete:
        _delete(remote, going.blobs, lease)
        bucket.put(going.name, replace(going, deleted_ns=server_now(bucket)).encode())
    _delete(remote, [*verdict.finished, *(f"{name}l" for name in verdict.finished), *found.strays], lease)
    remote.refresh()


@dataclass(slots=True)
class _Source:
    """Lines of segments and of what was condemned; the text that was read last is kept."""

    remote: Remote
    _name: str = ""
    _text: bytes = b""

    def line(self, kept: Kept) -> bytes:
        """Return a line with its end."""
        if kept.source != self._name:
            known = layout.segment_of(kept.source) is not None
            self._text = self.remote.mirror.read(kept.source) if known else self.remote.bucket.get(kept.source)
            self._name = kept.source
        line = self._text[kept.row.at : kept.row.at + kept.row.size] + b"\n"
        if not lines.are_sound(line):
            raise StoreError(f"{kept.source} of {self.remote.url} changed while it was read", hint="say `gc` again")
        return line


def _delete(remote: Remote, names: Sequence[str], lease: Lease) -> None:
    for at in range(0, len(names), _AT_ONCE):
        lease.make_sure()
        remote.bucket.delete(names[at : at + _AT_ONCE])


def _documents(remote: Remote, listed: Iterable[str]) -> Iterator[Condemned]:
    names = [name for name in listed if is_document(name)]
    for name, data in zip(names, remote.map(remote.bucket.get, names), strict=True):
        try:
            yield Condemned.decode(name, data)
        except BadDocument as error:
            hint = (
                "use the version of ckptflow that wrote it; where it is damaged, remove it: what it lists is found anew"
            )
            raise StoreError(f"{error} (in {remote.url})", hint=hint) from error


def _kept_rows(remote: Remote, documents: Sequence[Condemned]) -> Iterator[tuple[str, list[Row]]]:
    waiting = [doc for doc in documents if doc.deleted_ns is None]
    for doc, data in zip(waiting, remote.map(partial(_sound, remote), [doc.log for doc in waiting]), strict=True):
        try:
            yield doc.name, [parse_row(at, line) for at, line in split_lines(data)]
        except lines.BadLine as error:
            hint = f"what may be deleted cannot be told; remove it with {doc.name}: what they list is found anew"
            raise StoreError(f"{doc.log} in {remote.url} cannot be read: {error}", hint=hint) from error


def _segments(remote: Remote) -> list[Segment]:
    """Return all segments as they are listed now, read from the mirror where it has them."""
    for last in range(_TRIES, 0, -1):
        remote.refresh()
        entries = [e for e in remote.bucket.list(layout.RECORDS) if layout.segment_of(e.name)]
        known = remote.mirror.segments()
        missing = [e.name for e in entries if known.get(e.name) != e.bytes]
        try:
            for name, data in zip(missing, remote.map(remote.bucket.get, missing), strict=True):
                remote.mirror.keep(name, data)
            return [_segment(remote, entry) for entry in entries]
        except NotThere:  # merged meanwhile
            if last == 1:
                raise
    raise AssertionError("the last try returns or raises")


def _segment(remote: Remote, entry: Entry) -> Segment:
    """Return a segment. Damage counts only where it is in the remote, not on the way from there or here."""
    data = remote.mirror.read(entry.name)
    if not lines.are_sound(data):
        data = _sound(remote, entry.name)
        remote.mirror.keep(entry.name, data)
    return parse_segment(entry, data, remote.url)


def _sound(remote: Remote, name: str) -> bytes:
    """Return lines of the remote, asked for again where some are damaged; damaged ones if it sends them three times."""
    for _ in range(2):
        data = remote.bucket.get(name)
        if not data or lines.are_sound(data):
            return data
    return remote.bucket.get(name)


def _where(stock: Stock) -> dict[Digest, Held]:
    """Return where objects are: as segments tell, else as what was condemned does."""
    condemned = (row for rows in stock.kept_rows.values() for row in rows)
    rows = (*condemned, *(row for segment in stock.segments for row in segment.rows))
    return {held.object: held for row in rows for held in row.held if blob_of(held) in stock.blobs}


def _young(
    reader: _Reader, segments: Sequence[Segment], since_ns: int, named: dict[Digest, str]
) -> dict[Digest, bytes]:
    """Return the first bytes of what may be a tree and was sent of late: no record names it."""
    held = {h.object: h for s in segments if s.is_left_alone(since_ns) for row in s.rows for h in row.held}
    wanted = [o for o, h in held.items() if o not in named and h.bytes <= packs.PACKED_MOST]
    reader.prepare(map(layout.object_name, wanted))
    found: dict[Digest, bytes] = {}
    for object_ in wanted:
        with suppress(NotThere):
            found[object_] = reader.read(layout.object_name(object_))
    return found


def _repack(remote: Remote, wanted: Sequence[Held]) -> Iterator[list[Held]]:
    """Put objects that are alive in packs that go into new packs; yield where they are now, a pack at a time."""
    group: list[tuple[Digest, bytes]] = []
    size = 0
    for span in packs.spans(wanted):
        data = remote.bucket.get(layout.pack_name(span.pack), span.start, span.stop - span.start)
        for held in span.wanted:
            at = held.offset - span.start
            one = data[at : at + held.bytes]
            if digest(one) != held.object:
                raise StoreError(
                    f"the object {held.object} in {remote.url} is damaged",
                    hint=f"`ckptflow verify -r {remote.name}` repairs what can be repaired",
                )
            group.append((held.object, one))
            size += len(one)
        if size >= packs.PACK_BYTES or len(group) >= _HOLDING_MOST:
            yield _put_pack(remote, group)
            group, size = [], 0
    if group:
        yield _put_pack(remote, group)


def _put_pack(remote: Remote, group: list[tuple[Digest, bytes]]) -> list[Held]:
    data, index = packs.build(group, os.urandom(packs.SALT_BYTES))
    pack = digest(data)
    remote.bucket.put(layout.pack_name(pack), data)
    return [Held(name, size, pack, at) for name, at, size in index]


def _new_lines(source: _Source, kept: Sequence[Kept], moved: Sequence[list[Held]]) -> Iterator[bytes]:
    """Yield the lines of new segments: first those that tell where objects are, those of one pack together."""
    told = [held for each in kept for held in each.held]
    for _, group in groupby(sorted(told, key=lambda h: (h.pack or "", h.offset, h.object)), key=lambda h: h.pack):
        together = list(group)
        for at in range(0, len(together), _HOLDING_MOST):
            yield lines.encode_holding(together[at : at + _HOLDING_MOST])
    yield from (lines.encode_holding(group) for group in moved)
    yield from (source.line(each) for each in kept if not each.held)


def _joined(texts: Iterable[bytes]) -> Iterator[bytes]:
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


def _once(helds: Iterable[Held]) -> Iterable[Held]:
    return {held.object: held for held in helds}.values()


def _group(what: str, names: Sequence[str], blobs: dict[str, Item], why: str) -> Iterator[Group]:
    if names:
        yield Group(what, len(names), sum(blobs[name].bytes for name in names if name in blobs), why)


def _entries(what: str, documents: Documents, why: str) -> Iterator[Group]:
    entries: list[Entry] = [entry for entry, _ in documents.go]
    if entries:
        yield Group(what, len(entries), sum(entry.bytes for entry in entries), why)
