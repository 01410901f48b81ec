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

from ..checkpoints.cachedb import open_cache

_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size INTEGER, mtime INTEGER, inode INTEGER, digest TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS documents (kind TEXT, key TEXT, value BLOB, PRIMARY KEY (kind, key)) WITHOUT ROWID;
"""


class Cache:
    """The derived data of one project; in memory for None. A full or read-only disk costs the cache, not the run."""

    def __init__(self, path: Path | None) -> None:
        self._db = open_cache(path, _SCHEMA)

    def close(self) -> None:
        """Write what is pending and let go of the file."""
        self._db.close()

    # ---- digests of files, by what stat says of them

    def digests_under(self, prefix: str) -> dict[str, tuple[int, int, int, str]]:
        """Return path -> (size, mtime in ns, inode, digest) of all files whose path starts with `prefix`."""
        rows = self._db.execute(
            "SELECT path, size, mtime, inode, digest FROM files WHERE path >= ? AND path < ?",
            (prefix, prefix + "\U0010ffff"),
        )
        return {path: (size, mtime, inode, digest) for path, size, mtime, inode, digest in rows}

    def digest_of(self, path: str) -> tuple[int, int, int, str] | None:
        """Return (size, mtime in ns, inode, digest) of one file, None if it is not known."""
        row = self._db.execute("SELECT size, mtime, inode, digest FROM files WHERE path = ?", (path,)).fetchone()
        return tuple(row) if row else None

    def keep_digests(self, rows: Iterable[tuple[str, int, int, int, str]]) -> None:
        """Keep `(path, size, mtime in ns, inode, digest)` rows, in one transaction."""
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", rows)

    # ---- JSON documents by kind and key

    def document(self, kind: str, key: str) -> Any | None:
        """Return the document, None if there is none."""
        row = self._db.execute("SELECT value FROM documents WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        if row is None:
            return None
        try:
            return json.loads(row[0])
        except ValueError:
            return None

    def documents(self, kind: str) -> dict[str, Any]:
        """Return all documents of a kind, by key."""
        rows = self._db.execute("SELECT key, value FROM documents WHERE kind = ?", (kind,)).fetchall()
        return {key: json.loads(value) for key, value in rows}

    def keep_document(self, kind: str, key: str, value: Any) -> None:
        """Keep a JSON document."""
        self.keep_documents(kind, {key: value})

    def keep_documents(self, kind: str, values: Mapping[str, Any]) -> None:
        """Keep several JSON documents, in one transaction."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR REPLACE INTO documents VALUES (?, ?, ?)",
                [(kind, key, json.dumps(value, separators=(",", ":"))) for key, value in values.items()],
            )

    def drop_documents(self, kind: str, key: str | None = None) -> None:
        """Remove one document, or all of a kind."""
        with self._transaction():
            if key is None:
                self._db.execute("DELETE FROM documents WHERE kind = ?", (kind,))
            else:
                self._db.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Commit what is done inside, or nothing of it where the disk does not allow it."""
        try:
            self._db.execute("BEGIN")
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
