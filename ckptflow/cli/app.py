"""Edge. The command line's own options, and which commands there are."""

from __future__ import annotations

import os
from typing import Any

import click

from .. import __version__
from ..errors import UsageError
from . import terminal
from .lazy import LazyGroup
from .session import Session, set_color

_SECTIONS: dict[str, dict[str, str]] = {
    "Run": {
        "repro": "Bring stages and what they depend on up to date.",
        "plan": "Say what repro would do.",
    },
    "Look": {
        "status": "Say which stages and chunks are stale.",
        "why": "Say why a stage is stale.",
        "dag": "Draw the graph of stages.",
        "show": "Show an out: schema, rows, a preview.",
        "log": "List the runs of the past.",
        "artifacts": "List artifacts: files with a name.",
        "datasets": "List datasets: data elsewhere with a name.",
    },
    "Edit": {
        "stage": "Add, change, show, rename and remove stages.",
        "freeze": "Let stages not be run again.",
        "unfreeze": "Let frozen stages be run again.",
    },
    "Compare": {
        "diff": "Say which deps and outs differ between versions.",
        "metrics": "Show and compare metrics.",
        "params": "Compare params.",
        "plots": "Draw plots, of several versions in one.",
    },
    "Share": {
        "push": "Send finished work to a remote.",
        "pull": "Bring outs from a remote and place them here.",
        "fetch": "Bring outs from a remote into the store.",
        "checkout": "Place the outs that the lock files name.",
    },
    "Keep": {
        "init": "Start a project.",
        "import-dvc": "Make a DVC project a ckptflow project.",
        "checkpoints": "List, show, check, put away and restore checkpoints.",
        "remote": "Add, list, change, remove and check remotes.",
        "gc": "Remove what nothing leads to any more.",
        "verify": "Check what the store holds.",
        "doctor": "Check this machine and this project.",
        "config": "Show the settings and where they come from.",
        "schema": "Print the JSON Schema of pipeline.yaml.",
        "completion": "Print the completion script of a shell.",
    },
}

_KNOWN_ELSEWHERE = {"run": "repro", "build": "repro", "make": "repro", "graph": "dag", "preview": "show"}
_KNOWN_ELSEWHERE |= {"explain": "why", "history": "log", "runs": "log", "check": "verify", "create": "init"}
_KNOWN_ELSEWHERE |= {
    "clean": "gc",
    "prune": "checkpoints prune",
    "checkpoint": "checkpoints",
    "restore": "checkpoints restore",
}


class Commands(LazyGroup):
    """All commands of the program."""

    package = f"{__package__}.commands"
    sections = _SECTIONS
    elsewhere = _KNOWN_ELSEWHERE


def _change_directory(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value and not ctx.resilient_parsing:
        try:
            os.chdir(value)
        except OSError as error:
            raise UsageError(f"cannot work in `{value}`: {error.strerror}", hint="name an existing directory") from None


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "-C", "--cd", metavar="DIR", callback=_change_directory, expose_value=False, is_eager=True, help="Work in DIR."
)
@click.option(
    "--color",
    type=click.Choice(terminal.COLORS),
    default="auto",
    callback=set_color,
    expose_value=False,
    is_eager=True,
    help="When to use colours.  [auto]",
)
@click.option("-v", "--verbose", count=True, help="Say more; tracebacks of errors.")
@click.option("-q", "--quiet", is_flag=True, help="Say only what went wrong.")
@click.version_option(__version__, "-V", "--version", message="ckptflow %(version)s", help="Print the version.")
@click.pass_context
def app(ctx: click.Context, verbose: int, quiet: bool) -> None:
    """Data pipelines that never do the same work twice."""
    ctx.obj = Session(verbose=verbose, quiet=quiet)


def invoke(args: list[str]) -> int:
    """Run the command line `args`; return the exit code. Raises what the command raises, and click's exceptions."""
    if instruction := os.environ.get("_CKPTFLOW_COMPLETE"):
        from click.shell_completion import shell_complete

        return shell_complete(app, {}, "ckptflow", "_CKPTFLOW_COMPLETE", instruction)
    with app.make_context("ckptflow", list(args)) as ctx:
        code: Any = app.invoke(ctx)
    return int(code or 0)
