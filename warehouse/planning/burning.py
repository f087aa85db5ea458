"""How fast the error budgets of objectives burn now: what alerts watch.

A burn is on where both a long window and a short one of about a twelfth of it burn at the rate: the long one says that
it matters, the short one that it goes on (Google, The Site Reliability Workbook, chapter 5, "6: Multiwindow,
Multi-Burn-Rate Alerts": 1 h and 5 min at 14.4, 6 h and 30 min at 6, 3 d and 6 h at 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from warehouse.planning.file import Plans
from warehouse.planning.objectives import Objective
from warehouse.planning.slo import BURNS, Asked, Seen
from warehouse.planning.slo import FAST as FAST_RATES
from warehouse.planning.slo import SLOW as SLOW_RATES
from warehouse.reader import ALL, WarehouseSnapshot

FAST, SLOW = "fast", "slow"
SHORT = {"burn_1h": timedelta(minutes=5), "burn_6h": timedelta(minutes=30), "burn_3d": timedelta(hours=6)}
PAIRS: Mapping[str, Mapping[str, float]] = {
    FAST: {name: rate for name, rate in FAST_RATES.items() if name in SHORT},
    SLOW: {name: rate for name, rate in SLOW_RATES.items() if name in SHORT},
}
"""By how urgent it is: windows and their rates, as the report ``slo`` has them."""
LEAST_BAD = 5
"""Bad calls that a long window must have: of few calls one is many times the budget."""
BY_MINUTE = timedelta(hours=6)
"""Windows up to this are added up from one answer."""
CALM = 0.9
"""Of its rate: a burn whose short window is below it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burn:
    """``long`` and ``short``: what was seen in the windows that end now, of a burn that is on from ``rate`` on."""

    rate: float
    length: timedelta
    long: Seen
    short_length: timedelta
    short: Seen
    allowed: Decimal

    @property
    def times(self) -> float:
        """Times the even pace, over the long window; 0 without calls."""
        return self.long.burn(self.allowed) or 0.0

    @property
    def short_times(self) -> float:
        """Likewise over the short one."""
        return self.short.burn(self.allowed) or 0.0

    @property
    def is_on(self) -> bool:
        """Whether both windows burn at the rate, by more than a few calls."""
        return self.times >= self.rate and self.short_times >= self.rate and self.long.bad >= LEAST_BAD

    @property
    def is_calm(self) -> bool:
        """Whether it has ended."""
        return self.short_times < CALM * self.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The burns of an objective by urgency, the shortest window first; windows beyond the objective's own are not."""

    objective: Objective
    end: datetime
    burns: Mapping[str, Sequence[Burn]]


def paces(snapshot: WarehouseSnapshot, plans: Plans, end: datetime) -> list[Pace]:
    """Of every objective, in the order of the file; two questions each. Raises what ``ask`` does."""
    return [_pace(Asked(snapshot=snapshot, scope=ALL, objective=one), end) for one in plans.objectives]


def _pace(asked: Asked, end: datetime) -> Pace:
    one = asked.objective
    minutes = asked.seen(end - BY_MINUTE, end, bucket="minute")
    burns = {
        urgency: [
            Burn(
                rate=rate,
                length=BURNS[name],
                long=_within(asked, minutes, BURNS[name], end),
                short_length=SHORT[name],
                short=_within(asked, minutes, SHORT[name], end),
                allowed=1 - one.target,
            )
            for name, rate in pairs.items()
            if BURNS[name] <= one.window
        ]
        for urgency, pairs in PAIRS.items()
    }
    return Pace(objective=one, end=end, burns=burns)


def _within(asked: Asked, minutes: Sequence[tuple[dict[str, Any], Seen]], length: timedelta, end: datetime) -> Seen:
    if length > BY_MINUTE:
        return asked.seen(end - length, end)[0][1]
    told = [(seen.calls, seen.good, seen.of) for key, seen in minutes if key["bucket"] >= end - length]
    calls, good, of = (sum(counts) for counts in zip((0, 0, 0), *told, strict=True))
    return Seen(calls=calls, good=good, of=of)
