"""Edge. Outs in the workspace: linked or copied there from the store, never over what somebody else made.

Rules:
- One file is put in place at a time (`link`), in one step each; only what differs is touched.
- A file whose bytes neither the store nor a neighbour keeps is somebody's work: `OutEdited`, unless forced.
- Nothing is placed outside of the project, wherever symlinks lead.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Collection, Iterator
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path
from typing import Protocol, TypeAlias

from ..chunk.tree import Layout, Listing, Tree
from ..errors import DepUnreadable, OutEdited, StoreDamaged, StoreError
from ..ids import Digest
from ..spec.model import Out
from .cache import Cache
from .link import Linker
from .locate import STATE_DIR
from .observe import Observer
from .observed import Observed, Stamp, is_racy


class Objects(Protocol):
    """What placing needs of the store."""

    def path(self, name: Digest) -> Path:
        """Return the verified file that holds an object."""
        ...

    def place(self, name: Digest) -> str:
        """Return what `path` does, as text."""
        ...

    def get(self, name: Digest) -> bytes:
        """Return the verified bytes of an object."""
        ...

    def has(self, name: Digest) -> bool:
        """Tell whether the object is there."""
        ...

    def is_same_file(self, name: Digest, path: Path | str) -> bool:
        """Tell whether `path` is the object's own file, by hard link or symlink."""
        ...

    def is_aside(self, name: Digest, path: Path) -> bool:
        """Tell whether `path` was the object's own file before its bad bytes were set aside."""
        ...


class Neighbour(Protocol):
    """Another program that keeps files of the workspace, so that nothing is lost when they are replaced."""

    def keeps(self, path: str, names: Collection[str]) -> set[str]:
        """Return which of these files of the out at `path` are kept; names are relative to it, empty for itself."""
        ...


Former: TypeAlias = Callable[[], Tree | None]


class OutState(StrEnum):
    """How an out in the workspace compares with what it should be."""

    SAME = "same"
    MISSING = "missing"  # not there, or in part
    OURS = "ours"  # something else that the store holds: may be replaced
    DAMAGED = "damaged"  # the very file that the store holds, with other bytes: set aside in the store
    EDITED = "edited"  # something that only the workspace holds


def part_name(index: int, suffix: str) -> str:
    """Return the file name of a part: sorted by name is sorted by index, for up to a million parts."""
    return f"part-{index:06d}{suffix}"


def _files_of(tree: Tree) -> Iterator[tuple[str, Digest]]:
    """Yield name and object of each file of a tree whose files are its parts."""
    if tree.layout is Layout.FILE:
        yield "", tree.parts[0].object
        return
    for index, part in enumerate(tree.parts):
        if not part.is_void:  # no reader could make sense of those
            yield part_name(index, tree.suffix), part.object


def _shows(seen: Observed, tree: Tree) -> bool:
    """Tell whether an out is its tree, where both list the same files in the same order."""
    if tree.layout is Layout.DIR or (seen.kind == "file") != (tree.layout is Layout.FILE):
        return False
    return all(a == b for a, b in zip_longest(seen.files.contents(), _files_of(tree)))


