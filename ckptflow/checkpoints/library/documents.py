"""Edge. The checkpoint documents in a library's folder: all of a dataset, one by its id; the datasets there are."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ...errors import StoreError
from ...store import layout
from ...store.protocol import Entry, NotThere, Store
from ..kept import PassedOver, concerns_one_file, usable_checkpoint
from ..manifest import BadCheckpoint, Checkpoint, oldest_first, split_name


def documents(
    store: Store, dataset: str, timestamp: str | None = None
) -> Iterator[tuple[Checkpoint | PassedOver, str]]:
    """Yield every checkpoint of a dataset (of one second) with its name in the store, oldest first.

    Those that cannot be used are told of in their place. Raises `StoreError`.
    """
    folder = layout.stage_folder(dataset, "")
    files = [entry.name.removeprefix(folder) for entry in store.list(folder)]
    found: list[tuple[str, str, Checkpoint | PassedOver, str]] = []
    for file in oldest_first(file for file in files if file != layout.LATEST and "/" not in file):
        name = folder + file
        second = (split_name(file) or ("", "", None))[1]
        if timestamp not in (None, second):
            continue
        try:
            checkpoint = usable_checkpoint(store, dataset, file, base="")
            found.append((second, checkpoint.last_update, checkpoint, name))
        except BadCheckpoint as error:
            found.append((second, "", PassedOver(name, str(error)), name))
        except NotThere:
            continue
    found.sort(key=lambda each: each[:2])
    return iter([(each, name) for _, _, each, name in found])


def by_id(store: Store, checkpoint_id: str) -> tuple[Checkpoint | None, list[PassedOver]]:
    """Return the checkpoint of an id, the last written of several; and those of the id that cannot be used."""
    dataset, _, timestamp = checkpoint_id.rpartition("_")
    if not dataset or len(timestamp) != 14 or not timestamp.isdigit():
        return None, []
    newest, passed = None, []
    for each, _ in documents(store, dataset, timestamp):
        if isinstance(each, Checkpoint):
            newest = each
        else:
            passed.append(each)
    return newest, passed


def datasets(store: Store) -> list[str]:
    """Return the names of all datasets that have anything here, sorted. Raises `StoreError`.

    A name that is too long for a folder stands in the documents alone: then one of them is read.
    """
    inside: dict[str, list[Entry]] = {}
    for entry in store.list(""):
        folder, _, rest = entry.name.partition("/")
        if rest and f"{folder}/" != layout.DATASET_LOCKS and "/" not in rest:
            inside.setdefault(folder, []).append(entry)
    found = (layout.dataset_of(folder) or _named_inside(store, folder, some) for folder, some in inside.items())
    return sorted(name for name in found if name is not None)


def _named_inside(store: Store, folder: str, entries: list[Entry]) -> str | None:
    """Return the dataset that belongs to a folder, as one of the documents there tells it; None where none does.

    Small ones are asked first, and journals, whose first line tells it, last.
    """
    journals = [entry for entry in entries if layout.journal_of(entry.name.partition("/")[2]) is not None]
    documents = [entry for entry in entries if entry.name.endswith(".json")]
    for some, field in ((documents, "dataset"), (journals, "journal")):
        for entry in sorted(some, key=lambda each: each.bytes):
            try:
                data = store.get(entry.name)
                doc = json.loads(data.partition(b"\n")[0] if field == "journal" else data)
            except (ValueError, RecursionError, NotThere):
                continue
            except StoreError as error:
                if not concerns_one_file(error):
                    raise
                continue
            name = doc.get(field) if isinstance(doc, dict) else None
            if isinstance(name, str) and name and layout.stage_folder(name, "") == f"{folder}/":
                return name
    return None
