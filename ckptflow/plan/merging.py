"""Pure. The results of chunks merged to one: a tree of merges whose shape depends on what is merged, not on positions.

On each level neighbours are put together in groups of two to four; where a group ends is decided by the digest of the
node there. So one changed, new or lost chunk changes the groups around it, level by level, and no others: of 10,000
chunks about a dozen merges. A merge has a key like a chunk, so what was merged once is found again, whoever did it.
Equal chunks in equal order give equal merges in equal order, whatever finished first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ..chunk.model import Part
from ..dataclass import dataclass
from ..fingerprint.encode import digest_of
from ..ids import ChunkKey, Digest
from .model import Record

LEAST, MOST = 2, 4
_ENDS_ONE_IN = 2

Outs = Mapping[str, Part]
"""An out's label -> the part of a chunk, or of a merge."""

Lookup = Callable[[Sequence[ChunkKey]], Mapping[ChunkKey, Record]]


@dataclass(frozen=True, slots=True)
class Merge:
    """Neighbours that are to be merged from left to right."""

    key: ChunkKey
    nodes: tuple[Outs, ...]


class Merger:
    """The merges of one stage. `base` covers the function that merges and the formats of the outs."""

    def __init__(self, base: Digest, chunks: Iterable[Outs], lookup: Lookup) -> None:
        self._base = base
        self._lookup = lookup
        self._level: list[Outs | None] = list(chunks)  # None: that group is being merged
        self._missing: dict[ChunkKey, list[int]] = {}
        self._ready: list[Merge] = []
        self.found: set[ChunkKey] = set()  # of merges that were done before
        self._climb()

    @property
    def result(self) -> Outs | None:
        """What all chunks together come to; None while that is not known."""
        return self._level[0] if len(self._level) == 1 else None

    @property
    def ready(self) -> bool:
        """Whether there is a merge to be done now."""
        return bool(self._ready)

    def take(self) -> Merge:
        """Return a merge to be done now; it counts as begun."""
        return self._ready.pop()

    def give_back(self, merge: Merge) -> None:
        """It came to nothing: it is to be done again."""
        self._ready.append(merge)

    def done(self, merge: Merge, outs: Outs) -> None:
        """A merge was done and recorded."""
        for place in self._missing.pop(merge.key):
            self._level[place] = outs
        if not self._missing:
            self._climb()

    def _climb(self) -> None:
        """Go up as long as all merges of a level are known."""
        while len(self._level) > 1 and not self._missing:
            nodes = [node for node in self._level if node is not None]
            groups = list(_groups(nodes))
            keys = [None if len(group) == 1 else self._key(group) for group in groups]
            known = self._lookup([key for key in dict.fromkeys(keys) if key is not None])
            self.found.update(known)
            self._level = [None] * len(groups)
            for place, (group, key) in enumerate(zip(groups, keys, strict=True)):
                if key is None:
                    self._level[place] = group[0]
                elif key in known and known[key].outs.keys() >= group[0].keys():
                    self._level[place] = known[key].outs
                elif key in self._missing:
                    self._missing[key].append(place)
                else:
                    self._missing[key] = [place]
                    self._ready.append(Merge(key, tuple(group)))
        self._ready.reverse()  # taken from the end: the first first

    def _key(self, group: Sequence[Outs]) -> ChunkKey:
        return ChunkKey(digest_of(["merge", self._base, [_content(node) for node in group]]))


def _content(node: Outs) -> list[list[str]]:
    return [[label, part.values] for label, part in sorted(node.items())]


def _groups(nodes: Sequence[Outs]) -> Iterable[list[Outs]]:
    """Yield neighbours in groups; only the last may be smaller than `LEAST`."""
    group: list[Outs] = []
    for node in nodes:
        group.append(node)
        if len(group) == MOST or (len(group) >= LEAST and int(digest_of(_content(node))[:8], 16) % _ENDS_ONE_IN == 0):
            yield group
            group = []
    if group:
        yield group
