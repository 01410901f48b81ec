"""Edge. A transaction file in the layout of IBM's AML data, made up from a seed. No line of it is real.

It stands in for the real files, which are too large to ship, and is like them in what matters to a pipeline: amounts,
currencies and payment formats are far from even, few accounts pay often, most payments go to who was paid before, and a
small share of the payments are laundering in known patterns (`patterns`). It is not a simulation of people, as the
original is: use it to try and to measure the pipeline, not to judge a model.

Memory: about a hundred bytes a transaction, 0.7 GB for five million; the text is written block by block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from .exact import Draws, Floats, Ints, exp2_linear
from .patterns import PATTERNS
from .tables import PAYMENT_FORMATS, RAW_COLUMNS

FIRST_DAY = np.datetime64("2022-09-01T00:00", "m")
MINUTES_A_DAY = 24 * 60
HOUR_WEIGHTS = (2, 1, 1, 1, 1, 2, 3, 5, 8, 10, 11, 11, 10, 10, 10, 10, 9, 8, 7, 6, 5, 4, 3, 2)

SELF_TRANSFERS = 0.08
REGULAR_PAYMENTS = 0.62
CONTACTS = 4
CROSS_CURRENCY = 0.015

ORDINARY_FORMATS = {"Cheque": 0.38, "Credit Card": 0.27, "ACH": 0.13, "Cash": 0.10, "Wire": 0.12}
LAUNDERING_FORMATS = {"ACH": 0.86, "Cheque": 0.07, "Cash": 0.04, "Wire": 0.03}

BITCOIN = "Bitcoin"
DOLLAR = "US Dollar"
BLOCK = 200_000


PAYMENT = np.dtype(
    [
        ("source", np.int32),
        ("target", np.int32),
        ("minute", np.int32),
        ("cents", np.int64),
        ("paid_currency", np.int8),
        ("received_currency", np.int8),
        ("payment_format", np.int8),
        ("laundering", np.int8),
    ]
)
"""Who pays whom (account numbers), when (minutes from the first day), how much (US cents), and codes of the rest."""

Ledger: TypeAlias = NDArray[np.void]
"""Payments (n,) of type `PAYMENT`."""


def synthetic(
    raw: Path,
    *,
    accounts: int,
    transactions_per_account: float,
    laundering_share: float,
    patterns: Sequence[str],
    days: int,
    seed: int,
    usd_per: Mapping[str, float],
) -> None:
    """Write `raw`: a CSV file of `round(accounts * transactions_per_account)` transactions in order of time.

    `accounts`: how many there are; each sends at least one transaction.
    `laundering_share`: the part of the transactions that are laundering, rounded up to whole patterns.
    `patterns`: names of `patterns.PATTERNS` to draw from, each as likely as the others.
    `days`: ordinary transactions fall into so many days from 2022/09/01; what is laundered late may end after them.
    `usd_per`: US dollars for one unit of each currency; the US dollar, where it is among them, is the most usual.

    The same arguments give the same bytes. Raises ValueError for arguments that cannot be met.
    """
    unknown = sorted(set(patterns) - PATTERNS.keys())
    if unknown or (laundering_share > 0 and not patterns):
        raise ValueError(f"patterns must name some of {', '.join(PATTERNS)}; not known: {', '.join(unknown) or 'none'}")
    if accounts < 40 or days < 1:
        raise ValueError(f"at least 40 accounts and 1 day are needed, not {accounts} and {days}")
    # The order of a mapping is no part of a recipe, so the result must not hang on it.
    currencies = sorted(usd_per, key=lambda name: (name != DOLLAR, name))
    rates = np.array([usd_per[name] for name in currencies], dtype=np.float64)
    total = round(accounts * transactions_per_account)
    home = _home_currencies(accounts, len(currencies), Draws(seed, 1))
    laundered = _laundered(round(total * laundering_share), patterns, days, home, Draws(seed, 2))
    ordinary = total - len(laundered)
    if ordinary < accounts:
        raise ValueError(f"{total} transactions are too few: each of {accounts} accounts must send an ordinary one")
    ledger = np.concatenate([_ordinary(ordinary, days, home, currencies, Draws(seed, 3)), laundered])
    in_time = ledger[np.argsort(ledger["minute"], kind="stable")]
    _write(raw, in_time, _names(accounts, Draws(seed, 4)), currencies, rates)


def _home_currencies(accounts: int, currencies: int, draws: Draws) -> NDArray[np.int8]:
    """Return each account's currency: the first for four of ten, any for the others."""
    anywhere = draws.below(currencies, accounts)
    return np.where(draws.uniform(accounts) < 0.4, 0, anywhere).astype(np.int8)


