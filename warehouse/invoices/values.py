"""Numbers, times and words of a bill's rows. Everything here raises Unreadable with what to change."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import cache

from warehouse.invoices.line import Cut, Row, Unreadable, buckets
from warehouse.tiers import plain_tier

DAY = timedelta(days=1)
_EXACT = Decimal("1e-12")
_DIGITS = Context(prec=76)
_MOST = Decimal(10) ** 20
_UNIT = re.compile(
    r"(?i)\s*(?P<count>[\d,]+)?\s*(?P<thousand>k|thousands?|m|millions?)?\s*(?:of\s+)?(?P<noun>[a-z].*)?"
)


def covered(pages: object, start: str, end: str) -> tuple[date, date] | None:
    """First and last UTC day of the buckets of an API's pages, by the names of their times; None where there is none.

    A bucket whose times cannot be read is refused with its results.
    """
    days: list[date] = []
    for bucket in buckets(pages):
        with suppress(Unreadable):
            first, after = instant(start, bucket.get(start)), instant(end, bucket.get(end))
            days += [first.date(), max(first, after - timedelta(microseconds=1)).date()]
    return (min(days), max(days)) if days else None


def grouped(pages: object, start: str, by: Collection[str]) -> dict[Cut, set[str]]:
    """What of ``by`` results of an API's pages name; a bucket whose time cannot be read is refused with its results."""
    cuts: dict[Cut, set[str]] = {}
    told: Counter[tuple[object, str]] = Counter()
    for bucket in buckets(pages):
        with suppress(Unreadable):
            day, about = instant(start, bucket.get(start)).date(), defaultdict[str, set[str]](set)
            for result in bucket["results"] if isinstance(bucket.get("results"), list) else ():
                if isinstance(result, Mapping):
                    about[str(result.get("object"))].update(name for name in by if result.get(name) is not None)
            for what, names in about.items():
                cuts.setdefault((day, what, told[bucket.get(start), what]), set()).update(names)
                told[bucket.get(start), what] += 1
    return cuts


def text(row: Row, *names: str) -> str | None:
    """The first of some columns that says something."""
    for name in names:
        value = row.get(name)
        if value is not None and str(value).strip():
            return str(value).strip()
    return None


def number(row: Row, name: str) -> Decimal | None:
    """A column as an exact number; None where there is nothing in it."""
    value = row.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    said = f"{name} = {value!r} must be a number, written with a point and without other marks"
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        raise Unreadable("not_a_number", said)
    try:
        exact = Decimal(repr(value) if isinstance(value, float) else str(value).strip())
    except InvalidOperation as error:
        raise Unreadable("not_a_number", said) from error
    if not exact.is_finite() or abs(exact) >= _MOST:
        raise Unreadable("not_a_number", said)
    return exact


def whole(row: Row, name: str) -> Decimal | None:
    """A count of something."""
    found = number(row, name)
    if found is not None and (found < 0 or found != found.to_integral_value()):
        raise Unreadable("not_a_count", f"{name} = {found} must be a whole number from 0")
    return found


def to_picos(value: Decimal) -> Decimal:
    """A number as the lake holds it: twelve decimals, half to even."""
    return value.quantize(_EXACT, ROUND_HALF_EVEN, _DIGITS)


def instant(name: str, value: object) -> datetime:
    """A time of a bill in UTC: RFC 3339, a date, seconds since 1970; without a zone it is UTC, as bills have it."""
    try:
        match value:
            case datetime():
                found = value
            case date():
                found = datetime.combine(value, time())
            case int() | float() | Decimal() if not isinstance(value, bool):
                found = datetime.fromtimestamp(float(value), UTC)
            case _:
                found = _read_time(str(value).strip())
        return (found.replace(tzinfo=UTC) if found.tzinfo is None else found).astimezone(UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Unreadable(
            "not_a_time", f"{name} = {value!r} must be a date or a time like 2026-03-01T00:00:00Z"
        ) from error


def _read_time(written: str) -> datetime:
    if re.fullmatch(r"\d{9,11}", written):
        return datetime.fromtimestamp(int(written), UTC)
    return datetime.fromisoformat(re.sub(r" UTC$", "Z", written))


def within_a_day(name: str, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """Start and end of a span of time that lies in one UTC day."""
    if end <= start:
        raise Unreadable("no_period", f"{name}: {end.isoformat()} must be after {start.isoformat()}")
    if (end - timedelta(microseconds=1)).date() != start.date():
        raise Unreadable(
            "not_a_day",
            f"{name} from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} is more than one UTC day; "
            "export it by the day, from UTC midnight",
        )
    return start, end


@cache
def times(unit: str) -> tuple[Decimal, str]:
    """How many of what a unit is: ``1K tokens`` → (1000, "tokens"), ``Million Input Tokens`` → (1000000, "tokens")."""
    match = _UNIT.fullmatch(unit)
    if match is None:
        raise Unreadable("unknown_unit", f"unit {unit!r} must be like tokens, 1K tokens or 1M tokens")
    count = Decimal((match["count"] or "1").replace(",", "")) or Decimal(1)
    scale = {"k": 1_000, "t": 1_000, "m": 1_000_000}.get((match["thousand"] or " ")[0].lower(), 1)
    noun = (match["noun"] or "").strip().lower()
    return count * scale, "tokens" if re.search(r"\btokens?\b", noun) else noun


def tokens_described(words: str) -> Decimal | None:
    """How many tokens a unit is that only its description tells, as on AWS Marketplace: ``Million Input Tokens``."""
    return Decimal(1_000_000) if re.search(r"(?i)million", words) else None


def tier_name(said: str | None) -> str | None:
    """A service tier in one word for all who have none; None stays None: nobody says."""
    return None if said is None else plain_tier(said)


def last_place(amounts: Iterable[Decimal]) -> Decimal:
    """The last decimal place that amounts have: 0.01 for 12.30 and 4.5; what is beyond a picodollar does not count."""
    places = [-int(amount.normalize().as_tuple().exponent) for amount in amounts if amount]
    return Decimal(1).scaleb(-min(12, max([0, *places])))
