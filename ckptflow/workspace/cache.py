"""Edge. `.ckptflow/cache.db`: what was derived from files and may be derived again.

Rules: nothing here is needed for a right result; the file may be deleted or damaged at any time and is then made anew.
All tables of the workspace are here; `checkpoints.index` keeps its own in the same file.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from xxhash import xxh3_64_hexdigest

from ..checkpoints.cachedb import discard, is_damage, open_cache

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size INTEGER, mtime INTEGER, inode INTEGER, digest TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS documents (kind TEXT, key TEXT, value BLOB, PRIMARY KEY (kind, key)) WITHOUT ROWID;
"""
_PENDING_MOST = 1000
_AT_ONCE = 10_000


class Cache:
    """The derived data of one project; in memory for None. A full or read-only disk costs the cache, not the run.

    SQLite does not notice a flipped bit. So every row carries a checksum; a row whose checksum does not fit is none,
    and a file that SQLite cannot read is begun anew.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._db = open_cache(path, _SCHEMA)
        self._pending: dict[str, tuple[int, int, int, str]] = {}  # digests not yet written

    def close(self) -> None:
        """Write what is pending and let go of the file."""
        self._write_pending()
        self._db.close()

    # ---- digests of files, by what stat says of them

    def digests_under(self, prefix: str) -> Iterator[tuple[str, tuple[int, int, int, str]]]:
        """Yield (path, (size, mtime in ns, inode, digest)) of all files whose path starts with `prefix`, sorted.

        They are read some at a time, so that what is kept meanwhile may be written.
        """
        self._write_pending()
        after, end = prefix, prefix + "\U0010ffff"
        query = "SELECT path, size, mtime, inode, digest FROM files WHERE path > ? AND path < ? ORDER BY path LIMIT ?"
        while rows := self._rows(query, (after, end, _AT_ONCE)):
            for path, *rest in rows:
                if (found := _sound(path, *rest)) is not None:
                    yield path, found
            if not isinstance(rows[-1][0], str) or rows[-1][0] <= after:  # the file is damaged
                return
            after = rows[-1][0]

    def digest_of(self, path: str) -> tuple[int, int, int, str] | None:
        """Return (size, mtime in ns, inode, digest) of one file, None if it is not known."""
        if path in self._pending:
            return self._pending[path]
        if not _is_text(path):
            return None
        rows = self._rows("SELECT size, mtime, inode, digest FROM files WHERE path = ?", (path,))
        return _sound(path, *rows[0]) if rows else None

    def keep_digests(self, rows: Iterable[tuple[str, int, int, int, str]]) -> None:
        """Keep `(path, size, mtime in ns, inode, digest)` rows, but for names without text.

        They are written some at a time: a transaction costs more than a small file's digest does.
        """
        self._pending.update((row[0], row[1:]) for row in rows if _is_text(row[0]))
        if len(self._pending) >= _PENDING_MOST:
            self._write_pending()

    def _write_pending(self) -> None:
        rows, self._pending = self._pending, {}
        if rows:
            with self._transaction():
                self._db.executemany(
                    "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
                    [(path, *row[:3], row[3] + _check(path, *row)) for path, row in rows.items()],
                )

    # ---- JSON documents by kind and key

    def document(self, kind: str, key: str) -> Any | None:
        """Return the document, None if there is none."""
        rows = self._rows("SELECT value FROM documents WHERE kind = ? AND key = ?", (kind, key))
        return opened(kind, key, rows[0][0]) if rows else None

    def documents(self, kind: str) -> dict[str, Any]:
        """Return all documents of a kind, by key."""
        rows = self._rows("SELECT key, value FROM documents WHERE kind = ?", (kind,))
        found = {key: opened(kind, key, value) for key, value in rows}
        return {key: value for key, value in found.items() if value is not None}

    def keep_document(self, kind: str, key: str, value: Any) -> None:
        """Keep a JSON document."""
        self.keep_documents(kind, {key: value})

    def keep_documents(self, kind: str, values: Mapping[str, Any]) -> None:
        """Keep several JSON documents, in one transaction."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO documents VALUES (?, ?, ?)",
                [(kind, key, _sealed(kind, key, value)) for key, value in values.items()],
            )

    def drop_documents(self, kind: str, key: str | None = None) -> None:
        """Remove one document, or all of a kind."""
        with self._transaction():
            if key is None:
                self._db.execute("DELETE FROM documents WHERE kind = ?", (kind,))
            else:
                self._db.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))

    def _rows(self, query: str, values: tuple[str | int, ...]) -> list[Any]:
        """Return the rows of a query; none where the file cannot be read."""
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.DatabaseError as error:
            self._give_up(error)
            return []

    def _give_up(self, error: sqlite3.DatabaseError) -> None:
        """Begin a new file instead of a damaged one. One that is locked for long, or full, is left alone."""
        if self._path is not None and is_damage(error):
            self._db.close()
            discard(self._path)
            self._db = open_cache(self._path, _SCHEMA)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit what is done inside, or nothing of it where the disk does not allow it."""
        try:
            self._db.execute("BEGIN")
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            if isinstance(error, sqlite3.DatabaseError):
                self._give_up(error)


def opened(kind: str, key: str, value: Any) -> Any | None:
    """Return what `keep_document` made of a document, opened again; None for what it did not make."""
    if isinstance(value, str) and value[:16] == _checksum(f"{kind}\0{key}\0{value[16:]}"):
        return json.loads(value[16:])
    return None


def _sealed(kind: str, key: str, value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"))
    return _checksum(f"{kind}\0{key}\0{text}") + text


def _check(path: str, size: int, mtime: int, inode: int, digest: str) -> str:
    return _checksum(f"{path}\0{size} {mtime} {inode} {digest}")


def _checksum(text: str) -> str:
    return xxh3_64_hexdigest(text.encode("utf-8", "surrogatepass"))


def _sound(path: Any, size: Any, mtime: Any, inode: Any, digest: Any) -> tuple[int, int, int, str] | None:
    if not isinstance(path, str) or not isinstance(digest, str):
        return None
    return (size, mtime, inode, digest[:64]) if digest[64:] == _check(path, size, mtime, inode, digest[:64]) else None


def _is_text(path: str) -> bool:
    """Tell whether a path can be written as UTF-8; names of files may be any bytes."""
    return path.isascii() or not any("\udc80" <= c <= "\udcff" for c in path)
