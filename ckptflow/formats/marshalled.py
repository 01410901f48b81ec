"""Pure. Numbers out of lists of Python objects, with proof that each has the type it should have.

`marshal` writes a letter for the type of each object and then its bytes. So one pass of C code gives NumPy the values,
and a look at the letters tells that no whole number, truth value or subclass is among floats. What the letters mean has
not changed since version 2 of that format, which is the one asked for.
"""

from __future__ import annotations

import marshal
from collections.abc import Sequence
from itertools import groupby
from typing import Any

_HEAD = 5  # of a marshalled list: a letter and its length
_FORMS = {float: (b"g", "<f8", 9), int: (b"i", "<i4", 5), bool: (b"TF", "u1", 1)}
"""By type: the letters for it, what follows the letter (a truth value is its letter), the bytes of both."""

HELD = {float: "f8", int: "i8", bool: "?"}
"""By type: what NumPy holds its values as."""

Runs = list[tuple[type, int]]
"""Fields side by side of one type: that, and how many."""


def runs_of(kinds: Sequence[type]) -> Runs | None:
    """Return the runs of equal types, in order. None where one is not float, int or bool."""
    if not set(kinds) <= set(_FORMS):
        return None
    return [(kind, len(list(same))) for kind, same in groupby(kinds)]


def by_run(values: list[Any], runs: Runs) -> list[Any] | None:
    """Return records that lie one after the other in `values` as arrays, one a run: fields by records.

    None where a value has another type than its run, or a whole number does not fit 32 bits.
    """
    import numpy as np

    stride = sum(n * _FORMS[kind][2] for kind, n in runs)
    rows = len(values) // sum(n for _, n in runs)
    try:
        data = marshal.dumps(values, 2)
    except ValueError:
        return None
    if len(data) != _HEAD + rows * stride:
        return None
    found = []
    offset = _HEAD
    for kind, n in runs:
        letters, form, size = _FORMS[kind]
        seen = np.ndarray((rows, n), "u1", data, offset, (stride, size))
        known = seen == letters[0]
        if not (known.all() if len(letters) == 1 else (known | (seen == letters[1])).all()):
            return None
        own = known if kind is bool else np.ndarray((rows, n), form, data, offset + 1, (stride, size))
        found.append(own.T)
        offset += n * size
    return found


def column(values: list[Any]) -> Any:
    """Return values of one type, which is float, int or bool exactly, as an array; None for others."""
    import numpy as np

    kind = type(values[0]) if values else None
    found = by_run(values, [(kind, 1)]) if kind in _FORMS else None
    return None if found is None or kind is None else np.ascontiguousarray(found[0][0], HELD[kind])
