"""Pure. The tables that pass between the stages: their columns, types and units.

Shared columns are plain values and no schema is made from another by a method: each stage then depends on the tables
that it names, and adding a feature of accounts leaves the transactions fresh.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

RAW_COLUMNS = (
    "Timestamp",
    "From Bank",
    "Account",
    "To Bank",
    "Account",
    "Amount Received",
    "Receiving Currency",
    "Amount Paid",
    "Payment Currency",
    "Payment Format",
    "Is Laundering",
)
"""The header of the transaction files of IBM's AML data (Altman et al. 2023): two columns are named Account."""

RAW_TIMESTAMP = "%Y/%m/%d %H:%M"

PAYMENT_FORMATS = ("ACH", "Bitcoin", "Cash", "Cheque", "Credit Card", "Reinvestment", "Wire")
"""The formats in those files. The position is the code in `payment_format` of the edge features."""

LABEL = ("is_laundering", pa.int8())
"""1 for a laundering transaction, and for an account that sent or received one; else 0."""

ACCOUNT = ("account", pa.string())
FROM_ACCOUNT = ("from_account", pa.string())
TO_ACCOUNT = ("to_account", pa.string())

TRANSACTIONS = pa.schema(
    [
        ("timestamp", pa.timestamp("ms")),
        FROM_ACCOUNT,
        TO_ACCOUNT,
        ("amount_received", pa.float64()),
        ("receiving_currency", pa.string()),
        ("amount_paid", pa.float64()),
        ("payment_currency", pa.string()),
        ("payment_format", pa.string()),
        ("received_cents", pa.int64()),
        ("paid_cents", pa.int64()),
        LABEL,
    ]
)
"""One row a transaction, in the order of the file. Accounts are `bank_number`, since numbers repeat between banks.

Milliseconds, since Parquet has no seconds. `amount_*` are in the currency named beside them, `*_cents` in US cents.
There is no row number: it would change with every row inserted before it, and with it whatever is computed from the
row.
"""

ACCOUNTS = pa.schema([ACCOUNT, ("bank", pa.string())])
"""One row an account, sorted by `account`."""

NODE_FEATURES = (
    ("sent_count", pa.int64()),
    ("received_count", pa.int64()),
    ("sent_usd", pa.float64()),
    ("received_usd", pa.float64()),
    ("sent_mean_usd", pa.float64()),
    ("received_mean_usd", pa.float64()),
    ("sent_max_usd", pa.float64()),
    ("received_max_usd", pa.float64()),
    ("amount_std_usd", pa.float64()),
    ("receivers", pa.int64()),
    ("senders", pa.int64()),
    ("flow_balance", pa.float64()),
    ("active_hours", pa.float64()),
    ("busiest_window", pa.int64()),
    ("foreign_share", pa.float64()),
)
"""The fifteen features of an account; `features.node_features` says what each is."""

NODE_FEATURE_NAMES = tuple(name for name, _ in NODE_FEATURES)

BOUNDED = ("flow_balance", "foreign_share")
"""The node features with fixed limits. All others are counts, dollars or hours: never negative and far from even."""

NODES = pa.schema([ACCOUNT, *NODE_FEATURES, LABEL])
"""One row an account, in the order of the accounts."""

NODE_MATRIX = pa.schema([ACCOUNT, *((name, pa.float32()) for name in NODE_FEATURE_NAMES), LABEL])
"""The same with features on one scale."""

EDGE_FEATURES = (
    ("amount_log2", pa.float32()),
    ("exchange_ratio", pa.float32()),
    ("hour_sin", pa.float32()),
    ("hour_cos", pa.float32()),
    ("weekend", pa.int8()),
    ("cross_currency", pa.int8()),
    ("cross_bank", pa.int8()),
    ("self_transfer", pa.int8()),
    ("round_amount", pa.int8()),
    ("payment_format", pa.int8()),
)
"""The ten features of a transaction; `features.edge_features` says what each is."""

EDGE_FEATURE_NAMES = tuple(name for name, _ in EDGE_FEATURES)

EDGES = pa.schema([FROM_ACCOUNT, TO_ACCOUNT, *EDGE_FEATURES])
"""One row a transaction, in the order of the transactions; so are `EDGE_LABELS`."""

EDGE_LABELS = pa.schema([LABEL])


def bank_of(accounts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return the bank in each `bank_number`; the same length and layout."""
    return pc.replace_substring_regex(accounts, "_.*", "")
