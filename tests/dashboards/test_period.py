"""Periods as people name them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dashboards.period import ALL_TIME, BETWEEN, NAMES, previous, resolve, whole_hours, whole_months

BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")
ZULU = ZoneInfo("UTC")
NOW = datetime(2026, 3, 15, 22, 40, tzinfo=UTC)


def test_today_is_midnight_to_midnight_in_utc():
    period = resolve("Today", NOW, ZULU)

    assert (period.start, period.end) == (datetime(2026, 3, 15, tzinfo=UTC), datetime(2026, 3, 16, tzinfo=UTC))
    assert period.phrase == "today"


def test_today_has_begun_earlier_where_the_clock_is_ahead():
    period = resolve("Today", NOW, KOLKATA)

    assert period.start == datetime(2026, 3, 15, 18, 30, tzinfo=UTC)


def test_a_day_with_a_change_of_clocks_is_not_24_hours_long():
    period = resolve(BETWEEN, NOW, BERLIN, (date(2026, 3, 29), date(2026, 3, 29)))

    assert period.start
    assert period.end
    assert period.end - period.start == timedelta(hours=23)


def test_yesterday_ends_where_today_begins():
    assert resolve("Yesterday", NOW, BERLIN).end == resolve("Today", NOW, BERLIN).start


def test_the_month_begins_on_its_first_day():
    assert resolve("Month to date", NOW, ZULU).start == datetime(2026, 3, 1, tzinfo=UTC)


def test_seven_days_include_today():
    assert resolve("Last 7 days", NOW, ZULU).start == datetime(2026, 3, 9, tzinfo=UTC)


def test_a_rolling_period_ends_now():
    period = resolve("Last hour", NOW, BERLIN)

    assert (period.start, period.end) == (NOW - timedelta(hours=1), NOW)


def test_all_time_is_open_on_both_sides():
    period = resolve(ALL_TIME, NOW, ZULU)

    assert (period.start, period.end) == (None, None)


def test_between_two_days_includes_both():
    period = resolve(BETWEEN, NOW, ZULU, (date(2026, 3, 1), date(2026, 3, 2)))

    assert (period.start, period.end) == (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))
    assert period.phrase == "from 2026-03-01 to 2026-03-02"


@pytest.mark.parametrize("name", NAMES)
def test_every_period_begins_before_it_ends_and_completes_a_sentence(name: str):
    period = resolve(name, NOW, BERLIN)

    assert period.start is None or (period.end is not None and period.start < period.end)
    assert period.phrase


@pytest.mark.parametrize(
    ("name", "bucket"),
    [("Last hour", "minute"), ("Today", "hour"), ("Last 24 hours", "hour"), ("Last 7 days", "day"), (ALL_TIME, "day")],
)
def test_a_chart_has_tens_of_bars_and_not_hundreds(name: str, bucket: str):
    assert resolve(name, NOW, ZULU).bucket(NOW - timedelta(days=90), NOW) == bucket


def test_a_chart_shows_nothing_beyond_now():
    assert resolve("Today", NOW, ZULU).drawn(None, NOW)[1] == NOW


def test_a_chart_of_all_time_begins_with_the_first_data():
    first = NOW - timedelta(hours=2)
    period = resolve(ALL_TIME, NOW, ZULU)

    assert period.drawn(first, NOW) == (first, NOW)
    assert period.bucket(first, NOW) == "minute"


def test_a_chart_of_an_empty_lake_has_a_width():
    start, end = resolve(ALL_TIME, NOW, ZULU).drawn(None, NOW)

    assert start < end


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("Last hour", "2026-03-15T20:40", "2026-03-15T21:40"),
        ("Today", "2026-03-14T00:00", "2026-03-14T22:40"),
        ("Yesterday", "2026-03-13T00:00", "2026-03-14T00:00"),
        ("Last 7 days", "2026-03-02T00:00", "2026-03-08T22:40"),
        ("Month to date", "2026-02-01T00:00", "2026-02-15T22:40"),
        ("Last month", "2026-01-01T00:00", "2026-02-01T00:00"),
    ],
)
def test_a_period_is_compared_with_as_much_of_the_one_before(name: str, start: str, end: str):
    before = previous(resolve(name, NOW, ZULU), NOW, ZULU)

    assert before
    assert (before.start, before.end) == tuple(datetime.fromisoformat(f"{at}+00:00") for at in (start, end))


def test_all_time_is_compared_with_nothing():
    assert previous(resolve(ALL_TIME, NOW, ZULU), NOW, ZULU) is None


def test_a_short_month_before_ends_with_itself():
    at = datetime(2026, 3, 31, 12, tzinfo=UTC)

    before = previous(resolve("Month to date", at, ZULU), at, ZULU)

    assert before
    assert before.end == datetime(2026, 3, 1, tzinfo=UTC)


def test_books_have_whole_hours_and_statements_whole_months():
    hour, month = whole_hours(resolve("Last hour", NOW, ZULU)), whole_months(resolve("Last 7 days", NOW, ZULU), NOW)

    assert (hour.start, hour.end) == (datetime(2026, 3, 15, 21, tzinfo=UTC), datetime(2026, 3, 15, 22, tzinfo=UTC))
    assert (month.start, month.end) == (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "Asia/Kolkata", "UTC"])
@pytest.mark.parametrize(("name", "month"), [("Last month", 2), ("Month to date", 3), ("Yesterday", 3)])
def test_a_month_of_statements_is_the_month_of_its_name_in_any_zone(zone: str, name: str, month: int):
    period = whole_months(resolve(name, NOW, ZoneInfo(zone)), NOW)

    assert (period.start, period.end) == tuple(datetime(2026, at, 1, tzinfo=UTC) for at in (month, month + 1))
    assert whole_months(period, NOW) == period
