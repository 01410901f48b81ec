"""Edge. The MD5s by which DVC names files, kept in the cache by the digest of the same bytes.

That digest is known for every file that was looked at, and in the store it is the name; so an MD5 is worked out once,
wherever the bytes lie. DVC before 3.0 took text files with the line ends of Unix: its way of telling text, and of
reading a file a mebibyte at a time, is part of those names.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import md5
from pathlib import Path

from ..ids import Digest
from .cache import Cache
from .observed import Stamp

_BLOCK = 1 << 20
_LOOK = 512
_TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"
_KINDS = {False: "md5", True: "md5-dos2unix"}
_MANY = 64


class Md5s:
    """Answers for one process; `legacy` is the form of DVC before 3.0."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._known: dict[tuple[bool, Digest], str] = {}
        self._new: dict[tuple[bool, Digest], str] = {}

    def of(self, files: Iterable[tuple[Digest, Path]], *, legacy: bool) -> list[str | None]:
        """Return the MD5 of each file, given with the digest of its bytes; None for one that is not what it was.

        Raises OSError.
        """
        files = list(files)
        if len(files) > _MANY:
            stored = self._cache.documents(_KINDS[legacy])
            self._known.update(((legacy, Digest(name)), value) for name, value in stored.items())
        found = [self._of(name, path, legacy) for name, path in files]
        for kind, form in _KINDS.items():
            fresh = {str(name): value for (old, name), value in self._new.items() if old is kind}
            if fresh:
                self._cache.keep_documents(form, fresh)
        self._new.clear()
        return found

    def _of(self, name: Digest, path: Path, legacy: bool) -> str | None:
        key = legacy, name
        if key not in self._known:
            kept = self._cache.document(_KINDS[legacy], name)
            if kept is None:
                kept = hash_md5(path, name, legacy=legacy)
                if kept is None:
                    return None
                self._new[key] = kept
            self._known[key] = kept
        return self._known[key]


def hash_md5(path: Path, name: Digest | None = None, *, legacy: bool) -> str | None:
    """Return the MD5 of a file; None if its bytes do not have the digest `name`, which is worked out on the way.

    Raises OSError.
    """
    from blake3 import blake3

    hasher, check = md5(usedforsecurity=False), blake3() if name is not None else None
    with open(path, "rb", buffering=0) as file:
        before = Stamp.of(path.stat())
        while block := file.read(_BLOCK):
            if check is not None:
                check.update(block)
            hasher.update(block.replace(b"\r\n", b"\n") if legacy and _is_text(block[:_LOOK]) else block)
    if Stamp.of(path.stat()) != before or (check is not None and check.hexdigest() != name):
        return None
    return hasher.hexdigest()


def _is_text(block: bytes) -> bool:
    """Tell text as DVC did: no NUL, and at most three in ten bytes that are no ASCII text."""
    return b"\0" not in block and len(block.translate(None, _TEXT)) <= 0.3 * len(block)
