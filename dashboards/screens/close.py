"""Close: which hours are still open, what was changed after they were closed, and which months are locked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import streamlit as st

from dashboards import figures, sentences
from dashboards.answers import Answers
from dashboards.frame import nothing_yet, side_by_side
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.look import Look, again
from dashboards.period import whole_months
from dashboards.statements import REPORT, months_of

NEVER_SETTLED = """<div class="sl-empty"><h2>Nothing is settled yet</h2>
<p>A worker closes hours by itself, a quarter of an hour after they are over. To close those that are over now:</p>
<p><code>spanledger settle</code></p></div>"""
LOCKED, OVER, OPEN = "locked", "settled", "open"


def _draw(look: Look) -> None:
    answers = look.answers.within(look.view.where().get("tenant", ()))
    settlements = answers.ask("settlements", limit=1)
    if not settlements:
        st.html(nothing_yet(answers) or NEVER_SETTLED)
        return
    closed_to, locked_to = settlements[0]["closed_to"], settlements[0]["months_closed_to"]
    hours = answers.ask("spend", by=(), bucket="hour", start=closed_to)
    (open_,) = answers.ask("spend", by=(), start=closed_to)
    moment = figures.moment(closed_to, look.now, look.view.zone)
    months = [_month(row, closed_to, locked_to) for row in answers.ask("settled-spend", by=(), bucket="month")]
    st.html(
        sentences.close(moment, len(hours), open_["cost_usd"], locked_to if locked_to > EPOCH else None)
        + how_to_lock(months)
    )
    left, right = side_by_side(2)
    with left:
        _draw_open(hours, look)
    with right:
        _draw_months(months)
    _draw_adjustments(answers, look)
    _draw_settlements(answers, look)


NO_MONTH = (
    "No month waits to be locked: each that is over and settled to its end is. "
    "<code>spanledger settle --close-month</code> locks the next one, for good."
)
EPOCH = date(1970, 1, 1)
"""What months are locked up to where none is."""
show = again(_draw)


def how_to_lock(months: list[dict[str, Any]]) -> str:
    """Which command locks a month: the next one, where there is one to lock."""
    month = next((row["month"] for row in months if row["state"] == OVER), None)
    if month is None:
        return f'<p class="sl-sub">{NO_MONTH}</p>'
    return (
        '<p class="sl-sub">To lock a month and all before it, for good: '
        f"<code>spanledger settle --close-month {month}</code>. What comes later for it is booked in the open one.</p>"
    )


def _draw_open(hours: list[Row], look: Look) -> None:
    moment = partial(figures.moment, now=look.now, zone=look.view.zone)
    draw_table(
        "Open hours",
        [{**row, "hour": row["bucket"]} for row in hours],
        [
            Column(name="hour", title="Hour from", shown=moment),
            Column(name="calls", title="Calls", shown=figures.count),
            Column(name="priced_share", title="Priced", shown=figures.share),
            Column(name="cost_usd", title="Provisional", shown=figures.usd, bar=True),
        ],
        name="open-hours",
        note="Told by the stream: it may still change",
        none="No call since the last hour that is closed.",
    )


def _draw_months(months: list[dict[str, Any]]) -> None:
    draw_table(
        "Months",
        months[::-1],
        [
            Column(name="month", title="Month"),
            Column(name="state", title="State"),
            Column(name="calls", title="Calls", shown=figures.count),
            Column(name="priced_share", title="Priced", shown=figures.share),
            Column(name="cost_usd", title="Settled", shown=figures.usd, bar=True),
        ],
        name="months",
        note="Locked, settled to its end, or open",
    )


def _month(row: Row, closed_to: datetime, locked_to: date) -> dict[str, Any]:
    """A month with its state: locked, settled to its end, or open."""
    first = row["bucket"].astimezone(UTC).date()
    after = (first + timedelta(days=32)).replace(day=1)
    over = datetime(after.year, after.month, 1, tzinfo=UTC) <= closed_to
    state = LOCKED if first < locked_to else OVER if over else OPEN
    return {**row, "month": f"{first:%Y-%m}", "state": state}


def _draw_adjustments(answers: Answers, look: Look) -> None:
    lines = answers.report(REPORT, by="tenant", detail="", **months_of(whole_months(look.period, look.now)))
    rows = [line for line in lines if line["line"] == "adjustment"]
    draw_table(
        "Adjustments",
        [
            {**row, "month": f"{row['period']:%Y-%m}", "of": f"{row['corrects']:%Y-%m}" if row["corrects"] else None}
            for row in rows
        ],
        [
            Column(name="tenant", title="Tenant", link=look.view.narrowing("tenant")),
            Column(name="month", title="Booked in"),
            Column(name="of", title="Corrects", unknown=""),
            Column(name="entry", title="Why"),
            Column(name="settlement", title="Settlement"),
            Column(name="calls", title="Calls", shown=figures.count),
            Column(name="cost_usd", title="USD", shown=figures.change),
        ],
        name="adjustments",
        note="What changed in hours that were closed already, in the months of the period",
        none="None: no closed hour was changed.",
    )


def _draw_settlements(answers: Answers, look: Look) -> None:
    moment = partial(figures.moment, now=look.now, zone=look.view.zone)
    measures = [
        Column(name="settled_usd", title="Settled", shown=figures.usd),
        Column(name="adjusted_usd", title="Adjusted", shown=figures.change),
        Column(name="reopened_hours", title="Hours reopened", shown=figures.count),
        Column(name="late_spans", title="Late spans", shown=figures.count),
        Column(name="suppressed", title="Told twice", shown=figures.count),
        Column(name="actor", title="By", unknown=""),
    ]
    draw_table(
        "Settlements",
        answers.ask("settlements", start=look.period.start, end=look.period.end),
        [
            Column(name="settlement", title="Number"),
            Column(name="kind", title="Kind"),
            Column(name="closed_at", title="When", shown=moment),
            Column(name="closed_to", title="Closed up to", shown=moment),
            *(measures if answers.whole else ()),
        ],
        name="settlements",
        note="At most the last 100 of the period",
        none="None in this period.",
    )
