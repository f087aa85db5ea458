"""The report ``forecast``: what will have been spent by the end of a month, or of any stretch.

What was spent is the ledger's, and of hours that are not settled what the stream has. What is still to come are days of
the model, fitted to whole settled days; of a day that has begun its share that is left. UTC days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from warehouse.errors import BadQuestion
from warehouse.planning.backtest import Outlook, look_ahead, needed_days
from warehouse.planning.file import Launch, Plans
from warehouse.planning.launches import Effect, arrays, effects_of
from warehouse.planning.model import MOST_DAYS
from warehouse.planning.periods import Stretch, midnight, overlap, period_of
from warehouse.planning.series import Asked, Group, Spend, to_usd, total
from warehouse.planning.weekdays import WEEK, Reals
from warehouse.questions import load_question
from warehouse.reader import Scope, WarehouseSnapshot
from warehouse.schemas.kinds import USD

NAME = "forecast"
DAY = timedelta(days=1)
LONGEST_DAYS = 366
BOUNDS = ("low_80_usd", "high_80_usd", "low_95_usd", "high_95_usd")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is known of one group and what is to come.

    ``outlook``: None where there is too little history; ``settled_to``: all that came before is in ``settled``, what
    came up to ``seen_to`` in ``provisional``, None = it is not told.
    """

    settled: Spend
    provisional: Spend | None
    settled_to: datetime
    seen_to: datetime
    outlook: Outlook | None
    first_ahead: date
    history_days: int
    horizon_days: int
    launches: tuple[str, ...]

    @property
    def spent(self) -> Spend:
        """So far."""
        return self.settled.plus(self.provisional or Spend())

    @property
    def is_provisional(self) -> bool:
        """Whether some of it is not settled."""
        return self.provisional is not None and self.provisional != Spend()


def forecast(snapshot: WarehouseSnapshot, scope: Scope, plans: Plans, **params: object) -> pa.Table:
    """The answer. Raises BadQuestion and what ``ask`` does."""
    question = load_question(NAME).knowing(snapshot.levels)
    question.check_offered(params)
    values: dict[str, Any] = question.parse(params)
    asked = Asked(
        snapshot=snapshot, scope=scope, by=values["by"], where=values["where"], as_of=values["as_of_settlement"]
    )
    now = values["now"] or snapshot.taken_at
    seen = asked.closed_to() if asked.as_of is not None else now
    start = values["start"] or period_of(min(values["end"] - DAY, now) if values["end"] else seen or now, "month")[0]
    stretch = (start, values["end"] or period_of(max(start, seen or now), "month")[1])
    if stretch[0] >= stretch[1]:
        raise BadQuestion(f"start = {stretch[0].isoformat()}: must be before end, {stretch[1].isoformat()}")
    views = look(asked, plans.launches, stretch, now)
    ordered = sorted(views.items(), key=lambda one: (-_size(one[1]), [(name is None, name or "") for name in one[0]]))
    return _table(asked.by, [_row(asked.by, group, view) for group, view in ordered])


