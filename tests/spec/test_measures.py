from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.spec.measures import parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1B", 1),
        ("10kB", 10_000),
        ("10KB", 10_000),
        ("10kb", 10_000),
        ("64MiB", 64 * 1024**2),
        ("64 MiB", 64 * 1024**2),
        ("1.5GiB", 3 * 1024**3 // 2),
        ("2TB", 2 * 10**12),
        (".5kB", 500),
        ("1.1MB", 1_100_000),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "B",
        "64M",
        "64",
        "64iB",
        "-1B",
        "1e3B",
        "0MB",
        "0.0kB",
        "0.1B",
        "1 kB ",
        "1  kB",
        "1PB",
        "1,5kB",
        "1kBB",
        "9" * 50 + "B",
        "1kB\n",
    ],
)
def test_no_sizes(text: str) -> None:
    assert parse_size(text) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90.0),
        ("5m", 300.0),
        ("3h50m", 13_800.0),
        ("1.5h", 5400.0),
        ("1d", 86_400.0),
        ("1d2h3m4s5ms", 93_784.005),
        ("500ms", 0.5),
        ("0h1m", 60.0),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "5", "m", "5 m", "5min", "5 minutes", "50m3h", "5m5m", "-5m", "0s", "1e3s", "5M", "1,5h", "1h ", "1s\n"],
)
def test_no_durations(text: str) -> None:
    assert parse_duration(text) is None


@given(st.text(alphabet="0123456789.dhms kKMiB", max_size=12))
def test_whatever_is_taken_is_positive(text: str) -> None:
    assert (parse_size(text) or 1) >= 1
    assert (parse_duration(text) or 1.0) > 0
