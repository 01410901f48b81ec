"""Pure. What is known of the chunks of a stage before they run: their keys, and which record counts for each.

Rules:
- What is recorded under a chunk's key counts, whoever made it and whenever.
- Where chunks that superseded code has made are to stay, one that has no record is sought by its loose key, which
  leaves out the code. What is found so counts for this plan alone: it is never recorded under the key of the new code.
- An unchunked stage without a record may be had from elsewhere: from a remote that the lock file leads to, or from what
  another program noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from ..fingerprint.recipe import chunk_key
from ..ids import ChunkKey, Digest
from .mending import mending
from .model import Facts, Past, Record, Refusal
from .reads import Reads
from .selection import Selection
from .stagerun import CARRIED, StageRun

LOOKUP_AT_ONCE = 10_000


class Finder:
    """Answers for the stages of one schedule."""

    def __init__(self, facts: Facts, past: Past, selection: Selection, reads: Reads) -> None:
        self._facts = facts
        self._past = past
        self._selection = selection
        self._reads = reads

    def keeps(self, run: StageRun) -> bool:
        """Tell whether chunks of a stage that superseded code has made stay: where that is asked for, and later on as
        long as the code is the one for which it was.
        """
        if self._selection.keep or self._selection.renew:
            return self._selection.keep and run.loose is not None
        before = self._facts.before(run.name)
        return before is not None and before.superseded > 0 and before.items.get("code") == run.recipe.code

    def loose_key(self, run: StageRun, index: int) -> ChunkKey | None:
        """Return the key of a chunk whose key is known without the code; None where there is none."""
        if run.loose is None:
            return None
        pieces = self._pieces(run, index)
        assert pieces is not None
        return chunk_key(run.loose, [*run.whole.items(), *pieces])

    def find(self, run: StageRun, indexes: Iterable[int]) -> Iterator[tuple[int, Record | None]]:
        """Give keys to those chunks whose pieces are known; yield each with the record that counts, if there is one."""
        base = [*run.whole.items(), *self._standing(run)]
        again = self._selection.asked(run.name) if run.forced or run.stage.for_its_effect else None
        rest = iter(indexes)
        while some := list(islice(rest, LOOKUP_AT_ONCE)):
            group: list[tuple[int, ChunkKey]] = []
            for index in some:
                if (pieces := self._pieces(run, index)) is not None:
                    key = run.keys[index] = chunk_key(run.base, [*base, *pieces])
                    group.append((index, key))
            asked = [(index, key) for index, key in group if again is None or not again(index)]
            records = self._past.lookup(run.name, [key for _, key in asked])
            superseded = self._superseded(run, [index for index, key in asked if key not in records])
            for index, key in group:
                record = records.get(key) or superseded.get(index)
                if record is None and again is None and not run.chunked:
                    record = self._regain(run, key) or self._adopt(run, key)
                counts = record is not None and _serves(record, run) and not self._again(run, index, record)
                yield index, record if counts else None

    def _pieces(self, run: StageRun, index: int) -> list[tuple[str, Digest]] | None:
        """Return (label, digest) of what a chunk reads that not all read; None while that is not known."""
        pieces = self._reads.pieces(run, index)
        if pieces is None or run.stage.carry is None:
            return pieces
        state = run.state_before(index)
        return None if state is None else [*pieces, (CARRIED, state.digest)]

    def _superseded(self, run: StageRun, indexes: Iterable[int]) -> dict[int, Record]:
        """Return what superseded code has made of these chunks, where that is to stay."""
        if not run.keeps or run.recipe.code is None:
            return {}
        keys = {index: key for index in indexes if (key := self.loose_key(run, index)) is not None}
        found = self._past.loosely(run.name, keys.values(), run.recipe.code)
        return {index: found[key] for index, key in keys.items() if key in found}

    def _again(self, run: StageRun, index: int, record: Record) -> bool:
        """Tell whether a chunk is taken up again for the items of it that failed: because that is asked for, or because
        it was other code that they failed with. Then they are tried alone where that is possible.
        """
        key = run.keys[index]
        assert key is not None
        if record.quarantine is None:
            return False
        if not self._selection.retry and (record.key == key or record.code == run.recipe.code):
            return False
        if (found := mending(run.stage, record, key, run.recipe.code)) is not None:
            run.mending[index] = found
        return True

    def _standing(self, run: StageRun) -> list[tuple[str, Digest]]:
        """Return what a command finds in the places of those outs that it adds to: that is read like a dep.

        Where it finds what it made from nothing, or from what the lock file noted, and did not live to see noted, that
        run counts: else its additions would be made twice.
        """
        persistent = [out for out in run.stage.outs if run.stage.cmd and out.persist and not run.chunked]
        if not persistent:
            return []
        now = {out.label: self._facts.standing(out) for out in persistent}
        before = self._facts.before(run.name)
        trees = {label: self._past.tree(name) for label, name in before.trees.items()} if before is not None else {}
        noted = {label: tree.parts[0].object for label, tree in trees.items() if tree is not None and label in now}
        for found in ({}, noted):
            pieces = _found(found)
            key = chunk_key(run.base, [*run.whole.items(), *pieces])
            record = self._past.lookup(run.name, [key]).get(key)
            if record is not None and all(record.outs[label].object == made for label, made in now.items()):
                return pieces
        return _found({label: made for label, made in now.items() if made is not None})

    def _regain(self, run: StageRun, key: ChunkKey) -> Record | None:
        """Ask for what the lock file notes of this state of a stage, and the store has lost."""
        before = self._facts.before(run.name)
        if before is None or before.key != run.key or before.superseded:  # what it notes was not made under this key
            return None
        return self._past.regain(run.stage, key, before.trees)

    def _adopt(self, run: StageRun, key: ChunkKey) -> Record | None:
        """Ask for what another program made of a stage of which nothing is recorded."""
        found = self._past.adopt(run.stage, key, self._reads.trees(run))
        if isinstance(found, Refusal):
            run.refusal = found.text
            return None
        run.adopted = found is not None
        return found


def _serves(record: Record, run: StageRun) -> bool:
    """Tell whether a record has all that the stage is to give."""
    return all(o.label in record.outs for o in run.stage.outs) and (run.stage.carry is None or record.state is not None)


def _found(contents: Mapping[str, Digest]) -> list[tuple[str, Digest]]:
    """Return what outs held before a command as pieces that it reads; no dep has such a label."""
    return [(f"\0{label}", made) for label, made in contents.items()]
