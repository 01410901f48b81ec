"""Edge. What the commands that compare versions share: their arguments, and telling of what could not be read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from ..errors import CkptflowError, ValuesMissing
from . import terminal
from .exits import Exit
from .session import Session

if TYPE_CHECKING:
    from ..engine.values import ValuesDiff, VersionValues
    from ..project import Project

_Command = TypeVar("_Command", bound="Callable[..., Any]")


class VersionName(click.ParamType[str]):
    """A revision of git, a run, or `workspace`. Not checked here: the project knows what there is."""

    name = "version"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the branches, tags and latest runs that begin with what was typed."""
        try:
            names = Session().project().version_names()
        except CkptflowError:
            return []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def two_versions(command: _Command) -> _Command:
    """Give a command the versions `old` and `new`."""
    old = click.argument("old", metavar="[A]", type=VersionName(), default="HEAD")
    new = click.argument("new", metavar="[B]", type=VersionName(), default="workspace")
    return old(new(command))


def target_files(command: _Command) -> _Command:
    """Give a command `--targets`."""
    return click.option(
        "--targets", multiple=True, metavar="PATH", help="Only this file or directory, declared or not; repeatable."
    )(command)


def as_markdown(command: _Command) -> _Command:
    """Give a command `--md`, as the argument `md`."""
    return click.option("--md", is_flag=True, help="Print a table in Markdown.")(command)


def rounded(default: int | None) -> Callable[[_Command], _Command]:
    """Give a command `--precision`."""
    said = f"[{default}]" if default is not None else "[all]"
    return click.option(
        "--precision",
        type=click.IntRange(min=0),
        default=default,
        metavar="N",
        help=f"Round decimals to N places.  {said}",
    )


def tell_changes(
    project: Project,
    found: ValuesDiff,
    what: str,
    versions: tuple[str, str],
    *,
    precision: int | None,
    path: bool,
    md: bool,
    as_json: bool,
) -> int:
    """Print how values (`what` each of them is: `metric`) differ between two versions; return the exit code."""
    from ..report.values import change_lines, changes_json

    code = tell_unread((found.old, found.new))
    shown = project.path_from_here
    if as_json:
        terminal.document(changes_json(found.changes, shown))
    else:
        style = terminal.style(sys.stdout)
        lines = change_lines(found.changes, what, versions, shown, style, precision=precision, path=path, md=md)
        terminal.lines(lines)
    return code


def tell_unread(found: Iterable[VersionValues]) -> int:
    """Say on standard error what could not be read; return the exit code: failed, but for what is only missing."""
    code = Exit.DONE
    for values in found:
        errors = [("", values.error)] if values.error else list(values.errors.items())
        for path, error in errors:
            tell(values.version, path, error)
            if not isinstance(error, ValuesMissing):
                code = Exit.FAILED
    return code


def tell(version: str, what: str, error: CkptflowError) -> None:
    """Say that something of a version could not be read."""
    from ..report.values import unread_lines

    terminal.say("".join(f"{line}\n" for line in unread_lines(version, what, error, terminal.style(sys.stderr))))
