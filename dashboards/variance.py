"""Why spend is another than before: the report ``variance`` as a waterfall and a table. Settled hours."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from dashboards import figures
from dashboards.frame import part, side_by_side
from dashboards.grid import Column, Row
from dashboards.listing import draw_export, draw_table
from dashboards.look import Look
from dashboards.waterfall import causes, waterfall
from warehouse.planning.periods import Stretch, period_before, period_of

NONE = '<p class="sl-sub">{why}</p>'


def stretch_of(look: Look) -> Stretch | None:
    """What of the period is settled, in whole hours; of all time the last settled month. None where that is nothing."""
    settlements = look.answers.ask("settlements", limit=1)
    if not settlements:
        return None
    closed_to: datetime = settlements[0]["closed_to"]
    period = look.books().period
    start = period.start or period_of(closed_to, "month")[0]
    end = min(period.end or closed_to, closed_to)
    return (start, end) if start < end else None


def draw_variance(look: Look) -> None:
    """What made the difference to the period before."""
    stretch = stretch_of(look)
    if stretch is None:
        with part("Why it is another than before"):
            pass
        st.html(NONE.format(why="No hour of this period is settled yet; until then nobody knows the books' reasons."))
        return
    base = period_before(stretch)
    rows = look.answers.report("variance", by="", where=look.view.where(), start=stretch[0], end=stretch[1])
    note = f"{_told(stretch)} against {_told(base)}, UTC, settled hours"
    with part("Why it is another than before", note):
        draw_export(rows, "variance")
    row = rows[0] if rows else None
    if row is None or row["difference_usd"] is None or row["calls_usd"] is None:
        st.html(NONE.format(why="One of the two has no priced call, so there is nothing to hold it against."))
        return
    left, right = side_by_side(2)
    with left:
        chart = waterfall(row, before="Before", now="Now")
        st.vega_lite_chart(
            chart, alt="Waterfall: from what was spent before to now. The table beside it has the numbers."
        )
    with right:
        _draw_causes(row)


def _draw_causes(row: Row) -> None:
    draw_table(
        "What made the difference",
        [*causes(row), {"part": "All together", "what": "", "usd": row["difference_usd"]}],
        [
            Column(name="part", title="Part"),
            Column(name="what", title="What changed"),
            Column(name="usd", title="USD", shown=figures.change),
        ],
        name="variance-parts",
    )


def _told(stretch: Stretch) -> str:
    return " to ".join(f"{at:%Y-%m-%d %H:%M}" for at in stretch)
