"""Edge. The graph of a pipeline as text, Mermaid or Graphviz.

The drawing in text has one line a stage, in topological order, with lanes to the left of the names as `git log --graph`
has them. A lane leads down to one stage, and every stage that feeds it joins that lane, so that the width is the number
of stages awaited and not of edges. Where a line crosses a lane without joining it, the lane is drawn unbroken.
"""

from __future__ import annotations

from .style import Style
from .views import GraphView
from .words import clean, plural


def text_dag(graph: GraphView, style: Style, *, chunks: bool = False) -> list[str]:
    """Return the drawing. `graph.nodes` must be in topological order: every edge leads to a later node."""
    labels = {node: _label(graph, node, chunks) for node in graph.nodes}
    after = _after(graph)
    awaited = {dest for _, dest in graph.edges}
    lanes: list[str | None] = []
    lines: list[str] = []
    ended = -1
    for node in graph.nodes:
        column = lanes.index(node) if node in awaited else _free(lanes, 0)
        if column == ended and node not in awaited:  # else it would seem to hang on the stage above
            lines.append(" ".join("│" if lane else " " for lane in lanes).rstrip())
        lanes[column] = None
        marks = ["●" if i == column else "│" if lane else " " for i, lane in enumerate(lanes)]
        lines.append(f"{' '.join(marks).rstrip()} {labels[node]}")
        lines += _branches(lanes, column, after.get(node, []))
        ended = -1 if after.get(node) else column
    return [style.fit(line) for line in lines]


def mermaid(graph: GraphView, *, chunks: bool = False) -> list[str]:
    """Return a Mermaid flowchart."""
    ids = {node: f"n{i}" for i, node in enumerate(graph.nodes)}
    escape = {ord('"'): "#quot;", ord("<"): "#lt;", ord(">"): "#gt;", ord("#"): "#35;"}
    nodes = [f'    {ids[node]}["{_label(graph, node, chunks).translate(escape)}"]' for node in graph.nodes]
    return ["flowchart TD", *nodes, *(f"    {ids[a]} --> {ids[b]}" for a, b in graph.edges)]


def dot(graph: GraphView, *, chunks: bool = False) -> list[str]:
    """Return a Graphviz digraph."""
    escape = {ord('"'): '\\"', ord("\\"): "\\\\"}
    ids = {node: f"n{i}" for i, node in enumerate(graph.nodes)}
    nodes = [f'  {ids[node]} [label="{_label(graph, node, chunks).translate(escape)}"];' for node in graph.nodes]
    edges = [f"  {ids[a]} -> {ids[b]};" for a, b in graph.edges]
    return ["digraph pipeline {", "  node [shape=box];", *nodes, *edges, "}"]


def _label(graph: GraphView, node: str, chunks: bool) -> str:
    count = graph.chunks.get(node)
    return clean(node) if not chunks or count is None else f"{clean(node)}  ({plural(count, 'chunk')})"


def _after(graph: GraphView) -> dict[str, list[str]]:
    """Return what each node feeds, the next one first."""
    place = {node: i for i, node in enumerate(graph.nodes)}
    after: dict[str, list[str]] = {}
    for source, dest in sorted(set(graph.edges), key=lambda edge: (place[edge[0]], place[edge[1]])):
        after.setdefault(source, []).append(dest)
    return after


def _free(lanes: list[str | None], start: int) -> int:
    """Return the first free lane from `start` on, a new one where there is none."""
    for i in range(start, len(lanes)):
        if lanes[i] is None:
            return i
    lanes.append(None)
    return len(lanes) - 1


def _branches(lanes: list[str | None], column: int, dests: list[str]) -> list[str]:
    """Lead the free lane `column` to `dests`, opening lanes for those that have none; return the line drawn, if any."""
    while lanes and not dests and lanes[-1] is None:
        lanes.pop()
    if not dests:
        return []
    passing = {i for i, lane in enumerate(lanes) if lane}
    joined = {lanes.index(dest) for dest in dests if dest in lanes}
    opened = set()
    for dest in (dest for dest in dests if dest not in lanes):
        lane = column if lanes[column] is None else _free(lanes, 0)
        lanes[lane] = dest
        opened.add(lane)
    if joined | opened == {column}:
        return []
    touched = joined | opened | {column}
    low, high = min(touched), max(touched)
    line = ""
    for i in range(len(lanes)):
        left, right = low < i <= high, low <= i < high
        if i in touched:
            up, down = i == column or i in joined, i != column or column in opened
            line += _JOINTS[(up, down, left, right)]
        else:
            line += "│" if i in passing else "─" if left and right else " "
        line += "─" if right else " "
    while lanes and lanes[-1] is None:
        lanes.pop()
    return [line.rstrip()]


_JOINTS = {
    # (up, down, left, right)
    (True, True, False, True): "├",
    (True, True, True, False): "┤",
    (True, True, True, True): "┼",
    (True, False, False, True): "╰",
    (True, False, True, False): "╯",
    (True, False, True, True): "┴",
    (False, True, False, True): "╭",
    (False, True, True, False): "╮",
    (False, True, True, True): "┬",
}
