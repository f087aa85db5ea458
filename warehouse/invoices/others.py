"""What is handed in and is no bill: a picture of one, a web page, an error of an API, JSON of nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from warehouse.invoices.line import Unreadable, buckets

EXPECTED = (
    "a bill is what OpenAI's or Anthropic's API answers (JSON), or a table (CSV or Parquet) of AWS CUR 2.0, of FOCUS, "
    "or with the columns that docs/reconcile.md names"
)
_FILES = {b"PK\x03\x04": "a zip or Excel file", b"%PDF": "a PDF"}
_PAGE = re.compile(r"(?i)<(!doctype\s+html|html|head|body)\b")
_SHOWN = 40
"""Letters of a file that are repeated."""


def refuse_file(data: bytes) -> None:
    """Raise Unreadable of a kind of file that is no bill."""
    if (kind := next((kind for magic, kind in _FILES.items() if data.startswith(magic)), None)) is not None:
        raise Unreadable("unknown_format", f"it is {kind}: give it as CSV, Parquet or the JSON of the API")


def refuse_text(text: str) -> None:
    """Raise Unreadable of text that is no table, where it is no object or list of JSON."""
    start = text.strip()
    if _PAGE.match(start):
        raise Unreadable(
            "unknown_format",
            "it is a web page (HTML), often one to sign in: save the file that it leads to; " + EXPECTED,
        )
    if start.startswith("<"):
        raise Unreadable("unknown_format", f"it is XML or HTML: {EXPECTED}")
    try:
        json.loads(start)
    except ValueError:
        return
    raise Unreadable("unknown_format", f"it is a single value, {start[:_SHOWN]}: {EXPECTED}")


def refuse_pages(pages: object) -> None:
    """Raise Unreadable of JSON that is no answer of an API, or one about no day."""
    if pages == []:
        raise Unreadable("no_page", f"it is an empty list: {EXPECTED}")
    for page in pages if isinstance(pages, list) else [pages]:
        if isinstance(page, Mapping) and page.get("error") and "data" not in page:
            error = page["error"]
            said = error.get("message") if isinstance(error, Mapping) else error
            raise Unreadable("no_page", f"it is an error that the API answered with ({said}): ask it again")
    if next(buckets(pages), None) is None:
        raise Unreadable(
            "no_days",
            "the answer is about no day (`data` is empty): leave the file out, or ask the API for days of the bill",
        )
