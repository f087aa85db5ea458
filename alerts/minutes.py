"""Minutes since the epoch, as detectors count them."""

from __future__ import annotations

from datetime import UTC, date, datetime

MINUTE_S = 60
DAY_MINUTES = 1440


def to_minute(time: datetime) -> int:
    """Minutes since the epoch, rounded down."""
    return int(time.timestamp() // MINUTE_S)


def to_time(minute: int) -> datetime:
    """The minute's beginning."""
    return datetime.fromtimestamp(minute * MINUTE_S, tz=UTC)


def day_start(minute: int) -> int:
    """The first minute of its UTC day."""
    return minute - minute % DAY_MINUTES


def minute_of(day: date) -> int:
    """The first minute of a UTC day."""
    return to_minute(datetime(day.year, day.month, day.day, tzinfo=UTC))
