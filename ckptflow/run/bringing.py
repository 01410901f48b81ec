"""Edge. Objects that a chunk reads and the local store lacks are brought from the remote at once, before it starts.

The remote is opened when the first object is missing: a worker whose store has everything never knows of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..checkpoints.remote import Remote
from ..checkpoints.trees import get_listing, get_tree
from ..chunk.model import AtColumns, AtFiles, AtPart, AtRows, AtSlot, Part, Whole
from ..chunk.tree import Layout, Tree
from ..ids import Digest
from ..store.bucket import Bucket
from ..store.local import LocalStore
from ..store.objects import Objects
from ..workspace.place import part_name
from .messages import Input, WorkerSetup


class Bringer:
    """The remote of a run, in a worker. Implements `store.objects.Elsewhere`."""

    def __init__(self, setup: WorkerSetup) -> None:
        self._setup = setup
        self._remote: Remote | None = None
        self._told = (0, 0)
        self._whole: set[Digest] = set()  # trees of which all is here: every chunk of a stage reads the same ones

    def holds(self, object_: Digest) -> bool:
        """See `store.objects.Elsewhere`."""
        return self._opened().holds(object_)

    def fetch(self, objects: Sequence[Digest]) -> None:
        """See `store.objects.Elsewhere`."""
        remote = self._opened()
        remote.mirror.refresh()  # the engine has taken in more since
        remote.fetch(objects)

    def prepare(self, objects: Objects, inputs: Iterable[Input]) -> None:
        """Bring what the inputs of a task read, as far as that can be told beforehand. Raises `StoreError`."""
        wanted = [item for item in inputs if _whole_tree(item) not in self._whole]
        objects.prepare(item.source.tree for item in wanted if item.source.tree is not None)
        read = [(part, item) for item in wanted for part in _parts(objects, item)]
        objects.prepare(part.object for part, _ in read)
        objects.prepare(name for part, item in read if part.listing for name in _files(objects, part, item))
        self._whole.update(tree for item in wanted if (tree := _whole_tree(item)) is not None)

    def taken(self) -> tuple[int, int]:
        """Return how many objects and bytes were fetched since the last time this was asked."""
        if self._remote is None:
            return 0, 0
        now = self._remote.fetched.objects, self._remote.fetched.bytes
        before, self._told = self._told, now
        return now[0] - before[0], now[1] - before[1]

    def _opened(self) -> Remote:
        if self._remote is None:
            remote = self._setup.remote
            assert remote is not None

            def make() -> Bucket:
                from ..store.buckets.opening import open_bucket

                return open_bucket(remote.url, remote.options, root=Path(self._setup.root), timeout=remote.timeout)

            store = LocalStore(self._setup.store)
            self._remote = Remote(remote.name, make, Path(remote.folder), Path(remote.cache), store)
        return self._remote


def _whole_tree(item: Input) -> Digest | None:
    """Return the tree of an out that is read whole; None where a part of it is, or none."""
    return item.source.tree if item.piece is None or isinstance(item.piece.where, Whole) else None


def _parts(objects: Objects, item: Input) -> Iterator[Part]:
    """Yield the parts of outs that are read; none for rows of a table, which may be in a few of many parts."""
    where = item.piece.where if item.piece is not None else None
    match where:
        case AtPart(part) | AtColumns(part):
            yield part
        case AtRows() | AtSlot():
            return
        case _:
            tree = _tree(objects, item)
            if tree is not None:
                named = enumerate(tree.parts)
                if isinstance(where, AtFiles) and tree.layout is Layout.PARTS:
                    yield from (part for i, part in named if part_name(i, tree.suffix) in where.files)
                else:
                    yield from tree.parts


def _files(objects: Objects, part: Part, item: Input) -> Iterator[Digest]:
    listing = get_listing(objects, part.object)
    where = item.piece.where if item.piece is not None else None
    chosen = set(where.files) if isinstance(where, AtFiles) else None
    for file in listing.files if listing is not None else ():
        if chosen is None or file.path in chosen:
            yield file.object


def _tree(objects: Objects, item: Input) -> Tree | None:
    return get_tree(objects, item.source.tree) if item.source.tree is not None else None
