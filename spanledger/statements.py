"""Statements for people who pay: the lines of ``chargeback`` as Markdown or PDF, one statement per payer and month.

Amounts are printed exactly, to the last digit that is not zero, so that a reader can add them up. As PDF they are
written by ``statement_pdf``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, TextIO

import pyarrow as pa

from warehouse.questions.kinds import DIMENSION as TOKEN_KIND
from warehouse.scope import UNATTRIBUTED

SUMS = ("calls", "input_tokens", "output_tokens", "cost_usd")
NUMBERS = (*SUMS, "settlement")
HIDDEN = ("period", "priced_calls")
Line = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one payer bears in one month; ``columns`` without those that are empty in all lines."""

    payer: str
    kind: str
    period: date
    columns: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def title(self) -> str:
        """Who and when."""
        return f"{self.payer}, {self.period:%B %Y}"

    def rows(self) -> Iterator[list[str]]:
        """The cells of each line."""
        return ([_cell(line[name], name) for name in self.columns] for line in self.lines)

    def total(self) -> list[str]:
        """The cells of the last line. What has no price counts as nothing and is named beside it."""
        adds = SUMS[self.is_by_kind :]
        sums = {name: sum((line[name] or 0 for line in self.lines), Decimal(0)) for name in adds}
        return ["total", *(_cell(sums[name], name) if name in adds else "" for name in self.columns[1:])]

    @property
    def is_by_kind(self) -> bool:
        """Whether lines are of kinds of tokens: calls count with each that they have, and do not add up."""
        return TOKEN_KIND in self.columns

    def unpriced(self) -> int:
        """Calls without a price; by kind with each that they have."""
        return sum((line["calls"] or 0) - (line["priced_calls"] or 0) for line in self.lines)


def statements_of(lines: pa.Table, by: str) -> list[Statement]:
    """The statements in the order of their payers, those of nobody last."""
    rows: list[Line] = lines.to_pylist()

    def owner(row: Line) -> tuple[bool, str, date]:
        return row[by] is None, row[by] or "", row["period"]

    found = []
    for (_, _, period), some in groupby(sorted(rows, key=owner), owner):
        own = tuple(some)
        told = [name for name in lines.column_names if name not in (by, *HIDDEN)]
        columns = ("line", *(name for name in told if name != "line" and _is_told(own, name)))
        found.append(Statement(payer=own[0][by] or UNATTRIBUTED, kind=by, period=period, columns=columns, lines=own))
    return found


def _is_told(lines: Iterable[Line], name: str) -> bool:
    return name == "cost_usd" or any(line[name] is not None for line in lines)


def _cell(value: Any, name: str) -> str:
    if value is None:
        return "" if name != "cost_usd" else "unknown"
    if name == "cost_usd":
        return _exact(value)
    return f"{value:,}" if name in SUMS else str(value)


def _exact(usd: Decimal) -> str:
    """Dollars with at least two decimals and no zeros after them."""
    whole, _, decimals = f"{usd:,.12f}".partition(".")
    return f"{whole}.{decimals[:2]}{decimals[2:].rstrip('0')}"


def notes_of(statement: Statement) -> list[str]:
    """What stands beside the lines."""
    calls = statement.unpriced()
    number = "" if statement.is_by_kind else f": {calls:,}"
    return [f"Calls without a known price, which are not in the total{number}."] if calls else []


def head_of(name: str) -> str:
    """The head of a column."""
    return {"cost_usd": "USD"}.get(name, name.replace("_", " "))


def write_markdown(statements: Sequence[Statement], out: TextIO, *, taken_at: datetime) -> None:
    """One document; a name cannot break out of its cell."""
    for statement in statements:
        out.write(f"# {_escape(statement.title)}\n\n")
        out.write(f"By {statement.kind}; snapshot of {taken_at:%Y-%m-%d %H:%M:%S}Z.\n\n")
        out.write(_row(map(head_of, statement.columns)))
        out.write(_row("---:" if name in NUMBERS else "---" for name in statement.columns))
        out.writelines(_row(map(_escape, row)) for row in statement.rows())
        out.write(_row(f"**{_escape(cell)}**" if cell else "" for cell in statement.total()) + "\n")
        out.writelines(f"{note}\n\n" for note in notes_of(statement))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _escape(text: str) -> str:
    """Text that Markdown shows as it is."""
    plain = " ".join(text.split())
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#" else letter for letter in plain)
