"""Edge. Checkpoints in a store: written, pointed to, found again, thinned out.

Order: the checkpoint, then `latest.json`, then the removal of old ones. The pointer is for people: the newest valid one
is found by looking at all, so a pointer that is stale or broken harms nobody. What lies under a name that does not fit
its content is no checkpoint: an older one cannot pass for a newer by being copied.

In a store that others write, a reader who has the project's key takes signed ones only, and remembers which was the
newest (`Seen`): one that is older is not taken for the newest again, even if all newer ones were removed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any

from ..dataclass import dataclass
from ..errors import StoreError
from ..store import layout
from ..store.protocol import NotThere, Store
from .manifest import BadCheckpoint, Checkpoint, age_of, oldest_first, to_remove
from .signing import Signer, name_of

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


def signed_text(data: bytes, signer: Signer) -> bytes:
    """Return the document of a checkpoint as it is to stand in a remote; what is no checkpoint stays as it is."""
    try:
        return _encode(signer.sign_checkpoint(Checkpoint.from_dict(json.loads(data))))
    except (ValueError, RecursionError):  # `BadCheckpoint` is one
        return data


def read_checkpoint(store: Store, name: str) -> Checkpoint:
    """Read one checkpoint. Raises `BadCheckpoint`, `NotThere`, `StoreError`."""
    return Checkpoint.from_dict(_document(store, name))


def newest_valid(
    store: Store, stage: str, signer: Signer | None = None, seen: Seen | None = None
) -> tuple[Checkpoint | None, list[PassedOver]]:
    """Return the newest usable checkpoint of `stage`, and those that were passed over on the way to it.

    With `signer`, unsigned ones are not usable; with `seen` too, neither is one that is older than what was seen.
    """
    passed: list[PassedOver] = []
    folder = layout.stage_folder(stage)
    for file in reversed(oldest_first(_files(store, stage))):
        name = folder + file
        try:
            doc = _document(store, name)
            checkpoint = Checkpoint.from_dict(doc)
            if checkpoint.dataset != stage:  # a file system may take `Load` and `load` for one folder
                raise BadCheckpoint(f"of {checkpoint.dataset}, not of {stage}")
            if name_of(checkpoint) != name:
                raise BadCheckpoint(f"it is {name_of(checkpoint)}, under another name")
            if signer is not None:
                if not signer.is_signed_checkpoint(name, doc):
                    raise BadCheckpoint("not signed with the project's key")
                if seen is not None and not seen.note(stage, file, checkpoint.last_update):
                    passed.append(PassedOver(name, f"{seen.newest(stage)} is newer and was there before"))
                    return None, passed
            return checkpoint, passed
        except BadCheckpoint as error:
            passed.append(PassedOver(name, str(error)))
        except NotThere:
            continue  # removed by another process since the folder was listed
    return None, passed


class Seen:
    """Which checkpoints of a remote were the newest when this machine looked; kept in its mirror of that remote.

    Derived data like the rest of the mirror: without it, what is in the remote is believed as far as it is signed.
    """

    def __init__(self, mirror: Store) -> None:
        self._mirror = mirror
        self._stages: dict[str, tuple[str, str]] = {}  # file name, time of the last update
        try:
            doc = json.loads(mirror.get(layout.SEEN))
            known = {stage: (str(file), str(update)) for stage, (file, update) in doc.items()}
            self._stages = {stage: seen for stage, seen in known.items() if _age(seen)[0] is not None}
        except (StoreError, ValueError, TypeError, AttributeError, RecursionError):
            pass

    def newest(self, stage: str) -> str | None:
        """Return the file name of the newest checkpoint of `stage` that was seen."""
        return self._stages.get(stage, (None, ""))[0]

    def note(self, stage: str, file: str, last_update: str) -> bool:
        """Remember a signed checkpoint; return False, and change nothing, where a newer one was seen before."""
        known, now = self._stages.get(stage), (file, last_update)
        if known == now:
            return True
        if known is not None and _age(now) < _age(known):
            return False
        self._stages[stage] = now
        self._mirror.put(layout.SEEN, json.dumps(self._stages, sort_keys=True).encode("ascii"))
        return True


def _age(seen: tuple[str, str]) -> tuple[tuple[str, int] | None, datetime]:
    """Return what tells which of two checkpoints of a stage is newer, of one name too. Raises ValueError, TypeError."""
    file, update = seen
    when = datetime.fromisoformat(update)
    return age_of(file), when if when.tzinfo else when.replace(tzinfo=UTC)


def _document(store: Store, name: str) -> Any:
    try:
        return json.loads(store.get(name))
    except (ValueError, RecursionError) as error:
        raise BadCheckpoint(f"corrupt: {error}") from error


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
