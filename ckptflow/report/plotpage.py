"""Edge. All plots as one HTML page that needs nothing beside itself: no network, no script, images inside.

Readable in light and dark and on a phone. Every text that comes from data is escaped, and the page's own policy forbids
a browser to load anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ..values.charts import Chart, Picture, Plot, data_uri
from .charts import draw, marks

_STYLE = """
:root{color-scheme:light dark;--back:#fff;--card:#fff;--text:#1c1e21;--soft:#5c6370;--rule:#e3e5e8;--shade:31,111,235;
--c0:#1f6feb;--c1:#d9480f;--c2:#1a7f37;--c3:#8250df;--c4:#bf3989;--c5:#9a6700;--c6:#0b7285;--c7:#57606a}
@media (prefers-color-scheme:dark){:root{--back:#101215;--card:#181b1f;--text:#e6e8ea;--soft:#9aa3ad;--rule:#2b3036;
--shade:88,166,255;--c0:#58a6ff;--c1:#ff922b;--c2:#3fb950;--c3:#b392f0;--c4:#f778ba;--c5:#e3b341;--c6:#39c5cf;
--c7:#a0a8b0}}
*{box-sizing:border-box}
body{margin:0;padding:1.25rem clamp(.75rem,3vw,2.5rem) 3rem;background:var(--back);color:var(--text);
font:16px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header{margin-bottom:1.25rem}h1{font-size:1.3rem;margin:0}h2{font-size:1rem;margin:0;overflow-wrap:anywhere}
header p,.id{margin:.15rem 0 0;color:var(--soft);font-size:.875rem;overflow-wrap:anywhere}
main{display:grid;gap:1rem;grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr));align-items:start;grid-auto-flow:dense}
section{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:.9rem 1rem;min-width:0}
section.wide{grid-column:1/-1}
.legend{display:flex;flex-wrap:wrap;gap:.15rem 1rem;margin:.5rem 0 .1rem;padding:0;list-style:none;font-size:.875rem}
.legend li{display:flex;align-items:center;gap:.4rem;min-width:0;overflow-wrap:anywhere}
.legend svg{flex:none;width:26px;height:10px}
.charts{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,20rem),1fr));margin-top:.5rem}
.charts svg{display:block;width:100%;height:auto;max-width:46rem;margin:0 auto;font-size:13px}
figure{margin:0;min-width:0}figcaption{font-size:.875rem;color:var(--soft);margin-bottom:.3rem;overflow-wrap:anywhere}
img{display:block;max-width:100%;height:auto;background:#fff;border:1px solid var(--rule);border-radius:6px}
.grid{stroke:var(--rule)}.axis,.mark{stroke:var(--soft)}.tick{fill:var(--soft)}.label{fill:var(--text)}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}.faint{opacity:.3;stroke-width:1.2}
.dot{fill-opacity:.55;stroke:none}.hover{fill-opacity:0;stroke:none}.hover:hover{fill-opacity:.5}.bar{stroke:none}
.cell{fill:rgba(var(--shade),calc(.06 + .94*var(--share)))}.count{fill:var(--text);text-anchor:middle}
.count.strong{fill:var(--card)}
.errors{margin-top:1.5rem;border-left:3px solid var(--c1);padding-left:.9rem;font-size:.9rem}
.errors ul{margin:.3rem 0 0;padding-left:1.1rem}
""" + "".join(f".line.c{i}{{stroke:var(--c{i})}}.dot.c{i},.hover.c{i},.bar.c{i}{{fill:var(--c{i})}}" for i in range(8))

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def plot_page(plots: Sequence[Plot], versions: Sequence[str], errors: Sequence[str] = ()) -> str:
    """Return the page: a card a plot, in their order. `errors` are lines that say what could not be drawn."""
    shown = ", ".join(versions)
    cards = "\n".join(
        _picture(plot) if isinstance(plot, Picture) else _chart(plot, several=len(versions) > 1) for plot in plots
    )
    listed = "".join(f"<li>{escape(error)}</li>" for error in errors)
    told = f'<div class="errors">Not drawn:<ul>{listed}</ul></div>\n' if errors else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Plots: {escape(shown)}</title>
<style>{_STYLE}</style>
</head>
<body>
<header><h1>Plots</h1><p>{escape(shown)}</p></header>
<main>
{cards or "<p>There are no plots.</p>"}
</main>
{told}</body>
</html>
"""


def _heading(title: str, name: str) -> str:
    below = f'<p class="id">{escape(name)}</p>' if name != title else ""
    return f"<h2>{escape(title)}</h2>{below}"


def _chart(chart: Chart, *, several: bool) -> str:
    pictures = draw(chart)
    legend = "" if pictures and pictures[0][0] else _legend(chart, several=several)
    figures = "".join(
        f"<figure>{f'<figcaption>{escape(heading)}</figcaption>' if heading else ''}{svg}</figure>"
        for heading, svg in pictures
    )
    wide = ' class="wide"' if len(pictures) > 1 else ""
    return f'<section{wide}>{_heading(chart.title, chart.id)}{legend}<div class="charts">{figures}</div></section>'


def _legend(chart: Chart, *, several: bool) -> str:
    items = []
    told = dict.fromkeys(marks(chart))
    if len(told) == 1 and not several:
        return ""
    for mark in told:
        stroke = f' stroke-dasharray="{mark.stroke}"' if mark.stroke else ""
        line = f'<path class="line c{mark.color}" d="M1,5 25,5"{stroke}/>'
        sample = f'<svg viewBox="0 0 26 10" aria-hidden="true">{line}</svg>'
        items.append(f"<li>{sample}<span>{escape(mark.label)}</span></li>")
    return f'<ul class="legend">{"".join(items)}</ul>'


def _picture(picture: Picture) -> str:
    figures = "".join(
        f'<figure><figcaption>{escape(version)}</figcaption><img alt="{escape(f"{picture.id} in {version}")}" '
        f'src="{data_uri(kind, data)}"></figure>'
        for version, kind, data in picture.images
    )
    wide = ' class="wide"' if len(picture.images) > 1 else ""
    return f'<section{wide}>{_heading(picture.id, picture.id)}<div class="charts">{figures}</div></section>'
