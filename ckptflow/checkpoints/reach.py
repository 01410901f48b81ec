"""Edge. What a store must keep: from lock files, runs and checkpoints along trees and listings to the last file.

Rules: nothing is taken for granted. A root that is there and cannot be read is an error that names it, since what it
leads to cannot be told; one that is not in this store is told of. Looking changes nothing: what proves damaged is not
set aside here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from ..chunk.tree import Listing, MalformedDocument, Tree
from ..dataclass import dataclass, field
from ..errors import RootUnreadable, SpecError
from ..ids import Digest, digest, is_digest
from ..spec.model import stage_name
from ..store import layout
from ..store.protocol import Entry, NotThere
from .garbage import Named
from .lockfile import LockFile
from .manifest import oldest_first
from .trash import is_due, records_in

_LOCK, _OTHER_LOCK = "pipeline.lock", ".ckptflow.lock"
TREE = b'{"ckptflow":"tree"'
LISTING = b'{"ckptflow":"listing"'

Read = Callable[[str], bytes]
"""Return all bytes of a name in the store. Raises `NotThere`, `StoreError`."""


Prepare = Callable[[Iterable[str]], object]
"""Is told the names that will be read next: what is far away can be brought at once."""


def _at_once(names: Iterable[str]) -> None:
    """Prepare nothing: what is near is read when it is needed."""


@dataclass(slots=True)
class Roots:
    """What is to be kept with all that it leads to, with who says so, for people. `stages` are those that count."""

    trees: dict[Digest, str] = field(default_factory=dict)
    objects: set[Digest] = field(default_factory=set)
    listings: set[Digest] = field(default_factory=set)
    stages: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def lock(self, data: bytes, path: str, of: str = "") -> None:
        """Add what the lock file at `path` of the project leads to, `of` some version. Raises `RootUnreadable`.

        Entries whose checksum does not hold count too: what they name may be needed all the same.
        """
        where = f"{path} of {of}" if of else path
        try:
            text = data.decode("utf-8")
            LockFile.read(text, where)
        except SpecError as error:
            problem = error.problems[0]
            raise RootUnreadable(f"{where} cannot be read: {problem.message}", hint=problem.hint) from error
        except UnicodeDecodeError as error:
            raise RootUnreadable(f"{where} cannot be read: {error}") from error
        for stage, entry in json.loads(text)["stages"].items():
            self.stages.add(stage_name(_declared_in(path), stage))
            for out in entry.get("outs", {}).values():
                if is_digest(out["tree"]):
                    self.trees.setdefault(Digest(out["tree"]), f"`{out.get('path')}` in {where}")

    def named(self, named: Named) -> None:
        """Add what segments lead to."""
        self.objects |= named.objects
        self.listings |= named.listings


def is_lock(name: str) -> bool:
    """Tell whether a file of this name is a lock file: `pipeline.lock`, `dvc.ckptflow.lock` and their like."""
    return name.endswith((_LOCK, _OTHER_LOCK))


def _declared_in(lock: str) -> str:
    """Return the pipeline file that a lock file stands beside."""
    return f"{lock.removesuffix(_OTHER_LOCK if lock.endswith(_OTHER_LOCK) else '.lock')}.yaml"


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents of a store that may go, in the order of their removal, each with its size and the reason."""

    go: tuple[tuple[Entry, str], ...] = ()
    kept: int = 0


def from_runs(
    roots: Roots, listed: Iterable[Entry], read: Read, keep: int, since_ns: int, prepare: Prepare = _at_once
) -> Documents:
    """Add what the documents of runs lead to: their texts, and what their lock files name. Return which may go.

    The latest `keep` stay, and all that were written after `since_ns`. `listed` are the names under `runs/`.
    """
    entries = sorted(listed, key=lambda entry: entry.name, reverse=True)
    kept = [e for i, e in enumerate(entries) if i < keep or e.written_ns > since_ns]
    locks: dict[Digest, tuple[str, str]] = {}
    prepare(entry.name for entry in kept)
    for entry in kept:
        run = f"run {entry.name.removeprefix(layout.RUNS).removesuffix('.json')}"
        try:
            doc = json.loads(read(entry.name))
            texts = {path: Digest(o) for part in ("files", "locks") for path, o in doc.get(part, {}).items()}
            locks.update({Digest(o): (path, run) for path, o in doc.get("locks", {}).items() if is_digest(o)})
            stages = [str(stage["stage"]) for stage in doc.get("stages", ())]
        except NotThere:
            continue
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            hint = "what it leads to cannot be told; restore it, or remove it if it is of no use"
            raise RootUnreadable(f"{entry.name} cannot be read: {error!r}", hint=hint) from error
        roots.stages.update(stages)
        roots.objects.update(o for o in texts.values() if is_digest(o))
    prepare(map(layout.object_name, locks))
    for object_, (path, run) in locks.items():
        text = read_object(read, object_, f"{path} of {run}")
        if text is None:
            roots.notes.append(f"{path} of {run} is not in this store: what only it leads to is not kept")
        else:
            roots.lock(text, path, run)
    staying = {entry.name for entry in kept}
    go = [(e, "an old run") for e in reversed(entries) if e.name not in staying]
    return Documents(tuple(go), len(kept))


