"""Spend: what was spent in a period, by whom and on what; how much of it is priced, and whether it may still change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import streamlit as st

from dashboards import charts, figures, sentences
from dashboards.answers import Answers, Source
from dashboards.frame import EMPTY_VIEW, nothing_yet, part, readable, side_by_side
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.period import Period
from dashboards.view import DIMENSIONS, View

CALLS = Column(name="calls", title="Calls", shown=figures.count)
PRICED = Column(name="priced_share", title="Priced", shown=figures.share)
SPEND = Column(name="cost_usd", title="Spend", shown=figures.usd, bar=True)
DETAILS = (
    Column(name="input_tokens", title="Input tokens", shown=figures.count),
    Column(name="cached_input_tokens", title="Of them cached", shown=figures.count),
    Column(name="output_tokens", title="Output tokens", shown=figures.count),
    Column(name="latency_p50_ms", title="Median", shown=figures.milliseconds),
    Column(name="latency_p95_ms", title="95 % within", shown=figures.milliseconds),
    Column(name="latency_coverage", title="Timed", shown=figures.share),
    Column(name="ttft_p95_ms", title="First token, 95 % within", shown=figures.milliseconds),
    Column(name="ttft_coverage", title="Streams timed", shown=figures.share),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the lake: all numbers of one refresh."""

    answers: Answers
    view: View
    period: Period
    now: datetime

    def spend(self, by: Sequence[str] = (), bucket: str | None = None) -> list[Row]:
        """Spend in the view: see ``Answers.spend``."""
        return self.answers.spend(self.view, self.period, by=by, bucket=bucket)


def show(source: Source, view: View) -> None:
    """Draw the page again and again."""
    st.fragment(_live, run_every=source.refresh_s)(source, view)


def _look(source: Source, view: View) -> Look:
    now = datetime.now(UTC)
    return Look(answers=source.answers(), view=view, period=view.at(now), now=now)


def _live(source: Source, view: View) -> None:
    with readable():
        look = _look(source, view)
        total = look.spend()[0]
        if not total["calls"]:
            st.html(nothing_yet(look.answers) or EMPTY_VIEW)
            return
        tables = {dimension: look.spend(by=[dimension]) for dimension in DIMENSIONS}
        st.html(_first_lines(look, total, tables["tenant"]))
        _draw_chart(look, tables)
        for column, dimension in zip(side_by_side(len(DIMENSIONS)), DIMENSIONS, strict=True):
            with column:
                _draw_table(tables[dimension], [dimension], view)
        _draw_table(look.spend(by=DIMENSIONS), DIMENSIONS, view)


def _first_lines(look: Look, total: Row, tenants: Sequence[Row]) -> str:
    as_of = look.answers.ask("watermark")[0]["as_of"]
    lead = sentences.spend(
        total,
        phrase=look.period.phrase,
        tenants=len([row for row in tenants if row["tenant"] is not None]),
        freshness=sentences.Freshness(as_of=as_of, now=look.now, zone=look.view.zone),
    )
    return lead + sentences.sub(
        [
            (figures.count(total["calls"]), "calls"),
            (figures.count(total["input_tokens"]), "input tokens"),
            (figures.count(total["cached_input_tokens"]), "of them cached"),
            (figures.count(total["output_tokens"]), "output tokens"),
            (figures.milliseconds(total["latency_p50_ms"]), "median call"),
            (figures.share(total["latency_coverage"]), "of the calls timed"),
            (figures.count(total["errors"]), "failed calls"),
        ]
    )


def _draw_chart(look: Look, tables: Mapping[str, Sequence[Row]]) -> None:
    first = look.answers.ask("status")[0]["first_minute"]
    bucket = look.period.bucket(first, look.now)
    with part(f"Spend per {bucket}", f"USD, times in {look.view.zone.key}"):
        dimension = _choose_dimension()
    chart = charts.over_time(
        look.spend(by=[dimension], bucket=bucket),
        dimension=dimension,
        largest=[row[dimension] for row in tables[dimension]],
        bucket=bucket,
        zone=look.view.zone,
        bounds=look.period.drawn(first, look.now),
    )
    st.vega_lite_chart(
        chart, alt=f"Stacked bars: spend in USD per {bucket} by {dimension}. The tables hold the numbers."
    )


def _choose_dimension() -> str:
    chosen: str = st.segmented_control(
        "Stack the chart by",
        DIMENSIONS,
        format_func=lambda name: f"by {name}",
        key="stack",
        bind="query-params",
        default=DIMENSIONS[0],
        required=True,
        label_visibility="collapsed",
    )
    return chosen


def _draw_table(rows: Sequence[Row], by: Sequence[str], view: View) -> None:
    names = [Column(name=name, title=name.capitalize(), link=partial(view.narrowed, name)) for name in by]
    columns = [*names, CALLS, *(DETAILS if len(by) > 1 else ()), PRICED, SPEND]
    draw_table(f"By {', '.join(by)}", rows, columns, name=f"spend-by-{'-'.join(by)}")
