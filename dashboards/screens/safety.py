"""Safety: what guards and filters found, how often of what they looked at, and whether attacks went further."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboards import figures, sentences
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.look import Look, of_calls
from dashboards.view import View, title_of

ANY = "any"
TABLES = ((), ("tenant", "feature"), ("model_family",))


def _draw(look: Look) -> None:
    rows = look.of("safety")
    st.html(sentences.safety(rows, look.total["calls"], phrase=look.period.phrase))
    for by in TABLES:
        _draw_table(look.of("safety", by=by), by, look.view)


show = of_calls(_draw)


def _draw_table(rows: Sequence[Row], by: Sequence[str], view: View) -> None:
    told = [{**row, "category": "any of them" if row["category"] == ANY else row["category"]} for row in rows]
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
            Column(name="events", title="Events", shown=figures.count, bar=True),
        ],
        name=f"safety-by-{'-'.join((*by, 'category'))}",
        note="" if by else "Each rate of what was looked at: finished calls, checks for the category or guardrail runs",
        none="Nothing was looked at by a guard or filter that tells of it.",
    )