def from_checkpoints(
    roots: Roots,
    listed: Iterable[Entry],
    read: Read,
    since_ns: int,
    *,
    all_known: bool,
    prepare: Prepare = _at_once,
) -> Documents:
    """Add the sources that checkpoints name. Return which may go: those of stages that nothing that counts knows.

    Of such a stage all go, once the last one is older than `since_ns`: the oldest first, so that a completed one never
    goes before an older one. `listed` are the names under `checkpoints/`. With `all_known` none goes.
    """
    folders: dict[str, list[Entry]] = {}
    for entry in listed:
        folders.setdefault(entry.name.rpartition("/")[0] + "/", []).append(entry)
    known = {layout.stage_folder(stage) for stage in roots.stages if stage}
    go: list[tuple[Entry, str]] = []
    kept: list[str] = []
    for folder, entries in sorted(folders.items()):
        if not all_known and folder not in known and all(entry.written_ns <= since_ns for entry in entries):
            by_file = {entry.name.removeprefix(folder): entry for entry in entries}
            pointers = [file for file in by_file if file == layout.LATEST]
            ordered = oldest_first(by_file)
            strangers = [file for file in by_file if file not in (*pointers, *ordered)]
            go += ((by_file[file], "of a stage that is no more") for file in (*pointers, *strangers, *ordered))
            continue
        kept += (entry.name for entry in entries if not entry.name.endswith(f"/{layout.LATEST}"))
    prepare(kept)
    for name in kept:
        roots.objects.update(_sources(read, name))
    return Documents(tuple(go), len(kept))


def from_trash(
    roots: Roots, listed: Iterable[Entry], read: Read, since_ns: int, prepare: Prepare = _at_once
) -> Documents:
    """Add what is needed to put back what was put away after `since_ns`. Return which may go: the rest.

    `listed` are the names under `trash/`.
    """
    entries = list(listed)
    kept = [entry.name for entry in entries if not is_due(entry.name, since_ns)]
    prepare(kept)
    for name in kept:
        if not name.endswith(f"/{layout.RECORDS_FILE}"):
            roots.objects.update(_sources(read, name))
            continue
        with suppress(NotThere):
            for record in records_in(read(name)):
                roots.objects.update(part.object for part in record.parts)
                roots.listings.update(part.object for part in record.parts if part.listing)
    staying = set(kept)
    return Documents(tuple((entry, "put away long ago") for entry in entries if entry.name not in staying), len(kept))


def _sources(read: Read, name: str) -> Iterable[Digest]:
    """Return the sources that a checkpoint names, of whatever version; nothing for one that is not JSON."""
    try:
        doc: Any = json.loads(read(name))
        found = doc["code"]["sources"]
    except (NotThere, ValueError, TypeError, KeyError, RecursionError):
        return ()
    return (Digest(found),) if is_digest(found) else ()


@dataclass(frozen=True, slots=True)
class Reached:
    """All objects that are to be kept, whether or not they are in this store, and what there is to say."""

    objects: frozenset[Digest]
    notes: tuple[str, ...]


def reach(roots: Roots, read: Read, young: Mapping[Digest, bytes] = {}, prepare: Prepare = _at_once) -> Reached:
    """Return what `roots` lead to. Raises `RootUnreadable`, `StoreError`.

    `young` are objects that may be trees or listings and are kept for their age, with their first bytes at least: what
    they lead to is kept too; what only looks like one is passed over.
    """
    kept = set(roots.objects)
    listings = set(roots.listings)
    absent: dict[Digest, str] = {}
    prepare(map(layout.object_name, roots.trees))
    for name, where in roots.trees.items():
        kept.add(name)
        data = read_object(read, name, where)
        if data is None:
            absent[name] = where
            continue
        try:
            tree = Tree.decode(data)
        except MalformedDocument as error:
            raise RootUnreadable(f"the tree of {where} cannot be read: {error}") from error
        kept.update(part.object for part in tree.parts)
        listings.update(part.object for part in tree.parts if part.listing)
    for name, head in young.items():
        _follow_young(read, name, head, kept, listings)
    prepare(map(layout.object_name, listings))
    for name in listings:
        data = read_object(read, name, "a directory that is kept")
        if data is None:
            absent.setdefault(name, f"a directory, {name[:12]}")
            continue
        try:
            kept.update(file.object for file in Listing.decode(data).files)
        except MalformedDocument as error:
            raise RootUnreadable(f"the listing {name} of a directory that is kept cannot be read: {error}") from error
    notes = list(roots.notes)
    if absent:
        first = next(iter(absent.values()))
        more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        notes.append(f"not in this store, so nothing of it is kept here: {first}{more}")
    return Reached(frozenset(kept), tuple(notes))


def _follow_young(read: Read, name: Digest, head: bytes, kept: set[Digest], listings: set[Digest]) -> None:
    if not head.startswith((TREE, LISTING)):
        return
    try:
        data = read(layout.object_name(name))
        if head.startswith(LISTING):
            kept.update(file.object for file in Listing.decode(data).files)
        else:
            parts = Tree.decode(data).parts
            kept.update(part.object for part in parts)
            listings.update(part.object for part in parts if part.listing)
    except (MalformedDocument, NotThere):  # bytes of a user's that begin like ours, or gone meanwhile
        return


def read_object(read: Read, object_: Digest, where: str) -> bytes | None:
    """Return the bytes of an object that `where` names, None where it is not there. Raises `RootUnreadable`."""
    try:
        data = read(layout.object_name(object_))
    except NotThere:
        return None
    if digest(data) != object_:
        raise RootUnreadable(
            f"the object {object_} of {where} is damaged",
            hint="what it leads to cannot be told; `ckptflow verify --deep` sets it aside",
        )
    return data
