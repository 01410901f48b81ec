"""Edge. One version of a project: its pipeline, its lock files, and the contents of the paths that they name.

A version has files of its own (the work tree, a commit, the texts that a run kept) and lock files among them. What is
not among its files is looked for where its lock file says: in the store, then in DVC's cache. What is nowhere is said
to be missing, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Protocol

from ..checkpoints.lockfile import LockEntry, LockFile
from ..checkpoints.trees import get_tree
from ..dataclass import dataclass, field
from ..dvc.agree import by_path
from ..dvc.lock import Noted, NotedStage, read_lock, rooted
from ..dvc.names import LOCK
from ..errors import DepUnreadable, Place, Problem, SpecError, StoreDamaged, ValuesMissing
from ..ids import Digest, StageName
from ..spec.load import load_pipeline
from ..spec.model import Pipeline, stage_name
from ..spec.paths import parent
from ..store.protocol import NotThere
from ..workspace.discover import file_of
from ..workspace.dvc import DvcProject
from ..workspace.md5s import hash_md5
from .locks import lock_path
from .session import Session

WORKSPACE = "workspace"


class Tree(Protocol):
    """The files of a version, by path of the project."""

    def data(self, path: str) -> bytes | None:
        """Return a file's bytes, None where it is no file."""
        ...

    def below(self, directory: str) -> list[str]:
        """Return the paths of all files below a directory, sorted; none where it is no directory."""
        ...

    def pipelines(self) -> Iterable[tuple[str, tuple[str, ...]]]:
        """Return the directories that have pipeline files, with the names of these."""
        ...


