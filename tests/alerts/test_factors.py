"""What an excess is made of: the parts are the whole, and each cause moves its own part."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.explain import total_usd
from alerts.factors import MIX, SUMS, factor_excess
from alerts.parts import Factor
from alerts.why import say_why
from warehouse.schemas.kinds import USD

COSTS = tuple(name for name in SUMS if name.endswith("_usd"))
SCHEMA = pa.schema([(name, pa.string()) for name in MIX] + [(n, USD if n in COSTS else pa.int64()) for n in SUMS])
FEW = settings(max_examples=60, deadline=None)


@dataclass(frozen=True, kw_only=True)
class Calls:
    """Calls of a model, priced by the token: input, cached, output in micro-USD."""

    calls: int = 100
    input_tokens: int = 1000
    cached: int = 0
    output: int = 100
    model: str | None = "mini"
    prices: tuple[int, int, int] = (2, 1, 8)
    retries: int = 0
    unpaid: int = 0


def table(*some: Calls) -> pa.Table:
    return pa.Table.from_pylist([_row(one) for one in some], schema=SCHEMA)


def _row(one: Calls) -> dict[str, Any]:
    fresh, cached, output = one.calls * (one.input_tokens - one.cached), one.calls * one.cached, one.calls * one.output
    costs = [Decimal(n * p) / 10**6 for n, p in zip((fresh, cached, output), one.prices, strict=True)]
    return {
        "provider": "openai", "model": one.model, "calls": one.calls + one.unpaid, "priced_calls": one.calls,
        "retries": one.retries, "input_tokens": fresh + cached, "cached_input_tokens": cached, "output_tokens": output,
        "input_cost_usd": costs[0], "cached_cost_usd": costs[1], "output_cost_usd": costs[2], "cost_usd": sum(costs),
    }  # fmt: skip


USUAL = table(Calls())
"""0.28 USD."""
EXPECTED = total_usd(USUAL)


def parts(window: pa.Table, before: pa.Table = USUAL, expected: Decimal = EXPECTED) -> dict[str, Factor]:
    found = factor_excess(window, before, expected)
    assert sum((one.excess_usd for one in found), Decimal(0)) == total_usd(window) - expected
    return {one.factor: one for one in found}


amounts = st.decimals(min_value=0, max_value=10**6, places=12)
some = st.builds(
    Calls,
    calls=st.integers(0, 10**4),
    input_tokens=st.integers(0, 10**5),
    output=st.integers(0, 10**4),
    model=st.sampled_from(["mini", "opus", None]),
    retries=st.integers(0, 10**4),
    unpaid=st.integers(0, 10**3),
    prices=st.tuples(*[st.integers(0, 97)] * 3),
)


@FEW
@given(st.lists(some, max_size=3), st.lists(some, max_size=3), amounts)
def test_the_parts_are_the_excess_to_the_picodollar(window: list[Calls], before: list[Calls], expected: Decimal):
    parts(table(*window), table(*before), expected)


@pytest.mark.parametrize(
    ("window", "factor", "numbers"),
    [
        (Calls(calls=310), "calls", (310, 100)),
        (Calls(calls=300, retries=200), "retries", (3, 1)),
        (Calls(input_tokens=1600), "input_tokens_per_call", (1600, 1000)),
        (Calls(output=250), "output_tokens_per_call", (250, 100)),
        (Calls(prices=(4, 2, 16)), "unit_price", (None, None)),
    ],
)
def test_each_cause_alone_is_the_whole_excess(window: Calls, factor: str, numbers: tuple[float | None, float | None]):
    (only,) = parts(table(window)).values()

    assert (only.factor, only.observed, only.expected) == (factor, *numbers)
    assert only.excess_usd == total_usd(table(window)) - EXPECTED


def test_calls_that_go_to_a_dearer_model_are_mix():
    before = table(Calls(calls=90), Calls(calls=10, model="opus", prices=(20, 10, 80)))
    window = table(Calls(calls=10), Calls(calls=90, model="opus", prices=(20, 10, 80)))

    (mix,) = parts(window, before, total_usd(before)).values()

    assert mix.factor == "model_mix"


def test_input_that_no_longer_comes_from_the_cache_is_a_part_of_its_own():
    before, window = table(Calls(cached=600)), table(Calls(cached=100))

    (cache,) = parts(window, before, total_usd(before)).values()

    assert (cache.factor, cache.observed, cache.expected) == ("cache_share", 0.1, 0.6)


def test_twice_what_was_expected_of_the_same_is_volume_whatever_the_length_of_the_day_before():
    (calls,) = parts(table(Calls(calls=200)), table(Calls(calls=4000))).values()

    assert (calls.factor, calls.observed, calls.expected) == ("calls", 200, 100)


def test_a_first_attempt_that_was_not_paid_is_no_retry():
    found = parts(table(Calls(calls=300, unpaid=300, retries=300)))

    assert set(found) == {"calls"}


def test_where_nothing_was_expected_all_is_volume():
    found = parts(table(Calls(calls=50, model="opus")), expected=Decimal(0))

    assert {name: (one.observed, one.expected) for name, one in found.items()} == {"calls": (50, 0)}


def test_of_what_was_silent_the_day_before_the_window_itself_tells_the_rates():
    (calls,) = parts(table(Calls(calls=300)), table()).values()

    assert (calls.factor, calls.expected) == ("calls", 100)


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (Calls(calls=310, input_tokens=1300), "mostly volume: 3.1× the calls; +$0.12 by longer prompts"),
        (Calls(calls=300, retries=200), "mostly retries: 3.0× the paid attempts a request"),
        (
            Calls(input_tokens=2400, output=50),
            "mostly longer prompts: 2.4× the input tokens a call; -$0.04 by shorter answers",
        ),
        (Calls(prices=(4, 2, 16)), "mostly higher prices"),
        (Calls(calls=20_000), "mostly volume: over 100× the calls"),
        (Calls(calls=1), ""),
    ],
)  # fmt: skip
def test_the_sentence_says_what_counts(window: Calls, said: str):
    rows = table(window)

    assert say_why(factor_excess(rows, USUAL, EXPECTED), total_usd(rows) - EXPECTED) == said


def test_the_sentence_says_where_nothing_is_usual():
    rows = table(Calls(calls=50))

    assert say_why(factor_excess(rows, USUAL, Decimal(0)), total_usd(rows)) == (
        "all of it new: 50 calls, where none are usual"
    )
