"""Spend: what was spent in a period, by whom and on what, how the month will end, and why it is another than before.

Of hours that are all settled it is what the books say (``report settled-spend``), else what the stream does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from dashboards import charts, figures, sentences
from dashboards.compare import BEFORE, beside
from dashboards.controls import choose_one
from dashboards.frame import part, side_by_side
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.look import Look, of_calls
from dashboards.month import draw_month, look_at_month, sentence
from dashboards.variance import draw_variance
from dashboards.view import DIMENSIONS

PRICED = Column(name="priced_share", title="Priced", shown=figures.share)
SPEND = Column(name="cost_usd", title="Spend", shown=figures.usd, bar=True)
DETAILS = (
    Column(name="input_tokens", title="Input tokens", shown=figures.count),
    Column(name="cached_input_tokens", title="Of them cached", shown=figures.count),
    Column(name="output_tokens", title="Output tokens", shown=figures.count),
)
SPEEDS = (
    Column(name="latency_p50_ms", title="Median", shown=figures.milliseconds),
    Column(name="latency_p95_ms", title="95 % within", shown=figures.milliseconds),
    Column(name="latency_coverage", title="Timed", shown=figures.share),
    Column(name="ttft_p95_ms", title="First token, 95 % within", shown=figures.milliseconds),
    Column(name="ttft_coverage", title="Streams timed", shown=figures.share),
)
MONTH = "Month to date"


def _draw(seen: Look) -> None:
    month, look = look_at_month(seen), seen.final()
    tables = {dimension: look.spend(by=[dimension]) for dimension in DIMENSIONS}
    tenants = len([row for row in tables["tenant"] if row["tenant"] is not None])
    ahead = sentence(month, said_usd=look.total["cost_usd"] if look.period.name == MONTH else None)
    st.html(
        sentences.spend(look.total, phrase=look.period.phrase, tenants=tenants, month=ahead)
        + _second_line(look.total, is_final=look.is_final)
    )
    _draw_chart(look, tables)
    for place, dimension in zip(side_by_side(1 if look.view.compared else 3) * 3, DIMENSIONS, strict=False):
        with place:
            _draw_table(look, tables[dimension], [dimension])
    draw_month(month)
    draw_variance(seen)
    _draw_table(look, look.spend(by=DIMENSIONS), DIMENSIONS)


show = of_calls(_draw)


def _second_line(total: Row, *, is_final: bool) -> str:
    """How much it was spent on; the books do not know how long calls took."""
    speed = (
        ()
        if is_final
        else (
            (figures.milliseconds(total["latency_p50_ms"]), "median call"),
            (figures.share(total["latency_coverage"]), "of the calls timed"),
        )
    )
    return sentences.sub(
        [
            (figures.count(total["calls"]), "calls"),
            (figures.count(total["input_tokens"]), "input tokens"),
            (figures.count(total["cached_input_tokens"]), "of them cached"),
            (figures.count(total["output_tokens"]), "output tokens"),
            *speed,
            (figures.count(total["errors"]), "failed calls"),
        ]
    )


def _draw_chart(look: Look, tables: Mapping[str, Sequence[Row]]) -> None:
    axis = look.axis()
    bucket = axis["bucket"]
    with part(f"Spend per {bucket}", f"USD, times in {look.view.zone.key}"):
        dimension = choose_one("Stack the chart by", {name: f"by {name}" for name in DIMENSIONS}, key="stack")
    chart = charts.over_time(
        look.spend(by=[dimension], bucket=bucket),
        dimension=dimension,
        largest=[row[dimension] for row in tables[dimension]],
        **axis,
    )
    st.vega_lite_chart(
        chart, alt=f"Stacked bars: spend in USD per {bucket} by {dimension}. The tables hold the numbers."
    )


def _draw_table(look: Look, rows: Sequence[Row], by: Sequence[str]) -> None:
    """By these dimensions; beside it what was spent before, where the reader wants to compare."""
    before = look.view.before(look.period, look.now)
    if before:
        rows = beside(rows, look.spend_in(before, by=by), by)
    names = [Column(name=name, title=name.capitalize(), link=partial(look.view.narrowed, name)) for name in by]
    calls = Column(name="calls", title="Calls", shown=figures.count, leads=look.view.calls_of(by))
    speeds = () if look.is_final else SPEEDS
    details = (*DETAILS, *speeds) if len(by) > 1 and not before else ()
    draw_table(
        f"By {', '.join(by)}",
        rows,
        [*names, calls, PRICED, *(BEFORE if before else ()), SPEND, *details],
        name=f"spend-by-{'-'.join(by)}",
        note=f"Before: {before.phrase}" if before else "",
    )
