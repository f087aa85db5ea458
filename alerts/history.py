"""The detectors' memory of a whole lake: trained up to a minute, and what the minutes after it say.

Training is a fold over history, so it can be repeated: at start it is read from the lake, and when a trained day turns
out to have changed (spans that came late, a back-dated day) the fold goes back to the checkpoint before it. Where none
is, all is learnt again, but not while the past still changes from look to look (weeks are filled in): see ``REST``.
The minutes that may still open or change an incident are never trained on; a copy is folded over them at every look.

What has been told is taken from the journal alone: training opens nothing, it goes on with what is known.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pyarrow as pa

from alerts.ledger import LEAF, Ledger, Total
from alerts.minutes import DAY_MINUTES, day_start, minute_of, to_minute, to_time
from alerts.people import Said
from alerts.signals.episode import Episode
from alerts.signals.episodes import Episodes
from alerts.signals.fold import Fold, Minute
from alerts.signals.leaves import Leaves
from alerts.usage_file import minutes_of

CHECKPOINTS = 3
"""Days back to which a late span only repeats those days; an older one repeats the whole history."""
REST = 10
"""Times what learning all took: for so long at most it is put off while days change that no checkpoint reaches."""
MUCH = 0.05
"""Part of the calls that were learnt: where more has come, nothing opens until that is learnt too."""
NOTHING_SAID = Said()
NEVER_SPENT = Total(calls=0, cost_usd=Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the minutes from ``first`` on say: what ``opened``, and what has been told before (``known``)."""

    first: int
    opened: Sequence[Episode]
    known: Sequence[Episode]


@dataclass(slots=True)
class State:
    """Fold and episodes as they are at the end of a minute; ``told``: ids of the incidents that were taken in."""

    fold: Fold
    episodes: Episodes
    told: set[str] = field(default_factory=set)

    def copy(self) -> State:
        """Another in the same state, over the same leaves."""
        return copy.deepcopy(self, {id(self.fold.leaves): self.fold.leaves})

    def tell(self, known: Iterable[Episode], minute: int) -> None:
        """Take in what has been told; who was told before the minute is as active as then."""
        for episode in known:
            if episode.known_as is not None and episode.known_as not in self.told:
                self.told.add(episode.known_as)
                kept = copy.deepcopy(episode)
                kept.active, kept.last = max(kept.active, minute), max(kept.last, minute)
                self.episodes.tell(kept)

    def step(self, usage: Minute, *, may_open: bool, is_full: bool = True) -> list[Episode]:
        """Those that open with the minute; one that is still filling calms nobody."""
        if not self.fold.begun and not usage.calls.any():
            return []
        opened = self.episodes.step(list(self.fold.step(usage)), self.fold, may_open=may_open)
        if self.fold.is_heard:
            self.episodes.follow(usage.minute, self.fold)
        if is_full:
            self.episodes.close(usage.minute, is_heard=self.fold.is_heard)
        return opened


