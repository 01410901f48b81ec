"""Pure. Where a stage is named in another's deps: `{stage: load}`, `{stage: train@fr}`, `{stage: a/dvc.yaml:load}`."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Value
from ..paths import normalise, parent
from ..refs import split_address
from .changes import Path, Put
from .edition import Edition


def redirected(edition: Edition, file: str, old: str, new: str) -> Edition:
    """Return the edition with every reference to the stage `old` of `file` made one to `new`."""
    changes = []
    for path, reference in _references(edition.data):
        where, name = split_address(reference)
        stage, at, item = name.partition("@")
        if stage == old and _same_file(edition.file, where, file):
            changes.append(Put(path, f"{where}:{new}{at}{item}" if where else f"{new}{at}{item}"))
    return edition.made(*changes)


def _same_file(own: str, where: str | None, file: str) -> bool:
    """Tell whether `where`, relative to the file that it stands in, is `file`; None is that file itself."""
    return file == (own if where is None else normalise(parent(own), where))


def _references(data: Value) -> Iterator[tuple[Path, str]]:
    stages = data.get("stages") if isinstance(data, dict) else None
    for name, stage in stages.items() if isinstance(stages, dict) else ():
        if not isinstance(stage, dict):
            continue
        homes: list[tuple[Path, Value]] = [((), stage), (("do",), stage.get("do"))]
        for home, fields in homes:
            deps = fields.get("deps") if isinstance(fields, dict) else None
            for step, entry in enumerate(deps if isinstance(deps, list) else ()):
                reference = entry.get("stage") if isinstance(entry, dict) else None
                if isinstance(reference, str):
                    yield ("stages", name, *home, "deps", step, "stage"), reference
