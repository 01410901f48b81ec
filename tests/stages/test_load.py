"""From the raw file to tables."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from stages.aml.load import load
from stages.aml.tables import ACCOUNTS, TRANSACTIONS

HEADER = (
    "Timestamp,From Bank,Account,To Bank,Account,Amount Received,Receiving Currency,"
    "Amount Paid,Payment Currency,Payment Format,Is Laundering\n"
)
LINE = "2022/09/01 00:20,010,8000EBD30,03208,8000F4580,0.01,Euro,13.50,US Dollar,Cheque,0\n"
RATES = {"US Dollar": 1.0, "Euro": 1.5}


def write(path: Path, text: str) -> Path:
    file = path / "raw.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_one_line(tmp_path: Path) -> None:
    transactions, accounts = load(write(tmp_path, HEADER + LINE), sample_size=None, usd_per=RATES)
    assert transactions.to_pylist() == [
        {
            "timestamp": dt.datetime(2022, 9, 1, 0, 20),
            "from_account": "010_8000EBD30",
            "to_account": "03208_8000F4580",
            "amount_received": 0.01,
            "receiving_currency": "Euro",
            "amount_paid": 13.5,
            "payment_currency": "US Dollar",
            "payment_format": "Cheque",
            "received_cents": 2,
            "paid_cents": 1350,
            "is_laundering": 0,
        }
    ]
    assert accounts.to_pylist() == [
        {"account": "010_8000EBD30", "bank": "010"},
        {"account": "03208_8000F4580", "bank": "03208"},
    ]


def test_nothing_is_lost_and_the_order_stays(demo: Any) -> None:
    with demo.raw.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    got = demo.transactions.to_pylist()
    assert [(row["timestamp"].strftime("%Y/%m/%d %H:%M"), row["from_account"], row["to_account"]) for row in got] == [
        (row[0], f"{row[1]}_{row[2]}", f"{row[3]}_{row[4]}") for row in rows
    ]
    assert [(row["amount_paid"], row["payment_currency"], row["is_laundering"]) for row in got] == [
        (float(row[7]), row[8], int(row[10])) for row in rows
    ]
    names = {row["from_account"] for row in got} | {row["to_account"] for row in got}
    assert demo.accounts["account"].to_pylist() == sorted(names)


def test_a_sample_keeps_all_accounts_and_the_order(demo: Any) -> None:
    whole = demo.transactions.to_pylist()
    transactions, accounts = load(demo.raw, sample_size=500, usd_per=demo.params["usd_per"])
    assert accounts.equals(demo.accounts)
    rows = iter(whole)
    assert transactions.num_rows == 500
    assert all(row in rows for row in transactions.to_pylist())  # `in` goes forward only: so it is a subsequence
    half = sum(row["timestamp"] < whole[2250]["timestamp"] for row in transactions.to_pylist())
    assert 150 < half < 350


def test_appended_rows_replace_few_of_a_sample(demo: Any, tmp_path: Path) -> None:
    lines = demo.raw.read_text().splitlines(keepends=True)
    longer = write(tmp_path, "".join([*lines, *lines[1:101]]))
    before, _ = load(demo.raw, sample_size=500, usd_per=demo.params["usd_per"])
    after, _ = load(longer, sample_size=500, usd_per=demo.params["usd_per"])
    kept = [row for row in before.to_pylist() if row in after.to_pylist()]
    assert len(kept) > 450


def test_a_sample_larger_than_the_file_is_all_of_it(demo: Any) -> None:
    transactions, _ = load(demo.raw, sample_size=10**6, usd_per=demo.params["usd_per"])
    assert transactions.equals(demo.transactions)


def test_no_rows_give_the_same_columns(tmp_path: Path) -> None:
    transactions, accounts = load(write(tmp_path, HEADER), sample_size=None, usd_per=RATES)
    assert (transactions.schema, transactions.num_rows) == (TRANSACTIONS, 0)
    assert (accounts.schema, accounts.num_rows) == (ACCOUNTS, 0)


def test_windows_line_ends_a_mark_and_quotes_are_read(tmp_path: Path) -> None:
    text = "\ufeff" + (HEADER + LINE.replace("Cheque", '"Cheque"')).replace("\n", "\r\n")
    transactions, _ = load(write(tmp_path, text), sample_size=None, usd_per=RATES)
    assert transactions["payment_format"].to_pylist() == ["Cheque"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n", "header"),
        (HEADER.replace("Account,To", "Konto,To") + LINE, "Konto"),
        (HEADER + LINE.replace("Euro", "Thaler"), "Thaler"),
        (HEADER + LINE.replace("13.50", "-13.50"), "zero or more"),
        (HEADER + LINE.replace("13.50", "nan"), "must be a number"),
        (HEADER + LINE.replace(",0\n", ",2\n"), "Is Laundering"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        load(write(tmp_path, text), sample_size=None, usd_per=RATES)


@pytest.mark.parametrize("bad", ["2022-09-01", "2022/13/01 00:20", ""])
def test_a_line_that_cannot_be_read_is_refused(tmp_path: Path, bad: str) -> None:
    with pytest.raises(pa.ArrowInvalid):
        load(write(tmp_path, HEADER + LINE.replace("2022/09/01 00:20", bad)), sample_size=None, usd_per=RATES)


def test_a_sample_of_nothing_is_refused(demo: Any) -> None:
    with pytest.raises(ValueError, match="sample_size"):
        load(demo.raw, sample_size=0, usd_per=RATES)
