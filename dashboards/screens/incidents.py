"""Incidents: what is open, of whom, why and since when, what it costs; and what to do with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from html import escape

import streamlit as st

from alerts.advice import advise
from alerts.errors import AlertsError
from alerts.incidents import ACKNOWLEDGED, EXPECTED, FEEDBACK, PLANNED, SILENCED, TOO_SMALL, UNEXPECTED
from alerts.speaking import open_journal, speak
from dashboards import figures, sentences
from dashboards.answers import Answers, Source
from dashboards.frame import readable, side_by_side
from dashboards.grid import Column, Row, figure_html
from dashboards.incidents import amounts_of, draw_incidents, scope_of
from dashboards.listing import draw_table
from dashboards.people import INCIDENTS
from dashboards.view import View
from warehouse.errors import WarehouseError

SILENCES = {"1 hour": timedelta(hours=1), "4 hours": timedelta(hours=4), "1 day": timedelta(days=1)}
FEEDBACKS = {
    "Worth it": UNEXPECTED,
    "That is usual": EXPECTED,
    "Too small": TOO_SMALL,
    "It was planned": PLANNED,
}
GONE = """<div class="sl-empty"><h2>No such incident</h2>
<p>None with this id is in the ledger, or none that you may see.</p>
<p><a href="{back}">All incidents</a></p></div>"""


def show(source: Source, view: View) -> None:
    """Draw the page again and again; what is open is shown whatever the period, what is over as of the period."""
    st.fragment(_live, run_every=source.refresh_s)(source, view, st.query_params.get("incident"))


def _live(source: Source, view: View, named: str | None) -> None:
    with readable():
        answers, now = source.answers(), datetime.now(UTC)
        period = view.at(now)
        if named is not None:
            _draw_one(source, answers, view, named, now)
            return
        opened = [row for row in answers.ask("incidents", state="open") if _is_shown(row, view)]
        told = answers.ask("incidents", state="resolved", start=period.start, end=period.end)
        resolved = [row for row in told if _is_shown(row, view)]
        st.html(sentences.incidents(opened, len(resolved), phrase=period.phrase))
        draw_incidents(opened, view, now)
        draw_incidents(resolved, view, now, title="Over", note=f"Opened {period.phrase}", none="None.")


def _is_shown(row: Row, view: View) -> bool:
    """Whether an incident may be of what the view shows: one that names no feature may be of any."""
    return all(row[name] is None or row[name] in values for name, values in view.where().items())


def _draw_one(source: Source, answers: Answers, view: View, named: str, now: datetime) -> None:
    back = view.address("")
    found = [row for row in answers.ask("incidents", state="all") if row["incident_id"] == named]
    if not found:
        st.html(GONE.format(back=escape(back)))
        return
    row = found[0]
    st.html(f'<p class="sl-sub"><a href="{escape(back)}">All incidents</a></p>')
    st.html(sentences.incident(row) + _facts(row, view, now))
    if answers.whole and source.may(INCIDENTS):
        _draw_actions(source, row, now)
    left, right = side_by_side(2)
    with left:
        _draw_contributors(row)
        _draw_samples(row, now, view)
    with right:
        _draw_factors(row)
        _draw_changes(row, now, view)


def _facts(row: Row, view: View, now: datetime) -> str:
    """What is known of it, as names and values."""
    moment = partial(figures.moment, now=now, zone=view.zone)
    told = amounts_of(row)
    advice = advise(row["signal"])
    facts = {
        "Whose it is": escape(scope_of(row)),
        "Signal": f"{escape(row['signal'])}, {escape(row['severity'] or '')}",
        "Since": f"{figure_html(moment(row['opened_at']))}, {figure_html(figures.ago(row['opened_at'], now))}",
        "Observed": f"{figure_html(told['observed'])}, where {figure_html(told['expected'])} is usual",
        "Excess so far": f"{figure_html(figures.usd(row['excess_usd']))}, "
        f"{figure_html(figures.usd(row['excess_usd_per_hour']))} an hour",
        "Told to": escape(", ".join(row["notified"]) or "nobody: no channel took it"),
        "Taken": figure_html(moment(row["acknowledged_at"])) if row["acknowledged_at"] else "by nobody yet",
        "What to do": f"{escape(advice['action'])} <code>{escape(advice['runbook'])}</code>",
    }
    if row["complete_until"] is not None:
        facts["Data complete until"] = figure_html(moment(row["complete_until"]))
    if row["silenced_until"] and row["silenced_until"] > now:
        facts["Silenced until"] = figure_html(moment(row["silenced_until"]))
    if row["feedback"]:
        facts["Feedback"] = escape(row["feedback"])
    return f'<dl class="sl-facts">{"".join(f"<dt>{name}</dt><dd>{html}</dd>" for name, html in facts.items())}</dl>'


def _draw_actions(source: Source, row: Row, now: datetime) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button("Acknowledge", disabled=row["acknowledged_at"] is not None, help="You have it: no more updates"):
            _say(source, row, ACKNOWLEDGED, now)
        lasts = st.selectbox("Silence for", list(SILENCES), index=None, placeholder="…", width=150)
        if st.button("Silence", disabled=lasts is None, help="Nothing opens within its scope until then"):
            _say(source, row, SILENCED, now, until=now + SILENCES[lasts or "1 hour"])
        verdict = st.selectbox("Was it worth telling?", list(FEEDBACKS), index=None, placeholder="…", width=190)
        if st.button("Say so", disabled=verdict is None, help="Tunes the alerts of this scope"):
            _say(source, row, FEEDBACK, now, note=FEEDBACKS[verdict or "Worth it"])


def _say(
    source: Source, row: Row, kind: str, now: datetime, *, note: str | None = None, until: datetime | None = None
) -> None:
    try:
        journal = open_journal(source.lake)
        speak(journal, row["incident_id"], kind, who=source.reader, now=now, note=note, until=until)
    except (WarehouseError, AlertsError, KeyError) as error:
        st.error(f"{error}. Nothing was said.", icon=":material/error:")
        return
    st.rerun()


def _draw_contributors(row: Row) -> None:
    draw_table(
        "Where it comes from",
        row["contributors"] or [],
        [
            Column(name="dimension", title="By"),
            Column(name="value", title="Which"),
            Column(name="calls", title="Calls", shown=figures.count),
            Column(name="excess_usd", title="Excess", shown=figures.usd, bar=True),
        ],
        name="contributors",
        none="No single value stands out.",
    )


def _draw_factors(row: Row) -> None:
    draw_table(
        "What it is made of",
        [{**one, "factor": one["factor"].replace("_", " ")} for one in row["factors"] or []],
        [
            Column(name="factor", title="Part"),
            Column(name="observed", title="Observed", shown=_number),
            Column(name="expected", title="Usual", shown=_number),
            Column(name="excess_usd", title="Excess", shown=figures.usd, bar=True),
        ],
        name="factors",
        note="The parts add up to the excess exactly",
        none="Nothing is split: it is no incident of spend, or nothing was usual before.",
    )


def _number(value: float | None) -> figures.Figure:
    return figures.UNKNOWN if value is None else figures.Figure(text=f"{value:,.4g}", exact=f"{value!r}")


def _draw_changes(row: Row, now: datetime, view: View) -> None:
    draw_table(
        "What changed near its beginning",
        row["changes"] or [],
        [
            Column(name="dimension", title="What"),
            Column(name="value", title="Which"),
            Column(name="first_seen_at", title="First seen", shown=partial(figures.moment, now=now, zone=view.zone)),
            Column(name="calls", title="Calls", shown=figures.count),
            Column(name="cost_usd", title="Cost", shown=figures.usd),
        ],
        name="changes",
        note="Values that were never seen in the week before",
        none="Nothing new was seen.",
    )


def _draw_samples(row: Row, now: datetime, view: View) -> None:
    samples: Sequence[Row] = [{**one, "short": one["trace_id"][:8]} for one in row["samples"] or []]
    draw_table(
        "Sample traces",
        samples,
        [
            Column(name="short", title="Trace", leads=_trace),
            Column(name="ended_at", title="Ended", shown=partial(figures.moment, now=now, zone=view.zone)),
            Column(name="model", title="Model", unknown="unknown"),
            Column(name="cost_usd", title="Cost", shown=figures.usd),
        ],
        name="samples",
        note="The dearest calls as it opened, each of another trace",
        none="None was kept.",
    )


def _trace(row: Row) -> str:
    return f"trace?trace={row['trace_id']}&at={row['ended_at'].astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
