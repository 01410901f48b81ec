"""Pure. Lines as a table: Markdown for people, JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from .bench import Line

HEAD = ("work", "ckptflow", "limit beside it, same run", "ratio", "peers, same run", "to reach", "reached")


def markdown(lines: Sequence[Line], notes: Sequence[str]) -> str:
    """Return a Markdown document with the table and its notes."""
    rows = [(x.work, x.ours, x.beside, x.ratio, beside(x, "<br>"), x.target, verdict(x)) for x in lines]
    return "\n".join(["# Measured", "", *(f"- {note}" for note in notes), "", *table(HEAD, rows), ""])


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table in Markdown."""
    cells = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]


def beside(line: Line, between: str) -> str:
    """Return what the peers cost, and how many times that is what ckptflow does."""
    told = (f"{name} {peer.cost}: {times(peer.ratio.median)}" for name, peer in line.peers.items())
    return between.join(told) or "-"


def times(ratio: float) -> str:
    """Return a ratio of costs the other way round: how many times ckptflow's the other's is."""
    turned = 1 / ratio
    return f"{turned:.0f} ×" if turned >= 9.5 else f"{turned:.1f} ×" if turned >= 0.095 else f"{turned:.2f} ×"


def verdict(line: Line) -> str:
    """Return whether the target is reached, in a word."""
    return {True: "yes", False: "**no**", None: "-"}[line.met]


def document(rows: Mapping[str, Sequence[Line]], notes: Sequence[str]) -> dict[str, Any]:
    """Return all figures as JSON."""
    return {"notes": list(notes), "rows": {name: [asdict(line) for line in lines] for name, lines in rows.items()}}
