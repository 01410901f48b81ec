"""Edge. Formats by name: how a value becomes a file and comes back.

A format is an object with a name, a suffix, `write` and `read`. The built-in ones are found in a table of module names
and imported when first asked for; others come from the entry point group `ckptflow.formats`, which is only looked up
for a name that is not built in.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from ..dataclass import dataclass
from ..errors import ResultError, UsageError
from ..ids import Digest
from .forms import Form


@dataclass(frozen=True, slots=True)
class Written:
    """What a format has written: rows (None if it is no table) and the digest by values (None: the bytes name it).

    `data` is the file itself where it was not written but packed in memory (`packing`).
    """

    rows: int | None = None
    values: Digest | None = None
    data: bytes | None = None


class Format(Protocol):
    """One way to hold values in files. `tabular` formats hold rows with a schema."""

    @property
    def name(self) -> str:
        """The name in `format:`."""
        ...

    @property
    def suffix(self) -> str:
        """The end of file names, with its dot; empty where any will do."""
        ...

    @property
    def tabular(self) -> bool:
        """Whether it holds rows with a schema."""
        ...

    def write(self, value: object, path: Path) -> Written:
        """Write `value` to `path`, replacing what is there; equal values give equal bytes.

        Raises `ResultError` where the format cannot hold the value, OSError where the disk fails. On failure `path`
        may be incomplete.
        """
        ...

    def read(self, path: Path, form: Form) -> object:
        """Return what `path` holds, as `form`. Raises `DepUnreadable` for a malformed file."""
        ...


_BUILTIN = {
    "parquet": "ckptflow.formats.parquet:PARQUET",
    "arrow": "ckptflow.formats.ipc:ARROW",
    "csv": "ckptflow.formats.text_tables:CSV",
    "tsv": "ckptflow.formats.text_tables:TSV",
    "jsonl": "ckptflow.formats.text_tables:JSONL",
    "pickle": "ckptflow.formats.values:PICKLE",
    "json": "ckptflow.formats.values:JSON",
    "npy": "ckptflow.formats.values:NPY",
    "text": "ckptflow.formats.values:TEXT",
    "file": "ckptflow.formats.values:FILE",
    "dir": "ckptflow.formats.values:DIR",
}

TABULAR = frozenset({"parquet", "arrow", "csv", "tsv", "jsonl"})
"""Built-in formats that hold tables: a check without imports."""

_RUNS_CODE = frozenset({"pickle"})

_CODE_SUFFIXES = frozenset({
    ".pkl", ".pickle", ".pck", ".p", ".dill", ".cloudpickle", ".joblib", ".pt", ".pth", ".ckpt",
})  # fmt: skip
"""Ends of file names that programs unpickle."""

_PACKED = frozenset({".gz", ".bz2", ".xz", ".lzma", ".lz4", ".zst"})

LINES = frozenset({"csv", "tsv", "jsonl", "text"})
"""Formats whose records are lines, so that a byte range at line ends is a piece."""

_SUFFIXES = {
    ".parquet": "parquet", ".pq": "parquet", ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow",
    ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".pkl": "pickle", ".pickle": "pickle",
    ".json": "json", ".npy": "npy", ".txt": "text", ".md": "text",
}  # fmt: skip


def format_of(path: str, declared: str | None = None) -> str:
    """Return the name of the format of `path`: the declared one, else by suffix, else `file`."""
    suffix = os.path.splitext(path)[1]  # noqa: PTH122 - a text, several times a stage
    return declared or _SUFFIXES.get(suffix.lower(), "file")


def builtin_names() -> tuple[str, ...]:
    """Return the names of the built-in formats, sorted."""
    return tuple(sorted(_BUILTIN))


@cache
def get_format(name: str) -> Format:
    """Return the format called `name`. Raises `UsageError` where there is none."""
    target = _BUILTIN.get(name)
    if target is None:
        return _from_entry_point(name)
    module, attribute = target.split(":")
    return cast(Format, getattr(import_module(module), attribute))


def is_tabular(name: str) -> bool:
    """Tell whether the format called `name` holds tables. Imports nothing for built-in names."""
    return name in TABULAR if name in _BUILTIN else get_format(name).tabular


@cache
def _may_run_code(name: str) -> bool:
    if name in _BUILTIN:
        return name in _RUNS_CODE
    try:
        return bool(getattr(get_format(name), "runs_code", True))
    except UsageError:  # not installed here: nobody says that it does not
        return True


def runs_code(name: str, path: str = "") -> bool:
    """Tell whether to load what the format called `name` wrote may run code that stands in it.

    Of built-in formats that is pickle; `npy` refuses arrays of Python objects. Others say so by an attribute
    `runs_code`; one that says nothing, or is not installed, does. A `file` is read by the user's own code in the way
    that the suffix of `path` tells. Imports nothing for built-in names.
    """
    if name != "file":
        return _may_run_code(name)
    suffixes = [suffix for suffix in Path(path.lower()).suffixes if suffix not in _PACKED]
    return bool(suffixes) and suffixes[-1] in _CODE_SUFFIXES


def _from_entry_point(name: str) -> Format:
    from importlib.metadata import entry_points

    for point in entry_points(group="ckptflow.formats", name=name):
        found = point.load()
        return cast(Format, found() if isinstance(found, type) else found)
    known = ", ".join(builtin_names())
    raise UsageError(
        f"no format is called `{name}`",
        hint=f"built in are {known}; others come from packages with an entry point in `ckptflow.formats`",
    )


def refused(value: object, name: str, accepted: str, why: str = "") -> ResultError:
    """Return the error for a value that the format `name` cannot hold."""
    kind = type(value)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    because = f": {why}" if why else ""
    return ResultError(f"format `{name}` cannot hold a {module}{kind.__qualname__}{because}", hint=f"return {accepted}")
