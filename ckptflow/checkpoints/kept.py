"""Edge. Checkpoints in a store: written, pointed to, found again, thinned out.

Order: the checkpoint, then `latest.json`, then the removal of old ones. The pointer is for people: the newest valid one
is found by looking at all, so a pointer that is stale or broken harms nobody. What lies under a name that does not fit
its content is no checkpoint: an older one cannot pass for a newer by being copied.

In a store that others write, a reader who has the project's key takes signed ones only, and remembers which was the
newest (`Seen`): one that is older is not taken for the newest again, even if all newer ones were removed.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from json.encoder import encode_basestring
from typing import Any

from ..dataclass import dataclass
from ..errors import StoreError
from ..store import layout
from ..store.protocol import NotThere, Store
from .manifest import BadCheckpoint, Checkpoint, age_of, oldest_first, split_name, to_remove
from .signing import Signer

FUTURE = timedelta(days=1)
"""How far a checkpoint may be ahead of this machine's clock: machines disagree by minutes, not by days."""

IN_THE_FUTURE = "its time is in the future"

_OF_ONE_FILE = (errno.EACCES, errno.EPERM, errno.ELOOP, errno.EISDIR, errno.EIO)
"""What says that one file cannot be read, and nothing about the others."""

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode
_name = cache(_ENCODE)


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A checkpoint that cannot be used, and why."""

    name: str
    problem: str


def write_checkpoint(
    store: Store,
    checkpoint: Checkpoint,
    keep: int,
    *,
    base: str = layout.CHECKPOINTS,
    first: bool = False,
    on_remove: Callable[[str], None] | None = None,
) -> str:
    """Write `checkpoint`, point `latest.json` to it, remove the oldest beyond `keep`; return its name in the store.

    `first`: there was none when the caller, who alone writes them, looked; so there is nothing to look for.
    `on_remove` hears the name of each that was removed. Raises `StoreError`; what was there before is then still there,
    except what retention had already removed.
    """
    stage = checkpoint.dataset
    folder = layout.stage_folder(stage, base)
    name = layout.checkpoint_name(stage, checkpoint.timestamp, checkpoint.status.value, base)
    data = _encode(checkpoint)
    before = [] if first else list(_files(store, folder))
    store.put(name, data)
    _point(store, layout.latest_name(stage, base), name, data, first=not before)
    for file in to_remove({*before, name.removeprefix(folder)}, keep):
        if folder + file != name:
            store.delete(folder + file)
            if on_remove is not None:
                on_remove(folder + file)
    return name


def point_to(store: Store, name: str, checkpoint: Checkpoint, *, base: str = layout.CHECKPOINTS) -> None:
    """Let `latest.json` point to the checkpoint that is kept under `name`. Raises `StoreError`."""
    _point(store, layout.latest_name(checkpoint.dataset, base), name, _encode(checkpoint), first=False)


def _encode(checkpoint: Checkpoint) -> bytes:
    """Return the document with a line a field: for people, and in a tenth of the time that `indent` takes."""
    fields = [f" {_name(name)}: {_value(value)}" for name, value in checkpoint.to_dict().items()]
    return ("{\n" + ",\n".join(fields) + "\n}\n").encode("utf-8", "backslashreplace")


def _value(value: Any) -> str:
    """Return what `_ENCODE` would, which takes ten times as long for what is but a text, a number or nothing."""
    if value is None:
        return "null"
    if type(value) is str:
        return encode_basestring(value)
    return str(value) if type(value) is int else _ENCODE(value)


def signed_text(data: bytes, signer: Signer) -> bytes:
    """Return the document of a checkpoint as it is to stand in a remote; what is no checkpoint stays as it is."""
    try:
        return _encode(signer.sign_checkpoint(Checkpoint.from_dict(json.loads(data))))
    except (ValueError, RecursionError):  # `BadCheckpoint` is one
        return data


def usable_checkpoint(store: Store, stage: str, file: str, *, base: str = layout.CHECKPOINTS) -> Checkpoint:
    """Return the checkpoint of `stage` in `file`, which is its name without the folder.

    Raises `BadCheckpoint` where it is none, `NotThere`, and `StoreError` where the store cannot be used.
    """
    return _usable(store, stage, file, None, base)


def folders(store: Store) -> frozenset[str] | None:
    """Return the names of the folders that may hold checkpoints; None where that cannot be told at once."""
    path = store.local(f"{layout.CHECKPOINTS}{layout.LATEST}")
    try:
        return None if path is None else frozenset(os.listdir(path.parent))  # noqa: PTH208 - names, not paths
    except FileNotFoundError:
        return frozenset()
    except OSError:
        return None


def newest_valid(
    store: Store,
    stage: str,
    signer: Signer | None = None,
    seen: Seen | None = None,
    *,
    base: str = layout.CHECKPOINTS,
    now: datetime | None = None,
) -> tuple[Checkpoint | None, list[PassedOver]]:
    """Return the newest usable checkpoint of `stage`, and those that were passed over on the way to it.

    Of several of one second the one that was updated last is the newest. With `signer`, unsigned ones are not usable;
    with `seen` too, neither is one that is older than what was seen; with `now`, none that is far ahead of it.
    """
    passed: list[PassedOver] = []
    folder = layout.stage_folder(stage, base)
    files, passed_links = checkpoint_files(store, folder)
    passed += passed_links
    latest = None if now is None or not files else latest_possible(now)
    for timestamp, group in groupby(reversed(oldest_first(files)), key=_timestamp):
        if latest is not None and timestamp > latest:
            passed += (PassedOver(folder + file, IN_THE_FUTURE) for file in group)
            continue
        valid: list[tuple[Checkpoint, str]] = []
        for file in group:
            try:
                valid.append((_usable(store, stage, file, signer, base), file))
            except BadCheckpoint as error:
                passed.append(PassedOver(folder + file, str(error)))
            except NotThere:
                continue  # removed by another process since the folder was listed
        if not valid:
            continue
        checkpoint, file = max(valid, key=lambda found: _age((found[1], found[0].last_update))[::-1])
        if signer is not None and seen is not None and not seen.note(stage, file, checkpoint.last_update):
            passed.append(PassedOver(folder + file, f"{seen.newest(stage)} is newer and was there before"))
            return None, passed
        return checkpoint, passed
    return None, passed


def latest_possible(now: datetime) -> str:
    """Return the timestamp that no checkpoint written by `now` can be behind of."""
    return f"{now.astimezone(UTC) + FUTURE:%Y%m%d%H%M%S}"


def _timestamp(file: str) -> str:
    parts = split_name(file)
    assert parts is not None
    return parts[1]


def _usable(store: Store, stage: str, file: str, signer: Signer | None, base: str) -> Checkpoint:
    name = layout.stage_folder(stage, base) + file
    try:
        doc = _document(store, name)
    except StoreError as error:
        if concerns_one_file(error):
            raise BadCheckpoint(error.message) from error
        raise
    checkpoint = Checkpoint.from_dict(doc)
    if checkpoint.dataset != stage:  # a file system may take `Load` and `load` for one folder
        raise BadCheckpoint(f"of {checkpoint.dataset}, not of {stage}")
    belongs = layout.checkpoint_name(stage, checkpoint.timestamp, checkpoint.status.value, base)
    if belongs != name:
        raise BadCheckpoint(f"it is {belongs}, under another name")
    if signer is not None and not signer.is_signed_checkpoint(name, doc):
        raise BadCheckpoint("not signed with the project's key")
    return checkpoint


def concerns_one_file(error: StoreError) -> bool:
    """Tell whether an error says that one file cannot be read, and nothing about the others."""
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in _OF_ONE_FILE


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


def _files(store: Store, folder: str) -> Iterator[str]:
    for entry in store.list(folder):
        file = entry.name.removeprefix(folder)
        if "/" not in file and file != layout.LATEST:
            yield file


def checkpoint_files(store: Store, folder: str) -> tuple[list[str], list[PassedOver]]:
    """Return the files in a folder, and those named like a checkpoint that the store does not show."""
    files = list(_files(store, folder))
    return files, unseen_files(store, folder, files)


def unseen_files(store: Store, folder: str, seen: Iterable[str]) -> list[PassedOver]:
    """Return what is named like a checkpoint and is none that a store shows: broken links, directories."""
    path = store.local(f"{folder}{layout.LATEST}")
    if path is None:
        return []
    with suppress(OSError):
        names = sorted(set(os.listdir(path.parent)) - set(seen))  # noqa: PTH208 - names, not paths
        hidden = [name for name in names if age_of(name) and not (path.parent / name).is_file()]
        return [PassedOver(folder + name, "not a file, or a link to nowhere") for name in hidden]
    return []


def _point(store: Store, pointer: str, name: str, data: bytes, *, first: bool) -> None:
    """Make `pointer` a symbolic link to `name` in the same folder where that is possible, else a copy.

    `first`: there is none yet, as far as is known.
    """
    path = store.place(pointer)
    if path is not None:
        folder, _, file = path.rpartition("/")
        target = name.rpartition("/")[2]
        if first:
            with suppress(OSError):
                os.symlink(target, path)  # noqa: PTH211
                return
        temporary = f"{folder}/.{file}.{os.getpid()}.tmp"
        try:
            with suppress(FileNotFoundError):
                os.unlink(temporary)  # noqa: PTH108
            os.symlink(target, temporary)  # noqa: PTH211
            os.rename(temporary, path)  # noqa: PTH104
            return
        except OSError:
            with suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108
    store.put(pointer, data)
