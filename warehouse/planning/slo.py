"""The report ``slo``: what share of the calls was good, how much of the error budget is left, how fast it burns.

Burn rates, their windows and what is fast and slow: Google, The Site Reliability Workbook, chapter 5, "Alerting on
SLOs" (multiwindow, multi-burn-rate): 2 % of a month's budget in an hour is a burn of 14.4, 5 % in 6 hours of 6, 10 %
in 24 hours of 3, 10 % in 3 days of 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from warehouse.planning.budgets import shown
from warehouse.planning.file import Plans
from warehouse.planning.objectives import AVAILABILITY, Objective
from warehouse.planning.series import sees
from warehouse.questions import load_question
from warehouse.reader import Scope, WarehouseSnapshot
from warehouse.schemas.kinds import TIME

NAME = "slo"
HOUR = timedelta(hours=1)
BURNS = {"burn_1h": HOUR, "burn_6h": 6 * HOUR, "burn_24h": 24 * HOUR, "burn_3d": 72 * HOUR}
PRESENT = "burn_6h"
FAST = {"burn_1h": 14.4, "burn_6h": 6.0}
SLOW = {"burn_24h": 3.0, "burn_3d": 1.0}
COLUMNS = {
    AVAILABILITY: ("calls", "failed_calls", "calls"),
    "ttft": ("first_calls", "soon_calls", "stream_calls"),
    "duration": ("timed_calls", "fast_calls", "all_calls"),
}
"""Of each signal: the sums that are its calls, those that are bad (of availability) or good, and all there were."""

SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("objective", "signal")),
        pa.field("limit_ms", pa.int64()),
        pa.field("of", pa.string()),
        pa.field("target", pa.float64()),
        pa.field("window", pa.string()),
        *(pa.field(name, TIME) for name in ("window_start", "window_end")),
        *(pa.field(name, pa.int64()) for name in ("calls", "good_calls", "bad_calls")),
        *(pa.field(name, pa.float64()) for name in ("coverage", "attained")),
        pa.field("met", pa.bool_()),
        *(pa.field(name, pa.float64()) for name in ("budget_calls", "left_calls", "left_share", *BURNS)),
        pa.field("lasts_hours", pa.float64()),
        pa.field("burning", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Calls of an objective in some time, how many of them were good, and of how many they are."""

    calls: int
    good: int
    of: int

    @property
    def bad(self) -> int:
        """Those that were not good."""
        return self.calls - self.good

    def burn(self, allowed: Decimal) -> float | None:
        """Times the even pace; None without calls."""
        return float(self.bad / (self.calls * allowed)) if self.calls else None


def attain(snapshot: WarehouseSnapshot, scope: Scope, plans: Plans, **params: object) -> pa.Table:
    """The answer: a row for each objective that the scope sees, in the order of the file; with ``bucket`` one for each.

    Raises BadQuestion and what ``ask`` does.
    """
    question = load_question(NAME)
    question.check_offered(params)
    values: dict[str, Any] = question.parse(params)
    now = values["now"] or snapshot.taken_at
    bucket, rows = values["bucket"], []
    for objective in plans.objectives:
        if sees(scope, objective.of):
            asked = Asked(snapshot=snapshot, scope=scope, objective=objective)
            rows += _trend(asked, now, bucket, values["zone"]) if bucket else [_row(asked, now)]
    schema = pa.schema([pa.field("bucket", TIME), *SCHEMA]) if bucket else SCHEMA
    return pa.Table.from_pylist(rows, schema=schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whom is asked about which objective."""

    snapshot: WarehouseSnapshot
    scope: Scope
    objective: Objective

    def seen(self, start: datetime, end: datetime, **over: object) -> list[tuple[dict[str, Any], Seen]]:
        """What was seen in a time, in one row or ``over`` time, each with what it is keyed by."""
        one = self.objective
        where = {name: tuple(values) for name, values in one.of}
        sums = self.snapshot.ask(NAME, self.scope, where=where, start=start, end=end, limit_ms=one.limit_ms, **over)
        return [(row, _seen(one, row)) for row in sums.to_pylist()]


def _seen(objective: Objective, sums: Mapping[str, Any]) -> Seen:
    whole, part, of = (sums[name] for name in COLUMNS[objective.signal])
    return Seen(calls=whole, good=whole - part if objective.signal == AVAILABILITY else part, of=of)


def _row(asked: Asked, now: datetime) -> dict[str, Any]:
    one = asked.objective
    start, allowed = now - one.window, 1 - one.target
    whole, *recent = (asked.seen(since, now)[0][1] for since in (start, *(now - back for back in BURNS.values())))
    burns = {name: seen.burn(allowed) for name, seen in zip(BURNS, recent, strict=True)}
    told = _left(whole.calls * allowed, whole.bad)
    return {
        "objective": one.name,
        "signal": one.signal,
        "limit_ms": one.limit_ms,
        "of": shown(one.of),
        "target": float(one.target),
        "window": one.said,
        "window_start": start,
        "window_end": now,
        **_counted(whole),
        "coverage": whole.calls / whole.of if whole.of else None,
        "met": whole.good >= one.target * whole.calls if whole.calls else None,
        "budget_calls": float(whole.calls * allowed),
        **told,
        **burns,
        "lasts_hours": lasts(told["left_share"], burns[PRESENT], one.window),
        "burning": burning(burns),
    }


def _counted(seen: Seen) -> dict[str, Any]:
    counts = {"calls": seen.calls, "good_calls": seen.good, "bad_calls": seen.bad}
    return counts | {"attained": seen.good / seen.calls if seen.calls else None}


def _left(budget: Decimal, bad: int) -> dict[str, float | None]:
    left = budget - bad
    return {"left_calls": float(left), "left_share": float(left / budget) if budget else None}


def _trend(asked: Asked, now: datetime, bucket: str, zone: str) -> list[dict[str, Any]]:
    """How the budget of the window went: what is left of all of it after each bucket that had calls."""
    one = asked.objective
    told = asked.seen(now - one.window, now, bucket=bucket, zone=zone)
    budget, bad, rows = sum(seen.calls for _, seen in told) * (1 - one.target), 0, []
    named: dict[str, object] = {
        "objective": one.name,
        "signal": one.signal,
        "limit_ms": one.limit_ms,
        "of": shown(one.of),
    }
    named |= {"target": float(one.target), "window": one.said}
    for key, seen in told:
        bad += seen.bad
        rows.append({**named, "bucket": key["bucket"], **_counted(seen), **_left(budget, bad)})
    return rows


def lasts(left: float | None, burn: float | None, window: timedelta) -> float | None:
    """Hours until the budget is used up; 0 where it is; None where that is beyond the window, or not known."""
    if left is None or left <= 0:
        return None if left is None else 0.0
    if not burn:
        return None
    return left / burn * (window / HOUR) if left < burn else None


def burning(burns: Mapping[str, float | None]) -> str | None:
    """Whether it burns ``fast`` or ``slow``; None: neither."""
    for word, limits in (("fast", FAST), ("slow", SLOW)):
        if any((burns[name] or 0.0) >= limit for name, limit in limits.items()):
            return word
    return None
