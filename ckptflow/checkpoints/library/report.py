"""Edge. How far a dataset is: counts, rate and time left, from the journals, so up to the last item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...dataclass import dataclass
from ...store.protocol import Store
from .journal import read
from .opening import find_newest
from .progress import Id


@dataclass(frozen=True, slots=True)
class Report:
    """`status` is None where there is no checkpoint; `seconds` were worked; `rate` is items a second, 0 if not known;
    `seconds_left` is None where it cannot be told. `failures` are the errors of items that failed, by id.
    """

    dataset: str
    status: str | None
    processor: str | None
    processed: int
    total: int | None
    success: int
    errors: int
    skipped: int
    seconds: float
    rate: float
    seconds_left: float | None
    last_update: str | None
    last_generated_id: Id | None
    failures: Mapping[Id, str]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON has them."""
        return {each: getattr(self, each) for each in self.__slots__} | {"failures": dict(self.failures)}

    def __str__(self) -> str:
        of = "" if self.total is None else f" of {self.total}"
        share = f" ({100 * self.processed / self.total:.1f} %)" if self.total else ""
        left = "" if self.seconds_left is None else f", {_duration(self.seconds_left)} left"
        return (
            f"{self.dataset}: {self.status or 'not begun'}, {self.processed}{of} items{share}: {self.success} done,"
            f" {self.errors} failed, {self.skipped} skipped, in {_duration(self.seconds)}, {self.rate:.1f}/s{left}"
        )


def report(store: Store | None, dataset: str) -> Report:
    """Return how far `dataset` is. Raises `StoreError`."""
    if store is None:
        return Report(dataset, None, None, 0, None, 0, 0, 0, 0.0, 0.0, None, None, None, {})
    newest = find_newest(store, dataset)
    shelf, progress = read(store, dataset)
    success, errors, skipped = len(progress.done), len(progress.failed), len(progress.skipped)
    seconds = progress.seconds
    if newest is not None:
        seconds = max(seconds, newest.statistics.processing_time_seconds)
        if not shelf.parts:
            counts = newest.statistics
            success, errors, skipped = counts.success_count, counts.error_count, counts.skipped_count
    processed = success + errors + skipped
    total = newest.processor_state.total_items if newest is not None else None
    rate = (success + errors) / seconds if seconds > 0 else 0.0
    left = (total - processed) / rate if total is not None and rate > 0 and total > processed else None
    if newest is not None and newest.status == "completed":
        left = 0.0
    return Report(
        dataset=dataset,
        status=newest.status.value if newest is not None else None,
        processor=newest.processor if newest is not None else None,
        processed=processed,
        total=total,
        success=success,
        errors=errors,
        skipped=skipped,
        seconds=round(seconds, 3),
        rate=round(rate, 3),
        seconds_left=None if left is None else round(left, 1),
        last_update=newest.last_update if newest is not None else None,
        last_generated_id=progress.last_generated,
        failures={item: error for item, (_, error) in progress.failed.items()},
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{seconds:.1f}s"
