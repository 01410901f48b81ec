"""Edge. The marker of a store: what tells a store from any other directory or bucket.

A transport error is not a miss: only after the marker was read does "not there" mean that something is not there. A
place with content and no marker is a mistake (a wrong prefix, a disk that is not mounted), never an empty store.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol

from ..dataclass import dataclass, field
from ..errors import StoreDamaged, StoreError
from . import layout
from .protocol import Entry, NotThere

VERSION = 1
FEATURES: frozenset[str] = frozenset()
"""What a store may use beyond version 1 and this program understands."""


@dataclass(frozen=True, slots=True)
class Marker:
    """`ckptflow.json`: written once. `reader` is the smallest version of a program that may read the store; every
    one of `features` must be understood to read or write it.
    """

    repository: str
    version: int = VERSION
    reader: int = VERSION
    features: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            **self.extra,
            "ckptflow": "store",
            "repository": self.repository,
            "version": self.version,
            "reader": self.reader,
            "features": sorted(self.features),
        }

    @classmethod
    def from_dict(cls, doc: Mapping[str, Any]) -> Marker:
        """Inverse of `to_dict`; unknown fields are kept. Raises KeyError, TypeError, ValueError."""
        if doc["ckptflow"] != "store":
            raise ValueError("not a store's marker")
        known = {"ckptflow", "repository", "version", "reader", "features"}
        return cls(
            repository=str(doc["repository"]),
            version=int(doc["version"]),
            reader=int(doc["reader"]),
            features=tuple(str(f) for f in doc["features"]),
            extra={name: value for name, value in doc.items() if name not in known},
        )

    def encode(self) -> bytes:
        """Return the text of `ckptflow.json`."""
        return (json.dumps(self.to_dict(), sort_keys=True, indent=1) + "\n").encode()


class Place(Protocol):
    """What a marker needs of a store, or of a bucket."""

    @property
    def url(self) -> str:
        """Where this is, without credentials."""
        ...

    def get(self, name: str, /) -> bytes:
        """Return all bytes. Raises `NotThere`."""
        ...

    def create(self, name: str, data: bytes, /) -> bool:
        """Store `data`, unless the name exists."""
        ...

    def put(self, name: str, data: bytes, /) -> None:
        """Store `data`, whatever was there."""
        ...

    def list(self, prefix: str, /) -> Iterator[Entry]:
        """Yield all names that start with `prefix`."""
        ...


def open_store(store: Place, *, create: bool = False) -> Marker:
    """Return the marker of `store`; with `create`, write one where there is nothing at all.

    Raises `StoreError` for no store, for content without a marker, and for one that a newer program wrote;
    `StoreDamaged` for a marker that cannot be read.
    """
    try:
        return read_marker(store)
    except NotThere:
        pass
    stranger = first_stranger(store)
    if stranger is not None:
        with suppress(NotThere):  # made by another process since the first look
            return read_marker(store)
        raise StoreError(
            f"{store.url} is no store of ckptflow: it holds {stranger} and no {layout.MARKER}",
            hint="check the address and its prefix; a new store needs an empty place",
        )
    if not create:
        raise StoreError(
            f"there is no store at {store.url}",
            hint="check the address, or make one: `ckptflow init` a local one, `ckptflow push` a remote one",
        )
    mine = Marker(repository=os.urandom(16).hex()).encode()
    made = store.create(layout.MARKER, mine)
    try:
        return read_marker(store)  # not the one just made: another process may have been first
    except StoreDamaged:
        if not made:
            raise
        store.put(layout.MARKER, mine)  # damaged on its way there: nobody could ever use this place
        return read_marker(store)


def first_stranger(store: Place) -> str | None:
    """Return a name that makes a place without a marker no place for a new store; None where there is none.

    What `remote check` writes while it looks, or has left behind, is none.
    """
    return next((entry.name for entry in store.list("") if not entry.name.startswith(layout.PROBES)), None)


def read_marker(store: Place) -> Marker:
    """Return the marker of `store`.

    Raises `NotThere`, `StoreError` for a store that a newer program wrote, `StoreDamaged` for what cannot be read.
    """
    try:
        try:
            marker = Marker.from_dict(json.loads(store.get(layout.MARKER)))
        except (KeyError, TypeError, ValueError):  # damaged there, or on its way here
            marker = Marker.from_dict(json.loads(store.get(layout.MARKER)))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreDamaged(
            f"{layout.MARKER} of the store {store.url} cannot be read: {error!r}",
            hint="restore that file from a copy of the store; everything else may be sound",
        ) from error
    strange = sorted(set(marker.features) - FEATURES)
    if marker.reader > VERSION or strange:
        needs = f"the features {', '.join(strange)}" if strange else f"version {marker.reader}"
        raise StoreError(
            f"the store {store.url} needs a program that knows {needs}; this one knows version {VERSION}",
            hint="install a newer ckptflow: `pip install -U ckptflow`",
        )
    return marker
