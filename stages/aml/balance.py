"""Pure. As many accounts that launder as the model needs to see."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from imblearn.over_sampling import SMOTE
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from .tables import NODE_FEATURE_NAMES


class Balanced(NamedTuple):
    """What `balance` returns: features (rows, 15) as float32 and labels (rows,) as int8."""

    X_resampled: NDArray[np.float32]
    y_resampled: NDArray[np.int8]


def balance(nodes: pa.Table, *, ratio: float, k_neighbors: int, seed: int) -> Balanced:
    """Return the rows of `tables.NODE_MATRIX`, then made-up accounts that launder.

    SMOTE (Chawla et al. 2002): a new row lies on the line from a row of the smaller class to one of its `k_neighbors`
    nearest in that class. `ratio`: rows that launder to rows that do not in the result, more than now and at most 1.
    `seed`: fixes the draw. The first rows are those of `nodes` in their order, features in the order of
    `tables.NODE_FEATURES`.

    Raises ValueError if fewer than `k_neighbors` + 1 accounts launder.
    """
    matrix = np.column_stack([nodes[name].to_numpy() for name in NODE_FEATURE_NAMES])
    labels = nodes["is_laundering"].to_numpy()
    launder = int(labels.sum())
    if launder <= k_neighbors:
        raise ValueError(
            f"{launder} accounts launder, and SMOTE with imbalance.k_neighbors {k_neighbors} needs {k_neighbors + 1}: "
            "raise sample_size or lower imbalance.k_neighbors"
        )
    # A tree and one thread: brute force goes through BLAS, which adds in an order of its own on each machine.
    nearest = NearestNeighbors(n_neighbors=k_neighbors + 1, algorithm="kd_tree", n_jobs=1)
    smote = SMOTE(sampling_strategy=ratio, k_neighbors=nearest, random_state=seed)
    features, resampled = smote.fit_resample(matrix, labels)
    return Balanced(np.ascontiguousarray(features, dtype=np.float32), resampled.astype(np.int8))
