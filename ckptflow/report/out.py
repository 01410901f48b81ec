"""Edge. What `show` prints of an out: what it is, its columns, its first rows."""

from __future__ import annotations

from typing import Any

from .style import Style
from .tables import table
from .views import OutView
from .words import clean, clip, plural, size

_CELL = 24


def out_lines(out: OutView, style: Style) -> list[str]:
    """Return the out's description; for a table its schema and the rows of the preview."""
    facts = [out.format]
    if out.rows is not None:
        facts.append(plural(out.rows, "row"))
    facts += [plural(out.chunks, "chunk"), size(out.bytes)]
    lines = [f"{clean(out.path)}  {', '.join(facts)}{f', made by {clean(out.stage)}' if out.stage else ''}"]
    if out.schema:
        lines += ["", *table(("COLUMN", "TYPE"), out.schema, width=style.width)]
    if out.preview and out.schema:
        names = [clip(name, _CELL) for name, _ in out.schema]
        rows = [[clip(_cell(value), _CELL) for value in row] for row in out.preview]
        lines += ["", *(clip(line, style.width) for line in table(names, rows))]
        if out.rows is not None and out.rows > len(rows):
            lines.append(f"... {plural(out.rows - len(rows), 'more row')}")
    elif out.preview:
        lines += ["", *(clip(clean(str(value)), style.width) for row in out.preview for value in row)]
    return lines


def _cell(value: object) -> str:
    return "" if value is None else clean(str(value))


def out_json(out: OutView) -> dict[str, Any]:
    """Return the out as a JSON document; values that JSON has no form for are left to the writer."""
    return {
        "path": out.path,
        "stage": out.stage,
        "format": out.format,
        "rows": out.rows,
        "bytes": out.bytes,
        "chunks": out.chunks,
        "schema": [{"name": name, "type": kind} for name, kind in out.schema],
        "preview": [list(row) for row in out.preview],
    }
