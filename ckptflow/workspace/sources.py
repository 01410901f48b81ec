"""Edge. The project's own modules as text, for code identity; and what is known of their indexes."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..ids import Digest, digest
from .cache import Cache
from .observed import Stamp

if TYPE_CHECKING:
    from ..fingerprint.code import ModuleText


class ProjectSources:
    """Finds modules below the project root, as Python would with the root first on its path.

    `read` holds every file that was looked at, by path relative to the root: None for one that was not there; `seen`
    what stat said of those that were, before they were read, and the time.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._modules: dict[str, ModuleText | None] = {}
        self.read: dict[str, Digest | None] = {}
        self.seen: dict[str, tuple[Stamp, int]] = {}

    def module(self, name: str) -> ModuleText | None:
        """Return the module, None if it is not one of the project's."""
        if name not in self._modules:
            self._modules[name] = self._find(name)
        return self._modules[name]

    def _find(self, name: str) -> ModuleText | None:
        from ..fingerprint.code import ModuleText  # not for a pipeline of commands, which has no modules

        parts = name.split(".")
        if not all(part.isidentifier() for part in parts):
            return None
        base = "/".join(parts)
        for path, is_package in ((f"{base}/__init__.py", True), (f"{base}.py", False)):
            full = self._root / path
            if full.is_file():
                self.seen[path] = (Stamp.of(full.stat()), time.time_ns())
                data = full.read_bytes()
                self.read[path] = digest(data)
                return ModuleText(name, path, _decode(data), is_package, digest(data))
            self.read[path] = None
        if (self._root / base).is_dir():  # a namespace package: nothing in it but its modules
            return ModuleText(name, f"{base}/", "", True, digest(b""))
        return None


class IndexMemory:
    """Keeps the index of a module text in the cache, so that each file is parsed once.

    What another state of the indexing code kept is not found: an index that says too little would hide a change.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._maker = _maker()

    def get(self, name: str) -> Any | None:
        """Return what was kept."""
        return self._cache.document("code-index", f"{self._maker}:{name}")

    def put(self, name: str, index: Any) -> None:
        """Keep an index."""
        self._cache.keep_document("code-index", f"{self._maker}:{name}", index)


@cache
def _maker() -> str:
    """Return what names the installed state of the indexing code: its files' names, sizes and times."""
    from ..fingerprint import code

    files = sorted(Path(code.__file__).parent.glob("*.py"))
    return digest("\n".join(f"{f.name} {Stamp.of(f.stat())}" for f in files).encode())[:16]


def _decode(data: bytes) -> str:
    """Decode as Python does: by byte order mark or encoding cookie, else UTF-8; line ends become newlines."""
    import io
    import tokenize

    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return io.TextIOWrapper(io.BytesIO(data), encoding).read()
