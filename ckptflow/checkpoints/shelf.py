"""Edge. The checkpoints of a store as people ask for them: every document, the damaged ones with what is wrong.

A run looks for the newest valid one alone (`kept.newest_valid`); what is told here is judged by the same rules. Looking
takes no lock: what goes while it is looked at is left out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from ..dataclass import dataclass
from ..errors import StoreError
from ..store import layout
from ..store.protocol import NotThere, Store
from .kept import IN_THE_FUTURE, PassedOver, latest_possible, unseen_files, usable_checkpoint
from .manifest import BadCheckpoint, Checkpoint, age_of, split_name

if TYPE_CHECKING:
    from typing import Protocol

    class Map(Protocol):
        """Does work for several items at once, and yields what comes of it in their order."""

        def __call__(self, work: Callable[[_T], _R], items: list[_T], /) -> Iterable[_R]: ...


_LOOKS = 3
"""A pointer that leads nowhere is looked at again so often: a run may have moved it meanwhile."""

_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Document:
    """One checkpoint in a store: its `name` there, and either what it says or the `problem` why it cannot be used.

    `latest`: `latest.json` points to it. `status` and `timestamp` are those of the name.
    """

    name: str
    stage: str
    timestamp: str
    status: str
    checkpoint: Checkpoint | None = None
    problem: str | None = None
    latest: bool = False

    @property
    def id(self) -> str:
        """What it is called: the id it has, or would have by its name."""
        return self.checkpoint.checkpoint_id if self.checkpoint is not None else f"{self.stage}_{self.timestamp}"

    @property
    def age(self) -> tuple[str, str, int]:
        """What documents of one stage are sorted by, oldest first: of one second by their last update."""
        named = age_of(self.name.rpartition("/")[2])
        update = self.checkpoint.last_update if self.checkpoint is not None else ""
        return self.timestamp, update, named[1] if named is not None else -1

    @property
    def updated(self) -> datetime:
        """When it was last updated; of a damaged one, when it was written by its name."""
        if self.checkpoint is not None:
            when = datetime.fromisoformat(self.checkpoint.last_update)
            return when if when.tzinfo else when.replace(tzinfo=UTC)
        try:
            return datetime.strptime(self.timestamp, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError:
            return datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Pointer:
    """What `latest.json` of a stage points to: a name in the store, or the `problem` with it."""

    name: str
    stage: str
    to: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """All checkpoints of a store, by stage and age, newest first; `pointers` by stage."""

    documents: tuple[Document, ...]
    pointers: dict[str, Pointer]

    def of(self, stage: str) -> list[Document]:
        """Return the documents of a stage, newest first."""
        return [document for document in self.documents if document.stage == stage]

    def newest(self, stage: str) -> Document | None:
        """Return the newest one of a stage that can be used."""
        return next((document for document in self.of(stage) if document.problem is None), None)


def read_shelf(store: Store, now: datetime, *, at_once: Map | None = None) -> Shelf:
    """Read the checkpoints of all stages. Raises `StoreError`.

    `at_once` is how several documents are read, where that is not one after the other.
    """
    named: list[tuple[str, str, str]] = []
    hidden: list[tuple[str, PassedOver]] = []
    pointing: list[tuple[str, str]] = []
    for folder, files in sorted(_files(store).items()):
        stage = _stage_of(store, folder, files)
        named += [(folder, stage, file) for file in files if split_name(file)]
        hidden += [(stage, each) for each in unseen_files(store, folder, files)]
        pointing.append((folder, stage))

    def judged(item: tuple[str, str, str]) -> Document | None:
        return _judge(store, *item, now)

    do: Map = at_once if at_once is not None else _one_by_one
    found = [document for document in do(judged, named) if document is not None]
    found += [_document(each.name, stage, problem=each.problem) for stage, each in hidden]
    known = {document.name: document for document in found}

    def pointed(item: tuple[str, str]) -> tuple[Pointer | None, Document | None]:
        return _pointed(store, *item, known, now)

    pointers: dict[str, Pointer] = {}
    for pointer, new in do(pointed, pointing):
        if pointer is not None:
            pointers[pointer.stage] = pointer
        if new is not None:
            found.append(new)
    targets = {pointer.to for pointer in pointers.values() if pointer.to is not None}
    found = [_pointed_to(each) if each.name in targets else each for each in found]
    found.sort(key=lambda each: each.age, reverse=True)
    found.sort(key=lambda each: each.stage)
    return Shelf(tuple(found), pointers)


def _one_by_one(work: Callable[[_T], _R], items: list[_T]) -> Iterator[_R]:
    return (work(item) for item in items)


def _files(store: Store) -> dict[str, list[str]]:
    """Return the files in the folder of each stage."""
    found: dict[str, list[str]] = {}
    for entry in store.list(layout.CHECKPOINTS):
        component, inside, file = entry.name.removeprefix(layout.CHECKPOINTS).partition("/")
        if inside:
            files = found.setdefault(f"{layout.CHECKPOINTS}{component}/", [])
            files += [file] if "/" not in file else []
    path = store.local(f"{layout.CHECKPOINTS}{layout.LATEST}")
    with suppress(OSError):  # folders with nothing in them that a store shows
        for component in os.listdir(path.parent) if path is not None else ():  # noqa: PTH208 - names, not paths
            if not component.startswith(".") and component != layout.LATEST:
                found.setdefault(f"{layout.CHECKPOINTS}{component}/", [])
    return found


def _stage_of(store: Store, folder: str, files: Iterable[str]) -> str:
    """Return the stage that a folder is of; where its name was cut, as one of the documents says it."""
    component = folder.removeprefix(layout.CHECKPOINTS).rstrip("/")
    stage = layout.dataset_of(component)
    if stage is not None:
        return stage
    for file in files:
        try:
            name = json.loads(store.get(folder + file))["dataset"]
            if layout.stage_folder(name) == folder:
                return str(name)
        except (StoreError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            continue
    return component


def _judge(store: Store, folder: str, stage: str, file: str, now: datetime) -> Document | None:
    name = folder + file
    try:
        checkpoint = usable_checkpoint(store, stage, file)
    except BadCheckpoint as error:
        return _document(name, stage, problem=str(error))
    except NotThere:
        return None
    if checkpoint.timestamp > latest_possible(now):
        return _document(name, stage, checkpoint, IN_THE_FUTURE)
    return _document(name, stage, checkpoint)


def _document(name: str, stage: str, checkpoint: Checkpoint | None = None, problem: str | None = None) -> Document:
    parts = split_name(name.rpartition("/")[2])
    assert parts is not None
    return Document(name, stage, parts[1], parts[2].value, checkpoint, problem)


def _pointed_to(each: Document) -> Document:
    return Document(each.name, each.stage, each.timestamp, each.status, each.checkpoint, each.problem, latest=True)


def _pointed(
    store: Store, folder: str, stage: str, known: Mapping[str, Document], now: datetime
) -> tuple[Pointer | None, Document | None]:
    """Return what `latest.json` of a folder points to, and that itself if it was written since the folder was listed,
    which gave what is `known`: a run may be at it.
    """
    for _ in range(_LOOKS):
        pointer = _pointer(store, folder, stage)
        if pointer is None or pointer.to is None:
            return pointer, None
        document = known.get(pointer.to)
        if document is not None:
            break
        file = pointer.to.removeprefix(folder)
        new = _judge(store, folder, stage, file, now) if pointer.to == folder + file and split_name(file) else None
        if new is not None and new.problem is None:
            return pointer, new
    assert pointer is not None and pointer.to is not None
    if document is not None and document.problem is None:
        return pointer, None
    problem = f"points to {pointer.to.rpartition('/')[2]}, which is damaged or not there"
    return Pointer(pointer.name, stage, problem=problem), None


def _pointer(store: Store, folder: str, stage: str) -> Pointer | None:
    """Return what `latest.json` of a folder points to: as a link, or as a copy of what it names."""
    name = folder + layout.LATEST
    path = store.local(name)
    if path is not None and path.is_symlink():
        return Pointer(name, stage, to=folder + str(path.readlink()))
    try:
        checkpoint = Checkpoint.from_dict(json.loads(store.get(name)))
    except NotThere:
        return None
    except (StoreError, ValueError, RecursionError) as error:
        return Pointer(name, stage, problem=f"cannot be read: {error}")
    to = layout.checkpoint_name(checkpoint.dataset, checkpoint.timestamp, checkpoint.status.value)
    return Pointer(name, stage, to=to)
