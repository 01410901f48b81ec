"""Pure. Keys of any type as values that compare alike in every dep, whatever the width or the encoding of the column.

A key belongs to a family; keys of one family are compared by value (int8 with uint64, string with large_string, seconds
with nanoseconds, decimals of any scale), keys of two families never. Numbers and times become int64 ordinals in their
order, text and decimals become bytes in theirs. Of floats -0.0 is 0.0, and NaN is one key, the last. Times beyond the
years 1677 to 2262 all count as the first or the last nanosecond that int64 holds.
"""

from __future__ import annotations

import datetime
from decimal import Context, Decimal
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..dataclass import dataclass
from .content import Hashes, Places, factor, mixed, whole_text_hashes

_NS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_LEAST, _MOST = -(2**63), 2**63 - 1
_SCALE = 76  # no decimal has more digits behind the point
_WIDTH = 96  # bytes for 10**228, the largest decimal in units of 10**-76
_ZERO = 1 << (8 * _WIDTH - 1)
_EXACT = Context(prec=300, Emax=999, Emin=-999)


class Family(StrEnum):
    """What can be compared with each other; the text is for people."""

    INTEGER = "integer"
    FLOAT = "float"
    TEXT = "text"
    BINARY = "binary"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time of day"
    TIMESTAMP = "timestamp without time zone"
    INSTANT = "timestamp with time zone"
    DURATION = "duration"
    DECIMAL = "decimal"


AS_BYTES = frozenset({Family.TEXT, Family.BINARY, Family.DECIMAL})


@dataclass(frozen=True, slots=True)
class Keys:
    """A column of keys: `ordinals` or `texts` (large_binary) has the values, the other is None; `nulls` where none is.

    `outside` marks integers that have no ordinal of their own: below or above all that the ordinals can say.
    """

    nulls: npt.NDArray[np.bool_]
    ordinals: Places | None = None
    texts: pa.LargeBinaryArray | None = None
    outside: npt.NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.nulls)

    def hashes(self) -> Hashes:
        """Return a mixed hash a key, of its value; anything for nulls."""
        if self.ordinals is not None:
            return mixed(self.ordinals.view(np.uint64) * factor(3000))
        return bytes_hashes(self.texts)


