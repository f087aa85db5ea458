"""From what is odd to what is told: one episode for what belongs together, until it has been quiet.

A score counts where it is above its bar and above what its own series has scored before. Series of one tenant that
share a principal with an open episode belong to it, and those that share its feature unless they are new (a stolen key
is no part of what its feature did before), unless they are many times as much; a price belongs to its model. Who was
told much lately is told of less: each episode of a tenant raises its bars by a fifth, which is forgotten by half in a
week.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from alerts.calendar import Announced, explained_until, explains_opening
from alerts.minutes import to_minute, to_time
from alerts.signals.arrays import Floats
from alerts.signals.bars import SHARE, Bars, bars_for, kin_usd_for
from alerts.signals.causes import Amounts, Scope, contributors_to, is_within, scope_around
from alerts.signals.cold import raised
from alerts.signals.episode import Episode, Followed, Known, Whose, keys_of, whose_is, window_start
from alerts.signals.fold import Odd
from alerts.signals.kinds import CALLS, PRICE, SPEND
from alerts.signals.leaves import DIMENSIONS, Leaf, Leaves
from alerts.signals.rises import Paid, rise_of, window_of_rise
from alerts.signals.tuning import Tuning, least_usd_for, times_for
from alerts.signals.windows import MINUTES, since_start
from alerts.young import times_while_young

CALM = 60
"""Minutes without anything odd in the window that it was first seen in, or a shorter one, until it is resolved."""
QUIET = 180
"""Minutes without anything odd in any window after which what is odd is another episode; before, it opens again."""
PAST_TIMES = 1.2
"""A score must be so many times what its series has scored before."""
WEARY = 0.2
WEARY_FORGET = 0.5 ** (1 / (7 * 1440))  # of minutes: a week
RECENT = {SPEND: 60, CALLS: 60}
RECENT_SHARE = 0.25
"""What opens with a longer window must have held this part of its mean excess in so many minutes."""
CRITICAL_TIMES = 10
"""An episode is critical if it opens with so many times the least excess that is told."""
WARNING, CRITICAL = "warning", "critical"


@dataclass(frozen=True, slots=True)
class _Found:
    """A score that counts: that at ``place`` of ``odd``, ``times`` as high as was needed.

    ``whose``: tenant, or the model whose price it is; ``excess_usd``: of the leaf; ``rise``: of a price, by which share
    it is higher than before; ``first``: the minute from which on it counts, where what was before had been silenced.
    """

    odd: Odd
    whose: Whose
    leaf: Leaf
    place: int
    times: float
    excess_usd: float
    rise: float = 0.0
    first: int | None = None

    @property
    def score(self) -> float:
        """Of the leaf."""
        return float(self.odd.score[self.place])


class Episodes:
    """Those of all tenants and models. ``budget``: false alerts per tenant-week; ``least_usd``: of an excess."""

    def __init__(
        self,
        budget: float,
        calendar: Sequence[Announced] = (),
        *,
        least_usd: float,
        least_share: float = 0.0,
        calm: int = CALM,
        bars: Bars | None = None,
    ) -> None:
        self._bars = bars or bars_for(budget)
        self._budget = budget
        self._kin_usd = max(kin_usd_for(budget), least_usd)
        self._calendar = calendar
        self._least_usd = least_usd
        self._least_share = least_share
        self._calm = calm
        self._open: dict[Whose, list[Episode]] = {}
        self._weary: dict[Whose, tuple[float, int]] = {}
        self._tunings: Sequence[Tuning] = ()
        self._said: Sequence[Announced] = ()

    @property
    def open(self) -> Iterator[Episode]:
        """Those that are not over, and those that may open again."""
        return chain.from_iterable(self._open.values())

    def step(self, odd: Iterable[Odd], history: Known, *, may_open: bool = True) -> list[Episode]:
        """Those that open with what is odd of a minute."""
        opened = []
        for one in odd:
            for found in self._find(one, history):
                if self._joins(found, history) or not may_open or self._is_announced(found):
                    continue
                heard, episode = self._hear(found, history)
                if episode is None or self._is_one_scope(heard, episode, history):
                    continue
                if (
                    self._is_too_little(episode, heard)
                    or _is_long_over(episode, history)
                    or self._is_unheard(heard, history)
                ):
                    continue
                self._open.setdefault(found.whose, []).append(episode)
                opened.append(episode)
        return opened

    def tune(self, tunings: Sequence[Tuning], announced: Sequence[Announced]) -> None:
        """Heed what people said: from now on these apply, beside the calendar."""
        self._tunings, self._said = tunings, announced

    def tell(self, episode: Episode) -> None:
        """Take in what has been told."""
        whose = whose_is(episode.signal, episode.leaves[0])
        self._open.setdefault(whose, []).append(episode)
        self._weary[whose] = (self._weariness(whose, episode.opened) + (not episode.wanted), episode.opened)

    def follow(self, minute: int, history: Followed) -> None:
        """Count the minute into the amounts of those that are open."""
        for episode in self.open:
            episode.follow(minute, history)

    def close(self, minute: int, *, is_heard: bool = True) -> None:
        """Those that have been calm for long enough by the end of the minute are resolved.

        Who was odd again after that must be calm for twice as long, three hours at most. A gap of the feed, in which
        nothing ``is_heard`` (``Feed``), calms nobody.
        """
        if not is_heard:
            for episode in self.open:
                episode.unheard += 1
            return
        for whose, episodes in list(self._open.items()):
            for episode in episodes:
                calm = min(self._calm << min(episode.again, 8), QUIET)
                if episode.resolved is None and minute - episode.active - episode.unheard >= calm:
                    episode.resolved = minute
            self._open[whose] = [one for one in episodes if one.resolved is None or minute - one.last < QUIET]
            if not self._open[whose]:
                del self._open[whose]

    def _find(self, odd: Odd, history: Known) -> Iterable[_Found]:
        need: Floats = np.maximum(self._bars[odd.signal, odd.window], PAST_TIMES * odd.past)
        if odd.signal != PRICE:
            need = raised(need, odd.signal, odd.window, history.days, self._budget)
        least_usd = np.where(odd.kin, self._kin_usd, self._least_usd)
        for place in np.flatnonzero((odd.score > need) & (odd.excess_usd > least_usd)).tolist():
            leaf = _leaf_of(odd.signal, int(odd.series[place]), history.leaves)
            whose, score, excess_usd = whose_is(odd.signal, leaf), float(odd.score[place]), float(odd.excess_usd[place])
            rise = rise_of(score, *_paid(whose, history)) if odd.signal == PRICE else 0.0
            yield _Found(odd, whose, leaf, place, score / float(need[place]), excess_usd, rise)

    def _joins(self, found: _Found, history: Known) -> bool:
        """Those of whose scope the leaf is go on, else those that explain it."""
        theirs = self._open.get(found.whose, ())
        mine = [one for one in theirs if is_within(found.leaf, one.scope)]
        for episode in mine:
            episode.worst, episode.rise = max(episode.worst, found.excess_usd), found.rise
        kin = mine or [one for one in theirs if one.explains(found.odd, found.place, found.leaf, history)]
        for episode in kin:
            episode.go_on(found.odd, found.leaf, history)
        return bool(kin)

    def _is_announced(self, found: _Found) -> bool:
        """Entries are of the leaf that is odd."""
        leaf = {**found.leaf._asdict(), "signal": found.odd.signal}
        return explains_opening((*self._calendar, *self._said), to_time(found.odd.minute), leaf=leaf)

    def _is_silenced(self, episode: Episode, found: _Found) -> bool:
        """Silences are of the alert that it would be."""
        scope = {**episode.scope, "signal": episode.signal}
        return explains_opening(self._said, to_time(found.odd.minute), scope=scope)

    def _hear(self, found: _Found, history: Known) -> tuple[_Found, Episode | None]:
        """What may open with it; None = nothing. Minutes that were silenced until now count as usual ones."""
        episode = _begin(found, history, self._least_usd)
        if self._is_silenced(episode, found):
            return found, None
        first = self._first_heard(episode, found)
        if first is None:
            return found, episode
        heard = _since(found, history, first)
        least_usd = self._kin_usd if found.odd.kin[found.place] else self._least_usd
        if heard.times <= 1 or heard.excess_usd <= least_usd:
            return heard, None
        return heard, _begin(heard, history, self._least_usd)

    def _first_heard(self, episode: Episode, found: _Found) -> int | None:
        """The minute of its window from which on it is announced or silenced no more; None = it never was."""
        named = {"signal": episode.signal}
        until = explained_until(
            (*self._calendar, *self._said),
            to_time(episode.began),
            to_time(found.odd.minute),
            leaf={**found.leaf._asdict(), **named},
            scope={**episode.scope, **named},
        )
        return None if until is None else to_minute(until) + 1

    def _is_one_scope(self, found: _Found, episode: Episode, history: Known) -> bool:
        """Whether one of this very scope is open: it goes on."""
        for one in self._open.get(found.whose, ()):
            if one.scope == episode.scope:
                one.go_on(found.odd, found.leaf, history)
                return True
        return False

    def _is_too_little(self, episode: Episode, found: _Found) -> bool:
        """A price by how much it rose: what its window holds from before the change says nothing of that."""
        if episode.excess_usd < least_usd_for(self._tunings, episode.leaves[0]):
            return True
        if episode.signal == PRICE:
            return found.score < self._least_share
        return episode.excess_usd < self._least_share * episode.expected_usd

    def _is_unheard(self, found: _Found, history: Known) -> bool:
        """Whether it is not odd enough for who has heard much lately, or said so; else it is counted as heard."""
        if found.times <= times_for(self._tunings, found.leaf, found.odd.minute):
            return True
        if found.odd.signal == PRICE:
            return False
        weary = self._weariness(found.whose, found.odd.minute)
        if found.times <= max(1 + WEARY * weary, self._times_while_young(found.odd.minute, history)):
            return True
        self._weary[found.whose] = (weary + 1, found.odd.minute)
        return False

    def _times_while_young(self, minute: int, history: Known) -> float:
        heard = sum(self._weariness(whose, minute) for whose in self._weary if whose[0] == "tenant")
        budget = SHARE * self._budget
        return times_while_young(heard, budget=budget, tenants=len(history.leaves.tenants), days=history.days)

    def _weariness(self, whose: Whose, minute: int) -> float:
        weary, since = self._weary.get(whose, (0.0, minute))
        return float(weary * WEARY_FORGET ** max(minute - since, 0))


def _since(found: _Found, history: Known, first: int) -> _Found:
    """As if the minutes before ``first`` had been usual ones. A price scores by its last quarter of an hour alone."""
    odd = found.odd
    before_usd = float(history.excess_before(odd.signal, odd.window, first)[odd.series[found.place]])
    left_usd = found.excess_usd - max(before_usd, 0.0)
    times = found.times if odd.signal == PRICE else found.times * left_usd / found.excess_usd
    return replace(found, times=times, excess_usd=left_usd, first=first)


def _is_long_over(episode: Episode, history: Known) -> bool:
    """Whether it lies in hours that nobody judged in time, whose minutes train only: its last hour holds too little."""
    recent = RECENT.get(episode.signal, episode.window)
    if episode.window <= recent:
        return False
    observed, expected = history.amounts(episode.signal, recent)
    mine = [place for place, key in enumerate(history.leaves.keys) if is_within(key, episode.scope)]
    return float((observed - expected)[mine].sum()) < RECENT_SHARE * recent / episode.window * episode.excess_usd


def _leaf_of(signal: str, number: int, leaves: Leaves) -> Leaf:
    if signal != PRICE:
        return leaves.keys[number]
    name, provider = leaves.model_keys[number]
    return Leaf(None, None, name, None, provider)


def _begin(found: _Found, history: Known, least_usd: float) -> Episode:
    odd, leaf = found.odd, found.leaf
    window = window_of_rise(_paid(found.whose, history)[1:]) if odd.signal == PRICE else odd.window
    amounts = _amounts(found, window, history)
    scope: Scope = {"model": leaf.model, "provider": leaf.provider}
    scope = scope if odd.signal == PRICE else scope_around(leaf, amounts)
    observed, expected = amounts.of(scope)
    return Episode(
        opened=odd.minute,
        began=_begin_of(found, window),
        signal=odd.signal,
        window=window,
        scope=scope,
        severity=CRITICAL if observed - expected >= CRITICAL_TIMES * least_usd else WARNING,
        observed_usd=observed,
        expected_usd=expected,
        contributors=contributors_to(amounts, scope, ("tenant", "model") if odd.signal == PRICE else DIMENSIONS),
        leaves=[leaf],
        active=odd.minute,
        last=odd.minute,
        worst=found.excess_usd,
        rise=found.rise,
    )


def _begin_of(found: _Found, window: int) -> int:
    odd = found.odd
    if found.first is None:
        return window_start(odd.signal, window, odd.minute)
    return since_start(found.first, odd.minute)


def _paid(whose: Whose, history: Known) -> Sequence[Paid]:
    """Of a model, in the last minute and in each window."""
    keys = history.leaves.account_keys
    mine = [place for place, key in enumerate(keys) if whose_is(PRICE, key) == whose]
    sums = (history.now(PRICE), *(history.amounts(PRICE, window) for window in MINUTES))
    return [(float(paid[mine].sum()), float(due[mine].sum())) for paid, due in sums]


def _amounts(found: _Found, window: int, history: Known) -> Amounts:
    """Of all leaves of the tenant; of a price, of all tenants that use the model."""
    signal, first = found.odd.signal, found.first
    observed, expected = history.amounts(signal, window) if first is None else history.since(signal, first)
    keys = keys_of(signal, history.leaves)
    mine = [place for place, key in enumerate(keys) if whose_is(signal, key) == found.whose]
    return Amounts(keys=[keys[place] for place in mine], observed=observed[mine], expected=expected[mine])
