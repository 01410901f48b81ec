"""Tables with every kind of column, and strategies that make them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest


@pytest.fixture
def make_rows() -> Callable[..., pa.Table]:
    """Return a maker of tables with many distinct rows: `make_rows(count, seed)`."""

    def make(count: int, seed: int = 0) -> pa.Table:
        rng = np.random.default_rng(seed)
        names = [f"account-{number}" for number in rng.integers(0, 10**6, count)]
        return pa.table(
            {
                "id": rng.integers(0, 10**9, count),
                "amount": rng.normal(size=count),
                "name": pa.array(names, mask=rng.random(count) < 0.1),
            }
        )

    return make
