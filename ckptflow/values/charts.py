"""Pure. Plots as they are to be shown: lines of several versions in one chart, or their images side by side."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from ..dataclass import dataclass
from ..spec.drawing import Drawing
from .records import STEP, Line, label

IMAGES: Final = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".svg": "image/svg+xml",
}

LINEAR = "linear"
TEMPLATES: Final = (
    LINEAR,
    "simple",
    "smooth",
    "scatter",
    "scatter_jitter",
    "bar_horizontal",
    "bar_horizontal_sorted",
    "confusion",
    "confusion_normalized",
)


@dataclass(frozen=True, slots=True)
class Chart:
    """One plot of data: by version, in the order of the legend, its lines. `template` is one of `TEMPLATES`."""

    id: str
    title: str
    x_label: str
    y_label: str
    template: str
    lines: tuple[tuple[str, Line], ...]

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions that have lines, each once."""
        return tuple(dict.fromkeys(version for version, _ in self.lines))

    def to_json(self) -> list[dict[str, Any]]:
        """Return one object: its points by version, each with its file and field."""
        points: dict[str, list[dict[str, Any]]] = {}
        for version, line in self.lines:
            more = {"file": line.file, "field": line.field}
            points.setdefault(version, []).extend(
                {"x": x, "y": y, **more} for x, y in zip(line.xs, line.ys, strict=True)
            )
        named = {"title": self.title, "x_label": self.x_label, "y_label": self.y_label, "template": self.template}
        return [{"type": "chart", "revisions": list(self.versions), **named, "datapoints": points}]


@dataclass(frozen=True, slots=True)
class Picture:
    """One image in each version that has it: (version, media type, bytes)."""

    id: str
    images: tuple[tuple[str, str, bytes], ...]

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions that have the image."""
        return tuple(version for version, _, _ in self.images)

    def to_json(self) -> list[dict[str, Any]]:
        """Return one object a version."""
        return [{"type": "image", "revisions": [v], "url": data_uri(kind, data)} for v, kind, data in self.images]


Plot: TypeAlias = Chart | Picture


def chart(plot: str, drawing: Drawing, found: Sequence[tuple[str, Sequence[Line]]]) -> Chart:
    """Return the chart of `plot` from the lines of each version."""
    flat = tuple((version, line) for version, lines in found for line in lines)
    fields = {line.field for _, line in flat}
    inferred = fields.pop() if len(fields) == 1 else "y"
    return Chart(
        id=plot,
        title=drawing.title or plot,
        x_label=drawing.x_label or label(drawing.x, STEP, "x"),
        y_label=drawing.y_label or inferred,
        template=drawing.template if drawing.template in TEMPLATES else LINEAR,
        lines=flat,
    )


def data_uri(kind: str, data: bytes) -> str:
    """Return bytes as a `data:` URI, so that a page needs nothing beside itself."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
