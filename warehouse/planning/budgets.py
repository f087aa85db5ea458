"""The report ``budgets``: how far each is used up in the period that is on, how fast, and whether it will last."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from warehouse.planning.file import Budget, Plans
from warehouse.planning.forecast import AHEAD, PRICED, QUALITY, SPENT, View, look, quality_of, spent_of, sums_of
from warehouse.planning.periods import Stretch, midnight, period_of
from warehouse.planning.series import Asked, sees, to_usd
from warehouse.planning.standing import burns_of
from warehouse.questions import load_question
from warehouse.questions.dimensions import Filter
from warehouse.reader import Scope, WarehouseSnapshot
from warehouse.schemas.kinds import TIME, USD
from warehouse.scope import UNATTRIBUTED

NAME = "budgets"
DAY = timedelta(days=1)

SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("budget", "owner", "of", "period")),
        *(pa.field(name, TIME) for name in ("period_start", "period_end")),
        pa.field("amount_usd", USD),
        *SPENT,
        *PRICED,
        pa.field("left_usd", USD),
        *(pa.field(name, pa.float64()) for name in ("used_share", "elapsed_share", "burn_rate")),
        *AHEAD,
        *(pa.field(name, pa.float64()) for name in ("threshold_crossed", "threshold_ahead", "days_left")),
        *(pa.field(name, pa.string()) for name in ("days_left_by", "burn_alerts")),
        *QUALITY,
        pa.field("settled_to", TIME),
        pa.field("provisional", pa.bool_()),
    ]
)


def hold(snapshot: WarehouseSnapshot, scope: Scope, plans: Plans, **params: object) -> pa.Table:
    """The answer: a row for each budget that has an amount for now, in the order of the file, of what the scope sees.

    Raises BadQuestion and what ``ask`` does.
    """
    question = load_question(NAME).knowing(snapshot.levels)
    question.check_offered(params)
    values: dict[str, Any] = question.parse(params)
    now = values["now"] or snapshot.taken_at
    rows = []
    for budget in plans.budgets:
        period = period_of(now, budget.period)
        if budget.is_for(period[0].date()) and sees(scope, budget.of):
            asked = Asked(snapshot=snapshot, scope=scope, where=budget.of, as_of=values["as_of_settlement"])
            view = look(asked, plans.launches, period, now)[()]
            rows.append(_row(budget, period, view) | {"burn_alerts": _burning(budget, period, asked, view)})
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _row(budget: Budget, period: Stretch, view: View) -> dict[str, Any]:
    return {
        "budget": budget.name,
        "owner": budget.owner,
        "of": shown(budget.of),
        "period": budget.period,
        "period_start": period[0],
        "period_end": period[1],
        "amount_usd": to_usd(budget.picos),
        "elapsed_share": elapsed_share(period, view.seen_to),
        "settled_to": view.settled_to,
        "provisional": view.is_provisional,
        **(_used(budget, period, view) if view.spent.is_known else {}),
        **spent_of(view),
        **sums_of(view),
        **quality_of(view),
    }


def _used(budget: Budget, period: Stretch, view: View) -> dict[str, Any]:
    """The columns of what is used up, where that is known."""
    spent = view.spent.picos
    used, elapsed = spent / budget.picos, elapsed_share(period, view.seen_to)
    ahead = None if view.outlook is None else (spent + view.outlook.quantiles[0]) / budget.picos
    days, by = days_left(budget, period, view)
    return {
        "left_usd": to_usd(budget.picos - spent),
        "used_share": used,
        "burn_rate": used / elapsed if elapsed else None,
        "threshold_crossed": crossed(budget, used),
        "threshold_ahead": None if ahead is None else crossed(budget, ahead),
        "days_left": days,
        "days_left_by": by,
    }


def elapsed_share(period: Stretch, now: datetime) -> float:
    """How much of a period is over."""
    return min(max((now - period[0]) / (period[1] - period[0]), 0.0), 1.0)


def crossed(budget: Budget, used: float) -> float | None:
    """The highest threshold that a share of the amount reaches, in percent."""
    reached = [float(one) for one in budget.thresholds if used * 100 >= one]
    return reached[-1] if reached else None


def days_left(budget: Budget, period: Stretch, view: View) -> tuple[float | None, str | None]:
    """Until the amount is used up, by the forecast or the pace so far; None where it lasts to the end of the period."""
    left = budget.picos - view.spent.picos
    if left <= 0:
        return 0.0, None
    if view.outlook is not None:
        return _days_ahead(left, period, view), "forecast"
    elapsed = (view.seen_to - period[0]) / DAY
    if view.spent.picos <= 0 or elapsed <= 0:
        return None, "pace"
    days = left / (view.spent.picos / elapsed)
    return (days if view.seen_to + days * DAY < period[1] else None), "pace"


def _days_ahead(left: int, period: Stretch, view: View) -> float | None:
    """When the median path reaches what is left; within a day evenly."""
    path = view.outlook.path if view.outlook else np.zeros(0)
    over = np.flatnonzero(path >= left)
    if not over.size:
        return None
    day = int(over[0])
    begin = max(midnight(view.first_ahead) + day * DAY, view.seen_to)
    end = min(midnight(view.first_ahead) + (day + 1) * DAY, period[1])
    before = float(path[day - 1]) if day else 0.0
    moment = begin + (end - begin) * ((left - before) / (float(path[day]) - before))
    return (moment - view.seen_to) / DAY


def _burning(budget: Budget, period: Stretch, asked: Asked, view: View) -> str | None:
    """The alerts that are on. What is seen ends with the stream, or with the settled hours."""
    on = [
        f"{one.alert.hours} h at {one.rate:.2f} times the even pace (limit {one.alert.rate:f})"
        for one in burns_of(budget, period, asked, (view.settled_to, view.seen_to))
        if one.is_on
    ]
    return "; ".join(on) or None


def shown(of: Filter) -> str:
    """What a budget is of, as a filter is written."""
    pairs = [f"{name}={one}" for name, values in of for one in sorted(value or UNATTRIBUTED for value in values)]
    return ",".join(pairs) or "all"
