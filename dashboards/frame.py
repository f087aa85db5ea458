"""What all pages share: title, style, and errors as one readable line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboards.answers import Answers
from dashboards.theme import STYLE
from dashboards.view import View
from warehouse.errors import LakeMissing, WarehouseError

MISSING = """<div class="sl-empty"><h2>There is no ledger here yet</h2>
<p>{what}</p>
<p>To see pages filled with made-up traffic: <code>spanledger demo</code>. This page fills by itself.</p></div>"""


EMPTY_LEDGER = """<div class="sl-empty"><h2>Nothing has been billed yet</h2>
<p>The ledger is there, but it holds no model call. Point an OpenTelemetry exporter at the gateway:</p>
<p><code>OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318</code></p>
<p>or send made-up traffic with <code>spanledger simulate</code>. This page fills by itself.</p></div>"""
EMPTY_VIEW = """<div class="sl-empty"><h2>No calls in this view</h2>
<p>There are calls in the ledger, but none that this period and these filters let through.</p>
<p><a href="{everything}">Show everything</a></p></div>"""
NOT_SETTLED = """<div class="sl-empty"><h2>Nothing settled in this view</h2>
<p>This page shows settled hours alone, and this period and these filters let through no call of one.</p>
<p>A worker settles by itself; to close the hours that are over now: <code>spanledger settle</code>.
<a href="{everything}">Show everything</a></p></div>"""


WORDMARK = Path(__file__).with_name("wordmark.svg")
MARK = Path(__file__).with_name("mark.svg")


def dress() -> None:
    """Set up the page. All pictures are our own: icons of Streamlit's for tabs would come from the internet."""
    st.set_page_config(page_icon=MARK, layout="wide")
    st.logo(WORDMARK, size="medium")
    st.html(STYLE)


def empty(text: str, view: View) -> str:
    """What stands in the place of a page without numbers, with the address of everything in its place."""
    return text.format(everything=escape(view.everything()))


def nothing_yet(answers: Answers) -> str:
    """What to do where the ledger holds no call at all; empty where it holds some."""
    return "" if answers.ask("status")[0]["calls"] else EMPTY_LEDGER


@contextmanager
def part(title: str, note: str = "") -> Iterator[None]:
    """A row with the title of a part of a page; what is drawn inside stands at its right end."""
    below = f'<p class="sl-note">{escape(note)}</p>' if note else ""
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.html(f'<h2 class="sl-title">{escape(title)}</h2>{below}', width="content")
        yield


def side_by_side(number: int, name: str = "") -> list[DeltaGenerator]:
    """Columns for tables; a narrow window sets them below each other. ``name``: of all but the first of a page."""
    with st.container(key=f"tables-{number}{name}"):
        return list(st.columns(number, gap="large"))


@contextmanager
def readable() -> Iterator[None]:
    """Show what goes wrong at the lake as one line that says what to do."""
    try:
        yield
    except LakeMissing as error:
        st.html(MISSING.format(what=escape(str(error))))
    except WarehouseError as error:
        st.error(f"{error}. This page tries again by itself.", icon=":material/cloud_off:")
