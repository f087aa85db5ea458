"""What an entry of the file of channels says of its route: whose, what, when, and what nobody has taken."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerts.errors import BadChannels
from alerts.routing.routes import Hours, Route

SEVERITIES = ("warning", "critical")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LISTS = ("tenants", "severities", "signals")
TIMES = ("hours", "days", "timezone")
UNACKNOWLEDGED = "unacknowledged_minutes"
MOST_MINUTES = 720
ROUTE_KEYS = (*LISTS, *TIMES, UNACKNOWLEDGED)


def read_route(where: str, given: Mapping[str, Any]) -> Route:
    """The route of an entry. Raises BadChannels."""
    lists = {name: _texts(where, name, given[name]) for name in LISTS if name in given}
    for severity in lists.get("severities", ()):
        if severity not in SEVERITIES:
            raise BadChannels(f"{where}: severities: {severity!r} must be one of {', '.join(SEVERITIES)}")
    return Route(**lists, hours=_hours(where, given), after=_after(where, given.get(UNACKNOWLEDGED)))


def _after(where: str, given: Any) -> timedelta | None:
    if given is None or (type(given) is int and 1 <= given <= MOST_MINUTES):
        return None if given is None else timedelta(minutes=given)
    raise BadChannels(f"{where}: {UNACKNOWLEDGED}: must be a whole number from 1 to {MOST_MINUTES}")


def _texts(where: str, name: str, given: Any) -> frozenset[str]:
    if not isinstance(given, list) or not given or not all(isinstance(one, str) for one in given):
        raise BadChannels(f"{where}: {name}: must be a list of texts")
    return frozenset(given)


def _hours(where: str, given: Mapping[str, Any]) -> Hours | None:
    if not any(name in given for name in TIMES):
        return None
    try:
        zone = ZoneInfo(given.get("timezone", "UTC"))
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
        raise BadChannels(f"{where}: timezone: must be a name like Europe/Berlin") from error
    begin, end = _span(where, given.get("hours", "00:00-00:00"))
    return Hours(begin=begin, end=end, weekdays=_days(where, given.get("days", "mon-sun")), zone=zone)


def _span(where: str, given: Any) -> tuple[time, time]:
    try:
        begin, end = (time.fromisoformat(part.strip()) for part in given.split("-"))
    except (AttributeError, ValueError) as error:
        raise BadChannels(f"{where}: hours: must be like 08:00-18:30") from error
    return begin, end


def _days(where: str, given: Any) -> frozenset[int]:
    try:
        first, last = (WEEKDAYS.index(part.strip().lower()) for part in given.split("-"))
    except (AttributeError, ValueError) as error:
        raise BadChannels(f"{where}: days: must be like mon-fri") from error
    return frozenset((first + step) % 7 for step in range((last - first) % 7 + 1))