class Placer:
    """Compares and places outs below `root`."""

    def __init__(self, root: Path, objects: Objects, observer: Observer, cache: Cache, links: tuple[str, ...]) -> None:
        self._root = root
        self._inside = os.path.realpath(root).rstrip("/") + "/"
        self._objects = objects
        self._observer = observer
        self._cache = cache
        self._linker = Linker(links, str(root / STATE_DIR / "tmp"))
        self._within: dict[str, tuple[int, int]] = {}  # directories inside the project, by the path that led there
        self.neighbours: tuple[Neighbour, ...] = ()

    def expected(self, tree: Tree) -> dict[str, tuple[Digest, bool]]:
        """Return file name (relative to the out, empty for the out itself) -> (object, executable)."""
        if tree.layout is not Layout.DIR:
            return {name: (object_, False) for name, object_ in _files_of(tree)}
        files: dict[str, tuple[Digest, bool]] = {}
        for part in tree.parts:
            for file in Listing.decode(self._objects.get(part.object)).files:
                known = files.get(file.path)
                if known is not None and known[0] != file.object:
                    raise DepUnreadable(
                        f"two chunks wrote `{file.path}` with different contents",
                        hint="let the names of the files that a chunk writes depend on its data",
                    )
                files[file.path] = (file.object, file.executable)
        return files

    def _to_place(self, tree: Tree) -> Iterator[tuple[str, Digest, bool]]:
        """Yield name, object and whether it is executable, of each file; of many parts without having them all."""
        if tree.layout is Layout.DIR:
            yield from ((name, *file) for name, file in self.expected(tree).items())
        else:
            yield from ((name, object_, False) for name, object_ in _files_of(tree))

    def state(self, out: Out, tree: Tree | None, former: Former | None = None) -> OutState:
        """Compare an out with `tree`; with None, tell whether what lies there may be replaced.

        `former` is asked for what the last run had placed there, which the store may have lost since.
        """
        seen = self._see(out.path)
        if seen is None:
            return OutState.MISSING
        if tree is not None and _shows(seen, tree):
            return OutState.SAME
        expected = self.expected(tree) if tree is not None else {}
        actual = dict(seen.files.contents())
        foreign = [
            name
            for name, content in actual.items()
            if expected.get(name, (None,))[0] != content and not self._objects.has(content)
        ]
        if foreign and former is not None and (placed := former()) is not None:
            ours = self._contents(placed)
            foreign = [name for name in foreign if actual[name] not in ours]
        for neighbour in self.neighbours if foreign else ():
            kept = neighbour.keeps(out.path, foreign)
            foreign = [name for name in foreign if name not in kept]
        if foreign:
            damaged = [
                name for name in foreign if name in expected and self._is_linked(out.path, name, expected[name][0])
            ]
            if damaged:
                self._observer.forget(out.path)  # a symlink has lost its target
            return OutState.DAMAGED if len(damaged) == len(foreign) else OutState.EDITED
        wanted = {name: object_ for name, (object_, _) in expected.items()}
        if tree is not None and actual == wanted and (seen.kind == "file") == (tree.layout is Layout.FILE):
            return OutState.SAME
        return OutState.MISSING if set(actual) < set(wanted) else OutState.OURS

    def _contents(self, tree: Tree) -> set[Digest]:
        """Return the objects of all files of an out, none where the store does not tell any more."""
        try:
            return {object_ for object_, _ in self.expected(tree).values()}
        except StoreError:
            return set()

    def _is_linked(self, path: str, name: str, object_: Digest) -> bool:
        """Tell whether this file is the store's own, by hard link or symlink, and set its bad bytes aside if so."""
        full = self._root / path / name if name else self._root / path
        try:
            if not self._objects.is_same_file(object_, full):
                return self._objects.is_aside(object_, full)
            self._objects.path(object_)
        except StoreDamaged:
            return True
        except StoreError:
            return False
        return False

    def place(
        self, out: Out, tree: Tree, former: Former | None = None, *, force: bool = False, relink: bool = False
    ) -> bool:
        """Make the workspace show `tree` at the out's path; return whether anything had to be changed, or looked at to
        `relink` it.

        `relink` also replaces files that are right and not linked to the store, so that their bytes are kept once.
        `former`: see `state`.

        Raises `OutEdited` where a change made by hand would be lost, `StoreDamaged` for a bad object.
        """
        if relink and tree.layout is Layout.FILE:
            at, object_ = f"{self._root}/{out.path}", tree.parts[0].object
            if self._is_own(object_, at):
                with _friendly(at):
                    self._cache.keep_digests(_stamped(out.path, at, object_))
                self._observer.forget(out.path)
                return True
        target = self._root / out.path
        state = self.state(out, tree, former)
        if state is OutState.SAME and not relink:
            return False
        if state is OutState.EDITED and not force:
            raise edited(out.path)
        seen = self._see(out.path)
        actual = dict(seen.files.contents()) if seen is not None else {}
        if seen is not None and (seen.kind == "file") != (tree.layout is Layout.FILE):
            _remove(target)
            actual = {}
        made: set[str] = set()
        with _friendly(target):
            for name, object_, executable in self._to_place(tree):
                full = f"{target}/{name}" if name else str(target)
                # What a command has just written may be the object's own file already, whatever was seen before.
                if not self._objects.is_same_file(object_, full) if relink else actual.get(name) != object_:
                    self._make_parent(full, made)
                    mode = 0o755 if executable else None if out.cache else 0o644
                    self._linker.place(self._objects.place(object_), full, mode=mode, again=relink and mode is None)
                    self._cache.keep_digests(_stamped(f"{out.path}/{name}" if name else out.path, full, object_))
            if tree.layout is not Layout.FILE:
                self._make_parent(f"{target}/-", made)
            for name in actual.keys() - self.expected(tree).keys() if actual else ():
                (target / name).unlink(missing_ok=True)
        self._observer.forget(out.path)
        return True

    def _is_own(self, object_: Digest, path: str) -> bool:
        """Tell whether a file is the object itself, and good: then there is nothing to look for in it."""
        if not self._objects.is_same_file(object_, path):
            return False
        self._objects.place(object_)  # raises what is wrong with it
        return True

    def makes_links(self) -> bool:
        """Tell whether outs are placed as hard links here, where the store is on the same disk."""
        return self._linker.makes_links()

    def take_away(self, out: Out) -> None:
        """Delete what lies at the out's path, whatever it is. Raises `StoreError`."""
        target = self._root / out.path
        with _friendly(target):
            _remove(target)
        self._observer.forget(out.path)

    def _make_parent(self, path: str, made: set[str]) -> None:
        """Make the directory of `path`. Raises `StoreError` where a symlink leads it out of the project.

        One that was found to be inside is not followed again as long as its path leads to the same directory.
        """
        parent = os.path.dirname(path)  # noqa: PTH120 - hot
        if parent in made:
            return
        try:
            found = os.stat(parent)  # noqa: PTH116
        except FileNotFoundError:
            os.makedirs(parent, exist_ok=True)  # noqa: PTH103
            found = os.stat(parent)  # noqa: PTH116
        which = found.st_dev, found.st_ino
        if self._within.get(parent) != which:
            if not f"{os.path.realpath(parent)}/".startswith(self._inside):
                raise StoreError(f"`{parent}` leads out of the project", hint="an out stays inside; remove the symlink")
            self._within[parent] = which
        made.add(parent)

    def _see(self, path: str) -> Observed | None:
        """Look at an out. Links to objects that were lost or set aside are removed: they show nothing."""
        try:
            return self._observer.see(path)
        except DepUnreadable:
            if not _remove_dead_links(self._root / path):
                raise
        return self._observer.see(path)


