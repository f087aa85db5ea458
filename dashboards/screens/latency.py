"""Latency: how long calls take, and their first token, by provider, model and route; beside each how many tell."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboards import charts, figures, sentences
from dashboards.controls import choose_one
from dashboards.first_line import draw_first_line
from dashboards.frame import part
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.look import Look, of_calls
from dashboards.view import View, title_of

MEASURES = {"latency": "Whole call", "ttft": "First token", "tpot": "Each token after it"}
QUANTILES = ("p50", "p95", "p99")
TABLES = (("provider", "model_family"), ("route",), ("tenant", "feature"))


def _draw(look: Look) -> None:
    (total,) = look.of("latency")
    say = partial(sentences.latency, total, phrase=look.period.phrase)
    draw_first_line(look, lambda before: say(before=before), lambda earlier: earlier.of("latency")[0])
    _draw_chart(look)
    for by in TABLES:
        _draw_table(look.of("latency", by=by), by, look.view)


show = of_calls(_draw)


def _draw_chart(look: Look) -> None:
    axis = look.axis()
    bucket = axis["bucket"]
    with part(f"Per {bucket}", f"Median, 95 % and 99 % of the calls within, times in {look.view.zone.key}"):
        measure = choose_one("Which time", MEASURES, key="time")
    chart = charts.lines(
        look.of("latency", bucket=bucket), columns={f"{measure}_{name}_ms": name for name in QUANTILES}, **axis
    )
    st.vega_lite_chart(
        chart, alt=f"Lines: {MEASURES[measure]} per {bucket}, p50, p95 and p99. The tables hold the numbers."
    )


def _draw_table(rows: Sequence[Row], by: Sequence[str], view: View) -> None:
    draw_table(
        f"By {', '.join(map(title_of, by)).lower()}",
        rows,
        [
            *(Column(name=name, title=title_of(name), link=view.narrowing(name), unknown="unknown") for name in by),
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
