"""Edge. Bytes that travel in parts: what a range is, and a large download put together from many.

Rules: a part has exactly the bytes that were asked for, or is an error; a local file appears under its name when it is
whole, never before. Memory is bounded for the whole process, whatever the number of downloads at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from ...errors import StoreError
from ..oserrors import store_error

BLOCK = 8 << 20
"""Bytes of one part of a large download or upload."""

_PARTS = 9000
"""Parts of one upload: S3 takes 10,000."""

_AT_ONCE = 4
_IN_MEMORY = threading.BoundedSemaphore(8)  # parts held in this process: 64 MiB


class Turns:
    """What is done by few at a time in this process. Two uploads, four parts each, eight MiB a part: 64 MiB."""

    uploads = threading.BoundedSemaphore(2)


def part_size(size: int) -> int:
    """Return how many bytes the parts of an upload of `size` bytes have."""
    return max(BLOCK, -(-size // _PARTS))


def nanoseconds(time: datetime) -> int:
    """Return a time as nanoseconds since 1970, without the rounding of floats."""
    return int(time.timestamp()) * 10**9 + time.microsecond * 1000


def part_of(data: bytes, start: int, size: int | None, what: str) -> bytes:
    """Return `size` bytes of `data` from `start` on, or all from there. Raises `StoreError` if there are fewer."""
    check_start(start, len(data), what)
    if size is None:
        return data[start:] if start else data
    part = data[start : start + size]
    if len(part) != size:
        raise too_short(what, start, size)
    return part


def check_start(start: int, size: int, what: str) -> None:
    """Raise `StoreError` where a read would begin behind the end of `size` bytes."""
    if start > size:
        raise StoreError(f"{what} has {size} bytes, not {start} and more")


def too_short(what: str, start: int, size: int) -> StoreError:
    """Return the error for an object that ends within the range asked for."""
    return StoreError(f"{what} does not have {size} bytes from {start} on", hint="what names it is not what was stored")


def write_all(path: Path, blocks: Iterable[bytes]) -> int:
    """Write a new local file from blocks as they come; return its size. Raises as `download` does."""
    size = 0
    with _beside(path) as fd:
        for block in blocks:
            _write_at(fd, block, size)
            size += len(block)
    return size


def download(get: Callable[[int, int], bytes], size: int, path: Path) -> int:
    """Write `size` bytes, got in parts by `get(start, size)` from several threads, to the new local file `path`.

    Returns `size`. Raises what `get` raises, and `StoreError` for the local disk; then there is no such file.
    """
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    with _beside(path) as fd:

        def fetch(start: int) -> None:
            wanted = min(BLOCK, size - start)
            with _IN_MEMORY:
                data = get(start, wanted)
                if len(data) != wanted:
                    raise too_short(path.name, start, wanted)
                _write_at(fd, data, start)

        starts = range(0, size, BLOCK)
        if len(starts) < 2:
            for start in starts:
                fetch(start)
            return size
        pool = ThreadPoolExecutor(min(_AT_ONCE, len(starts)), thread_name_prefix="ckptflow-download")
        try:
            for part in wait([pool.submit(fetch, start) for start in starts], return_when=FIRST_EXCEPTION).done:
                part.result()
        finally:
            pool.shutdown(cancel_futures=True)
    return size


@contextmanager
def _beside(path: Path) -> Iterator[int]:
    """Yield an open temporary file beside `path`; name it `path` at the end, remove it where that is not reached."""
    temporary = path.with_name(f".{path.name}-{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise store_error(error, f"write {path.name}", str(path.parent)) from error
    try:
        try:
            yield fd
        finally:
            os.close(fd)
        temporary.replace(path)
    except OSError as error:
        raise store_error(error, f"write {path.name}", str(path.parent)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _write_at(fd: int, data: bytes, start: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, start)
        view, start = view[written:], start + written
