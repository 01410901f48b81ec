"""Edge. The rows of a chunk's quarantine: its items that failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..chunk.model import Part
from ..errors import ResultError
from ..formats.tables import one_file
from .itemised import ItemSource
from .messages import Output
from .storing import Staging
from .tracebacks import message, user_traceback

QUARANTINE = Output("quarantine", "quarantine.parquet", "parquet")


def bad_row(
    index: int, items: ItemSource, error: BaseException, attempts: int, root: str, lengths: Mapping[str, int]
) -> dict[str, Any]:
    """Return the row of the quarantine for an item. No times in it: equal failures give equal bytes.

    `lengths` are the numbers of rows, or values, of each out that come before what the item would have given.
    """
    return {
        "index": index,
        "item": items.text(index),
        "error": type(error).__qualname__,
        "message": message(error),
        "traceback": "" if isinstance(error, ResultError) else user_traceback(error, root),
        "attempts": attempts,
        "before": [{"out": label, "length": length} for label, length in sorted(lengths.items())],
    }


def read_rows(staging: Staging, parts: Iterable[Part]) -> list[dict[str, Any]]:
    """Return the rows of quarantine tables in the store. Raises `StoreDamaged`, `NotThere`."""
    found: list[dict[str, Any]] = []
    for part in parts:
        found += one_file(staging.objects.path(part.object), QUARANTINE.format).to_table().to_pylist()
    return found
