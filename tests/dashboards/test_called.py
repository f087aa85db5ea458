"""A number leads to exactly the calls that it counts: the list and its total have as many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode
from zoneinfo import ZoneInfo

import pytest

from dashboards.answers import Source
from dashboards.called import called, instants, interval, settled
from dashboards.look import Look
from dashboards.period import BETWEEN, resolve
from dashboards.screens.calls import narrowing
from dashboards.screens.pipeline import UNPRICED_BY
from dashboards.screens.slo import calls_of
from dashboards.settings import DashboardSettings
from dashboards.view import ALSO, DIMENSIONS, View
from tests.warehouse.settling import World
from tests.warehouse.told import START, span
from warehouse.errors import BadQuestion

UTC_ZONE = ZoneInfo("UTC")
NOW = START + timedelta(hours=5, minutes=30)
VIEW = View(period="Today", zone=UTC_ZONE, chosen={name: [] for name in DIMENSIONS})
MOST = 10_000
HOUR_MS = 3_600_000.0
CALLS: tuple[dict[str, Any], ...] = (
    {"tenant": "acme", "feature": "chat", "provider": "openai", "request_model": "gpt-4o"},
    {"tenant": "acme", "feature": "chat", "provider": "openai", "request_model": "gpt-4o", "service_tier": "batch"},
    {"tenant": "acme", "feature": "chat", "provider": "openai", "request_model": "gpt-4o", "route": "spare"},
    {"tenant": "acme", "provider": "anthropic", "request_model": "claude-sonnet-4-5", "prompt_name": "main"},
    {"tenant": "globex", "feature": "chat", "provider": "ollama", "request_model": "in-house-7b"},
    {
        "tenant": "globex",
        "feature": "chat",
        "provider": "ollama",
        "request_model": "in-house-7b",
        "prompt_version": "2",
    },
    {"feature": "chat", "provider": "openai", "request_model": "gpt-4o", "status": "error", "error_class": "timeout"},
    {"tenant": "acme", "provider": "openai", "request_model": "gpt-4o", "status": "error"},
    {"tenant": "acme", "provider": "openai", "request_model": "gpt-4o", "status": "cancelled"},
    {"tenant": "acme", "provider": "openai", "request_model": "gpt-4o", "status": "error", "attempt": 2},
    {"tenant": "acme", "feature": "chat", "provider": "openai", "request_model": "gpt-4o-mini", "attempt": 3},
)
"""Of each hour; those that failed tell no usage."""


def _call(hour: int, place: int) -> dict[str, Any]:
    told = CALLS[place]
    used = {} if "status" in told else {"input_tokens": 100 + place, "output_tokens": 10 + hour}
    at = hour * HOUR_MS + place * 60_000.0
    return span(f"s{hour}.{place}", trace=f"t{hour}.{place}", at=at, **told, **used)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Five hours of calls, one of them told twice; three are settled."""
    world = World(tmp_path_factory.mktemp("called"))
    world.flush([_call(hour, place) for hour in range(3) for place in range(len(CALLS))])
    world.flush([_call(1, 0)])
    world.settle(now=START + timedelta(hours=4, minutes=10))
    world.flush([_call(hour, place) for hour in (3, 4) for place in range(len(CALLS))])
    return Source(world.settings, DashboardSettings())


@pytest.fixture
def look(source: Source) -> Look:
    """All of that day."""
    return look_of(source, VIEW)


def look_of(source: Source, view: View) -> Look:
    """What a page sees at the end of the day."""
    return Look(source=source, answers=source.answers(), view=view, period=view.at(NOW), now=NOW)


def opened(address: str) -> View:
    """The view that the page Calls makes of an address."""
    page, _, query = address.partition("?")
    told = parse_qs(query)
    assert page == "calls"
    days = tuple(datetime.fromisoformat(told[name][0]).date() for name in ("from", "to") if name in told)
    return View(
        period=told["period"][0],
        zone=ZoneInfo(told["zone"][0]),
        days=days if len(days) == 2 else None,
        chosen={name: told.get(name, []) for name in DIMENSIONS},
        also={name: told[name][0] for name in ALSO if name in told},
    )


def held(source: Source, address: str) -> tuple[int, int]:
    """How many calls an address lists, and how many it says that there are."""
    asked = called(look_of(source, opened(address)))
    total = asked.total()
    assert total is not None
    return len(asked.rows(MOST)), total["calls"]


def test_the_settled_books_lack_what_was_told_twice(look: Look):
    assert (look.total["calls"], look.books().of("settled-spend")[0]["calls"]) == (5 * len(CALLS) + 1, 3 * len(CALLS))


