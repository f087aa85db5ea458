"""The usage table: partial sums that add up exactly, whatever the order and the split."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.histograms import merge
from processors.rollups import roll_up_usage
from tests.processors.calls import NOON, call, spans
from warehouse.schemas import COST_KINDS, TOKEN_KINDS, USAGE, USAGE_DIMENSIONS

MEASURES = ("calls", "priced_calls", "stream_calls", "ttft_calls", "retries", "priced_tokens", *TOKEN_KINDS)
PRICED = {"price_status": "priced", "cost_usd": Decimal("0.03"), "input_cost_usd": Decimal("0.03")}


def roll(*rows: dict[str, Any]) -> list[dict[str, Any]]:
    return roll_up_usage(spans(*rows)).to_pylist()


def totals(table: pa.Table) -> dict[str, Any]:
    sums = {name: pc.sum(table[name]).as_py() for name in (*MEASURES, *COST_KINDS, "cost_usd")}
    return sums | {"latency": merge(table["latency_hist"].to_pylist())}


CALLS = st.lists(
    st.builds(
        call,
        tenant=st.sampled_from(["acme", "globex", None]),
        tags=st.sampled_from([None, [("team", "a")], [("team", "b")]]),
        ended_at=st.integers(0, 300).map(lambda seconds: NOON + dt.timedelta(seconds=seconds)),
        duration_ms=st.floats(0, 1e6),
        input_tokens=st.integers(0, 10**9),
        price_status=st.just("priced"),
        cost_usd=st.decimals(0, 10**12, places=12),
        billable=st.booleans(),
    ),
    max_size=30,
)


@given(rows=CALLS, cut=st.integers(0, 30))
@settings(max_examples=60, deadline=None)
def test_two_ranges_add_up_to_the_whole_in_any_order(rows: list[dict[str, Any]], cut: int):
    parts = [roll_up_usage(spans(*part)) for part in (rows[cut:], rows[:cut])]

    assert totals(pa.concat_tables(parts)) == totals(roll_up_usage(spans(*rows)))


def test_the_same_range_gives_equal_bytes():
    rows = [call(tenant=tenant, tags=[("team", tenant)]) for tenant in ("b", "a", "b", "c")]

    assert roll_up_usage(spans(*rows)).equals(roll_up_usage(spans(*rows)))
    assert [row["tenant"] for row in roll(*rows)] == ["b", "a", "c"]


def test_a_row_is_a_minute_of_the_end_of_the_calls_and_all_their_dimensions():
    dimensions = {name: f"some {name}" for name in USAGE_DIMENSIONS if name not in ("model", "stream", "tags")}
    row = call(
        **dimensions,
        stream=True,
        tags=[("team", "search")],
        request_model="asked",
        response_model="answered",
        started_at=NOON - dt.timedelta(seconds=30),
        ended_at=NOON + dt.timedelta(seconds=59),
    )

    (rolled,) = roll(row)

    assert {name: rolled[name] for name in dimensions} == dimensions
    assert (rolled["model"], rolled["stream"], rolled["tags"]) == ("answered", True, [("team", "search")])
    assert (rolled["minute"], rolled["day"]) == (NOON, NOON.date())


def test_the_request_model_stands_in_where_no_response_model_is_known():
    (rolled,) = roll(call(request_model="asked"))

    assert rolled["model"] == "asked"


def test_measures_count_what_they_name():
    (rolled,) = roll(
        call(stream=None, input_tokens=10, output_tokens=5, attempt=1, **PRICED),
        call(stream=None, input_tokens=7, attempt=2, price_status="unpriced_model"),
        call(
            stream=None, ttft_ms=40.0, tpot_ms=2.0, duration_ms=None, price_status="free", output_tokens=3, cost_usd=0
        ),
    )

    counts = {name: rolled[name] for name in ("calls", "priced_calls", "ttft_calls", "retries", "priced_tokens")}
    assert counts == {"calls": 3, "priced_calls": 2, "ttft_calls": 1, "retries": 1, "priced_tokens": 18}
    assert (rolled["input_tokens"], rolled["output_tokens"], rolled["cost_usd"]) == (17, 8, Decimal("0.03"))
    assert [sum(n["count"] for n in rolled[name]) for name in ("latency_hist", "ttft_hist", "tpot_hist")] == [2, 1, 1]


def test_a_sum_of_nothing_known_is_null_not_zero():
    (rolled,) = roll(call(price_status="unpriced_model", input_tokens=7), call(price_status="usage_missing"))

    assert (rolled["calls"], rolled["priced_calls"], rolled["input_tokens"]) == (2, 0, 7)
    assert [rolled[name] for name in ("cost_usd", "input_cost_usd", "output_tokens")] == [None] * 3


def test_streams_stand_apart_and_are_counted():
    assert [row["stream_calls"] for row in roll(call(stream=True), call(stream=False), call(stream=True))] == [2, 0]


def test_what_is_not_billable_is_not_in_the_usage():
    assert roll(call(billable=False, input_tokens=5)) == []


def test_sums_of_large_costs_lose_no_picodollar():
    row = call(cost_usd=Decimal("99999999999999.000000000001"), price_status="priced")

    (rolled,) = roll(*[row] * 1000)

    assert rolled["cost_usd"] == Decimal("99999999999999000.000000001000")


def test_the_table_has_exactly_the_columns_of_the_schema():
    assert roll_up_usage(spans(call())).schema == USAGE
    assert roll_up_usage(spans()).schema == USAGE
