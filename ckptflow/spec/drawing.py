"""Pure. How a plot is drawn, as it is declared: axes, labels, template. Light: a cached pipeline is read with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Axis:
    """A field of records; `file` is where they stand, None for the file of the plot itself."""

    field: str
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """The properties of one plot. No `x`: the number of the record; no `y`: the last field of the records.

    `header` false: the first line of a CSV or TSV file is a record, and its fields are named by their numbers from 0.
    """

    x: tuple[Axis, ...] = ()
    y: tuple[Axis, ...] = ()
    x_label: str | None = None
    y_label: str | None = None
    title: str | None = None
    template: str | None = None
    header: bool = True

    @property
    def files(self) -> tuple[str, ...]:
        """The files that the axes name, each once, in their order."""
        return tuple(dict.fromkeys(axis.file for axis in (*self.y, *self.x) if axis.file is not None))

    @property
    def is_named(self) -> bool:
        """Whether the plot's id is a name and no path: its axes say where the data are."""
        return any(axis.file is not None for axis in self.y)


def drawing_to_json(drawing: Drawing) -> dict[str, Any]:
    """Return `drawing` as plain JSON data; what is default is left out."""
    doc: dict[str, Any] = {
        name: [[axis.field, axis.file] for axis in axes] for name, axes in (("x", drawing.x), ("y", drawing.y)) if axes
    }
    for name in ("x_label", "y_label", "title", "template"):
        if getattr(drawing, name) is not None:
            doc[name] = getattr(drawing, name)
    if not drawing.header:
        doc["header"] = False
    return doc


def drawing_from_json(doc: Mapping[str, Any]) -> Drawing:
    """Inverse of `drawing_to_json`. Raises ValueError or TypeError where `doc` is no such document."""
    axes = {name: tuple(Axis(field, file) for field, file in doc[name]) for name in ("x", "y") if name in doc}
    return Drawing(**{**doc, **axes})
