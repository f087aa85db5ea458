"""Answers as files: an aligned table for people, JSON, CSV or Parquet for programs.

JSON is one array of flat objects, CSV has a header line; both keep every column. Money is decimal text, times are
RFC 3339 in UTC, ids lower-case hex, NULL is ``null`` or an empty cell. Parquet has the types themselves. The table
shortens numbers and leaves out empty columns.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, TextIO

import pyarrow as pa

from spanledger.errors import CannotRun
from warehouse.scope import UNATTRIBUTED

if TYPE_CHECKING:
    from warehouse.reader import Scope

ATTRIBUTION = ("tenant", "feature", "principal")

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]
"""What JSON can say."""


BINARY = ("parquet", "pdf")
"""Formats that are no text."""


@dataclass(frozen=True, slots=True)
class Out:
    """Where an answer goes, as text or, where its format is one of BINARY, as bytes."""

    text: TextIO

    @property
    def binary(self) -> IO[bytes]:
        """What stands below the text."""
        return self.text.buffer


@contextlib.contextmanager
def open_out(path: Path | None, kind: str) -> Iterator[Out]:
    """Standard output, or a file that is there, as a whole, once all of it was written.

    Raises CannotRun where ``kind`` is one of BINARY and somebody sits before a terminal.
    """
    if path is None:
        if kind in BINARY and sys.stdout.isatty():
            raise CannotRun(f"{kind} is not for a terminal; say --out FILE, or send it on with | or >")
        yield Out(sys.stdout)
        sys.stdout.flush()
        return
    with drafted(path) as draft, draft.open("wb") as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        yield Out(text)
        text.flush()
        text.detach()


@contextlib.contextmanager
def drafted(path: Path) -> Iterator[Path]:
    """A file beside ``path``, which it replaces once all was written. Raises CannotRun where there can be none."""
    if path.is_dir():
        raise CannotRun(f"--out {path}: is a directory")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.touch()
    except OSError as error:
        raise CannotRun(f"--out {path}: {error.strerror}") from error
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_answer(answer: pa.Table, out: Out, kind: str) -> None:
    """An answer as ``json``, ``csv`` or ``parquet``."""
    if kind == "parquet":
        write_parquet(answer, out.binary)
    else:
        {"json": write_json, "csv": write_csv}[kind](answer, out.text)


def write_parquet(answer: pa.Table, out: IO[bytes]) -> None:
    """One Parquet file."""
    import pyarrow.parquet as pq

    pq.write_table(answer, out)


def scope_of(tenants: Sequence[str] | None) -> Scope:
    """What the flags --tenant allow; none of them = everything."""
    from warehouse.reader import ALL

    return ALL if tenants is None else frozenset(None if name == UNATTRIBUTED else name for name in tenants)


def plain(value: object) -> Plain:
    """A value of an Arrow table as JSON says it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return [plain(item) for item in value]
    return _scalar(value)


def _scalar(value: object) -> str:
    match value:
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case bytes():
            return value.hex()
    raise TypeError(f"{type(value).__name__} has no JSON")


def records(answer: pa.Table) -> list[dict[str, Plain]]:
    """The rows as JSON objects; a map is an object."""
    return [{name: plain(value) for name, value in row.items()} for row in _rows(answer)]


def _rows(answer: pa.Table) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = answer.to_pylist(maps_as_pydicts="strict")
    return rows


def write_json(answer: pa.Table, out: TextIO) -> None:
    """One array, one object a line."""
    lines = (json.dumps(record, ensure_ascii=False) for record in records(answer))
    out.write("[" + ",\n ".join(lines) + "]\n")


def write_csv(answer: pa.Table, out: TextIO) -> None:
    """A header line, then a line a row; lists and objects are JSON in a cell."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(answer.column_names)
    for record in records(answer):
        writer.writerow(
            json.dumps(v, ensure_ascii=False) if isinstance(v, (list, dict, bool)) else v for v in record.values()
        )


def write_table(answer: pa.Table, out: TextIO, *, columns: Sequence[str], total: pa.Table | None = None) -> None:
    """An aligned table of ``columns``, less those where all rows are NULL; ``total``, of one row, is its last line."""
    kept = {name for name in columns if name in ATTRIBUTION or answer[name].null_count < answer.num_rows}
    shown = [name for name in columns if name in kept or not answer.num_rows]
    body = [[cell(row[name], UNATTRIBUTED if name in ATTRIBUTION else "-") for name in shown] for row in _rows(answer)]
    sums = _rows(total) if total is not None else []
    last = [["total", *(cell(row[name]) if name in row else "" for name in shown[1:])] for row in sums]
    widths = [max(len(line[i]) for line in [shown, *body, *last]) for i in range(len(shown))]
    right = [is_number(answer.schema.field(name).type) for name in shown]
    rule = "  ".join("─" * width for width in widths) + "\n"
    out.write(_line(shown, widths, right) + rule)
    out.writelines(_line(line, widths, right) for line in body)
    out.writelines(rule + _line(line, widths, right) for line in last)


def is_number(kind: pa.DataType) -> bool:
    """Whether a column stands flush right."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


SMALL_USD = Decimal("0.0001")
SMALL = 0.001
TENS = 10
TWO_DIGITS = Context(prec=2, rounding=ROUND_HALF_UP)


def _money(value: Decimal) -> str:
    """Dollars; two significant digits of less than a hundredth of a cent: what is not zero never reads zero."""
    return f"{TWO_DIGITS.create_decimal(value):f}" if 0 < abs(value) < SMALL_USD else f"{value:,.4f}"


def _real(value: float) -> str:
    """A number with four digits or so."""
    if 0 < abs(value) < SMALL:
        return f"{TWO_DIGITS.create_decimal(Decimal(value)):f}"
    return f"{value:,.3f}" if abs(value) < TENS else f"{value:,.0f}"


SHOWN: Mapping[type, Callable[..., str]] = {
    bool: lambda value: "yes" if value else "no",
    int: "{:,}".format,
    Decimal: _money,
    float: _real,
    datetime: lambda value: value.astimezone(UTC).isoformat(sep=" ", timespec="seconds").replace("+00:00", "Z"),
    str: str,
}
"""How a person reads a value: thousands apart, money to a hundredth of a cent or, where it is less, to two digits."""


def cell(value: object, null: str = "-") -> str:
    """A value as it stands in a table."""
    if value is None or value == []:
        return null
    show = SHOWN.get(type(value))
    return show(value) if show else json.dumps(plain(value), ensure_ascii=False).strip('"')


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = (
        text.rjust(width) if flush else text.ljust(width)
        for text, width, flush in zip(cells, widths, right, strict=True)
    )
    return "  ".join(padded).rstrip() + "\n"
