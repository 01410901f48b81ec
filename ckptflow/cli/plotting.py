"""Edge. What `plots show` and `plots diff` share: the options of plots, and the page that is written."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import CkptflowError, ValuesMissing
from . import terminal
from .exits import Exit
from .versions import tell

if TYPE_CHECKING:
    from ..engine.plots import PlotOptions, Plots

_Command = TypeVar("_Command", bound="Callable[..., Any]")
DIRECTORY = "ckptflow_plots"


def plot_options(command: _Command) -> _Command:
    """Give a command the options of plots; `taken` takes them out of its arguments again."""
    for option in reversed(
        (
            click.option("-x", metavar="FIELD", help="The field along the x axis."),
            click.option("-y", metavar="FIELD", help="The field that is drawn."),
            click.option("-t", "--template", metavar="NAME", help="How it is drawn: linear, scatter, confusion, ..."),
            click.option("--title", metavar="TEXT", help="What stands above the plot."),
            click.option("--x-label", metavar="TEXT", help="What stands along the x axis."),
            click.option("--y-label", metavar="TEXT", help="What stands along the y axis."),
            click.option("--no-header", is_flag=True, help="The first line of CSV and TSV files is data."),
            click.option("-o", "--out", metavar="DIR", default=DIRECTORY, help=f"Where the page goes.  [{DIRECTORY}]"),
            click.option("--open", "open_", is_flag=True, help="Open the page in a browser."),
        )
    ):
        command = option(command)
    return command


def taken(flags: dict[str, Any]) -> PlotOptions:
    """Take the options of plots out of a command's arguments."""
    from ..engine.plots import PlotOptions

    names = ("x", "y", "template", "title", "x_label", "y_label")
    header = False if flags.pop("no_header") else None
    return PlotOptions(**{name: flags.pop(name) for name in names}, header=header)


def tell_plots(found: Plots, *, out: str, open_: bool, as_json: bool) -> int:
    """Write the page and say where it is, or print the data; say what could not be drawn; return the exit code."""
    from ..report.plotpage import plot_page
    from ..report.values import finite, unread_text

    code = Exit.DONE
    for each in found.errors:
        tell(each.version, each.plot, each.error)
        if not isinstance(each.error, ValuesMissing):
            code = Exit.FAILED
    if as_json:
        terminal.document(finite(found.to_json()))
        return code
    if not found.plots:
        terminal.lines(["No plots."])
        return code
    versions = tuple(dict.fromkeys(version for plot in found.plots for version in plot.versions))
    page = plot_page(found.plots, versions, [unread_text(e.version, e.plot, e.error) for e in found.errors])
    path = Path(out).absolute() / "index.html"
    _write(path, page)
    terminal.lines([path.as_uri() if open_ else str(path)])
    if open_:
        click.launch(path.as_uri())
    return code


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise CkptflowError(f"cannot write {path}: {error.strerror}", hint="name another directory with -o") from error
