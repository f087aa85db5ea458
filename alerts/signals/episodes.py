"""From what is odd to what is told: one episode for what belongs together, until it has been quiet.

A score counts where it is above its bar and above what its own series has scored before. Series of one tenant that
share a principal with an open episode belong to it, and those that share its feature unless they are new (a stolen key
is no part of what its feature did before); a price belongs to its model. Who was told much lately
is told of less: each episode of a tenant raises its bars by a fifth, which is forgotten by half in a week.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from alerts.calendar import Event, is_announced
from alerts.record import to_time
from alerts.signals.arrays import Floats
from alerts.signals.bars import Bars, bars_for, kin_usd_for
from alerts.signals.causes import Amounts, Contributor, Scope, contributors_to, scope_around
from alerts.signals.fold import HOUR, PRICE, TOKENS, Odd
from alerts.signals.leaves import DIMENSIONS, Leaf, Leaves

CALM = 60
"""Minutes without anything odd in the window that it was first seen in, or a shorter one, until it is resolved."""
QUIET = 180
"""Minutes without anything odd in any window after which what is odd is another episode; before, it opens again."""
PAST_TIMES = 1.2
"""A score must be so many times what its series has scored before."""
COLD_DAYS = 8.0
"""Bars are higher while the history is shorter: a job of every week is new until a week and a day are known."""
WEARY = 0.2
WEARY_FORGET = 0.5 ** (1 / (7 * 1440))  # of minutes: a week
CRITICAL_TIMES = 10
"""An episode is critical if it opens with so many times the least excess that is told."""
WARNING, CRITICAL = "warning", "critical"
LEAST_DAYS = 1e-3


class History(Protocol):
    """What is known of the series at the minute: a ``fold.Fold``."""

    days: float
    leaves: Leaves

    def amounts(self, signal: str, window: int, /) -> tuple[Floats, Floats]:
        """USD observed in a window of a signal, and USD that were usual: (leaves,), of a price (accounts,)."""


@dataclass(slots=True, kw_only=True)
class Episode:
    """What is told when it opens, at the end of minute ``opened``; ``resolved``: the minute at whose end it was calm.

    USD are of the window that was odd; expected is what such hours usually hold. ``leaves``: those that were odd;
    ``active``: when they last were in its window or a shorter one; ``last``: in any window.
    """

    opened: int
    signal: str
    window: int
    scope: Scope
    severity: str
    observed_usd: float
    expected_usd: float
    contributors: tuple[Contributor, ...]
    leaves: list[Leaf] = field(default_factory=list)
    active: int
    last: int
    resolved: int | None = None

    def go_on(self, odd: Odd, leaf: Leaf) -> None:
        """Take another score of what it is about."""
        self.last = odd.minute
        if width_of(odd.signal, odd.window) <= width_of(self.signal, self.window):
            self.active, self.resolved = odd.minute, None
        if leaf not in self.leaves:
            self.leaves.append(leaf)

    @property
    def excess_usd(self) -> float:
        """Of the window that was odd."""
        return self.observed_usd - self.expected_usd

    def holds(self, leaf: Leaf, *, new: bool) -> bool:
        """Whether it is about the leaf, or about one with the same principal or feature."""
        return leaf in self.leaves or any(
            leaf.principal == one.principal or (leaf.feature == one.feature and not new) for one in self.leaves
        )


@dataclass(frozen=True, slots=True)
class _Found:
    """A score that counts. ``whose``: tenant, or the model whose price it is; ``times`` the score that was needed."""

    odd: Odd
    whose: tuple[str, str | None, str | None]
    leaf: Leaf
    new: bool
    times: float


class Episodes:
    """Those of all tenants and models. ``budget``: false alerts per tenant-week; ``least_usd``: of an excess."""

    def __init__(
        self, budget: float, calendar: Sequence[Event] = (), *, least_usd: float, bars: Bars | None = None
    ) -> None:
        self._bars = bars or bars_for(budget)
        self._kin_usd = max(kin_usd_for(budget), least_usd)
        self._calendar = calendar
        self._least_usd = least_usd
        self._open: dict[tuple[str, str | None, str | None], list[Episode]] = {}
        self._weary: dict[tuple[str, str | None, str | None], tuple[float, int]] = {}

    def step(self, odd: Iterable[Odd], history: History) -> list[Episode]:
        """Those that open with what is odd of a minute."""
        opened = []
        for one in odd:
            for found in self._find(one, history):
                if self._joins(found) or self._is_unheard(found):
                    continue
                episode = _begin(found, history, self._least_usd)
                self._open.setdefault(found.whose, []).append(episode)
                opened.append(episode)
        return opened

    def close(self, minute: int) -> None:
        """Those that have been calm for long enough by the end of the minute are resolved."""
        for whose, episodes in list(self._open.items()):
            for episode in episodes:
                if episode.resolved is None and minute - episode.active >= CALM:
                    episode.resolved = minute
            self._open[whose] = [episode for episode in episodes if minute - episode.last < QUIET]
            if not self._open[whose]:
                del self._open[whose]

    def _find(self, odd: Odd, history: History) -> Iterable[_Found]:
        need: Floats = np.maximum(self._bars[odd.signal, odd.window], PAST_TIMES * odd.past)
        if odd.signal != PRICE:
            need = need * max(1.0, COLD_DAYS / max(history.days, LEAST_DAYS))
        least_usd = np.where(odd.kin, self._kin_usd, self._least_usd)
        for place in np.flatnonzero((odd.score > need) & (odd.excess_usd > least_usd)).tolist():
            number, new, times = int(odd.series[place]), bool(odd.new[place]), float(odd.score[place] / need[place])
            if odd.signal == PRICE:
                name, provider = list(history.leaves.models)[number]
                yield _Found(odd, ("model", name, provider), Leaf(None, None, name, None, provider), new, times)
            else:
                leaf = history.leaves.keys[number]
                yield _Found(odd, ("tenant", leaf.tenant, None), leaf, new, times)

    def _joins(self, found: _Found) -> bool:
        mine = [one for one in self._open.get(found.whose, ()) if one.holds(found.leaf, new=found.new)]
        for episode in mine:
            episode.go_on(found.odd, found.leaf)
        return bool(mine)

    def _is_unheard(self, found: _Found) -> bool:
        """Whether nobody is to be told: it was announced, or is not odd enough for who has heard much lately."""
        minute = found.odd.minute
        if is_announced(self._calendar, to_time(minute), found.leaf._asdict()):
            return True
        if found.odd.signal == PRICE:
            return False
        weary, since = self._weary.get(found.whose, (0.0, minute))
        weary *= WEARY_FORGET ** (minute - since)
        if found.times <= 1 + WEARY * weary:
            return True
        self._weary[found.whose] = (weary + 1, minute)
        return False


def width_of(signal: str, window: int) -> int:
    """Minutes that a window of a signal reaches back."""
    return window * HOUR if signal == TOKENS else window


def _begin(found: _Found, history: History, least_usd: float) -> Episode:
    odd, leaf = found.odd, found.leaf
    amounts = _amounts(found, history)
    scope = {"model": leaf.model} if odd.signal == PRICE else scope_around(leaf, amounts)
    observed, expected = amounts.of(scope)
    return Episode(
        opened=odd.minute,
        signal=odd.signal,
        window=odd.window,
        scope=scope,
        severity=CRITICAL if observed - expected >= CRITICAL_TIMES * least_usd else WARNING,
        observed_usd=observed,
        expected_usd=expected,
        contributors=contributors_to(amounts, scope, ("tenant", "model") if odd.signal == PRICE else DIMENSIONS),
        leaves=[leaf],
        active=odd.minute,
        last=odd.minute,
    )


def _amounts(found: _Found, history: History) -> Amounts:
    """Of all leaves of the tenant; of a price, of all tenants that use the model."""
    observed, expected = history.amounts(found.odd.signal, found.odd.window)
    if found.odd.signal == PRICE:
        keys = [Leaf(tenant, None, model.name, None, model.provider) for tenant, model in history.leaves.accounts]
        mine = [place for place, key in enumerate(keys) if key[2:] == found.leaf[2:]]
    else:
        keys = history.leaves.keys
        mine = [place for place, key in enumerate(keys) if key.tenant == found.leaf.tenant]
    return Amounts(keys=[keys[place] for place in mine], observed=observed[mine], expected=expected[mine])
