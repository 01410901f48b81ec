"""Edge. What is wrong with checkpoints, and what to do about each: for people, and for `report`.

Nothing here is needed to go on: a run passes over what cannot be used by itself. It tells what that would be.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from ...dataclass import dataclass
from ...errors import CheckpointError
from ...store import layout
from ...store.protocol import NotThere, Store
from ..kept import FUTURE, PassedOver, newest_valid
from ..manifest import BadCheckpoint, Checkpoint, Status
from .artifacts import artifacts, fetched
from .documents import documents
from .journal import position, read
from .place import Place


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, what, and what to do."""

    name: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.name}: {self.problem} ({self.remedy})"


PASSED = "nothing has to be done: an older checkpoint and the journal are used in its place; `prune` removes it"


def check_document(checkpoint: Checkpoint, name: str, now: datetime) -> Iterator[Problem]:
    """Yield what a checkpoint says that cannot be, which its form alone does not show."""
    statistics, state = checkpoint.statistics, checkpoint.processor_state
    counted = statistics.success_count + statistics.error_count + statistics.skipped_count
    remedy = "the next checkpoint counts anew from the journal; without a journal, do not rely on it"
    if checkpoint.processed_count != counted:
        yield Problem(name, f"`processed_count` is {checkpoint.processed_count}, its parts make {counted}", remedy)
    if len(set(state.processed_files)) != len(state.processed_files):
        yield Problem(name, "`processed_files` names an item twice", remedy)
    if len(state.processed_files) > statistics.success_count:
        yield Problem(name, "`processed_files` names more items than were done", remedy)
    if _moment(checkpoint.last_update) < _moment(checkpoint.start_time):
        yield Problem(name, "it was updated before it began", "set the clock of the machine that wrote it")
    if datetime.strptime(checkpoint.timestamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC) > now + FUTURE:
        yield Problem(name, "its time is in the future", f"set the clock of the machine that wrote it; {PASSED}")
    if checkpoint.status is Status.FAILED and not checkpoint.error:
        yield Problem(name, "it failed, and does not say why", "look at the log of the run")


def check_file(path: Path) -> list[Problem]:
    """Return what is wrong with the checkpoint in a local file."""
    try:
        checkpoint = Checkpoint.from_dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        why = "a link to nowhere" if path.is_symlink() else "not there"
        return [Problem(str(path), why, PASSED)]
    except OSError as error:
        return [Problem(str(path), f"cannot be read: {os.strerror(error.errno or 0)}", PASSED)]
    except BadCheckpoint as error:
        return [Problem(str(path), str(error), PASSED)]
    except (ValueError, RecursionError) as error:
        return [Problem(str(path), f"corrupt: {error}", PASSED)]
    return list(check_document(checkpoint, str(path), datetime.now(UTC)))


def check_dataset(place: Place, store: Store, dataset: str) -> list[Problem]:
    """Return all that is wrong with a dataset: checkpoints, pointer, journals, artifacts. Raises `StoreError`."""
    now = datetime.now(UTC)
    found: list[Problem] = []
    newest, passed = newest_valid(store, dataset, base="", now=now)
    told = {each.name: each.problem for each in passed}
    valid = []
    for each, name in documents(store, dataset):
        if isinstance(each, PassedOver):
            told.setdefault(name, each.problem)
        else:
            valid.append((each, name))
            found += check_document(each, name, now)
    known = {problem.name for problem in found}
    found += [Problem(name, problem, PASSED) for name, problem in told.items() if name not in known]
    found += _pointer(store, dataset)
    found += _journals(store, dataset, newest)
    for made in artifacts(store, dataset):
        name = layout.stage_folder(dataset, "") + made.file
        try:
            with fetched(place, store, made):
                pass
        except (CheckpointError, NotThere) as error:
            found.append(Problem(name, error.message, f"save `{made.name}` again"))
    return sorted(found, key=lambda problem: problem.name)


def _pointer(store: Store, dataset: str) -> Iterator[Problem]:
    name = layout.latest_name(dataset, "")
    path = store.local(name)
    if path is not None and path.is_symlink() and not path.exists():
        yield Problem(name, "a link to nowhere", "nothing has to be done: the next checkpoint sets it right")


def _journals(store: Store, dataset: str, newest: Checkpoint | None) -> Iterator[Problem]:
    shelf, progress = read(store, dataset)
    for damage in shelf.damage:
        yield Problem(damage.segment, f"at byte {damage.offset}: {damage.problem}", "that item is done again")
    at = position(newest) if newest is not None else None
    if at is None or newest is None:
        return
    if at[0] not in shelf.parts and not shelf.parts and newest.statistics.success_count:
        remedy = "put it back; where the checkpoint lists all its items, nothing is lost"
        yield Problem(at[0], "the journal is gone", remedy)
    elif at[0] in shelf.parts and shelf.size(at[0]) < at[1]:
        remedy = "items that the checkpoint does not list are done again"
        yield Problem(at[0], f"the journal is cut off at {shelf.size(at[0])} of {at[1]} bytes", remedy)
    elif len(progress.done) < newest.statistics.success_count and not shelf.damage:
        remedy = "a run went back to an older checkpoint, or items are done again"
        yield Problem(at[0], "the journals tell of fewer items than the newest checkpoint", remedy)


def _moment(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=UTC)
