"""Features against a slow and obvious computation, and in parts against the whole."""

from __future__ import annotations

import hashlib
import math
import statistics
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.aml.features import edge_features, node_features
from stages.aml.tables import (
    ACCOUNTS,
    EDGE_FEATURE_NAMES,
    EDGE_LABELS,
    EDGES,
    NODE_FEATURE_NAMES,
    NODE_FEATURES,
    NODES,
    PAYMENT_FORMATS,
    TRANSACTIONS,
)

WINDOW = 24


def obvious(account: str, rows: list[dict[str, Any]], window_hours: int) -> dict[str, Any]:
    """All features of one account, in plain Python."""
    sent = [row for row in rows if row["from_account"] == account]
    received = [row for row in rows if row["to_account"] == account]
    own = sent + [row for row in received if row["from_account"] != account]
    paid, arrived = [row["paid_cents"] for row in sent], [row["received_cents"] for row in received]
    amounts = paid + [row["received_cents"] for row in received if row["from_account"] != account]
    times = sorted(row["timestamp"].timestamp() for row in own)
    flow = sum(paid) + sum(arrived)
    return {
        "account": account,
        "sent_count": len(sent),
        "received_count": len(received),
        "sent_usd": sum(paid) / 100,
        "received_usd": sum(arrived) / 100,
        "sent_mean_usd": sum(paid) / len(paid) / 100 if paid else 0.0,
        "received_mean_usd": sum(arrived) / len(arrived) / 100 if arrived else 0.0,
        "sent_max_usd": max(paid, default=0) / 100,
        "received_max_usd": max(arrived, default=0) / 100,
        "amount_std_usd": statistics.pstdev(amounts) / 100 if amounts else 0.0,
        "receivers": len({row["to_account"] for row in sent} - {account}),
        "senders": len({row["from_account"] for row in received} - {account}),
        "flow_balance": (sum(arrived) - sum(paid)) / flow if flow else 0.0,
        "active_hours": (times[-1] - times[0]) / 3600 if times else 0.0,
        "busiest_window": max(
            (sum(start <= time < start + window_hours * 3600 for time in times) for start in times), default=0
        ),
        "foreign_share": (
            sum(row["payment_currency"] != row["receiving_currency"] for row in own) / len(own) if own else 0.0
        ),
        "is_laundering": int(any(row["is_laundering"] for row in own)),
    }


def assert_same(got: dict[str, Any], want: dict[str, Any]) -> None:
    assert got.keys() == want.keys()
    for name, value in want.items():
        if isinstance(value, float):
            assert got[name] == pytest.approx(value, rel=1e-9, abs=1e-6), name
        else:
            assert got[name] == value, name


def test_there_are_fifteen() -> None:
    assert len(NODE_FEATURES) == 15


@pytest.mark.parametrize("window", [1, 24, 1000])
def test_every_account_as_computed_by_hand(demo: Any, window: int) -> None:
    rows = demo.transactions.to_pylist()
    table = node_features(demo.accounts, demo.transactions, window_hours=window)
    for got in table.to_pylist()[::7]:
        assert_same(got, obvious(got["account"], rows, window))


def row(source: str, target: str, minute: int, cents: int, same: bool = True, bad: bool = False) -> dict[str, Any]:
    return {
        "timestamp": np.datetime64("2022-09-01T00:00", "ms") + np.timedelta64(minute, "m"),
        "from_account": source,
        "to_account": target,
        "amount_received": cents / 100,
        "receiving_currency": "US Dollar",
        "amount_paid": cents / 100,
        "payment_currency": "US Dollar" if same else "Euro",
        "payment_format": "ACH",
        "received_cents": cents,
        "paid_cents": cents,
        "is_laundering": int(bad),
    }


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=TRANSACTIONS)


def accounts_of(names: list[str]) -> pa.Table:
    return pa.table({"account": names, "bank": ["0"] * len(names)}, schema=ACCOUNTS)


