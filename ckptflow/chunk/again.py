"""Pure. A table that is cut again after a change: which pieces of the former cut still hold, told without their rows.

Rule. A table lies on disk in groups of rows, and each group has a name: what has the same name has the same rows.
Groups that follow one another in both tables are a *run*. If both tables have a cut at some place of a run, and as many
rows of the run lie before and after it as decide where the next cut stands (`content.reach`), then the piece that
begins there is the same in both. Where a table begins or ends there are fewer; then both must begin or end there.

Strategy. Pieces are taken over as long as they hold; at the last cut that is known, rows are read and cut, until a cut
comes from which pieces hold again. Nothing is inferred from the order of runs, so it is right whatever was moved.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ..dataclass import dataclass
from ..ids import Digest, digest
from ..spec.model import Cut
from .content import reach
from .rows import RowPiece, cut_rows

if TYPE_CHECKING:
    import pyarrow as pa

Groups: TypeAlias = Sequence[tuple[str, int]]
"""Name and number of rows of each group, in order."""


@dataclass(frozen=True, slots=True)
class Former:
    """A cut as it is remembered: the groups of the table, and its pieces in order. By default that of no table."""

    groups: Groups = ()
    pieces: tuple[RowPiece, ...] = ()

    def encode(self, way: str) -> bytes:
        """Return bytes that `decode` understands. `way` names all else that decides the pieces: schema, target, ..."""
        pieces = [[p.stop, p.digest, p.bytes] for p in self.pieces]
        body = json.dumps({"way": way, "groups": list(self.groups), "pieces": pieces}, separators=(",", ":")).encode()
        return f"{digest(body)}\n".encode() + body

    @classmethod
    def decode(cls, data: bytes, way: str) -> Former:
        """Inverse of `encode`. Raises ValueError for bytes that are torn, and for a cut made in another way."""
        checksum, _, body = data.partition(b"\n")
        if checksum.decode(errors="replace") != digest(body):
            raise ValueError("not a cut")
        doc = json.loads(body)
        if doc["way"] != way:
            raise ValueError("a cut made in another way")
        pieces, start = [], 0
        for stop, name, size in doc["pieces"]:
            pieces.append(RowPiece(start, stop, Digest(name), size))
            start = stop
        return cls(tuple((name, rows) for name, rows in doc["groups"]), tuple(pieces))


def cut_again(
    read: Callable[[int], Iterable[pa.RecordBatch]],
    schema: pa.Schema,
    rows: int,
    cut: Cut,
    groups: Groups,
    former: Former,
) -> Iterator[RowPiece]:
    """Yield what `cut_rows` yields for the table of `groups`, where `read(row)` gives its rows from that one on.

    `former` must be a cut of the same schema, target and kind.
    """
    before, after = reach(rows, cut)
    held = _Held(former, groups, before, after)
    end = sum(count for _, count in groups)
    at = 0
    while True:
        piece = held.at(at)
        if piece is not None:
            yield piece
            at = piece.stop
        else:
            begun, lead = at, min(before, at)
            for new in cut_rows(read(begun - lead), schema, rows, cut, lead=lead):
                yield RowPiece(begun + new.start, begun + new.stop, new.digest, new.bytes)
                at = begun + new.stop
                if held.at(at) is not None:
                    break
        if at >= end:
            return


class _Run(NamedTuple):
    """Rows `start` to `stop` of the new table, `shift` lower in the former one. `first` and `last`: nothing is before
    it, or behind it, in both tables."""

    start: int
    stop: int
    shift: int
    first: bool
    last: bool


class _Held:
    """Which pieces hold."""

    def __init__(self, former: Former, groups: Groups, before: int, after: int) -> None:
        self._before, self._after = before, after
        self._runs = _runs(former.groups, groups)
        self._starts = [run.start for run in self._runs]
        self._pieces = {piece.start: piece for piece in former.pieces}

    def at(self, row: int) -> RowPiece | None:
        """Return the piece that begins at `row`, where there is a cut, as far as that is known."""
        number = bisect_right(self._starts, row) - 1
        if number < 0:
            return None
        run = self._runs[number]
        if not (run.first or row - self._before >= run.start) or not (run.last or row + self._after <= run.stop):
            return None
        piece = self._pieces.get(row - run.shift)
        return piece and RowPiece(row, piece.stop + run.shift, piece.digest, piece.bytes)


def _runs(old: Groups, new: Groups) -> list[_Run]:
    """Return the runs in the order of the new table. A group that could be one of several is that which goes on."""
    old, new = ([group for group in groups if group[1]] for groups in (old, new))
    places: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    starts, total = [], 0
    for place, group in enumerate(old):
        places[group].append(place)
        starts.append(total)
        total += group[1]
    runs: list[_Run] = []
    row, place = 0, -1
    for number, group in enumerate(new):
        going_on = place >= 0 and place + 1 < len(old) and old[place + 1] == group
        if going_on:
            place += 1
        else:
            place = places[group][0] if group in places else -1
        stop = row + group[1]
        if place >= 0:
            last = number + 1 == len(new) and place + 1 == len(old)
            if going_on:
                runs[-1] = runs[-1]._replace(stop=stop, last=last)
            else:
                runs.append(_Run(row, stop, row - starts[place], number == 0 and place == 0, last))
        row = stop
    return runs
