"""Pure. What can be said of an account and of a transaction from the data alone.

Strategy: no loop over accounts. Rows are brought to account numbers once, and every feature is a count, a sum or a
maximum by number. An account's features depend on the rows it takes part in, taken in their order, and on nothing else:
a part of the accounts with its own transactions gives the same rows, to the byte, as all of them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .exact import Floats, Ints, log2_linear
from .tables import EDGE_LABELS, EDGES, NODES, PAYMENT_FORMATS, bank_of

# Six places: the last bits of a sine are the C library's own affair.
HOUR_SIN = [round(math.sin(2 * math.pi * hour / 24), 6) for hour in range(24)]
HOUR_COS = [round(math.cos(2 * math.pi * hour / 24), 6) for hour in range(24)]

ROUND_SUM = 100


def node_features(accounts: pa.Table, transactions: pa.Table, *, window_hours: int) -> pa.Table:
    """Return `tables.NODES`: fifteen features and the label of each row of `accounts`, in that order.

    `accounts`: needs `account`, each once. `transactions`: needs the columns of `tables.TRANSACTIONS` but for the
    amounts in their own currency and the payment format; rows of other accounts are passed over. Dollars are of the
    United States.

    - `sent_count`, `received_count`: transactions
    - `sent_usd`, `received_usd`: sums of what was paid and of what arrived
    - `sent_mean_usd`, `received_mean_usd`, `sent_max_usd`, `received_max_usd`: 0 where there is none
    - `amount_std_usd`: standard deviation over all own transactions (of the population: divided by their number)
    - `receivers`, `senders`: different other accounts paid and paid by, the fan-out and fan-in of the patterns in
      Altman et al. (2023) and the degrees of the simple graph, where parallel edges count once
    - `flow_balance`: (received - sent) / (received + sent), from -1 to 1; near 0 money passes through
    - `active_hours`: from the first own transaction to the last
    - `busiest_window`: most own transactions that begin within any `window_hours`
    - `foreign_share`: part of the own transactions that change currency, from 0 to 1

    A transfer to oneself is sent and received; over "own transactions" it counts once; it adds no receiver or sender.
    An account without transactions has zeros throughout. `is_laundering` is 1 for an account with a laundering
    transaction among its own. Raises ValueError for `window_hours` below 1.
    """
    if window_hours < 1:
        raise ValueError(f"features.window_hours must be at least 1, not {window_hours}")
    n = accounts.num_rows
    names = accounts["account"].combine_chunks()
    source, target = _numbers(transactions["from_account"], names), _numbers(transactions["to_account"], names)
    payer, payee = _codes(transactions["from_account"], transactions["to_account"])
    paid = transactions["paid_cents"].to_numpy()
    received = transactions["received_cents"].to_numpy()
    sends, receives = source >= 0, target >= 0
    to_other = payer != payee

    sent_count, received_count = _count(source[sends], n), _count(target[receives], n)
    sent, arrived = _sum(source[sends], paid[sends], n), _sum(target[receives], received[receives], n)

    # One event a transaction and account: what was sent, then what was received from others.
    arrives = receives & to_other
    owner = np.concatenate([source[sends], target[arrives]])
    cents = np.concatenate([paid[sends], received[arrives]]).astype(np.float64)
    seconds = transactions["timestamp"].cast(pa.timestamp("s")).cast(pa.int64()).to_numpy()
    when = np.concatenate([seconds[sends], seconds[arrives]])
    foreign = pc.not_equal(transactions["payment_currency"], transactions["receiving_currency"]).to_numpy()
    laundering = transactions["is_laundering"].to_numpy()
    events = _count(owner, n)
    deviation = cents - _ratio(_sum(owner, cents, n), events)[owner]
    hours, busiest = _pace(owner, when, n, window_hours * 3600)

    columns = {
        "account": names,
        "sent_count": sent_count,
        "received_count": received_count,
        "sent_usd": sent / 100,
        "received_usd": arrived / 100,
        "sent_mean_usd": _ratio(sent, sent_count) / 100,
        "received_mean_usd": _ratio(arrived, received_count) / 100,
        "sent_max_usd": _largest(source[sends], paid[sends], n) / 100,
        "received_max_usd": _largest(target[receives], received[receives], n) / 100,
        "amount_std_usd": np.sqrt(_ratio(_sum(owner, deviation * deviation, n), events)) / 100,
        "receivers": _distinct(source, payee, sends & to_other, n),
        "senders": _distinct(target, payer, arrives, n),
        "flow_balance": _ratio(arrived - sent, arrived + sent),
        "active_hours": hours,
        "busiest_window": busiest,
        "foreign_share": _ratio(_sum(owner, np.concatenate([foreign[sends], foreign[arrives]]), n), events),
        "is_laundering": _largest(owner, np.concatenate([laundering[sends], laundering[arrives]]), n).astype(np.int8),
    }
    return pa.table(columns, schema=NODES)


class Edges(NamedTuple):
    """What `edge_features` returns: tables `tables.EDGES` and `tables.EDGE_LABELS`, row for row the transactions."""

    edge_features: pa.Table
    edge_labels: pa.Table


def edge_features(transactions: pa.Table) -> Edges:
    """Return ten features and the label of each transaction; each row depends on its own row alone.

    - `amount_log2`: `exact.log2_linear` of the US cents paid, about 6.6 for a dollar and 3.3 more for each factor ten
    - `exchange_ratio`: US cents that arrived for one that was paid, 0 where nothing was
    - `hour_sin`, `hour_cos`: hour of the day on a circle, so that 23 is beside 0
    - `weekend`: 1 on Saturday and Sunday
    - `cross_currency`, `cross_bank`, `self_transfer`: 1 if currencies differ, banks differ, accounts are the same
    - `round_amount`: 1 if the amount paid, in its own currency, is a whole number of hundreds
    - `payment_format`: position in `tables.PAYMENT_FORMATS`, the attribute that Altman et al. (2023) give each edge

    Raises ValueError for a payment format that is not among them.
    """
    formats = pc.index_in(transactions["payment_format"], pa.array(PAYMENT_FORMATS, pa.string()))
    if formats.null_count:
        unknown = sorted(set(pc.unique(transactions["payment_format"]).to_pylist()) - set(PAYMENT_FORMATS))
        raise ValueError(f"unknown payment format {', '.join(unknown)}; known are {', '.join(PAYMENT_FORMATS)}")
    payer, payee = transactions["from_account"], transactions["to_account"]
    hour = pc.hour(transactions["timestamp"]).to_numpy()
    paid = transactions["paid_cents"].to_numpy()
    amount = transactions["amount_paid"].to_numpy()
    features = {
        "from_account": payer,
        "to_account": payee,
        "amount_log2": log2_linear(paid),
        "exchange_ratio": _ratio(transactions["received_cents"].to_numpy().astype(np.float64), paid),
        "hour_sin": np.array(HOUR_SIN)[hour],
        "hour_cos": np.array(HOUR_COS)[hour],
        "weekend": pc.greater_equal(pc.day_of_week(transactions["timestamp"]), 5),
        "cross_currency": pc.not_equal(transactions["payment_currency"], transactions["receiving_currency"]),
        "cross_bank": pc.not_equal(bank_of(payer), bank_of(payee)),
        "self_transfer": pc.equal(payer, payee),
        "round_amount": (amount > 0) & (amount % ROUND_SUM == 0),
        "payment_format": formats,
    }
    table = pa.table(features)
    return Edges(table.cast(EDGES), transactions.select(EDGE_LABELS.names).cast(EDGE_LABELS))


def _numbers(column: pa.ChunkedArray, names: pa.Array) -> Ints:
    """Return the position in `names` of each value, -1 where it is not there."""
    found: Ints = pc.fill_null(pc.index_in(column, names), -1).to_numpy().astype(np.int64)
    return found


def _codes(first: pa.ChunkedArray, second: pa.ChunkedArray) -> tuple[Ints, Ints]:
    """Return both columns as numbers that are equal where the texts are."""
    both = pa.chunked_array([*first.chunks, *second.chunks], pa.string())
    codes = pc.index_in(both, pc.unique(both)).to_numpy().astype(np.int64)
    return codes[: len(first)], codes[len(first) :]


def _count(owner: Ints, n: int) -> Ints:
    """Return how often each of 0 to n - 1 occurs."""
    return np.bincount(owner, minlength=n).astype(np.int64)


def _sum(owner: Ints, values: Floats | Ints | NDArray[np.bool_], n: int) -> Floats:
    """Return the sum of the values of each owner, added one by one in their order; exact for cents below 2**53."""
    return np.bincount(owner, weights=values, minlength=n).astype(np.float64, copy=False)


def _largest(owner: Ints, values: Ints, n: int) -> Ints:
    """Return the largest value of each owner, 0 where there is none."""
    largest = np.zeros(n, dtype=np.int64)
    np.maximum.at(largest, owner, values)
    return largest


def _distinct(owner: Ints, other: Ints, wanted: NDArray[np.bool_], n: int) -> Ints:
    """Return how many different `other` each owner has, over the wanted rows."""
    if not wanted.any():
        return np.zeros(n, dtype=np.int64)
    width = int(other.max()) + 1
    return _count(np.unique(owner[wanted] * width + other[wanted]) // width, n)


def _ratio(above: Floats, below: Floats | Ints) -> Floats:
    """Return `above / below`, 0 where `below` is 0."""
    ratio: Floats = np.divide(above, below, out=np.zeros(len(above)), where=below != 0)
    return ratio


def _pace(owner: Ints, when: Ints, n: int, window: int) -> tuple[Floats, Ints]:
    """Return, for each owner, the hours from first to last event and the most events that any window holds.

    A window is `window` seconds long, without its end.
    """
    if not len(owner):
        return np.zeros(n), np.zeros(n, dtype=np.int64)
    first = int(when.min())
    # Each owner gets a stretch of one long time line, with room for a window behind it, so that one search does all.
    stretch = int(when.max()) - first + window
    line = np.sort(owner * stretch + (when - first))
    end = np.searchsorted(line, line + window, side="left")
    at = line // stretch
    begins = np.flatnonzero(np.diff(at, prepend=-1))
    ends = np.append(begins[1:], len(line)) - 1
    hours = np.zeros(n)
    hours[at[begins]] = (line[ends] - line[begins]) / 3600
    return hours, _largest(at, end - np.arange(len(line)), n)
