"""Edge. From `module:function` to the function, imported from exactly the bytes of source that the recipe stands for.

Python trusts a `.pyc` file by the source's size and its time in whole seconds, so an edit within one second can run the
old code; and a file may be edited between planning and import. Either would record a result under the wrong key.
Modules of the project are therefore always compiled from source, and the source is compared with what was planned.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType
from typing import Any

from ..errors import CodeChanged, StageError
from ..ids import digest

_PACKAGE = str(Path(__file__).resolve().parents[1])
_INSTALLED = frozenset({"site-packages", "dist-packages"})


class _ProjectSource(importlib.machinery.SourceFileLoader):
    """Compiles what it reads, never a cached `.pyc`, and refuses bytes other than the planned ones."""

    root: str
    planned: Mapping[str, str]

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        data = self.get_data(path)
        name = path.removeprefix(f"{self.root}/")
        expected = self.planned.get(name)
        if expected is not None and digest(data) != expected:
            raise CodeChanged(
                f"{name} was edited while the run was under way", hint="run again: its stages are planned anew"
            )
        return self.source_to_code(data, path)


def import_from(root: str, planned: Mapping[str, str]) -> None:
    """Put the project `root` (absolute) first on the path and make its modules load from source.

    `planned` maps paths of files, relative to `root`, to the digest that their bytes must have; others go unchecked.
    """
    loader = type("ProjectSource", (_ProjectSource,), {"root": root, "planned": planned})

    def hook(path: str) -> importlib.machinery.FileFinder:
        if not _inside(path, root) or _inside(path, _PACKAGE) or not _INSTALLED.isdisjoint(path.split("/")):
            raise ImportError(path)
        return importlib.machinery.FileFinder(
            path,
            (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
            (loader, importlib.machinery.SOURCE_SUFFIXES),
        )

    sys.path_hooks.insert(0, hook)
    for path in [p for p in sys.path_importer_cache if _inside(p, root)]:
        del sys.path_importer_cache[path]
    sys.path.insert(0, root)


def _inside(path: str, directory: str) -> bool:
    return path == directory or path.startswith(f"{directory}/")


def load_function(target: str) -> Callable[..., Any]:
    """Return the function that `module:function` names; `function` may be dotted (a static method of a class).

    Raises `StageError` where the module or the name does not exist. What the module itself raises while it is imported
    passes through: it is the user's.
    """
    module_name, _, name = target.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise StageError(
                f"there is no module `{error.name}` for `call: {target}`",
                hint="`call` is `module:function`, imported with the project's directory first on the path",
            ) from None
        raise
    value: Any = module
    for part in name.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            raise StageError(
                f"module `{module_name}` has no `{name}`", hint=_near(part, vars(value) if value is module else {})
            ) from None
    if not callable(value):
        raise StageError(f"`{target}` is a {type(value).__name__}, not a function")
    return value  # type: ignore[no-any-return]


def _near(name: str, names: Mapping[str, Any]) -> str | None:
    import difflib  # only a mistake pays for it

    close = difflib.get_close_matches(name, [n for n, v in names.items() if callable(v)], 1)
    return f"did you mean `{close[0]}`?" if close else None
