"""SLO: which targets are met, how much of each error budget is left, and how fast it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from html import escape
from urllib.parse import urlencode

import streamlit as st

from dashboards import charts, figures, slo_lines
from dashboards.called import interval
from dashboards.frame import part
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.look import Axis, Look, again
from dashboards.period import BETWEEN
from dashboards.view import CALLED, DIMENSIONS, WITHIN, View
from warehouse.planning.objectives import AVAILABILITY
from warehouse.questions.dimensions import Filter

HOURS_UP_TO = timedelta(days=3)
BURNS = {"burn_1h": "1 h", "burn_6h": "6 h", "burn_24h": "24 h", "burn_3d": "3 d"}
NO_FILE = """<div class="sl-empty"><h2>There are no objectives yet</h2>
<p>Name a TOML file in <code>settle.slos</code> (<code>SPANLEDGER_SETTLE_SLOS</code>) and start the pages anew:</p>
<pre><code>[[slos]]
name = "chat answers"
signal = "availability"    # or ttft, duration: with limit_ms
of = {tenant = "a-tenant", feature = "a-feature"}
target = "99.5"            # percent
window = "28d"

[[slos]]
name = "first token"
signal = "ttft"
limit_ms = 800
target = 95</code></pre>
<p><code>docs/slo.md</code> says what each word means.</p></div>"""
NOT_HERE = """<div class="sl-empty"><h2>No objective in this view</h2>
<p>There are objectives, but none of the tenants, features and models that are chosen here.
<a href="{all}">Show all</a></p></div>"""


def _draw(look: Look) -> None:
    said = {one.name: one.of for one in look.answers.said.plans.objectives}
    if not said:
        st.html(NO_FILE)
        return
    now = _end(look)
    rows = [row for row in look.answers.report("slo", now=now) if bears_on(said[row["objective"]], look.view)]
    rows = slo_lines.by_budget(rows)
    if not rows:
        st.html(NOT_HERE.format(all=escape(replace(look.view, chosen={}).address(""))))
        return
    st.html(slo_lines.objectives(rows))
    _draw_table(rows, said, look.view)
    _draw_trend(rows, look, now)


show = again(_draw)


def _end(look: Look) -> datetime:
    """The end of the minute that is on, or of the period where that is over."""
    now = look.now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return min(look.period.end or now, now)


def bears_on(of: Filter, view: View) -> bool:
    """Whether an objective is of any of the tenants, features and models that are chosen."""
    chosen = view.where()
    return all(set(values) & set(chosen[name]) for name, values in of if name in chosen)


def calls_of(of: Filter, row: Row, view: View) -> str:
    """Address of the bad calls of an objective in its window: of availability, those that failed.

    Empty where an address cannot say it: several values, a dimension that no call is listed by, calls that took long.
    """
    told = {*DIMENSIONS, *CALLED}
    if row["signal"] != AVAILABILITY or any(name not in told or len(values) > 1 for name, values in of):
        return ""
    start, end = row["window_start"], row["window_end"]
    first, last = (at.astimezone(view.zone).date() for at in (start, end))
    window = replace(view, period=BETWEEN, days=(first, last), chosen={})
    only = {name: next(iter(values)) for name, values in of}
    return window.address("calls", **only, **{WITHIN: interval(start, end)}, status="error")


def _draw_table(rows: Sequence[Row], said: Mapping[str, Filter], view: View) -> None:
    draw_table(
        "Objectives",
        [
            {**row, "promised": slo_lines.target(row), "state": row["burning"] or "calm"}
            | {"of": row["of"].replace(",", ", ")}  # may break there
            for row in rows
        ],
        [
            Column(
                name="objective",
                title="Objective",
                link=lambda name: f"{view.address('')}&{urlencode({'objective': name})}",
            ),
            Column(name="left_share", title="Budget left", shown=slo_lines.left, bar=True),
            Column(name="attained", title="Attained", shown=figures.share),
            Column(name="promised", title="Target", wide=True),
            Column(name="window", title="In"),
            Column(name="lasts_hours", title="Lasts", shown=slo_lines.lasts),
            *(Column(name=name, title=f"Burn {title}", shown=slo_lines.times) for name, title in BURNS.items()),
            Column(name="state", title="Burns"),
            Column(name="calls", title="Calls", shown=figures.count),
            Column(
                name="bad_calls",
                title="Bad",
                shown=figures.count,
                leads=lambda row: calls_of(said[row["objective"]], row, view),
            ),
            Column(name="left_calls", title="May be yet", shown=_whole),
            Column(name="of", title="Of"),
        ],
        name="slo",
        exported=rows,
        note="Burn: times the pace at which the budget lasts just for the window; Lasts: at that of the last 6 hours",
    )


def _whole(calls: float | None) -> figures.Figure:
    """Calls that are left, rounded down: half a call may not fail."""
    return figures.count(None if calls is None else int(calls // 1))


def _draw_trend(rows: Sequence[Row], look: Look, now: datetime) -> None:
    with part("How the budget went", f"Of one objective, through its window, times in {look.view.zone.key}"):
        name = st.selectbox(
            "Objective",
            [row["objective"] for row in rows],
            key="objective",
            bind="query-params",
            label_visibility="collapsed",
            width=260,
        )
    row = next((one for one in rows if one["objective"] == name), rows[0])
    bucket = "hour" if row["window_end"] - row["window_start"] <= HOURS_UP_TO else "day"
    told = look.answers.report("slo", now=now, bucket=bucket, zone=look.view.zone.key)
    axis = Axis(bucket=bucket, zone=look.view.zone, bounds=(row["window_start"], now))
    begin = {"bucket": row["window_start"], "left_share": 1.0}  # before its first call nothing is used up
    ends = [
        {**one, "bucket": min(one["bucket"] + charts.WIDTHS[bucket], now)}  # what is left then
        for one in told
        if one["objective"] == row["objective"]
    ]
    chart = charts.lines(
        [begin, *ends],
        columns={"left_share": "error budget left"},
        unit="share",
        when="at the end of",
        **axis,
    )
    chart["mark"] = {**chart["mark"], "clip": False}  # all of it is left at first: that dot is at the edge
    st.vega_lite_chart(
        chart, alt=f"Line: error budget left per {bucket}. The export of the table holds what is left now."
    )