def look(asked: Asked, launches: Sequence[Launch], stretch: Stretch, now: datetime) -> dict[Group, View]:
    """By group what is known and what is to come of a stretch. Raises BadQuestion where it ends too far away."""
    closed_to = asked.closed_to() or min(stretch[0], now)
    settled_to = min(closed_to, now.replace(minute=0, second=0, microsecond=0))
    streamed_to = asked.streamed_to(now)
    provisional = asked.provisional(closed_to, streamed_to)
    seen_to = settled_to if provisional is None else max(settled_to, streamed_to)
    first_ahead = settled_to.date()
    horizon = max(-(-(stretch[1] - midnight(first_ahead)) // DAY), 0)
    if horizon > LONGEST_DAYS:
        raise BadQuestion(f"end = {stretch[1].isoformat()}: must be within {LONGEST_DAYS} days of {first_ahead}")
    oldest = midnight(first_ahead) - MOST_DAYS * DAY
    days = asked.settled("day", oldest, settled_to)
    spent = asked.settled("day", stretch[0], min(stretch[1], settled_to))
    for group in [*spent, *(provisional or {})]:
        days.setdefault(group, {})
    if not asked.by:
        days.setdefault((), {})
    effects = effects_of(asked, launches, days, first_ahead, stretch[1].date())
    weights = _weights(first_ahead, horizon, (max(seen_to, stretch[0]), stretch[1]))
    return {
        group: _view(
            daily={day.date(): spend for day, spend in of.items() if day < midnight(first_ahead)},
            settled=total(spent.get(group, {}).values()),
            provisional=None if provisional is None else _within(provisional.get(group, {}), stretch),
            reach=(settled_to, seen_to),
            weights=weights,
            effects=effects[group],
        )
        for group, of in days.items()
    }


def _within(hours: dict[datetime, Spend], stretch: Stretch) -> Spend:
    return total(spend for hour, spend in hours.items() if stretch[0] <= hour < stretch[1])


def _weights(first: date, days: int, rest: Stretch) -> Reals:
    """How much of each day is still to come."""
    whole = [midnight(first) + day * DAY for day in range(days)]
    return np.array([overlap((day, day + DAY), rest) / DAY for day in whole])


def _view(
    *,
    daily: dict[date, Spend],
    settled: Spend,
    provisional: Spend | None,
    reach: Stretch,
    weights: Reals,
    effects: Sequence[Effect],
) -> View:
    first_ahead = reach[0].date()
    first = min((day for day, spend in daily.items() if spend.is_known), default=first_ahead)
    history = (first_ahead - first).days
    outlook = None
    if not weights.any():
        outlook = Outlook(quantiles=(0.0,) * 5, path=np.zeros(weights.size))
    elif history >= needed_days(weights.size):
        spend = _days(daily, first, history)
        felt = arrays(effects, first, history + weights.size)
        outlook = look_ahead(np.maximum(spend, 0.0), first.weekday(), weights, *felt)
    return View(
        settled=settled,
        provisional=provisional,
        settled_to=reach[0],
        seen_to=reach[1],
        outlook=outlook,
        first_ahead=first_ahead,
        history_days=history,
        horizon_days=weights.size,
        launches=tuple(one.name for one in effects),
    )


def _days(daily: dict[date, Spend], first: date, days: int) -> Reals:
    """(days,) picodollars; a day on which nothing is priced as a week before, in the first week as the day before."""
    found = np.zeros(days)
    for day in range(days):
        spend = daily.get(first + day * DAY, Spend())
        found[day] = spend.picos if spend.is_known else found[day - (WEEK if day >= WEEK else 1)]
    return found


def _size(view: View) -> float:
    return view.spent.picos + (view.outlook.quantiles[0] if view.outlook else 0)


def sums_of(view: View) -> dict[str, Any]:
    """The columns of what will have been spent; NULL but for what is to come where nobody knows what was."""
    found = dict.fromkeys(("rest_usd", "forecast_usd", *BOUNDS))
    if view.outlook is None:
        return found
    rest, *bounds = view.outlook.quantiles
    found |= {"rest_usd": to_usd(rest)}
    if not view.spent.is_known:
        return found
    sums = zip(("forecast_usd", *BOUNDS), (rest, *bounds), strict=True)
    return found | {name: to_usd(view.spent.picos + round(picos)) for name, picos in sums}


def quality_of(view: View) -> dict[str, Any]:
    """The columns of how far a forecast can be trusted."""
    tried = view.outlook
    return {
        "history_days": view.history_days,
        "needed_days": needed_days(view.horizon_days),
        "horizon_days": view.horizon_days,
        "wape": tried and tried.wape,
        "coverage_80": tried and tried.coverage_80,
        "coverage_95": tried and tried.coverage_95,
        "backtests": tried.backtests if tried else 0,
        "backtest_days": tried and tried.backtest_days,
        "launches": ", ".join(view.launches) or None,
    }


QUALITY = [
    *(pa.field(name, pa.int64()) for name in ("history_days", "needed_days", "horizon_days")),
    *(pa.field(name, pa.float64()) for name in ("wape", "coverage_80", "coverage_95")),
    *(pa.field(name, pa.int64()) for name in ("backtests", "backtest_days")),
    pa.field("launches", pa.string()),
]
SPENT = [pa.field(name, USD) for name in ("settled_usd", "provisional_usd", "spent_usd")]
PRICED = [pa.field("unpriced_calls", pa.int64()), pa.field("priced_share", pa.float64())]
AHEAD = [pa.field(name, USD) for name in ("rest_usd", "forecast_usd", *BOUNDS)]


def spent_of(view: View) -> dict[str, Any]:
    """The columns of what was spent so far, and of how much of it that is known."""
    spent = view.spent
    return {
        "settled_usd": _known_usd(view.settled),
        "provisional_usd": None if view.provisional is None else _known_usd(view.provisional),
        "spent_usd": _known_usd(spent),
        "unpriced_calls": spent.unpriced_calls,
        "priced_share": spent.priced_calls / spent.calls if spent.calls else None,
    }


def _known_usd(spend: Spend) -> Decimal | None:
    return to_usd(spend.picos) if spend.is_known else None


def _row(by: Sequence[str], group: Group, view: View) -> dict[str, Any]:
    found = dict(zip(by, group, strict=True)) | spent_of(view) | sums_of(view) | quality_of(view)
    return found | {"settled_to": view.settled_to, "provisional": view.is_provisional}


def _table(by: Sequence[str], rows: list[dict[str, Any]]) -> pa.Table:
    last = [pa.field("settled_to", pa.timestamp("us", tz="UTC")), pa.field("provisional", pa.bool_())]
    keys = [pa.field(name, pa.string()) for name in by]
    return pa.Table.from_pylist(rows, schema=pa.schema([*keys, *SPENT, *PRICED, *AHEAD, *QUALITY, *last]))
