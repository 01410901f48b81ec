"""Edge. `ckptflow stage add`: a new stage. The flags of `dvc stage add` mean what they mean there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ....errors import UsageError
from ... import terminal
from ...session import Session, dry_edit, pipeline_file, tell_edit, verbosity

if TYPE_CHECKING:
    from ....spec.model import Value

_Command = TypeVar("_Command", bound="Callable[..., Any]")
_PLACES: dict[str, tuple[str, dict[str, Value]]] = {  # option -> (field, flags of the out)
    "outs_persist": ("outs", {"persist": True}),
    "outs_persist_no_cache": ("outs", {"cache": False, "persist": True}),
    "outs_no_cache": ("outs", {"cache": False}),
    "outs": ("outs", {}),
    "metrics": ("metrics", {}),
    "metrics_no_cache": ("metrics", {"cache": False}),
    "plots": ("plots", {}),
    "plots_no_cache": ("plots", {"cache": False}),
}
_PLAIN = ("desc", "wdir", "always_changed", "workers", "retries", "backoff", "timeout", "on_error")


class _NameFirst(click.Command):
    """Takes the stage's name before the options too; what follows the options is the command, untouched."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and not args[0].startswith("-"):
            args = ["--name", *args]
        return super().parse_args(ctx, args)


def _many(*names: str, metavar: str, text: str) -> Callable[[_Command], _Command]:
    return click.option(*names, multiple=True, metavar=metavar, help=text)


@click.command("add", cls=_NameFirst, context_settings={"allow_interspersed_args": False})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[NAME] [COMMAND...]")
@click.option("-n", "--name", metavar="NAME", help="The stage's name; it may stand first too.")
@_many("-d", "--deps", metavar="PATH", text="A dep; with --call also as NAME=PATH.")
@_many("-p", "--params", metavar="[FILE:]KEYS", text="Parameters, with commas between.")
@_many("-o", "--outs", metavar="PATH", text="An out; with --call also as NAME=PATH.")
@_many("-O", "--outs-no-cache", metavar="PATH", text="An out that the store does not keep.")
@_many("--outs-persist", metavar="PATH", text="An out that the stage adds to.")
@_many("--outs-persist-no-cache", metavar="PATH", text="Both.")
@_many("-m", "--metrics", metavar="PATH", text="A file of metrics.")
@_many("-M", "--metrics-no-cache", metavar="PATH", text="One that the store does not keep.")
@_many("--plots", metavar="PATH", text="A file of plots.")
@_many("--plots-no-cache", metavar="PATH", text="One that the store does not keep.")
@click.option("-w", "--wdir", metavar="DIR", help="Where the command runs, and what paths are relative to.")
@click.option("--desc", metavar="TEXT", help="What the stage does.")
@click.option("--always-changed", is_flag=True, help="Always stale.")
@click.option("--call", metavar="MODULE:FUNCTION", help="Call a Python function instead of a command.")
@_many("--arg", metavar="NAME=VALUE", text="An argument of the function.")
@click.option("--chunk", metavar="over=DEP,rows=N", help="How to cut; by=DEP:COLUMN+COLUMN several times, or YAML.")
@_many("--env", metavar="NAME=VALUE", text="A variable of the environment.")
@click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Chunks at the same time, at most.")
@click.option("--retries", type=click.IntRange(min=0), metavar="N", help="Further attempts at a chunk that failed.")
@click.option("--backoff", metavar="TIME", help="Time before the first of them.")
@click.option("--timeout", metavar="TIME", help="Time that a chunk may take.")
@click.option("--on-error", metavar="WORD", help="What a failing chunk does: fail or continue.")
@click.option("-f", "--force", is_flag=True, help="Replace a stage of that name.")
@click.option("--run", is_flag=True, help="Run the stage afterwards.")
@pipeline_file
@dry_edit
@verbosity
@click.pass_obj
def command(
    session: Session,
    /,
    words: tuple[str, ...],
    name: str | None,
    force: bool,
    run: bool,
    file: str | None,
    dry: bool,
    **given: Any,
) -> int:
    """Write the stage NAME, which runs COMMAND, at the end of the pipeline file; begin one where there is none.

    \b
    ckptflow stage add train -d train.py -d data/table.csv -o model.pkl python train.py
    ckptflow stage add totals --call stages:totals -d orders=data/orders.csv -o totals=data/totals.parquet
    """
    if name is None:
        if not words:
            raise UsageError("the new stage has no name", hint="`ckptflow stage add NAME ... COMMAND`")
        name, words = words[0], words[1:]
    if dry and run:
        raise UsageError("--run does not go with --dry", hint="leave one of them out")
    project = session.begin(file=file)
    edited = project.add_stage(name, _fields(words, given), force=force, dry=dry)
    tell_edit(session, edited, f"Added stage `{name}` to", dry=dry)
    return _run(session, file, name) if run else 0


def _fields(words: tuple[str, ...], given: dict[str, Any]) -> dict[str, Value]:
    """Return the fields of the stage that the options describe. Raises UsageError."""
    from ....spec.edit.typed import parse_chunk, parse_pair, parse_params, parse_value

    call: str | None = given["call"]
    if call is not None and words:
        raise UsageError("a stage has --call or a command, not both", hint="leave one of them out")
    if call is None and not words:
        raise UsageError("the new stage does nothing", hint="give a command at the end, or --call MODULE:FUNCTION")
    fields: dict[str, Value] = {"call": call} if call is not None else {"cmd": _command(words)}
    named = call is not None
    fields["deps"] = _places("deps", [(path, {}) for path in given["deps"]], named=named)
    for field in ("outs", "metrics", "plots"):
        entries = [(path, flags) for option, (f, flags) in _PLACES.items() if f == field for path in given[option]]
        fields[field] = _places(field, entries, named=named)
    fields["params"] = parse_params(given["params"])
    fields["args"] = {key: parse_value(value) for key, value in map(parse_pair, given["arg"])}
    fields["env"] = dict(map(parse_pair, given["env"]))
    fields["chunk"] = parse_chunk(given["chunk"]) if given["chunk"] is not None else None
    fields.update({name: given[name] for name in _PLAIN})
    return {name: value for name, value in fields.items() if value not in (None, False, [], {})}


def _command(words: tuple[str, ...]) -> str:
    """Return the command line that words from the shell stand for: in one word it is as it is; of several, those with
    spaces are quoted again, as DVC does it.
    """
    if len(words) == 1:
        return words[0]
    return " ".join(f'"{word}"' if not word or (" " in word and '"' not in word) else word for word in words)


def _places(field: str, entries: list[tuple[str, dict[str, Value]]], *, named: bool) -> Value:
    """Return deps or outs as a list or, where all have names, as a mapping."""
    split = [(*path.partition("="), flags) for path, flags in entries]
    names = [name for name, sign, path, _ in split if named and sign and path and name.isidentifier()]
    if names and len(names) < len(entries):
        raise UsageError(f"some {field} have names and some have none", hint="write all of them as NAME=PATH, or none")
    if len(set(names)) < len(names):
        raise UsageError(f"two {field} have the same name", hint="rename one of them")
    if names:
        return {name: {"path": path, **flags} if flags else path for name, _, path, flags in split}
    return [{path: dict(flags)} if flags else path for path, flags in entries]


def _run(session: Session, file: str | None, name: str) -> int:
    from ....project import ReproOptions
    from ...running import run

    code = run(session, session.project(file=file), (name,), ReproOptions(single_item=True))
    terminal.flush()
    return code
