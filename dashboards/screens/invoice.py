"""Invoice: what providers bill against what the books have, by day and cause; a bill is handed in here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from html import escape

import streamlit as st

from dashboards import charts, figures, sentences
from dashboards.answers import Source
from dashboards.bills import bars, both_sides, causes, compare, options_of, take_in, told
from dashboards.controls import choose_one
from dashboards.errors import VerbFailed
from dashboards.frame import part, readable
from dashboards.grid import Column, Row
from dashboards.listing import draw_table
from dashboards.look import UTC_ZONE, Axis, Look, again
from dashboards.people import BILLS
from dashboards.verbs import WARNING, Said
from dashboards.view import View

SAID = "what was said of the bills"
OVERLAPS = {
    "refuse": "refuse it, and say which",
    "replace": "it is a newer export: it replaces them",
    "add": "it is another part of the bill: it adds to them",
}
NOT_YOURS = """<div class="sl-empty"><h2>Bills know no tenants</h2>
<p>What a provider bills is about the whole deployment, and you see some tenants only. What they bear:
<a href="chargeback">Chargeback</a>.</p></div>"""
NO_BILL = """<div class="sl-empty"><h2>Nothing to compare</h2>{notes}
<p>Hand a bill in below: an export of the provider's usage or costs, or any table of them.
<a href="{everything}">Show everything</a></p></div>"""
LOOKS = {"cause": "difference by cause", "sides": "ours and theirs"}


def show(source: Source, view: View) -> None:
    """Draw the page again and again above the form, which is worked off first: what it brings is shown at once."""
    above = st.container()
    with readable():
        if source.answers().whole and source.may(BILLS):
            _draw_form(source)
    with above:
        live(source, view)


def _draw(look: Look) -> None:
    if not look.answers.whole:
        st.html(NOT_YOURS)
        return
    try:
        with st.spinner("Holding the bills against the books"):
            compared = compare(look.books())
    except VerbFailed as error:
        st.error(f"{error}.", icon=":material/error:")
        return
    if compared.total is None:
        st.html(NO_BILL.format(notes=said_html(compared.notes), everything=escape(look.view.everything())))
        return
    st.html(sentences.invoice(compared.total, agrees=compared.agrees, phrase=look.period.phrase))
    st.html(_second_line(compared.total) + said_html(compared.notes))
    _draw_chart(compared.days, compared.total)
    _draw_causes(compared.total)
    _draw_days(compared.days)


live = again(_draw)


def _second_line(total: Row) -> str:
    return sentences.sub(
        [
            (figures.share(total["capture_rate"]), "of the billed tokens are in the books"),
            (figures.count(_whole(total["ours_tokens"])), "tokens in the books"),
            (figures.count(_whole(total["theirs_tokens"])), "billed"),
        ]
    )


def _whole(tokens: float | None) -> int | None:
    return None if tokens is None else round(tokens)


def _draw_chart(rows: Sequence[Row], total: Row) -> None:
    days = sorted(row["day"] for row in rows)
    axis = Axis(bucket="day", zone=UTC_ZONE, bounds=(days[0], days[-1] + timedelta(days=1)))
    with part("Per day", "USD, days of UTC; a difference is theirs - ours"):
        look = choose_one("What the chart shows", LOOKS, key="side")
    if look == "sides":
        names = {"ours_usd": "Ours", "theirs_usd": "Theirs"}
        chart = charts.lines(both_sides(rows), columns=names, unit="USD", **axis)
    else:
        chart = charts.over_time(
            bars(rows),
            dimension="cause",
            largest=[told(cause) for cause in total["causes"]],
            **axis,
        )
    st.vega_lite_chart(chart, alt=f"Per day: {LOOKS[look]}, in USD. The tables hold the numbers.")


def _draw_causes(total: Row) -> None:
    draw_table(
        "By cause",
        [*causes(total), {"cause": "all together", "what": "theirs - ours", "usd": total["difference_usd"]}],
        [
            Column(name="cause", title="Cause"),
            Column(name="what", title="What it is"),
            Column(name="usd", title="USD", shown=figures.change),
        ],
        name="invoice-by-cause",
    )


def _draw_days(days: Sequence[Row]) -> None:
    draw_table(
        "By day, provider",
        [
            {**row, "date": f"{row['day']:%Y-%m-%d}", "largest": told(row["causes"][0]) if row["causes"] else None}
            for row in days
        ],
        [
            Column(name="date", title="Day"),
            Column(name="provider", title="Provider", unknown="unknown"),
            Column(name="ours_tokens", title="Our tokens", shown=lambda tokens: figures.count(_whole(tokens))),
            Column(name="theirs_tokens", title="Theirs", shown=lambda tokens: figures.count(_whole(tokens))),
            Column(name="capture_rate", title="Captured", shown=figures.share),
            Column(name="ours_usd", title="Ours", shown=figures.usd),
            Column(name="theirs_usd", title="Theirs", shown=figures.usd),
            Column(name="largest", title="Mostly", unknown="agree"),
            Column(name="difference_usd", title="Difference", shown=figures.change),
        ],
        name="invoice-by-day",
        note="Captured: our tokens of those that are billed. The export has every cause of every day",
        shown=400,
    )


def _draw_form(source: Source) -> None:
    with part("Hand a bill in", "Read as spanledger reconcile reads it; a file counts once, however often it is given"):
        pass
    with st.form("bill", clear_on_submit=True):
        uploads = st.file_uploader(
            "Files of one bill",
            accept_multiple_files=True,
            help="JSON of OpenAI's or Anthropic's usage and costs, AWS CUR 2.0, FOCUS, or any CSV or Parquet table",
        )
        left, middle, right = st.columns(3)
        provider = left.text_input("Provider", placeholder="as the files say", help="openai, anthropic, aws, azure …")
        overlap = middle.selectbox(
            "If such days are imported already", list(OVERLAPS), format_func=lambda name: OVERLAPS[name]
        )
        rates = right.text_input("Rates", placeholder="USD", help="USD for one of a currency, like EUR=1.08")
        if st.form_submit_button("Hand in"):
            st.session_state[SAID] = _take_in(source, uploads, options_of(provider, overlap, rates))
    said: Said | None = st.session_state.get(SAID)
    if said is not None:
        _draw_said(said)


def _take_in(
    source: Source, uploads: Sequence[st.runtime.uploaded_file_manager.UploadedFile], options: list[str]
) -> Said:
    if not uploads:
        return Said(code=2, out="", lines=("no file is chosen: choose one above",))
    try:
        with st.spinner("Reading the bill"):
            return take_in(source.command, uploads, options)
    except VerbFailed as error:
        return Said(code=2, out="", lines=(str(error),))


def _draw_said(said: Said) -> None:
    mood = {0: ("Taken in", "good"), 1: ("Taken in, with what nothing explains", "warn")}.get(
        said.code, ("Not all of it", "bad")
    )
    st.html(f'<div role="status">{sentences.badge(*mood, "")}{said_html(said.lines)}</div>')


def said_html(lines: Sequence[str]) -> str:
    """What a verb said, a line each, warnings first."""
    first = sorted(lines, key=lambda line: not line.startswith(WARNING))
    return f'<ul class="sl-said">{"".join(f"<li>{_line_html(line)}</li>" for line in first)}</ul>' if lines else ""


def _line_html(line: str) -> str:
    if line.startswith(WARNING):
        return f"{sentences.badge('warning', 'warn', '')} {escape(line.removeprefix(WARNING))}"
    return escape(line)
