"""Kinds of parameters a question takes, and how text and Python values become them.

==============  ==========================================================================================
``time``        an aware datetime, or RFC 3339 text; a date is its first instant in UTC
``hour``        likewise, the beginning of an hour: of what is kept by the hour
``dimensions``  columns of the table named after it (``dimensions of usage``), as a sequence or comma-separated
                text; ``tags.KEY`` is one tag, and a level that a file declares (``business_unit``) is one too
``bucket``      ``minute`` (where the table has minutes), ``hour``, ``day``, ``month``, or nothing
``zone``        a time zone of the IANA database, in which hours, days and months of a bucket begin
``filter``      values by dimension of the table named after it, ``{"tenant": ["acme", None]}`` (None = NULL), or text
                like ``tenant=acme,tenant=,feature=chat`` (an empty value = NULL; ``unattributed`` = NULL and
                what is called so)
``rate``        USD per unit, at most 6 decimals
``state``       ``open``, ``resolved`` or ``all``
``lines``       lines of GPU time that nobody used, ``idle``, ``unattributed`` and ``unmeasured``, comma-separated
``text``        any text
``whole``       a whole number from 0 to 2^63 - 1
``seconds``     a length of time: a whole number from 1 to 31,622,400 (366 days)
==============  ==========================================================================================
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo, available_timezones

from warehouse.errors import BadQuestion
from warehouse.questions.dimensions import Filter, Level, parse_dimensions, parse_filter, parse_text
from warehouse.schemas import TABLES
from warehouse.scope import identifier, literal

BUCKETS = ("minute", "hour", "day", "month")
STATES = ("open", "resolved", "all")
UNUSED = ("idle", "unattributed", "unmeasured")
LARGEST = 2**63 - 1
LONGEST_S = 366 * 86_400
MICRO = Decimal("0.000001")
DEAREST = Decimal(1_000_000)

Value = str | int | Decimal | datetime | tuple[str, ...] | Filter | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One parameter of a question; ``table`` is whose dimensions it takes, ``levels`` what a file adds to them."""

    name: str
    kind: str
    table: str
    default: str
    help: str
    levels: tuple[Level, ...] = ()

    def parse(self, given: object, named: Callable[[str], str] = str) -> Value:
        """The value, from Python or from text. Raises BadQuestion with what is allowed.

        ``named`` says how the asker wrote a parameter's name.
        """
        if given is None or given == "":
            return () if self.kind in ("dimensions", "filter") else None
        try:
            return self._parse(given)
        except (ValueError, TypeError, OverflowError) as error:
            raise BadQuestion(f"{named(self.name)} = {given!r}: {error}") from error

    def _parse(self, given: object) -> Value:
        if self.kind == "dimensions":
            return parse_dimensions(given, self.table, self.levels)
        if self.kind == "filter":
            return parse_filter(given, self.table, self.levels)
        if self.kind == "bucket":
            return parse_bucket(given, self.table)
        return PARSERS[self.kind](given)


def parse_time(given: object) -> datetime:
    """An instant in UTC. ValueError if it has no zone or is none."""
    if isinstance(given, str):
        given = _read_time(given)
    if isinstance(given, date) and not isinstance(given, datetime):
        return datetime.combine(given, time(), UTC)
    if not isinstance(given, datetime) or given.tzinfo is None:
        raise ValueError("must be a date, or a time with its zone like 2026-01-31T12:00:00Z")
    try:
        return given.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must be from the year 1 to the year 9999 in UTC") from error


def parse_hour(given: object) -> datetime:
    """The first instant of an hour in UTC."""
    moment = parse_time(given)
    if moment != (hour := moment.replace(minute=0, second=0, microsecond=0)):
        raise ValueError(f"the books are kept by the hour: must be a whole one, like {hour:%Y-%m-%dT%H:%M:%SZ}")
    return moment


def first_hour(moment: datetime) -> datetime:
    """The first that begins then or after."""
    hour = moment.replace(minute=0, second=0, microsecond=0)
    return hour if hour == moment else hour + timedelta(hours=1)


def _read_time(text: str) -> date:
    """A date or a time, with or without a zone."""
    try:
        return datetime.fromisoformat(text) if "T" in text or " " in text else date.fromisoformat(text)
    except ValueError as error:
        raise ValueError("must be a date or an RFC 3339 time like 2026-01-31T12:00:00Z") from error


def parse_bucket(given: object, table: str) -> str:
    """Name of a bucket; what is kept by the hour has no minutes."""
    return _one_of(given, BUCKETS[TABLES[table].time == "hour" :])


def parse_state(given: object) -> str:
    """Which incidents."""
    return _one_of(given, STATES)


def parse_lines(given: object) -> str:
    """Which lines of GPU time, comma-separated."""
    return ",".join(_one_of(one.strip(), UNUSED) for one in str(given).split(","))


def _one_of(given: object, allowed: Sequence[str]) -> str:
    if given not in allowed:
        raise ValueError(f"must be one of {', '.join(allowed)}")
    return str(given)


@functools.cache
def _zones() -> frozenset[str]:
    """What both Python and DuckDB know: without the files of a machine's own time zone."""
    return frozenset(available_timezones() - {"Factory", "localtime"})


def parse_zone(given: object) -> str:
    """Name of a time zone."""
    name = str(given)
    if name not in _zones():
        raise ValueError("must be a time zone like UTC or Europe/Berlin")
    return name


@functools.cache
def begins_within_hours(zone: str) -> bool:
    """Whether days of a zone begin within an hour of UTC, as in Asia/Kolkata; looked up for the years of our data."""
    days = (datetime(year, month, 1, tzinfo=UTC) for year in range(2020, 2040) for month in (1, 7))
    there = ZoneInfo(zone)
    return any((day.astimezone(there).utcoffset() or timedelta()) % timedelta(hours=1) for day in days)


def parse_whole(given: object, low: int = 0, high: int = LARGEST) -> int:
    """A whole number from ``low`` to ``high``."""
    try:
        number = int(given) if isinstance(given, (int, str)) and not isinstance(given, bool) else low - 1
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise ValueError(f"must be a whole number from {low} to {high}")
    return number


def parse_seconds(given: object) -> int:
    """A length of time in seconds."""
    return parse_whole(given, 1, LONGEST_S)


def parse_rate(given: object) -> Decimal:
    """Dollars, to the millionth."""
    try:
        rate = Decimal(str(given))
        if Decimal(0) <= rate <= DEAREST and rate == rate.quantize(MICRO):
            return rate.quantize(MICRO)
    except InvalidOperation:
        pass
    raise ValueError(f"must be USD from 0 to {DEAREST} with at most 6 decimals")


PARSERS: Mapping[str, Callable[[object], Value]] = {
    "time": parse_time,
    "hour": parse_hour,
    "rate": parse_rate,
    "zone": parse_zone,
    "whole": parse_whole,
    "seconds": parse_seconds,
    "state": parse_state,
    "lines": parse_lines,
    "text": parse_text,
}
"""What reads the kinds that belong to no table."""


def bucket_sql(bucket: str, table: str, zone: Value = None) -> str:
    """The start of the bucket that a row of the table falls in; hours and days begin by the clocks of ``zone``."""
    time_ = identifier(TABLES[table].time)
    if zone is None or zone == "UTC":
        return f"date_trunc('{bucket}', {time_})"
    there = literal(str(zone))
    return f"instant(date_trunc('{bucket}', local_time({time_}, {there})), {there})"
