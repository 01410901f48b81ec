"""Pure. Text that streams by as bytes, cut into pieces of whole records: lines, CSV records, JSON values a line.

A record ends at a newline (LF, or CR LF; a lone CR ends nothing) that is not inside a quoted CSV field. A field is
quoted when its first byte is a quote, as readers of CSV have it; a quote later in an unquoted field is a character like
any other. Hashes of records, without their line ends, decide the cuts (`content`).

A piece is named by its exact bytes, the last newline included or missing as it is, for a function may be given just
these bytes. Held in memory: the bytes that are not yet in a piece.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from ..dataclass import dataclass
from ..ids import Digest, Hasher
from ..spec.model import Cut
from .content import Boundary, Hashes, Places, Window, chooser, text_hashes

_LF, _CR, _QUOTE = 10, 13, 34


@dataclass(frozen=True, slots=True)
class LinePiece:
    """Bytes `start` to `stop` (excluded) of the text: `rows` whole records, the header not among them."""

    start: int
    stop: int
    rows: int
    digest: Digest


def cut_lines(
    blocks: Iterable[bytes],
    *,
    rows: int | None = None,
    size: int | None = None,
    cut: Cut,
    quoted: bool = False,
    header: bool = False,
    delimiter: bytes = b",",
    salt: bytes = b"",
) -> Iterator[LinePiece]:
    """Yield pieces of about `rows` records, or of about `size` bytes (one of the two), in order.

    `blocks` are the text in parts of any size; a record may be longer than many of them. With `header` the first record
    is in no piece but counts in the digest of each, as does `salt`. A fixed cut makes pieces of exactly `rows` records,
    or of at most `size` bytes unless one record is longer. At least one piece: text without records is one empty piece.
    Raises ValueError unless one of `rows` and `size` is given.
    """
    if (rows is None) == (size is None):
        raise ValueError("lines are cut either by rows or by size")
    target = size if rows is None else rows
    assert target is not None
    choose, window = chooser(target, cut), Window(target)
    pieces = _Pieces(salt)
    for data, stops in _records(blocks, quoted=quoted, delimiter=delimiter):
        if header and pieces.head is None:
            pieces.begin(data[: int(stops[0])])
            data, stops = data[int(stops[0]) :], stops[1:] - stops[0]
            if not len(stops):
                continue
        elif pieces.head is None:
            pieces.begin(b"")
        starts = np.concatenate((np.zeros(1, np.int64), stops[:-1]))
        hashes = window.push(_record_hashes(data, starts, stops))
        first = pieces.records
        places = np.arange(first, first + len(stops)) if rows is not None else pieces.content + starts
        pieces.add(data, starts)
        end = pieces.records if rows is not None else pieces.content
        for boundary in choose.push(places, hashes, end):
            yield pieces.until(boundary)
    for boundary in choose.finish():
        yield pieces.until(boundary)
    if pieces.head is None:
        pieces.begin(b"")
    if pieces.done < pieces.records or not pieces.records:
        yield pieces.until(Boundary(pieces.content, pieces.records))


class _Pieces:
    """The bytes that are in no piece yet. Positions here count from the end of the header."""

    __slots__ = ("_hasher", "_parts", "_salt", "_starts", "at", "content", "done", "head", "records")

    def __init__(self, salt: bytes) -> None:
        self._salt = salt
        self.head: bytes | None = None
        self._parts: deque[tuple[int, bytes]] = deque()
        self._starts: deque[tuple[int, Places]] = deque()
        self.at = self.content = 0  # bytes in pieces, bytes seen
        self.done = self.records = 0  # the same in records

    def begin(self, head: bytes) -> None:
        self.head = head

    def add(self, data: bytes, starts: Places) -> None:
        self._parts.append((self.content, data))
        self._starts.append((self.records, starts + self.content))
        self.content += len(data)
        self.records += len(starts)

    def until(self, boundary: Boundary) -> LinePiece:
        assert self.head is not None
        stop = self._place(boundary.element)
        hasher, start = Hasher(), self.at
        hasher.update(f"lines 1 {len(self._salt)} {len(self.head)} ".encode() + self._salt + self.head)
        while self._parts and self.at < stop:
            first, data = self._parts[0]
            upto = min(stop, first + len(data))
            hasher.update(memoryview(data)[self.at - first : upto - first])
            self.at = upto
            if upto == first + len(data):
                self._parts.popleft()
        count, self.done = boundary.element - self.done, boundary.element
        return LinePiece(start + len(self.head), stop + len(self.head), count, hasher.digest())

    def _place(self, record: int) -> int:
        if record == self.records:
            return self.content
        while record >= self._starts[0][0] + len(self._starts[0][1]):
            self._starts.popleft()
        first, starts = self._starts[0]
        return int(starts[record - first])


def _record_hashes(data: bytes, starts: Places, stops: Places) -> Hashes:
    raw = np.frombuffer(data, np.uint8)
    ends = stops - (raw[stops - 1] == _LF)
    ends -= (ends > starts) & (raw[np.maximum(ends - 1, 0)] == _CR)
    return text_hashes(raw, starts, ends, 7)


def _records(blocks: Iterable[bytes], *, quoted: bool, delimiter: bytes) -> Iterator[tuple[bytes, Places]]:
    """Yield the text again in parts that hold whole records, each with the ends of its records; the last may lack its
    newline."""
    ends = _Ends(delimiter) if quoted else None
    pending: list[bytes] = []
    for block in blocks:
        if not block:
            continue
        raw = np.frombuffer(block, np.uint8)
        stops = np.flatnonzero(raw == _LF) if ends is None else ends.find(raw)
        if not len(stops):
            pending.append(block)
            continue
        stops = stops + 1
        last = int(stops[-1])
        before = sum(map(len, pending))
        yield b"".join((*pending, memoryview(block)[:last])), stops + before
        pending = [block[last:]] if last < len(block) else []
    if pending:
        data = b"".join(pending)
        yield data, np.array([len(data)], np.int64)


class _Ends:
    """Finds the newlines outside of quoted fields; keeps its state from block to block."""

    __slots__ = ("_before", "_closed", "_inside", "_starters")

    def __init__(self, delimiter: bytes) -> None:
        self._starters = np.zeros(256, bool)
        self._starters[[_LF, _CR, *delimiter]] = True
        self._inside = False
        self._before = _LF  # the byte before the block
        self._closed = False  # that byte is a quote that closed a field

    def find(self, raw: npt.NDArray[np.uint8]) -> Places:
        """Return the places in the next block `raw` of newlines that end a record."""
        newlines = np.flatnonzero(raw == _LF)
        quotes = np.flatnonzero(raw == _QUOTE)
        if len(quotes) and not self._regular(raw, quotes):
            quotes = self._meant(raw, quotes)
        # Every quote that is left opens or closes: outside are the newlines with an even number before them.
        even = (np.searchsorted(quotes, newlines) + self._inside) % 2 == 0
        self._inside = bool((len(quotes) + self._inside) % 2)
        self._before = int(raw[-1])
        closing_last = bool(len(quotes)) and int(quotes[-1]) == len(raw) - 1
        self._closed = closing_last and not self._inside
        ends: Places = newlines[even]
        return ends

    def _regular(self, raw: npt.NDArray[np.uint8], quotes: Places) -> bool:
        """Tell whether, taking turns, every opening quote stands where a field begins or doubles a closing one."""
        opening = quotes[int(self._inside) :: 2]
        if len(opening) and opening[0] == 0:
            if not (self._starters[self._before] or self._closed):
                return False
            opening = opening[1:]
        before = raw[opening - 1]
        return bool(np.all(self._starters[before] | (before == _QUOTE)))

    def _meant(self, raw: npt.NDArray[np.uint8], quotes: Places) -> Places:
        """Return the quotes that open or close a field, one by one, for text in which others occur."""
        inside, closed, kept = self._inside, -1 if self._closed else -2, []
        for quote in quotes.tolist():
            if inside:
                inside, closed = False, quote
            elif self._starters[raw[quote - 1] if quote else self._before] or closed == quote - 1:
                inside = True
            else:
                continue
            kept.append(quote)
        return np.array(kept, np.int64)
