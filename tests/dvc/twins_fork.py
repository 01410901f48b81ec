"""A process that has imported a program, and runs each of its command lines in a fork of itself.

Started with the Python that has the program (DVC's, or that of the tests), so nothing but the standard library is
imported here:

    python twins_fork.py MODULE...          # the modules that every command line needs

It reads a JSON line {"call": "module:function", "argv", "cwd", "env"} and answers with a JSON line {"code", "out",
"err"}. A fork costs milliseconds where DVC's imports cost a second, and what one command line leaves behind in its
process (caches, loggers, environment, working directory) is gone with it. What it had to import beyond those modules is
imported here afterwards, so that the next ones need not.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import tempfile
import traceback
from contextlib import suppress
from typing import Any


def main() -> None:
    """Import what is named, then serve requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for name in sys.argv[1:]:
        importlib.import_module(name)
    for line in sys.stdin:
        answers.write(json.dumps(_serve(json.loads(line))) + "\n")
        answers.flush()


def _serve(request: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as needed:
        gc.freeze()  # pages that no collection touches stay shared
        pid = os.fork()
        if pid == 0:
            known = set(sys.modules)
            code = _child(request, out.fileno(), err.fileno())
            needed.write("\n".join(sorted(sys.modules.keys() - known)).encode())
            needed.flush()
            os._exit(code)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        for name in _text(needed).split():
            with suppress(Exception):
                importlib.import_module(name)
        return {"code": status, "out": _text(out), "err": _text(err)}


def _child(request: dict[str, Any], out: int, err: int) -> int:
    """Become the command line; return its exit code."""
    code: Any = 70
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.environ.clear()
        os.environ.update(request["env"])
        os.chdir(request["cwd"])
        module, _, function = request["call"].partition(":")
        sys.argv = [module, *request["argv"]]
        code = getattr(importlib.import_module(module), function)(request["argv"])
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else 0 if code is None else 1


def _text(file: Any) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


if __name__ == "__main__":
    main()
