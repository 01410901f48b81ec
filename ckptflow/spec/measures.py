"""Pure. Sizes and durations as people write them: `64MiB`, `10kB`, `3h50m`, `1.5h`.

The patterns are the whole grammar: what matches can be converted. They stand in the JSON Schema too, so they keep to
what Python's and ECMA's regular expressions have in common.
"""

from __future__ import annotations

import re

_AMOUNT = r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"

SIZE = rf"^(?=.*[1-9]){_AMOUNT} ?(?:[kKMGT]i?)?[bB]$"
DURATION = rf"^(?=.*[1-9])(?:{_AMOUNT}d)?(?:{_AMOUNT}h)?(?:{_AMOUNT}m)?(?:{_AMOUNT}s)?(?:{_AMOUNT}ms)?$"

_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_SECONDS = {"d": "86400", "h": "3600", "m": "60", "s": "1", "ms": "0.001"}
_PIECE = re.compile(rf"({_AMOUNT})(ms|[dhms])")
_LONGEST = 40


def parse_size(text: str) -> int | None:
    """Return the bytes that `text` names (`kB` 1000, `KiB` 1024), at least 1; None where it is not a size."""
    if len(text) > _LONGEST or not re.fullmatch(SIZE, text):
        return None
    from decimal import Decimal  # costs more than all else here: not for a pipeline that names no size

    amount, unit = re.fullmatch(r"([0-9.]+) ?(.*)[bB]", text).groups()  # type: ignore[union-attr]  # SIZE has matched
    base = 1024 if unit.endswith("i") else 1000
    return int(Decimal(amount) * base ** _POWERS[unit.removesuffix("i").lower()]) or None


def parse_duration(text: str) -> float | None:
    """Return the seconds that `text` names, more than 0; None where it is not a duration."""
    if len(text) > _LONGEST or not re.fullmatch(DURATION, text):
        return None
    from decimal import Decimal

    return float(sum(Decimal(amount) * Decimal(_SECONDS[unit]) for amount, unit in _PIECE.findall(text)))
