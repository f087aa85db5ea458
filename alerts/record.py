"""The detector's memory of a whole lake: states trained up to a minute, and verdicts about the minutes after it.

Training is a fold over history, so it can be repeated: at start it is read from the lake, and when a trained day turns
out to have changed (spans that came late, a back-dated day) the fold goes back to the checkpoint before it. The minutes
that may still open or change an incident are never trained on; they are folded anew at every look.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pyarrow as pa

from alerts.detector import Gates, Verdicts, watch_minutes
from alerts.incidents import Scope
from alerts.ledger import Ledger, Total
from alerts.life import Timeline
from alerts.state import Floats, States, unseen

MINUTE_S = 60
DAY_MINUTES = 1440
CHECKPOINTS = 3
"""Days back to which a late span only repeats those days; an older one repeats the whole history."""
BLOCK_CELLS = 4_000_000
"""Minutes x series that are made dense at a time."""
NEVER_SPENT = Total(calls=0, cost_usd=Decimal(0))


def to_minute(time: datetime) -> int:
    """Minutes since the epoch, rounded down."""
    return int(time.timestamp() // MINUTE_S)


def to_time(minute: int) -> datetime:
    """The minute's beginning."""
    return datetime.fromtimestamp(minute * MINUTE_S, tz=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Verdicts about the minutes from ``first_minute`` on; column ``i`` of the arrays is ``scopes[i]``."""

    first_minute: int
    scopes: tuple[Scope, ...]
    spend: Floats
    verdicts: Verdicts

    def timelines(self, always: Iterable[Scope]) -> Mapping[Scope, Timeline]:
        """The series that have a hot minute, and ``always`` those named (if they ever spent)."""
        wanted = set(np.flatnonzero(self.verdicts.hot.any(axis=0)).tolist()) if len(self.spend) else set()
        named = set(always)
        wanted |= {column for column, scope in enumerate(self.scopes) if scope in named}
        return {self.scopes[column]: self._timeline(column) for column in sorted(wanted)}

    def _timeline(self, column: int) -> Timeline:
        return Timeline(
            first_minute=self.first_minute,
            spend=self.spend[:, column],
            expected=self.verdicts.expected[:, column],
            hot=self.verdicts.hot[:, column],
            calm=self.verdicts.calm[:, column],
        )


class Record:
    """States of all series; ``until`` is the first minute that is not trained, None before the first training."""

    def __init__(self, gates: Gates, *, history_days: int) -> None:
        self.until: int | None = None
        self._gates = gates
        self._history = timedelta(days=history_days)
        self._columns: dict[Scope, int] = {}
        self._states = unseen(0)
        self._totals: dict[date, Total] = {}
        self._checkpoints: dict[int, States] = {}

    @property
    def states(self) -> States:
        """A copy of the states, in the order in which series were first seen."""
        return self._states.copy()

    def train(self, ledger: Ledger, until: int) -> int:
        """Bring the states to ``until``, which is returned; days that have changed meanwhile are trained again."""
        horizon = _day_start(to_minute(to_time(until) - self._history))
        standing = dict(ledger.days(to_time(horizon), to_time(until if self.until is None else self.until)))
        if self.until is None:
            self._begin(standing, until)
        else:
            self._roll_back(self._first_change(standing, horizon), until)
            if self.until is None:
                self._begin(ledger.days(to_time(horizon), to_time(until)), until)
        while self.until is not None and self.until < until:
            self._train_day(ledger, min(_day_start(self.until) + DAY_MINUTES, until))
        return until

    def judge(self, usage: pa.Table, end: int) -> Judged:
        """Verdicts about the minutes from ``until`` to ``end`` (not included), whose ``usage`` this is."""
        first = end if self.until is None else self.until
        spend = self._grid(usage, first, max(end - first, 0))
        _, verdicts = watch_minutes(self._states, first, spend, self._gates)
        return Judged(first_minute=first, scopes=tuple(self._columns), spend=spend, verdicts=verdicts)

    def _begin(self, standing: Mapping[date, Total], until: int) -> None:
        self.until = min((_minute_of(day) for day in standing), default=until)

    def _first_change(self, standing: Mapping[date, Total], horizon: int) -> int | None:
        trained = {day: total for day, total in self._totals.items() if _minute_of(day) >= horizon}
        changed = [
            day
            for day in trained.keys() | standing.keys()
            if trained.get(day, NEVER_SPENT) != standing.get(day, NEVER_SPENT)
        ]
        return _minute_of(min(changed)) if changed else None

    def _roll_back(self, changed: int | None, until: int) -> None:
        target = min(changed if changed is not None else until, until)
        if self.until is None or target >= self.until:
            return
        day = _day_start(target)
        states = self._checkpoints.get(day)
        self._checkpoints = {minute: kept for minute, kept in self._checkpoints.items() if minute <= day}
        if states is None:
            self.until, self._states, self._totals, self._checkpoints = None, unseen(len(self._columns)), {}, {}
        else:
            self.until = day
            self._states = np.concatenate([states, unseen(len(self._columns) - len(states))])
            self._totals = {known: total for known, total in self._totals.items() if _minute_of(known) < day}

    def _train_day(self, ledger: Ledger, end: int) -> None:
        start = end if self.until is None else self.until
        if start == _day_start(start):
            self._keep_checkpoint(start)
        usage = ledger.usage(to_time(start), to_time(end), ("tenant", "feature"))
        self._count(start, usage)
        self._make_room(usage)
        block = max(BLOCK_CELLS // max(len(self._columns), 1), 1)
        for first in range(start, end, block):
            spend = self._grid(usage, first, min(block, end - first))
            self._states, _ = watch_minutes(self._states, first, spend, self._gates)
        self.until = end

    def _keep_checkpoint(self, minute: int) -> None:
        self._checkpoints[minute] = self._states.copy()
        for oldest in sorted(self._checkpoints)[:-CHECKPOINTS]:
            del self._checkpoints[oldest]

    def _count(self, start: int, usage: pa.Table) -> None:
        if not usage.num_rows:
            return
        day = to_time(start).date()
        before = self._totals.get(day, NEVER_SPENT)
        sums = pl.DataFrame(usage).select(pl.col("calls").sum(), pl.col("cost_usd").sum()).row(0)
        self._totals[day] = Total(calls=before.calls + sums[0], cost_usd=before.cost_usd + sums[1])

    def _grid(self, usage: pa.Table, first: int, minutes: int) -> Floats:
        """Spend as (minutes, series) USD; exact sums per cell first, so the order of rows does not matter."""
        self._make_room(usage)
        cells = (
            pl.DataFrame(usage)
            .with_columns(row=pl.col("minute").dt.epoch("s") // MINUTE_S - first)
            .filter(pl.col("row").is_between(0, minutes - 1))
            .group_by("tenant", "feature", "row")
            .agg(pl.col("cost_usd").sum().cast(pl.Float64))
        )
        columns = [self._columns[scope] for scope in _scopes(cells)]
        spend = np.zeros((minutes, len(self._columns)))
        spend[cells["row"].to_numpy(), columns] = cells["cost_usd"].to_numpy()
        return spend

    def _make_room(self, usage: pa.Table) -> None:
        """Give every scope of the usage a column, and a state."""
        for scope in _scopes(pl.DataFrame(usage.select(["tenant", "feature"])).unique()):
            self._columns.setdefault(scope, len(self._columns))
        self._states = np.concatenate([self._states, unseen(len(self._columns) - len(self._states))])


def _scopes(frame: pl.DataFrame) -> list[Scope]:
    return [Scope(tenant=tenant, feature=feature) for tenant, feature in frame.select("tenant", "feature").iter_rows()]


def _day_start(minute: int) -> int:
    return minute - minute % DAY_MINUTES


def _minute_of(day: date) -> int:
    return to_minute(datetime(day.year, day.month, day.day, tzinfo=UTC))
