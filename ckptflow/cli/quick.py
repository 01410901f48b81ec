"""Edge. A `repro` so plain that no click is needed to read it; one with nothing to do is answered here, before YAML or
any room that needs it is loaded.
"""

from __future__ import annotations

import sys

PLAIN = frozenset({"--json", "-q", "--quiet"})


def options_in(args: list[str]) -> frozenset[str]:
    """Return what of a command line, less the name of the command, is an option."""
    return frozenset(arg for arg in args[1:] if arg.startswith("-"))


def is_plain(args: list[str]) -> bool:
    """Tell whether `args` are `repro [TARGET...]`, with no more than `--json` and `-q` after it."""
    return args[:1] == ["repro"] and options_in(args) <= PLAIN


def try_quick(args: list[str]) -> int | None:
    """Answer a `repro` that is plain, if nothing can have changed. None: go the ordinary way."""
    if not is_plain(args):
        return None
    targets = [arg for arg in args[1:] if not arg.startswith("-")]
    import os
    from time import perf_counter

    if sys.stdout is None or sys.stderr is None:  # started with a descriptor closed: the ordinary way knows what to do
        return None
    began = perf_counter()
    from ..engine.fresh import answer, still_fresh
    from ..workspace.discover import find_upwards

    try:
        start = os.getcwd()  # noqa: PTH109 - pathlib costs as much as all the rest
        found = find_upwards(start)
        witness = still_fresh(*found, targets, os.path.relpath(start, found[0])) if found is not None else None
    except OSError:  # the working directory is gone, say: the ordinary way tells of it
        return None
    if witness is None:
        return None
    from ..report.summary import notes, nothing_to_do

    code, lines = 0, [nothing_to_do(witness.stages)]
    if "--json" in args or not witness.plain:
        import json

        result = json.loads(witness.result)
        if "--json" in args:
            code = _put(json.dumps(answer(began, result), indent=2) + "\n")
        lines += notes(result)
    if "-q" not in args and "--quiet" not in args:
        _say("".join(f"{line}\n" for line in lines))
    return code


def may_call() -> bool:
    """Tell whether a run may need workers for functions, at the price of one look at the pipeline file: a guess, which
    the run corrects.
    """
    import os

    from ..workspace.discover import find_upwards

    if None in (sys.stdin, sys.stdout, sys.stderr):  # a descriptor is closed, and will be that of something else
        return True
    try:
        found = find_upwards(os.getcwd())  # noqa: PTH109
        if found is None:
            return True
        with open("/".join(found), "rb") as file:
            text = file.read()
    except OSError:
        return True
    return b"call" in text or b"chunk" in text


def _put(text: str) -> int:
    """Write to standard output; return the exit code: a reader that went away is no error, a full disk is."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        from . import terminal

        terminal.flush()
        if isinstance(error, BrokenPipeError):
            return 0
        _say(f"error: the result could not be written: {error.strerror}\n")
        return 1
    return 0


def _say(text: str) -> None:
    """Write to standard error; an error of that is nobody's concern."""
    try:
        sys.stderr.write(text)
    except OSError:
        from . import terminal

        terminal.flush()