names = st.sampled_from([f"01{letter}_8{letter}" for letter in "ABCDEF"])
rows = st.lists(
    st.builds(
        row,
        names,
        names,
        st.integers(min_value=0, max_value=5000),
        st.integers(min_value=0, max_value=10**9),
        st.booleans(),
        st.booleans(),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(rows, st.lists(names, unique=True), st.integers(min_value=1, max_value=50))
def test_any_transactions_of_any_accounts(made: list[dict[str, Any]], chosen: list[str], window: int) -> None:
    transactions = table_of(made)
    got = node_features(accounts_of(sorted(chosen)), transactions, window_hours=window)
    assert got.schema.equals(NODES)
    for one, account in zip(got.to_pylist(), sorted(chosen), strict=True):
        assert_same(one, obvious(account, transactions.to_pylist(), window))


def part(table: pa.Table, accounts: pa.Table) -> pa.Table:
    """The transactions that touch these accounts: what a chunk is given."""
    own = accounts["account"].combine_chunks()
    touches = pc.or_(pc.is_in(table["from_account"], own), pc.is_in(table["to_account"], own))
    return table.filter(touches)


@pytest.mark.parametrize("size", [1, 37, 250, 599])
def test_parts_give_the_rows_of_the_whole_to_the_byte(demo: Any, size: int) -> None:
    columns = [name for name in TRANSACTIONS.names if name not in ("amount_paid", "amount_received", "payment_format")]
    transactions = demo.transactions.select(columns)
    parts = []
    starts = range(0, demo.accounts.num_rows, size)
    for start in starts if size > 1 else [0, 5, 599]:
        accounts = demo.accounts.slice(start, size).select(["account"])
        parts.append((start, node_features(accounts, part(transactions, accounts), window_hours=WINDOW)))
    for start, got in parts:
        assert got.equals(demo.node_features.slice(start, size).cast(NODES))


def test_accounts_without_transactions_have_zeros(demo: Any) -> None:
    alone = accounts_of(["00_0", demo.accounts["account"][0].as_py(), "99_9"])
    got = node_features(alone, demo.transactions, window_hours=WINDOW).to_pylist()
    for one in (got[0], got[2]):
        assert all(value == 0 for name, value in one.items() if name != "account")
    assert got[1] == demo.node_features.to_pylist()[0]


@pytest.mark.parametrize("accounts", [[], ["01_8", "02_8"]])
def test_no_transactions_give_the_same_columns(accounts: list[str]) -> None:
    got = node_features(accounts_of(accounts), table_of([]), window_hours=WINDOW)
    assert got.schema.equals(NODES)
    assert got.num_rows == len(accounts)


def test_no_accounts_with_transactions(demo: Any) -> None:
    assert node_features(accounts_of([]), demo.transactions, window_hours=WINDOW).num_rows == 0


def test_a_transfer_to_oneself_counts_once_and_has_no_other_side() -> None:
    got = node_features(accounts_of(["01_8"]), table_of([row("01_8", "01_8", 0, 500)]), window_hours=1).to_pylist()[0]
    assert (got["sent_count"], got["received_count"], got["busiest_window"]) == (1, 1, 1)
    assert (got["receivers"], got["senders"], got["flow_balance"]) == (0, 0, 0.0)


def test_a_window_excludes_its_end() -> None:
    made = table_of([row("01_8", "02_8", minute, 1) for minute in (0, 30, 60)])
    assert node_features(accounts_of(["01_8"]), made, window_hours=1)["busiest_window"].to_pylist() == [2]


def test_the_unit_of_the_timestamp_does_not_matter(demo: Any) -> None:
    at = demo.transactions.schema.get_field_index("timestamp")
    seconds = demo.transactions.set_column(at, "timestamp", demo.transactions["timestamp"].cast(pa.timestamp("s")))
    nanos = demo.transactions.set_column(at, "timestamp", demo.transactions["timestamp"].cast(pa.timestamp("ns")))
    first, second = (node_features(demo.accounts, table, window_hours=WINDOW) for table in (seconds, nanos))
    assert first.equals(second)
    assert first.equals(demo.node_features.cast(NODES))


def test_nothing_is_missing_and_nothing_constant(demo: Any) -> None:
    for name in NODE_FEATURE_NAMES:
        values = demo.node_features[name].to_numpy()
        assert np.isfinite(values).all(), name
        assert len(np.unique(values)) > 5, name


def test_a_window_below_an_hour_is_refused(demo: Any) -> None:
    with pytest.raises(ValueError, match="window_hours"):
        node_features(demo.accounts, demo.transactions, window_hours=0)


def test_the_numbers_are_these_on_every_machine(demo: Any) -> None:
    """If features change on purpose, so do these lines."""
    digests = {}
    for table in ("node_features", "edge_features"):
        digest = hashlib.sha256()
        for name, column in zip(getattr(demo, table).column_names, getattr(demo, table).columns, strict=True):
            digest.update(name.encode())
            digest.update("\n".join(column.to_pylist()).encode() if "account" in name else column.to_numpy().tobytes())
        digests[table] = digest.hexdigest()[:16]
    assert digests == {"node_features": "5fc2ce6cd564a521", "edge_features": "7c5e67f52cc4eebd"}


def test_edges_as_computed_by_hand(demo: Any) -> None:
    made = demo.transactions.to_pylist()
    got = demo.edge_features.to_pylist()
    assert len(made) == len(got)
    for one, want in zip(got, made, strict=True):
        hour = want["timestamp"].hour
        assert (one["from_account"], one["to_account"]) == (want["from_account"], want["to_account"])
        assert one["amount_log2"] == pytest.approx(math.log2(1 + want["paid_cents"]), abs=0.09)
        assert one["exchange_ratio"] == pytest.approx(want["received_cents"] / want["paid_cents"], rel=1e-6)
        assert one["hour_sin"] == pytest.approx(math.sin(2 * math.pi * hour / 24), abs=1e-6)
        assert one["hour_cos"] == pytest.approx(math.cos(2 * math.pi * hour / 24), abs=1e-6)
        assert one["weekend"] == (want["timestamp"].weekday() >= 5)
        assert one["cross_currency"] == (want["payment_currency"] != want["receiving_currency"])
        assert one["cross_bank"] == (want["from_account"].split("_")[0] != want["to_account"].split("_")[0])
        assert one["self_transfer"] == (want["from_account"] == want["to_account"])
        assert one["round_amount"] == (want["amount_paid"] % 100 == 0)
        assert one["payment_format"] == PAYMENT_FORMATS.index(want["payment_format"])
    assert demo.edge_labels["is_laundering"].to_pylist() == [want["is_laundering"] for want in made]


def test_every_edge_feature_varies(demo: Any) -> None:
    for name in EDGE_FEATURE_NAMES:
        values = demo.edge_features[name].to_numpy()
        assert np.isfinite(values).all(), name
        assert len(np.unique(values)) > 1, name


def test_edges_in_parts_give_the_rows_of_the_whole(demo: Any) -> None:
    for start, size in [(0, 1), (17, 1000), (4000, 500)]:
        got = edge_features(demo.transactions.slice(start, size))
        assert got.edge_features.equals(demo.edge_features.slice(start, size))
        assert got.edge_labels.equals(demo.edge_labels.slice(start, size))


def test_no_edges_give_the_same_columns() -> None:
    got = edge_features(table_of([]))
    assert got.edge_features.schema.equals(EDGES)
    assert got.edge_labels.schema.equals(EDGE_LABELS)


def test_an_unpaid_transaction_has_no_infinite_ratio() -> None:
    got = edge_features(table_of([row("01_8", "02_8", 0, 0)])).edge_features.to_pylist()[0]
    assert (got["exchange_ratio"], got["amount_log2"], got["round_amount"]) == (0.0, 0.0, 0)


def test_an_unknown_format_is_named() -> None:
    made = table_of([{**row("01_8", "02_8", 0, 5), "payment_format": "Barter"}])
    with pytest.raises(ValueError, match="Barter"):
        edge_features(made)
