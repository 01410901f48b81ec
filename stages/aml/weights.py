"""Pure. What a mistake on each class should cost."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from sklearn.utils.class_weight import compute_class_weight


def weights(nodes: pa.Table, edges: pa.Table) -> dict[str, dict[str, float]]:
    """Return `{"nodes": {"0": w, "1": w}, "edges": {...}}`, the weights of the labels for a cost-sensitive loss.

    A class weighs rows / (classes * rows of the class), the "balanced" heuristic of scikit-learn after King and Zeng
    (2001), so that both classes weigh the same in sum. From the data as it is, not as resampled: a model takes either
    the weights or the resampled rows. `nodes`, `edges`: tables with `is_laundering`. A class that does not occur has
    no weight.
    """
    return {"nodes": _weights(nodes), "edges": _weights(edges)}


def _weights(table: pa.Table) -> dict[str, float]:
    labels = table["is_laundering"].to_numpy()
    classes = np.unique(labels)
    if not len(classes):
        return {}
    balanced = compute_class_weight("balanced", classes=classes, y=labels)
    return {str(label): float(weight) for label, weight in zip(classes.tolist(), balanced, strict=True)}
