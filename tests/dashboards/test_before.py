"""Numbers of first lines beside those of the period before."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from streamlit.testing.v1 import AppTest

from dashboards import figures, product_lines, sentences
from dashboards.answers import Source
from dashboards.before import ALONE, Before
from dashboards.controls import COMPARE
from dashboards.figures import Figure
from dashboards.look import Look
from dashboards.screens import PAGES
from dashboards.settings import DashboardSettings
from dashboards.view import View
from tests.warehouse.settling import World
from tests.warehouse.told import START, span

DAY_MS = 86_400_000.0
NOW = START + timedelta(days=1, hours=5)


def text(html: str) -> str:
    """What people read."""
    return re.sub(r"<[^>]+>", "", html)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (Before(row={"x": 400.0}).time("x", 412.0), " (+12 ms)"),
        (Before(row={"x": 2000.0}).time("x", 1500.0), " (-500 ms)"),
        (Before(row={"x": 412.0}).time("x", 412.0), " (0 ms)"),
        (Before(row={"x": 0.5}).share("x", 0.512), " (+1.2 points)"),
        (Before(row={"x": 10}).count("x", 8), " (-2)"),
        (Before(row={"x": Decimal("0.61")}).usd("x", Decimal("0.59")), " (-$0.02)"),
        (Before(row={"x": None}).usd("x", Decimal(1)), " (nothing before)"),
        (Before(row=None).share("x", 0.1), " (nothing before)"),
        (Before(row={"x": 1}).count("x", None), ""),
        (ALONE.count("x", 8), ""),
    ],
)
def test_a_change_has_a_sign_and_a_unit(said: str, shown: str):
    assert text(said) == shown


def test_what_it_was_stands_on_hover():
    assert 'title="was 50 %"' in Before(row={"x": 0.5}).share("x", 0.75)
    assert figures.points(-0.004).text == "-0.4 points"


LATENCY = {"calls": 10, "latency_p50_ms": 412.0, "latency_p95_ms": 900.0, "ttft_p95_ms": None, "ttft_coverage": None}
DAY = dict.fromkeys(("monthly_users", "weekly_users", "daily_users"), 5) | {"stickiness": 1.0, "new_users": 0}
TASK = {
    "cost_per_successful_task_usd": Decimal("0.61"),
    "cost_per_successful_task_low_usd": None,
    "successful_tasks": 3,
    "tasks": 5,
    "unknown_tasks": 0,
    "outcome_coverage": 1.0,
}


def test_first_lines_have_the_change_beside_their_number():
    faster = Before(row=LATENCY | {"latency_p50_ms": 400.0})
    assert text(sentences.latency(LATENCY, phrase="today", before=faster)) == (
        "Half of 10 calls took 412 ms (+12 ms) or less today, 95 % 900 ms (0 ms)"
    )
    classes = [{"status": "error", "errors": 2, "what": "timeout"}]
    failed = sentences.errors(
        {"calls": 10, "retries": 0}, classes, phrase="today", before=Before(row={"error_share": 0.1})
    )
    assert text(failed).startswith("20.0 % (+10.0 points) of 10 calls failed today, 2 of them")
    found = {"category": "any", "trigger_rate": 0.02, "checked_calls": 100}
    checked = sentences.safety([found], 100, phrase="today", before=Before(row={"trigger_rate": 0.05}))
    assert text(checked).startswith("2.0 % (-3.0 points) of 100 checks triggered")
    cheaper = Before(row=TASK | {"cost_per_successful_task_usd": Decimal("0.50")})
    assert text(sentences.successes(TASK, phrase="today", before=cheaper)).startswith("$0.61 (+$0.11) for a successful")
    fewer = Before(row=DAY | {"weekly_users": 3})
    day = DAY | {"left_users": 0}
    assert "5 (0) people in the 30 days up to 20 Nov, 5 (+2) in 7" in text(
        product_lines.adoption(day, Figure(text="20 Nov", exact=""), fewer)
    )
    better = product_lines.quality(
        {"success_rate": 0.9}, {}, {}, phrase="today", before=Before(row={"success_rate": 1.0})
    )
    assert text(better).startswith("90.0 % (-10.0 points) of tasks with an outcome succeeded today")


def look_of(source: Source, period: str, **more: Any) -> Look:
    """What there is at ``NOW``, in UTC."""
    view = View(period=period, zone=ZoneInfo("UTC"), chosen={}, compared=True)
    return Look(source=source, answers=source.answers(), view=view, period=view.at(NOW), now=NOW, **more)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Two days with a call at noon and one four hours later; settled to one hour after noon of the second."""
    world = World(tmp_path_factory.mktemp("before"))
    told = {"tenant": "acme", "provider": "openai", "request_model": "gpt-4o", "input_tokens": 10, "output_tokens": 1}
    world.flush(
        [
            span(f"s{day}.{hour}", trace=f"t{day}.{hour}", at=day * DAY_MS + hour * DAY_MS / 24, **told)
            for day in range(2)
            for hour in (0, 4)
        ]
    )
    world.settle(now=START + timedelta(days=1, hours=2, minutes=10))
    return Source(world.settings, DashboardSettings())


def test_the_stream_is_compared_up_to_now_and_the_books_up_to_where_they_are_settled(source: Source):
    look = look_of(source, "Today")
    earlier, booked = look.before(), look.books().before()

    assert earlier
    assert booked
    assert (earlier.period.end, earlier.total["calls"]) == (START + timedelta(hours=5), 2)
    assert (booked.period.end, booked.of("settled-spend")[0]["calls"]) == (START + timedelta(hours=1), 1)


def test_all_time_has_nothing_before_it(source: Source):
    assert look_of(source, "All time").before() is None


def _page() -> None:
    from datetime import UTC, datetime
    from typing import cast
    from zoneinfo import ZoneInfo

    import streamlit as st

    from dashboards.first_line import draw_first_line
    from dashboards.look import Look
    from dashboards.view import View

    compared = st.query_params["compare"] == "true"
    view = View(period=st.query_params["period"], zone=ZoneInfo("UTC"), chosen={}, compared=compared)
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    nothing = cast("None", None)
    look = Look(source=nothing, answers=nothing, view=view, period=view.at(now), now=now)
    draw_first_line(
        look, lambda before: "now" + before.count("x", 3), lambda earlier: {"x": (earlier.period.start, 1)[1]}
    )


@pytest.mark.parametrize(
    ("compare", "period", "shown"),
    [
        ("false", "Today", "now"),
        ("true", "All time", "now There is no period before all time to compare with."),
        ("true", "Today", "now (+2) In brackets: how it changed since the period before, from 2026-11-19 00:00 to "),
    ],
)
def test_a_page_asks_before_only_where_the_reader_compares(compare: str, period: str, shown: str):
    app = AppTest.from_function(_page)
    app.query_params["compare"], app.query_params["period"] = compare, period
    app.run()

    assert not app.exception
    html = app.get("html")[0].proto.body
    assert text(html.replace("<p", " <p")).startswith(shown)


def test_pages_whose_first_line_counts_a_period_offer_to_compare():
    offered = {screen.path for screens in PAGES.values() for screen in screens if COMPARE in screen.filters}

    assert offered == {"", "successful-tasks", "latency", "errors", "safety", "gpu", "adoption", "quality"}
