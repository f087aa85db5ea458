"""Files of bills: opened, their format found out from what is in them, and read.

JSON answers of an API (one page, or a list of pages), CSV with a header line, Parquet; JSON and CSV also as ``.gz``.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.errors import WarehouseError
from warehouse.invoices import anthropic, cur, focus, generic, openai
from warehouse.invoices.line import Reading, Row, Unreadable, buckets, results
from warehouse.invoices.others import EXPECTED, refuse_file, refuse_pages, refuse_text

_PARQUET, _GZIP = b"PAR1", b"\x1f\x8b"

FORMATS: Mapping[str, str | None] = {
    openai.COSTS: openai.PROVIDER,
    openai.USAGE: openai.PROVIDER,
    anthropic.COSTS: anthropic.PROVIDER,
    anthropic.USAGE: anthropic.PROVIDER,
    cur.FORMAT: cur.PROVIDER,
    focus.FORMAT: None,
    generic.FORMAT: None,
}
"""Formats, and whose bills they are; None = anybody's."""


class BadInvoice(WarehouseError):
    """A file is no bill that can be read; the text says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A file that was read."""

    name: str
    sha256: str
    reading: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is known about files before they are opened. ``name_provider``: of the names in bills, None = unknown."""

    provider: str | None
    name_provider: Callable[[str], str | None]


def read_file(path: Path, asked: Asked) -> Bill:
    """A bill. Raises BadInvoice, OSError."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    try:
        data = gzip.decompress(content) if content[:2] == _GZIP else content
        reading = _read(path.name, data, asked)
    except (OSError, EOFError, ValueError, RecursionError, csv.Error, pa.ArrowException) as error:
        raise BadInvoice(f"{path}: cannot be read as JSON, CSV or Parquet: {error}") from error
    except Unreadable as error:
        raise BadInvoice(f"{path}: {error}") from error
    return Bill(name=path.name, sha256=digest, reading=reading)


def _read(name: str, data: bytes, asked: Asked) -> Reading:
    if data[:4] == _PARQUET:
        return _read_table(name, *_parquet(data), asked)
    refuse_file(data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("unknown_format", f"text must be UTF-8: save it so ({error})") from error
    if text.lstrip()[:1] in ("{", "["):
        return _read_pages(name, json.loads(text, parse_float=Decimal, parse_constant=_no_number), asked)
    refuse_text(text)
    return _read_table(name, *_csv(text), asked)


def _csv(text: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Names of columns, and rows; between cells is a comma, semicolon or tab, whichever is most in the first line."""
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    lines = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [name.strip() for name in next(lines, ())]
    if not _is_known(names) and _is_known(lower := [name.lower() for name in names]):
        names = lower
    _table_format(names)
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise Unreadable("unknown_format", f"two columns have the name {twice[0]}: leave one out")
    rows = []
    for cells in filter(None, lines):
        if len(cells) != len(names):
            raise Unreadable(
                "unknown_format",
                f"line {lines.line_num} has {len(cells)} cells and there are {len(names)} columns: "
                "a cell with a comma in it stands in quotes, and numbers have a point",
            )
        rows.append(dict(zip(names, cells, strict=True)))
    return names, rows


def _is_known(columns: Collection[str]) -> bool:
    return any(set(needed) <= set(columns) for needed in (cur.NEEDED, focus.NEEDED, generic.NEEDED))


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is no number")


def _parquet(data: bytes) -> tuple[list[str], list[dict[str, Any]]]:
    file = pq.ParquetFile(BytesIO(data))
    names = list(file.schema_arrow.names)
    wanted = [name for name in names if name in cur.USED] if set(cur.NEEDED) <= set(names) else names
    return names, file.read(columns=wanted).to_pylist(maps_as_pydicts="lossy")


def _read_pages(name: str, pages: object, asked: Asked) -> Reading:
    refuse_pages(pages)
    first = next(results(pages), None)
    format_ = _page_format(first, pages)
    _check_provider(name, format_, asked)
    readers: dict[str, Callable[[object, str | None], Reading]] = {
        openai.COSTS: openai.read_costs,
        openai.USAGE: openai.read_usage,
        anthropic.COSTS: anthropic.read_costs,
        anthropic.USAGE: anthropic.read_usage,
    }
    reading = readers[format_](pages, asked.provider)
    answers = pages if isinstance(pages, list) else [pages]
    reading.goes_on = all(isinstance(one, Mapping) and one.get("has_more") is True for one in answers)
    return reading


def _page_format(first: Row | None, pages: object) -> str:
    """By what the first result has; an answer without results by how its buckets tell time."""
    if first is None:
        return openai.USAGE if "start_time" in next(buckets(pages)) else anthropic.USAGE
    kind = str(first.get("object") or "")
    if kind.startswith("organization.costs") or isinstance(first.get("amount"), Mapping):
        return openai.COSTS
    if kind.startswith("organization.usage") or ("start_time" in first["bucket"] and "amount" not in first):
        return openai.USAGE
    if "amount" in first:
        return anthropic.COSTS
    if "starting_at" in first["bucket"]:
        return anthropic.USAGE
    raise Unreadable("unknown_format", f"the answer is neither OpenAI's nor Anthropic's costs or usage: {EXPECTED}")


def _read_table(name: str, columns: list[str], rows: list[dict[str, Any]], asked: Asked) -> Reading:
    format_ = _table_format(columns)
    _check_provider(name, format_, asked)
    if format_ == cur.FORMAT:
        return cur.read(rows, asked.provider)
    if format_ == focus.FORMAT:
        return focus.read(rows, asked.provider, asked.name_provider)
    return generic.read(rows, asked.provider, asked.name_provider)


def _table_format(columns: Collection[str]) -> str:
    """By the columns that each must have; where none has them all, the text says what the nearest lacks."""
    if not columns:
        raise Unreadable("unknown_format", "it is empty: a table begins with the names of its columns")
    needed = {cur.FORMAT: cur.NEEDED, focus.FORMAT: focus.NEEDED, generic.FORMAT: generic.NEEDED}
    for format_, names in needed.items():
        if set(names) <= set(columns):
            return format_
    known = {generic.FORMAT: generic.COLUMNS, focus.FORMAT: focus.NEEDED, cur.FORMAT: cur.NEEDED}
    near = max(known, key=lambda one: len(set(known[one]) & set(columns)))
    lacks = ", ".join(name for name in needed[near] if name not in columns)
    raise Unreadable("unknown_format", f"the columns are those of no bill; for {near} it lacks {lacks}: {EXPECTED}")


def _check_provider(name: str, format_: str, asked: Asked) -> None:
    whose = FORMATS[format_]
    if whose is not None and asked.provider not in (None, whose):
        raise Unreadable("another_provider", f"{name} is a bill of {whose}, and --provider is {asked.provider}")
