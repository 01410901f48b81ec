"""Pure. The table as a picture: what stands beside ckptflow in each line, in units of what ckptflow costs.

One SVG with no script, font or file beside it. A point right of the middle line costs more than ckptflow, by the scale
below, which is logarithmic; a limit, drawn as a bar, mostly stands left of it. It has its own ground, light or dark as
the reader's system is. It is drawn from the JSON document, so that a picture can be had of any.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

LEFT, RIGHT, TOP, ROW, BOTTOM = 380, 70, 70, 42, 42
WIDTH = 960
LONGEST = 54

_STYLE = (
    ":root{color-scheme:light dark;--back:#fff;--text:#1c1e21;--soft:#5c6370;--rule:#e3e5e8;--own:#1f6feb;"
    "--peer:#d9480f;--limit:#1a7f37}"
    "@media (prefers-color-scheme:dark){:root{--back:#101215;--text:#e6e8ea;--soft:#9aa3ad;--rule:#2b3036;"
    "--own:#58a6ff;--peer:#ff922b;--limit:#3fb950}}"
    "text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:var(--text)}"
    ".head{font-size:15px;font-weight:600}.soft{fill:var(--soft)}.end{text-anchor:end}.mid{text-anchor:middle}"
    ".small{font-size:10.5px}.back{fill:var(--back)}.rule{stroke:var(--rule)}.own{stroke:var(--own);stroke-width:2}"
    ".peer{fill:var(--peer)}.limit{fill:var(--limit)}.ownword{fill:var(--own)}"
)


def picture(document: Mapping[str, Any]) -> str:
    """Return the SVG of a document of figures; lines that have nothing beside them are left out."""
    lines = [(line, points) for all_ in document["rows"].values() for line in all_ if (points := _points(line))]
    logs = [math.log10(value) for _, points in lines for _, value, _ in points] or [0.0]
    low, high = min(-1, math.floor(min(logs))), max(1, math.ceil(max(logs)))
    height = TOP + ROW * len(lines) + BOTTOM
    below = TOP + ROW * len(lines)

    def x(value: float) -> float:
        return LEFT + (math.log10(value) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img">',
        "<title>What limits and other programs cost, in units of what ckptflow costs</title>",
        f"<style>{_STYLE}</style>",
        f'<rect class="back" width="{WIDTH}" height="{height}" rx="8"/>',
        '<text class="head" x="16" y="26">Cost in units of what ckptflow costs</text>',
        '<circle class="peer" cx="22" cy="43" r="4"/><text class="soft" x="32" y="47">another program</text>'
        '<rect class="limit" x="140" y="37" width="4" height="12"/>'
        '<text class="soft" x="152" y="47">the limit of the machine, or a bare loop</text>',
    ]
    for power in range(low, high + 1):
        at = x(10.0**power)
        label = f"{10**power:,} ×" if power >= 0 else f"{10.0**power:g} ×"
        kind = "own" if power == 0 else "rule"
        parts.append(f'<line class="{kind}" x1="{at:.1f}" y1="{TOP - 8}" x2="{at:.1f}" y2="{below}"/>')
        parts.append(f'<text class="soft mid" x="{at:.1f}" y="{below + 18}">{label}</text>')
    parts.append(f'<text class="ownword mid" x="{x(1):.1f}" y="{below + 34}">ckptflow</text>')
    for number, (line, points) in enumerate(lines):
        parts += _drawn(line, points, TOP + ROW * number + ROW // 2, x)
    return "\n".join([*parts, "</svg>", ""])


def _points(line: Mapping[str, Any]) -> list[tuple[str, float, bool]]:
    """Return what is drawn of a line: its name, cost in units of ckptflow's, whether it is the limit."""
    found = [("limit", 1 / line["limit"]["median"], True)] if line["limit"] is not None else []
    found += [(name, 1 / beside["ratio"]["median"], False) for name, beside in line["peers"].items()]
    return sorted(found, key=lambda point: point[1])


def _drawn(line: Mapping[str, Any], points: Sequence[tuple[str, float, bool]], y: int, x: Any) -> list[str]:
    words = line["work"].replace("`", "")
    short = words if len(words) <= LONGEST else words[: LONGEST - 1].rstrip() + "…"
    parts = [
        f'<line class="rule" x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}"/>',
        f'<text class="end" x="{LEFT - 14}" y="{y + 4}"><title>{escape(words)}</title>{escape(short)}</text>',
    ]
    free = dict.fromkeys((-8, 16), -math.inf)  # above, below
    for name, value, is_limit in points:
        at = x(value)
        told = f"<title>{escape(name)}: {value:.3g} × ckptflow</title>"
        if is_limit:
            parts.append(f'<rect class="limit" x="{at - 2:.1f}" y="{y - 6}" width="4" height="12">{told}</rect>')
            continue
        parts.append(f'<circle class="peer" cx="{at:.1f}" cy="{y}" r="4">{told}</circle>')
        half = 3.0 * len(name)
        for lower, end in free.items():  # a name that finds no room on either side is told by its title alone
            if at - half > end:
                parts.append(f'<text class="small mid" x="{at:.1f}" y="{y + lower}">{escape(name)}</text>')
                free[lower] = at + half + 3
                break
    return parts
