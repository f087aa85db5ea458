"""Tables for people: formatted cells with the exact value on hover, and the same rows as exact CSV.

They are HTML tables, not canvas: a screen reader reads them, a browser finds words in them, and a name is a link that
narrows the view to it. All text is escaped: names come from other people's spans.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from html import escape
from typing import Any

from dashboards.figures import Figure

Row = Mapping[str, Any]
ROWS_SHOWN = 50
UNATTRIBUTED = "unattributed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table: a measure where ``shown`` makes a Figure of its value, else a name.

    ``link`` gives the address that a value leads to, ``leads`` the one that a row leads to; ``bar`` draws a measure
    beside the largest of its column; ``wide`` keeps a name from breaking after every word.
    """

    name: str
    title: str
    shown: Callable[[Any], Figure] | None = None
    link: Callable[[Any], str] | None = None
    leads: Callable[[Row], str] | None = None
    bar: bool = False
    wide: bool = False
    unknown: str = UNATTRIBUTED


def table_html(rows: Sequence[Row], columns: Sequence[Column], *, label: str, shown: int = ROWS_SHOWN) -> str:
    """The first ``shown`` rows as an HTML table; below it how many more the export holds."""
    head = "".join(f'<th scope="col"{_numeric(column)}>{escape(column.title)}</th>' for column in columns)
    largest = {column.name: max((row[column.name] or 0 for row in rows), default=0) for column in columns if column.bar}
    body = "".join(f"<tr>{''.join(_cell(row, column, largest) for column in columns)}</tr>" for row in rows[:shown])
    more = f'<p class="sl-note">{len(rows) - shown:,} more in the export</p>' if len(rows) > shown else ""
    return (
        f'<div class="sl-scroll"><table class="sl-grid" aria-label="{escape(label)}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{more}"
    )


def figure_html(figure: Figure) -> str:
    """A number with its exact value on hover."""
    return f'<span title="{escape(figure.exact)}">{escape(figure.text)}</span>'


def csv_text(rows: Sequence[Row], names: Sequence[str]) -> str:
    """The rows as CSV: exact decimals, RFC 3339 times in UTC, an empty cell where a value is unknown."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([[_plain(row[name]) for name in names] for row in rows])
    return out.getvalue()


def _numeric(column: Column) -> str:
    return ' class="n"' if column.shown else ""


def _cell(row: Row, column: Column, largest: Mapping[str, Any]) -> str:
    value = row[column.name]
    if column.shown:
        bar = _bar(value, largest[column.name]) if column.bar else ""
        return f'<td class="n">{_linked(figure_html(column.shown(value)), row, column)}{bar}</td>'
    text = f'<span class="sl-none">{escape(column.unknown)}</span>' if value is None else escape(str(value))
    kind = ' class="sl-wide"' if column.wide else ""
    return f"<td{kind}>{_linked(text, row, column)}</td>"


def _linked(html: str, row: Row, column: Column) -> str:
    address = column.link(row[column.name]) if column.link else column.leads(row) if column.leads else ""
    return f'<a href="{escape(address)}">{html}</a>' if address else html


def _bar(value: Any, largest: Any) -> str:
    """A bar whose length the browser works out."""
    return f'<div class="sl-bar" style="--value:{value:f};--largest:{largest:f}"></div>' if value and value > 0 else ""


def _plain(value: Any) -> str:
    match value:
        case None:
            return ""
        case Decimal():
            return f"{value:f}"
        case bytes():
            return value.hex()
        case list() | dict():
            return json.dumps(value, default=_plain)
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case _:
            return str(value)
