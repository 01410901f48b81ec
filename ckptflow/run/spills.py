"""Edge. Spills: rows of a dep laid out slot by slot, so that the rows of one chunk are read at once.

A spill is a directory `<cut>/<number of the dep>` with `rows.arrow` (Arrow IPC, not compressed, mapped into memory) and
`index.npy`; slot i is a range of its rows. It is made in two passes over bounded memory: batches are sorted by slot and
written one after the other, then merged. `<cut>/sheet.json` holds the pieces. The name of the cut is a digest of all
that decides its content, so a spill that exists is used again.

Spills are derived data and nobody syncs them: a reader compares the rows with the digest of the piece, and whatever is
absent, torn or rotten is a `SpillMissing` that makes the engine cut again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ..chunk.model import AtSlot, Piece
from ..chunk.packed import Pieces
from ..chunk.sheet import Sheet
from ..dataclass import dataclass
from ..errors import DepUnreadable, SpillMissing
from ..fingerprint.encode import digest_of
from ..fingerprint.recipe import describe_cut
from ..formats.tables import TableSource
from ..ids import Digest, digest
from ..spec.model import Cut, OverRows
from ..workspace.derived import replace_file
from .messages import Input
from .runs import Index, Runs
from .slotting import ByKeys, large, slotting_of
from .sources import Found, known_shape

if TYPE_CHECKING:
    import pyarrow as pa

    from ..chunk.keys import Slotting

VERSION = 1
"""Version of the layout and of the rules by which rows come into slots."""

RUN_BYTES = 16 << 20
"""Rows that are sorted by slot in memory."""

MERGE_ROWS = 1 << 18
"""Rows of the slots that are merged at a time; a slot with more is streamed."""

SPILL_BATCH = 1 << 16
"""Rows of the batches of a spill."""


def spill_keys(spec: ByKeys, deps: Mapping[str, tuple[Input, Found]], spill_dir: Path) -> Sheet:
    """Partition `deps` by their keys, the first one leading, and return a piece for each dep and slot."""
    for item, found in deps.values():
        if not found.tabular:
            raise DepUnreadable(f"`{item.source.path}` is no table and cannot be cut by a key")
    name = _cut_name(spec, deps.values())
    known = _known_sheet(spill_dir, name)
    if known is not None:
        return known
    tables = {
        label: found.table(columns=_with_keys(item, spec.by[label]), shape=known_shape(found, spill_dir))
        for label, (item, found) in deps.items()
    }
    leading = next(iter(deps))
    pieces: dict[str, Pieces] = {}
    with _building(spill_dir, name, [found for _, found in deps.values()]) as place:
        slotting = slotting_of(spec, tables[leading], leading, place.directory)
        # Nothing at all is one chunk, which gives the out its schema; `into` says how many chunks there are otherwise.
        slots = slotting.count if any(table.num_rows for table in tables.values()) else 1
        for number, (label, (item, _)) in enumerate(deps.items()):
            table = tables[label]
            shown = table.schema if item.columns is None else table.select(item.columns).schema
            rows = _by_slot(table, slotting, spec.by[label], shown, label)
            cuts = _write(place.directory / str(number), rows, shown, slots, table.num_rows)
            pieces[label] = _pieces(cuts, f"{name}/{number}")
        sheet = Sheet(pieces, slotting.labels[:slots])
        place.publish(sheet)
    return sheet


def spill_rows(item: Input, found: Found, rows: int, cut: Cut, spill_dir: Path) -> Pieces:
    """Cut the table of a text format (a projection, or several files) by rows, and keep the rows in binary."""
    from ..chunk.rows import cut_rows

    label = item.label
    name = _cut_name(OverRows(label, rows, cut), [(item, found)])
    known = _known_sheet(spill_dir, name)
    if known is not None:
        return known.pieces[label]
    table = found.table(columns=item.columns, shape=known_shape(found, spill_dir))
    with _building(spill_dir, name, [found]) as place:
        cuts: list[_Cut] = []
        with _Rows(place.directory / "0", table.schema) as out:
            for piece in cut_rows(out.passing(table.batches()), table.schema, rows, cut):
                cuts.append(_Cut(piece.digest, piece.stop - piece.start, piece.bytes))
            out.finish([c.rows for c in cuts])
        pieces = _pieces(cuts, f"{name}/0")
        place.publish(Sheet({label: pieces}))
    return pieces


def read_slot(spill_dir: Path, spill: str, slot: int, expected: Digest) -> pa.Table:
    """Return the rows of a slot, in the order of the dep, in one chunk a column.

    Raises `SpillMissing` where the spill is absent, damaged, or holds other rows than `expected` names.
    """
    import numpy as np
    import pyarrow as pa

    from ..chunk.values import table_digest

    place = spill_dir / spill
    try:
        index = np.load(place / "index.npy", allow_pickle=False)
        start, stop = int(index[slot]), int(index[slot + 1])
        with pa.memory_map(str(place / "rows.arrow")) as source:
            file = pa.ipc.open_file(source)
            table = pa.Table.from_batches(list(_range(file, start, stop)), file.schema).combine_chunks()
        intact = table.num_rows == stop - start and table_digest(table) == expected
    except (OSError, ValueError, IndexError, EOFError, pa.ArrowException) as error:
        raise _missing(spill_dir, spill) from error
    if not intact:
        raise _missing(spill_dir, spill)
    return table


def _range(file: Any, start: int, stop: int) -> Iterator[pa.RecordBatch]:
    """Yield rows `start` to `stop` of a mapped file. All its batches but the last have the rows of the first."""
    if start == stop:
        return
    size = file.get_batch(0).num_rows
    for number in range(start // size, (stop - 1) // size + 1):
        first = max(start, number * size)
        yield file.get_batch(number).slice(first - number * size, min(stop, (number + 1) * size) - first)


def _missing(spill_dir: Path, spill: str) -> SpillMissing:
    with suppress(OSError):
        shutil.rmtree(spill_dir / spill.partition("/")[0])
    return SpillMissing(f"the partition {spill} is gone or damaged", hint="run again: the deps will be cut again")


# ---- names


def _cut_name(spec: ByKeys | OverRows, deps: Iterable[tuple[Input, Found]]) -> Digest:
    parts = [
        [item.label, item.source.identity, item.source.tree, item.source.format, list(item.columns or ())]
        for item, _ in deps
    ]
    return digest_of(["cut", VERSION, describe_cut(spec), parts])


def _with_keys(item: Input, keys: tuple[str, ...]) -> tuple[str, ...] | None:
    return None if item.columns is None else tuple(dict.fromkeys((*item.columns, *keys)))


def _known_sheet(spill_dir: Path, name: Digest) -> Sheet | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        checksum, _, body = (spill_dir / name / "sheet.json").read_bytes().partition(b"\n")
        if checksum.decode() == digest(body):
            return Sheet.from_json(json.loads(body))
    return None


@dataclass(frozen=True, slots=True)
class _Place:
    """A cut that is being made, in a directory of its own."""

    directory: Path
    final: Path
    deps: Sequence[Found]

    def publish(self, sheet: Sheet) -> None:
        """Give the finished directory its name. Where another process was quicker, theirs is as good.

        Raises `DepChanged` if a dep is not what the name says.
        """
        for found in self.deps:
            found.ensure_unchanged()
        body = json.dumps(sheet.to_json(), separators=(",", ":")).encode()
        replace_file(self.directory / "sheet.json", f"{digest(body)}\n".encode() + body)
        if self.final.exists() and _known_sheet(self.final.parent, Digest(self.final.name)) is None:
            shutil.rmtree(self.final, ignore_errors=True)
        with suppress(OSError):
            self.directory.rename(self.final)


class _building:  # noqa: N801 - reads as the statement it is
    """Makes the directory of a cut under a temporary name, and removes what is left of it."""

    def __init__(self, spill_dir: Path, name: Digest, deps: Sequence[Found]) -> None:
        temporary = spill_dir / f"{name}.{os.getpid()}.{uuid4().hex[:8]}.tmp"
        self._place = _Place(temporary, spill_dir / name, deps)

    def __enter__(self) -> _Place:
        self._place.directory.mkdir(parents=True)
        return self._place

    def __exit__(self, *error: object) -> None:
        shutil.rmtree(self._place.directory, ignore_errors=True)


# ---- slots


def _by_slot(
    table: TableSource, slotting: Slotting, columns: tuple[str, ...], shown: pa.Schema, label: str
) -> Iterator[tuple[pa.RecordBatch, Any]]:
    """Yield runs of `RUN_BYTES`: rows sorted by slot and then as in the dep, and the slot of each."""
    import pyarrow as pa

    from ..chunk.keys import slots_of_batch

    for batch in large(table.batches(), RUN_BYTES):
        try:
            rows, slots = slots_of_batch(slotting, batch, columns)
        except ValueError as error:
            raise DepUnreadable(f"dep `{label}`, key {', '.join(columns)}: {error}") from error
        yield batch.select(shown.names).take(pa.array(rows)), slots


# ---- writing


@dataclass(frozen=True, slots=True)
class _Cut:
    digest: Digest
    rows: int
    bytes: int


def _pieces(cuts: Iterable[_Cut], spill: str) -> Pieces:
    return Pieces(Piece(cut.digest, AtSlot(spill, i), cut.rows, cut.bytes) for i, cut in enumerate(cuts))


def _write(
    directory: Path, runs: Iterable[tuple[pa.RecordBatch, Any]], schema: pa.Schema, slots: int, rows: int
) -> list[_Cut]:
    """Write the rows of `runs`, `rows` of them or more, slot by slot; return what names each slot."""
    import numpy as np
    import pyarrow as pa

    directory.mkdir()
    unmerged = directory / "runs.arrow"
    index = Index(max(1, slots * MERGE_ROWS // max(1, rows)))
    with pa.OSFile(str(unmerged), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch, of_row in runs:
            for piece in index.pieces(batch, np.searchsorted(of_row, np.arange(slots + 1))):
                writer.write_batch(piece)
    counts = sum((np.diff(e) for e in index.edges), np.zeros(slots, np.int64))
    with pa.OSFile(str(unmerged), "rb") as source, _Rows(directory, schema) as out:
        cuts = list(_merged(Runs(pa.ipc.open_file(source), index), counts, schema, out))
        out.finish([cut.rows for cut in cuts])
    unmerged.unlink()
    return cuts


def _merged(runs: Runs, counts: Any, schema: pa.Schema, out: _Rows) -> Iterator[_Cut]:
    """Write some slots at a time: their rows of all runs, brought into the order of slots. Yields one cut a slot."""
    import numpy as np
    import pyarrow as pa

    from ..chunk.values import TableHasher, blocks_of

    empty = TableHasher(schema)
    slot = 0
    while slot < len(counts):
        last = slot + 1
        total = int(counts[slot])
        end = min(len(counts), runs.end_of_block(slot))
        while last < end and total + counts[last] <= MERGE_ROWS:
            total += int(counts[last])
            last += 1
        if last == slot + 1:
            hasher = empty.fresh()
            for piece in runs.slices(slot, last):
                hasher.update(piece)
                out.add(piece)
            yield _Cut(hasher.digest(), hasher.rows, hasher.bytes)
            slot = last
            continue
        hashers = [empty.fresh() for _ in range(slot, last)]
        if slices := list(runs.slices(slot, last)):
            of_row = np.concatenate(
                [np.repeat(np.arange(slot, last), np.diff(edge[slot : last + 1])) for edge in runs.index.edges]
            )
            order = np.argsort(of_row, kind="stable")
            rows = pa.concat_batches(slices).take(pa.array(order)) if len(slices) > 1 else slices[0]
            out.add(rows)
            at = 0
            stops = np.cumsum(counts[slot:last])
            for block in blocks_of(rows):
                _hash_block(hashers, stops, block, at)
                at += block.rows
        for hasher in hashers:
            yield _Cut(hasher.digest(), hasher.rows, hasher.bytes)
        slot = last


def _hash_block(hashers: list[Any], stops: Any, block: Any, at: int) -> None:
    """Give each hasher its rows of `block`, which begins at row `at`; `stops` are the ends of the hashers' rows."""
    import numpy as np

    number = int(np.searchsorted(stops, at, side="right"))
    begun = 0
    while begun < block.rows:
        upto = min(block.rows, int(stops[number]) - at)
        if upto > begun:
            hashers[number].update_block(block, begun, upto)
            begun = upto
        number += 1


