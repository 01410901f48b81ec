"""Edge. The journals of a dataset in a store: found, read, added up.

A journal belongs to one run and is written by it alone (`lanes`). On a local disk it is one file that grows; on object
storage it is parts that never change, each named after the flushes it holds, small ones merged into larger ones. Which
journals count, and how much of them, follows from their first lines (`progress.lineage`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from ...dataclass import dataclass, field
from ...store import layout
from ...store.bucketed import BucketStore
from ...store.oserrors import store_error
from ...store.protocol import NotThere, Store
from ..manifest import Checkpoint
from ..records import Damage, split_lines
from ..sealed import BadLine
from .progress import Header, Progress, Stretch, lineage

_HEADER_BYTES = 64 << 10
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
        line, end, _ = self._head(lane).partition(b"\n")
        if not end:
            return None
        try:
            header = Header.parse(line)
        except BadLine:
            return None
        return header if header.dataset == self.dataset else None

    def lineage(self, last: tuple[str, int | None] | None = None) -> list[Stretch]:
        """Return what counts, looking back from the newest journal or from `last`; see `progress.lineage`.

        Journals that were merged, and to which nothing was added since, are not among it.
        """
        found = lineage(self.lanes, self.header, last)
        return [each for each in found if not each.start or each.start < self.size(each.lane)]

    def add_up(self, stretches: list[Stretch], onto: Progress | None = None) -> Progress:
        """Return what these say together, `onto` what others said; lines that cannot be used are added to `damage`."""
        progress = Progress() if onto is None else onto
        for stretch in stretches:
            self._add(progress, stretch)
        return progress

    def _add(self, progress: Progress, stretch: Stretch) -> None:
        data = self._read(stretch.lane)[stretch.start : stretch.stop]
        if stretch.start == 0:
            progress.begin()
        for at, line in split_lines(data, stretch.start):
            if not line or (at == 0 and self.header(stretch.lane) is not None):
                continue  # an empty line ends what was cut off
            try:
                progress.add(line)
            except BadLine as error:
                self.damage.append(Damage(stretch.lane, at, len(line), str(error)))

    def _head(self, lane: str) -> bytes:
        """Return the beginning of a journal, with its first line."""
        if lane in self._data:
            return self._data[lane]
        part = self.parts[lane][0]
        size = min(part.bytes, _HEADER_BYTES)
        path = self.store.local(part.name)
        if path is None:
            return (
                self.store.bucket.get(part.name, 0, size) if isinstance(self.store, BucketStore) else self._read(lane)
            )
        try:
            with path.open("rb") as file:
                return file.read(size)
        except FileNotFoundError:
            raise NotThere(f"no {part.name} in {self.store.url}") from None
        except OSError as error:
            raise store_error(error, f"read {part.name}", self.store.url) from error

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


def position(checkpoint: Checkpoint) -> tuple[str, int] | None:
    """Return the journal that a checkpoint is the summary of, and up to which byte; None where it names none."""
    noted = checkpoint.processor_state.extra.get("journal")
    if not isinstance(noted, dict):
        return None
    name, size = noted.get("name"), noted.get("bytes")
    return (name, size) if isinstance(name, str) and isinstance(size, int) else None


def clear(store: Store, dataset: str, kept: Callable[[], Iterable[Checkpoint]]) -> list[str]:
    """Remove the journals that neither count now nor for any of the checkpoints that `kept` gives; return their names.

    Raises `StoreError`.
    """
    shelf = look(store, dataset)
    if len(shelf.lanes) < 2:
        return []
    needed = {each.lane for each in shelf.lineage()}
    if needed.issuperset(shelf.lanes):
        return []
    for checkpoint in kept():
        at = position(checkpoint)
        if at is not None:
            needed.update(each.lane for each in shelf.lineage(at))
    names = []
    for lane in shelf.lanes:
        if lane not in needed:
            names += [part.name for part in shelf.parts[lane]]
    for name in names:
        store.delete(name)
    return names
