"""Edge. The checkpoint documents in a library's folder: all of a dataset, one by its id; the datasets there are."""

from __future__ import annotations

from collections.abc import Iterator

from ...store import layout
from ...store.protocol import NotThere, Store
from ..kept import PassedOver, usable_checkpoint
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
    """Return the names of all datasets that have anything here, sorted. Raises `StoreError`."""
    found: dict[str, None] = {}
    for entry in store.list(""):
        folder, inside, rest = entry.name.partition("/")
        if not inside or f"{folder}/" == layout.DATASET_LOCKS or folder in found or "/" in rest:
            continue
        found[folder] = None
    return sorted(name for folder in found if (name := layout.dataset_of(folder)) is not None)
