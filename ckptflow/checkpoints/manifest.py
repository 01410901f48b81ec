"""Pure. The checkpoint of a stage run: the JSON document that people and other programs read (SPEC section 9).

Also which of several checkpoints are to go, and which is the newest. Reading and writing them is in `kept`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from ..dataclass import dataclass, field, fields

VERSION = "1.0"
_NAME = re.compile(r"(?P<stage>.+)_(?P<timestamp>[0-9]{14})_(?P<status>in_progress|resuming|completed|failed)\.json")


class Status(StrEnum):
    """Where a stage run stands."""

    IN_PROGRESS = "in_progress"
    RESUMING = "resuming"
    COMPLETED = "completed"
    FAILED = "failed"


_ORDER = (Status.IN_PROGRESS, Status.RESUMING, Status.FAILED, Status.COMPLETED)


class BadCheckpoint(ValueError):
    """The document is no checkpoint that this program can use; the text says why."""


@dataclass(frozen=True, slots=True)
class ProcessorState:
    """How far the processor is. `dataset_specific_state` is the processor's own."""

    current_position: int = 0
    total_items: int | None = None
    dataset_specific_state: Mapping[str, Any] = field(default_factory=dict)
    processed_files: tuple[str | int, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts of items, and time in seconds."""

    success_count: int = 0
    error_count: int = 0
    skipped_count: int = 0
    processing_time_seconds: float = 0.0
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def average_processing_time_per_item_ms(self) -> float:
        """Time per item that was worked on, in milliseconds; 0 where there is none."""
        items = self.success_count + self.error_count
        return round(1000 * self.processing_time_seconds / items, 3) if items else 0.0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint. In a pipeline `dataset` is the stage. Times are ISO 8601 in UTC; `extra` has unknown fields."""

    checkpoint_id: str
    dataset: str
    processor: str
    start_time: str
    last_update: str
    status: Status
    processed_count: int = 0
    last_processed_id: str | int | None = None
    last_generated_id: str | int | None = None
    error: str | None = None
    processor_state: ProcessorState = field(default_factory=ProcessorState)
    statistics: Statistics = field(default_factory=Statistics)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def timestamp(self) -> str:
        """The `YYYYmmddHHMMSS` at the end of the id, which is that of the file's name too."""
        return self.checkpoint_id.rpartition("_")[2]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, in the order of SPEC section 9."""
        state, statistics = self.processor_state, self.statistics
        return {
            "checkpoint_id": self.checkpoint_id,
            "dataset": self.dataset,
            "processor": self.processor,
            "start_time": self.start_time,
            "last_update": self.last_update,
            "processed_count": self.processed_count,
            "last_processed_id": self.last_processed_id,
            "last_generated_id": self.last_generated_id,
            "status": self.status.value,
            "error": self.error,
            "processor_state": {
                "current_position": state.current_position,
                "total_items": state.total_items,
                "dataset_specific_state": dict(state.dataset_specific_state),
                "processed_files": list(state.processed_files),
                **state.extra,
            },
            "statistics": {
                "success_count": statistics.success_count,
                "error_count": statistics.error_count,
                "skipped_count": statistics.skipped_count,
                "processing_time_seconds": round(statistics.processing_time_seconds, 6),
                "average_processing_time_per_item_ms": statistics.average_processing_time_per_item_ms,
                **statistics.extra,
            },
            "version": VERSION,
            **self.extra,
        }

    @classmethod
    def from_dict(cls, doc: Any) -> Checkpoint:
        """Inverse of `to_dict`; unknown fields are kept. Raises `BadCheckpoint`."""
        if not isinstance(doc, dict):
            raise BadCheckpoint("not a JSON object")
        if doc.get("version") != VERSION:
            raise BadCheckpoint(f"version {doc.get('version')!r}; this program reads {VERSION}")
        try:
            checkpoint = cls(
                checkpoint_id=_text(doc, "checkpoint_id"),
                dataset=_text(doc, "dataset"),
                processor=_text(doc, "processor"),
                start_time=_time(doc, "start_time"),
                last_update=_time(doc, "last_update"),
                status=Status(doc["status"]),
                processed_count=_count(doc, "processed_count"),
                last_processed_id=doc["last_processed_id"],
                last_generated_id=doc["last_generated_id"],
                error=doc["error"],
                processor_state=_state(doc["processor_state"]),
                statistics=_statistics(doc["statistics"]),
                extra={name: value for name, value in doc.items() if name not in _FIELDS},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadCheckpoint(f"malformed: {error!r}") from error
        if checkpoint.checkpoint_id != f"{checkpoint.dataset}_{checkpoint.timestamp}" or not _is_timestamp(
            checkpoint.timestamp
        ):
            raise BadCheckpoint(f"`checkpoint_id` is not `{checkpoint.dataset}_YYYYmmddHHMMSS`")
        return checkpoint


_FIELDS = frozenset(f.name for f in fields(Checkpoint)) - {"extra"} | {"version"}
_STATE_FIELDS = frozenset(f.name for f in fields(ProcessorState)) - {"extra"}
_STATISTICS_FIELDS = frozenset(f.name for f in fields(Statistics)) - {"extra"} | {"average_processing_time_per_item_ms"}


def new_id(dataset: str, when: datetime) -> str:
    """Return the id of a checkpoint written at `when`: `{dataset}_{YYYYmmddHHMMSS}`, in UTC."""
    return f"{dataset}_{when.astimezone(UTC):%Y%m%d%H%M%S}"


def split_name(file: str) -> tuple[str, str, Status] | None:
    """Return (stage as the file name shows it, timestamp, status) of a checkpoint's file name; None for any other."""
    found = _NAME.fullmatch(file)
    return (found["stage"], found["timestamp"], Status(found["status"])) if found else None


def oldest_first(files: Iterable[str]) -> list[str]:
    """Return the checkpoints' file names among `files` by age; of one second, the completed one is the newest."""
    named = [(age, file) for file in files if (age := age_of(file))]
    return [file for _, file in sorted(named)]


def age_of(file: str) -> tuple[str, int] | None:
    """Return what checkpoints of one stage are sorted by, oldest first; None for a name that is no checkpoint's."""
    parts = split_name(file)
    return (parts[1], _ORDER.index(parts[2])) if parts else None


def to_remove(files: Iterable[str], keep: int) -> list[str]:
    """Return which checkpoints of one stage go so that `keep` (at least 1) stay, in the order of their removal.

    The oldest go first; so a completed one never goes before an older one that is in progress, wherever it stops.
    """
    ordered = oldest_first(files)
    return ordered[: max(0, len(ordered) - max(1, keep))]


def _is_timestamp(text: str) -> bool:
    return len(text) == 14 and text.isascii() and text.isdigit()


def _text(doc: Mapping[str, Any], name: str) -> str:
    value = doc[name]
    if not isinstance(value, str) or not value:
        raise TypeError(f"`{name}` is no text")
    return value


def _time(doc: Mapping[str, Any], name: str) -> str:
    datetime.fromisoformat(_text(doc, name))
    return _text(doc, name)


def _count(doc: Mapping[str, Any], name: str) -> int:
    value = doc[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"`{name}` is no count")
    return value


def _ids(value: Any) -> tuple[str | int, ...]:
    if not isinstance(value, list) or not all(type(each) in (str, int) for each in value):
        raise TypeError("`processed_files` is no list of texts and whole numbers")
    return tuple(value)


def _state(doc: Mapping[str, Any]) -> ProcessorState:
    return ProcessorState(
        current_position=_count(doc, "current_position"),
        total_items=None if doc["total_items"] is None else _count(doc, "total_items"),
        dataset_specific_state=dict(doc["dataset_specific_state"]),
        processed_files=_ids(doc["processed_files"]),
        extra={name: value for name, value in doc.items() if name not in _STATE_FIELDS},
    )


def _statistics(doc: Mapping[str, Any]) -> Statistics:
    return Statistics(
        success_count=_count(doc, "success_count"),
        error_count=_count(doc, "error_count"),
        skipped_count=_count(doc, "skipped_count"),
        processing_time_seconds=float(doc["processing_time_seconds"]),
        extra={name: value for name, value in doc.items() if name not in _STATISTICS_FIELDS},
    )
