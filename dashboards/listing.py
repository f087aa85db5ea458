"""A titled table with its export: how every table of every page is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape

import streamlit as st

from dashboards.frame import part
from dashboards.grid import ROWS_SHOWN, Column, Row, csv_text, table_html


def draw_table(
    title: str,
    rows: Sequence[Row],
    columns: Sequence[Column],
    *,
    name: str,
    note: str = "",
    none: str = "",
    shown: int = ROWS_SHOWN,
    exported: Sequence[Row] | None = None,
) -> None:
    """Draw ``rows``, or the line ``none`` where there are none; ``name`` is that of the file of the export.

    ``exported``: what the export holds, where the cells of ``rows`` are made of several values.

    A column that says nothing where it is unknown is left out where it is unknown everywhere.
    """
    columns = [one for one in columns if one.unknown or any(row[one.name] is not None for row in rows)]
    with part(title, note):
        draw_export(rows if exported is None else exported, name)
    st.html(table_html(rows, columns, label=title, shown=shown) if rows else f'<p class="sl-sub">{escape(none)}</p>')


def draw_export(rows: Sequence[Row], name: str) -> None:
    """A button that hands over all rows and all columns, exactly; the file is made when it is clicked."""
    st.download_button(
        "CSV",
        data=partial(csv_text, rows, list(rows[0]) if rows else []),
        file_name=f"{name}.csv",
        mime="text/csv",
        key=f"export-{name}",
        help=f"Download all {len(rows):,} rows with exact values",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
        disabled=not rows,
    )
