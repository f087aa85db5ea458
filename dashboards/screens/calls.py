"""Calls: the single calls behind a number, the latest first; each leads to its trace."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from html import escape

import streamlit as st

from dashboards import figures, sentences
from dashboards.answers import Source
from dashboards.called import called, instants
from dashboards.frame import EMPTY_VIEW, empty, nothing_yet, readable
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.look import look_at
from dashboards.view import ALSO, RETRIES, SETTLED, WITHIN, View

MOST = 200
ANY = "any"
STATUS = "status"
STATUSES = (ANY, "ok", "error", "cancelled")
WORDS = {SETTLED: ("settled hours", "all hours"), RETRIES: ("retries", "first attempts too")}
"""What is narrowed to, and what is there without it."""
REST = {WITHIN: "the whole period"}
OFF = """<a href="{address}" target="_self">{word}</a>"""


def show(source: Source, view: View) -> None:
    """Draw the control of this page, and what is chosen again and again."""
    status = st.segmented_control(
        "Ended", STATUSES, default=ANY, key=STATUS, bind="query-params", required=True, help="How the calls ended"
    )
    also = {name: st.query_params[name] for name in ALSO if name in st.query_params and name != STATUS}
    also |= {} if status == ANY else {STATUS: status}
    st.fragment(_live, run_every=source.refresh_s)(source, replace(view, also=also))


def _live(source: Source, view: View) -> None:
    with readable():
        if only := narrowing(view):
            st.html(only)
        look = look_at(source, view)
        asked = called(look)
        rows = asked.rows(MOST)
        if not rows:
            st.html(nothing_yet(look.answers) or empty(EMPTY_VIEW, view))
            return
        st.html(sentences.calls(asked.total(), len(rows), view.also.get(STATUS), phrase=look.period.phrase))
        _draw_table(rows, view, look.now)


def narrowing(view: View) -> str:
    """What there is no control for, each with the way to take it off: ``Only provider openai (any provider)``."""
    parts = [
        f"{escape(_told(name, value, view))} ({OFF.format(address=escape(view.without(name)), word=_rest(name))})"
        for name, value in view.also.items()
        if name != STATUS
    ]
    return f'<p class="sl-sub">Only {" and ".join(parts)}.</p>' if parts else ""


def _told(name: str, value: str, view: View) -> str:
    if name in WORDS:
        return WORDS[name][0]
    if name != WITHIN:
        return f"{name.replace('_', ' ')} {value}"
    start, end = (at and f"{at.astimezone(view.zone):%Y-%m-%d %H:%M}" for at in instants(value))
    return " ".join([*(["from", start] if start else []), *(["to", end] if end else [])])


def _rest(name: str) -> str:
    return WORDS[name][1] if name in WORDS else REST.get(name, f"any {name.replace('_', ' ')}")


def _draw_table(rows: list[Row], view: View, now: datetime) -> None:
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
