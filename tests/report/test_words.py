from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.report import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.00s"),
        (0.044, "0.04s"),
        (0.095, "0.1s"),
        (2.44, "2.4s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (59.4, "59s"),
        (59.6, "1m00s"),
        (724, "12m04s"),
        (3599.4, "59m59s"),
        (3599.6, "1h00m"),
        (7800, "2h10m"),
        (86399.9, "1d00h"),
        (270000, "3d03h"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_499, "99.5 kB"),
        (409_600, "410 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (5_100_000_000, "5.1 GB"),
        (10**21, "1000 EB"),
    ],
)
def test_size(count: int, text: str) -> None:
    assert words.size(count) == text


def test_percent_is_not_all_before_all_is_done() -> None:
    assert words.percent(9999, 10000) == "99%"
    assert words.percent(10000, 10000) == "100%"
    assert words.percent(0, 0) == "100%"


def test_plural() -> None:
    assert words.plural(1, "chunk") == "1 chunk"
    assert words.plural(1204, "chunk") == "1,204 chunks"
    assert words.plural(2, "retry", "retries") == "2 retries"


def test_listing() -> None:
    assert words.listing(["a", "b"], 2) == "a, b"
    assert words.listing(["a", "b", "c", "d"], 2) == "a, b, ... (2 more)"


def test_chunk_name() -> None:
    assert words.chunk_name("load", None) == "load"
    assert words.chunk_name("train@fr", 0) == "train@fr#0"


@given(st.text())
def test_clean_text_cannot_move_the_cursor(text: str) -> None:
    cleaned = words.clean(text)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in cleaned)
    cleaned.encode()  # no lone surrogates


def test_clean_takes_escape_sequences_and_direction_marks_apart() -> None:
    assert words.clean("a\x1b[2Jb\u202ec\td\n\x1b]0;title\x07\x1b[1;31mred\x1b[0m\x9b2J") == "abc d red2J"


def test_clean_lines_show_what_a_progress_bar_showed_last() -> None:
    assert words.clean_lines("10%\r50%\r100%\nnext\r\n\n") == ["100%", "next"]
    assert words.clean_lines(" \n ") == []


@given(st.text(), st.integers(0, 40))
def test_clip_never_exceeds_the_width(text: str, width: int) -> None:
    assert words.columns_of(words.clip(text, width)) <= width


def test_wide_characters_count_two_columns() -> None:
    assert words.columns_of("日本") == 4
    assert words.clip("日本語データ", 8) == "日本..."
