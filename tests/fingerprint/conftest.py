"""A project in memory: files by path, and the identity of a function in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from textwrap import dedent

import pytest

from ckptflow.fingerprint.code import CodeIdentity, ModuleText, identify
from ckptflow.ids import digest

Files = Mapping[str, str]


class MemorySources:
    """Implements `Sources` over a mapping; counts what was asked for."""

    def __init__(self, files: Files) -> None:
        self.files = {path: dedent(text) for path, text in files.items()}
        self.asked: list[str] = []

    def module(self, name: str) -> ModuleText | None:
        self.asked.append(name)
        base = name.replace(".", "/")
        for path, is_package in ((f"{base}/__init__.py", True), (f"{base}.py", False)):
            if path in self.files:
                text = self.files[path]
                return ModuleText(name, path, text, is_package, digest(text.encode("utf-8", "surrogatepass")))
        if any(path.startswith(f"{base}/") for path in self.files):
            return ModuleText(name, f"{base}/", "", True, digest(b""))
        return None


@pytest.fixture(scope="session")
def sources() -> type[MemorySources]:
    return MemorySources


@pytest.fixture(scope="session")
def identity() -> Callable[..., CodeIdentity]:
    """`identity(text)` or `identity(files, entry)`; a text is the module `m`, the entry is `m:f` unless named."""

    def identity(files: Files | str, entry: str = "m:f") -> CodeIdentity:
        return identify(entry, MemorySources({"m.py": files} if isinstance(files, str) else files))

    return identity
