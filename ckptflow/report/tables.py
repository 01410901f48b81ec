"""Edge. Rows of text under headings, aligned by spaces: for a person, and for `grep` and `cut`."""

from __future__ import annotations

from collections.abc import Sequence

from .words import clean, clip, columns_of

_GAP = "  "


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, right: str = "", width: int | None = None
) -> list[str]:
    """Return `rows` as lines under `headings`, columns two spaces apart, without trailing spaces.

    `right` has one character a column, `r` for those aligned to the right. The last column is cut where a line would
    exceed `width`. Every row has as many cells as there are headings; empty headings give no line of headings.
    """
    cells = [[clean(cell) for cell in row] for row in ([headings, *rows] if any(headings) else rows)]
    if not cells:
        return []
    widths = [max(columns_of(row[i]) for row in cells) for i in range(len(headings))]
    last = len(headings) - 1
    if width is not None:
        widths[last] = min(widths[last], max(8, width - sum(widths[:last]) - len(_GAP) * last))
    return [
        _GAP.join(
            _pad(clip(cell, widths[i]) if i == last else cell, widths[i], right[i : i + 1] == "r")
            for i, cell in enumerate(row)
        ).rstrip()
        for row in cells
    ]


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return `rows` as the lines of a table in Markdown (GitHub's), columns aligned for those who read the text."""
    cells = [[clean(cell).replace("\\", "\\\\").replace("|", "\\|") for cell in row] for row in (headings, *rows)]
    widths = [max(columns_of(row[i]) for row in cells) for i in range(len(headings))]
    lines = [f"| {' | '.join(_pad(cell, widths[i], False) for i, cell in enumerate(row))} |" for row in cells]
    return [lines[0], f"|{'|'.join('-' * (width + 2) for width in widths)}|", *lines[1:]]


def _pad(text: str, width: int, right: bool) -> str:
    space = " " * (width - columns_of(text))
    return space + text if right else text + space
