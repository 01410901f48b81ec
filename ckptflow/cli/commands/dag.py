"""Edge. `ckptflow dag`: the graph of stages."""

from __future__ import annotations

import sys

import click

from .. import terminal
from ..session import Session, as_json, pipeline_file, verbosity


@click.command("dag")
@pipeline_file
@click.option("--mermaid", "form", flag_value="mermaid", help="As a Mermaid flowchart.")
@click.option("--dot", "form", flag_value="dot", help="For Graphviz.")
@click.option("--chunks", is_flag=True, help="With the number of chunks of each stage.")
@as_json
@verbosity
@click.pass_obj
def command(session: Session, file: str | None, form: str | None, chunks: bool, as_json: bool) -> None:
    """Draw the graph of stages."""
    from ...report import dag

    graph = session.project(file=file).graph()
    if as_json:
        edges = [list(edge) for edge in graph.edges]
        terminal.document({"nodes": list(graph.nodes), "edges": edges, "chunks": dict(graph.chunks)})
    elif form == "mermaid":
        terminal.lines(dag.mermaid(graph, chunks=chunks))
    elif form == "dot":
        terminal.lines(dag.dot(graph, chunks=chunks))
    else:
        terminal.lines(dag.text_dag(graph, terminal.style(sys.stdout), chunks=chunks))
