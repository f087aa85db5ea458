"""Latency: how long calls take, and their first token, by provider, model and route; beside each how many tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from dashboards import charts, figures, sentences
from dashboards.answers import Answers, Source
from dashboards.frame import EMPTY_VIEW, nothing_yet, part, readable
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.period import Period
from dashboards.view import View

MEASURES = {"latency": "Whole call", "ttft": "First token", "tpot": "Each token after it"}
QUANTILES = ("p50", "p95", "p99")
TABLES = (("provider", "model"), ("route",), ("tenant", "feature"))


def show(source: Source, view: View) -> None:
    """Draw the page again and again."""
    st.fragment(_live, run_every=source.refresh_s)(source, view)


def _live(source: Source, view: View) -> None:
    with readable():
        answers, now = source.answers(), datetime.now(UTC)
        period = view.at(now)
        total = answers.of("latency", view, period, by=())[0]
        if not total["calls"]:
            st.html(nothing_yet(answers) or EMPTY_VIEW)
            return
        st.html(sentences.latency(total, phrase=period.phrase, freshness=answers.freshness(now, view.zone)))
        _draw_chart(answers, view, period, now)
        for by in TABLES:
            _draw_table(answers.of("latency", view, period, by=by), by, view)


def _draw_chart(answers: Answers, view: View, period: Period, now: datetime) -> None:
    first = answers.ask("status")[0]["first_minute"]
    bucket = period.bucket(first, now)
    with part(f"Per {bucket}", f"Median, 95 % and 99 % of the calls within, times in {view.zone.key}"):
        measure = st.segmented_control(
            "Which time",
            list(MEASURES),
            format_func=lambda name: MEASURES[name],
            key="time",
            bind="query-params",
            default="latency",
            required=True,
            label_visibility="collapsed",
        )
    rows = answers.of("latency", view, period, by=(), bucket=bucket)
    chart = charts.lines(
        rows,
        columns={f"{measure}_{name}_ms": name for name in QUANTILES},
        bucket=bucket,
        zone=view.zone,
        bounds=period.drawn(first, now),
    )
    st.vega_lite_chart(
        chart, alt=f"Lines: {MEASURES[measure]} per {bucket}, p50, p95 and p99. The tables hold the numbers."
    )


def _draw_table(rows: Sequence[Row], by: Sequence[str], view: View) -> None:
    draw_table(
        f"By {', '.join(by)}",
        rows,
        [
            *(Column(name=name, title=name.capitalize(), link=view.narrowing(name), unknown="unknown") for name in by),
            Column(name="calls", title="Calls", shown=figures.count, leads=view.calls_of(by)),
            *_columns("latency", "Median", "Timed"),
            *_columns("ttft", "First token", "Streams timed"),
            Column(name="tpot_p50_ms", title="Per token", shown=figures.milliseconds),
            Column(name="tpot_coverage", title="Told by", shown=figures.share),
        ],
        name=f"latency-by-{'-'.join(by)}",
    )


def _columns(measure: str, first: str, coverage: str) -> list[Column]:
    titles = (first, "95 %", "99 %")
    return [
        *(
            Column(name=f"{measure}_{quantile}_ms", title=title, shown=figures.milliseconds)
            for quantile, title in zip(QUANTILES, titles, strict=True)
        ),
        Column(name=f"{measure}_coverage", title=coverage, shown=figures.share),
    ]
