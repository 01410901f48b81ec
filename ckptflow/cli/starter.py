"""Edge. The files that `ckptflow init` begins a project with: an example that runs, small enough to be read."""

from __future__ import annotations

import random

PIPELINE = """\
# yaml-language-server: $schema=.ckptflow/pipeline.schema.json
stages:
  load:
    call: stages:load
    deps: {raw: data/orders.csv}
    outs: {orders: data/orders.parquet}

  customers:
    call: stages:customers
    deps: {orders: data/orders.parquet}
    params: [large_order]
    chunk: {by: {orders: customer}, rows: 500}    # about 500 orders each, all of a customer in one chunk
    outs: {customers: data/customers.parquet}
"""

STAGES = '''\
"""The stages of this pipeline: ordinary functions that can be imported and tested."""

import pyarrow as pa
import pyarrow.compute as pc


def load(raw: pa.Table) -> pa.Table:
    """Give the columns of the raw file the types that the other stages count on."""
    return raw.cast(pa.schema([("order", pa.int64()), ("customer", pa.string()), ("amount", pa.float64())]))


def customers(orders: pa.Table, large_order: float) -> pa.Table:
    """Return a row a customer: number of orders, their sum, and how many were large."""
    orders = orders.append_column("large", pc.greater_equal(orders["amount"], large_order).cast(pa.int64()))
    totals = orders.group_by("customer", use_threads=False).aggregate(
        [("order", "count"), ("amount", "sum"), ("large", "sum")]
    )
    return totals.rename_columns(["customer", "orders", "amount", "large_orders"]).sort_by("customer")
'''

PARAMS = """\
large_order: 400.0
"""

BARE_PIPELINE = """\
# yaml-language-server: $schema=.ckptflow/pipeline.schema.json
stages: {}
"""

IGNORED_OUTS = ("/data/*.parquet", "__pycache__/")
"""What git is not to keep, in the example."""


def orders_csv(rows: int = 5000) -> str:
    """Return the example's data: `rows` orders of some hundred customers, the same at every call."""
    chance = random.Random(rows)
    lines = [
        f"{order},C{chance.randrange(rows // 10):04d},{chance.randrange(100, 50000) / 100:.2f}"
        for order in range(1, rows + 1)
    ]
    return "order,customer,amount\n" + "\n".join(lines) + "\n"
