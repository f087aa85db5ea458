"""From one period to the next: what made the difference, as bars that stand on each other. The browser adds them up."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from dashboards import figures
from dashboards.charts import AXIS, USD_FORMAT
from dashboards.grid import Row
from dashboards.theme import ACCENT

BAR_PX, AXIS_PX = 28, 28
MORE, LESS = "#C7567A", "#1FA88A"
PARTS: Mapping[str, tuple[str, str]] = {
    "calls_usd": ("Calls", "volume: how many there were"),
    "tokens_per_call_usd": ("Tokens per call", "volume: longer prompts and answers of the same model"),
    "model_mix_usd": ("Models", "mix: to which models, providers and tiers they went"),
    "cache_share_usd": ("Cache", "mix: how much of the input was cached or written to a cache"),
    "price_usd": ("Prices", "price: what the same tokens of the same model cost"),
    "other_usd": ("No tokens", "searches, seconds, pages"),
    "corrections_usd": ("Corrections", "what was booked of months that were closed"),
}
"""Columns of the report ``variance``: what each is called, and what it is."""


def causes(row: Row) -> list[Row]:
    """The parts of a difference as rows of a table: those that are something, in the order of PARTS."""
    return [{"part": name, "what": what, "usd": row[column]} for column, (name, what) in PARTS.items() if row[column]]


def waterfall(row: Row, *, before: str, now: str) -> dict[str, Any]:
    """The two sums and between them the parts, each from where the one above it ends."""
    bars = [
        _bar(before, row["base_usd"], is_sum=True),
        *(_bar(str(one["part"]), one["usd"]) for one in causes(row)),
        {**_bar(now, row["usd"], is_sum=True), "last": True},
    ]
    return {
        "data": {"values": bars},
        "height": BAR_PX * len(bars) + AXIS_PX,
        "view": {"stroke": None},
        "transform": [
            {"calculate": "datum.last ? 0 : datum.usd", "as": "step"},
            {"window": [{"op": "sum", "field": "step", "as": "end"}], "frame": [None, 0]},
            {"calculate": "datum.sum ? 0 : datum.end - datum.usd", "as": "from"},
            {"calculate": "datum.sum ? datum.usd : datum.end", "as": "to"},
        ],
        "mark": {"type": "bar", "cornerRadius": 2, "minBandSize": 8, "height": {"band": 0.66}},
        "encoding": {
            "y": {
                "field": "name",
                "type": "nominal",
                "sort": None,
                "title": None,
                "axis": AXIS | {"labelLimit": 150, "labelPadding": 8, "labelOverlap": False},
            },
            "x": {
                "field": "from",
                "type": "quantitative",
                "title": None,
                "axis": AXIS | {"format": USD_FORMAT, "tickCount": 5},
            },
            "x2": {"field": "to"},
            "color": {"field": "colour", "type": "nominal", "scale": None, "legend": None},
            "tooltip": [
                {"field": "name", "title": "what"},
                {"field": "told", "title": "USD"},
                {"field": "exact", "title": "exactly"},
            ],
        },
    }


def _bar(name: str, usd: Decimal, *, is_sum: bool = False) -> Mapping[str, Any]:
    told = figures.usd(usd) if is_sum else figures.change(usd)
    colour = ACCENT if is_sum else MORE if usd > 0 else LESS
    return {"name": name, "usd": float(usd), "sum": is_sum, "told": told.text, "exact": told.exact, "colour": colour}
