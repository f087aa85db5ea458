"""Chargeback: what each tenant, cost centre or other payer bears in a month, line by line, and as files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Any
from urllib.parse import quote

import streamlit as st

from dashboards import figures, sentences
from dashboards.charts import name_of
from dashboards.controls import choose_one
from dashboards.frame import NOT_SETTLED, empty, nothing_yet, part
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.look import Look, again
from dashboards.period import Period, whole_months
from dashboards.statements import REPORT, focus_file, months_of, months_told, statement_file, summed, total_of

PAYERS = ("tenant", "feature", "environment")
KINDS = {"csv": "CSV", "parquet": "Parquet", "pdf": "PDF"}
MIME = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "pdf": "application/pdf"}


def _draw(look: Look) -> None:
    answers = look.answers.within(look.view.where().get("tenant", ()))
    period = whole_months(look.period, look.now)
    levels = [level.name for level in answers.said.dimensions.levels]
    head = st.container()
    with part("Statements", "Months as they are booked; lines of closed months that came later stand in the open one"):
        by = choose_one("Statements by", {name: told(name) for name in (PAYERS[0], *levels, *PAYERS[1:])}, key="by")
    lines = answers.report(REPORT, by=by, detail="", **months_of(period))
    if not lines:
        st.html(nothing_yet(answers) or empty(NOT_SETTLED, look.view))
        return
    rows = summed(lines, by)
    with head:
        st.html(_first_lines(rows, by))
    _draw_statements(look, rows, by)
    _draw_downloads(look, answers.scope, by, period, sorted({row["period"] for row in rows}))
    _draw_statement(answers.report(REPORT, by=by, **months_of(period)), by, rows)


show = again(_draw)


def told(by: str) -> str:
    """A dimension in words."""
    return by.replace("_", " ")


def _first_lines(rows: Sequence[Row], by: str) -> str:
    unpriced = sum(row["unpriced_calls"] for row in rows)
    sums = [(figures.usd(total_of(rows, name)), words) for name, words in WORDS.items()]
    return sentences.chargeback(
        total_of(rows, "cost_usd"),
        len({row[by] for row in rows if row[by] is not None}),
        told(by),
        months_told([row["period"] for row in rows]),
    ) + sentences.sub([*sums, (figures.count(unpriced), "calls without a price, which are in no sum")])


NO_LINE = figures.Figure(text="", exact="no such line")
WORDS = {
    "direct": "direct",
    "adjustment": "adjustments after their hours were closed",
    "allocated": "shared costs and what is taken off for them",
}


def _draw_statements(look: Look, rows: Sequence[Row], by: str) -> None:
    said = told(by)

    def leads(row: Row) -> str:
        return f"{look.view.address('')}&by={quote(said)}&payer={quote(name_of(row[by]))}"

    draw_table(
        f"By {said} and month",
        [{**row, **_there(row), "month": f"{row['period']:%Y-%m}"} for row in rows],
        [
            Column(name=by, title=said.capitalize(), leads=leads),
            Column(name="month", title="Month"),
            Column(name="calls", title="Calls", shown=figures.count),
            Column(name="unpriced_calls", title="Without a price", shown=figures.count),
            Column(name="direct", title="Direct", shown=_blank_usd),
            Column(name="adjustment", title="Adjustments", shown=_blank_usd),
            Column(name="allocated", title="Shared", shown=_blank_usd),
            Column(name="cost_usd", title="To pay", shown=figures.usd, bar=True),
        ],
        name=f"chargeback-by-{by}",
    )


def _there(row: Row) -> dict[str, Any]:
    """Amounts of the lines of a statement; what it has no line for is nothing, and not unknown."""
    return {name: row[name] if name in row["lines"] else NO_LINE for name in WORDS}


def _blank_usd(amount: Any) -> figures.Figure:
    return NO_LINE if amount is NO_LINE else figures.usd(amount)


def _draw_downloads(look: Look, scope: Any, by: str, period: Period, months: Sequence[date]) -> None:
    command = look.source.command
    with part("Files", "Every statement with all its lines, exactly; FOCUS is a month of the whole books"):
        pass
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for kind in ("csv", "parquet", "pdf"):
            make = partial(statement_file, command, scope, by, period, kind)
            _button(f"Statements, {KINDS[kind]}", make, f"statements-by-{by}", kind)
        if look.answers.whole:
            month = months[-1]
            if len(months) > 1:
                month = st.selectbox(
                    "Month of FOCUS", months[::-1], format_func=lambda day: f"{day:%Y-%m}", key="month", width=150
                )
            for kind in ("csv", "parquet"):
                make = partial(focus_file, command, month, kind)
                _button(f"FOCUS {month:%Y-%m}, {KINDS[kind]}", make, f"focus-{month:%Y-%m}", kind)


def _button(label: str, make: Any, name: str, kind: str) -> None:
    st.download_button(
        label, data=make, file_name=f"{name}.{kind}", mime=MIME[kind], key=f"file-{name}-{kind}", on_click="ignore"
    )


def _draw_statement(lines: Sequence[Row], by: str, rows: Sequence[Row]) -> None:
    payers = list(dict.fromkeys(name_of(row[by]) for row in rows))
    with part("One statement", "Why: which settlement changed it and how come, or which rule shared it"):
        payer = st.selectbox("Whose statement", payers, key="payer", bind="query-params", label_visibility="collapsed")
    shown = [
        {**line, "month": f"{line['period']:%Y-%m}", "why": line["rule"] or line["entry"], "of": _corrects(line)}
        for line in lines
        if name_of(line[by]) == payer
    ]
    draw_table(
        f"Statement of {payer}",
        shown,
        [
            Column(name="month", title="Month"),
            Column(name="line", title="Line"),
            Column(name="why", title="Why", unknown=""),
            Column(name="settlement", title="Settlement", unknown=""),
            Column(name="of", title="Corrects", unknown=""),
            *(Column(name=name, title=name.capitalize(), unknown="") for name in ("feature", "model") if name != by),
            Column(name="calls", title="Calls", shown=figures.count),
            Column(name="input_tokens", title="Input tokens", shown=figures.count),
            Column(name="output_tokens", title="Output tokens", shown=figures.count),
            Column(name="cost_usd", title="USD", shown=figures.usd, bar=True),
        ],
        name="statement",
    )


def _corrects(line: Row) -> str | None:
    return None if line["corrects"] is None else f"{line['corrects']:%Y-%m}"
