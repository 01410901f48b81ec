"""Pure. The shapes in which laundered money moves: the eight patterns of Altman et al. (2023), section on patterns.

A pattern is a list of payments between participants 0, 1, 2, ... in the order in which they happen.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TypeAlias

from .exact import Draws

Payment: TypeAlias = tuple[int, int]
"""Who pays, who is paid."""


def fan_out(size: int, draws: Draws) -> list[Payment]:
    """One pays `size` others."""
    return [(0, other) for other in range(1, size + 1)]


def fan_in(size: int, draws: Draws) -> list[Payment]:
    """`size` others pay one."""
    return [(other, 0) for other in range(1, size + 1)]


def gather_scatter(size: int, draws: Draws) -> list[Payment]:
    """`size` pay one, who then pays `size` others."""
    return fan_in(size, draws) + [(0, other) for other in range(size + 1, 2 * size + 1)]


def scatter_gather(size: int, draws: Draws) -> list[Payment]:
    """One pays `size` others, who then all pay the same last one."""
    return fan_out(size, draws) + [(other, size + 1) for other in range(1, size + 1)]


def cycle(size: int, draws: Draws) -> list[Payment]:
    """Money goes through `size` accounts and comes back to the first."""
    return [(step, (step + 1) % size) for step in range(size)]


def random(size: int, draws: Draws) -> list[Payment]:
    """Money walks `size` steps among `size` accounts, never staying; unlike a cycle it need not come back."""
    walk = [0]
    for jump in draws.below(size - 1, size):
        walk.append((walk[-1] + 1 + int(jump)) % size)
    return list(pairwise(walk))


def bipartite(size: int, draws: Draws) -> list[Payment]:
    """Every one of half of the accounts pays every one of the other half."""
    left = size // 2
    return [(payer, paid) for payer in range(left) for paid in range(left, size)]


def stack(size: int, draws: Draws) -> list[Payment]:
    """Two bipartite layers, the second paid by those whom the first paid."""
    third = max(1, size // 3)
    first = [(payer, third + paid) for payer in range(third) for paid in range(third)]
    return first + [(third + payer, 2 * third + paid) for payer in range(third) for paid in range(third)]


PATTERNS: dict[str, Callable[[int, Draws], list[Payment]]] = {
    "bipartite": bipartite,
    "cycle": cycle,
    "fan_in": fan_in,
    "fan_out": fan_out,
    "gather_scatter": gather_scatter,
    "random": random,
    "scatter_gather": scatter_gather,
    "stack": stack,
}
