"""Edge. What the commands share: how much to say, the project, the options that several have.

click is imported by what makes options: a plain `repro` goes without it (`running`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..dataclass import dataclass
from . import terminal

if TYPE_CHECKING:
    import click

    from ..engine.editing import Edited
    from ..project import Project

    _Command = TypeVar("_Command", bound=Callable[..., Any])  # a bound that is a text is compiled: 1 ms for the first


@dataclass(slots=True)
class Session:
    """One command line. `verbose` counts `-v`; `-v` and `-q` count before and after the command's name."""

    verbose: int = 0
    quiet: bool = False

    def project(self, *, file: str | None = None, overrides: Mapping[str, str] | None = None) -> Project:
        """Return the project of the current directory. Raises ProjectNotFound, SpecError."""
        from ..project import Project

        return Project.find(file=file, overrides=overrides or {})

    def begin(self, *, file: str | None = None) -> Project:
        """Return the project of the current directory, or the one that its first stage will begin."""
        from ..project import Project

        return Project(Path.cwd(), file=file, begin=True)

    def project_for(
        self, targets: tuple[str, ...], *, file: str | None, overrides: Mapping[str, str] | None = None
    ) -> tuple[Project, tuple[str, ...]]:
        """Return the project that `targets` are in, and those of them that are left to be looked up in it.

        `dvc.yaml` beside a `pipeline.yaml` is another pipeline: named as a target, it is the file to work through.
        """
        hidden = [t for t in targets if file is None and _is_hidden(t)]
        if hidden:
            return self.project(file=hidden[0], overrides=overrides), tuple(t for t in targets if t != hidden[0])
        return self.project(file=file, overrides=overrides), targets


def _is_hidden(target: str) -> bool:
    path = Path(target)
    return path.name == "dvc.yaml" and path.is_file() and path.with_name("pipeline.yaml").is_file()


def verbosity(command: _Command) -> _Command:
    """Give a command `-v`, `-q` and `--color`, which may stand before its name too."""
    import click

    more = click.option("-v", "--verbose", count=True, expose_value=False, callback=_verbose, help="Say more.")
    less = click.option("-q", "--quiet", is_flag=True, expose_value=False, callback=_quiet, help="Say less.")
    hue = click.option(
        "--color",
        type=click.Choice(terminal.COLORS),
        expose_value=False,
        hidden=True,
        is_eager=True,
        callback=set_color,
    )
    return more(less(hue(command)))


def set_color(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Note what `--color` asks for."""
    if value is not None:
        terminal.color = value


def as_json(command: _Command) -> _Command:
    """Give a command `--json`, as the argument `as_json`."""
    import click

    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")(command)


@contextmanager
def heard(session: Session) -> Iterator[None]:
    """With `-v`, tell on standard error what is logged of checkpoints meanwhile."""
    if not session.verbose:
        yield
        return
    import logging  # who asks for no more than the result does without

    class Teller(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            terminal.say(f"{record.levelname.lower()}: {record.getMessage()}\n")

    logger, teller = logging.getLogger("ckptflow.checkpoints"), Teller()
    level = logger.level
    logger.addHandler(teller)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(teller)
        logger.setLevel(level)


def tell_edit(session: Session, edited: Edited, done: str, *, dry: bool) -> None:
    """Tell of an edit that was made, as `done` says it; or, for `--dry`, print what it would change."""
    from ..report.edits import diff_text, edited_lines

    style = terminal.style(sys.stdout)
    if dry:
        terminal.result(diff_text(edited, style))
        for note in edited.notes:
            terminal.say(f"note: {note}\n")
    elif not session.quiet:
        terminal.lines(edited_lines(edited, done, style))


def dry_edit(command: _Command) -> _Command:
    """Give a command that edits files `--dry`."""
    import click

    return click.option("--dry", is_flag=True, help="Print the change as a diff, and make none.")(command)


def superseded(command: _Command) -> _Command:
    """Give a command what says what becomes of chunks that superseded code has made."""
    import click

    keep = click.option("--keep-finished", is_flag=True, help="Chunks made by superseded code stay as they are.")
    renew = click.option("--refresh-mixed", is_flag=True, help="Run again the chunks that were kept so.")
    return keep(renew(command))


def pipeline_file(command: _Command) -> _Command:
    """Give a command `--file`."""
    import click

    return click.option("--file", metavar="FILE", help="Another pipeline file.")(command)


def _verbose(ctx: click.Context, param: click.Parameter, value: int) -> None:
    ctx.find_object(Session).verbose += value  # type: ignore[union-attr]  # the group has made it


def _quiet(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.find_object(Session).quiet = True  # type: ignore[union-attr]  # the group has made it
