"""Bills of providers beside the books, as ``spanledger reconcile`` compares them; and how a bill gets in."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from dashboards.grid import Row
from dashboards.look import Look
from dashboards.period import Period
from dashboards.verbs import Said, run_verb
from warehouse.invoices.causes import CAUSES

MEANINGS: Mapping[str, str] = {
    "missing_traffic": "billed calls that never reached us",
    "extra_traffic": "calls of ours that are not billed",
    "token_mismatch": "the calls agree, their tokens do not",
    "price_mismatch": "the same tokens at another price",
    "discount": "one factor below 1 over several models, or a line that says so",
    "tier": "tokens that one side has at another tier",
    "rounding": "amounts of the bill are rounded",
    "late_rows": "came after the bill was made, or is billed on the other side of midnight",
    "unpriced": "tokens of ours without a price, at the price of the bill",
    "other_charges": "what is no token: searches, storage, tax, credits, fees",
    "unexplained": "none of these",
}


class Upload(Protocol):
    """A file that somebody has chosen."""

    name: str

    def getvalue(self) -> bytes:
        """Its content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Bills against books: ``days`` has a row for each provider and day, ``total`` is all of it.

    ``total`` is None where nothing can be compared. ``agrees``: of no provider more than the tolerance has no cause.
    ``notes``: what is left out, what to do, and warnings that accounts are compared together.
    """

    days: tuple[Row, ...]
    total: Row | None
    agrees: bool
    notes: tuple[str, ...]


def compare(look: Look) -> Compared:
    """What ``spanledger reconcile`` says of the bills that are imported, in the period. Raises VerbFailed.

    Kept until bills are imported or hours are settled: nothing else moves it.
    """
    versions = dict(look.answers.snapshot.version)
    period = _days(look.period, look.now)
    key = ("reconcile", versions.get("invoices"), versions.get("settlements"), *period)
    return look.answers.kept.get(key, lambda: hold(look.source.command, period))


def _days(period: Period, now: datetime) -> tuple[str, ...]:
    """The UTC days of a period as the flags take them."""
    if period.start is None:
        return ()
    end = min(period.end or now, now) + timedelta(days=1) - timedelta(microseconds=1)
    return (f"--from={period.start:%Y-%m-%d}", f"--to={end:%Y-%m-%d}")


def hold(command: Sequence[str], period: Sequence[str] = ()) -> Compared:
    """The bills that are imported against the books of a period, by its flags. Raises VerbFailed."""

    def ask(by: str) -> Said:
        return run_verb(command, "reconcile", f"--by={by}", *period, "--format=json")

    with ThreadPoolExecutor(2) as both:
        by_day, total = both.map(ask, ("provider,day", ""))
    if by_day.code not in (0, 1):
        return Compared(days=(), total=None, agrees=False, notes=by_day.lines)
    return Compared(
        days=tuple(_rows(by_day.out)), total=_rows(total.out)[0], agrees=by_day.code == 0, notes=by_day.lines[:-1]
    )


def _rows(text: str) -> list[dict[str, Any]]:
    """Rows of JSON: amounts are decimals again, days the instants that they begin with."""
    return [{name: _read(name, value) for name, value in row.items()} for row in json.loads(text)]


def _read(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name.endswith("_usd"):
        return Decimal(value)
    return datetime.combine(datetime.fromisoformat(value), time(), UTC) if name == "day" else value


def causes(row: Row) -> list[Row]:
    """The causes of a row's difference, the largest first."""
    return [{"cause": told(cause), "what": MEANINGS[cause], "usd": row[f"{cause}_usd"]} for cause in row["causes"]]


def told(cause: str) -> str:
    """A cause in words."""
    return cause.replace("_", " ")


def bars(days: Sequence[Row]) -> list[Row]:
    """Each cause of each day as a bar of a chart."""
    return [
        {"bucket": row["day"], "cause": told(cause), "cost_usd": row[f"{cause}_usd"]}
        for row in days
        for cause in CAUSES
        if row[f"{cause}_usd"]
    ]


def both_sides(days: Sequence[Row]) -> list[Row]:
    """Ours and theirs by day, of all providers together; None where no bill of the day has a cost."""
    found: dict[datetime, dict[str, Any]] = {}
    for row in days:
        day = found.setdefault(row["day"], {"bucket": row["day"], "ours_usd": Decimal(0), "theirs_usd": None})
        day["ours_usd"] += row["ours_usd"]
        if row["theirs_usd"] is not None:
            day["theirs_usd"] = (day["theirs_usd"] or Decimal(0)) + row["theirs_usd"]
    return [found[day] for day in sorted(found)]


def take_in(command: Sequence[str], uploads: Sequence[Upload], options: Sequence[str]) -> Said:
    """Import files as ``spanledger reconcile FILE…`` does: what it says of them, by their names. Raises VerbFailed."""
    with tempfile.TemporaryDirectory(prefix="spanledger-bills-") as directory:
        paths = []
        for number, upload in enumerate(uploads):
            folder = Path(directory, str(number))
            folder.mkdir()
            name = Path(upload.name).name
            paths.append(folder / ("bill" if name in ("", "..") else name))
            paths[-1].write_bytes(upload.getvalue())
        said = run_verb(command, "reconcile", *map(str, paths), *options, "--format=json")
        lines = []
        for line in said.lines:
            for path in paths:
                line = line.replace(str(path), path.name)  # noqa: PLW2901 - the same line, told to people
            lines.append(line)
        return Said(code=said.code, out=said.out, lines=tuple(lines))


def options_of(provider: str, overlap: str, rates: str) -> list[str]:
    """The flags for what a form says."""
    named = [f"--provider={provider.strip()}"] if provider.strip() else []
    return [*named, f"--overlap={overlap}", *(f"--rate={rate}" for rate in rates.replace(",", " ").split())]
