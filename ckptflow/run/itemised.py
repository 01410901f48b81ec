"""Edge. The items of a chunk: rows as dicts, files as paths, lines of a text, values of a list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..chunk.model import AtFiles, AtRows
from ..errors import StageError
from ..spec.paths import is_glob
from .messages import Input

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_ONCE = 1024


class ItemSource(Protocol):
    """The items of one chunk, in order."""

    def __len__(self) -> int: ...

    def after(self, position: int) -> Iterator[Any]:
        """Yield the items from number `position` on."""
        ...

    def name(self, index: int) -> str | int:
        """Return what people call an item: the path of a file, the number of a row."""
        ...

    def text(self, index: int) -> str:
        """Return an item as a text for people: a row as JSON, a file's path. The same on every machine."""
        ...

    def shown(self, index: int) -> str:
        """Return what messages call an item."""
        ...

    def within(self, index: int) -> str | None:
        """Return the path of a file in its dep, as the chunk's key has it; None for all that is no file."""
        ...


def item_source(value: object, source: Input) -> ItemSource:
    """Return the items of `value`, which the input `source` is read as. Raises `StageError` where it has none."""
    import pyarrow as pa

    if isinstance(value, pa.Table):
        where = source.piece.where if source.piece is not None else None
        return RowItems(value, where.start if isinstance(where, AtRows) else 0)
    if isinstance(value, Path):
        value = [value]
    if isinstance(value, list) and value and all(isinstance(item, Path) for item in value):
        return FileItems(value, _names(value, source), _within(value, source))
    if isinstance(value, str):
        lines = value.split("\n")
        return ValueItems(lines[:-1] if lines[-1] == "" else lines)
    if isinstance(value, list):
        return ValueItems(value)
    raise StageError(
        f"dep `{source.label}` comes as {type(value).__name__}, which has no items",
        hint="with `each: item` a chunk is made of rows, files, lines, or values of a list",
    )


def _names(paths: list[Path], source: Input) -> list[str]:
    """Return paths as the project knows them: those that functions get may be links in some directory."""
    where = source.piece.where if source.piece is not None else None
    if isinstance(where, AtFiles) and len(where.files) == len(paths):
        top = "" if is_glob(source.source.path) else f"{source.source.path}/"
        return [f"{top}{name}" if name else source.source.path for name in where.files]
    return [path.name for path in paths]


def _within(paths: list[Path], source: Input) -> list[str | None]:
    """Return paths as the keys of chunks have them: in the directory that the dep is, or before a glob's wildcards."""
    where = source.piece.where if source.piece is not None else None
    if isinstance(where, AtFiles) and len(where.files) == len(paths):
        return [*where.files]
    return [None] * len(paths)


class RowItems:
    """Rows of a table as dicts. `first` is the number that the first one has in the dep."""

    def __init__(self, table: pa.Table, first: int = 0) -> None:
        self._table = table
        self._first = first

    def __len__(self) -> int:
        """See `ItemSource`."""
        return int(self._table.num_rows)

    def after(self, position: int) -> Iterator[dict[str, Any]]:
        """See `ItemSource`."""
        names = self._table.column_names
        for start in range(position, len(self), _ROWS_AT_ONCE):
            some = self._table.slice(start, _ROWS_AT_ONCE)
            for values in zip(*(column.to_pylist() for column in some.columns), strict=True):
                yield dict(zip(names, values, strict=True))

    def name(self, index: int) -> str | int:
        """See `ItemSource`."""
        return self._first + index

    def text(self, index: int) -> str:
        """See `ItemSource`."""
        return json.dumps(next(self.after(index)), ensure_ascii=False, default=str)

    def shown(self, index: int) -> str:
        """See `ItemSource`."""
        return f"row {index} ({_short(self.text(index))})"

    def within(self, index: int) -> str | None:
        """See `ItemSource`."""
        return None


class ValueItems:
    """Values of a list, lines of a text."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def __len__(self) -> int:
        """See `ItemSource`."""
        return len(self._values)

    def after(self, position: int) -> Iterator[Any]:
        """See `ItemSource`."""
        return islice(self._values, position, None)

    def name(self, index: int) -> str | int:
        """See `ItemSource`."""
        return index

    def text(self, index: int) -> str:
        """See `ItemSource`."""
        value = self._values[index]
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)

    def shown(self, index: int) -> str:
        """See `ItemSource`."""
        return f"item {index} ({_short(self.text(index))})"

    def within(self, index: int) -> str | None:
        """See `ItemSource`."""
        return None


class FileItems(ValueItems):
    """Files as paths, with the names that the project has for them."""

    def __init__(self, paths: list[Path], names: list[str], within: list[str | None]) -> None:
        super().__init__(paths)
        self._names = names
        self._within = within

    def name(self, index: int) -> str | int:
        """See `ItemSource`."""
        return self._names[index]

    def text(self, index: int) -> str:
        """See `ItemSource`."""
        return self._names[index]

    def shown(self, index: int) -> str:
        """See `ItemSource`."""
        return self._names[index]

    def within(self, index: int) -> str | None:
        """See `ItemSource`."""
        return self._within[index]


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