def _codes(shares: Mapping[str, float], n: int, draws: Draws) -> NDArray[np.int8]:
    """Return `n` payment format codes, drawn by their shares."""
    limits = np.cumsum(list(shares.values()))
    codes = np.array([PAYMENT_FORMATS.index(name) for name in shares], dtype=np.int8)
    drawn: NDArray[np.int8] = codes[np.searchsorted(limits[:-1], draws.uniform(n), side="right")]
    return drawn


def _ordinary(n: int, days: int, home: NDArray[np.int8], currencies: Sequence[str], draws: Draws) -> Ledger:
    """Return `n` payments that are not laundering; the first `len(home)` have one sender each."""
    accounts = len(home)
    popularity = draws.order(accounts)
    frequent = popularity[draws.low(accounts, n - accounts, 2)]
    source = np.concatenate([np.arange(accounts), frequent])

    kind = draws.uniform(n)
    contact = draws.low(CONTACTS, n, 2)
    contacts = draws.below(accounts, accounts * CONTACTS)
    to_popular = popularity[draws.low(accounts, n, 3)]
    to_contact = contacts[source * CONTACTS + contact]
    target = np.where(kind < SELF_TRANSFERS + REGULAR_PAYMENTS, to_contact, to_popular)
    target = np.where(target == source, (target + 1) % accounts, target)
    to_self = kind < SELF_TRANSFERS
    target = np.where(to_self, source, target)

    hours = np.repeat(np.arange(24), HOUR_WEIGHTS)
    minute = draws.below(days, n) * MINUTES_A_DAY + hours[draws.below(len(hours), n)] * 60 + draws.below(60, n)
    # Half of the payments are below some 400 dollars, one of a thousand above 180,000; one of ten is a round sum.
    dollars = exp2_linear(8.7 + 2.9 * draws.bell(n))
    cents = np.where(draws.uniform(n) < 0.1, np.ceil(dollars / 100) * 10_000, np.rint(dollars * 100))

    paid = home[source]
    received = np.where((draws.uniform(n) < CROSS_CURRENCY) & ~to_self, home[target], paid)
    payment_format = _codes(ORDINARY_FORMATS, n, draws)
    if BITCOIN in currencies:
        payment_format[paid == currencies.index(BITCOIN)] = PAYMENT_FORMATS.index(BITCOIN)
    payment_format[to_self] = PAYMENT_FORMATS.index("Reinvestment")
    ledger = np.zeros(n, dtype=PAYMENT)
    ledger["source"], ledger["target"], ledger["minute"] = source, target, minute
    ledger["cents"] = np.maximum(cents, 1)
    ledger["paid_currency"], ledger["received_currency"] = paid, received
    ledger["payment_format"] = payment_format
    return ledger


def _laundered(wanted: int, patterns: Sequence[str], days: int, home: NDArray[np.int8], draws: Draws) -> Ledger:
    """Return whole patterns of payments, at least `wanted` payments in all."""
    rows: list[tuple[int, int, int, int, int]] = []
    while len(rows) < wanted:
        shape = PATTERNS[patterns[int(draws.below(len(patterns), 1)[0])]]
        payments = shape(3 + int(draws.below(8, 1)[0]), draws)
        people = _distinct(1 + max(max(payment) for payment in payments), len(home), draws)
        start = draws.below(days * MINUTES_A_DAY, 1)[0]
        minutes = start + np.cumsum(draws.below(8 * 60, len(payments)))
        base = exp2_linear(12.0 + 3.0 * draws.uniform(1))[0] * 100
        cents = np.rint(base * (0.8 + 0.2 * draws.uniform(len(payments))))
        currency = int(home[people[0]])
        rows += [
            (people[payer], people[paid], int(minute), int(amount), currency)
            for (payer, paid), minute, amount in zip(payments, minutes, cents, strict=True)
        ]
    table = np.array(rows, dtype=np.int64).reshape(-1, 5).T
    ledger = np.zeros(len(rows), dtype=PAYMENT)
    ledger["source"], ledger["target"], ledger["minute"], ledger["cents"] = table[:4]
    ledger["paid_currency"] = ledger["received_currency"] = table[4]
    ledger["payment_format"] = _codes(LAUNDERING_FORMATS, len(rows), draws)
    ledger["laundering"] = 1
    return ledger


