"""Trace: the spans of one task on a line of time, with what each took and cost. No content: the ledger has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html import escape

import streamlit as st

from dashboards import figures, sentences
from dashboards.answers import Source
from dashboards.frame import readable
from dashboards.grid import UNATTRIBUTED, Row, figure_html
from dashboards.listing import draw_export
from dashboards.view import View

AROUND = timedelta(days=1)
"""A trace is looked for among the spans that ended within a day of the call that led here."""
ASK = """<div class="sl-empty"><h2>Which trace?</h2>
<p>Open one from the <a href="calls">calls</a> or from an incident's samples, or write its id above.</p></div>"""
NOT_HERE = """<div class="sl-empty"><h2>No such trace</h2>
<p>No span of trace <code>{trace}</code> is in the ledger, or none that you may see.</p></div>"""
COLUMNS = ("Span", "Where", "", "Took", "First token", "Input", "Output", "Cost")
DEEPEST = 12


def show(source: Source, view: View) -> None:
    """Draw the trace that the address names."""
    trace = st.text_input("Trace id", key="trace", bind="query-params", placeholder="32 hexadecimal digits").strip()
    at = _time(st.query_params.get("at"))
    with readable():
        if not trace:
            st.html(ASK)
            return
        around = {"start": at - AROUND, "end": at + AROUND} if at else {}
        rows = source.answers().ask("trace", trace_id=trace, **around)
        if not rows:
            st.html(NOT_HERE.format(trace=escape(trace)))
            return
        st.html(sentences.trace(rows, zone=view.zone))
        draw_export(rows, f"trace-{trace[:8]}")
        st.html(timeline(rows))


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except ValueError:
        return None


def timeline(rows: Sequence[Row]) -> str:
    """The spans as an HTML table, children below their parents; a bar shows when each ran."""
    ends = max((_end_ms(row) for row in rows), default=0.0) or 1.0
    head = "".join(f'<th scope="col"{" class=n" if at > 2 else ""}>{title}</th>' for at, title in enumerate(COLUMNS))  # noqa: PLR2004 - the first are no numbers
    body = "".join(_row(row, depth, ends) for row, depth in in_order(rows))
    return (
        '<div class="sl-scroll"><table class="sl-grid" aria-label="Spans of the trace">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def in_order(rows: Sequence[Row]) -> list[tuple[Row, int]]:
    """Each span after its parent and before what began later, with how deep it is; every span once."""
    known = {row["span_id"] for row in rows}
    children: dict[bytes | None, list[Row]] = {}
    for row in rows:
        parent = row["parent_span_id"] if row["parent_span_id"] in known - {row["span_id"]} else None
        children.setdefault(parent, []).append(row)
    placed: dict[int, tuple[Row, int]] = {}
    waiting = [
        (row, 0) for row in reversed((*children.get(None, ()), *rows))
    ]  # first roots, then whose parents are a ring
    while waiting:
        row, depth = waiting.pop()
        if id(row) not in placed:
            placed[id(row)] = (row, min(depth, DEEPEST))
            waiting += [(child, depth + 1) for child in reversed(children.get(row["span_id"], ()))]
    return list(placed.values())


def _end_ms(row: Row) -> float:
    return float(row["offset_ms"] or 0) + float(row["duration_ms"] or 0)


def _row(row: Row, depth: int, ends: float) -> str:
    left, width = 100 * float(row["offset_ms"] or 0) / ends, 100 * float(row["duration_ms"] or 0) / ends
    billed = row["billable"]
    cost = (
        figures.usd(row["cost_usd"])
        if billed or row["cost_usd"] is not None
        else figures.Figure(text="", exact="not billed")
    )
    cells: Mapping[str, figures.Figure] = {
        "took": figures.milliseconds(row["duration_ms"]),
        "first": figures.milliseconds(row["ttft_ms"]) if row["stream"] or row["ttft_ms"] is not None else _NONE,
        "in": figures.count(row["input_tokens"]) if row["input_tokens"] is not None else _NONE,
        "out": figures.count(row["output_tokens"]) if row["output_tokens"] is not None else _NONE,
        "cost": cost,
    }
    numbers = "".join(f'<td class="n">{figure_html(figure)}</td>' for figure in cells.values())
    mood = "" if row["status"] in (None, "ok") else " bad"
    return (
        f'<tr><td class="sl-span" style="--depth:{depth}">{_name(row)}</td>'
        f"<td>{escape(_where(row))}</td>"
        f'<td class="sl-when"><div class="sl-run{mood}{"" if billed else " pale"}"'
        f' style="margin-left:{left:.3f}%;width:{width:.3f}%"></div></td>{numbers}</tr>'
    )


_NONE = figures.Figure(text="", exact="")


def _name(row: Row) -> str:
    told = escape(str(row["operation"] or "span"))
    name = f" <b>{escape(str(row['name']))}</b>" if row["name"] else ""
    notes = [str(row[key]) for key in ("error_class", "guardrail_action", "safety_category") if row[key]]
    if row["suppressed_by"] is not None:
        notes.append(f"billed as {row['suppressed_by'].hex()[:8]}")
    elif row["billable"] and row["cost_usd"] is None:
        notes.append(str(row["price_status"] or "no price"))
    said = f' <span class="sl-none">{escape(", ".join(notes))}</span>' if notes else ""
    return f"{told}{name}{said}"


def _where(row: Row) -> str:
    return " · ".join(str(row[key]) for key in ("tenant", "feature") if row[key]) or UNATTRIBUTED
