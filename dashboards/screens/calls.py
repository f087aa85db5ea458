"""Calls: the single calls behind a number, the latest first; each leads to its trace."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from html import escape

import streamlit as st

from dashboards import figures, sentences
from dashboards.answers import Source
from dashboards.frame import EMPTY_VIEW, nothing_yet, readable
from dashboards.grid import UNATTRIBUTED, Column, Row
from dashboards.listing import draw_table
from dashboards.view import CALLED, View

MOST = 200
STATUSES = ("any", "ok", "error", "cancelled")
ALSO = (*CALLED, "error_class")
"""What an address may narrow, of which there are no controls."""
ONLY = """<p class="sl-sub">Only {what}. <a href="{all}" target="_self">Show all</a></p>"""


def show(source: Source, view: View) -> None:
    """Draw the control of this page, and what is chosen again and again."""
    status = st.segmented_control(
        "Ended", STATUSES, default="any", key="status", bind="query-params", required=True, help="How the calls ended"
    )
    also = {name: st.query_params[name] for name in ALSO if name in st.query_params}
    if also:
        named = " and ".join(f"{name.replace('_', ' ')} {value}" for name, value in also.items())
        st.html(ONLY.format(what=escape(named), all=escape(view.address(""))))
    st.fragment(_live, run_every=source.refresh_s)(source, view, None if status == "any" else status, also)


def _live(source: Source, view: View, status: str | None, also: Mapping[str, str]) -> None:
    with readable():
        answers, now = source.answers(), datetime.now(UTC)
        period = view.at(now)
        narrow = {name: (None if also[name] == UNATTRIBUTED else also[name],) for name in CALLED if name in also}
        asked = {"where": {**view.where(), **narrow}, "start": period.start, "end": period.end}
        error_class = also.get("error_class")
        rows = answers.ask("calls", **asked, status=status, error_class=error_class, limit=MOST)
        if not rows:
            st.html(nothing_yet(answers) or EMPTY_VIEW)
            return
        total = answers.ask("spend", by=(), **asked)[0] if status is None and error_class is None else None
        st.html(sentences.calls(total, len(rows), status, phrase=period.phrase))
        draw_table(
            "Latest calls",
            [{**row, "trace": row["trace_id"].hex()[:8]} for row in rows],
            [
                Column(name="trace", title="Trace", leads=trace_of),
                Column(name="ended_at", title="Ended", shown=partial(figures.moment, now=now, zone=view.zone)),
                Column(name="tenant", title="Tenant", link=view.narrowing("tenant")),
                Column(name="feature", title="Feature", link=view.narrowing("feature")),
                Column(name="model", title="Model", link=view.narrowing("model"), unknown="unknown"),
                Column(name="status", title="Status"),
                Column(name="error_class", title="Class", unknown=""),
                Column(name="duration_ms", title="Took", shown=figures.milliseconds),
                Column(name="ttft_ms", title="First token", shown=figures.milliseconds),
                Column(name="input_tokens", title="Input tokens", shown=figures.count),
                Column(name="output_tokens", title="Output tokens", shown=figures.count),
                Column(name="cost_usd", title="Cost", shown=figures.usd, bar=True),
            ],
            name="calls",
            note=f"At most {MOST}; no prompt and no answer is in the ledger",
            shown=MOST,
        )


def trace_of(row: Row) -> str:
    """Address of the trace of a call."""
    return f"trace?trace={row['trace_id'].hex()}&at={row['ended_at'].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
