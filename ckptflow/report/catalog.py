"""Edge. Artifacts and datasets, as `artifacts list` and `datasets list` tell them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..spec.catalog import Artifact, NamedDataset, to_json
from ..spec.model import stage_name
from .stages import called
from .style import Style
from .tables import table


def artifact_lines(artifacts: Sequence[Artifact], file: str, here: str, style: Style) -> list[str]:
    """Return a line an artifact: what somebody in the directory `here`, by the pipeline `file`, calls it, and so on."""
    if not artifacts:
        return ["No artifacts."]
    rows = [
        (called(a.name, a.file, file, here), a.type or "", a.path, ", ".join(a.labels), _first_line(a.desc))
        for a in artifacts
    ]
    return table(("ARTIFACT", "TYPE", "PATH", "LABELS", "DESCRIPTION"), rows, width=style.width)


def dataset_lines(datasets: Sequence[NamedDataset], file: str, here: str, style: Style) -> list[str]:
    """Return a line a dataset, in the same way; `LOCKED` is the revision or version that DVC noted."""
    if not datasets:
        return ["No datasets."]
    rows = [
        (called(d.name, d.file, file, here), d.type or "", d.rev or "", _locked(d), d.path or "", d.url or "")
        for d in datasets
    ]
    return table(("DATASET", "TYPE", "REV", "LOCKED", "PATH", "URL"), rows, width=style.width)


def catalog_json(noun: str, entries: Sequence[Artifact | NamedDataset]) -> dict[str, Any]:
    """Return the JSON object of `artifacts list` and `datasets list`; `noun` is `artifact` or `dataset`."""
    rows = []
    for entry in entries:
        doc = to_json(entry)
        rows.append({noun: stage_name(entry.file, doc.pop("name")), **doc})
    return {f"{noun}s": rows}


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def _locked(dataset: NamedDataset) -> str:
    return str(dataset.lock.get("rev_lock") or dataset.lock.get("version") or "")
