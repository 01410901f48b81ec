"""Edge. The events of a run as JSON lines, for programs that follow it: `type`, `time`, and the event's own fields."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

from ..events import Event, event_to_json


class JsonLines:
    """A reporter that writes one line an event with `write`. `time` is ISO 8601 in UTC with milliseconds."""

    def __init__(self, write: Callable[[str], object], wall: Callable[[], float]) -> None:
        self._write = write
        self._wall = wall

    def emit(self, event: Event) -> None:
        """Take one event; its line is handed on whole."""
        time = datetime.fromtimestamp(self._wall(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        doc = event_to_json(event)
        self._write(json.dumps({"type": doc.pop("type"), "time": time, **doc}, default=str) + "\n")

    def close(self) -> None:
        """No more events come; the caller closes the file."""
