"""Errors: how many calls fail, of what class, at whose provider; what was tried again and where it went."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboards import charts, figures, sentences
from dashboards.first_line import draw_first_line
from dashboards.frame import part, side_by_side
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.look import Look, of_calls
from dashboards.view import ENDED, RETRIES, TRUE, View, title_of

SHOWN = 15
NO_CLASS = "not told"
CANCELLED = "cancelled"


def _draw(look: Look) -> None:
    classes = look.of("errors")
    say = partial(sentences.errors, look.total, _named(classes), phrase=look.period.phrase)
    draw_first_line(look, lambda before: say(before=before), _error_share)
    _draw_chart(look, classes)
    left, right = side_by_side(2)
    with left:
        _draw_table(classes, (), look.view)
    with right:
        _draw_routes(look.spend(by=("route",)), look.view)
    for by in (("provider", "model_family"), ("tenant", "feature")):
        _draw_table(look.of("errors", by=by), by, look.view)


show = of_calls(_draw)


def _error_share(look: Look) -> Row | None:
    total = look.total
    return {"error_share": total["errors"] / total["calls"]} if total["calls"] else None


def _named(rows: Sequence[Row]) -> list[dict[str, object]]:
    """The rows with one word for what went wrong: the class, else that somebody left."""
    return [
        {**row, "what": row["error_class"] or (CANCELLED if row["status"] == CANCELLED else NO_CLASS)} for row in rows
    ]


def _draw_chart(look: Look, classes: Sequence[Row]) -> None:
    if not classes:
        return
    axis = look.axis()
    bucket = axis["bucket"]
    with part(f"Calls that failed per {bucket}", f"By class, times in {look.view.zone.key}"):
        pass
    chart = charts.counts(
        _named(look.of("errors", bucket=bucket)),
        value="errors",
        name="what",
        largest=[str(row["what"]) for row in _named(classes)],
        **axis,
    )
    st.vega_lite_chart(chart, alt=f"Stacked bars: failed calls per {bucket} by class. The tables hold the numbers.")


def _draw_table(rows: Sequence[Row], by: Sequence[str], view: View) -> None:
    retries = view.calls_of((*by, *ENDED), **{RETRIES: TRUE})
    draw_table(
        f"By {', '.join((*map(title_of, by), 'class')).lower()}",
        _named(rows),
        [
            *(Column(name=name, title=title_of(name), link=view.narrowing(name), unknown="unknown") for name in by),
            Column(name="what", title="Class"),
            Column(name="calls", title="Of calls", shown=figures.count),
            Column(name="error_rate", title="Share", shown=figures.share),
            Column(name="retries", title="Were retries", shown=figures.count, leads=retries),
            Column(name="cost_usd", title="Cost all the same", shown=figures.usd),
            Column(name="errors", title="Failed", shown=figures.count, bar=True, leads=view.calls_of((*by, *ENDED))),
        ],
        name=f"errors-by-{'-'.join((*by, 'class'))}",
        none="None: every call ended well.",
        shown=SHOWN,
    )


def _draw_routes(rows: Sequence[Row], view: View) -> None:
    retries = view.calls_of(("route",), **{RETRIES: TRUE})
    draw_table(
        "Retries and fallbacks",
        rows,
        [
            Column(name="route", title="Route", unknown="not told"),
            Column(name="errors", title="Failed", shown=figures.count),
            Column(name="retries", title="Retries", shown=figures.count, leads=retries),
            Column(name="cost_usd", title="Spend", shown=figures.usd),
            Column(name="calls", title="Calls", shown=figures.count, bar=True, leads=view.calls_of(("route",))),
        ],
        name="errors-by-route",
        note="What a rate limit leaves is in no span: docs/sre.md says where it is",
    )
