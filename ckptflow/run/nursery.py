"""Edge. The process from which workers are forked: it has imported what they need, and does nothing else.

It is told over a socket that keeps messages apart. One that brings descriptors (`worker.work`'s, and that of a file for
what the worker says) asks for a worker, and is answered with its number, or with that of the error, less than zero. One
that holds a number asks for the exit status of that worker, and is answered when it has ended. The end of the socket,
which is that of the engine, is the end of this process.
"""

from __future__ import annotations

import os
import socket
import struct
import sys

from .worker import work

_NUMBER = struct.Struct("<i")
_DESCRIPTORS = 4


def main() -> None:
    """Serve over the socket whose descriptor is the argument."""
    control = socket.socket(fileno=int(sys.argv[2]))
    sys.argv[1:] = []
    serve(control)


def serve(control: socket.socket) -> None:
    """Fork workers until the engine is gone."""
    control.set_inheritable(False)
    while True:
        message, passed, _, _ = socket.recv_fds(control, _NUMBER.size, _DESCRIPTORS)
        if not message:
            os._exit(0)
        if not passed:
            answer = os.waitstatus_to_exitcode(os.waitpid(_NUMBER.unpack(message)[0], 0)[1])
        elif (answer := _fork()) == 0:
            break
        for fd in passed:
            os.close(fd)
        control.sendall(_NUMBER.pack(answer))
    control.close()
    *mine, words = passed
    for fd in (1, 2):
        os.dup2(words, fd)
    os.close(words)
    work(*mine)


def _fork() -> int:
    """Return the number of a new process that is the head of a session, 0 in it; that of an error, less than zero, if
    there is none.
    """
    ready, told = os.pipe()
    try:
        pid = os.fork()
    except OSError as error:
        pid = -(error.errno or 1)
    if pid == 0:
        os.setsid()
    os.close(told)
    if pid > 0:
        os.read(ready, 1)  # its end: until the new process is the head of a group, nobody could end it
    os.close(ready)
    return pid
