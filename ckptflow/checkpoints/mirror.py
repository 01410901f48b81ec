"""Edge. The mirror: what this machine knows of a remote, so that most questions cost no request.

A folder beside the local store with the remote's marker and its record segments, copied as they are. Segments never
change, so one that is here need not be fetched again; one that the remote no longer lists is dropped. Derived data: it
may be deleted at any time, and is dropped by itself when the remote turns out to be another one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from ..errors import StoreError
from ..ids import ChunkKey, Digest
from ..plan.model import Record
from ..store import layout
from ..store.local import LocalStore
from ..store.oserrors import store_error
from ..store.packs import Held
from ..store.protocol import Entry, NotThere
from .index import Past


class Mirror:
    """The copies of one remote's segments under `folder`, indexed in `db` (None: in memory). Raises `StoreError`.

    Opening it makes nothing; the folder is made when there is something to keep. An object of its own for each thread.
    """

    __slots__ = ("_db", "_folder", "_past", "_store")

    def __init__(self, folder: Path, db: Path | None = None) -> None:
        self._folder = folder
        self._db = db
        self._store = LocalStore(folder) if folder.is_dir() else None
        self._past: Past | None = None

    def marker(self) -> bytes | None:
        """Return the marker of the remote that this was copied from, None where nothing was."""
        try:
            return self._store.get(layout.MARKER) if self._store is not None else None
        except NotThere:
            return None

    def begin(self, marker: bytes) -> None:
        """Let this be the mirror of the remote with this marker; what is of another one is dropped."""
        if self.marker() == marker:
            return
        self.close()
        try:
            if self._folder.is_dir():
                shutil.rmtree(self._folder)
        except OSError as error:
            raise store_error(error, "drop what was known of another remote", str(self._folder)) from error
        self._store = LocalStore(self._folder, create=True)
        self._store.put(layout.MARKER, marker)

    def segments(self) -> dict[str, int]:
        """Return the names of the segments that are here, with their sizes in bytes."""
        found: Iterable[Entry] = self._store.list(layout.RECORDS) if self._store is not None else ()
        return {entry.name: entry.bytes for entry in found if layout.segment_of(entry.name) is not None}

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
        if self._store is None and self._folder.is_dir():
            self._store = LocalStore(self._folder)
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

    def where(self, objects: Iterable[Digest]) -> dict[Digest, Held]:
        """Return where those of `objects` are that the remote holds."""
        past = self.past()
        return past.where(objects) if past is not None else {}

    def close(self) -> None:
        """Close the index and the folder; both may be used again."""
        if self._past is not None:
            self._past.close()
            self._past = None
        if self._store is not None:
            self._store.close()
