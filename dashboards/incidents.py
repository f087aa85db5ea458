"""Incidents in words and as a table: whose they are, what was measured, what most of it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from urllib.parse import quote

from alerts.health.words import amount
from alerts.incidents import EVERYBODY
from dashboards import figures
from dashboards.grid import UNATTRIBUTED, Column, Row
from dashboards.listing import draw_table
from dashboards.view import View

SCOPE_ORDER = ("tenant", "feature", "provider", "model", "principal")


NOTE = "Spend far above what is usual or planned, worst first; then calls that fail or are slow"


def draw_incidents(
    rows: Sequence[Row],
    view: View,
    now: datetime,
    *,
    title: str = "Open incidents",
    note: str = NOTE,
    none: str = "None is open.",
) -> None:
    """Draw a table of them; each leads to its page."""
    draw_table(
        title,
        [_told(row) for row in rows],
        [
            Column(name="scope", title="Whose it is, or budget", leads=partial(_address, view)),
            Column(name="what", title="Signal"),
            Column(name="opened_at", title="Since", shown=partial(figures.moment, now=now, zone=view.zone)),
            Column(name="observed", title="Observed", shown=_as_is),
            Column(name="expected", title="Expected", shown=_as_is),
            Column(name="excess_usd", title="Excess", shown=figures.usd),
            Column(name="excess_usd_per_hour", title="Excess per hour", shown=figures.usd),
            Column(name="cause", title="Most of it from"),
        ],
        name=title.lower().replace(" ", "-"),
        note=note,
        none=none,
    )


def _told(row: Row) -> Row:
    """What the table shows; what is measured in no money has no excess in money."""
    of_money = {} if row["measured"] is None else dict.fromkeys(("excess_usd", "excess_usd_per_hour"))
    words = {"scope": scope_of(row), "what": row["signal"].replace("_", " "), "cause": cause_of(row)}
    return {**row, **amounts_of(row), **words, **of_money}


def scope_of(row: Row) -> str:
    """``acme · chat``, ``openai``, ``Budget chat``."""
    if row["budget"] is not None:
        return f"Budget {row['budget']}"
    named = ("tenant", "feature") if row["scoped_by"] is None else row["scoped_by"]
    return " · ".join(row[name] or UNATTRIBUTED for name in SCOPE_ORDER if name in named) or EVERYBODY


def amounts_of(row: Row) -> dict[str, figures.Figure]:
    """What was observed and expected: USD, or of health shares, times and calls."""
    if row["measured"] is None:
        return {name: figures.usd(row[f"{name}_usd"]) for name in ("observed", "expected")}
    return {
        name: figures.Figure(text=amount(row["signal"], value), exact=f"{value:g}")
        for name, value in (("observed", row["measured"]), ("expected", row["usual"]))
    }


def _as_is(figure: figures.Figure) -> figures.Figure:
    return figure


def cause_of(row: Row) -> str:
    """What explains half of it or more, by dimension: ``model gpt-4o, principal svc-bot``."""
    said = {"feature", *(row["scoped_by"] or ())}
    first: dict[str, str] = {}
    for contributor in row["contributors"] or ():
        if 2 * (contributor["excess_usd"] or 0) >= (row["excess_usd"] or 0):
            first.setdefault(contributor["dimension"].replace("_", " "), contributor["value"] or UNATTRIBUTED)
    return ", ".join(f"{dimension} {value}" for dimension, value in first.items() if dimension not in said)


def _address(view: View, row: Row) -> str:
    """Of the page of an incident."""
    return f"{view.address('incidents')}&incident={quote(row['incident_id'])}"
