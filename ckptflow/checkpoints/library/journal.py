"""Edge. The journals of a dataset in a store: found, read, added up.

A journal belongs to one run and is written by it alone (`lanes`). On a local disk it is one file that grows; on object
storage it is parts that never change, each named after the flushes it holds, small ones merged into larger ones. Which
journals count, and how much of them, follows from their first lines (`progress.lineage`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ...store import layout
from ...store.protocol import NotThere, Store
from ..records import Damage, split_lines
from ..sealed import BadLine
from .progress import Header, Progress, Stretch, lineage

_AT_ONCE = 16
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a journal."""

    name: str
    bytes: int


@dataclass(slots=True)
class Shelf:
    """The journals of one dataset, as they were when it was looked at. Raises `StoreError`."""

    store: Store
    dataset: str
    parts: dict[str, tuple[Part, ...]]
    """By journal its parts, in order."""
    damage: list[Damage] = field(default_factory=list)
    _data: dict[str, bytes] = field(default_factory=dict)

    @property
    def lanes(self) -> list[str]:
        """The names of the journals, oldest first."""
        return sorted(self.parts)

    def size(self, lane: str) -> int:
        """Return the bytes of a journal."""
        return sum(part.bytes for part in self.parts[lane])

    def header(self, lane: str) -> Header | None:
        """Return what the first line of a journal says, None where it is damaged or of another dataset."""
        line, end, _ = self._read(lane).partition(b"\n")
        if not end:
            return None
        try:
            header = Header.parse(line)
        except BadLine:
            return None
        return header if header.dataset == self.dataset else None

    def lineage(self, last: tuple[str, int | None] | None = None) -> list[Stretch]:
        """Return what counts, looking back from the newest journal or from `last`; see `progress.lineage`."""
        return lineage(self.lanes, self.header, last)

    def add_up(self, stretches: list[Stretch]) -> Progress:
        """Return what these say together; lines that cannot be used are added to `damage`."""
        progress = Progress()
        for stretch in stretches:
            if stretch.start and stretch.start >= self.size(stretch.lane):
                continue
            self._add(progress, stretch)
        return progress

    def _add(self, progress: Progress, stretch: Stretch) -> None:
        data = self._read(stretch.lane)[stretch.start : stretch.stop]
        progress.begin()
        for at, line in split_lines(data, stretch.start):
            if at == 0 and self.header(stretch.lane) is not None:
                continue
            if not line:  # ends what was cut off
                continue
            try:
                progress.add(line)
            except BadLine as error:
                self.damage.append(Damage(stretch.lane, at, len(line), str(error)))

    def _read(self, lane: str) -> bytes:
        if lane not in self._data:
            parts = self.parts[lane]
            if len(parts) == 1:
                self._data[lane] = self.store.get(parts[0].name)
            elif self.store.local(parts[0].name) is not None:
                self._data[lane] = b"".join(self.store.get(part.name) for part in parts)
            else:
                with ThreadPoolExecutor(_AT_ONCE) as threads:
                    self._data[lane] = b"".join(threads.map(self.store.get, [part.name for part in parts]))
        return self._data[lane]


def look(store: Store, dataset: str) -> Shelf:
    """Return the journals of `dataset`: one listing. Raises `StoreError`."""
    folder = layout.stage_folder(dataset, "")
    begin = f"{folder}{layout.escape(dataset)}_"
    whole: dict[str, Part] = {}
    spans: dict[str, list[tuple[int, int, Part]]] = {}
    for entry in store.list(begin):
        found = layout.journal_of(entry.name.removeprefix(folder))
        if found is None:
            continue
        lane, span = found
        if span is None:
            whole[lane] = Part(entry.name, entry.bytes)
        else:
            spans.setdefault(lane, []).append((*span, Part(entry.name, entry.bytes)))
    shelf = Shelf(store, dataset, {lane: (part,) for lane, part in whole.items()})
    for lane, pieces in spans.items():
        if lane not in whole:
            shelf.parts[lane] = tuple(_in_order(lane, pieces, shelf.damage))
    return shelf


def _in_order(lane: str, pieces: list[tuple[int, int, Part]], damage: list[Damage]) -> list[Part]:
    """Return the parts that hold each flush once: of those that overlap the one that holds the most."""
    found: list[Part] = []
    wanted = 1
    for first, last, part in sorted(pieces, key=lambda piece: (piece[0], -piece[1])):
        if first < wanted:
            continue
        if first > wanted:
            damage.append(Damage(lane, sum(p.bytes for p in found), 0, f"flushes {wanted} to {first - 1} are missing"))
        found.append(part)
        wanted = last + 1
    return found


def read(store: Store, dataset: str, last: tuple[str, int | None] | None = None) -> tuple[Shelf, Progress]:
    """Return the journals of `dataset` and what they say together. Raises `StoreError`.

    A part that is gone when it is read was merged into another since the listing: then everything is looked at again.
    """
    for attempt in range(_TRIES):
        shelf = look(store, dataset)
        try:
            return shelf, shelf.add_up(shelf.lineage(last))
        except NotThere:
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("the last attempt returns or raises")
