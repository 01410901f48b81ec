"""Edge. `ckptflow schema`: the JSON Schema that editors check pipeline.yaml with."""

from __future__ import annotations

import click

from .. import terminal


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of pipeline.yaml."""
    from ...spec.schema import json_schema

    terminal.document(json_schema())
