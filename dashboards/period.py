"""Periods of time as people name them, made into half-open ranges of UTC instants in a chosen time zone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ROLLING = {"Last hour": timedelta(hours=1), "Last 24 hours": timedelta(hours=24)}
CALENDAR = ("Today", "Yesterday", "Last 7 days", "Month to date", "Last month", "Last 30 days")
MONTHS = ("Month to date", "Last month")
ALL_TIME = "All time"
BETWEEN = "Between two days"
NAMES = (
    "Today",
    "Last hour",
    "Last 24 hours",
    "Yesterday",
    "Last 7 days",
    "Month to date",
    "Last month",
    "Last 30 days",
    ALL_TIME,
    BETWEEN,
)
MINUTES_UP_TO = timedelta(hours=4)
HOURS_UP_TO = timedelta(days=3)
ONE_MINUTE = timedelta(minutes=1)
ONE_DAY = timedelta(days=1)
UTC_ZONE = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A range ``[start, end)`` of event time; None = open on that side. ``phrase`` completes "spent …".

    ``zone``: where its days begin at midnight.
    """

    name: str
    phrase: str
    start: datetime | None
    end: datetime | None
    zone: ZoneInfo = UTC_ZONE

    def drawn(self, first: datetime | None, now: datetime) -> tuple[datetime, datetime]:
        """The part of it that a chart shows: from the ``first`` data where it is open, and not beyond ``now``."""
        start = self.start or first or now
        return start, max(start + ONE_MINUTE, min(self.end or now, now))

    def bucket(self, first: datetime | None, now: datetime) -> str:
        """Width of one bar of that chart: ``minute``, ``hour`` or ``day``."""
        start, end = self.drawn(first, now)
        length = end - start
        return "minute" if length <= MINUTES_UP_TO else "hour" if length <= HOURS_UP_TO else "day"


def resolve(name: str, now: datetime, zone: ZoneInfo, days: tuple[date, date] | None = None) -> Period:
    """Range of the period called ``name`` (one of NAMES) at ``now``; days begin at midnight in ``zone``.

    ``days`` are the first and the last day of the period called BETWEEN.
    """
    if name == ALL_TIME:
        return Period(name=name, phrase="so far", start=None, end=None)
    if name in ROLLING:
        return Period(name=name, phrase=f"in the {name.lower()}", start=now - ROLLING[name], end=now)
    today = now.astimezone(zone).date()
    first, last = days if name == BETWEEN and days else _calendar(name, today)
    return Period(
        name=name,
        phrase=_phrase(name, first, last),
        start=_midnight(first, zone),
        end=_midnight(last + ONE_DAY, zone),
        zone=zone,
    )


def previous(period: Period, now: datetime, zone: ZoneInfo) -> Period | None:
    """What a period is compared with: as long, just before; of months the month before. None where it is open.

    Of a period that is not over, as much of the one before as is over of this one.
    """
    if period.start is None or period.end is None:
        return None
    over = min(period.end, now) - period.start
    length = period.end - period.start
    if period.name in ROLLING:
        start = period.start - length
    else:
        first, after = (at.astimezone(zone).date() for at in (period.start, period.end))
        days_back = (first - ONE_DAY).day if period.name in MONTHS else (after - first).days
        start = _midnight(first - timedelta(days=days_back), zone)
    end = min(period.start, start + over) if over < length else period.start
    shown = [f"{at.astimezone(zone):%Y-%m-%d %H:%M}" for at in (start, end)]
    return Period(name=period.name, phrase=f"from {shown[0]} to {shown[1]}", start=start, end=end)


def whole_hours(period: Period) -> Period:
    """The same from hour to hour, as the books are kept: both ends as their hours begin."""
    start, end = (at and at.replace(minute=0, second=0, microsecond=0) for at in (period.start, period.end))
    return replace(period, start=start, end=end)


def whole_months(period: Period, now: datetime) -> Period:
    """The months that a period has days of, as statements are made; up to this month where it is open.

    Days are those of its zone, so October is October everywhere; its books begin and end with its hours in UTC.
    """
    first = period.start and _month_of(period.start.astimezone(period.zone))
    last = _month_of((min(period.end or now, now) - timedelta(microseconds=1)).astimezone(period.zone))
    return replace(period, start=first, end=_month_of(last + timedelta(days=32)), zone=UTC_ZONE)


def _month_of(day: datetime) -> datetime:
    """The first instant, in UTC, of the month that a day is called by."""
    return day.replace(day=1, hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)


def _calendar(name: str, today: date) -> tuple[date, date]:
    """First and last day of a calendar period."""
    if name == "Yesterday":
        return today - ONE_DAY, today - ONE_DAY
    if name == "Last month":
        last = today.replace(day=1) - ONE_DAY
        return last.replace(day=1), last
    back = {"Last 7 days": 6, "Last 30 days": 29, "Month to date": today.day - 1}.get(name, 0)
    return today - timedelta(days=back), today


def _phrase(name: str, first: date, last: date) -> str:
    if name == BETWEEN:
        return f"from {first:%Y-%m-%d} to {last:%Y-%m-%d}" if first != last else f"on {first:%Y-%m-%d}"
    if name in ("Today", "Yesterday", "Last month"):
        return name.lower()
    return "this month" if name == "Month to date" else f"in the {name.lower()}"


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
