"""Charts as Vega-Lite specifications made from answers. They draw; the browser adds up what is stacked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
BARS = {"type": "bar", "opacity": 0.92, "clip": True}
LINES = {"type": "line", "point": {"size": 18}, "clip": True, "strokeWidth": 1.8}
USD_FORMAT = "$,.3~r"
UNITS: Mapping[str, tuple[Callable[[Any], figures.Figure], str]] = {
    "ms": (figures.milliseconds, ",.3~s"),
    "USD": (figures.usd, USD_FORMAT),
    "people": (figures.count, ",.3~s"),
    "share": (figures.share, ".3~%"),
}
"""How numbers of a unit are told, and how the axis writes them."""


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

    Rows: ``bucket`` (start of the bar), the dimension, ``cost_usd``, ``calls`` where it is of calls. Times are those of
    ``zone``.
    """
    named = [name_of(value) for value in largest[: len(PALETTE)]]
    return _drawn(
        [_bar(row, dimension=dimension, named=named, zone=zone) for row in rows],
        mark=BARS,
        x=_times(bucket, bounds, zone, unit=True),
        y=_amounts("usd", f"USD per {bucket}", USD_FORMAT),
        colours=_colours([*named, *([REST] if len(largest) > len(named) else [])]),
        tooltip={"value": dimension, "when": "from", "spend": "USD", "exact": "exactly"}
        | ({"calls": "calls"} if any("calls" in row for row in rows) else {}),
    )


def lines(
    rows: Sequence[Row],
    *,
    columns: Mapping[str, str],
    bucket: str,
    zone: ZoneInfo,
    bounds: tuple[datetime, datetime],
    unit: str = "ms",
    when: str = "from",
) -> dict[str, Any]:
    """A line for each of ``columns`` under its name, in ``unit`` (one of UNITS). Rows: ``bucket`` and the columns.

    ``when``: what ``bucket`` is of what a dot tells.
    """
    shown, format_ = UNITS[unit]
    points = [
        {
            **_when(row, zone),
            "name": name,
            "amount": float(row[column]),
            "told": shown(row[column]).text,
            "exact": shown(row[column]).exact,
        }
        for row in rows
        for column, name in columns.items()
        if row[column] is not None
    ]
    return _drawn(
        points,
        mark=LINES,
        x=_times(bucket, bounds, zone),
        y=_amounts("amount", unit, format_),
        colours=_colours(list(columns.values())),
        tooltip={"name": "what", "when": when, "told": "value", "exact": "exactly"},
    )


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
            **_when(row, zone),
            "name": row[name] if row[name] in named else REST,
            "rank": named.index(row[name]) if row[name] in named else len(named),
            "said": row[name],
            "count": row[value],
        }
        for row in rows
    ]
    return _drawn(
        bars,
        mark=BARS,
        x=_times(bucket, bounds, zone, unit=True),
        y=_amounts("count", f"{value} per {bucket}", ",.3~s"),
        colours=_colours([*named, *([REST] if len(set(largest)) > len(named) else [])]),
        tooltip={"said": name, "when": "from", "count": value},
    )


def shares(rows: Sequence[Row], *, value: str, name: str, largest: Sequence[str], **axis: Any) -> dict[str, Any]:
    """As ``counts``, each bar as high as the others: what each ``name`` has of it."""
    drawn = counts(rows, value=value, name=name, largest=largest, **axis)
    y = drawn["encoding"]["y"]
    y |= {"stack": "normalize", "title": f"share of {value}", "axis": y["axis"] | {"format": ".0%"}}
    return drawn


def _drawn(
    values: Sequence[Mapping[str, Any]],
    *,
    mark: Mapping[str, Any],
    x: Mapping[str, Any],
    y: Mapping[str, Any],
    colours: Mapping[str, Any],
    tooltip: Mapping[str, str],
) -> dict[str, Any]:
    """What all charts over time have in common; ``tooltip``: fields and what they are called."""
    return {
        "data": {"values": values},
        "height": HEIGHT_PX,
        "mark": mark,
        "view": {"stroke": None},
        "encoding": {
            "x": x,
            "y": y,
            "color": colours,
            **({"order": {"field": "rank", "type": "quantitative"}} if mark is BARS else {}),
            "tooltip": [{"field": field, "title": title} for field, title in tooltip.items()],
        },
    }


def _amounts(field: str, title: str, format_: str) -> dict[str, Any]:
    """The axis of amounts."""
    axis = AXIS | {"format": format_, "tickCount": 4}
    return {"field": field, "type": "quantitative", "title": title, "axis": axis}


def _when(row: Row, zone: ZoneInfo) -> dict[str, str]:
    """Where on the axis of time a row stands, and the same in words."""
    return {"start": _clock(row["bucket"], zone), "when": f"{row['bucket'].astimezone(zone):%Y-%m-%d %H:%M}"}


def _times(bucket: str, bounds: tuple[datetime, datetime], zone: ZoneInfo, *, unit: bool = False) -> dict[str, Any]:
    """The axis of time, from the first bar to the last; ``unit`` makes bars as wide as a bucket."""
    return {
        "field": "start",
        "type": "temporal",
        "title": None,
        "scale": {"type": "utc", "domain": _domain(bounds, bucket, zone)},
        "axis": AXIS
        | {
            "format": TIME_FORMATS[bucket],
            "tickCount": "day" if bucket == "day" else 12,
            "labelOverlap": True,
            "grid": False,
        },
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
    return {
        **_when(row, zone),
        "name": name if name in named else REST,
        "rank": named.index(name) if name in named else len(named),
        "usd": float(row["cost_usd"] or 0),
        "value": name,
        "spend": spend.text,
        "exact": spend.exact,
        "calls": figures.count(row.get("calls")).exact,
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
