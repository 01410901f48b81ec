"""Pure. The tables that pass between the stages: their columns, types and units."""

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

TRANSACTIONS = pa.schema(
    [
        ("timestamp", pa.timestamp("ms")),
        ("from_account", pa.string()),
        ("to_account", pa.string()),
        ("amount_received", pa.float64()),
        ("receiving_currency", pa.string()),
        ("amount_paid", pa.float64()),
        ("payment_currency", pa.string()),
        ("payment_format", pa.string()),
        ("received_cents", pa.int64()),
        ("paid_cents", pa.int64()),
        ("is_laundering", pa.int8()),
    ]
)
"""One row a transaction, in the order of the file. Accounts are `bank_number`, since numbers repeat between banks.

Milliseconds, since Parquet has no seconds. `amount_*` are in the currency named beside them, `*_cents` in US cents.
There is no row number: it would change with every row inserted before it, and with it whatever is computed from the
row.
"""

ACCOUNTS = pa.schema([("account", pa.string()), ("bank", pa.string())])
"""One row an account, sorted by `account`."""

NODE_FEATURES = pa.schema(
    [
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
    ]
)
"""The fifteen features of an account; `features.node_features` says what each is."""

SIGNED_OR_SHARE = ("flow_balance", "foreign_share")
"""The node features that are bounded. All others are counts, dollars or hours: never negative and far from even."""

EDGE_FEATURES = pa.schema(
    [
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
    ]
)
"""The ten features of a transaction; `features.edge_features` says what each is."""

LABEL = ("is_laundering", pa.int8())
"""1 for a laundering transaction, and for an account that sent or received one; else 0."""

NODES = pa.schema([ACCOUNTS.field("account"), *NODE_FEATURES, LABEL])
EDGES = pa.schema([TRANSACTIONS.field("from_account"), TRANSACTIONS.field("to_account"), *EDGE_FEATURES])
EDGE_LABELS = pa.schema([LABEL])
NODE_MATRIX = pa.schema([NODES.field("account"), *((name, pa.float32()) for name in NODE_FEATURES.names), LABEL])


def bank_of(accounts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return the bank in each `bank_number`; the same length and layout."""
    return pc.replace_substring_regex(accounts, "_.*", "")
