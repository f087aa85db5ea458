"""Histograms: the accuracy promise, and that merging parts equals counting the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.histograms import ZERO, bucket_indices, bucket_value, histograms, merge, percentile
from warehouse.schemas import HISTOGRAM

RELATIVE_ERROR = 0.01
DURATIONS = st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=200)


def one(values: list[float]) -> list[dict[str, int]]:
    """The histogram of a single group."""
    return histograms(np.array(values, np.float64), np.zeros(len(values), np.int64), 1).to_pylist()[0]


def assert_within_promise(values: list[float], buckets: list[tuple[int, int]], share: float) -> None:
    exact = float(np.percentile(values, share * 100, method="lower"))
    assert percentile(buckets, share) == pytest.approx(exact, rel=RELATIVE_ERROR)


@given(values=DURATIONS, share=st.sampled_from([0.0, 0.25, 0.5, 0.9, 0.95, 0.99, 1.0]))
@settings(max_examples=200, deadline=None)
def test_a_percentile_is_within_one_percent_of_the_exact_one(values: list[float], share: float):
    assert_within_promise(values, merge([one(values)]), share)


@given(parts=st.lists(DURATIONS, min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_merging_parts_equals_counting_the_whole(parts: list[list[float]]):
    whole = [value for part in parts for value in part]

    assert merge(one(part) for part in parts) == merge([one(whole)])


@given(values=DURATIONS)
@settings(max_examples=100, deadline=None)
def test_the_order_of_values_changes_nothing(values: list[float]):
    assert one(values) == one(values[::-1])


def test_a_bucket_holds_values_up_to_its_power_of_gamma_and_not_beyond():
    indices = bucket_indices(np.array([1.0, 1.0000001, 1.02, 1.021, 0.99]))

    assert indices.tolist() == [0, 1, 1, 2, 0]


def test_every_bucket_stands_for_its_values_within_one_percent():
    values = np.geomspace(1e-6, 86_400_000, 20_000)

    stands_for = np.array([bucket_value(int(index)) for index in bucket_indices(values)])

    assert np.max(np.abs(stands_for - values) / values) <= RELATIVE_ERROR


def test_a_day_of_nanoseconds_fits_the_promised_number_of_buckets():
    low, high = bucket_indices(np.array([1e-6, 86_400_000.0]))

    assert high - low + 1 <= 1_621


def test_zero_counts_in_a_bucket_of_its_own_whose_value_is_zero():
    buckets = merge([one([0.0, 0.0, 1e-7, 5.0])])

    assert buckets[0] == (ZERO, 3)
    assert percentile(buckets, 0.5) == 0.0


def test_negative_infinite_and_missing_values_are_left_out():
    assert one([-1.0, float("nan"), float("inf"), 7.0]) == one([7.0])


def test_groups_are_counted_apart_and_an_empty_group_is_an_empty_list():
    made = histograms(np.array([1.0, 1.0, 5.0]), np.array([2, 2, 0]), 3)

    assert made.type == HISTOGRAM
    assert [merge([part]) for part in made.to_pylist()] == [[(82, 1)], [], [(0, 2)]]


def test_nothing_counted_has_no_percentile():
    assert percentile([], 0.5) is None
