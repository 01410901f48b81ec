"""`pipeline.yaml` gives every function its arguments and nothing else; two runs are the same to the byte."""

from __future__ import annotations

import importlib
import inspect
import pickle
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

ROOT = Path(__file__).parents[2]
STAGES: dict[str, Any] = yaml.safe_load((ROOT / "pipeline.yaml").read_text(encoding="utf-8"))["stages"]
PARAMS: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))


def value(name: str) -> Any:
    found: Any = PARAMS
    for key in name.split("."):
        found = found[key]
    return found


def path_of(dep: Any) -> str:
    text = dep["path"] if isinstance(dep, dict) else dep
    return re.sub(r"\$\{([^}]+)\}", lambda match: str(value(match[1])), text)


def test_the_steps() -> None:
    assert list(STAGES) == [
        "synthetic",
        "data_loaded",
        "node_features",
        "edge_features",
        "normalized",
        "imbalanced",
        "weights",
        "graph_created",
    ]


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_gives_its_function_just_its_arguments(name: str) -> None:
    stage = STAGES[name]
    module, function = stage["call"].split(":")
    signature = inspect.signature(getattr(importlib.import_module(module), function))
    given = {*stage.get("deps", {}), *(param.rpartition(".")[2] for param in stage.get("params", []))}
    files = {out for out, path in stage["outs"].items() if path.endswith(".csv")}
    assert given | files == set(signature.parameters)
    for param in stage.get("params", []):
        value(param)


def test_every_dep_is_an_out() -> None:
    outs = [path_of(out) for stage in STAGES.values() for out in stage["outs"].values()]
    assert len(set(outs)) == len(outs)
    for stage in STAGES.values():
        for dep in stage.get("deps", {}).values():
            assert path_of(dep) in outs


def test_declared_columns_are_enough(demo: Any) -> None:
    from stages.aml.features import node_features
    from stages.aml.weights import weights

    deps = STAGES["node_features"]["deps"]
    accounts = demo.accounts.select(deps["accounts"]["columns"])
    transactions = demo.transactions.select(deps["transactions"]["columns"])
    assert node_features(accounts, transactions, window_hours=24).num_rows == 600
    nodes = demo.node_features.select(STAGES["weights"]["deps"]["nodes"]["columns"])
    assert weights(nodes, demo.edge_labels) == demo.class_weights


def test_a_second_run_gives_the_same_bytes(run: Any, demo: Any, tmp_path: Path) -> None:
    again = run(demo.params)
    assert again.raw.read_bytes() == demo.raw.read_bytes()
    for name in ("transactions", "accounts", "node_features", "edge_features", "edge_labels", "node_feature_matrix"):
        written = []
        for number, one in enumerate((demo, again)):
            path = tmp_path / f"{name}{number}.parquet"
            pq.write_table(getattr(one, name), path)
            written.append(path.read_bytes())
        assert written[0] == written[1], name
    for name in ("X_resampled", "y_resampled", "class_weights", "graph"):
        assert pickle.dumps(getattr(again, name), 5) == pickle.dumps(getattr(demo, name), 5), name


def test_a_sample_goes_through_all_steps(run: Any, params: dict[str, Any]) -> None:
    sampled = run({**params, "sample_size": 1500})
    assert sampled.graph.number_of_nodes == 600
    assert sampled.graph.number_of_edges == 1500
    idle = sampled.node_features.filter(sampled.node_features["busiest_window"].to_numpy() == 0)
    assert idle.num_rows > 0


def test_labels_are_as_rare_as_asked_for(demo: Any) -> None:
    edges = demo.edge_labels["is_laundering"].to_numpy()
    nodes = demo.node_features["is_laundering"].to_numpy()
    touched = {
        account
        for row in demo.transactions.to_pylist()
        if row["is_laundering"]
        for account in (row["from_account"], row["to_account"])
    }
    assert 0.03 <= edges.mean() < 0.06
    assert nodes.sum() == len(touched)
    assert demo.y_resampled.mean() == 0.5
