"""Edge. What was put away and can be had back: checkpoints as they were, and records that were made to be forgotten.

One command puts what it takes into one folder, `trash/<when>-<token>/`: documents under the names that they had, the
lines of records in `records.jsonl`. Nothing there is believed or listed as part of the store; `gc` keeps what it names,
and removes it after the grace time. Order: a document is moved, in one step where there are files; the lines of records
are there before the records are forgotten.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from ..dataclass import dataclass
from ..plan.model import Record
from ..store import layout
from ..store.oserrors import store_error
from ..store.protocol import NotThere, Store
from . import lines
from .manifest import split_name
from .records import split_lines


@dataclass(frozen=True, slots=True)
class Trashed:
    """Something in the trash: the `folder` that it is in, when it was put there (`YYYYmmddHHMMSS`), its old `name`."""

    folder: str
    when: str
    name: str

    @property
    def where(self) -> str:
        """Its name now."""
        return self.folder + self.name

    @property
    def is_records(self) -> bool:
        """Whether it holds records, else it is a document."""
        return self.name == layout.RECORDS_FILE


def new_folder(now: datetime) -> str:
    """Return a folder that nobody else puts anything into."""
    return layout.trash_folder(f"{now.astimezone(UTC):%Y%m%d%H%M%S}", os.urandom(4).hex())


def put_away(store: Store, name: str, folder: str) -> bool:
    """Move what is under `name` into a folder of the trash; False where it is gone. Raises `StoreError`.

    In a local store that may be what is no file: a link to nowhere, a directory.
    """
    return _move(store, name, folder + name)


def put_records_away(store: Store, records: Iterable[Record], folder: str) -> None:
    """Keep the lines of records that are going to be forgotten. Raises `StoreError`."""
    store.put(folder + layout.RECORDS_FILE, b"".join(map(lines.encode_record, records)))
    store.sync()


def contents(store: Store) -> list[Trashed]:
    """Return what can be had back, what was put away last first. Raises `StoreError`."""
    found = []
    for entry in store.list(layout.TRASH):
        parts = layout.trash_of(entry.name)
        if parts is not None and _is_whole(parts[2]):
            found.append(Trashed(*parts))
    found.sort(key=lambda each: each.name)
    return sorted(found, key=lambda each: (each.when, each.folder), reverse=True)


def put_back(store: Store, trashed: Trashed) -> bool:
    """Move a document back to its name; False where it is gone, or something stands there. Raises `StoreError`."""
    path = store.local(trashed.name)
    taken = os.path.lexists(path) if path is not None else store.stat(trashed.name) is not None
    return not taken and _move(store, trashed.where, trashed.name)


def read_records(store: Store, trashed: Trashed) -> list[Record]:
    """Return the records in a file of the trash; damaged lines are left out. Raises `StoreError`."""
    with suppress(NotThere):
        return list(records_in(store.get(trashed.where)))
    return []


def records_in(data: bytes) -> Iterable[Record]:
    """Yield the records whose lines stand in `data`, the damaged ones left out."""
    for _, line in split_lines(data):
        with suppress(lines.BadLine):
            found = lines.decode(line)
            if isinstance(found, Record):
                yield found


def is_due(name: str, since_ns: int) -> bool:
    """Tell whether something in the trash was put there before `since_ns` (ns since 1970)."""
    parts = layout.trash_of(name)
    if parts is None:
        return False
    with suppress(ValueError):
        when = datetime.strptime(parts[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        return int(when.timestamp()) * 10**9 <= since_ns
    return True


def sweep(store: Store, names: Sequence[str]) -> None:
    """Remove names in the trash; of a local store their folders too, with what is no file. Raises `StoreError`."""
    for name in names:
        store.delete(name)
    for folder in {parts[0] for name in names if (parts := layout.trash_of(name)) is not None}:
        path = store.local(folder + layout.RECORDS_FILE)
        if path is not None:
            shutil.rmtree(path.parent, ignore_errors=True)


def _is_whole(name: str) -> bool:
    """Tell whether a name is one of what was put away, and not of something inside a directory that was."""
    if name == layout.RECORDS_FILE:
        return True
    folder, _, file = name.removeprefix(layout.CHECKPOINTS).partition("/")
    return name.startswith(layout.CHECKPOINTS) and bool(folder) and split_name(file) is not None


def _move(store: Store, name: str, to: str) -> bool:
    old, new = store.local(name), store.local(to)
    if old is None or new is None:
        try:
            data = store.get(name)
        except NotThere:
            return False
        store.put(to, data)
        store.delete(name)
        return True
    try:
        new.parent.mkdir(parents=True, exist_ok=True)
        old.rename(new)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise store_error(error, f"move {name}", store.url) from error
    return True
