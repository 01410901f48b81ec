"""Pure. Lines as a table: Markdown for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from .bench import Line

HEAD = ("work", "ckptflow", "limit beside it, same run", "ratio", "to reach", "reached")


def markdown(lines: Sequence[Line], notes: Sequence[str]) -> str:
    """Return a Markdown document with the table and its notes."""
    rows = [HEAD, ("---",) * len(HEAD)]
    rows += [(x.work, x.ours, x.beside, x.ratio, x.target, verdict(x)) for x in lines]
    table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    return "\n".join(["# Measured", "", *(f"- {note}" for note in notes), "", table, ""])


def verdict(line: Line) -> str:
    """Return whether the target is reached, in a word."""
    return {True: "yes", False: "**no**", None: "-"}[line.met]


def document(rows: Mapping[str, Sequence[Line]], notes: Sequence[str]) -> dict[str, Any]:
    """Return all figures as JSON."""
    return {"notes": list(notes), "rows": {name: [asdict(line) for line in lines] for name, lines in rows.items()}}
