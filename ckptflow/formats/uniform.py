"""Edge. Records of one shape, a type a field, as batches of a table: one can be written while the next is made.

The table is the one that `mappings.to_table` makes of them, which is asked where records turn out to differ
(`NotUniform`, at once or after some batches).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from .mappings import BLOCK, MOST_FIELDS, arrow_type, free, metadata
from .marshalled import HELD, Runs, by_run, column, runs_of

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 65_536
"""Records of a batch, which becomes a row group."""

_KINDS = (float, int, bool, str, bytes)
_NOTHING = type(None)


class NotUniform(Exception):
    """The records differ in their keys, or the values of a key in their types; or it is no mapping of records."""


def to_batches(value: object) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Return a mapping of records as the schema and the batches of its table.

    Raises `NotUniform`, as do the batches when they are asked for. A batch counts until the next but one is asked for:
    its memory is used again.
    """
    import pyarrow as pa

    if type(value) is not dict or not value:
        raise NotUniform
    keys, rows = list(value), list(value.values())
    shape = list(rows[0]) if type(rows[0]) is dict else []
    width = len(shape)
    if not 0 < width <= MOST_FIELDS or not {*map(type, shape)} <= {str, int}:
        raise NotUniform
    known = _Shape(shape)
    values = known.values(rows[:BLOCK])
    fields = [_Field("key", _kind(keys[:BLOCK]), set())]
    for i, key in enumerate(shape):
        fields.append(_Field(str(key), _kind(values[i::width]), {each.name for each in fields}))
    own, *others = fields
    doc = {
        "keys": own.described(),
        "shapes": [shape],
        "shape": None,
        "fields": [{"key": key, **each.described()} for key, each in zip(shape, others, strict=True)],
    }
    try:
        schema = pa.schema([(each.name, each.arrow) for each in fields], metadata=metadata(doc))
    except UnicodeEncodeError as error:
        raise NotUniform from error
    return schema, _batches(keys, rows, known, own, others, schema)


def _batches(
    keys: list[Any], rows: list[Any], shape: _Shape, own: _Field, fields: list[_Field], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    spare: list[list[Any]] = []
    for start in range(0, len(rows), BATCH_ROWS):
        size = min(BATCH_ROWS, len(rows) - start)
        own.begin(None)
        own.take(keys[start : start + size], 0, size)
        runs = runs_of([each.kind for each in fields]) if all(each.is_numbers for each in fields) else None
        arrays = [array[:, :size] for array in _arrays(runs, spare)]
        for each, array in zip(fields, chain(*arrays) if runs else repeat(None)):  # noqa: B905 - without end
            each.begin(array)
        for at in range(0, size, BLOCK):
            values = shape.values(rows[start + at : start + min(at + BLOCK, size)])
            found = by_run(values, runs) if runs is not None else None
            if found is not None:
                for array, piece in zip(arrays, found, strict=True):
                    array[:, at : at + piece.shape[1]] = piece
                continue
            runs = None  # a value is missing, or a number is large: field by field to the end of the batch
            for i, each in enumerate(fields):
                each.take(values[i :: len(fields)], at, size)
        yield pa.record_batch([each.finish() for each in (own, *fields)], schema=schema)


def _arrays(runs: Runs | None, spare: list[list[Any]]) -> list[Any]:
    """Return arrays for a batch, those of the batch before the last again: fresh memory costs more than to fill it."""
    import numpy as np

    if runs is None:
        return []
    new = spare.pop(0) if len(spare) > 1 else [np.empty((n, BATCH_ROWS), HELD[kind]) for kind, n in runs]
    spare.append(new)
    return new


class _Shape:
    """The keys that all records have, in their order."""

    def __init__(self, keys: list[Any]) -> None:
        self._width = len(keys)
        self._many = keys * BLOCK
        self._texts = {*map(type, keys)} == {str}

    def values(self, rows: list[Any]) -> list[Any]:
        """Return the values of at most `BLOCK` records one after the other. Raises `NotUniform` for other keys."""
        if {*map(type, rows)} != {dict}:
            raise NotUniform
        keys = list(chain.from_iterable(rows))
        count = self._width * len(rows)  # with a key less somewhere it is less, since no record has a key twice
        if len(keys) != count or keys != (self._many if count == len(self._many) else self._many[:count]):
            raise NotUniform
        if not self._texts and not {*map(type, keys)} <= {str, int}:  # True equals 1
            raise NotUniform
        return list(chain.from_iterable(map(dict.values, rows)))


def _kind(values: list[Any]) -> type:
    kinds = {*map(type, values)} - {_NOTHING}
    if len(kinds) != 1 or not kinds <= {*_KINDS}:
        raise NotUniform
    return kinds.pop()


class _Field:
    """One column: its values of a batch, as an array while they are numbers, else as a list."""

    def __init__(self, name: str, kind: type, taken: set[str]) -> None:
        self.kind = kind
        self.name = free(name, taken)
        self.arrow = arrow_type(kind, name)[1]
        self.is_numbers = kind in HELD
        self._array: Any = None
        self._list: list[Any] = []

    def described(self) -> dict[str, Any]:
        """Return what the metadata says of it."""
        return {"columns": [[self.kind.__name__, self.name]]}

    def begin(self, array: Any) -> None:
        """Begin a batch. `array` is filled from outside, as far as `take` is not called."""
        self._array, self._list = array, []

    def take(self, values: list[Any], at: int, size: int) -> None:
        """Add values, which begin at `at` in a batch of a known size."""
        import numpy as np

        if self.is_numbers:
            found = column(values) if type(values[0]) is self.kind else None
            if found is None and self.kind is int and {*map(type, values)} == {int}:
                try:
                    found = np.array(values, HELD[int])
                except OverflowError:
                    raise NotUniform from None
            if found is not None:
                if self._array is None:
                    self._array = np.empty(size, HELD[self.kind])
                self._array[at : at + len(values)] = found
                return
            self.is_numbers = False  # from here on some may be missing
            self._list = [] if self._array is None else self._array[:at].tolist()
            self._array = None
        self._list += values

    def finish(self) -> pa.Array:
        """Return the values of the batch."""
        import pyarrow as pa

        if self._array is not None:
            return pa.array(self._array)
        if not {*map(type, self._list)} <= {self.kind, _NOTHING}:
            raise NotUniform
        try:
            return pa.array(self._list, self.arrow, from_pandas=False)
        except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
            raise NotUniform from error
