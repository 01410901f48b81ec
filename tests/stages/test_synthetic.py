"""The made-up file: layout, shares, and the same bytes every time."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stages.aml.synthetic import synthetic
from stages.aml.tables import PAYMENT_FORMATS, RAW_COLUMNS


def make(path: Path, params: dict[str, Any], **changed: Any) -> Path:
    arguments = {**params["synthetic"], "usd_per": params["usd_per"], **changed}
    synthetic(path, **arguments)
    return path


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))[1:]


def test_the_header_is_that_of_the_real_files(demo: Any) -> None:
    assert demo.raw.read_text().splitlines()[0] == (
        "Timestamp,From Bank,Account,To Bank,Account,Amount Received,Receiving Currency,"
        "Amount Paid,Payment Currency,Payment Format,Is Laundering"
    )


def test_lines_look_like_those_of_the_real_files(demo: Any) -> None:
    import re

    line = re.compile(
        r"2022/\d\d/\d\d \d\d:\d\d,0\d+,8[0-9A-F]{8},0\d+,8[0-9A-F]{8},"
        r"\d+\.\d+,[A-Za-z ]+,\d+\.\d+,[A-Za-z ]+,[A-Za-z ]+,[01]"
    )
    lines = demo.raw.read_text().splitlines()[1:]
    assert len(lines) == 4500
    assert all(line.fullmatch(text) for text in lines)
    assert sorted(lines, key=lambda text: text[:16]) == lines


def test_every_account_sends_and_the_share_of_laundering_is_met(demo: Any) -> None:
    rows = rows_of(demo.raw)
    assert len({(row[1], row[2]) for row in rows}) == 600
    laundering = sum(row[-1] == "1" for row in rows)
    assert 0.03 * 4500 <= laundering <= 0.03 * 4500 + 100


def test_amounts_have_the_decimals_of_their_currency(demo: Any) -> None:
    at = RAW_COLUMNS.index("Amount Paid")
    decimals = {(row[at + 1] == "Bitcoin", len(row[at].split(".")[1])) for row in rows_of(demo.raw)}
    assert decimals == {(True, 6), (False, 2)}
    assert all(float(row[at]) > 0 for row in rows_of(demo.raw))


def test_formats_follow_from_the_payment(demo: Any) -> None:
    at = RAW_COLUMNS.index("Payment Format")
    for row in rows_of(demo.raw):
        assert row[at] in PAYMENT_FORMATS
        if row[-1] == "0":
            assert (row[at] == "Reinvestment") == (row[1:3] == row[3:5])
    assert Counter(row[at] for row in rows_of(demo.raw) if row[-1] == "1").most_common(1)[0][0] == "ACH"


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path, params: dict[str, Any]) -> None:
    small = {"accounts": 50, "transactions_per_account": 3}
    first = make(tmp_path / "a.csv", params, **small).read_bytes()
    assert make(tmp_path / "b.csv", params, **small).read_bytes() == first
    assert make(tmp_path / "c.csv", params, **small, seed=8).read_bytes() != first
    # The bytes are these on every machine; if they change on purpose, so does this line.
    assert hashlib.sha256(first).hexdigest() == "f0fd549de2d13f0d57987c089fc439bc295c918b1e098617d05da4328bedbf6b"


def test_the_order_of_the_rates_does_not_matter(tmp_path: Path, params: dict[str, Any]) -> None:
    small = {"accounts": 50, "transactions_per_account": 3}
    other = dict(reversed(list(params["usd_per"].items())))
    first = make(tmp_path / "a.csv", params, **small).read_bytes()
    assert make(tmp_path / "b.csv", params, **small, usd_per=other).read_bytes() == first


def test_blocks_leave_no_trace(tmp_path: Path, params: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"accounts": 50, "transactions_per_account": 3}
    whole = make(tmp_path / "a.csv", params, **small).read_bytes()
    monkeypatch.setattr("stages.aml.synthetic.BLOCK", 7)
    assert make(tmp_path / "b.csv", params, **small).read_bytes() == whole


def test_no_laundering_and_one_currency_are_possible(tmp_path: Path, params: dict[str, Any]) -> None:
    path = make(tmp_path / "a.csv", params, accounts=50, laundering_share=0.0, patterns=[], usd_per={"Yen": 0.0071})
    assert {(row[-1], row[6], row[8]) for row in rows_of(path)} == {("0", "Yen", "Yen")}


@pytest.mark.parametrize("name", ["cycle", "fan_in"])
def test_only_the_wanted_patterns_are_drawn(tmp_path: Path, params: dict[str, Any], name: str) -> None:
    path = make(tmp_path / "a.csv", params, accounts=200, patterns=[name], laundering_share=0.01)
    laundering = [((row[1], row[2]), (row[3], row[4])) for row in rows_of(path) if row[-1] == "1"]
    senders, receivers = {row[0] for row in laundering}, {row[1] for row in laundering}
    assert (senders == receivers) == (name == "cycle")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"patterns": ["fan_out", "spiral"]}, "spiral"),
        ({"patterns": []}, "patterns"),
        ({"accounts": 5}, "40 accounts"),
        ({"days": 0}, "1 day"),
        ({"transactions_per_account": 0.5}, "too few"),
    ],
)
def test_impossible_arguments_are_named(
    tmp_path: Path, params: dict[str, Any], changed: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        make(tmp_path / "a.csv", params, **changed)
