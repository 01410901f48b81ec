from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from ckptflow.report.dag import dot, mermaid, text_dag
from ckptflow.report.style import Style

UP, DOWN, LEFT, RIGHT = (-1, 0), (1, 0), (0, -1), (0, 1)
OPEN = {
    "│": {UP, DOWN},
    "─": {LEFT, RIGHT},
    "├": {UP, DOWN, RIGHT},
    "┤": {UP, DOWN, LEFT},
    "┼": {UP, DOWN, LEFT, RIGHT},
    "╰": {UP, RIGHT},
    "╯": {UP, LEFT},
    "┴": {UP, LEFT, RIGHT},
    "╭": {DOWN, RIGHT},
    "╮": {DOWN, LEFT},
    "┬": {DOWN, LEFT, RIGHT},
}


@dataclass(frozen=True)
class Graph:
    nodes: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    chunks: dict[str, int] = field(default_factory=dict)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    nodes = tuple(f"N{i}" for i in range(draw(st.integers(0, 9))))
    pairs = [(a, b) for i, a in enumerate(nodes) for b in nodes[i + 1 :]]
    return Graph(nodes, tuple(draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else ()))


def edges_drawn(lines: list[str]) -> set[tuple[str, str]]:
    """Follow the lines of a drawing from each stage down, as an eye would."""
    found = set()
    width = max(map(len, lines), default=0)
    grid = [line.ljust(width) for line in lines]
    names = {row: line[line.index("N") :] for row, line in enumerate(lines) if "●" in line}
    for row, name in names.items():
        seen = set()
        # (row, column, direction of travel)
        heads = [(row + 1, lines[row].index("●"), DOWN)]
        while heads:
            head = heads.pop()
            if head in seen or head[0] >= len(grid):
                continue
            seen.add(head)
            r, c, way = head
            char = grid[r][c]
            if char == "●":
                if way == DOWN:
                    found.add((name, names[r]))
                continue
            back = (-way[0], -way[1])
            if char == "│" and way in (LEFT, RIGHT):  # a crossing: the lane is drawn, the line goes on
                heads.append((r, c + way[1], way))
            elif back in OPEN.get(char, ()):
                # a line that came down a lane goes on down; one that came along a row turns down
                for turn in OPEN[char] - {back, UP}:
                    if way == DOWN and char in "┤├┼" and turn in (LEFT, RIGHT) and not branches_here(grid, r, names, c):
                        continue
                    heads.append((r + turn[0], c + turn[1], turn))
    return found


def branches_here(grid: list[str], row: int, names: dict[int, str], column: int) -> bool:
    """Whether the line in `row` starts at `column`: it belongs to the stage drawn just above."""
    above = max(r for r in names if r < row)
    return grid[above].index("●") == column


@given(graphs())
def test_the_drawing_has_exactly_the_edges_of_the_graph(graph: Graph) -> None:
    assert edges_drawn(text_dag(graph, Style())) == set(graph.edges)


@given(graphs())
def test_one_line_a_stage_and_at_most_one_between(graph: Graph) -> None:
    lines = text_dag(graph, Style())
    assert [line.split()[-1] for line in lines if "●" in line] == list(graph.nodes)
    assert len(lines) <= 2 * len(graph.nodes)


AML = Graph(
    ("load", "node_features", "edge_features", "balance", "graph", "report", "lint"),
    (
        ("load", "node_features"),
        ("load", "edge_features"),
        ("load", "graph"),
        ("node_features", "balance"),
        ("balance", "graph"),
        ("edge_features", "graph"),
        ("graph", "report"),
    ),
    {"load": 1, "node_features": 519},
)


def test_drawing(golden: Callable[[str, str], None]) -> None:
    forms = {
        "text": text_dag(AML, Style(), chunks=True),
        "ascii": text_dag(AML, Style(unicode=False)),
        "mermaid": mermaid(AML, chunks=True),
        "dot": dot(AML, chunks=True),
    }
    golden("dag.txt", "".join(f"--- {name}\n" + "".join(f"{x}\n" for x in lines) for name, lines in forms.items()))


def test_names_cannot_break_out_of_mermaid_and_dot() -> None:
    graph = Graph(('a"];x-->y', "b\\"), ())
    assert mermaid(graph)[1] == '    n0["a#quot;];x--#gt;y"]'
    assert dot(graph)[2:4] == ['  n0 [label="a\\"];x-->y"];', '  n1 [label="b\\\\"];']
