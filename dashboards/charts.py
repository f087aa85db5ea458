"""Charts as Vega-Lite specifications made from answers. They draw; the browser adds up what is stacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dashboards import figures
from dashboards.grid import UNATTRIBUTED, Row
from dashboards.theme import OTHER, PALETTE

TIME_UNITS = {
    "minute": "utcyearmonthdatehoursminutes",
    "hour": "utcyearmonthdatehours",
    "day": "utcyearmonthdate",
}
WIDTHS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
TIME_FORMATS = {"minute": "%H:%M", "hour": "%H:%M", "day": "%-d %b"}
HEIGHT_PX = 300
REST = "all others"
AXIS = {"domain": False, "ticks": False, "labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal"}
TOOLTIPS = {"when": "from", "spend": "spend", "exact": "exactly", "calls": "calls"}


def over_time(
    rows: Sequence[Row],
    *,
    dimension: str,
    largest: Sequence[str | None],
    bucket: str,
    zone: ZoneInfo,
    bounds: tuple[datetime, datetime],
) -> dict[str, Any]:
    """Spend per bucket, stacked by ``dimension``; the ``largest`` values have colours of their own.

    Rows: ``bucket`` (start of the bar), the dimension, ``cost_usd``, ``calls``. Times are those of ``zone``.
    """
    named = [name_of(value) for value in largest[: len(PALETTE)]]
    return {
        "data": {"values": [_bar(row, dimension=dimension, named=named, zone=zone) for row in rows]},
        "height": HEIGHT_PX,
        "mark": {"type": "bar", "opacity": 0.92, "clip": True},
        "view": {"stroke": None},
        "encoding": {
            "x": _times(bucket, bounds, zone, unit=True),
            "y": {
                "field": "usd",
                "type": "quantitative",
                "title": f"USD per {bucket}",
                "axis": AXIS | {"format": "$,.3~r", "tickCount": 4},
            },
            "color": _colours([*named, *([REST] if len(largest) > len(named) else [])]),
            "order": {"field": "rank", "type": "quantitative"},
            "tooltip": [{"field": field, "title": title} for field, title in ({"value": dimension} | TOOLTIPS).items()],
        },
    }


def lines(
    rows: Sequence[Row], *, columns: Mapping[str, str], bucket: str, zone: ZoneInfo, bounds: tuple[datetime, datetime]
) -> dict[str, Any]:
    """A line for each of ``columns`` (milliseconds) under its name. Rows: ``bucket`` and the columns."""
    points = [
        {
            "start": _clock(row["bucket"], zone),
            "name": name,
            "ms": row[column],
            "told": figures.milliseconds(row[column]).text,
            "when": f"{row['bucket'].astimezone(zone):%Y-%m-%d %H:%M}",
        }
        for row in rows
        for column, name in columns.items()
        if row[column] is not None
    ]
    return {
        "data": {"values": points},
        "height": HEIGHT_PX,
        "mark": {"type": "line", "point": {"size": 18}, "clip": True, "strokeWidth": 1.8},
        "view": {"stroke": None},
        "encoding": {
            "x": _times(bucket, bounds, zone),
            "y": {
                "field": "ms",
                "type": "quantitative",
                "title": "ms",
                "axis": AXIS | {"format": ",.3~s", "tickCount": 4},
            },
            "color": _colours(list(columns.values())),
            "tooltip": [
                {"field": "name", "title": "of the calls"},
                {"field": "when", "title": "from"},
                {"field": "told", "title": "within"},
            ],
        },
    }


def counts(
    rows: Sequence[Row],
    *,
    value: str,
    name: str,
    largest: Sequence[str],
    bucket: str,
    zone: ZoneInfo,
    bounds: tuple[datetime, datetime],
) -> dict[str, Any]:
    """``value`` per bucket, stacked by ``name``, the ``largest`` in colours of their own. Rows: ``bucket`` and both."""
    named = list(dict.fromkeys(largest))[: len(PALETTE)]
    bars = [
        {
            "start": _clock(row["bucket"], zone),
            "name": row[name] if row[name] in named else REST,
            "said": row[name],
            "count": row[value],
            "when": f"{row['bucket'].astimezone(zone):%Y-%m-%d %H:%M}",
        }
        for row in rows
    ]
    return {
        "data": {"values": bars},
        "height": HEIGHT_PX,
        "mark": {"type": "bar", "opacity": 0.92, "clip": True},
        "view": {"stroke": None},
        "encoding": {
            "x": _times(bucket, bounds, zone, unit=True),
            "y": {
                "field": "count",
                "type": "quantitative",
                "title": f"{value} per {bucket}",
                "axis": AXIS | {"tickCount": 4, "format": ",.3~s"},
            },
            "color": _colours([*named, *([REST] if len(set(largest)) > len(named) else [])]),
            "tooltip": [
                {"field": "said", "title": name},
                {"field": "when", "title": "from"},
                {"field": "count", "title": value},
            ],
        },
    }


def _times(bucket: str, bounds: tuple[datetime, datetime], zone: ZoneInfo, *, unit: bool = False) -> dict[str, Any]:
    """The axis of time, from the first bar to the last; ``unit`` makes bars as wide as a bucket."""
    return {
        "field": "start",
        "type": "temporal",
        "title": None,
        "scale": {"type": "utc", "domain": _domain(bounds, bucket, zone)},
        "axis": AXIS | {"format": TIME_FORMATS[bucket], "tickCount": 12, "labelOverlap": True, "grid": False},
    } | ({"timeUnit": TIME_UNITS[bucket]} if unit else {})


def _colours(names: Sequence[str]) -> dict[str, Any]:
    colours = [OTHER if name == REST else colour for name, colour in zip(names, (*PALETTE, OTHER), strict=False)]
    return {
        "field": "name",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(names), "range": colours},
        "legend": {"orient": "top", "direction": "horizontal", "symbolType": "square", "labelLimit": 180, "offset": 4},
    }


def name_of(value: str | None) -> str:
    """The word for a value of a dimension, also where it is unknown."""
    return UNATTRIBUTED if value is None else value


def _bar(row: Row, *, dimension: str, named: Sequence[str], zone: ZoneInfo) -> dict[str, Any]:
    name, spend = name_of(row[dimension]), figures.usd(row["cost_usd"])
    start = row["bucket"].astimezone(zone)
    return {
        "start": _clock(start, zone),
        "name": name if name in named else REST,
        "rank": named.index(name) if name in named else len(named),
        "usd": float(row["cost_usd"] or 0),
        "value": name,
        "when": f"{start:%Y-%m-%d %H:%M}",
        "spend": spend.text,
        "exact": spend.exact,
        "calls": figures.count(row["calls"]).exact,
    }


def _domain(bounds: tuple[datetime, datetime], bucket: str, zone: ZoneInfo) -> list[str]:
    """From the start of the first bar to the end of the last."""
    floor = {"minute": 0} if bucket != "minute" else {}
    floor |= {"hour": 0} if bucket == "day" else {}
    first, last = (
        at.astimezone(zone).replace(tzinfo=UTC, second=0, microsecond=0, **floor)
        for at in (bounds[0], bounds[1] - timedelta(microseconds=1))
    )
    return [first.isoformat(), (last + WIDTHS[bucket]).isoformat()]


def _clock(at: datetime, zone: ZoneInfo) -> str:
    """Wall clock of ``zone``, written as if it were UTC: Vega knows no other zones."""
    return at.astimezone(zone).replace(tzinfo=UTC).isoformat()
