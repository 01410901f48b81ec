"""Edge. Behaviour put round any store: refusing writes, counting calls, failing at a chosen call.

Each is a `Store` and holds one. What they have in common is one method, `_call`, through which every call passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import TypeVar

from ..errors import StoreError
from .protocol import Entry, Store

_T = TypeVar("_T")
MUTATING = frozenset({"put", "create", "append", "delete", "sync", "adopt", "link"})


class _Wrapper:
    """Passes everything on to `inner`; subclasses change `_call`."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner

    def _call(self, method: str, name: str, effect: Callable[[], _T]) -> _T:
        return effect()

    @property
    def url(self) -> str:
        return self._inner.url

    def get(self, name: str) -> bytes:
        return self._call("get", name, lambda: self._inner.get(name))

    def put(self, name: str, data: bytes) -> None:
        self._call("put", name, lambda: self._inner.put(name, data))

    def create(self, name: str, data: bytes) -> bool:
        return self._call("create", name, lambda: self._inner.create(name, data))

    def append(self, name: str, data: bytes) -> None:
        self._call("append", name, lambda: self._inner.append(name, data))

    def stat(self, name: str) -> Entry | None:
        return self._call("stat", name, lambda: self._inner.stat(name))

    def list(self, prefix: str) -> Iterator[Entry]:
        return self._call("list", prefix, lambda: self._inner.list(prefix))

    def delete(self, name: str) -> None:
        self._call("delete", name, lambda: self._inner.delete(name))

    def sync(self, names: Iterable[str] = ()) -> None:
        self._call("sync", "", lambda: self._inner.sync(names))

    def local(self, name: str) -> Path | None:
        return self._inner.local(name)

    def place(self, name: str) -> str | None:
        return self._inner.place(name)

    def adopt(self, path: Path, name: str) -> None:
        self._call("adopt", name, lambda: self._inner.adopt(path, name))

    def link(self, fd: int, name: str) -> bool:
        return self._call("link", name, lambda: self._inner.link(fd, name))


class ReadOnly(_Wrapper):
    """Refuses every change with a `StoreError`. `sync` is none: nothing was written."""

    def _call(self, method: str, name: str, effect: Callable[[], _T]) -> _T:
        if method in MUTATING - {"sync"}:
            raise StoreError(f"the store {self.url} is read-only: cannot {method} {name}")
        return effect()


class Counting(_Wrapper):
    """Counts calls by method in `calls`: what a remote would be asked."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.calls: Counter[str] = Counter()

    def _call(self, method: str, name: str, effect: Callable[[], _T]) -> _T:
        self.calls[method] += 1
        return effect()


class When(Enum):
    """At which side of its effect a call fails. `TORN`: an append leaves the first half of its bytes."""

    BEFORE = "before"
    AFTER = "after"
    TORN = "torn"


class Crash(BaseException):
    """Stands for the death of the process: nothing that handles errors may catch it."""


class FailAt(_Wrapper):
    """Raises `error` at the `number`-th change (counting from 1), and at every call after it: the process is gone."""

    def __init__(self, inner: Store, number: int, when: When, error: type[BaseException] = Crash) -> None:
        super().__init__(inner)
        self._number = number
        self._when = when
        self._error = error
        self.changes = 0

    @property
    def failed(self) -> bool:
        """Whether the chosen call was reached."""
        return self.changes >= self._number

    def append(self, name: str, data: bytes) -> None:
        torn = self._when is When.TORN and self.changes + 1 == self._number
        super().append(name, data[: len(data) // 2] if torn else data)

    def _call(self, method: str, name: str, effect: Callable[[], _T]) -> _T:
        if self.failed:
            raise self._error(f"{method} {name} after the crash")
        if method not in MUTATING:
            return effect()
        self.changes += 1
        last = self.changes == self._number
        if last and (self._when is When.BEFORE or (self._when is When.TORN and method != "append")):
            raise self._error(f"before {method} {name}")
        result = effect()
        if last:
            raise self._error(f"after {method} {name}")
        return result
