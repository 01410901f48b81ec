"""Pure. What of a store is garbage: decided from what leads where, what there is, and how old it is.

Rules: what is reached from a root stays, and what is younger than the grace time stays, with all that it names. A
record stays while every object that it names does. A young segment is left as it is; of another one that holds
anything dead, what is alive moves into a new segment, which sorts behind all others, and the old one goes. Only the
last line of a key moves, so nothing that came later is overruled. A `Forget` stays while a segment that is left as it
is has a line for it to hide. What an unfinished chunk has kept stays while it is young and the chunk has no record.
A segment that was merged out of others says nothing of the age of its lines: there the
time counts at which the chunk was finished, by the clock of whoever did it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ..dataclass import dataclass, field
from ..ids import Digest
from ..store import layout
from ..store.packs import Held

SLACK_NS = 86400 * 10**9
"""So far the clocks of machines may be off."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something that has a size in bytes and was written at a time, in ns by the clock of the store."""

    bytes: int
    written_ns: int


@dataclass(frozen=True, slots=True)
class Row:
    """One good line of a segment, at offset `at` with `size` bytes (without its end of line).

    A record has a `key` (32 bytes), names `parts` and `listings` and is of a `stage`; a `Forget` has the key alone; a
    line that tells where objects are has `held` and no key; what an unfinished chunk has kept has that chunk's key as
    `partial`, and `parts`. `beside` are objects that a record names and that no out is made of: they stay as long as
    what its outs are made of. `finished_ns` is when the chunk was done, by the clock of who did it; 0 where it does not
    say.
    """

    at: int
    size: int
    key: bytes = b""
    parts: tuple[Digest, ...] = ()
    listings: tuple[Digest, ...] = ()
    stage: str = ""
    finished_ns: int = 0
    forget: bool = False
    held: tuple[Held, ...] = ()
    partial: bytes = b""
    beside: tuple[Digest, ...] = ()

    @property
    def names(self) -> tuple[Digest, ...]:
        """The objects that a record names itself; what its listings name is not among them."""
        return self.parts + self.listings


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of the record log. `damaged` lines are of no use to anybody."""

    name: str
    item: Item
    rows: tuple[Row, ...]
    damaged: int = 0

    def is_left_alone(self, since_ns: int) -> bool:
        """Whether it is young, and no mere copy of what is older."""
        return self.item.written_ns > since_ns and not layout.is_merged(self.name)

    def is_young(self, row: Row, since_ns: int) -> bool:
        """Whether a record in it is kept for its age."""
        young = self.item.written_ns > since_ns
        return young and (not layout.is_merged(self.name) or not 0 < row.finished_ns <= since_ns - SLACK_NS)


@dataclass(frozen=True, slots=True)
class Named:
    """Objects, some of which are known to be listings and are to be read for what they name."""

    objects: frozenset[Digest]
    listings: frozenset[Digest]


@dataclass(frozen=True, slots=True)
class Log:
    """What becomes of the record log: segments that `go`, in the order of their removal, and what is kept of them.

    `moved` are (segment, line), in order; `dropped` the records that go. What is new sorts behind the run `latest`.
    """

    go: tuple[str, ...] = ()
    moved: tuple[tuple[str, Row], ...] = ()
    dropped: tuple[Row, ...] = ()
    kept: int = 0
    latest: str = ""


@dataclass(slots=True)
class Keys:
    """Of each key: where its last line stands, and whether that takes back the others."""

    last: dict[bytes, tuple[str, int]] = field(default_factory=dict)
    forgotten: set[bytes] = field(default_factory=set)

    @classmethod
    def of(cls, segments: Sequence[Segment]) -> Keys:
        """Return the keys of all segments."""
        found = cls()
        for segment in sorted(segments, key=lambda s: s.name):
            for row in segment.rows:
                if row.key:
                    found.last[row.key] = (segment.name, row.at)
                    if row.forget:
                        found.forgotten.add(row.key)
                    else:
                        found.forgotten.discard(row.key)
        return found

    def hide(self, segment: str, row: Row) -> bool:
        """Tell whether what an unfinished chunk has kept, in this row, was taken back later."""
        return row.partial in self.forgotten and (segment, row.at) < self.last[row.partial]

    def have(self, key: bytes) -> bool:
        """Tell whether there is a record of `key`."""
        return key in self.last and key not in self.forgotten


def named_by_young(segments: Sequence[Segment], since_ns: int) -> Named:
    """Return what segments written after `since_ns` lead to: what their lines name, unless it was taken back."""
    keys = Keys.of(segments)
    objects: set[Digest] = set()
    listings: set[Digest] = set()
    for segment in segments:
        if segment.is_left_alone(since_ns):
            objects.update(held.object for row in segment.rows for held in row.held)
        for row in segment.rows:
            if row.key:
                wanted = row.key not in keys.forgotten
            else:
                wanted = bool(row.partial) and not keys.have(row.partial) and not keys.hide(segment.name, row)
            if wanted and segment.is_young(row, since_ns):
                objects.update(row.names)
                listings.update(row.listings)
    return Named(frozenset(objects), frozenset(listings))


def beside(segments: Iterable[Segment], reached: Collection[Digest]) -> frozenset[Digest]:
    """Return what is kept beside the outs of chunks, for those whose outs are `reached`."""
    rows = (row for segment in segments for row in segment.rows if row.beside)
    return frozenset(name for row in rows if all(n in reached for n in row.names) for name in row.beside)


def sort_out(segments: Sequence[Segment], since_ns: int, reached: Collection[Digest]) -> Log:
    """Return what becomes of the segments, where `reached` are the objects that stay.

    They are removed in the order of their names: so a `Forget` never goes before a line that it hides.
    """
    keys = Keys.of(segments)
    old = [s for s in sorted(segments, key=lambda s: s.name) if not s.is_left_alone(since_ns)]
    young = [s for s in segments if s.is_left_alone(since_ns)]
    hidden = hidden_by(young)
    go: list[str] = []
    moved: list[tuple[str, Row]] = []
    dropped: list[Row] = []
    kept = sum(len(segment.rows) for segment in young)
    for segment in old:
        alive = [row for row in segment.rows if is_alive(segment.name, row, keys, hidden, reached)]
        if alive and len(alive) == len(segment.rows) and not segment.damaged:
            kept += len(alive)
            continue
        staying = {row.at for row in alive}
        go.append(segment.name)
        moved += ((segment.name, row) for row in alive)
        dropped += (row for row in segment.rows if row.at not in staying and row.key and not row.forget)
    return Log(tuple(go), tuple(moved), tuple(dropped), kept + len(moved), latest_run(segments))


def hidden_by(segments: Iterable[Segment]) -> set[bytes]:
    """Return the keys of which segments have lines that a `Forget` may hide."""
    return {row.key or row.partial for s in segments for row in s.rows if row.partial or (row.key and not row.forget)}


def latest_run(segments: Iterable[Segment]) -> str:
    """Return the run of the segment that sorts last, empty where there is none."""
    return max((parts[0] for s in segments if (parts := layout.segment_of(s.name))), default="")


def is_alive(segment: str, row: Row, keys: Keys, hidden: Collection[bytes], reached: Collection[Digest]) -> bool:
    """Tell whether a line is to stay, if its segment does not.

    `reached` are the objects that stay, `hidden` the keys of which segments that are left alone have records.
    """
    if row.partial:
        wanted = not keys.have(row.partial) and not keys.hide(segment, row)
        return bool(row.names) and wanted and all(name in reached for name in row.names)
    if not row.key:
        return all(held.object in reached for held in row.held)
    if keys.last[row.key] != (segment, row.at):
        return False
    return row.key in hidden if row.forget else all(name in reached for name in row.names)


def dead(items: Mapping[Digest, Item], since_ns: int, reached: Collection[Digest]) -> list[Digest]:
    """Return the objects that nothing reaches and that were not written after `since_ns`, in the order of `items`."""
    return [name for name, item in items.items() if item.written_ns <= since_ns and name not in reached]


@dataclass(frozen=True, slots=True)
class Group:
    """Garbage of one kind: `what` it is, how many things and bytes, `why` it may go."""

    what: str
    count: int
    bytes: int
    why: str


def grouped(
    objects: Iterable[tuple[Digest, int]], named: Mapping[Digest, str], known: Collection[str]
) -> Iterator[Group]:
    """Yield groups of dead objects, given with their sizes: by the stage whose record `named` them, largest first.

    `known` are the stages that a pipeline or lock file which counts still has.
    """
    totals: dict[str, tuple[int, int]] = {}
    for name, size in objects:
        stage = named.get(name, "")
        count, total = totals.get(stage, (0, 0))
        totals[stage] = (count + 1, total + size)
    for stage, (count, total) in sorted(totals.items(), key=lambda item: (not item[0], -item[1][1], item[0])):
        if not stage:
            yield Group("other objects", count, total, "trees, texts and sources that nothing leads to")
        elif stage in known:
            yield Group(stage, count, total, "no lock file or run that counts leads to it")
        else:
            yield Group(stage, count, total, "no pipeline or lock file that counts has this stage")
