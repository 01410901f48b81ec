"""Edge. Objects for who only looks: what lies elsewhere counts as an object of the store, in this process alone.

A plan can be made of outs that are still to be taken over, and nothing is written.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..ids import Digest, digest
from .hashing import hash_file
from .objects import Objects, Verified
from .oserrors import store_error
from .protocol import Store

if TYPE_CHECKING:
    from tempfile import TemporaryDirectory


class LentObjects(Objects):
    """The objects of a store, and those that were put here: files stay where they are, bytes stay in memory."""

    __slots__ = ("_files", "_folder", "_texts")

    def __init__(self, store: Store, verified: Verified | None = None) -> None:
        super().__init__(store, verified)
        self._files: dict[Digest, Path] = {}
        self._texts: dict[Digest, bytes] = {}
        self._folder: TemporaryDirectory[str] | None = None

    def put(self, data: bytes) -> Digest:
        """See `Objects.put`."""
        name = digest(data)
        self._texts[name] = data
        return name

    def put_file(self, path: Path, *, move: bool) -> tuple[Digest, int]:
        """See `Objects.put_file`; a file is never given away."""
        assert not move
        try:
            name, size = hash_file(path), path.stat().st_size
        except OSError as error:
            raise store_error(error, f"read {path}", self._store.url) from error
        self._files[name] = path
        return name, size

    def get(self, object_: Digest) -> bytes:
        """See `Objects.get`."""
        if object_ in self._texts:
            return self._texts[object_]
        return self._files[object_].read_bytes() if object_ in self._files else super().get(object_)

    def path(self, object_: Digest) -> Path:
        """See `Objects.path`."""
        if object_ in self._files:
            return self._files[object_]
        if object_ not in self._texts:
            return super().path(object_)
        if self._folder is None:
            from tempfile import TemporaryDirectory

            self._folder = TemporaryDirectory(prefix="ckptflow-")
        path = Path(self._folder.name) / object_
        path.write_bytes(self._texts[object_])
        return path

    def has(self, object_: Digest, size: int | None = None) -> bool:
        """See `Objects.has`."""
        return object_ in self._files or object_ in self._texts or super().has(object_, size)
