"""A chart of differences with their intervals: a dot and a line for each, beside the line of no difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards.charts import AXIS
from dashboards.grid import Row
from dashboards.theme import OTHER, PALETTE

ROW_PX = 34
GOOD, BAD = PALETTE[1], PALETTE[3]
COLOURS = {"better": GOOD, "worse": BAD, "no difference shown": OTHER, "not enough": OTHER}


def intervals(rows: Sequence[Row]) -> dict[str, Any]:
    """Rows: ``name``, ``change low high`` (shares), ``told`` (the same in words), ``verdict`` (one of COLOURS)."""
    names = [row["name"] for row in rows]
    y = {"field": "name", "type": "nominal", "title": None, "sort": names, "axis": AXIS | {"labelLimit": 200}}
    x = {
        "type": "quantitative",
        "title": "candidate against baseline",
        "axis": AXIS | {"format": "+.0%", "tickCount": 5},
    }
    colour = {
        "field": "verdict",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(COLOURS), "range": list(COLOURS.values())},
        "legend": None,
    }
    tooltip = [
        {"field": field, "title": title}
        for field, title in (("name", "what"), ("told", "change"), ("verdict", "verdict"))
    ]
    return {
        "data": {"values": list(rows)},
        "height": {"step": ROW_PX},
        "view": {"stroke": None},
        "layer": [
            {"mark": {"type": "rule", "strokeDash": [3, 3], "color": OTHER}, "encoding": {"x": {"datum": 0}}},
            {
                "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.55},
                "encoding": {
                    "y": y,
                    "x": x | {"field": "low"},
                    "x2": {"field": "high"},
                    "color": colour,
                    "tooltip": tooltip,
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 80, "opacity": 1},
                "encoding": {"y": y, "x": x | {"field": "change"}, "color": colour, "tooltip": tooltip},
            },
        ],
    }
