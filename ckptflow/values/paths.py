"""Pure. Which paths two versions of a project's data have in common, and which only one of them has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..dataclass import dataclass


@dataclass(frozen=True, slots=True)
class PathChange:
    """One path in two versions: `old` or `new` is None where it is not there; both differ where it was renamed.

    Digests name contents: `md5:...` where only DVC knew it, BLAKE3 otherwise. A directory's path ends in a slash.
    """

    old: str | None
    new: str | None
    old_digest: str | None
    new_digest: str | None


@dataclass(frozen=True, slots=True)
class PathChanges:
    """All changes, each list sorted by path. `missing` are paths of the old version whose content is nowhere."""

    added: tuple[PathChange, ...] = ()
    deleted: tuple[PathChange, ...] = ()
    modified: tuple[PathChange, ...] = ()
    renamed: tuple[PathChange, ...] = ()
    missing: tuple[PathChange, ...] = ()

    def to_json(self, *, digests: bool = False, missing: bool = True) -> dict[str, Any]:
        """Return the JSON form, that of DVC."""
        groups = {"added": self.added, "deleted": self.deleted, "modified": self.modified, "renamed": self.renamed}
        if missing:
            groups["not in cache"] = self.missing
        return {name: [_entry(change, digests) for change in changes] for name, changes in groups.items()}


def compare_paths(old: Mapping[str, str], new: Mapping[str, str], missing: frozenset[str] = frozenset()) -> PathChanges:
    """Return how the paths of `new` differ from those of `old`; both map a path to the digest of its content.

    A path that went away, and one that came with the same content, are one that was renamed.
    """
    gone = {path: old[path] for path in sorted(old.keys() - new.keys())}
    came = {path: new[path] for path in sorted(new.keys() - old.keys())}
    arrivals: dict[tuple[str, bool], list[str]] = {}
    for path, digest in came.items():
        arrivals.setdefault((digest, path.endswith("/")), []).append(path)
    renamed = []
    for path, digest in list(gone.items()):
        candidates = arrivals.get((digest, path.endswith("/")))
        if candidates:
            target = candidates.pop(0)
            renamed.append(PathChange(path, target, digest, digest))
            del gone[path], came[target]
    return PathChanges(
        added=tuple(PathChange(None, path, None, digest) for path, digest in came.items()),
        deleted=tuple(PathChange(path, None, digest, None) for path, digest in gone.items()),
        modified=tuple(
            PathChange(path, path, old[path], new[path])
            for path in sorted(old.keys() & new.keys())
            if old[path] != new[path]
        ),
        renamed=tuple(renamed),
        missing=tuple(PathChange(path, path, old[path], old[path]) for path in sorted(missing)),
    )


def _entry(change: PathChange, digests: bool) -> dict[str, Any]:
    moved = None not in (change.old, change.new) and change.old != change.new
    entry: dict[str, Any] = {"path": {"old": change.old, "new": change.new} if moved else change.old or change.new}
    if digests:
        differ = None not in (change.old_digest, change.new_digest) and change.old_digest != change.new_digest
        both = {"old": change.old_digest, "new": change.new_digest}
        entry["hash"] = both if differ else change.old_digest or change.new_digest
    return entry
