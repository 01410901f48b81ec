"""Edge. The events of a run as JSON lines, for programs that follow it: `type`, `time`, and the event's own fields."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from ..events import Event, event_to_json


class JsonLines:
    """A reporter that writes one line an event to `file`, which it closes. `time` is ISO 8601 in UTC."""

    def __init__(self, file: TextIO, wall: Callable[[], float]) -> None:
        self._file = file
        self._wall = wall

    def emit(self, event: Event) -> None:
        """Take one event; its line is handed on whole."""
        time = datetime.fromtimestamp(self._wall(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        doc = event_to_json(event)
        self._file.write(json.dumps({"type": doc.pop("type"), "time": time, **doc}, default=str) + "\n")

    def close(self) -> None:
        """No more events come. Raises OSError where what was written could not be kept."""
        self._file.close()