class History:
    """``until`` is the first minute that is not trained, None before the first training.

    ``is_behind``: much of the past has come since it was learnt, so that what is usual is not known.
    """

    def __init__(
        self, episodes: Callable[[], Episodes], *, days: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.until: int | None = None
        self.is_behind = False
        self.leaves = Leaves()
        self._clock = clock
        self._learnt_at = self._took_s = 0.0
        self._put_off: Mapping[date, Total] = {}
        self._episodes = episodes
        self._horizon = timedelta(days=days)
        self._state = self._unseen()
        self._totals: dict[date, Total] = {}
        self._checkpoints: dict[int, State] = {}

    def train(
        self,
        ledger: Ledger,
        told: Mapping[int, Sequence[Episode]],
        until: int,
        *,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> int:
        """Up to ``until``, unless it is there already, which is returned; days that have changed are trained again.

        ``told``: what has been told, by the minute in which it opened. ``meanwhile``: what cannot wait for all of it,
        done before each of several days.
        """
        horizon = day_start(to_minute(to_time(until) - self._horizon))
        standing = dict(ledger.days(to_time(horizon), to_time(until if self.until is None else self.until)))
        began = self._clock()
        learns_all = self.until is None
        if self.until is None:
            self._begin(standing, until)
        else:
            changed = self._changes(standing, horizon)
            self.is_behind = self._puts_off(changed) and self._is_much(changed)
            if changed and not self._put_off:
                self._roll_back(minute_of(min(changed)), until)
            if self.until is None:
                learns_all = True
                self._begin(ledger.days(to_time(horizon), to_time(until)), until)
        while self.until is not None and self.until < until:
            if until - self.until > DAY_MINUTES:
                meanwhile()
            self._train_day(ledger, told, min(day_start(self.until) + DAY_MINUTES, until))
        if learns_all:
            self._learnt_at = self._clock()
            self._took_s = self._learnt_at - began
        return until if self.until is None else self.until

    def judge(
        self,
        usage: pa.Table,
        told: Mapping[int, Sequence[Episode]],
        end: int,
        *,
        open_from: int,
        said: Said = NOTHING_SAID,
    ) -> Judged:
        """What the minutes from ``until`` to ``end`` (not included) say, whose ``usage`` this is.

        The last may still be filling; minutes before ``open_from`` open nothing, and what
        people ``said`` is heeded.
        """
        first = end if self.until is None else self.until
        for minute in sorted(told):
            if minute < first:  # told meanwhile by another worker
                self._state.tell(told[minute], first - 1)
        state = self._state.copy()
        state.episodes.tune(said.tunings, said.announced)
        for minute in sorted(told):
            state.tell(told[minute], minute)
        opened: list[Episode] = []
        for one in minutes_of(usage, self.leaves, first, max(end, first)):
            opened += state.step(one, may_open=one.minute >= open_from, is_full=one.minute < end - 1)
        known = [episode for episode in state.episodes.open if episode.known_as is not None]
        return Judged(first=first, opened=opened, known=known)

    def _unseen(self) -> State:
        return State(Fold(self.leaves), self._episodes())

    def _begin(self, standing: Mapping[date, Total], until: int) -> None:
        self.until = min((minute_of(day) for day in standing), default=until)

    def _changes(self, standing: Mapping[date, Total], horizon: int) -> dict[date, Total]:
        """The days that were learnt and hold something else by now, and what."""
        trained = {day: total for day, total in self._totals.items() if minute_of(day) >= horizon}
        days = trained.keys() | standing.keys()
        now = {day: standing.get(day, NEVER_SPENT) for day in days}
        return {day: now[day] for day in days if trained.get(day, NEVER_SPENT) != now[day]}

    def _puts_off(self, changed: Mapping[date, Total]) -> bool:
        """Whether all is to be learnt again, but not yet: the past was another one at the last look."""
        is_far = bool(changed) and minute_of(min(changed)) not in self._checkpoints
        rests = changed == self._put_off or self._clock() - self._learnt_at > REST * self._took_s
        self._put_off = changed if is_far and not rests else {}
        return bool(self._put_off)

    def _is_much(self, changed: Mapping[date, Total]) -> bool:
        learnt = sum(total.calls for total in self._totals.values())
        came = sum(abs(total.calls - self._totals.get(day, NEVER_SPENT).calls) for day, total in changed.items())
        return came > MUCH * learnt

    def _roll_back(self, changed: int, until: int) -> None:
        if self.until is None or changed >= min(self.until, until):
            return
        day = day_start(changed)
        state = self._checkpoints.get(day)
        self._checkpoints = {minute: kept for minute, kept in self._checkpoints.items() if minute <= day}
        if state is None:
            self.until, self._state, self._totals, self._checkpoints = None, self._unseen(), {}, {}
        else:
            self.until, self._state = day, state.copy()
            self._totals = {known: total for known, total in self._totals.items() if minute_of(known) < day}

    def _train_day(self, ledger: Ledger, told: Mapping[int, Sequence[Episode]], end: int) -> None:
        start = end if self.until is None else self.until
        if start == day_start(start):
            self._keep_checkpoint(start)
        usage = ledger.usage(to_time(start), to_time(end), LEAF)
        self._count(start, usage)
        for minute in sorted(told):
            if minute < start:
                self._state.tell(told[minute], start - 1)
        for one in minutes_of(usage, self.leaves, start, end):
            self._state.tell(told.get(one.minute, ()), one.minute)
            self._state.step(one, may_open=False)
        self.until = end

    def _keep_checkpoint(self, minute: int) -> None:
        self._checkpoints[minute] = self._state.copy()
        for oldest in sorted(self._checkpoints)[:-CHECKPOINTS]:
            del self._checkpoints[oldest]

    def _count(self, start: int, usage: pa.Table) -> None:
        if not usage.num_rows:
            return
        day = to_time(start).date()
        before = self._totals.get(day, NEVER_SPENT)
        sums = pl.DataFrame(usage).select(pl.col("calls").sum(), pl.col("cost_usd").sum()).row(0)
        self._totals[day] = Total(calls=before.calls + sums[0], cost_usd=before.cost_usd + sums[1])