def _stamped(key: str, path: str, object_: Digest) -> list[tuple[str, int, int, int, str]]:
    """Return the row for the cache that says what a file holds; none where it could still change and look the same."""
    stamp = Stamp.of(os.stat(path))  # noqa: PTH116 - hot
    if is_racy(stamp.mtime_ns, time.time_ns()):
        return []
    return [(key, stamp.size, stamp.mtime_ns, stamp.inode, object_)]


def edited(path: str) -> OutEdited:
    """Return the error for an out that was changed by hand."""
    return OutEdited(
        f"`{path}` was changed by hand, or was not made by ckptflow; a run would overwrite it",
        hint="move it away to keep it, or say `--force` to overwrite it",
    )


def _remove_dead_links(path: Path) -> bool:
    """Remove symlinks to nothing, `path` itself or files below it; return whether there were any."""
    inside = path.rglob("*") if path.is_dir() else iter((path,))
    dead = [file for file in inside if file.is_symlink() and not file.exists()]
    with contextlib.suppress(OSError):
        for file in dead:
            file.unlink()
    return bool(dead)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        import shutil  # loads three compression libraries: not for a run whose outs are files

        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _friendly(target: Path | str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "free some space and run again: finished chunks are kept" if error.errno == errno.ENOSPC else None
        raise StoreError(f"`{target}` cannot be written: {error.strerror or error}", hint=hint) from error