@dataclass(eq=False)
class Version:
    """One state of the project. What is read is kept: a version is asked many times for the same."""

    name: str
    session: Session
    tree: Tree
    _kept: dict[Digest, dict[str, Digest]] = field(default_factory=dict)

    def read(self, path: str) -> str | None:
        """Return the text of a file of the version; see `spec.valuefiles.Files`. Raises `SpecError`."""
        return _text(path, self.tree.data(path))

    @cached_property
    def files(self) -> tuple[str, ...]:
        """The pipeline files, as they are called in this version; the one that the user works through first."""
        listed = {directory: names for directory, names in self.tree.pipelines() if names}
        names = (
            file if self.tree.data(file) is not None else file_of(parent(file), listed.get(parent(file), ()))
            for file in self.session.location.files(listed.items())
        )
        return tuple(dict.fromkeys(name for name in names if name is not None))

    @cached_property
    def pipeline(self) -> Pipeline | None:
        """The pipeline as this version declares it, None where it has none. Raises `SpecError`."""
        return load_pipeline(self.files[0], self, others=self.files[1:]) if self.files else None

    @cached_property
    def lock(self) -> Mapping[StageName, LockEntry]:
        """What the version's lock files say of each stage. Raises `SpecError`."""
        found: dict[StageName, LockEntry] = {}
        for file in self.files:
            path = lock_path(self.session.location, file)
            text = self.read(path)
            for local, entry in LockFile.read(text, path).stages.items() if text is not None else ():
                found[stage_name(file, local)] = entry
        return found

    @cached_property
    def dvc(self) -> DvcProject:
        """DVC's cache."""
        return DvcProject(self.session.root, self.session.observer, self.session.cache)

    @cached_property
    def dvc_lock(self) -> Mapping[StageName, NotedStage]:
        """The stages of the version's `dvc.lock` files that our own lock files have no entry of. Raises `SpecError`."""
        found: dict[StageName, NotedStage] = {}
        for file in self.files:
            path = rooted(parent(file), LOCK)
            text = self.read(path)
            for local, stage in read_lock(path, text).items() if text is not None else ():
                found[stage_name(file, local)] = stage
        return {name: stage for name, stage in found.items() if name not in self.lock}

    @cached_property
    def dvc_outs(self) -> Mapping[str, Noted]:
        """What DVC noted of outs, by path."""
        return self._noted(lambda stage: stage.outs)

    @cached_property
    def dvc_deps(self) -> Mapping[str, Noted]:
        """What DVC noted of deps, by path."""
        return self._noted(lambda stage: stage.deps)

    def _noted(self, entries: Callable[[NotedStage], Iterable[Noted]]) -> dict[str, Noted]:
        stages = self.pipeline.stages if self.pipeline is not None else {}
        pairs = ((stages[name], noted) for name, noted in self.dvc_lock.items() if name in stages)
        return {path: entry for stage, noted in pairs for path, entry in by_path(stage, entries(noted)).items()}

    def data(self, path: str) -> bytes | None:
        """Return the bytes of `path`: the version's own, or those that its lock file names. None: nobody has them."""
        own = self.tree.data(path)
        if own is not None:
            return own
        for out, tree in self.outs().items():
            name = _below(path, out)
            object_ = self.objects_of(tree).get(name) if name is not None else None
            if object_ is not None:
                with suppress(NotThere, StoreDamaged):
                    return self.session.objects.get(object_)
        return self._dvc_data(path)

    def text(self, path: str) -> str:
        """Return the text of what `data` finds. Raises `ValuesMissing`, `SpecError`."""
        text = _text(path, self.data(path))
        if text is None:
            raise missing(self, path)
        return text

    def files_of(self, path: str) -> list[str]:
        """Return `path`, or the files below it where it is a directory."""
        if self.tree.data(path) is not None:
            return [path]
        found = self.tree.below(path)
        for out, tree in self.outs().items():
            if not found and out == path:
                names = self.objects_of(tree)
                found = sorted(f"{path}/{name}" for name in names if name)
        if not found and path in self.dvc_outs:
            found = sorted(f"{path}/{name}" for name, _ in self.dvc.listing(self.dvc_outs[path]) or ())
        return found or [path]

    def outs(self) -> dict[str, Digest]:
        """Return the tree of each out that the lock file names, by path."""
        return {out["path"]: Digest(out["tree"]) for entry in self.lock.values() for out in entry.outs.values()}

    def objects_of(self, tree: Digest) -> dict[str, Digest]:
        """Return the objects of an out by relative path (empty for a file); nothing where the store lost its tree."""
        if tree not in self._kept:
            kept = get_tree(self.session.objects, tree)
            try:
                files = self.session.placer.expected(kept) if kept is not None else {}
            except (NotThere, StoreDamaged, DepUnreadable, ValueError):
                files = {}
            self._kept[tree] = {name: object_ for name, (object_, _) in files.items()}
        return self._kept[tree]

    def _dvc_data(self, path: str) -> bytes | None:
        """Return what DVC's cache has of `path`, once its MD5 is found to be right."""
        for out, noted in self.dvc_outs.items():
            name = _below(path, out)
            if name:
                md5 = dict(self.dvc.listing(noted) or ()).get(name)
                noted = Noted(path, md5, noted.legacy)
            kept = self.dvc.kept(noted) if name is not None else None
            if kept is not None and "" in kept and hash_md5(kept[""], legacy=noted.legacy) == noted.md5:
                return kept[""].read_bytes()
        return None


def missing(version: Version, path: str) -> ValuesMissing:
    """Return what to say where nobody has `path`."""
    if any(_below(path, out) is not None for out in version.outs()):
        hint = "the store does not have it: `ckptflow repro` makes it again in the workspace"
    elif version.name == WORKSPACE:
        hint = "`ckptflow repro` makes what a stage declares"
    else:
        hint = "only what git tracks, or what a stage has made and the store still holds, can be looked at"
    return ValuesMissing(f"`{path}` is not there in {version.name}", hint=hint)


def _below(path: str, out: str) -> str | None:
    """Return `path` relative to `out`: empty for itself, None where it lies elsewhere."""
    if path == out:
        return ""
    return path.removeprefix(f"{out}/") if path.startswith(f"{out}/") else None


def _text(path: str, data: bytes | None) -> str | None:
    try:
        return None if data is None else data.decode("utf-8-sig")
    except UnicodeDecodeError:
        problem = Problem("CF143", f"`{path}` cannot be read: not UTF-8 text", Place(path, 1, 1))
        raise SpecError((problem,)) from None
