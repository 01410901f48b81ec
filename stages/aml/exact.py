"""Pure. Numbers that come out the same on every machine and with every version of numpy.

`np.log`, `np.exp` and the distributions of `np.random.Generator` do not: their last bits depend on the processor or may
change with a release. What is here uses only what IEEE 754 fixes (add, multiply, divide, `frexp`, `ldexp`) and the raw
stream of PCG64, which numpy promises to keep.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


def log2_linear(x: Floats | Ints) -> Floats:
    """Return log2(1 + x) for x >= 0, exact at powers of two and linear between them.

    Continuous, strictly growing, never more than 0.0861 below the true logarithm. Same shape as `x`.
    """
    mantissa, exponent = np.frexp(1.0 + np.asarray(x, dtype=np.float64))
    linear: Floats = (exponent - 1) + (2.0 * mantissa - 1.0)
    return linear


def exp2_linear(y: Floats) -> Floats:
    """Return the x for which `log2_linear(x - 1)` is `y`: 2 ** y, linear between whole exponents."""
    whole = np.floor(y)
    power: Floats = np.ldexp(1.0 + (y - whole), whole.astype(np.int64))
    return power


class Draws:
    """A stream of random numbers that `seed` and `stream` fix for good; each call takes the next ones."""

    def __init__(self, seed: int, stream: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence([seed, stream]))

    def uniform(self, n: int) -> Floats:
        """Return `n` numbers in [0, 1), multiples of 2**-53."""
        raw = np.asarray(self._bits.random_raw(n), dtype=np.uint64)
        unit: Floats = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return unit

    def below(self, limit: int, n: int) -> Ints:
        """Return `n` whole numbers in [0, limit), all as likely, for limits far below 2**53."""
        return self.low(limit, n, 1)

    def low(self, limit: int, n: int, power: int) -> Ints:
        """Return `n` whole numbers in [0, limit), the lower the likelier: uniform ones to this power, scaled."""
        unit = self.uniform(n)
        scaled = unit.copy()
        for _ in range(power - 1):
            scaled *= unit
        return np.floor(scaled * limit).astype(np.int64)

    def bell(self, n: int) -> Floats:
        """Return `n` numbers of mean 0 and variance 1, near to normal: twelve uniform ones added, less six."""
        total = np.zeros(n)
        for _ in range(12):
            total += self.uniform(n)
        bell: Floats = total - 6.0
        return bell

    def order(self, n: int) -> Ints:
        """Return the numbers 0 to n - 1 in random order."""
        return np.argsort(self.uniform(n), kind="stable").astype(np.int64)
