"""Charts."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from dashboards.charts import REST, lines, over_time
from dashboards.look import Axis
from dashboards.screens.gpu import in_hours
from dashboards.theme import OTHER, PALETTE
from tests.dashboards.ticks import labels

HOUR = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
BOUNDS = (datetime(2026, 3, 1, 9, 41, tzinfo=UTC), datetime(2026, 3, 1, 12, 20, tzinfo=UTC))


def chart(names: list[str | None], zone: str = "UTC") -> dict[str, Any]:
    rows = [{"bucket": HOUR, "model": name, "cost_usd": Decimal("1.5"), "calls": 3} for name in names]
    return over_time(rows, dimension="model", largest=names, bucket="hour", zone=ZoneInfo(zone), bounds=BOUNDS)


def test_a_bar_says_its_value_exactly():
    bar = chart(["gpt-4o"])["data"]["values"][0]

    assert bar["value"] == "gpt-4o"
    assert bar["spend"] == "$1.50"
    assert bar["exact"] == "1.50 USD"


def test_times_are_drawn_by_the_readers_clock():
    drawn = chart(["gpt-4o"], "Asia/Kolkata")

    assert drawn["data"]["values"][0]["start"] == "2026-03-01T17:30:00+00:00"


def test_the_axis_covers_whole_bars():
    scale = chart(["gpt-4o"])["encoding"]["x"]["scale"]

    assert scale == {"type": "utc", "domain": ["2026-03-01T09:00:00+00:00", "2026-03-01T13:00:00+00:00"]}


def test_more_names_than_colours_share_the_last_one():
    names: list[str | None] = [f"model-{number}" for number in range(len(PALETTE) + 3)]

    drawn = chart(names)

    scale = drawn["encoding"]["color"]["scale"]
    assert scale["domain"] == [*names[: len(PALETTE)], REST]
    assert scale["range"] == [*PALETTE, OTHER]
    assert [bar["name"] for bar in drawn["data"]["values"]][-3:] == [REST] * 3


def test_the_unattributed_are_a_bar_of_their_own():
    assert chart(["acme", None])["data"]["values"][1]["name"] == "unattributed"


def test_a_line_says_what_its_moments_are_of_what_it_tells():
    row = {"bucket": HOUR, "left": 1.0}
    at: dict[str, Any] = {"bucket": "day", "zone": ZoneInfo("UTC"), "bounds": BOUNDS}
    drawn = lines([row], columns={"left": "left"}, unit="share", when="at the end of", **at)

    assert drawn["encoding"]["tooltip"][1]["title"] == "at the end of"


AXIS = Axis(bucket="hour", zone=ZoneInfo("UTC"), bounds=BOUNDS)


def format_of(drawn: dict[str, Any]) -> str:
    return str(drawn["encoding"]["y"]["axis"]["format"])


def test_hours_are_written_as_numbers_however_many_or_few():
    format_ = format_of(in_hours([{"bucket": HOUR, "line": "idle", "gpu_hours": 0.5}], AXIS))

    assert labels(format_, [0, 20, 40, 60, 80, 100]) == ["0", "20", "40", "60", "80", "100"]
    assert labels(format_, [0, 0.25, 0.5, 0.75]) == ["0", "0.25", "0.5", "0.75"]
    assert labels(format_, [0, 1000, 2000]) == ["0", "1,000", "2,000"]


def test_small_shares_have_ticks_that_differ():
    rows = [{"bucket": HOUR, "full": 0.01}]
    format_ = format_of(lines(rows, columns={"full": "cache"}, unit="share", **AXIS))

    assert labels(format_, [0, 0.0025, 0.005, 0.0075, 0.01]) == ["0%", "0.25%", "0.5%", "0.75%", "1%"]
    assert labels(format_, [0, 0.2, 0.4, 0.6]) == ["0%", "20%", "40%", "60%"]


def test_ticks_are_written_as_they_were_where_a_format_was_too_coarse():
    """What a page showed with these formats, so that the tests above can fail."""
    assert labels(",~g", [20, 40, 60, 80, 100]) == ["2e+01", "4e+01", "6e+01", "8e+01", "1e+02"]
    assert labels(".0%", [0, 0.0025, 0.005, 0.0075, 0.01]) == ["0%", "0%", "0%", "1%", "1%"]