def _distinct(n: int, accounts: int, draws: Draws) -> list[int]:
    """Return `n` different accounts."""
    chosen: dict[int, None] = {}
    while len(chosen) < n:
        chosen[int(draws.below(accounts, 1)[0])] = None
    return list(chosen)


def _names(accounts: int, draws: Draws) -> tuple[pa.Array, pa.Array]:
    """Return the bank and the number of each account; numbers are hexadecimal, all different."""
    banks = draws.low(max(2, accounts // 20), accounts, 2)
    numbers = np.arange(accounts, dtype=np.uint64) * np.uint64(2_654_435_761) % np.uint64(2**32)
    return (
        pa.array([f"0{10 + bank}" for bank in banks.tolist()], pa.string()),
        pa.array([f"8{number:08X}" for number in numbers.tolist()], pa.string()),
    )


def _write(
    raw: Path, ledger: Ledger, names: tuple[pa.Array, pa.Array], currencies: Sequence[str], rates: Floats
) -> None:
    """Write the ledger as text; `names` are the banks and the numbers of the accounts."""
    banks, numbers = names
    currency_names = pa.array(currencies, pa.string())
    bitcoin = np.array([name == BITCOIN for name in currencies])
    formats = pa.array(PAYMENT_FORMATS, pa.string())
    minutes = FIRST_DAY + np.arange(int(ledger["minute"].max()) + 1)
    clock = pa.array([text.replace("-", "/").replace("T", " ") for text in np.datetime_as_string(minutes).tolist()])
    options = csv.WriteOptions(include_header=False, quoting_style="none")
    schema = pa.schema([(f"{position}", pa.string()) for position in range(len(RAW_COLUMNS))])
    with raw.open("wb") as file:
        file.write((",".join(RAW_COLUMNS) + "\n").encode())
        with csv.CSVWriter(file, schema, write_options=options) as writer:
            for start in range(0, len(ledger), BLOCK):
                part = ledger[start : start + BLOCK]
                columns = [
                    clock.take(part["minute"]),
                    banks.take(part["source"]),
                    numbers.take(part["source"]),
                    banks.take(part["target"]),
                    numbers.take(part["target"]),
                    _amounts(part["cents"], rates[part["received_currency"]], bitcoin[part["received_currency"]]),
                    currency_names.take(part["received_currency"]),
                    _amounts(part["cents"], rates[part["paid_currency"]], bitcoin[part["paid_currency"]]),
                    currency_names.take(part["paid_currency"]),
                    formats.take(part["payment_format"]),
                    pa.array(part["laundering"]).cast(pa.string()),
                ]
                writer.write_batch(pa.record_batch(columns, schema=schema))


def _amounts(cents: Ints, rates: Floats, bitcoin: NDArray[np.bool_]) -> pa.Array:
    """Return US cents in other currencies as decimal text: six decimals for bitcoin, two for all others."""
    scale = np.where(bitcoin, 1_000_000, 100)
    units = np.maximum(np.rint(cents / 100 / rates * scale), 1).astype(np.int64)
    whole, fraction = np.divmod(units, scale)
    # 7 hundredths are 107 without the first digit: so leading zeros stay.
    digits = pc.utf8_slice_codeunits(pa.array(fraction + scale).cast(pa.string()), 1)
    return pc.binary_join_element_wise(pa.array(whole).cast(pa.string()), digits, ".")
