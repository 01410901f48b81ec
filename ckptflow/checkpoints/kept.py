"""Edge. Checkpoints in a store: written, pointed to, found again, thinned out.

Order: the checkpoint, then `latest.json`, then the removal of old ones. The pointer is for people: the newest valid one
is found by looking at all, so a pointer that is stale or broken harms nobody.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache

from ..dataclass import dataclass
from ..store import layout
from ..store.protocol import NotThere, Store
from .manifest import BadCheckpoint, Checkpoint, oldest_first, to_remove

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode
_name = cache(_ENCODE)


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A checkpoint that cannot be used, and why."""

    name: str
    problem: str


def write_checkpoint(store: Store, checkpoint: Checkpoint, keep: int) -> str:
    """Write `checkpoint`, point `latest.json` to it, remove the oldest beyond `keep`; return its name in the store.

    Raises `StoreError`; what was there before is then still there, except what retention had already removed.
    """
    stage = checkpoint.dataset
    folder = layout.stage_folder(stage)
    name = layout.checkpoint_name(stage, checkpoint.timestamp, checkpoint.status.value)
    data = _encode(checkpoint)
    before = list(_files(store, stage))
    store.put(name, data)
    _point(store, layout.latest_name(stage), name, data, first=not before)
    for file in to_remove({*before, name.removeprefix(folder)}, keep):
        if folder + file != name:
            store.delete(folder + file)
    return name


def _encode(checkpoint: Checkpoint) -> bytes:
    """Return the document with a line a field: for people, and in a tenth of the time that `indent` takes."""
    fields = (f" {_name(name)}: {_ENCODE(value)}" for name, value in checkpoint.to_dict().items())
    return ("{\n" + ",\n".join(fields) + "\n}\n").encode("utf-8", "backslashreplace")


def read_checkpoint(store: Store, name: str) -> Checkpoint:
    """Read one checkpoint. Raises `BadCheckpoint`, `NotThere`, `StoreError`."""
    try:
        return Checkpoint.from_dict(json.loads(store.get(name)))
    except BadCheckpoint:
        raise
    except (ValueError, RecursionError) as error:
        raise BadCheckpoint(f"corrupt: {error}") from error


def newest_valid(store: Store, stage: str) -> tuple[Checkpoint | None, list[PassedOver]]:
    """Return the newest usable checkpoint of `stage`, and those that were passed over on the way to it."""
    passed: list[PassedOver] = []
    folder = layout.stage_folder(stage)
    for file in reversed(oldest_first(_files(store, stage))):
        try:
            checkpoint = read_checkpoint(store, folder + file)
            if checkpoint.dataset != stage:  # a file system may take `Load` and `load` for one folder
                raise BadCheckpoint(f"of {checkpoint.dataset}, not of {stage}")
            return checkpoint, passed
        except BadCheckpoint as error:
            passed.append(PassedOver(folder + file, str(error)))
        except NotThere:
            continue  # removed by another process since the folder was listed
    return None, passed


def _files(store: Store, stage: str) -> Iterator[str]:
    folder = layout.stage_folder(stage)
    for entry in store.list(folder):
        file = entry.name.removeprefix(folder)
        if "/" not in file and file != layout.LATEST:
            yield file


def _point(store: Store, pointer: str, name: str, data: bytes, *, first: bool) -> None:
    """Make `pointer` a symbolic link to `name` in the same folder where that is possible, else a copy.

    `first`: there is none yet, as far as is known.
    """
    path = store.local(pointer)
    if path is not None:
        target = name.rpartition("/")[2]
        if first:
            with suppress(OSError):
                os.symlink(target, path)  # noqa: PTH211
                return
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            with suppress(FileNotFoundError):
                temporary.unlink()
            temporary.symlink_to(target)
            temporary.replace(path)
            return
        except OSError:
            with suppress(OSError):
                temporary.unlink()
    store.put(pointer, data)
