"""What explains an excess, and that the parts are the whole."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.explain import DIMENSIONS, explain, rank, share, split, total_usd
from tests.alerts.workload import FIRST, Spent, usage_table

USUAL = usage_table(
    [
        Spent(minute=FIRST, usd=30, model="gpt-4o", principal="key-1"),
        Spent(minute=FIRST, usd=10, model="mini", principal="key-2"),
    ]
)
spends = st.lists(
    st.builds(
        Spent,
        minute=st.just(FIRST),
        usd=st.decimals(min_value=0, max_value=10**6, places=12),
        model=st.sampled_from(["a", "b", None]),
        principal=st.sampled_from(["x", "y", None]),
    ),
    max_size=8,
)


def test_a_value_never_seen_before_is_all_excess() -> None:
    window = usage_table([Spent(minute=FIRST, usd=9, model="opus", principal="key-7", calls=3)])

    top = explain(window, USUAL, Decimal(4))[0]

    assert (top.dimension, top.value, top.observed_usd, top.expected_usd, top.excess_usd, top.calls) == (
        "model", "opus", Decimal(9), Decimal(0), Decimal(9), 3,
    )  # fmt: skip


def test_a_value_is_expected_to_keep_its_share_of_the_day_before() -> None:
    parts = rank("model", usage_table([Spent(minute=FIRST, usd=12, model="mini")]), USUAL, Decimal(4))

    assert {part.value: (part.observed_usd, part.expected_usd) for part in parts} == {
        "gpt-4o": (Decimal(0), Decimal(3)),
        "mini": (Decimal(12), Decimal(1)),
    }


def test_without_history_the_parts_are_expected_as_they_are() -> None:
    window = usage_table([Spent(minute=FIRST, usd=9, model="a"), Spent(minute=FIRST, usd=3, model="b")])

    parts = rank("model", window, usage_table([]), Decimal(4))

    assert [(part.value, part.expected_usd) for part in parts] == [("a", Decimal(3)), ("b", Decimal(1))]


def test_unpriced_calls_are_no_spend() -> None:
    window = usage_table([Spent(minute=FIRST, usd=None, model="new")])

    assert total_usd(window) == 0
    assert rank("model", window, USUAL, Decimal(0))[0].observed_usd == 0


def test_shares_are_of_the_whole_excess() -> None:
    window = usage_table([Spent(minute=FIRST, usd=9, model="opus"), Spent(minute=FIRST, usd=3)])

    opus = next(part for part in explain(window, USUAL, Decimal(2)) if part.value == "opus")

    assert share(opus, Decimal(10)) == pytest.approx(0.9)


@settings(max_examples=30, deadline=None)
@given(window=spends, before=spends, expected=st.decimals(min_value=0, max_value=10**6, places=6))
def test_the_parts_of_every_dimension_add_up_exactly(
    window: list[Spent], before: list[Spent], expected: Decimal
) -> None:
    now, usual = usage_table(window), usage_table(before)
    for dimension in DIMENSIONS:
        parts = rank(dimension, now, usual, expected)

        assert sum((part.observed_usd for part in parts), Decimal(0)) == total_usd(now)
        assert not parts or sum((part.expected_usd for part in parts), Decimal(0)) in {expected, Decimal(0)}
        assert all(part.excess_usd == part.observed_usd - part.expected_usd for part in parts)


@settings(max_examples=20, deadline=None)
@given(spends, spends, st.integers(0, 2**32))
def test_the_order_of_rows_does_not_matter(window: list[Spent], before: list[Spent], seed: int) -> None:
    shuffled = [*window]
    random.Random(seed).shuffle(shuffled)

    assert explain(usage_table(shuffled), usage_table(before), Decimal(3)) == explain(
        usage_table(window), usage_table(before), Decimal(3)
    )


@settings(max_examples=50, deadline=None)
@given(
    st.decimals(min_value=0, max_value=10**9, places=12),
    st.dictionaries(st.text(max_size=3), st.decimals(min_value=0, max_value=10**6, places=12), min_size=1),
)
def test_a_split_loses_nothing(amount: Decimal, weights: dict[str | None, Decimal]) -> None:
    parts = split(amount, weights)

    assert sum(parts.values(), Decimal(0)) == (amount if any(weights.values()) else 0)
