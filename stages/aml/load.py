"""Edge. From the raw CSV file to the transactions and the accounts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from .exact import Draws
from .tables import ACCOUNTS, RAW_COLUMNS, RAW_TIMESTAMP, TRANSACTIONS, bank_of

SAMPLE_SEED = 20220901


class Loaded(NamedTuple):
    """What `load` returns: tables `tables.TRANSACTIONS` and `tables.ACCOUNTS`."""

    transactions: pa.Table
    accounts: pa.Table


def load(raw: Path, *, sample_size: int | None, usd_per: Mapping[str, float]) -> Loaded:
    """Read a transaction file in the layout of IBM's AML data (Altman et al. 2023).

    `transactions` keep the file's order. `sample_size`: at most so many of them, drawn evenly, None for all; rows that
    are appended to the file replace few of the sample. `accounts` are always those of the whole file, so that a sample
    leaves accounts without any transaction.
    `usd_per`: US dollars for one unit of each currency; amounts are converted with it and rounded to cents.

    Raises ValueError for another header, for a currency without a rate, an amount below zero or a label other than 0
    and 1; pyarrow.ArrowInvalid, naming the row, for a line that cannot be read.
    """
    if sample_size is not None and sample_size < 1:
        raise ValueError(f"sample_size must be null or at least 1, not {sample_size}")
    table = _read(raw)
    from_account = _keys(table["from_bank"], table["from_number"])
    to_account = _keys(table["to_bank"], table["to_number"])
    accounts = _accounts(from_account, to_account)
    table = table.drop_columns(["from_bank", "from_number", "to_bank", "to_number"])
    table = table.append_column("from_account", from_account).append_column("to_account", to_account)
    if sample_size is not None and sample_size < table.num_rows:
        table = table.take(pa.array(_sample(table.num_rows, sample_size)))
    received = _cents(table["amount_received"], table["receiving_currency"], usd_per)
    paid = _cents(table["amount_paid"], table["payment_currency"], usd_per)
    table = table.append_column("received_cents", received).append_column("paid_cents", paid)
    if pc.any(pc.invert(pc.is_in(table["is_laundering"], pa.array([0, 1], pa.int8())))).as_py():
        raise ValueError(f"{raw.name}: Is Laundering must be 0 or 1 in every row")
    return Loaded(table.select(TRANSACTIONS.names).cast(TRANSACTIONS), accounts)


def _read(raw: Path) -> pa.Table:
    """Return the file's columns under names of their own: two are named Account in the file."""
    with raw.open(encoding="utf-8-sig") as file:
        header = tuple(name.strip().strip('"') for name in file.readline().rstrip("\r\n").split(","))
    if header != RAW_COLUMNS:
        raise ValueError(f"{raw.name}: the header must be\n  {','.join(RAW_COLUMNS)}\nbut is\n  {','.join(header)}")
    types = {
        "timestamp": pa.timestamp("s"),
        "from_bank": pa.string(),
        "from_number": pa.string(),
        "to_bank": pa.string(),
        "to_number": pa.string(),
        "amount_received": pa.float64(),
        "receiving_currency": pa.string(),
        "amount_paid": pa.float64(),
        "payment_currency": pa.string(),
        "payment_format": pa.string(),
        "is_laundering": pa.int8(),
    }
    return csv.read_csv(
        raw,
        read_options=csv.ReadOptions(column_names=list(types), skip_rows=1),
        # Bank numbers begin with zeros and empty text is no null: the types are given, nothing is guessed.
        convert_options=csv.ConvertOptions(
            column_types=types, timestamp_parsers=[RAW_TIMESTAMP], strings_can_be_null=False, null_values=[]
        ),
    )


def _keys(banks: pa.ChunkedArray, numbers: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return `bank_number` for each row."""
    return pc.binary_join_element_wise(banks, numbers, "_")


def _accounts(from_account: pa.ChunkedArray, to_account: pa.ChunkedArray) -> pa.Table:
    """Return every account that occurs, once, sorted."""
    every = pc.unique(pa.chunked_array([*from_account.chunks, *to_account.chunks], pa.string()))
    names = every.take(pc.sort_indices(every))
    return pa.table([names, bank_of(names)], schema=ACCOUNTS)


def _sample(rows: int, size: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return `size` of the row numbers below `rows`, ascending: those that drew the smallest numbers."""
    drawn = Draws(SAMPLE_SEED, 0).uniform(rows)
    return np.sort(np.argsort(drawn, kind="stable")[:size])


def _cents(amounts: pa.ChunkedArray, currencies: pa.ChunkedArray, usd_per: Mapping[str, float]) -> pa.Array:
    """Return the amounts in US cents."""
    codes = pc.index_in(currencies, pa.array(list(usd_per), pa.string()))
    if codes.null_count:
        unknown = sorted(set(pc.unique(currencies).to_pylist()) - usd_per.keys())
        raise ValueError(f"no rate for the currency {', '.join(unknown)}: add it to usd_per")
    values = amounts.to_numpy()
    if len(values) and not (np.isfinite(values).all() and values.min() >= 0):
        raise ValueError("every amount must be a number, zero or more")
    rates = np.array(list(usd_per.values()), dtype=np.float64)[codes.to_numpy()]
    return pa.array(np.rint(values * rates * 100).astype(np.int64))
