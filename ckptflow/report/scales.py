"""Edge. Axes of charts: values to positions, and the ticks between which people read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

from ..dataclass import dataclass
from ..spec.model import Value
from ..spec.nodes import scalar_text

Number: TypeAlias = int | float

_LEAST_MARGIN = 0.5
_LARGEST, _SMALLEST = 1e300, 1e-290  # so that steps and what they add up to are ordinary numbers
_ALIKE = 1e-9  # of their size: closer numbers have no digits left to tell places apart


@dataclass(frozen=True, slots=True)
class Scale:
    """Positions of values along one axis. `ticks` are (position, text); positions go from 0 to 1."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    names: dict[str, int] | None = None

    def place(self, value: Value) -> float | None:
        """Return where `value` lies, None where it has no place: none at all, no number, too large."""
        if self.names is not None:
            index = self.names.get(text_of(value))
            return None if index is None else (index - self.low) / (self.high - self.low)
        number = number_of(value)
        return None if number is None else (number - self.low) / (self.high - self.low)


def number_of(value: Value) -> float | None:
    """Return `value` as a number that can be drawn, None where it is none, or beyond all measure."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    if not abs(number) <= _LARGEST:  # nor a number at all
        return None
    return number if abs(number) >= _SMALLEST else 0.0


def text_of(value: Value) -> str:
    """Return `value` as the name of a category."""
    return str(value) if isinstance(value, list | dict) else scalar_text(value)


def scale_of(values: Sequence[Value], *, most: int = 6) -> Scale:
    """Return the scale of an axis: of numbers where all values are numbers (or nothing), else of names in their order.

    `most` is about how many ticks there is room for.
    """
    known = [value for value in values if value is not None]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        numbers = [number for value in known if (number := number_of(value)) is not None]
        return _of_numbers(numbers, most)
    return of_names([text_of(value) for value in known], most)


def fitting(scale: Scale, columns: int) -> Scale:
    """Return a scale of names with only as many ticks as fit into so many columns, each at most a third wide."""
    if scale.names is None or not scale.names:
        return scale
    longest = min(max(map(len, scale.names)), columns // 3)
    return of_names(list(scale.names), max(1, columns // (longest + 2)))


def of_names(texts: Sequence[str], most: int) -> Scale:
    """Return the scale of categories, in the order in which they come first; of many, only some bear their name."""
    names = {name: index for index, name in enumerate(dict.fromkeys(texts))}
    every = math.ceil(len(names) / most) if names else 1
    low, high = -_LEAST_MARGIN, len(names) - _LEAST_MARGIN if names else _LEAST_MARGIN
    ticks = tuple(((i - low) / (high - low), name) for name, i in names.items() if i % every == 0)
    return Scale(low, high, ticks, names)


def _of_numbers(numbers: Sequence[float], most: int) -> Scale:
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 1.0)
    size = max(abs(low), abs(high))
    if high - low <= _ALIKE * size:
        margin = size / 10 or _LEAST_MARGIN
        low, high = low - margin, high + margin
    step = _step(high / most - low / most)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    low, high = first * step, last * step
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    ticks = tuple(((i - first) / (last - first), tick_text(i * step, digits)) for i in range(first, last + 1))
    return Scale(low, high, ticks)


def _step(rough: float) -> float:
    """Return the next of 1, 2, 5, 10, ... times a power of ten."""
    power = 10.0 ** math.floor(math.log10(max(rough, 5e-300)))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)


def tick_text(number: float, digits: int) -> str:
    """Return a tick's number with just the digits that its step needs; very large and small ones as powers of ten."""
    if number and (abs(number) >= 1e6 or digits > 5):
        mantissa, _, power = f"{number:.3g}".partition("e")
        return f"{mantissa}e{int(power)}" if power else mantissa
    return f"{number:.{digits}f}" if round(number, digits) else "0"
