"""Pure. Node features on one scale."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from sklearn.preprocessing import StandardScaler

from .exact import log2_linear
from .tables import BOUNDED, NODE_FEATURE_NAMES, NODE_MATRIX


def normalize(node_features: pa.Table) -> pa.Table:
    """Return `tables.NODE_MATRIX`: the features of `tables.NODES` with mean 0 and variance 1 over all rows.

    Counts, dollars and hours are taken as `log2_linear` first: they span many orders of magnitude, and one large
    account would else set the scale for all. A feature that is the same in all rows comes out as 0. Account and label
    pass through; the order stays.

    One whole stage on purpose: mean and variance hang on every row, so if one row changes all of the result does, and
    cutting it into chunks would save nothing.
    """
    columns = {
        name: node_features[name].to_numpy() if name in BOUNDED else log2_linear(node_features[name].to_numpy())
        for name in NODE_FEATURE_NAMES
    }
    if node_features.num_rows:
        scaled = StandardScaler().fit_transform(np.column_stack(list(columns.values())))
        columns = dict(zip(columns, scaled.T, strict=True))
    labels = node_features["is_laundering"]
    return pa.table({"account": node_features["account"], **columns, "is_laundering": labels}).cast(NODE_MATRIX)
