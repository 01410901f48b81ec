"""Pure. The transactions as a graph: accounts are nodes, every transaction is an edge of its own.

Strategy: columns, not objects. Half a million nodes and five million edges with attributes are some hundred megabytes
in arrays and many gigabytes as objects of networkx; libraries for graph learning want arrays anyway. `to_networkx`
gives the part, or the whole, that one wants to walk through.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import networkx as nx
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.sparse import csr_array

from .tables import EDGE_FEATURE_NAMES, NODE_FEATURE_NAMES

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class TransactionGraph:
    """A directed graph with parallel edges: N nodes, M edges, sorted by the paying node (compressed sparse rows).

    `accounts` (N,): names as bytes, ascending. `node_features` (N, 15), `node_labels` (N,).
    `offsets` (N + 1,): the edges of node i are those from `offsets[i]` to `offsets[i + 1]`, excluded, in the order of
    the transactions. `targets` (M,): the paid node. `edge_features` (M, 10), `edge_labels` (M,). `rows` (M,): the row
    of each edge in the table of transactions. All arrays are read-only.
    """

    accounts: NDArray[np.bytes_]
    node_features: NDArray[np.float32]
    node_labels: NDArray[np.int8]
    offsets: NDArray[np.int64]
    targets: NDArray[np.int32]
    edge_features: NDArray[np.float32]
    edge_labels: NDArray[np.int8]
    rows: NDArray[np.int32]
    node_feature_names: tuple[str, ...]
    edge_feature_names: tuple[str, ...]

    @property
    def number_of_nodes(self) -> int:
        """N."""
        return len(self.accounts)

    @property
    def number_of_edges(self) -> int:
        """M."""
        return len(self.targets)

    @property
    def sources(self) -> NDArray[np.int32]:
        """The paying node of each edge (M,)."""
        return np.repeat(np.arange(self.number_of_nodes, dtype=np.int32), np.diff(self.offsets))

    def index(self, account: str) -> int:
        """Return the node of this account; raises KeyError."""
        node = int(np.searchsorted(self.accounts, account.encode()))
        if node == self.number_of_nodes or self.accounts[node] != account.encode():
            raise KeyError(account)
        return node

    def adjacency(self) -> csr_array:
        """Return the matrix (N, N) whose entry (i, j) is the number of transactions from i to j."""
        n = self.number_of_nodes
        ones = np.ones(self.number_of_edges, dtype=np.int64)
        # A copy: adding up parallel edges works in place.
        matrix = csr_array((ones, self.targets, self.offsets), shape=(n, n), copy=True)
        matrix.sum_duplicates()
        return matrix

    def around(self, account: str, hops: int = 1) -> list[str]:
        """Return the accounts within so many payments of this one, whichever way the money went; sorted."""
        near = np.zeros(self.number_of_nodes, dtype=bool)
        near[self.index(account)] = True
        sources = self.sources
        for _ in range(hops):
            touching = near[sources] | near[self.targets]
            near[sources[touching]] = True
            near[self.targets[touching]] = True
        return [name.decode() for name in self.accounts[near].tolist()]

    def to_networkx(self, accounts: Iterable[str] | None = None) -> nx.MultiDiGraph[str]:
        """Return these accounts (None: all) and the transactions among them, with all attributes by name.

        Nodes are account names, edge keys are rows of the table of transactions. About a kilobyte of memory for each
        transaction: the whole of a large graph does not fit. Raises KeyError for an account that is not there.
        """
        chosen = np.ones(self.number_of_nodes, dtype=bool)
        if accounts is not None:
            chosen[:] = False
            chosen[[self.index(account) for account in accounts]] = True
        names = [name.decode() for name in self.accounts.tolist()]
        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        for node in np.flatnonzero(chosen).tolist():
            graph.add_node(names[node], **self._node(node))
        sources = self.sources
        for edge in np.flatnonzero(chosen[sources] & chosen[self.targets]).tolist():
            source, target = names[sources[edge]], names[self.targets[edge]]
            graph.add_edge(source, target, key=int(self.rows[edge]), **self._edge(edge))
        return graph

    def _node(self, node: int) -> dict[str, Any]:
        features = dict(zip(self.node_feature_names, self.node_features[node].tolist(), strict=True))
        return {**features, "is_laundering": int(self.node_labels[node])}

    def _edge(self, edge: int) -> dict[str, Any]:
        features = dict(zip(self.edge_feature_names, self.edge_features[edge].tolist(), strict=True))
        return {**features, "is_laundering": int(self.edge_labels[edge])}


def build(nodes: pa.Table, edges: pa.Table, edge_labels: pa.Table) -> TransactionGraph:
    """Return the graph of `tables.NODE_MATRIX`, `tables.EDGES` and `tables.EDGE_LABELS`.

    `nodes` must be sorted by account and `edge_labels` be row for row those of `edges`. The pickle of the result has
    the same bytes whenever the tables have the same values. Raises ValueError for tables that do not fit together.
    """
    names = nodes["account"].combine_chunks()
    if len(names) > 1 and not pc.all(pc.less(names.slice(0, len(names) - 1), names.slice(1))).as_py():
        raise ValueError("the nodes are not sorted by account, or one occurs twice")
    if edges.num_rows != edge_labels.num_rows:
        raise ValueError(f"{edges.num_rows} edges but {edge_labels.num_rows} labels of edges")
    source, target = pc.index_in(edges["from_account"], names), pc.index_in(edges["to_account"], names)
    if source.null_count or target.null_count:
        raise ValueError("an edge names an account that is not among the nodes")
    payer = source.to_numpy()
    rows = np.argsort(payer, kind="stable")
    edge_matrix = np.empty((edges.num_rows, len(EDGE_FEATURE_NAMES)), dtype=np.float32)
    for position, name in enumerate(EDGE_FEATURE_NAMES):
        edge_matrix[:, position] = edges[name].to_numpy()[rows]
    return TransactionGraph(
        accounts=_texts([name.encode() for name in names.to_pylist()]),
        node_features=_settled(np.column_stack([nodes[name].to_numpy() for name in NODE_FEATURE_NAMES]), np.float32),
        node_labels=_settled(nodes["is_laundering"].to_numpy(), np.int8),
        offsets=_settled(np.concatenate([[0], np.cumsum(np.bincount(payer, minlength=len(names)))]), np.int64),
        targets=_settled(target.to_numpy()[rows], np.int32),
        edge_features=_settled(edge_matrix, np.float32),
        edge_labels=_settled(edge_labels["is_laundering"].to_numpy()[rows], np.int8),
        rows=_settled(rows, np.int32),
        node_feature_names=NODE_FEATURE_NAMES,
        edge_feature_names=EDGE_FEATURE_NAMES,
    )


def _texts(names: list[bytes]) -> NDArray[np.bytes_]:
    """Return the names as a read-only array."""
    texts = np.array(names, dtype=np.bytes_)
    texts.flags.writeable = False
    return texts


def _settled(values: NDArray[Any], kind: type[Number]) -> NDArray[Number]:
    """Return a read-only copy in C order whose pickle depends on the values and the shape alone.

    A pickle shows which objects are one and the same, and arrays that come from Arrow have now numpy's own type object,
    now an equal one. `frombuffer` takes the one that it is given.
    """
    plain = np.ascontiguousarray(values, dtype=kind)
    return np.frombuffer(plain.tobytes(), dtype=np.dtype(kind)).reshape(plain.shape)
