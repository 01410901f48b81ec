"""The graph: its counts, its parts, its bytes."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from stages.aml.graph import build
from stages.aml.tables import EDGE_FEATURE_NAMES, NODE_FEATURE_NAMES

ROOT = Path(__file__).parents[2]


def test_counts(demo: Any) -> None:
    assert demo.graph.number_of_nodes == demo.accounts.num_rows == 600
    assert demo.graph.number_of_edges == demo.transactions.num_rows == 4500
    assert demo.graph.node_features.shape == (600, 15)
    assert demo.graph.edge_features.shape == (4500, 10)


def test_every_transaction_is_an_edge_at_its_row(demo: Any) -> None:
    graph, rows = demo.graph, demo.transactions.to_pylist()
    names = [name.decode() for name in graph.accounts.tolist()]
    assert names == demo.accounts["account"].to_pylist()
    assert sorted(graph.rows.tolist()) == list(range(4500))
    features = demo.edge_features.to_pylist()
    for edge, (source, target, at) in enumerate(zip(graph.sources, graph.targets, graph.rows, strict=True)):
        assert (names[source], names[target]) == (rows[at]["from_account"], rows[at]["to_account"])
        assert graph.edge_labels[edge] == rows[at]["is_laundering"]
        assert graph.edge_features[edge].tolist() == [features[at][name] for name in EDGE_FEATURE_NAMES]
    assert np.all(np.diff(graph.offsets) == demo.node_features["sent_count"].to_numpy())


def test_nothing_can_be_changed(demo: Any) -> None:
    for graph in (demo.graph, pickle.loads(pickle.dumps(demo.graph, protocol=5))):
        for name in ("accounts", "node_features", "targets", "offsets", "edge_labels"):
            assert not getattr(graph, name).flags.writeable, name


def test_adjacency_counts_parallel_edges(demo: Any) -> None:
    want = Counter(
        zip(demo.transactions["from_account"].to_pylist(), demo.transactions["to_account"].to_pylist(), strict=True)
    )
    matrix = demo.graph.adjacency().tocoo()
    names = demo.accounts["account"].to_pylist()
    got = {(names[i], names[j]): int(n) for i, j, n in zip(matrix.row, matrix.col, matrix.data, strict=True)}
    assert got == want
    assert len(demo.graph.targets) == 4500  # and the graph is as it was


def test_networkx_has_all_attributes(demo: Any) -> None:
    whole = demo.graph.to_networkx()
    assert (whole.number_of_nodes(), whole.number_of_edges()) == (600, 4500)
    matrix, rows = demo.node_feature_matrix.to_pylist(), demo.edge_features.to_pylist()
    for one in matrix[::50]:
        account = one.pop("account")
        assert whole.nodes[account] == one
    for source, target, at, attributes in list(whole.edges(keys=True, data=True))[::100]:
        want = {**rows[at], "is_laundering": demo.edge_labels["is_laundering"][at].as_py()}
        assert (want.pop("from_account"), want.pop("to_account")) == (source, target)
        assert attributes == want
    assert list(next(iter(whole.nodes(data=True)))[1]) == [*NODE_FEATURE_NAMES, "is_laundering"]


def test_a_part_of_it_in_networkx(demo: Any) -> None:
    centre = demo.accounts["account"][10].as_py()
    near = demo.graph.around(centre)
    whole = demo.graph.to_networkx()
    assert near == sorted({centre, *whole.successors(centre), *whole.predecessors(centre)})
    assert set(demo.graph.around(centre, hops=2)) > set(near)
    assert demo.graph.around(centre, hops=0) == [centre]
    some = demo.graph.to_networkx(near)
    want = whole.subgraph(near)
    assert set(some.nodes) == set(want.nodes)
    assert set(some.edges(keys=True)) == set(want.edges(keys=True))
    with pytest.raises(KeyError):
        demo.graph.index("99_nobody")


def test_tables_that_do_not_fit_are_refused(demo: Any) -> None:
    matrix, edges, labels = demo.node_feature_matrix, demo.edge_features, demo.edge_labels
    with pytest.raises(ValueError, match="not among the nodes"):
        build(matrix.slice(1), edges, labels)
    with pytest.raises(ValueError, match="sorted"):
        build(matrix.take(list(range(599, -1, -1))), edges, labels)
    with pytest.raises(ValueError, match="labels"):
        build(matrix, edges, labels.slice(1))


def test_no_rows_make_an_empty_graph(demo: Any) -> None:
    graph = build(demo.node_feature_matrix.slice(0, 0), demo.edge_features.slice(0, 0), demo.edge_labels.slice(0, 0))
    assert (graph.number_of_nodes, graph.number_of_edges, graph.offsets.tolist()) == (0, 0, [0])
    assert graph.to_networkx().number_of_nodes() == 0


def test_the_pickle_comes_back(demo: Any) -> None:
    again = pickle.loads(pickle.dumps(demo.graph, protocol=5))
    assert again.edge_feature_names == tuple(EDGE_FEATURE_NAMES)
    assert again.to_networkx().number_of_edges() == 4500


def test_the_pickle_has_the_same_bytes_in_other_processes(demo: Any, tmp_path: Path) -> None:
    for name in ("node_feature_matrix", "edge_features", "edge_labels"):
        # Other row groups on purpose: how the values lie in memory must not show.
        pq.write_table(getattr(demo, name), tmp_path / f"{name}.parquet", row_group_size=333)
    program = """
import hashlib, pickle, sys
import pyarrow.parquet as pq
from stages.aml.graph import build
tables = [pq.read_table(f"{sys.argv[1]}/{n}.parquet") for n in ("node_feature_matrix", "edge_features", "edge_labels")]
print(hashlib.sha256(pickle.dumps(build(*tables), protocol=5)).hexdigest())
"""
    here = hashlib.sha256(pickle.dumps(demo.graph, protocol=5)).hexdigest()
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == here