def family_of(kind: pa.DataType) -> Family | None:
    """Return the family of keys of type `kind`, None for a column of nulls alone. Raises ValueError for other types."""
    types = pa.types
    if types.is_dictionary(kind) or types.is_run_end_encoded(kind):
        return family_of(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return family_of(kind.storage_type)
    if types.is_null(kind):
        return None
    if types.is_timestamp(kind):
        return Family.TIMESTAMP if kind.tz is None else Family.INSTANT
    tests = (
        (types.is_boolean, Family.BOOLEAN),
        (types.is_integer, Family.INTEGER),
        (types.is_floating, Family.FLOAT),
        (types.is_decimal, Family.DECIMAL),
        (types.is_date, Family.DATE),
        (types.is_time, Family.TIME),
        (types.is_duration, Family.DURATION),
        (_is_text, Family.TEXT),
        (_is_binary, Family.BINARY),
    )
    for test, family in tests:
        if test(kind):
            return family
    raise ValueError(f"a column of type {kind} cannot be a key: take one of numbers, text, times or booleans")


def keys_of(array: pa.Array, *, unsigned: bool) -> Keys:
    """Return the keys of `array`, which is of no dictionary type. Raises ValueError for a type that cannot be a key.

    `unsigned` chooses what integers the ordinals stand for: 0 to 2**64 - 1, else -2**63 to 2**63 - 1.
    """
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_run_end_encoded(array.type):
        array = pc.run_end_decode(array)
    nulls = array.is_null().to_numpy(zero_copy_only=False)
    family = family_of(array.type)
    match family:
        case None:
            return Keys(nulls, np.zeros(len(array), np.int64))
        case Family.TEXT | Family.BINARY:
            return Keys(nulls, texts=_binary(array))
        case Family.DECIMAL:
            texts = [None if value is None else _decimal_bytes(value) for value in array.to_pylist()]
            return Keys(nulls, texts=pa.array(texts, pa.large_binary()))
        case Family.INTEGER:
            return _integers(array, nulls, unsigned=unsigned)
        case Family.FLOAT:
            return Keys(nulls, _float_ordinals(array))
        case _:
            return Keys(nulls, _time_ordinals(array))


def bytes_hashes(texts: pa.LargeBinaryArray) -> Hashes:
    """Return a mixed hash a value of `texts`, of all its bytes; anything for nulls."""
    data, offsets = buffers(texts)
    return whole_text_hashes(data, offsets[:-1], offsets[1:])


def buffers(texts: pa.LargeBinaryArray) -> tuple[npt.NDArray[np.uint8], Places]:
    """Return the bytes of all values one after the other, and the offsets of the values among them, from 0."""
    if not len(texts):
        return np.empty(0, np.uint8), np.zeros(1, np.int64)
    _, raw_offsets, raw = texts.buffers()
    offsets = np.frombuffer(raw_offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.empty(0, np.uint8) if raw is None else np.frombuffer(raw, np.uint8)
    return data[offsets[0] : offsets[-1]], offsets - offsets[0]


def leading_words(texts: pa.LargeBinaryArray, skip: int) -> Hashes:
    """Return the eight bytes of each text behind its first `skip` as a big-endian number, zeros behind its end."""
    data, offsets = buffers(texts)
    padded = np.concatenate((data, np.zeros(8, np.uint8)))
    words = np.ndarray((len(padded) - 7,), np.dtype(">u8"), buffer=padded, strides=(1,))
    starts = np.minimum(offsets[:-1] + skip, offsets[1:])
    missing = 8 - np.minimum(offsets[1:] - starts, 8)
    near = words[starts].astype(np.uint64)
    # Zero what belongs to the next text. Shifting by all 64 bits is undefined, so in two steps.
    half = (missing * 4).astype(np.uint64)
    kept: Hashes = near >> half >> half << half << half
    return kept


def plain(array: pa.Array) -> pa.Array:
    """Return a column in one array, without a dictionary."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
        array = pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def check_family(family: Family | None, kind: pa.DataType) -> None:
    """Raise ValueError unless keys of type `kind` compare with those of `family`, that of the first dep."""
    other = family_of(kind)
    if family is not None and other is not None and other is not family:
        raise ValueError(f"keys of type {kind} ({other}) do not compare with those of the first dep ({family})")


def ordinal_text(ordinal: int, family: Family | None, *, unsigned: bool) -> str:
    """Return the key with this ordinal as people write it."""
    match family:
        case Family.FLOAT:
            bits = ordinal if ordinal >= 0 else ordinal ^ _MOST
            return repr(float(np.array([bits], np.int64).view(np.float64)[0]))
        case Family.BOOLEAN:
            return "true" if ordinal else "false"
        case Family.DATE:
            return str(np.datetime64(ordinal, "D"))
        case Family.TIMESTAMP | Family.INSTANT:
            return str(np.datetime64(ordinal, "ns")).rstrip("0").rstrip(".")
        case Family.TIME:
            seconds, rest = divmod(ordinal, 10**9)
            clock = (datetime.datetime.min + datetime.timedelta(seconds=seconds)).time().isoformat()
            return f"{clock}.{rest:09}" if rest else clock
        case Family.DURATION:
            return f"{ordinal / 10**9:g} s"
        case _:
            return str(ordinal + 2**63 if unsigned else ordinal)


def bytes_text(key: bytes, family: Family | None) -> str:
    """Return the key with these bytes as people write it."""
    match family:
        case Family.DECIMAL:
            number = Decimal(int.from_bytes(key, "big") - _ZERO)
            return f"{number.scaleb(-_SCALE, _EXACT).normalize(_EXACT):f}"
        case Family.BINARY:
            return key.hex()
        case _:
            return key.decode(errors="replace")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_binary(kind: pa.DataType) -> bool:
    types = pa.types
    plain = types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
    return bool(plain or types.is_fixed_size_binary(kind))


def _binary(array: pa.Array) -> pa.LargeBinaryArray:
    if _is_text(array.type):
        array = array.cast(pa.large_string())
    return array.cast(pa.large_binary())


def _integers(array: pa.Array, nulls: npt.NDArray[np.bool_], *, unsigned: bool) -> Keys:
    numbers = pc.fill_null(array, 0).to_numpy(zero_copy_only=False)
    wide = numbers.dtype == np.uint64
    outside = None
    if unsigned and not wide:
        outside = numbers < 0
        numbers = np.where(outside, 0, numbers)
    elif wide and not unsigned:
        outside = numbers > np.uint64(_MOST)
        numbers = np.where(outside, np.uint64(_MOST), numbers)
    biased = numbers.astype(np.uint64) ^ np.uint64(1 << 63) if unsigned else numbers
    return Keys(nulls, biased.view(np.int64) if unsigned else biased.astype(np.int64), outside=outside)


def _float_ordinals(array: pa.Array) -> Places:
    numbers = pc.fill_null(array, 0).to_numpy(zero_copy_only=False).astype(np.float64) + 0.0  # -0.0 becomes 0.0
    bits = numbers.view(np.int64)
    ordinals: Places = np.where(bits < 0, bits ^ np.int64(_MOST), bits)
    ordinals[np.isnan(numbers)] = _MOST
    return ordinals


def _time_ordinals(array: pa.Array) -> Places:
    kind = array.type
    types = pa.types
    if types.is_boolean(kind):
        return np.asarray(pc.fill_null(array, False).to_numpy(zero_copy_only=False), np.int64)
    whole = pc.fill_null(array.view(pa.int32() if kind.bit_width == 32 else pa.int64()), 0)
    numbers: Places = np.asarray(whole.to_numpy(zero_copy_only=False), np.int64)
    if types.is_date32(kind):
        return numbers
    if types.is_date64(kind):
        return numbers // 86_400_000
    times = _NS[kind.unit]
    ordinals = numbers * times
    ordinals[numbers > _MOST // times] = _MOST
    ordinals[numbers < _LEAST // times + 1] = _LEAST
    return ordinals


def _decimal_bytes(value: Decimal) -> bytes:
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    number: int = int("".join(map(str, digits))) * 10 ** (exponent + _SCALE)
    return (_ZERO + (-number if sign else number)).to_bytes(_WIDTH, "big")
