"""``alerts.signals`` on a world: the detectors of the product, at several budgets in one pass."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alerts.backtest import LEAST_SHARE, LEAST_USD, as_line
from alerts.calendar import Event, parse_calendar
from alerts.signals.arrays import Floats
from alerts.signals.bars import Bars
from alerts.signals.episode import Episode
from alerts.signals.episodes import Episodes
from alerts.signals.fold import Fold, Odd
from alerts.signals.leaves import Leaves
from alerts.usage_file import minutes_of
from benchmarks.spend.plans import World
from benchmarks.spend.world import calendar_of, usage_of


def lines(world: World, budgets: Sequence[float]) -> Mapping[float, Sequence[Mapping[str, Any]]]:
    """By budget what ``spanledger alerts backtest`` prints."""
    fold, calendar = Fold(Leaves()), events_of(world)
    watched = {budget: Episodes(budget, calendar, least_usd=LEAST_USD, least_share=LEAST_SHARE) for budget in budgets}
    told: dict[float, list[Episode]] = {budget: [] for budget in budgets}
    for minute in minutes_of(usage_of(world), fold.leaves):
        odd = list(fold.step(minute))
        for budget, episodes in watched.items():
            told[budget] += episodes.step(odd, fold)
            episodes.close(minute.minute)
    return {budget: [as_line(episode) for episode in found] for budget, found in told.items()}


def events_of(world: World) -> tuple[Event, ...]:
    """The calendar as the product reads it."""
    return parse_calendar(tomllib.loads(calendar_of(world)))


@dataclass(slots=True)
class At:
    """A minute of a record; amounts are not kept, so that scopes stay as narrow as leaves."""

    leaves: Leaves
    days: float = 0.0

    def amounts(self, _signal: str, _window: int) -> tuple[Floats, Floats]:
        """Zeros."""
        return self.now(_signal)

    def now(self, _signal: str) -> tuple[Floats, Floats]:
        """Zeros."""
        none = np.zeros(max(len(self.leaves.keys), len(self.leaves.accounts)))
        return none, none


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a fold said of a world, to be judged with many bars; ``minutes``: minute, days of history, what was odd."""

    leaves: Leaves
    minutes: Sequence[tuple[int, float, Sequence[Odd]]]
    calendar: Sequence[Event]

    def lines(self, budget: float, bars: Bars) -> Sequence[Mapping[str, Any]]:
        """What would be told at the budget with these bars."""
        episodes = Episodes(budget, self.calendar, least_usd=LEAST_USD, bars=bars)
        told = []
        for minute, days, odd in self.minutes:
            told += episodes.step(odd, At(self.leaves, days))
            episodes.close(minute)
        return [as_line(episode) for episode in told]


def record(world: World) -> Recorded:
    """Step through all minutes of the world."""
    fold = Fold(Leaves())
    minutes = []
    for minute in minutes_of(usage_of(world), fold.leaves):
        odd = list(fold.step(minute))
        if odd:
            minutes.append((minute.minute, fold.days, odd))
    return Recorded(fold.leaves, minutes, events_of(world))
