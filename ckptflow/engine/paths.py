"""Edge. Which paths - deps and outs - differ between two versions, by what the lock files say and what lies here.

Contents are compared by their BLAKE3. Where only DVC knows a content, by MD5, the other side is hashed once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from ..dataclass import dataclass, replace
from ..dvc.lock import DIRECTORY, Noted
from ..errors import StoreError, TargetNotFound
from ..ids import Digest, digest
from ..spec.model import Pipeline
from ..store.protocol import NotThere
from ..values.paths import PathChanges, compare_paths
from .version import WORKSPACE, Version

_MD5 = "md5:"


@dataclass(frozen=True, slots=True)
class _Content:
    """What lies at a path: its name, whether it can be had, and what DVC would call it (by its way since 3.0 or the one
    before, `legacy`; None where nobody can tell).
    """

    digest: str
    there: bool = True
    md5: Callable[[bool], str | None] = lambda legacy: None
    legacy: bool = False


def path_changes(old: Version, new: Version, targets: tuple[str, ...] = ()) -> PathChanges:
    """Return how deps and outs of `new` differ from those of `old`, of all or of `targets` (files, directories).

    Raises `TargetNotFound` for a target that neither has.
    """
    before, after = _contents(old, targets), _contents(new, targets)
    for target in targets:
        if not any(_meant(path, (target,)) for path in (*before, *after)):
            raise TargetNotFound(target, hint="name a dep or an out of one of the versions")
    lost = frozenset(path for path, content in before.items() if not content.there)
    for path in before.keys() & after.keys():
        before[path], after[path] = _alike(before[path], after[path])
    return compare_paths(
        {path: content.digest for path, content in before.items()},
        {path: content.digest for path, content in after.items()},
        lost if new.name == WORKSPACE else frozenset(),
    )


def _contents(version: Version, targets: tuple[str, ...]) -> dict[str, _Content]:
    found: dict[str, _Content] = {}
    pairs = _lying_here(version) if version.name == WORKSPACE else _locked(version)
    for path, content in pairs:
        if _meant(path, targets):
            found.setdefault(path, content)
    return found


def _meant(path: str, targets: tuple[str, ...]) -> bool:
    return not targets or any(path.rstrip("/") == t or path.startswith(f"{t}/") for t in targets)


def _alike(one: _Content, other: _Content) -> tuple[_Content, _Content]:
    """Return both named in one way where that is possible."""
    if one.digest.startswith(_MD5) == other.digest.startswith(_MD5):
        return one, other
    return _by_md5(one, other.legacy), _by_md5(other, one.legacy)


def _by_md5(content: _Content, legacy: bool) -> _Content:
    md5 = None if content.digest.startswith(_MD5) else content.md5(legacy)
    return content if md5 is None else replace(content, digest=f"{_MD5}{md5}")


def _lying_here(version: Version) -> Iterator[tuple[str, _Content]]:
    """Yield what lies at the paths that the pipeline declares; outs that live in the store alone as they are locked."""
    pipeline = version.pipeline
    if pipeline is None:
        return
    made = [out for stage in pipeline.stages.values() for out in stage.outs]
    for out in made:
        if out.workspace:
            yield from _seen(version, out.path, listed=True)
    for path in _own_deps(pipeline):
        yield from _seen(version, path, listed=False)
    hidden = [out.path for out in made if not out.workspace]
    for path, content in _locked(version):
        if _is_made(path, hidden):
            yield path, content


def _own_deps(pipeline: Pipeline) -> Iterator[str]:
    """Yield the deps that no stage makes."""
    made = [out.path for stage in pipeline.stages.values() for out in stage.outs]
    for stage in pipeline.stages.values():
        for dep in stage.deps:
            if not _is_made(dep.path, made):
                yield dep.path


def _seen(version: Version, path: str, *, listed: bool) -> Iterator[tuple[str, _Content]]:
    """Yield what lies at `path`; `listed`: the files of a directory too, as lock files know them of outs alone."""
    seen = version.session.observer.see(path)
    if seen is None:
        return

    def content(name: str, digest: Digest) -> _Content:
        return _Content(digest, md5=lambda legacy: version.dvc.md5(name, legacy=legacy))

    if seen.kind == "file" or not listed:
        yield path, content(path, seen.digest)
    else:
        files = {name: content(f"{path}/{name}", digest) for name, digest in seen.files.contents()}
        yield from _directory(path, files, lambda legacy: version.dvc.md5(path, legacy=legacy))


def _locked(version: Version) -> Iterator[tuple[str, _Content]]:
    """Yield what the lock files of a version name, ours before DVC's."""
    made = version.outs()
    for path, tree in made.items():
        yield from _tree(version, path, tree)
    for entry in version.lock.values():
        for dep in entry.deps.values():
            if not _is_made(dep["path"], made):
                yield dep["path"], _Content(dep["digest"])
    for path, noted in version.dvc_outs.items():
        yield from _of_dvc(version, path, noted)
    for path, noted in version.dvc_deps.items():
        if noted.md5 is not None and not _is_made(path, (*made, *version.dvc_outs)):
            yield path, _Content(_MD5 + noted.md5, legacy=noted.legacy)


def _is_made(path: str, outs: Iterable[str]) -> bool:
    return any(path == out or path.startswith(f"{out}/") for out in outs)


def _tree(version: Version, path: str, tree: Digest) -> Iterator[tuple[str, _Content]]:
    objects = version.session.objects
    found = version.objects_of(tree)

    def md5(names: Mapping[str, Digest], legacy: bool) -> str | None:
        try:
            files = {name: (object_, objects.path(object_)) for name, object_ in names.items()}
            return version.dvc.md5_of(path, files, legacy=legacy)
        except (NotThere, StoreError, OSError):
            return None

    files = {
        name: _Content(object_, objects.has(object_), partial(md5, {"": object_})) for name, object_ in found.items()
    }
    if "" in files:
        yield path, files[""]
    elif files or objects.has(tree):
        yield from _directory(path, files, partial(md5, found))
    else:
        yield path, _Content(tree, there=False)


def _of_dvc(version: Version, path: str, noted: Noted) -> Iterator[tuple[str, _Content]]:
    if noted.md5 is None:
        return
    legacy, name = noted.legacy, _MD5 + noted.md5
    if not noted.md5.endswith(DIRECTORY):
        yield path, _Content(name, version.dvc.keeps(noted.md5, legacy=legacy), legacy=legacy)
        return
    rows = version.dvc.listing(noted)
    yield f"{path}/", _Content(name, rows is not None, legacy=legacy)
    for relative, md5 in rows or ():
        yield f"{path}/{relative}", _Content(_MD5 + md5, version.dvc.keeps(md5, legacy=legacy), legacy=legacy)


def _directory(
    path: str, files: Mapping[str, _Content], md5: Callable[[bool], str | None]
) -> Iterator[tuple[str, _Content]]:
    """Yield a directory, named by its files, and each of them."""
    text = "".join(f"{name}\0{files[name].digest}\n" for name in sorted(files))
    there = all(content.there for content in files.values())
    yield f"{path}/", _Content(digest(text.encode("utf-8", "surrogateescape")), there, md5)
    for name, content in files.items():
        yield f"{path}/{name}", content
