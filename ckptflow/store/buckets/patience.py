"""Edge. How long to go on asking a server that does not answer.

A pause is random between nothing and a bound that doubles each time: machines that failed together do not come back
together. A first try is followed by others until `timeout` seconds have passed since it began, and by one in any case.

The library meant for this (`stamina`) was tried: it prints a warning for every repetition unless the hooks of the
whole process are changed, which is not for a library to do, and its clock and pauses cannot be handed in by a test.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from ...dataclass import dataclass, field
from ..bucket import Unavailable

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on: `timeout` seconds since the first try; the first pause is at most `first` seconds, and none
    is longer than `longest`. Clock, sleep and chance can be handed in.
    """

    timeout: float
    first: float = 0.2
    longest: float = 5.0
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    chance: Callable[[], float] = field(default=random.random, repr=False)

    def tries(self) -> Iterator[bool]:
        """Yield at the start of each try whether it is the last; between two of them a pause is made."""
        end = self.clock() + self.timeout
        longest = min(self.longest, self.timeout / 4)
        bound = min(self.first, longest)
        last = False
        yield last
        while not last:
            if self.clock() < end:
                self.sleep(self.chance() * bound)
                bound = min(2 * bound, longest)
            last = self.clock() >= end
            yield last

    def again(self, effect: Callable[[], _T]) -> _T:
        """Return what `effect` returns; do it again while it raises `Unavailable`, and raise that in the end."""
        for last in self.tries():
            try:
                return effect()
            except Unavailable:
                if last:
                    raise
        raise AssertionError("tries end with a last one")
