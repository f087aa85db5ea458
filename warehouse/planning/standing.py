"""How budgets stand at a moment, without a forecast: what is used up, and how fast it goes. What alerts watch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa

from warehouse.planning.file import Budget, BurnAlert, Plans
from warehouse.planning.periods import Stretch, period_of
from warehouse.planning.series import Asked, Group, Spend, to_usd, total
from warehouse.reader import ALL, WarehouseSnapshot
from warehouse.schemas import USD

HOUR = timedelta(hours=1)
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """What a burn alert sees: ``picos`` were spent in [start, end), ``even_picos`` would be the even pace."""

    alert: BurnAlert
    start: datetime
    end: datetime
    picos: int
    even_picos: Decimal

    @property
    def rate(self) -> Decimal:
        """Times the even pace."""
        return Decimal(self.picos) / self.even_picos

    @property
    def is_on(self) -> bool:
        """Whether the rate is the alert's limit or more."""
        return self.rate >= self.alert.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How the period of a budget will end: nine forecasts in ten are at least ``low_usd``."""

    forecast_usd: Decimal
    low_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A budget in the period that is on: ``picos`` are spent by ``seen_to``; burns of the shortest window first."""

    budget: Budget
    period: Stretch
    picos: int
    seen_to: datetime
    burns: tuple[Burn, ...]

    @property
    def percent(self) -> Decimal:
        """How much of the amount is used up."""
        return Decimal(100 * self.picos) / self.budget.picos

    @property
    def crossed(self) -> Decimal | None:
        """The highest threshold that is reached, in percent."""
        return max((one for one in self.budget.thresholds if self.percent >= one), default=None)


def stand(snapshot: WarehouseSnapshot, plans: Plans, now: datetime) -> list[Standing]:
    """Every budget that has an amount for now, in the order of the file; about five questions each.

    Raises BadQuestion and what ``ask`` does.
    """
    found = []
    whole = Asked(snapshot=snapshot, scope=ALL)
    closed_to, streamed_to = whole.closed_to(), whole.streamed_to(now)
    for budget in plans.budgets:
        period = period_of(now, budget.period)
        if not budget.is_for(period[0].date()):
            continue
        asked = Asked(snapshot=snapshot, scope=ALL, where=budget.of)
        settled_to = min(closed_to or NEVER, now.replace(minute=0, second=0, microsecond=0))
        seen_to = max(settled_to, streamed_to) if asked.is_streamed else settled_to
        spent = spent_in(asked, period[0], seen_to, settled_to)
        burns = burns_of(budget, period, asked, (settled_to, seen_to))
        found.append(Standing(budget=budget, period=period, picos=spent, seen_to=seen_to, burns=burns))
    return found


def burns_of(budget: Budget, period: Stretch, asked: Asked, reach: Stretch) -> tuple[Burn, ...]:
    """What its burn alerts see; ``reach``: hours are settled up to the first, what came is seen up to the second."""
    pace = Decimal(budget.picos) / Decimal((period[1] - period[0]) / HOUR)
    settled_to, seen_to = reach
    return tuple(
        Burn(
            alert=alert,
            start=seen_to - alert.hours * HOUR,
            end=seen_to,
            picos=spent_in(asked, seen_to - alert.hours * HOUR, seen_to, settled_to),
            even_picos=alert.hours * pace,
        )
        for alert in sorted(budget.burn_alerts, key=lambda one: one.hours)
    )


def spent_in(asked: Asked, start: datetime, end: datetime, settled_to: datetime) -> int:
    """Picodollars of [start, end): of the ledger what is settled, of the stream the rest."""
    return _sums_in(asked, start, end, settled_to).get((), Spend()).picos


def spend_by(asked: Asked, window: Stretch) -> pa.Table:
    """What was spent by the dimensions that are asked for: those, ``calls`` and ``cost_usd``; also from both."""
    start, end = window
    spends = _sums_in(asked, start, end, min(asked.closed_to() or NEVER, end))
    columns: dict[str, pa.Array] = {
        name: pa.array([group[place] for group in spends], pa.string()) for place, name in enumerate(asked.by)
    }
    columns["calls"] = pa.array([spend.calls for spend in spends.values()], pa.int64())
    columns["cost_usd"] = pa.array([to_usd(spend.picos) for spend in spends.values()], USD)
    return pa.table(columns)


def _sums_in(asked: Asked, start: datetime, end: datetime, settled_to: datetime) -> dict[Group, Spend]:
    sums = (
        asked.settled("hour", start, min(settled_to, end)),
        asked.provisional(max(start, settled_to), end) or {},
    )
    groups = dict.fromkeys(group for one in sums for group in one)
    return {group: total(spend for one in sums for spend in one.get(group, {}).values()) for group in groups}
