"""Edge. Any bucket, asked again when it did not answer.

Rules: reads, and writes of whole contents, have the same effect however often they are done, so they are simply
repeated. `create` and `replace` are not: when an answer was lost nobody knows whether the change was made, so what is
there is read and compared with what was to be written before anything is repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from ..bucket import Bucket, Unavailable
from ..protocol import Entry, NotThere
from .patience import Patience

_BATCH = 1000


class Retrying:
    """A `Bucket` that repeats what `inner` could not answer (`Unavailable`). As safe for threads as `inner` is."""

    def __init__(self, inner: Bucket, patience: Patience) -> None:
        self._inner = inner
        self._patience = patience

    @property
    def url(self) -> str:
        """See `Bucket`."""
        return self._inner.url

    def get(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """See `Bucket`."""
        return self._patience.again(lambda: self._inner.get(name, start, size))

    def download(self, name: str, path: Path) -> int:
        """See `Bucket`."""
        return self._patience.again(lambda: self._inner.download(name, path))

    def put(self, name: str, data: bytes) -> None:
        """See `Bucket`."""
        self._patience.again(lambda: self._inner.put(name, data))

    def upload(self, name: str, path: Path) -> None:
        """See `Bucket`."""
        self._patience.again(lambda: self._inner.upload(name, path))

    def create(self, name: str, data: bytes) -> bool:
        """See `Bucket`. After a lost answer, what is there was made by this call if it has the very bytes."""
        unknown = False
        for last in self._patience.tries():
            try:
                if unknown and (found := self._present(name)) is not None:
                    return found[0] == data
                made = self._inner.create(name, data)
                if not made and unknown:  # the lost one may have come in between looking and trying
                    found = self._present(name)
                    return found is not None and found[0] == data
                return made
            except Unavailable:
                if last:
                    raise
                unknown = True
        raise AssertionError("tries end with a last one")

    def replace(self, name: str, data: bytes, version: str) -> bool:
        """See `Bucket`. After a lost answer, what is there was written by this call if it has the very bytes."""
        unknown = False
        for last in self._patience.tries():
            try:
                found = self._present(name) if unknown else None
                if unknown and (found is None or found[0] == data or found[1] != version):
                    return found is not None and found[0] == data
                made = self._inner.replace(name, data, version)
                if not made and unknown:
                    found = self._present(name)
                    return found is not None and found[0] == data
                return made
            except Unavailable:
                if last:
                    raise
                unknown = True
        raise AssertionError("tries end with a last one")

    def read(self, name: str) -> tuple[bytes, str]:
        """See `Bucket`."""
        return self._patience.again(lambda: self._inner.read(name))

    def stat(self, name: str) -> Entry | None:
        """See `Bucket`."""
        return self._patience.again(lambda: self._inner.stat(name))

    def list(self, prefix: str, after: str = "") -> Iterator[Entry]:
        """See `Bucket`. A listing that breaks off goes on behind the last name that came."""
        while True:
            reached = after
            for last in self._patience.tries():
                try:
                    for entry in self._inner.list(prefix, after):
                        after = entry.name
                        yield entry
                    return
                except Unavailable:
                    if after != reached:
                        break  # it came further: patience starts anew
                    if last:
                        raise

    def delete(self, names: Iterable[str]) -> None:
        """See `Bucket`."""
        left = iter(names)
        while batch := list(islice(left, _BATCH)):
            self._delete(batch)

    def _delete(self, batch: Iterable[str]) -> None:
        self._patience.again(lambda: self._inner.delete(batch))

    def close(self) -> None:
        """See `Bucket`."""
        self._inner.close()

    def _present(self, name: str) -> tuple[bytes, str] | None:
        try:
            return self._inner.read(name)
        except NotThere:
            return None