class _Rows:
    """Writes `rows.arrow` in batches of one size, and the index of the slots."""

    def __init__(self, directory: Path, schema: pa.Schema) -> None:
        directory.mkdir(exist_ok=True)
        self._directory = directory
        self._schema = schema
        self._waiting: list[pa.RecordBatch] = []
        self._held = 0

    def __enter__(self) -> _Rows:
        import pyarrow as pa

        self._sink = pa.OSFile(str(self._directory / "rows.arrow"), "wb")
        self._writer = pa.ipc.new_file(self._sink, self._schema)
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.close()
        self._sink.close()

    def add(self, batch: pa.RecordBatch) -> None:
        """Write the rows of `batch` behind those before."""
        import pyarrow as pa

        start = 0
        while start < batch.num_rows:
            piece = batch.slice(start, SPILL_BATCH - self._held)
            self._waiting.append(piece)
            self._held += piece.num_rows
            start += piece.num_rows
            if self._held == SPILL_BATCH:
                self._writer.write_batch(pa.concat_batches(self._waiting))
                self._waiting, self._held = [], 0

    def passing(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Write `batches` and yield them on."""
        for batch in batches:
            self.add(batch)
            yield batch

    def finish(self, counts: Iterable[int]) -> None:
        """Write the rest, and the index: `counts` are the rows of each slot."""
        import numpy as np
        import pyarrow as pa

        if self._waiting:
            self._writer.write_batch(pa.concat_batches(self._waiting))
        index = np.concatenate((np.zeros(1, np.int64), np.cumsum(np.array(list(counts), np.int64))))
        np.save(self._directory / "index.npy", index, allow_pickle=False)
