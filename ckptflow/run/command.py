"""Edge. Stages that are shell commands, whole or a chunk at a time.

A whole stage's command finds its deps and leaves its outs in the workspace. A chunk's command never touches the
workspace: `${chunk.in}` and `${chunk.out}` are files in the worker's staging directory. Commands of a list run in
order, and the first that fails ends the stage, as in DVC; `-e` is not given, also as in DVC.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from ..chunk.model import Part
from ..errors import CommandFailed, ResultError, StageError
from .aside import Aside
from .messages import Input, Task
from .script import each_command
from .storing import Staging, store_path

_HINTS = {126: "the command is not executable", 127: "a command was not found: is it installed, is PATH right?"}
_CHUNK = re.compile(r"\$\{\s*chunk\.(in|out|index)(?:\.([^}\s]+))?\s*\}")


Materialise = Callable[[Input, Path], None]
"""Writes what an input stands for to a new file or directory."""


def run_command(task: Task, staging: Staging, aside: Aside, materialise: Materialise) -> dict[str, Part]:
    """Run the commands of `task` and store its outs: its part by label.

    Standard output and error are those of this process. Raises CommandFailed, ResultError, StoreError, OSError; then no
    out of the workspace has changed.
    """
    if task.index is None:
        return _run_whole(task, staging, aside)
    return _run_chunk(task, staging, materialise)


def _run_whole(task: Task, staging: Staging, aside: Aside) -> dict[str, Part]:
    with aside.cleared(task.outputs):
        _run_all(task.cmd, staging.root / task.wdir)
        stored = {}
        for output in task.outputs:
            path = staging.root / output.path
            if not os.path.lexists(path):
                raise ResultError(f"the command succeeded but did not write `{output.path}`")
            stored[output.label] = store_path(staging, output, path, move=False)
        return stored


def _run_chunk(task: Task, staging: Staging, materialise: Materialise) -> dict[str, Part]:
    inputs: dict[str, Path] = {}
    outs = {o.label: staging.fresh(_suffix(o.path, o.format)) for o in task.outputs}
    chunked = [i.label for i in task.inputs if i.piece is not None]
    by_label = {i.label: i for i in task.inputs}

    def path_of(match: re.Match[str]) -> str:
        kind, label = match[1], match[2]
        if kind == "index":
            return str(task.index)
        names = list(outs) if kind == "out" else (list(by_label) if label else chunked)
        if label is None:
            label = _only(names, match[0])
        if label not in names:
            raise StageError(f"`{match[0]}` names no {'out' if kind == 'out' else 'dep'} of this stage")
        if kind == "out":
            return shlex.quote(str(outs[label]))
        if label not in inputs:
            inputs[label] = staging.fresh(_suffix(by_label[label].source.path, by_label[label].source.format))
            materialise(by_label[label], inputs[label])
        return shlex.quote(str(inputs[label]))

    try:
        _run_all(tuple(_CHUNK.sub(path_of, text) for text in task.cmd), staging.root / task.wdir)
        stored = {}
        for output in task.outputs:
            if not os.path.lexists(outs[output.label]):
                raise ResultError(
                    f"the command succeeded but did not write `{output.label}`", hint="its path is `${chunk.out}`"
                )
            stored[output.label] = store_path(staging, output, outs[output.label], move=True)
        return stored
    finally:
        for path in (*inputs.values(), *outs.values()):
            discard(path)


def _only(names: list[str], text: str) -> str:
    if len(names) != 1:
        one = f"{text[:-1]}.{names[0]}}}" if names else ""
        raise StageError(f"`{text}` could be any of {len(names)}: {', '.join(names)}", hint=f"write `{one}`")
    return names[0]


def _suffix(path: str, format_: str) -> str:
    """Return the end of a file's name by which tools know its format; a directory of parts has the format's own."""
    from ..formats.registry import get_format

    return Path(path).suffix or get_format(format_).suffix


def _run_all(commands: tuple[str, ...], directory: Path) -> None:
    for text in each_command(commands, _shell()):
        process = subprocess.Popen([*_shell(), text], cwd=directory, stdin=subprocess.DEVNULL)
        status = process.wait()
        if status < 0:
            raise CommandFailed(f"killed by {signal_name(-status)}: {_first_line(text)}")
        if status:
            raise CommandFailed(f"exited with status {status}: {_first_line(text)}", hint=_HINTS.get(status))


@cache
def _shell() -> tuple[str, ...]:
    """Commands are written for bash more often than for anything else; a plain POSIX shell where there is none."""
    bash = shutil.which("bash")
    return (bash, "--noprofile", "--norc", "-c") if bash else ("/bin/sh", "-c")


def signal_name(number: int) -> str:
    """Return `SIGKILL` for 9."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _first_line(text: str) -> str:
    first, _, rest = text.strip().partition("\n")
    return f"{first} ..." if rest else first


def discard(path: Path) -> None:
    """Remove a temporary file or directory, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def stage_environment(added: Mapping[str, str]) -> dict[str, str | None]:
    """Add `added` to this process's environment; return what was there before, for `restore_environment`."""
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    return before


def restore_environment(before: Mapping[str, str | None]) -> None:
    """Undo `stage_environment`."""
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
