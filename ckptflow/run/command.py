"""Edge. Stages that are shell commands, whole or a chunk at a time.

A whole stage's command finds its deps and leaves its outs in the workspace. A chunk's command never touches the
workspace: `${chunk.in}` and `${chunk.out}` are files in the worker's staging directory. Commands of a list run in
order, and the first that fails ends the stage, as in DVC; `-e` is not given, also as in DVC. A command that needs no
shell gets none (`simple`).
"""

from __future__ import annotations

import os
import re
import shlex
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from ..chunk.model import Part
from ..errors import CommandFailed, ResultError, StageError
from .aside import Aside
from .messages import Input, Task
from .script import each_command
from .simple import SimpleCommand, is_plain_environment, simple_command
from .storing import Staging, store_path

_HINTS = {126: "the command is not executable", 127: "a command was not found: is it installed, is PATH right?"}
_CHUNK = re.compile(r"\$\{\s*chunk\.(in|out|index)(?:\.([^}\s]+))?\s*\}")
_NO_INPUT = ((os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),)
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
_MODES = {
    "<": os.O_RDONLY,
    ">": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    ">>": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
}

Materialise = Callable[[Input, Path], None]
"""Writes what an input stands for to a new file or directory."""


def run_command(
    task: Task, staging: Staging, aside: Aside, materialise: Materialise, environment: Mapping[str, str]
) -> dict[str, Part]:
    """Run the commands of `task` and store its outs: its part by label.

    Standard output and error are those of this process, and so is `PATH`; `environment` is what the commands are given,
    less that of the stage. Raises CommandFailed, ResultError, StoreError, OSError; then no
    out of the workspace has changed.
    """
    if task.index is None:
        return _run_whole(task, staging, aside, {**environment, **task.env})
    return _run_chunk(task, staging, materialise, {**environment, **task.env})


def _run_whole(task: Task, staging: Staging, aside: Aside, environment: Mapping[str, str]) -> dict[str, Part]:
    with aside.cleared(task.outputs):
        _run_all(task.cmd, f"{staging.root}/{task.wdir}", environment)
        stored = {}
        for output in task.outputs:
            path = f"{staging.root}/{output.path}"
            if not os.path.lexists(path):
                raise ResultError(f"the command succeeded but did not write `{output.path}`")
            stored[output.label] = store_path(staging, output, path, move=False)
        return stored


def _run_chunk(
    task: Task, staging: Staging, materialise: Materialise, environment: Mapping[str, str]
) -> dict[str, Part]:
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
        _run_all(tuple(_CHUNK.sub(path_of, text) for text in task.cmd), f"{staging.root}/{task.wdir}", environment)
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


def _run_all(commands: tuple[str, ...], directory: str, environment: Mapping[str, str]) -> None:
    os.chdir(directory)  # the worker's next task goes where it belongs by itself
    environment = {**environment, "PWD": _logical_directory(environment.get("PWD", ""))}
    for text in each_command(commands, _shell):
        status = os.waitstatus_to_exitcode(os.waitpid(_start(text, environment), 0)[1])
        if status < 0:
            raise CommandFailed(f"killed by {signal_name(-status)}: {_first_line(text)}")
        if status:
            raise CommandFailed(f"exited with status {status}: {_first_line(text)}", hint=_HINTS.get(status))


def _start(text: str, environment: Mapping[str, str]) -> int:
    """Start a command in the working directory, without input; return the process's id."""
    simple = simple_command(text)
    if simple is not None and is_plain_environment(environment):
        # Whatever is wrong (no such program, a script without `#!`, a directory that is missing) the shell knows best
        # how to say, or what to do about.
        with suppress(OSError):
            return _start_simple(simple, environment)
    shell = _shell()
    return os.posix_spawn(shell[0], (*shell, text), environment, file_actions=_NO_INPUT, setsigdef=_IGNORED_BY_PYTHON)


def _start_simple(simple: SimpleCommand, environment: Mapping[str, str]) -> int:
    actions: list[tuple[Any, ...]] = [*_NO_INPUT]
    opened: list[int] = []
    try:
        for redirection in simple.redirections:
            fd = 1
            if redirection.path is not None:
                fd = os.open(redirection.path, _MODES[redirection.mode], 0o666)
                opened.append(fd)
            actions.append((os.POSIX_SPAWN_DUP2, fd, redirection.fd))
        return os.posix_spawnp(
            simple.program, simple.argv, environment, file_actions=actions, setsigdef=_IGNORED_BY_PYTHON
        )
    finally:
        for fd in opened:
            os.close(fd)


def _logical_directory(named: str) -> str:
    """Return the working directory by the name that the user gave it, if that still leads there, as shells do."""
    with suppress(OSError):
        if named.startswith("/") and os.path.samefile(named, "."):  # noqa: PTH121
            return named
    return os.getcwd()  # noqa: PTH109


@cache
def _shell() -> tuple[str, ...]:
    """Commands are written for bash more often than for anything else; a plain POSIX shell where there is none."""
    import shutil  # not for a worker whose commands need no shell

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
        import shutil

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
