"""Safety: what guards and filters found, how often of what they looked at, and whether attacks went further."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboards import charts, figures, sentences
from dashboards.first_line import draw_first_line
from dashboards.frame import part
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.look import Look, of_calls
from dashboards.view import View, title_of

ANY = "any"
ALLOWED = "allowed"
SHOWN = 15
TABLES = ((), ("tenant", "feature"), ("model_family",))


def _draw(look: Look) -> None:
    say = partial(sentences.safety, look.of("safety"), look.total["calls"], phrase=look.period.phrase)
    draw_first_line(look, lambda before: say(before=before), _of_any)
    _draw_chart(look)
    for by in TABLES:
        _draw_table(look.of("safety", by=by), by, look.view)


show = of_calls(_draw)


def _of_any(look: Look) -> Row | None:
    return next((row for row in look.of("safety") if row["category"] == ANY), None)


def _draw_chart(look: Look) -> None:
    """What was found over time; what was merely looked for and let through is none of it."""
    axis = look.axis()
    bucket = axis["bucket"]
    rows = [row for row in look.of("safety", bucket=bucket) if _is_found(row)]
    if not rows:
        return
    with part(f"Found per {bucket}", f"Events of any action but allowed, times in {look.view.zone.key}"):
        pass
    largest = Counter[str]()
    for row in rows:
        largest[row["category"]] += row["events"]
    chart = charts.counts(
        rows, value="events", name="category", largest=[name for name, _ in largest.most_common()], **axis
    )
    st.vega_lite_chart(chart, alt=f"Stacked bars: events per {bucket} by category. The tables hold the numbers.")


def _is_found(row: Row) -> bool:
    return row["category"] != ANY and row["action"] != ALLOWED and bool(row["events"])


def _draw_table(rows: Sequence[Row], by: Sequence[str], view: View) -> None:
    """Of a group what was found; that all was well is told of all of them together, and by the export."""
    told = [
        {**row, "category": "any of them" if row["category"] == ANY else row["category"]}
        for row in rows
        if row["events"] or not by
    ]
    draw_table(
        f"By {', '.join((*map(title_of, by), 'category')).lower()}",
        told,
        [
            *(Column(name=name, title=title_of(name), link=view.narrowing(name)) for name in by),
            Column(name="category", title="Category"),
            Column(name="action", title="Action", unknown="not told"),
            Column(name="checked_over", title="Looked at"),
            Column(name="checked_calls", title="So many", shown=figures.count),
            Column(name="trigger_rate", title="Triggered", shown=figures.share),
            Column(name="contained_rate", title="Of them blocked", shown=figures.share),
            Column(name="event_rate", title="This action", shown=figures.share),
            Column(name="calls", title="Of calls", shown=figures.count, leads=view.calls_of(by)),
            Column(name="events", title="Events", shown=figures.count, bar=True),
        ],
        name=f"safety-by-{'-'.join((*by, 'category'))}",
        note="" if by else "Each rate of what was looked at: finished calls, checks for the category or guardrail runs",
        none="Nothing was found." if rows else "Nothing was looked at by a guard or filter that tells of it.",
        shown=SHOWN,
        exported=rows,
    )
