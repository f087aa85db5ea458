"""The first line of the page GPU. Pure: rows in, HTML out."""

from __future__ import annotations

from html import escape

from dashboards import figures
from dashboards.before import ALONE, Before
from dashboards.figures import Figure
from dashboards.grid import Row
from dashboards.sentences import bold, counted, lead, sub


def hours(number: float | None) -> Figure:
    """Hours of whole GPUs: ``412.5 h``, ``0.25 h``."""
    if number is None:
        return figures.UNKNOWN
    return Figure(text=f"{number:,.1f} h" if abs(number) >= 1 else f"{number:.2g} h", exact=f"{number:,.6f} GPU-hours")


def fleet(total: Row, gpus: int, *, phrase: str, before: Before = ALONE) -> str:
    """``4 GPUs were 52.1 % busy today; $7.20 of their $14.40 paid for idle time``; without a rate nobody knows."""
    verb = "was" if gpus == 1 else "were"
    busy = bold(figures.share(total["utilisation"])) + before.share("utilisation", total["utilisation"])
    told = f"{bold(counted(gpus, 'GPU'))} {verb} {busy} busy {escape(phrase)}"
    if total["cost_usd"] is None:
        return lead(f"{told}; what idle time costs is not known without a rate")
    idle, cost = (
        bold(figures.usd(total[name])) + before.usd(name, total[name]) for name in ("idle_cost_usd", "cost_usd")
    )
    return lead(f"{told}; {idle} of {cost} paid for idle time")


def used(total: Row, *, phrase: str, before: Before = ALONE) -> str:
    """``3.2 h of GPUs used by 412 calls today, $4.20, $0.0061 for 1,000 tokens``: of some tenants, features, models."""
    parts = [f"{bold(hours(total['gpu_hours']))} of GPUs used by {bold(counted(total['calls'], 'call'))} {phrase}"]
    if total["cost_usd"] is not None:
        parts.append(bold(figures.usd(total["cost_usd"])) + before.usd("cost_usd", total["cost_usd"]))
    if total["cost_per_1k_tokens_usd"] is not None:
        parts.append(f"{bold(figures.usd(total['cost_per_1k_tokens_usd']))} for 1,000 tokens")
    return lead(", ".join(parts))


def second(total: Row, memory: Row | None) -> str:
    """What the fleet did beside."""
    return sub(
        [
            (hours(total["gpu_hours"]), "of GPUs"),
            (hours(total["used_hours"]), "used by calls"),
            (hours(total["unattributed_hours"]), "busy without a call"),
            (hours(total["unmeasured_hours"]), "unmeasured"),
            (figures.usd(total["cost_per_1k_tokens_usd"]), "for 1,000 tokens"),
            (figures.share(memory["memory_mean"] if memory else None), "of the memory in use"),
            (figures.share(total["priced_share"]), "of the hours have a rate"),
        ]
    )
