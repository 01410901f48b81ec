"""Pure. What pipeline files give a name for others to find: artifacts and datasets. Light: a cached pipeline has them.

They are DVC's; nothing is run for them, and nothing is stale because of them. A path is relative to the project where
it lies in it, else as it is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..dataclass import asdict, dataclass, field, fields, replace


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file or directory of the project that a pipeline `file` gives a name, with what it says of it for people."""

    name: str
    file: str
    path: str
    type: str | None = None
    desc: str | None = None
    labels: tuple[str, ...] = ()
    meta: Any = None


@dataclass(frozen=True, slots=True)
class NamedDataset:
    """Data elsewhere that a pipeline `file` gives a name. `type` is DVC's word: `dvc`, `dc` or `url`.

    `path` and `rev` say where in the repository at `url`. `lock` is what DVC noted of its last update (the fields of
    its `dvc.lock` that are not here: `rev_lock`, `meta`, `version`, ...); it is no part of the declaration.
    """

    name: str
    file: str
    type: str | None = None
    url: str | None = None
    path: str | None = None
    rev: str | None = None
    lock: Mapping[str, Any] = field(default_factory=dict)


def with_lock(dataset: NamedDataset, noted: Mapping[str, Any]) -> NamedDataset:
    """Return `dataset` with those of the fields that DVC noted of it that its declaration has not."""
    own = {f.name for f in fields(dataset)}
    return replace(dataset, lock={name: value for name, value in noted.items() if name not in own})


def to_json(entry: Artifact | NamedDataset) -> dict[str, Any]:
    """Return an entry as plain JSON data."""
    doc = asdict(entry)
    return {**doc, "labels": list(entry.labels)} if isinstance(entry, Artifact) else doc


def artifact_from_json(doc: Mapping[str, Any]) -> Artifact:
    """Inverse of `to_json`. Raises KeyError or TypeError where `doc` is no such document."""
    return Artifact(**{**doc, "labels": tuple(doc["labels"])})
