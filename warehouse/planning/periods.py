"""Months, quarters and weeks in UTC, and what a period is held against."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

PERIODS = ("month", "quarter", "week")
Stretch = tuple[datetime, datetime]
"""Half-open, UTC."""

_MONTHS = {"month": 1, "quarter": 3}
_YEAR = 12


def period_of(moment: datetime, period: str) -> Stretch:
    """The month, quarter or week (from Monday) that a moment is in."""
    day = moment.astimezone(UTC).date()
    if period == "week":
        monday = day - timedelta(days=day.weekday())
        return midnight(monday), midnight(monday + timedelta(days=7))
    months = _MONTHS[period]
    first = _index(day) // months * months
    return _month(first), _month(first + months)


def period_before(stretch: Stretch) -> Stretch:
    """What a stretch is held against.

    Of whole months: as many before. From the first of a month: as long from the first of the month before, at most to
    its end. Else: as long, just before.
    """
    start, end = stretch
    if start != _month(_index(start)):
        return start - (end - start), start
    if end == _month(_index(end)):
        return _month(2 * _index(start) - _index(end)), start
    before = _month(_index(start) - 1)
    return before, min(start, before + (end - start))


def midnight(day: date) -> datetime:
    """The first instant of a day."""
    return datetime.combine(day, time(), UTC)


def overlap(one: Stretch, other: Stretch) -> timedelta:
    """How much time two stretches have in common."""
    return max(min(one[1], other[1]) - max(one[0], other[0]), timedelta(0))


def _index(day: date) -> int:
    """Months since the year 0."""
    return day.year * _YEAR + day.month - 1


def _month(index: int) -> datetime:
    """The first instant of a month."""
    return datetime(index // _YEAR, index % _YEAR + 1, 1, tzinfo=UTC)
