"""The words of the page SLO. Pure: rows of the report ``slo`` in, HTML out."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil

from dashboards import figures
from dashboards.figures import Figure
from dashboards.grid import Row
from dashboards.sentences import badge, bold, counted, lead

MS_PER_HOUR = 3_600_000
FAST = badge("burns fast", "bad", "In the last hour at 14.4 times the even pace, or in 6 hours at 6 times, or more.")
SLOW = badge("burns", "warn", "In the last 24 hours at 3 times the even pace, or in 3 days at once, or more.")
CALM = badge("calm", "good", "No objective burns faster than its window allows.")


def by_budget(rows: Sequence[Row]) -> list[Row]:
    """Those with least of their budget left first, those of which nothing is known last."""
    return sorted(rows, key=lambda row: (row["left_share"] is None, row["left_share"] or 0.0))


def objectives(rows: Sequence[Row]) -> str:
    """``3 of 4 targets are met; chat answers has least budget left: 12.3 %, for 3 d 4 h at the pace of …``."""
    known = [row for row in by_budget(rows) if row["met"] is not None]
    met = figures.count(sum(row["met"] for row in known))
    whole = counted(len(rows), "target")
    told = f"{bold(met)} of {bold(whole)} {'is' if len(rows) == 1 else 'are'} met"
    if len(known) < len(rows):
        told += f", {bold(figures.count(len(rows) - len(known)))} without calls"
    parts = [told, *([_least(known[0])] if known else [])]
    mood = {row["burning"] for row in rows}
    verdict = FAST if "fast" in mood else SLOW if "slow" in mood else CALM
    return lead(f"{'; '.join(parts)}&ensp;{verdict}")


def _least(row: Row) -> str:
    name = f"{escape(row['objective'])} has least of its error budget left"
    if row["left_share"] <= 0:
        over = ceil(-row["left_calls"])
        told = f", {bold(counted(over, 'call'))} too many {'was' if over == 1 else 'were'} bad" if over else ""
        return f"{name}: none{told}"
    told = f"{name}: {bold(figures.share(row['left_share']))}"
    if row["lasts_hours"] is not None:
        told += f", for {bold(lasts(row['lasts_hours']))} at the pace of the last 6 hours"
    return told


def lasts(hours: float | None) -> Figure:
    """``3 d 4 h``, ``used up``; a dash where it lasts for longer than the window."""
    if hours == 0:
        return Figure(text="used up", exact="0 hours")
    return figures.milliseconds(None if hours is None else hours * MS_PER_HOUR)


def left(share: float | None) -> Figure:
    """What is left of a budget: ``40 %``; below 0 too: ``-12.5 %``."""
    if share is None or share >= 0:
        return figures.share(share)
    return Figure(text=f"{share * 100:.1f} %", exact=f"{share * 100:.6g} %")


def times(burn: float | None) -> Figure:
    """A burn rate: ``2.1``."""
    return figures.UNKNOWN if burn is None else Figure(text=f"{burn:.1f}", exact=f"{burn:.6g} times the even pace")


def target(row: Row) -> str:
    """``99.5 % of calls``, ``95 % within 800 ms``."""
    share = f"{row['target'] * 100:.10g} %"
    limit = figures.milliseconds(row["limit_ms"]).text
    return {
        "availability": f"{share} succeed",
        "ttft": f"{share} begin within {limit}",
        "duration": f"{share} end within {limit}",
    }[row["signal"]]
