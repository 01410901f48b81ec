"""Edge. The rows of a chunk's quarantine: its items that failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..chunk.model import Part
from ..errors import Failure
from ..formats.tables import one_file
from .itemised import ItemSource
from .messages import Output
from .storing import Staging

QUARANTINE = Output("quarantine", "quarantine.parquet", "parquet")


def bad_row(
    index: int, items: ItemSource, failure: Failure, attempts: int, lengths: Mapping[str, int]
) -> dict[str, Any]:
    """Return the row of the quarantine for an item. No times in it: equal failures give equal bytes.

    `lengths` are the numbers of rows, or values, of each out that come before what the item would have given.
    """
    return {
        "index": index,
        "item": items.text(index),
        "error": failure.error or failure.kind,
        "message": f"{failure.message} while at this item" if failure.kind == "killed" else failure.message,
        "traceback": failure.traceback,
        "attempts": attempts,
        "before": [{"out": label, "length": length} for label, length in sorted(lengths.items())],
    }


def read_rows(staging: Staging, parts: Iterable[Part]) -> list[dict[str, Any]]:
    """Return the rows of quarantine tables in the store. Raises `StoreDamaged`, `NotThere`."""
    found: list[dict[str, Any]] = []
    for part in parts:
        found += one_file(staging.objects.path(part.object), QUARANTINE.format).to_table().to_pylist()
    return found
