"""Numbers that machines agree on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.aml.exact import Draws, exp2_linear, log2_linear


@given(st.floats(min_value=0, max_value=1e15))
def test_the_linear_logarithm_is_near_the_true_one(x: float) -> None:
    true = math.log2(1 + x)
    assert true - 0.0861 <= log2_linear(np.array([x]))[0] <= true + 1e-9


@given(st.integers(min_value=0, max_value=50))
def test_the_linear_logarithm_is_exact_at_powers_of_two(exponent: int) -> None:
    assert log2_linear(np.array([2**exponent - 1]))[0] == exponent


@given(st.lists(st.floats(min_value=0, max_value=1e12), min_size=2))
def test_the_linear_logarithm_grows(values: list[float]) -> None:
    assert np.all(np.diff(log2_linear(np.sort(np.array(values)))) >= 0)


@given(st.floats(min_value=0, max_value=40))
def test_the_power_is_the_inverse(y: float) -> None:
    assert log2_linear(exp2_linear(np.array([y])) - 1)[0] == pytest.approx(y, abs=1e-9)


def test_draws_are_these_numbers_for_good() -> None:
    draws = Draws(7, 1)
    assert draws.uniform(3).tolist() == [0.7701409510034741, 0.1119272443176843, 0.18909773329712753]
    assert draws.below(1000, 5).tolist() == [159, 431, 501, 992, 306]


def test_streams_and_seeds_differ() -> None:
    first = [Draws(seed, stream).uniform(4).tolist() for seed in (1, 2) for stream in (1, 2)]
    assert len({tuple(numbers) for numbers in first}) == 4


@given(st.integers(min_value=1, max_value=10**9), st.integers(min_value=1, max_value=4))
def test_draws_stay_below_the_limit(limit: int, power: int) -> None:
    drawn = Draws(3, 0).low(limit, 200, power)
    assert drawn.min() >= 0
    assert drawn.max() < limit


def test_higher_powers_draw_lower_numbers() -> None:
    assert Draws(3, 0).low(1000, 5000, 3).mean() < Draws(3, 0).below(1000, 5000).mean() / 1.5


def test_the_bell_has_mean_zero_and_variance_one() -> None:
    bell = Draws(5, 0).bell(20_000)
    assert abs(bell.mean()) < 0.03
    assert abs(bell.std() - 1) < 0.03


def test_an_order_holds_each_number_once() -> None:
    order = Draws(5, 0).order(100)
    assert sorted(order.tolist()) == list(range(100))
    assert order.tolist() != list(range(100))
