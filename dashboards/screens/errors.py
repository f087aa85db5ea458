"""Errors: how many calls fail, of what class, at whose provider; what was tried again and where it went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from dashboards import charts, figures, sentences
from dashboards.answers import Answers, Source
from dashboards.frame import EMPTY_VIEW, nothing_yet, part, readable, side_by_side
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.period import Period
from dashboards.view import View

NO_CLASS = "not told"
CANCELLED = "cancelled"


def show(source: Source, view: View) -> None:
    """Draw the page again and again."""
    st.fragment(_live, run_every=source.refresh_s)(source, view)


def _live(source: Source, view: View) -> None:
    with readable():
        answers, now = source.answers(), datetime.now(UTC)
        period = view.at(now)
        total = answers.spend(view, period)[0]
        if not total["calls"]:
            st.html(nothing_yet(answers) or EMPTY_VIEW)
            return
        classes = answers.of("errors", view, period, by=())
        st.html(
            sentences.errors(total, _named(classes), phrase=period.phrase, freshness=answers.freshness(now, view.zone))
        )
        _draw_chart(answers, view, period, now, classes)
        left, right = side_by_side(2)
        with left:
            _draw_table(classes, (), view)
        with right:
            _draw_routes(answers.spend(view, period, by=("route",)), view)
        for by in (("provider", "model"), ("tenant", "feature")):
            _draw_table(answers.of("errors", view, period, by=by), by, view)


def _named(rows: Sequence[Row]) -> list[dict[str, object]]:
    """The rows with one word for what went wrong: the class, else that somebody left."""
    return [
        {**row, "what": row["error_class"] or (CANCELLED if row["status"] == CANCELLED else NO_CLASS)} for row in rows
    ]


def _draw_chart(answers: Answers, view: View, period: Period, now: datetime, classes: Sequence[Row]) -> None:
    if not classes:
        return
    first = answers.ask("status")[0]["first_minute"]
    bucket = period.bucket(first, now)
    with part(f"Calls that failed per {bucket}", f"By class, times in {view.zone.key}"):
        pass
    chart = charts.counts(
        _named(answers.of("errors", view, period, by=(), bucket=bucket)),
        value="errors",
        name="what",
        largest=[str(row["what"]) for row in _named(classes)],
        bucket=bucket,
        zone=view.zone,
        bounds=period.drawn(first, now),
    )
    st.vega_lite_chart(chart, alt=f"Stacked bars: failed calls per {bucket} by class. The tables hold the numbers.")


def _draw_table(rows: Sequence[Row], by: Sequence[str], view: View) -> None:
    draw_table(
        f"By {', '.join((*by, 'class'))}",
        _named(rows),
        [
            *(Column(name=name, title=name.capitalize(), link=view.narrowing(name), unknown="unknown") for name in by),
            Column(name="what", title="Class"),
            Column(name="calls", title="Of calls", shown=figures.count),
            Column(name="error_rate", title="Share", shown=figures.share),
            Column(name="retries", title="Were retries", shown=figures.count),
            Column(name="cost_usd", title="Cost all the same", shown=figures.usd),
            Column(name="errors", title="Failed", shown=figures.count, bar=True, leads=view.calls_of(by, failed=True)),
        ],
        name=f"errors-by-{'-'.join((*by, 'class'))}",
        none="None: every call ended well.",
    )


def _draw_routes(rows: Sequence[Row], view: View) -> None:
    draw_table(
        "Retries and fallbacks",
        rows,
        [
            Column(name="route", title="Route", unknown="not told"),
            Column(name="errors", title="Failed", shown=figures.count),
            Column(name="retries", title="Retries", shown=figures.count),
            Column(name="cost_usd", title="Spend", shown=figures.usd),
            Column(name="calls", title="Calls", shown=figures.count, bar=True, leads=view.calls_of(("route",))),
        ],
        name="errors-by-route",
        note="Spans do not tell what a rate limit leaves",
    )
