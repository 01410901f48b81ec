"""Edge. `ckptflow init`: the files a project begins with.

Never overwrites, but for the JSON Schema, which is that of this version. Lines are added to `.gitignore`, and to a
`pipeline.yaml` that is there the one that tells editors where the schema is.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from ...errors import UsageError
from ...workspace import texts
from ...workspace.skeleton import CONFIG, CONFIG_FILE, IGNORED, SCHEMA_FILE, with_ignored, with_modeline
from .. import starter, terminal
from ..session import Session, verbosity

_PIPELINES = ("pipeline.yaml", "dvc.yaml")
_EXAMPLE = ("stages.py", "stages", "params.yaml", "data/orders.csv")


@click.command("init")
@click.argument("directory", default=".", type=click.Path(file_okay=False, path_type=Path), metavar="[DIR]")
@click.option("--bare", is_flag=True, help="Without the example: an empty pipeline.yaml.")
@verbosity
@click.pass_obj
def command(session: Session, directory: Path, bare: bool) -> None:
    """Start a project in DIR (default: here), with a small example that runs. Files that are there are kept."""
    try:
        said = _init(directory, bare)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename or directory}: {error.strerror}") from None
    if not session.quiet:
        terminal.lines(said)


def _init(root: Path, bare: bool) -> list[str]:
    """Write what is missing; return what is to be told."""
    root.mkdir(parents=True, exist_ok=True)
    there = next((name for name in _PIPELINES if (root / name).exists()), None)
    in_the_way = next((name for name in _EXAMPLE if (root / name).exists()), None)
    files = {CONFIG_FILE: CONFIG}
    ignored = list(IGNORED)
    if there is None and not bare and in_the_way is None:
        files |= {
            "pipeline.yaml": starter.PIPELINE,
            "stages.py": starter.STAGES,
            "params.yaml": starter.PARAMS,
            "data/orders.csv": starter.orders_csv(),
        }
        ignored += starter.IGNORED_OUTS
    elif there is None:
        files["pipeline.yaml"] = starter.BARE_PIPELINE
    said = [f"{'created' if _create(root / name, text) else 'kept   '}  {name}" for name, text in sorted(files.items())]
    said.append(_schema(root))
    if there == "pipeline.yaml" and _add_modeline(root / there):
        said.append(f"added    the line for editors to {there}")
    if _ignore(root / ".gitignore", ignored):
        said.append("added    lines to .gitignore")
    if in_the_way and there is None and not bare:
        said.append(f"\nThere is a {in_the_way} already, so pipeline.yaml was begun empty, without the example.")
    return [*said, "", f"Next:  {_next(root, run=there is not None or 'stages.py' in files)}"]


def _schema(root: Path) -> str:
    """Write the JSON Schema of this version; return what is to be told."""
    from ...spec.schema import schema_text

    path, text = root / SCHEMA_FILE, schema_text()
    if _create(path, text):
        return f"created  {SCHEMA_FILE}"
    if path.read_text(encoding="utf-8") == text:
        return f"kept     {SCHEMA_FILE}"
    path.write_text(text, encoding="utf-8", newline="\n")
    return f"updated  {SCHEMA_FILE}"


def _add_modeline(path: Path) -> bool:
    """Add the line that names the schema at the top of a pipeline file; return False where it has one."""
    file = texts.read(path.parent, path.name)
    text = with_modeline(file.text, path.name)
    if text == file.text:
        return False
    try:
        texts.replace(file, text)
    except texts.Overtaken:  # somebody writes it at this moment, and is not to be disturbed
        return False
    return True


def _create(path: Path, text: str) -> bool:
    """Write `text` to a new file; return False and leave it alone where there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(path, "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def _ignore(path: Path, wanted: Sequence[str]) -> bool:
    """Add the lines of `wanted` that are missing; return whether any was."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    more = with_ignored(text, wanted)
    if more == text:
        return False
    with open(path, "a", encoding="utf-8", newline="\n") as file:
        file.write(more[len(text) :])
    return True


def _next(root: Path, *, run: bool) -> str:
    import shlex

    go = "" if root.resolve() == Path.cwd() else f"cd {shlex.quote(os.fspath(root))} && "
    return f"{go}ckptflow repro" if run else f"{go}edit pipeline.yaml"
