"""The header of pages, and what follows the first line of spend."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

from dashboards.header import state
from dashboards.month import Month, sentence, why_none
from dashboards.sentences import Freshness

NOW = datetime(2026, 3, 1, 14, 3, 14, tzinfo=UTC)
FRESH = Freshness(as_of=NOW - timedelta(seconds=2), now=NOW, zone=UTC)
TOTAL = {"calls": 3, "priced_calls": 2, "priced_share": 2 / 3, "provisional": True}
FORECAST: dict[str, Any] = {
    "spent_usd": Decimal("12.4"),
    "forecast_usd": Decimal(30),
    "low_80_usd": Decimal(25),
    "high_80_usd": Decimal(36),
    "history_days": 40,
    "needed_days": 14,
}
BUDGET: dict[str, Any] = {"used_share": 0.62, "amount_usd": Decimal(20)}


def words(html: str) -> str:
    """What a reader sees."""
    return unescape(re.sub(r"<[^>]+>", "", html))


def test_what_the_stream_says_is_provisional_with_its_priced_share():
    told = state(TOTAL, None, FRESH)

    assert words(told) == "provisional · 66.6 % priced · data as of 14:03:12 (2 s ago)"
    assert 'title="2 of 3 calls, 66.' in told


def test_what_the_books_say_is_settled_up_to_a_moment():
    told = state(TOTAL | {"provisional": False}, NOW.replace(minute=0, second=0), FRESH)

    assert words(told) == "settled up to 14:00:00 · 66.6 % priced · data as of 14:03:12 (2 s ago)"


def test_a_view_without_calls_has_no_share():
    assert words(state(None, None, FRESH)) == "data as of 14:03:12 (2 s ago)"
    assert words(state(TOTAL | {"calls": 0}, None, FRESH)) == "data as of 14:03:12 (2 s ago)"


def month(budget: dict[str, Any] | None = None, **forecast: object) -> Month:
    return Month(forecast=FORECAST | forecast, budgets=[], budget=budget, now=NOW)


def test_the_month_follows_with_its_budget_and_forecast():
    assert words(sentence(month(BUDGET), said_usd=None)) == (
        "; $12.40 this month, 62.0 % of its budget of $20.00; "
        "$30.00 expected by the end of the month ($25.00 to $36.00 eight times in ten)"
    )


def test_a_line_about_the_month_does_not_say_its_sum_twice():
    same = FORECAST["spent_usd"]
    told = month(BUDGET, forecast_usd=None)

    assert words(sentence(told, said_usd=same)) == "; 62.0 % of its budget of $20.00"
    assert not sentence(month(forecast_usd=None), said_usd=same)


def test_where_the_books_have_another_sum_the_line_says_of_which_its_shares_are():
    assert words(sentence(month(BUDGET, forecast_usd=None), said_usd=Decimal("24.80"))) == (
        "; $12.40 stands in the books, 62.0 % of its budget of $20.00"
    )


def test_where_there_is_no_forecast_it_says_what_is_missing():
    assert why_none(month(forecast_usd=None, history_days=5)) == (
        "No forecast yet: it needs 14 settled days with prices and has 5. "
    )
    assert not why_none(month())
