"""Normalised, balanced, weighted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from stages.aml.balance import balance
from stages.aml.normalize import normalize
from stages.aml.tables import NODE_FEATURE_NAMES, NODE_MATRIX
from stages.aml.weights import weights


def matrix_of(table: pa.Table) -> np.ndarray[Any, Any]:
    return np.column_stack([table[name].to_numpy() for name in NODE_FEATURE_NAMES])


def test_features_have_mean_zero_and_variance_one(demo: Any) -> None:
    values = matrix_of(demo.node_feature_matrix).astype(np.float64)
    assert np.allclose(values.mean(axis=0), 0, atol=1e-5)
    assert np.allclose(values.std(axis=0), 1, atol=1e-5)


def test_order_account_and_label_stay(demo: Any) -> None:
    for name in ("account", "is_laundering"):
        assert demo.node_feature_matrix[name].equals(demo.node_features[name])
    for name in NODE_FEATURE_NAMES:
        before, after = demo.node_features[name].to_numpy(), demo.node_feature_matrix[name].to_numpy()
        by_before = after[np.argsort(before, kind="stable")]
        assert np.all(np.diff(by_before) >= 0), name


def test_a_constant_feature_is_zero_and_no_rows_stay_no_rows(demo: Any) -> None:
    at = demo.node_features.schema.get_field_index("senders")
    same = demo.node_features.set_column(at, "senders", pa.array([3] * demo.node_features.num_rows))
    assert set(normalize(same)["senders"].to_pylist()) == {0.0}
    assert normalize(demo.node_features.slice(0, 0)).schema.equals(NODE_MATRIX)


def test_smote_adds_rows_between_rows_that_launder(demo: Any) -> None:
    nodes = matrix_of(demo.node_feature_matrix)
    labels = demo.node_features["is_laundering"].to_numpy()
    n = len(nodes)
    assert demo.X_resampled.dtype == np.float32
    assert demo.y_resampled.dtype == np.int8
    assert np.array_equal(demo.X_resampled[:n], nodes)
    assert np.array_equal(demo.y_resampled[:n], labels)
    made = demo.X_resampled[n:]
    assert len(made) == n - 2 * labels.sum() > 0
    assert np.all(demo.y_resampled[n:] == 1)
    laundering = nodes[labels == 1]
    assert np.all(made >= laundering.min(axis=0) - 1e-5)
    assert np.all(made <= laundering.max(axis=0) + 1e-5)
    assert np.isfinite(made).all()


def test_the_ratio_and_the_seed_matter(demo: Any) -> None:
    half = balance(demo.node_feature_matrix, ratio=0.8, k_neighbors=5, seed=7)
    ones = int(half.y_resampled.sum())
    assert ones == int(0.8 * (len(half.y_resampled) - ones))
    again = balance(demo.node_feature_matrix, ratio=0.8, k_neighbors=5, seed=7)
    assert again.X_resampled.tobytes() == half.X_resampled.tobytes()
    other = balance(demo.node_feature_matrix, ratio=0.8, k_neighbors=5, seed=8)
    assert other.X_resampled.tobytes() != half.X_resampled.tobytes()


def test_too_few_to_learn_from_is_said_with_what_to_do(demo: Any) -> None:
    with pytest.raises(ValueError, match="raise sample_size"):
        balance(demo.node_feature_matrix, ratio=1.0, k_neighbors=599, seed=7)


def test_weights_are_balanced(demo: Any) -> None:
    for name, table in (("nodes", demo.node_features), ("edges", demo.edge_labels)):
        labels = table["is_laundering"].to_numpy()
        got = demo.class_weights[name]
        assert got["1"] == pytest.approx(len(labels) / (2 * labels.sum()))
        assert got["0"] * (labels == 0).sum() == pytest.approx(got["1"] * labels.sum())


def test_a_class_that_is_absent_has_no_weight() -> None:
    table = pa.table({"is_laundering": pa.array([0, 0], pa.int8())})
    assert weights(table, table.slice(0, 0)) == {"nodes": {"0": 1.0}, "edges": {}}
