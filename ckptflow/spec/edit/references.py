"""Pure. Where a stage is named in another's deps: `{stage: load}`, `{stage: train@fr}`, `{stage: sub/dvc.yaml:load}`."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Value
from ..paths import normalise, parent
from .changes import Path, Put
from .draft import Draft


def redirected(draft: Draft, file: str, old: str, new: str) -> Draft:
    """Return the draft with every reference to the stage `old` of `file` made one to `new`."""
    changes = []
    for path, reference in _references(draft.data):
        where, colon, name = reference.rpartition(":")
        stage, at, item = name.partition("@")
        here = where if colon else None
        if stage == old and _same_file(draft.file, here, file):
            changes.append(Put(path, f"{where}{colon}{new}{at}{item}"))
    return draft.made(*changes)


def _same_file(own: str, where: str | None, file: str) -> bool:
    """Tell whether `where`, relative to the file it stands in or to the project, is `file`; None is that file itself."""
    if where is None:
        return own == file
    return file in (normalise(parent(own), where), normalise(".", where))


def _references(data: Value) -> Iterator[tuple[Path, str]]:
    stages = data.get("stages") if isinstance(data, dict) else None
    for name, stage in stages.items() if isinstance(stages, dict) else ():
        if not isinstance(stage, dict):
            continue
        homes: list[tuple[Path, Value]] = [((), stage), (("do",), stage.get("do"))]
        for home, fields in homes:
            deps = fields.get("deps") if isinstance(fields, dict) else None
            entries = enumerate(deps) if isinstance(deps, list) else deps.items() if isinstance(deps, dict) else ()
            for step, entry in entries:
                reference = entry.get("stage") if isinstance(entry, dict) else None
                if isinstance(reference, str):
                    yield ("stages", name, *home, "deps", step, "stage"), reference
