"""Edge. Messages over a pair of connected sockets: eight bytes of length, then a pickle.

`multiprocessing.connection` is not used because its import costs a worker more than all else it does before its first
task, and because its `recv` blocks on half a message, which a stopped or dying worker may leave.
"""

from __future__ import annotations

import os
import pickle
import select
import struct
from typing import Any

_LENGTH = struct.Struct("<Q")
_READ_BYTES = 1 << 16  # beyond twice that, the allocator maps and unmaps memory for every read


class Channel:
    """One end. `send` and `recv` block; `pump` never does if the descriptor is non-blocking."""

    __slots__ = ("_buffer", "fd")

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._buffer = bytearray()

    def fileno(self) -> int:
        """The descriptor, for selectors."""
        return self.fd

    def send(self, message: Any) -> None:
        """Send one message whole. Raises OSError where the other end is gone."""
        data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        view = memoryview(_LENGTH.pack(len(data)) + data)
        while view:
            try:
                view = view[os.write(self.fd, view) :]
            except BlockingIOError:
                select.select((), (self.fd,), ())

    def recv(self) -> Any:
        """Return the next message, waiting for it. Raises EOFError where the other end is closed."""
        while (message := self._take()) is None:
            self._read()
        return message[0]

    def pump(self) -> list[Any]:
        """Return the messages that have come, maybe none. Raises EOFError where no more can come."""
        messages: list[Any] = []
        try:
            more = True
            while more:
                more = self._read() == _READ_BYTES  # less than was asked for: that was all
                while (message := self._take()) is not None:
                    messages.append(message[0])
        except BlockingIOError:
            pass
        except EOFError:
            if not messages:
                raise
        return messages

    def pending(self) -> bool:
        """Tell whether a message, or the end, can be had without waiting."""
        return len(self._buffer) >= _LENGTH.size or bool(select.select((self.fd,), (), (), 0)[0])

    def close(self) -> None:
        """Close the descriptor; once only."""
        os.close(self.fd)

    def _read(self) -> int:
        try:
            data = os.read(self.fd, _READ_BYTES)
        except ConnectionResetError:
            data = b""
        if not data:
            raise EOFError
        self._buffer += data
        return len(data)

    def _take(self) -> tuple[Any] | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        end = _LENGTH.size + _LENGTH.unpack_from(self._buffer)[0]
        if len(self._buffer) < end:
            return None
        message = pickle.loads(memoryview(self._buffer)[_LENGTH.size : end])  # noqa: S301 - from our own process
        del self._buffer[:end]
        return (message,)
