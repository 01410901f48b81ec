"""Edge. Garbage of a local store: looked for, and removed.

Rules: whoever removes holds the store alone (`locks.STORE`), so that nobody relies on what goes. Things go in the
reverse of the order in which they are made: documents, then records, then trees, then listings, then the rest; so at
no moment does anything name what is gone, wherever it stops. What is kept of segments stands in a new one before the
old ones go.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from ..dataclass import dataclass
from ..errors import StoreError
from ..ids import Digest
from ..plan.model import Partial, Record
from ..store import layout
from ..store.oserrors import store_error
from ..store.protocol import Entry, NotThere, Store
from . import lines
from .garbage import Group, Item, Log, Row, Segment, beside, dead, grouped, named_by_young, sort_out
from .reach import LISTING, TREE, Documents, Reached, Roots, from_checkpoints, from_runs, from_trash, reach
from .records import SEGMENT_BYTES, SegmentReader, split_lines
from .trash import sweep

SECOND_NS = 10**9
LITTER_SECONDS = 86400
"""Unfinished files are left alone for so long."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What counts as garbage: `now_ns` by the store's clock, `grace_ns`, how many runs to keep, whether the stages that
    the roots know are all that there are (else no checkpoint goes).
    """

    now_ns: int
    grace_ns: int
    keep_runs: int
    all_known: bool = False

    @property
    def since_ns(self) -> int:
        """What was written later than this is young."""
        return self.now_ns - self.grace_ns


@dataclass(frozen=True, slots=True)
class Litter:
    """A file that nobody will finish or look at any more."""

    path: Path
    bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes from a local store: `objects` in the order of their removal. `kept_*` is what stays."""

    runs: Documents
    checkpoints: Documents
    trash: Documents
    log: Log
    objects: tuple[Digest, ...]
    quarantine: tuple[str, ...]
    litter: tuple[Litter, ...]
    groups: tuple[Group, ...]
    notes: tuple[str, ...]
    kept_objects: int
    kept_bytes: int

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to remove."""
        return not (self.groups or self.log.go)


def survey(store: Store, roots: Roots, terms: Terms) -> Plan:
    """Return what may go from `store`; add to `roots` what the store itself keeps. Changes nothing in the store.

    Raises `RootUnreadable` where what must be kept cannot be told, and `StoreError`.
    """
    since = terms.since_ns
    items = {o: Item(e.bytes, e.written_ns) for e in store.list(layout.OBJECTS) if (o := layout.object_of(e.name))}
    segments = read_segments(store)
    runs = from_runs(roots, store.list(layout.RUNS), store.get, terms.keep_runs, since)
    checkpoints = from_checkpoints(roots, store.list(layout.CHECKPOINTS), store.get, since, all_known=terms.all_known)
    trash = from_trash(roots, store.list(layout.TRASH), store.get, since)
    roots.named(named_by_young(segments, since))
    named = {name: row.stage for segment in segments for row in segment.rows for name in row.names}
    young = {o: head(store, o) for o, item in items.items() if item.written_ns > since and o not in named}
    reached = reach(roots, store.get, young)
    kept = reached.objects | beside(segments, reached.objects)
    log = sort_out(segments, since, kept)
    going = dead(items, since, kept)
    quarantine = list(_set_aside(store, since))
    litter = tuple(_litter(store, terms.now_ns))
    stages = {*named.values()} if terms.all_known else roots.stages
    groups = [
        *grouped(((o, items[o].bytes) for o in going), named, stages),
        *_documents("runs", runs, f"beyond the latest {terms.keep_runs}"),
        *_documents("checkpoints", checkpoints, "no pipeline, lock file or run that counts knows their stages"),
        *_documents("trash", trash, "put away longer ago than the grace time"),
        *_group("records", len(log.dropped), 0, "what they name goes, or later ones stand for them"),
        *_group("quarantine", len(quarantine), sum(size for _, size in quarantine), "set aside long ago"),
        *_group("unfinished files", len(litter), sum(each.bytes for each in litter), "left by what was killed"),
    ]
    return Plan(
        runs,
        checkpoints,
        trash,
        log,
        tuple(sorted(going, key=lambda o: _rank(store, o))),
        tuple(name for name, _ in quarantine),
        litter,
        tuple(groups),
        _notes(reached, segments),
        len(items) - len(going),
        sum(item.bytes for item in items.values()) - sum(items[o].bytes for o in going),
    )


def remove(store: Store, plan: Plan, run: str) -> None:
    """Do what `plan` says. The store must be held alone since before the survey. `run` names the new segments.

    Wherever it stops, nothing that is left names what is gone, and the next survey finds the rest. Raises `StoreError`.
    """
    token = os.urandom(4).hex()
    for entry, _ in (*plan.runs.go, *plan.checkpoints.go):
        store.delete(entry.name)
    sweep(store, [entry.name for entry, _ in plan.trash.go])
    for seq, text in enumerate(_texts(store, plan.log), 1):
        store.put(layout.segment_name(layout.merged_run(max(run, plan.log.latest), token), seq), text)
    _reach_the_disk(store)
    for name in plan.log.go:
        store.delete(name)
    _reach_the_disk(store)
    for object_ in plan.objects:
        store.delete(layout.object_name(object_))
    for name in plan.quarantine:
        store.delete(name)
    for each in plan.litter:
        with suppress(OSError):
            each.path.unlink()


def read_segments(store: Store) -> list[Segment]:
    """Return all segments of a store. Raises `StoreError` where one holds what this program cannot read.

    A line that is merely damaged is no use to anybody; one of a newer version leads to what cannot be told.
    """
    found = []
    for entry in store.list(layout.RECORDS):
        if layout.segment_of(entry.name) is None:
            continue
        with suppress(NotThere):
            found.append(parse_segment(entry, store.get(entry.name), store.url))
    return found


def parse_segment(entry: Entry, data: bytes, url: str) -> Segment:
    """Return a segment that was listed, given its bytes. Raises `StoreError` as `read_segments` does."""
    rows: list[Row] = []
    damaged = 0
    for at, line in split_lines(data):
        try:
            rows.append(parse_row(at, line))
        except lines.StrangeLine as error:
            raise StoreError(
                f"{entry.name} in {url}: {error}",
                hint="what must be kept cannot be told; use the version of ckptflow that wrote it, or a newer",
            ) from error
        except lines.BadLine:
            damaged += 1
    return Segment(entry.name, Item(entry.bytes, entry.written_ns), tuple(rows), damaged)


def parse_row(at: int, line: bytes) -> Row:
    """Return a line, without its end, that stands at offset `at`. Raises `BadLine`."""
    match lines.decode(line):
        case Record(key=key, stage=stage, finished=finished) as record:
            return Row(
                at,
                len(line),
                bytes.fromhex(key),
                tuple(part.object for part in record.outs.values() if not part.listing),
                tuple(part.object for part in record.outs.values() if part.listing),
                stage,
                _nanoseconds(finished),
                beside=() if record.quarantine is None else (record.quarantine.object,),
            )
        case Partial(key=key, headway=headway, stage=stage, kept=kept):
            objects = tuple(part.object for part in headway.parts)
            return Row(
                at, len(line), parts=objects, stage=stage, finished_ns=_nanoseconds(kept), partial=bytes.fromhex(key)
            )
        case lines.Forget(key):
            return Row(at, len(line), bytes.fromhex(key), forget=True)
        case lines.Holding(objects):
            return Row(at, len(line), held=objects)


def _nanoseconds(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp()) * SECOND_NS
    except (ValueError, TypeError, OverflowError):
        return 0


def _texts(store: Store, log: Log) -> Iterator[bytes]:
    """Yield the texts of the new segments, each of a bounded size."""
    text: list[bytes] = []
    size = 0
    at = 0
    moved = log.moved
    while at < len(moved):
        segment = moved[at][0]
        with SegmentReader(store, segment) as reader:
            while at < len(moved) and moved[at][0] == segment:
                row = moved[at][1]
                line = reader.read(row.at, row.size) + b"\n"
                if text and size + len(line) > SEGMENT_BYTES:
                    yield b"".join(text)
                    text, size = [], 0
                text.append(line)
                size += len(line)
                at += 1
    if text:
        yield b"".join(text)


def _reach_the_disk(store: Store) -> None:
    """What was done so far must not be undone by a loss of power once what follows is done."""
    store.sync([layout.MARKER])


def head(store: Store, object_: Digest) -> bytes:
    """Return the first bytes of an object, enough to tell a tree or a listing; nothing if it is not there."""
    name = layout.object_name(object_)
    path = store.local(name)
    try:
        if path is None:
            return store.get(name)[: len(LISTING)]
        with open(path, "rb", buffering=0) as file:
            return file.read(len(LISTING))
    except (NotThere, FileNotFoundError):
        return b""
    except OSError as error:
        raise store_error(error, f"read {name}", store.url) from error


def _rank(store: Store, object_: Digest) -> int:
    """Return where an object stands in the order of removal: trees, then listings, then what they lead to."""
    start = head(store, object_)
    return 0 if start.startswith(TREE) else 1 if start.startswith(LISTING) else 2


def _set_aside(store: Store, since_ns: int) -> Iterator[tuple[str, int]]:
    """Yield (name, size in bytes) of what was set aside long ago: a file keeps its time of writing when it is moved."""
    for entry in store.list(layout.QUARANTINE):
        path = store.local(entry.name)
        when = entry.written_ns
        with suppress(OSError):
            when = path.lstat().st_ctime_ns if path is not None else when
        if when <= since_ns:
            yield entry.name, entry.bytes


def _litter(store: Store, now_ns: int) -> Iterator[Litter]:
    """Yield unfinished files that are a day old: under `tmp/`, and the temporary names of the driver beside targets."""
    marker = store.local(layout.MARKER)
    if marker is None:
        return
    root = marker.parent
    folders = [layout.OBJECTS, layout.RECORDS, layout.CHECKPOINTS, layout.RUNS]
    paths = [path for folder in folders for path in (root / folder).rglob(".*")] + list(root.glob(".*.tmp"))
    paths += (path for path in (root / layout.TEMPORARY).rglob("*"))
    for path in paths:
        with suppress(OSError):
            found = path.lstat()
            if not path.is_dir() and found.st_ctime_ns <= now_ns - LITTER_SECONDS * SECOND_NS:
                yield Litter(path, found.st_size)


def _documents(what: str, documents: Documents, why: str) -> Iterator[Group]:
    return _group(what, len(documents.go), sum(entry.bytes for entry, _ in documents.go), why)


def _group(what: str, count: int, size: int, why: str) -> Iterator[Group]:
    if count:
        yield Group(what, count, size, why)


def _notes(reached: Reached, segments: Sequence[Segment]) -> tuple[str, ...]:
    damaged = sum(segment.damaged for segment in segments)
    said = (f"{damaged} damaged lines of the record log are of no use and go with their segments",) if damaged else ()
    return (*reached.notes, *said)


def store_clock(store: Store, token: str) -> int:
    """Return the time by the clock that dates what is written to the store, in ns; writes a file and removes it."""
    name = layout.temporary_name(f"clock-{token}")
    store.put(name, b"")
    try:
        entry = store.stat(name)
    finally:
        store.delete(name)
    return entry.written_ns if entry is not None else time.time_ns()
