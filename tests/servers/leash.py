"""Edge. `python -m tests.servers.leash COMMAND...`: runs a command and ends it when standard input does.

The tests hold the other end of that pipe. When they are gone, by SIGKILL too, the pipe closes and the server goes as
well.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading


def main(argv: list[str]) -> int:
    """Run `argv` until it ends by itself, standard input ends, or a SIGTERM comes. Return its exit code."""
    held = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: held.terminate())
    threading.Thread(target=_follow, args=(held,), daemon=True).start()
    return held.wait()


def _follow(held: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):  # not `sys.stdin`, whose lock would hold up the end of the interpreter
        pass
    held.terminate()
    try:
        held.wait(5)
    except subprocess.TimeoutExpired:
        held.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
