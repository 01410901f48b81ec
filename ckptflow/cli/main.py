"""Edge. The entry point: the ways that must be fast, and the one place that turns errors into exit codes.

Imports nothing but `sys` at the top. `--version` and a run with nothing to do are answered before click, YAML or any
room that needs them is loaded; everything else goes through `app`.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # `typing` costs more than half of the interpreter's own start
if TYPE_CHECKING:
    import click

    from ..errors import CkptflowError, UsageError


def main(argv: list[str] | None = None) -> int:
    """Run the command line `argv` (without the program's name); return the exit code.

    Without `argv` it is that of the process, which then ends with it.
    """
    args = sys.argv[1:] if argv is None else argv
    if args == ["--version"] or args == ["-V"]:
        from .. import __version__

        sys.stdout.write(f"ckptflow {__version__}\n")
        return 0
    try:
        if args and args[0] == "repro":
            from .quick import try_quick

            code = try_quick(args)
            if code is not None:
                return code
        if argv is None:
            _expect_many_objects()
            if args and args[0] == "repro" and not {"-n", "--dry", "-h", "--help"}.intersection(args):
                from ..run.boot import boot_ahead
                from .quick import may_call

                boot_ahead(functions=may_call())
        code = _guarded(args)
    except KeyboardInterrupt:  # while modules are loaded; later ones are dealt with where they are understood
        sys.stderr.write("Interrupted.\n")
        code = 130
    if argv is None:
        _leave(code)
    return code


def _expect_many_objects() -> None:
    """Look for garbage less often: nearly all that is made here lives to the end, and each look costs in proportion."""
    import gc

    gc.set_threshold(100_000, 50, 100)


def _leave(code: int) -> None:
    """End the process as the interpreter would, without taking it to pieces: that costs as much as a small run."""
    import atexit
    import os

    from . import terminal

    atexit._run_exitfuncs()
    terminal.flush()
    os._exit(code)


def _guarded(args: list[str]) -> int:
    """Run the command and tell its errors; whatever happens, the last word is an exit code."""
    from ..errors import CkptflowError
    from . import terminal
    from .exits import Exit
    from .quick import is_plain

    terminal.prepare()
    try:
        if is_plain(args):
            from .running import run_plainly

            code = run_plainly(args)
        else:
            code = _invoke(args)
    except KeyboardInterrupt as ended:
        terminal.say("Interrupted.\n")
        code = 128 + ended.args[0] if ended.args else Exit.INTERRUPTED
    except CkptflowError as error:
        code = _tell(error, args)
    except BrokenPipeError:
        code = Exit.DONE  # the reader of our output has seen enough, as with `| head`
    except Exception as error:
        code = _tell_unexpected(error, args)
    terminal.flush()
    return int(code)


def _invoke(args: list[str]) -> int:
    """Run the command by way of click; return the exit code. Raises what the command raises, nothing of click's."""
    import click

    from . import terminal
    from .app import invoke
    from .exits import Exit

    try:
        return invoke(args)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.exceptions.NoArgsIsHelpError as asked:
        terminal.say(f"{asked.format_message()}\n")
        return Exit.USAGE
    except click.ClickException as wrong:
        raise _usage_error(wrong) from None


def _usage_error(wrong: click.ClickException) -> UsageError:
    import difflib

    import click

    from ..errors import UsageError

    ctx = getattr(wrong, "ctx", None)
    path = ctx.command_path if ctx else "ckptflow"
    if isinstance(wrong, click.NoSuchOption):
        close = difflib.get_close_matches(wrong.option_name, wrong.possibilities or (), n=1)
        near = f"did you mean `{close[0]}`? " if close else ""
        return UsageError(f"there is no option `{wrong.option_name}`", hint=f"{near}`{path} --help` lists all")
    return UsageError(wrong.format_message().rstrip("."), hint=f"`{path} --help` shows what there is")


def _tell(error: CkptflowError, args: list[str], cause: Exception | None = None) -> int:
    """Tell of `error`, with the traceback of it or of its `cause` where that is asked for; return the exit code."""
    import json

    from ..report.problems import error_json, error_lines
    from . import terminal
    from .exits import exit_code

    code = exit_code(error)
    terminal.say("".join(f"{line}\n" for line in error_lines(error, terminal.style(sys.stderr))))
    if _wants_traceback(args):
        _traceback(cause or error)
    if _asked(args, "--json"):
        terminal.result(json.dumps(error_json(error, code), indent=2) + "\n")
    return code


def _tell_unexpected(error: Exception, args: list[str]) -> int:
    from ..errors import CkptflowError

    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    blame = "the system refused" if isinstance(error, OSError) and error.errno else "this is a bug in ckptflow"
    return _tell(CkptflowError(what, hint=f"{blame}; run again with -v for the traceback"), args, error)


def _traceback(error: Exception) -> None:
    import traceback

    from . import terminal

    terminal.say("".join(traceback.format_exception(error)))


def _wants_traceback(args: list[str]) -> bool:
    import os

    return _asked(args, "-v", "-vv", "--verbose") or bool(os.environ.get("CKPTFLOW_DEBUG"))


def _asked(args: list[str], *options: str) -> bool:
    """Whether one of `options` was given; works for command lines that click could not read."""
    given = args[: args.index("--")] if "--" in args else args
    return any(option in given for option in options)


if __name__ == "__main__":
    sys.exit(main())