@pytest.mark.parametrize(
    "by",
    [(), DIMENSIONS[:2], ("provider", "model"), ("route",), ("prompt_name", "prompt_version"), ("service_tier",)],
)
def test_calls_of_the_books_lead_to_themselves(source: Source, look: Look, by: Sequence[str]):
    booked = look.books()
    leads = booked.view.calls_of(by)
    rows = booked.of("settled-spend", by=by)

    assert leads
    assert [held(source, leads(row)) for row in rows] == [(row["calls"],) * 2 for row in rows]


def test_calls_that_failed_lead_to_themselves(source: Source, look: Look):
    open_hours = {"start": START + timedelta(hours=3), "end": NOW}
    by = ("provider",)
    leads = VIEW.calls_of((*by, "status", "error_class"))
    rows = look.answers.ask("errors", by=by, **open_hours)
    within = urlencode({"within": interval(*open_hours.values())})

    assert leads
    assert len(rows) == 3
    assert [held(source, f"{leads(row)}&{within}") for row in rows] == [(row["errors"],) * 2 for row in rows]


def test_retries_lead_to_themselves(source: Source, look: Look):
    open_hours = {"start": START + timedelta(hours=3), "end": NOW}
    leads = VIEW.calls_of(("provider", "status", "error_class"), retries="true")
    rows = look.answers.ask("errors", by=("provider",), **open_hours)
    within = urlencode({"within": interval(*open_hours.values())})

    assert leads
    assert sorted(row["retries"] for row in rows) == [0, 0, 2]
    assert [held(source, f"{leads(row)}&{within}") for row in rows] == [(row["retries"],) * 2 for row in rows]


def test_calls_without_a_price_lead_to_themselves(source: Source, look: Look):
    rows = look.answers.ask("unpriced", start=look.period.start, end=look.period.end)
    leads = VIEW.calls_of(UNPRICED_BY)

    assert leads
    assert {row["price_status"] for row in rows} == {"unpriced_model", "usage_missing"}
    assert [held(source, leads(row)) for row in rows] == [(row["calls"],) * 2 for row in rows]


def test_bad_calls_of_an_objective_lead_to_those_of_its_window(source: Source):
    window = {"window_start": START + timedelta(hours=3, minutes=7), "window_end": START + timedelta(hours=5)}
    of = (("tenant", frozenset({"acme"})), ("provider", frozenset({"openai"})))
    elsewhere = View(period="Last month", zone=ZoneInfo("Asia/Kolkata"), chosen={"feature": ["chat"]})

    address = calls_of(of, window | {"signal": "availability"}, elsewhere)

    assert opened(address).period == BETWEEN
    assert held(source, address) == (4, 4)  # from 15:07 on, of each hour two
    assert calls_of(of, window | {"signal": "ttft"}, elsewhere) == ""  # which were slow no list says


def test_a_total_is_that_of_all_that_the_address_narrows(source: Source):
    view = View(period="Today", zone=UTC_ZONE, chosen={"tenant": ["acme"]}, also={"status": "error", "settled": "true"})

    asked = called(look_of(source, view))

    assert (len(asked.rows(1)), asked.total()) == (1, asked.total())
    assert (asked.total() or {})["calls"] == 6


def test_before_anything_is_settled_of_a_period_there_are_none(source: Source):
    view = View(period="Last hour", zone=UTC_ZONE, chosen={}, also={"settled": "true"})

    assert called(look_of(source, view)).rows(MOST) == []


def test_what_is_settled_ends_with_the_last_settlement(look: Look):
    assert settled(look).period.end == START + timedelta(hours=3)


def test_each_narrowing_can_be_taken_off_alone_and_links_of_the_page_keep_them():
    also = {"provider": "openai", "error_class": "rate_limit", "settled": "true", "status": "error"}
    view = View(period="Today", zone=UTC_ZONE, chosen={"tenant": ["acme"]}, also=also)

    html = narrowing(view)

    assert "Only provider openai (" in html
    assert ">any provider</a>) and error class rate_limit (" in html
    assert ">all hours</a>)." in html
    told = parse_qs(view.without("provider").removeprefix("?"))
    assert (told["status"], told["error_class"], told["tenant"]) == (["error"], ["rate_limit"], ["acme"])
    assert "provider" not in told
    kept = parse_qs(view.narrowed("model", "gpt-4o").removeprefix("?"))
    assert {name: kept[name][0] for name in also} == also


def test_a_part_of_a_period_is_read_as_it_was_written():
    pair = (datetime(2026, 11, 1, 7, 3, tzinfo=UTC), None)

    assert instants(interval(*pair)) == pair
    with pytest.raises(BadQuestion, match="within = 'now/then'"):
        instants("now/then")


def test_everything_keeps_the_time_zone():
    view = View(period="Today", zone=ZoneInfo("Asia/Tokyo"), chosen={"tenant": ["acme"]}, also={"route": "spare"})

    assert parse_qs(view.everything().removeprefix("?")) == {"period": ["All time"], "zone": ["Asia/Tokyo"]}
    assert resolve(view.period, NOW, view.zone).start
