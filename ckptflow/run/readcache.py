"""Edge. What a worker keeps between chunks: files behind sources, whole tables, open tables, paths given to functions.

Everything is named by the identity of its content, so nothing here can be out of date. Only values that cannot be
changed in place are shared between chunks.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections import OrderedDict, deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import DepChanged
from ..formats.tables import TableSource
from .messages import Source
from .sources import Found, ObjectPath, find, known_shape

if TYPE_CHECKING:
    import pyarrow as pa

_SOURCES = 64
_TABLES = 4
_PIECE_PATHS = 64


class ReadCache:
    """Bounded by `limit` bytes, about half for whole tables and half for decoded groups of rows.

    Paths that functions were given live in a directory of this cache: those of whole deps as long as the cache, those
    of pieces until 64 later ones were given. `close` removes them, and so does the next worker if this one is killed.
    """

    def __init__(self, limit: int = 256 << 20) -> None:
        self._limit = limit
        self._found: OrderedDict[Source, Found] = OrderedDict()
        self._sources: OrderedDict[tuple[object, ...], TableSource] = OrderedDict()
        self._wholes: OrderedDict[tuple[object, ...], pa.Table] = OrderedDict()
        self._held = 0
        self._ahead: dict[tuple[object, ...], pa.Table] = {}
        self._views: dict[tuple[object, ...], Path] = {}
        self._piece_paths: deque[Path] = deque()
        self._scratch: Path | None = None
        self._lock: BinaryIO | None = None
        self._serial = 0

    def __enter__(self) -> ReadCache:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Forget everything and remove the paths that were given."""
        self._found.clear()
        self._sources.clear()
        self._wholes.clear()
        self._ahead.clear()
        self._views.clear()
        self._piece_paths.clear()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def found(self, source: Source, root: Path, object_path: ObjectPath) -> Found:
        """Return what `source` consists of."""
        known = self._found.get(source)
        if known is None:
            known = find(source, root, object_path)
            _put(self._found, source, known, _SOURCES)
        else:
            self._found.move_to_end(source)
        return known

    def table(self, found: Found, columns: tuple[str, ...] | None, spill_dir: Path) -> TableSource:
        """Return the source's table, open, with what it decoded last."""
        key = (*_name(found.source), columns)
        known = self._sources.get(key)
        if known is None:
            known = found.table(
                columns=columns, shape=known_shape(found, spill_dir), cache_bytes=self._limit // (2 * _TABLES)
            )
            _put(self._sources, key, known, _TABLES)
        else:
            self._sources.move_to_end(key)
        return known

    def rows(self, found: Found, columns: tuple[str, ...] | None, start: int, stop: int, spill_dir: Path) -> pa.Table:
        """Return rows `start` to `stop` of the source's table. Raises `DepChanged` where it is shorter."""
        ready = self._ahead.pop((*_name(found.source), columns, start, stop), None)
        if ready is not None:
            return ready
        table = self.table(found, columns, spill_dir)
        if stop > table.num_rows:
            raise DepChanged(f"{found.source.path} has {table.num_rows} rows, and had {stop} when cut")
        return table.read_rows(start, stop)

    @property
    def room(self) -> int:
        """How many bytes of rows may be kept with `keep_rows`."""
        return self._limit // (2 * _TABLES)

    def keep_rows(
        self, found: Found, columns: tuple[str, ...] | None, ready: Mapping[tuple[int, int], pa.Table]
    ) -> None:
        """Keep rows that have been decoded and will be asked for soon, by the first and the last (excluded); each is
        given once. They take the place of those that were kept so before."""
        self._ahead = {(*_name(found.source), columns, *rows): table for rows, table in ready.items()}

    def whole(self, found: Found, columns: tuple[str, ...] | None, spill_dir: Path) -> pa.Table:
        """Return all rows of the source; kept if they fit in half of the limit."""
        key = (*_name(found.source), columns)
        known = self._wholes.get(key)
        if known is not None:
            self._wholes.move_to_end(key)
            return known
        table = found.table(columns=columns, shape=known_shape(found, spill_dir)).to_table()
        size = table.nbytes
        if size <= self._limit // 2:
            self._wholes[key] = table
            self._held += size
            while self._held > self._limit // 2:
                self._held -= self._wholes.popitem(last=False)[1].nbytes
        return table

    def view(self, found: Found) -> Path | None:
        """Return the path under which the whole source was given before."""
        return self._views.get(_name(found.source))

    def keep_view(self, found: Found, path: Path) -> None:
        """Remember that the whole source lies at `path`."""
        self._views[_name(found.source)] = path

    def fresh(self, name: str, spill_dir: Path, *, piece: bool) -> Path:
        """Return a path that ends in `name`, in a directory of its own. For a piece, an older one is removed."""
        scratch = self._make_scratch(spill_dir)
        self._serial += 1
        directory = scratch / str(self._serial)
        directory.mkdir()
        if piece:
            self._piece_paths.append(directory)
            if len(self._piece_paths) > _PIECE_PATHS:
                shutil.rmtree(self._piece_paths.popleft(), ignore_errors=True)
        return directory / name

    def _make_scratch(self, spill_dir: Path) -> Path:
        """Make a directory beside the spills: on the disk of the data, and not in a `/tmp` that may be memory. It is
        locked as long as this process lives, so that others can tell what the dead have left."""
        if self._scratch is None:
            spill_dir.mkdir(parents=True, exist_ok=True)
            for old in spill_dir.glob("paths-*"):
                _remove_if_left(old)
            self._scratch = Path(tempfile.mkdtemp(prefix="paths-", dir=spill_dir)).absolute()
            self._lock = _lock_of(self._scratch)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self._scratch


def _lock_of(directory: Path) -> BinaryIO:
    return (directory / "lock").open("wb")


def _remove_if_left(directory: Path) -> None:
    # Without a lock file the directory is being made by another process just now.
    with suppress(OSError):
        file = os.open(directory / "lock", os.O_RDWR)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
        finally:
            os.close(file)


def _name(source: Source) -> tuple[object, ...]:
    return (source.tree or source.identity, source.format, source.path)


def _put(cache: OrderedDict[Any, Any], key: object, value: object, most: int) -> None:
    cache[key] = value
    while len(cache) > most:
        cache.popitem(last=False)
