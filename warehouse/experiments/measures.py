"""What is compared, each made from one row of ``experiment`` and the rows of ``evaluations`` about the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from warehouse.experiments.estimates import Estimate, mean, share

Row = Mapping[str, Any]
Judged = Mapping[str, Row]
"""Rows of ``evaluations`` by what was judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One thing that is compared; ``weight``: the parameter that says what the score makes of it."""

    name: str
    unit: str
    of: Callable[[Row, Judged], Estimate]
    better: str = "higher"
    weight: str = ""


def _latency(row: Row, _: Judged) -> Estimate:
    value, low, high = (row[f"latency_p95{end}_ms"] for end in ("", "_low", "_high"))
    return Estimate(n=row["timed_calls"], value=value, low=low, high=high)


def _grounded(_: Row, judged: Judged) -> Estimate:
    row = judged.get("groundedness")
    return share(row["good"], row["good"] + row["bad"]) if row else Estimate(n=0)


def _helpful(_: Row, judged: Judged) -> Estimate:
    row = judged.get("helpfulness")
    return mean(row["scored"], row["score_mean"], row["score_deviation"]) if row else Estimate(n=0)


def _cost(row: Row, _: Judged) -> Estimate:
    return mean(row["priced_tasks"], row["task_usd_mean"], row["task_usd_deviation"])


MEASURES = (
    Measure(
        name="success",
        unit="share",
        of=lambda row, _: share(row["successful_tasks"], row["known_tasks"]),
        weight="quality_weight",
    ),
    Measure(name="groundedness", unit="share", of=_grounded),
    Measure(name="helpfulness", unit="score", of=_helpful),
    Measure(name="latency_p95", unit="ms", of=_latency, better="lower", weight="latency_weight"),
    Measure(name="task_cost", unit="usd", of=_cost, better="lower", weight="cost_weight"),
    Measure(name="judged_safe", unit="share", of=lambda row, _: share(row["safe_tasks"], row["judged_safe_tasks"])),
    Measure(name="unblocked", unit="share", of=lambda row, _: share(row["unblocked_tasks"], row["tasks"])),
)
