"""Edge. The mirror: what this machine knows of a remote, so that most questions cost no request.

    <folder>/ckptflow.json           the marker of the remote
    <folder>/<its id>/records/...    its record segments, copied as they are

Segments never change, so one that is here need not be fetched again; one that the remote no longer lists is dropped.
Another remote in the same place has another id, so what is known of one never counts for the other. Derived data: all
of it may be deleted at any time. Several threads and processes may use one folder at once.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ..errors import StoreError
from ..ids import ChunkKey, Digest
from ..plan.model import Partial, Record
from ..store import layout
from ..store.local import LocalStore
from ..store.marker import Marker
from ..store.packs import Held
from ..store.protocol import Entry, NotThere
from .index import Past


class Mirror:
    """The copies of one remote's segments below `folder`, indexed in `db` (None: in memory). Raises `StoreError`.

    Opening it makes nothing; folders are made when there is something to keep. An object of its own for each thread.
    """

    __slots__ = ("_db", "_folder", "_id", "_past", "_store")

    def __init__(self, folder: Path, db: Path | None = None) -> None:
        self._folder = folder
        self._db = db
        self._id: str | None = None
        self._store: LocalStore | None = None
        self._past: Past | None = None
        self._find()

    @property
    def store_id(self) -> str | None:
        """What its marker calls the remote; None where nothing is known of it."""
        return self._id

    def _find(self) -> None:
        """Open what is known of the remote, if anything is."""
        with suppress(StoreError, ValueError, KeyError, TypeError):
            marker = Marker.from_dict(json.loads(LocalStore(self._folder).get(layout.MARKER)))
            self._open(marker.repository)

    def _open(self, id_: str) -> None:
        if id_ != self._id:
            self.close()
            self._past = None
            self._store = LocalStore(self._folder / layout.escape(id_), create=True)
            self._id = id_

    def begin(self, marker: Marker) -> None:
        """Let this be the mirror of the remote with this marker; what is known of others is dropped."""
        if marker.repository == self._id:
            return
        self._open(marker.repository)
        assert self._store is not None
        LocalStore(self._folder, create=True).put(layout.MARKER, marker.encode())
        others = [other for other in self._folder.iterdir() if other.is_dir() and other != self._store.root]
        for other in others:
            shutil.rmtree(other, ignore_errors=True)
        if others and (past := self.past()) is not None:
            past.drop_stores([LocalStore(other).url for other in others])

    def segments(self) -> dict[str, int]:
        """Return the names of the segments that are here, with their sizes in bytes."""
        found: Iterable[Entry] = self._store.list(layout.RECORDS) if self._store is not None else ()
        return {entry.name: entry.bytes for entry in found if layout.segment_of(entry.name) is not None}

    def read(self, name: str) -> bytes:
        """Return the copy of a segment. Raises `NotThere`."""
        if self._store is None:
            raise NotThere(f"no {name} in {self._folder}")
        return self._store.get(name)

    def keep(self, name: str, data: bytes) -> None:
        """Keep the copy of a segment. Seen by questions after the next `refresh`."""
        if self._store is None:
            raise StoreError(f"{self._folder} is the mirror of no remote yet")
        self._store.put(name, data)

    def drop(self, names: Iterable[str]) -> None:
        """Remove segments that the remote no longer has."""
        for name in names:
            if self._store is not None:
                self._store.delete(name)

    def refresh(self) -> None:
        """See the segments that were kept or dropped since, by this process or another."""
        if self._store is None:
            self._find()
        if (past := self.past()) is not None:
            past.refresh()

    def past(self) -> Past | None:
        """Return the records of the remote, None where nothing is known of it."""
        if self._past is None and self._store is not None:
            self._past = Past(self._store, self._db)
        return self._past

    def lookup(self, keys: Iterable[ChunkKey]) -> dict[ChunkKey, Record]:
        """Return the records of those `keys` that have one there."""
        past = self.past()
        return past.lookup(keys) if past is not None else {}

    def loosely(self, keys: Iterable[ChunkKey]) -> dict[ChunkKey, list[Record]]:
        """Return by loose key all records of those `keys` that have any there."""
        past = self.past()
        return past.loosely(keys) if past is not None else {}

    def partials(self, key: ChunkKey) -> list[Partial]:
        """Return what is kept there of an unfinished chunk, the furthest first."""
        past = self.past()
        return past.partials(key) if past is not None else []

    def where(self, objects: Iterable[Digest]) -> dict[Digest, list[Held]]:
        """Return where those of `objects` are that the remote holds: all places, what was told last first."""
        past = self.past()
        return past.where(objects) if past is not None else {}

    def holding(self, objects: Iterable[Digest]) -> set[Digest]:
        """Return those of `objects` that the remote holds, wherever."""
        past = self.past()
        return past.holding(objects) if past is not None else set()

    def clear(self) -> None:
        """Drop all that is known of the remote, here and in the index."""
        if self._store is not None and (past := self.past()) is not None:
            past.drop_stores([self._store.url])
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def close(self) -> None:
        """Close the index and the folder; both may be used again."""
        if self._past is not None:
            self._past.close()
            self._past = None
        if self._store is not None:
            self._store.close()
