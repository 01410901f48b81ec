"""Pure. Boundaries that depend on the data near them, and the hashes that decide them.

Rule. Elements (rows, lines, keys, files) lie at ascending positions, each with a 64-bit hash. A cut may stand before an
element. For a target N, let `low` = ceil(N / 2), `high` = 2 N.

1. An element is an *anchor* when its hash is the least among all within `low - 1` positions on both sides (the first
   one of equals). Anchors are therefore at least `low` apart, N on average, and depend on nothing farther away: a
   changed row moves only the cuts beside it, wherever it is.
2. Cuts stand at anchors. Where more than `high` lie between a cut and the next anchor (or the end), one more cut stands
   at the least hash that leaves `low` on either side within the first `high`; and so on from there.

So every piece is `low` to `high` long, save where a single element is longer, or all data together shorter. Data whose
rows are all alike have no anchors and are cut by rule 2 alone.

Hashes need no adversary and are plain arithmetic on 64-bit words: the same on every machine and with every version of
numpy. The constants below are part of the rule; a change of any makes all content-defined cuts different ones.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from ..spec.model import Cut

Hashes: TypeAlias = npt.NDArray[np.uint64]
Places: TypeAlias = npt.NDArray[np.int64]

VERSION = 1
"""Version of the rule and its constants."""

_MASK = (1 << 64) - 1
_MIX = np.uint64(0x9E3779B97F4A7C15)
_SPAN = np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(32)
_ONE = np.uint64(1)
_BITS = np.uint64(64)
_ALL = np.uint64(_MASK)
_LOW_BYTES = np.array([(1 << (8 * k)) - 1 for k in range(9)], np.uint64)
_WINDOW = 16


class Boundary(NamedTuple):
    """A cut: its position, and the number of elements before it."""

    position: int
    element: int


@cache
def factor(number: int) -> np.uint64:
    """Return the odd multiplier number `number` (splitmix64): one for each column and each use."""
    z = (number + 1) * 0x9E3779B97F4A7C15 & _MASK
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _MASK
    return np.uint64((z ^ z >> 31) | 1)


def mixed(hashes: Hashes) -> Hashes:
    """Return `hashes` with every bit spread over the upper half; needed before they are compared."""
    out = hashes ^ (hashes >> _SHIFT)
    out *= _SPAN
    out ^= out >> _SHIFT
    out *= _MIX
    return out


def words_of(data: npt.NDArray[np.uint8]) -> Hashes:
    """Return the 64-bit little-endian word at every byte of `data`: a view."""
    words: Hashes = np.ndarray((max(0, len(data) - 7),), np.dtype("<u8"), buffer=data, strides=(1,))
    return words


def _words_at(aligned: Hashes, places: Places) -> Hashes:
    """Return the eight bytes from each of `places` on, in the bytes of `aligned`, which ends with two words more.

    Put together from two words each: numpy takes a word that is not aligned one at a time, in 20 times as long.
    """
    word = places >> 3
    bits = (places << 3).view(np.uint64)
    bits &= _BITS - _ONE
    out = aligned.take(word, mode="clip")
    out >>= bits
    above = aligned[1:].take(word, mode="clip")
    above <<= np.subtract(_BITS, bits, out=bits)  # by 64, of which nothing is left, where the place is aligned
    out |= above
    return out


def _words_around(near: Hashes, places: Places) -> tuple[Hashes, Hashes]:
    """Return the eight bytes before each of `places` and the eight from it on. What both need is worked out once.

    They are in the bytes of `near`, which begins with one word more and ends with two.
    """
    word = places >> 3
    bits = (places << 3).view(np.uint64)
    bits &= _BITS - _ONE
    rest = _BITS - bits
    middle = near[1:].take(word)
    after = near[2:].take(word)
    after <<= rest
    before = near.take(word)
    before >>= bits
    before |= np.left_shift(middle, rest, out=rest)
    middle >>= bits
    after |= middle
    return before, after


def text_hashes(data: npt.NDArray[np.uint8], starts: Places, stops: Places, salt: int) -> Hashes:
    """Return a hash a string `data[starts[i]:stops[i]]`, from its length and its first, middle and last eight bytes.

    To be `mixed` before use. Not for identity: strings that differ elsewhere have one hash.
    """
    if len(starts) == 0:
        return np.empty(0, np.uint64)
    first, last = int(starts.min()), int(stops.max())
    near = np.zeros((last - first + 7) // 8 + 3, np.uint64)
    near.view(np.uint8)[8 : last - first + 8] = data[first:last]
    begin, lengths = starts - first, stops - starts
    shortest, longest = int(lengths.min()), int(lengths.max())
    head, tail = factor(salt), factor(salt + 1)
    ending: Hashes | None = None
    if longest <= 8:  # first and last eight are the same
        out = _words_at(near[1:], begin)
        head = np.uint64(int(head) + int(tail) & _MASK)
    elif np.array_equal(starts[1:], stops[:-1]):  # one begins where another ends, as in a column
        before, after = _words_around(near, np.append(begin, last - first))
        out, ending = after[:-1], before[1:]
    else:
        out, ending = _words_at(near[1:], begin), _words_at(near, stops - first)
    if shortest < 8:  # bytes of others go
        beyond = 8 - lengths
        np.maximum(beyond, 0, out=beyond)
        beyond <<= 3
        bits = beyond.view(np.uint64)
        if ending is not None:
            ending >>= bits
        out &= np.right_shift(_ALL, bits, out=bits)
    out *= head
    if ending is not None:
        ending *= tail
        out += ending
    if longest > 16:
        long = np.flatnonzero(lengths > 16)
        out[long] += _words_at(near[1:], begin[long] + (lengths[long] >> 1) - 4) * factor(salt + 2)
    out += lengths.view(np.uint64) * factor(salt + 3)
    return out


def whole_text_hashes(data: npt.NDArray[np.uint8], starts: Places, stops: Places) -> Hashes:
    """Return a mixed hash a string `data[starts[i]:stops[i]]`, of all its bytes: buckets want an even spread."""
    lengths = stops - starts
    out = (lengths + 1).astype(np.uint64) * factor(2000)
    padded = np.concatenate((data, np.zeros(8, np.uint8)))
    words = words_of(padded)
    rows = np.flatnonzero(lengths > 0)
    done = 0
    while len(rows):
        word = words[starts[rows] + done] & _LOW_BYTES[np.minimum(lengths[rows] - done, 8)]
        near = (out[rows] ^ word) * factor(2001)
        out[rows] = near ^ (near >> _SHIFT)
        done += 8
        rows = rows[lengths[rows] > done]
    return mixed(out)


class Window:
    """Hashes over several successive elements, so that data with few distinct rows still has distinct places.

    The number of elements depends on the target alone: at most 16, and 1 where pieces are small.
    """

    __slots__ = ("_carry", "_steps")

    def __init__(self, target: int) -> None:
        width = _width(target)
        self._steps = [1 << k for k in range(width.bit_length() - 1)]
        self._carry: Hashes = np.zeros(width - 1, np.uint64)

    def push(self, hashes: Hashes) -> Hashes:
        """Return one mixed hash an element of `hashes`, of it and the elements before it, earlier calls included."""
        out = np.concatenate((self._carry, hashes))
        if len(self._carry):
            self._carry = out[-len(self._carry) :].copy()
        for step in self._steps:
            out = out[step:] * factor(1000 + step) + out[:-step]
        return mixed(out)


def _width(target: int) -> int:
    width = 1
    while width < _WINDOW and width * 64 <= target:
        width *= 2
    return width


class Boundaries:
    """The rule above, for elements that arrive in parts. What is decided is final; memory is some targets of elements.

    With `anywhere` a cut may stand at any position, not only before an element: bytes of which only few are elements.
    """

    __slots__ = ("_anchors", "_anywhere", "_base", "_cut", "_end", "_hashes", "_high", "_low", "_new", "_places",
                 "_scanned", "_target")  # fmt: skip

    def __init__(self, target: int, *, anywhere: bool = False) -> None:
        if target < 1:
            raise ValueError(f"pieces of about {target} cannot be")
        self._target = target
        self._low, self._high = (target + 1) // 2, 2 * target
        self._anywhere = anywhere
        self._places: Places = np.empty(0, np.int64)
        self._hashes: Hashes = np.empty(0, np.uint64)
        self._base = 0  # elements that were dropped from the front of these two
        self._new: list[tuple[Places, Hashes]] = []
        self._anchors: list[Boundary] = []
        self._cut = 0
        self._scanned = 0  # anchors before this position are known
        self._end = 0

    def push(self, places: Places, hashes: Hashes, end: int) -> list[Boundary]:
        """Add elements at ascending `places`, all data up to `end` being known now; return cuts that are certain."""
        self._new.append((places, hashes))
        self._end = end
        if end - self._low < self._scanned + self._low:
            return []
        self._scan()
        return self._decide(last=False)

    def finish(self) -> list[Boundary]:
        """Return the remaining cuts; the end of the data is not one of them."""
        self._scan()
        return self._decide(last=True)

    def _scan(self) -> None:
        keep = int(np.searchsorted(self._places, min(self._cut, self._scanned - self._low)))
        self._base += keep
        self._places = np.concatenate([self._places[keep:], *(places for places, _ in self._new)])
        self._hashes = np.concatenate([self._hashes[keep:], *(hashes for _, hashes in self._new)])
        self._new.clear()
        reach, until = self._low - 1, self._end - self._low + 1
        if until <= self._scanned:
            return
        places, hashes = self._places, self._hashes
        # An anchor is the least of any stretch of `low` positions that holds it: one candidate a stretch is enough.
        grid = np.arange(max(0, self._scanned - reach), self._end + self._low, self._low)
        edges = np.searchsorted(places, grid).tolist()
        spans = [(a, b) for a, b in pairwise(edges) if a < b]
        least = np.array([a + int(hashes[a:b].argmin()) for a, b in spans], np.int64)
        least = least[(places[least] >= max(self._scanned, 1)) & (places[least] < until)]
        lefts = np.searchsorted(places, places[least] - reach).tolist()
        rights = np.searchsorted(places, places[least] + reach, side="right").tolist()
        for left, at, right in zip(lefts, least.tolist(), rights, strict=True):
            own = hashes[at]
            if left < at and hashes[left:at].min() <= own:
                continue
            if at + 1 < right and hashes[at + 1 : right].min() < own:
                continue
            self._anchors.append(Boundary(int(places[at]), self._base + at))
        self._scanned = until

    def _decide(self, *, last: bool) -> list[Boundary]:
        cuts: list[Boundary] = []
        used = 0
        while True:
            while used < len(self._anchors) and self._anchors[used].position - self._cut < self._low:
                used += 1
            anchor = self._anchors[used] if used < len(self._anchors) else None
            if anchor and anchor.position - self._cut <= self._high:
                found: Boundary | None = anchor
            elif anchor or self._scanned > self._cut + self._high or (last and self._end - self._cut > self._high):
                found = self._between()
            else:
                found = None
            if found is None:
                break
            self._cut = found.position
            cuts.append(found)
        del self._anchors[:used]
        return cuts

    def _between(self) -> Boundary | None:
        places = self._places
        edges = (self._cut + self._low, self._cut + self._high + 1 - self._low)
        first, stop = int(np.searchsorted(places, edges[0])), int(np.searchsorted(places, edges[1], side="right"))
        if first < stop:
            at = first + int(self._hashes[first:stop].argmin())
        elif self._anywhere:
            return Boundary(self._cut + self._target, self._base + first)
        elif first < len(places):
            at = first  # one element is longer than a piece may be: cut behind it
        else:
            return None
        return Boundary(int(places[at]), self._base + at)


class Counted:
    """Cuts by counting: each at the last element that leaves at most the target before it (`cut: fixed`)."""

    __slots__ = ("_base", "_cut", "_end", "_places", "_target")

    def __init__(self, target: int) -> None:
        if target < 1:
            raise ValueError(f"pieces of {target} cannot be")
        self._target = target
        self._places: Places = np.empty(0, np.int64)
        self._base = 0
        self._cut = 0
        self._end = 0

    def push(self, places: Places, hashes: Hashes, end: int) -> list[Boundary]:
        """As `Boundaries.push`; hashes are not looked at."""
        del hashes
        self._places = np.concatenate((self._places, places))
        self._end = end
        cuts: list[Boundary] = []
        while self._end - self._cut > self._target:
            at = int(np.searchsorted(self._places, self._cut + self._target, side="right")) - 1
            if at < 0 or self._places[at] <= self._cut:
                at = int(np.searchsorted(self._places, self._cut, side="right"))
                if at == len(self._places):
                    break
            self._cut = int(self._places[at])
            cuts.append(Boundary(self._cut, self._base + at))
        keep = int(np.searchsorted(self._places, self._cut))
        self._places = self._places[keep:]
        self._base += keep
        return cuts

    def finish(self) -> list[Boundary]:
        """Nothing is left to decide."""
        return []


def chooser(target: int, cut: Cut) -> Boundaries | Counted:
    """Return what chooses the cuts for pieces of about, or exactly, `target`."""
    return Boundaries(target) if cut is Cut.CONTENT else Counted(target)


def reach(target: int, cut: Cut) -> tuple[int, int]:
    """Return how many elements before a cut, and after it, decide where the next one stands; nothing farther away does.

    For elements one position apart. The end of the data decides too, where it is among those after the cut.
    """
    if cut is Cut.FIXED:
        return 0, target + 1
    return _width(target) - 1, 2 * target + (target + 1) // 2
