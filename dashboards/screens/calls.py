"""Calls: the single calls behind a number, the latest first; each leads to its trace."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import streamlit as st

from dashboards import figures, sentences
from dashboards.answers import Source
from dashboards.frame import EMPTY_VIEW, nothing_yet, readable
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.view import View

MOST = 200
STATUSES = ("any", "ok", "error", "cancelled")


def show(source: Source, view: View) -> None:
    """Draw the control of this page, and what is chosen again and again."""
    status = st.segmented_control(
        "Ended", STATUSES, default="any", key="status", bind="query-params", required=True, help="How the calls ended"
    )
    st.fragment(_live, run_every=source.refresh_s)(source, view, None if status == "any" else status)


def _live(source: Source, view: View, status: str | None) -> None:
    with readable():
        answers, now = source.answers(), datetime.now(UTC)
        period = view.at(now)
        rows = answers.ask("calls", where=view.where(), start=period.start, end=period.end, status=status, limit=MOST)
        if not rows:
            st.html(nothing_yet(answers) or EMPTY_VIEW)
            return
        total = answers.spend(view, period)[0]
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
