"""Statements of the report ``chargeback``: what each payer bears in a month, summed up, and as files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from dashboards.grid import UNATTRIBUTED, Row
from dashboards.period import Period
from dashboards.verbs import file_of
from warehouse.allocation.chargeback import LINES
from warehouse.scope import Everything, Scope

REPORT = "chargeback"


def months_of(period: Period) -> dict[str, datetime]:
    """The bounds of whole months as the report takes them."""
    return {name: at for name, at in (("start", period.start), ("end", period.end)) if at is not None}


def summed(lines: Sequence[Row], by: str) -> list[dict[str, Any]]:
    """A row for each payer and month: ``direct adjustment allocated`` and all together ``cost_usd``.

    What has no price counts as nothing, as on a statement, and is counted beside it (``unpriced_calls``); where
    nothing of it has one, a sum is None. ``lines``: those that there are.
    """
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for line in lines:
        empty = {by: line[by], "period": line["period"], "calls": 0, "unpriced_calls": 0, "lines": ()}
        row = found.setdefault((line[by], line["period"]), empty | dict.fromkeys((*LINES, "cost_usd")))
        row["lines"] = (*row["lines"], line["line"])
        row["calls"] += line["calls"] or 0
        row["unpriced_calls"] += (line["calls"] or 0) - (line["priced_calls"] or 0)
        if line["cost_usd"] is not None:
            for name in (line["line"], "cost_usd"):
                row[name] = (row[name] or Decimal(0)) + line["cost_usd"]
    return sorted(found.values(), key=lambda row: (row["period"], row["cost_usd"] or Decimal(0)), reverse=True)


def total_of(rows: Sequence[Row], name: str) -> Decimal | None:
    """The sum of what is known in a column; None where nothing is."""
    known = [row[name] for row in rows if row[name] is not None]
    return sum(known, Decimal(0)) if known else None


def months_told(months: Sequence[date]) -> str:
    """``November 2026``, ``September to November 2026``."""
    first, last = min(months), max(months)
    if first == last:
        return f"{first:%B %Y}"
    return f"{first:%B} to {last:%B %Y}" if first.year == last.year else f"{first:%B %Y} to {last:%B %Y}"


def statement_file(command: Sequence[str], scope: Scope, by: str, period: Period, kind: str) -> bytes:
    """All statements in ``kind`` (csv, parquet or pdf), as the command line writes them. Raises VerbFailed."""
    bounds = {"start": "--from", "end": "--to"}
    months = [f"{bounds[name]}={at.astimezone(UTC):%Y-%m-%d}" for name, at in months_of(period).items()]
    words = [REPORT, f"--by={by}", *months, *_flags(scope), f"--format={kind}"]
    return file_of(command, "report", *words, suffix=kind)


def _flags(scope: Scope) -> list[str]:
    """The scope as flags. ValueError for one that holds nobody: no flag would mean everybody."""
    if isinstance(scope, Everything):
        return []
    if not scope:
        raise ValueError("a scope of nobody has no statements")
    return [f"--tenant={UNATTRIBUTED if name is None else name}" for name in sorted(scope, key=str)]


def focus_file(command: Sequence[str], month: date, kind: str) -> bytes:
    """A month of the books as FOCUS, csv or parquet. Raises VerbFailed."""
    return file_of(command, "export", "focus", f"--month={month:%Y-%m}", suffix=kind)
