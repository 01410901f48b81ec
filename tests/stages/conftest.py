"""The demonstration without an engine: its functions called one after another, once a session, on a small file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Demo:
    """Everything that the stages make, by the names of the outs."""

    params: dict[str, Any]
    raw: Path
    transactions: pa.Table
    accounts: pa.Table
    node_features: pa.Table
    edge_features: pa.Table
    edge_labels: pa.Table
    node_feature_matrix: pa.Table
    X_resampled: Any
    y_resampled: Any
    class_weights: dict[str, dict[str, float]]
    graph: Any


@pytest.fixture(scope="session")
def params() -> dict[str, Any]:
    """The committed parameters, but for the number of accounts and the share of laundering, which are small."""
    values: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["synthetic"] |= {"accounts": 600, "transactions_per_account": 7.5, "laundering_share": 0.03}
    return values


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, Any]], Demo]:
    """Return the plain runner: parameters in, all outs out. Tables pass through Parquet, as they do in a real run."""
    from stages.aml.balance import balance
    from stages.aml.features import edge_features, node_features
    from stages.aml.graph import build
    from stages.aml.load import load
    from stages.aml.normalize import normalize
    from stages.aml.synthetic import synthetic
    from stages.aml.weights import weights

    def stored(table: pa.Table) -> pa.Table:
        path = tmp_path_factory.mktemp("table") / "table.parquet"
        pq.write_table(table, path)
        return pq.read_table(path)

    def run(params: dict[str, Any]) -> Demo:
        raw = tmp_path_factory.mktemp("raw") / "transactions.csv"
        synthetic(raw, usd_per=params["usd_per"], **params["synthetic"])
        transactions, accounts = map(stored, load(raw, sample_size=params["sample_size"], usd_per=params["usd_per"]))
        nodes = stored(node_features(accounts, transactions, **params["features"]))
        edges, labels = map(stored, edge_features(transactions))
        matrix = stored(normalize(nodes))
        balanced = balance(matrix, **params["imbalance"])
        return Demo(
            params=params,
            raw=raw,
            transactions=transactions,
            accounts=accounts,
            node_features=nodes,
            edge_features=edges,
            edge_labels=labels,
            node_feature_matrix=matrix,
            X_resampled=balanced.X_resampled,
            y_resampled=balanced.y_resampled,
            class_weights=weights(nodes, labels),
            graph=build(matrix, edges, labels),
        )

    return run


@pytest.fixture(scope="session")
def demo(run: Callable[[dict[str, Any]], Demo], params: dict[str, Any]) -> Demo:
    """The outs of one run."""
    return run(params)
