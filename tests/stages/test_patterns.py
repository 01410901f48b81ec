"""Every pattern has the shape that its name says."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import networkx as nx
import pytest

from stages.aml.exact import Draws
from stages.aml.patterns import PATTERNS

SIZES = range(3, 11)


def payments(name: str, size: int) -> list[tuple[int, int]]:
    return PATTERNS[name](size, Draws(1, size))


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("size", SIZES)
def test_nobody_pays_himself_and_participants_have_no_gaps(name: str, size: int) -> None:
    rows = payments(name, size)
    assert rows
    assert all(payer != paid for payer, paid in rows)
    if name != "random":  # a walk may leave some of its accounts out
        people = {person for row in rows for person in row}
        assert people == set(range(len(people)))


@pytest.mark.parametrize("size", SIZES)
def test_shapes(size: int) -> None:
    assert Counter(payer for payer, _ in payments("fan_out", size)) == {0: size}
    assert Counter(paid for _, paid in payments("fan_in", size)) == {0: size}
    cycle = nx.DiGraph(payments("cycle", size))
    assert len(nx.find_cycle(cycle)) == size == cycle.number_of_edges()
    scatter = nx.DiGraph(payments("scatter_gather", size))
    assert len(list(nx.all_simple_paths(scatter, 0, size + 1))) == size
    gather = nx.DiGraph(payments("gather_scatter", size))
    assert (gather.in_degree(0), gather.out_degree(0)) == (size, size)
    layers = nx.DiGraph(payments("bipartite", size))
    assert layers.number_of_edges() == (size // 2) * (size - size // 2)
    assert nx.dag_longest_path_length(layers) == 1
    assert nx.dag_longest_path_length(nx.DiGraph(payments("stack", size))) == 2
    walk = payments("random", size)
    assert len(walk) == size
    assert all(before[1] == after[0] for before, after in pairwise(walk))


@pytest.mark.parametrize("name", ["gather_scatter", "scatter_gather", "stack"])
def test_money_arrives_before_it_leaves(name: str) -> None:
    rows = payments(name, 6)
    middle = {payer for payer, _ in rows} & {paid for _, paid in rows}
    for account in middle:
        leaves = [at for at, (payer, _) in enumerate(rows) if payer == account]
        arrives = [at for at, (_, paid) in enumerate(rows) if paid == account]
        assert max(arrives) < min(leaves)
