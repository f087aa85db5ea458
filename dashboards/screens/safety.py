"""Safety: what guards and filters found, how often of what they looked at, and whether attacks went further."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from dashboards import figures, sentences
from dashboards.answers import Source
from dashboards.frame import EMPTY_VIEW, nothing_yet, readable
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.view import View

ANY = "any"


def show(source: Source, view: View) -> None:
    """Draw the page again and again."""
    st.fragment(_live, run_every=source.refresh_s)(source, view)


def _live(source: Source, view: View) -> None:
    with readable():
        answers, now = source.answers(), datetime.now(UTC)
        period = view.at(now)
        calls = answers.spend(view, period)[0]["calls"]
        if not calls:
            st.html(nothing_yet(answers) or EMPTY_VIEW)
            return
        rows = answers.safety(view, period, by=())
        st.html(sentences.safety(rows, calls, phrase=period.phrase, freshness=answers.freshness(now, view.zone)))
        _draw_table(rows, (), view)
        _draw_table(answers.safety(view, period, by=("tenant", "feature")), ("tenant", "feature"), view)
        _draw_table(answers.safety(view, period, by=("model",)), ("model",), view)


def _draw_table(rows: Sequence[Row], by: Sequence[str], view: View) -> None:
    told = [{**row, "category": "any of them" if row["category"] == ANY else row["category"]} for row in rows]
    draw_table(
        f"By {', '.join((*by, 'category'))}",
        told,
        [
            *(Column(name=name, title=name.capitalize(), link=view.narrowing(name)) for name in by),
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
