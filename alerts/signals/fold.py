"""Steps through minutes of usage and says what is odd.

Minutes come in order, each once. What is odd of a minute depends on it and on earlier ones alone, so whoever steps
through the same minutes again comes to the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from alerts.signals.arrays import Bools, Floats, Numbers, summed
from alerts.signals.cold import NEVER, cold_edge, cold_sums, common_rise, young_edge
from alerts.signals.envelope import LEAST_DAYS, Envelope
from alerts.signals.feed import Feed
from alerts.signals.kinds import CALLS, FLOORS, PRICE, SPEND, TOKENS
from alerts.signals.leaves import Leaves
from alerts.signals.parents import Parents
from alerts.signals.past import Past
from alerts.signals.per_call import HOURS, PerCall
from alerts.signals.unit_prices import MILLION, UnitPrices
from alerts.signals.usual import Usual
from alerts.signals.windows import LONGEST, MINUTES, QUARTER
from alerts.young import KNOWN_DAYS

HOUR = 60
DAY_HOURS = 24
EVERY = 5
"""Minutes after which tokens a call are looked at again."""
PARENTS_SHARE = 0.4
"""Part of a leaf's excess by which tenant and feature must exceed what is expected: else traffic has only moved."""
CALL_VARIANCE = 1.5
"""Variance over mean of the calls of a window."""
LEAST_USD = 0.05
"""Of an excess that is odd at all."""

PAST_LIMITS = {
    **{(SPEND, width): limit for width, limit in zip(MINUTES, (4.0, 4.0, 8.0, 9.0), strict=True)},
    **{(CALLS, width): limit for width, limit in zip(MINUTES, (2.0, 2.0, 6.0, 16.0), strict=True)},
    **{(TOKENS, hours): 6.0 for hours in HOURS},
}
"""What a series has scored before counts up to this. A price is exact: it has no past."""


_FLOORS = {signal: np.array([[FLOORS[signal, window]] for window in MINUTES]) for signal in (SPEND, CALLS)}


@dataclass(frozen=True, slots=True)
class Minute:
    """Usage of a minute, by leaf; arrays are (leaves,)."""

    minute: int
    calls: Floats
    input_tokens: Floats
    cached_tokens: Floats
    output_tokens: Floats
    usd: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """What is odd at the end of a minute: ``series`` numbers leaves, of a price models; equal lengths.

    ``past``: what each has scored in earlier episodes (0 of a price, which is exact); ``new``: whether such hours of
    the last week have held nothing; ``kin``: and those of other principals with the same feature and model have.
    """

    minute: int
    signal: str
    window: int
    series: Numbers
    score: Floats
    past: Floats
    new: Bools
    kin: Bools
    excess_usd: Floats


class Fold:
    """The state of all series, some 9 kB each."""

    def __init__(self, leaves: Leaves) -> None:
        self.leaves = leaves
        self.days = 0.0
        self._hour = 0
        self._first_hour: int | None = None
        self._spend, self._calls = Envelope(), Envelope(unit=CALL_VARIANCE)
        self._usual, self._prices, self._input = Usual(), UnitPrices(), PerCall()
        self._cost = PerCall()
        self._parents = Parents()
        self._feed = Feed()
        self._past = {key: Past(limit) for key, limit in PAST_LIMITS.items()}
        self._began: Numbers = np.zeros(0, np.int64)
        self._last: tuple[Minute, Floats] | None = None

    @property
    def begun(self) -> bool:
        """Whether there was any minute."""
        return self._first_hour is not None

    @property
    def is_heard(self) -> bool:
        """Whether the last minute was no gap of the feed."""
        return self._feed.is_heard

    def step(self, usage: Minute) -> Iterator[Odd]:
        """Take a minute in; every minute, also those in which nothing was used. ``days``: of history before it."""
        hour, minute = usage.minute // HOUR, usage.minute
        first = self._first_hour is None
        if self._first_hour is None:
            self._first_hour = hour
        self._hour, self.days = hour, (hour - self._first_hour) / DAY_HOURS
        self._grow()
        if minute % HOUR == 0 or first:
            self._begin_hour(hour)
        self._push(usage, hour)
        self._feed.step(minute, bool(usage.calls.any()))
        yield from self._look(usage.minute, hour)
        if minute % HOUR == HOUR - 1:
            self._end_hour(hour)

    def amounts(self, signal: str, window: int) -> tuple[Floats, Floats]:
        """USD observed in a window of a signal, and USD that were usual: (leaves,), of a price (accounts,)."""
        if signal == PRICE:
            return self._prices.amounts(MINUTES.index(window))
        if signal == TOKENS:
            calls, tokens = self._input.held(self._hour, window)
            rates = self._input_rates()
            return tokens * rates, calls * self._input.usual * rates
        place = MINUTES.index(window)
        return self._spend.windows.sums[place], self._usual.usual.sums[place]

    def since(self, signal: str, first: int) -> tuple[Floats, Floats]:
        """Likewise of the minutes from ``windows.since_start(first, …)`` on; of tokens all that calls cost."""
        if signal == PRICE:
            return self._prices.since(first)
        spend = self._spend.windows.since(first)
        if signal == TOKENS:
            return spend, self._calls.windows.since(first) * self._cost.usual
        return spend, self._usual.usual.since(first)

    def excess_before(self, signal: str, window: int, first: int) -> Floats:
        """USD beyond usual in a window's minutes before these: (leaves,), of a price (models,), of six hours."""
        observed, expected = self.amounts(signal, MINUTES[LONGEST] if signal == PRICE else window)
        since, due = self.since(signal, first)
        if signal == CALLS:
            observed = self._calls.windows.sums[MINUTES.index(window)] * self._cost.usual
            since = self._calls.windows.since(first) * self._cost.usual
        before = np.asarray(observed - expected - (since - due))
        return summed(before, self.leaves.model_of_account, len(self.leaves.models)) if signal == PRICE else before

    def now(self, signal: str) -> tuple[Floats, Floats]:
        """USD observed in the last minute, and USD that were to be expected: (leaves,), of a price (accounts,)."""
        if self._last is None:
            return np.zeros(0), np.zeros(0)
        usage, spend = self._last
        if signal == PRICE:
            accounts = len(self.leaves.accounts)
            return summed(usage.usd, self.leaves.account, accounts), self._prices.due
        if signal == TOKENS:
            beyond = usage.input_tokens - usage.calls * self._input.usual
            return spend, np.asarray(np.maximum(spend - beyond * self._input_rates(), 0))
        return spend, self._usual.rate

    def _input_rates(self) -> Floats:
        return np.asarray(self._prices.per_million[0, self.leaves.account] * MILLION)

    def _grow(self) -> None:
        leaves = len(self.leaves.keys)
        if leaves == self._began.size:
            return
        for part in (self._spend, self._calls, self._usual, self._input, self._cost):
            part.grow(leaves)
        self._parents.grow(len(self.leaves.parents))
        for past in self._past.values():
            past.grow(leaves)
        self._began = np.concatenate([self._began, np.full(leaves - self._began.size, NEVER)])
        self._prices.grow(len(self.leaves.accounts))

    def _begin_hour(self, hour: int) -> None:
        for envelope in (self._spend, self._calls):
            envelope.begin_hour(hour, self.days)
        for tokens in (self._input, self._cost):
            tokens.begin_hour(hour)
        self._usual.begin_hour(hour, self.days)
        self._parents.begin_hour(hour, self.days)

    def _end_hour(self, hour: int) -> None:
        for part in (self._spend, self._calls, self._usual, self._parents, self._input, self._cost):
            part.end_hour(hour)
        self._prices.end_hour()

    def _push(self, usage: Minute, hour: int) -> None:
        leaves = self.leaves
        self._began[(self._began == NEVER) & (usage.calls > 0)] = usage.minute
        fresh = usage.input_tokens - usage.cached_tokens
        kinds = (fresh, usage.cached_tokens, usage.output_tokens)
        accounts = len(leaves.accounts)
        tokens = np.stack([summed(kind, leaves.account, accounts) for kind in kinds])
        share = self._prices.push(usage.minute, tokens, summed(usage.usd, leaves.account, accounts))
        spend: Floats = usage.usd * share[leaves.account]
        self._last = (usage, spend)
        self._spend.push(usage.minute, spend)
        self._calls.push(usage.minute, usage.calls)
        self._usual.push(usage.minute, spend)
        self._parents.push(usage.minute, summed(spend, leaves.parent, len(leaves.parents)))
        self._input.push(hour, usage.calls, usage.input_tokens)
        self._cost.push(hour, usage.calls, spend)

    def _look(self, minute: int, hour: int) -> Iterator[Odd]:
        leaves = self.leaves
        more = self._parents.beyond()[:, leaves.parent]
        for signal, envelope, worth in ((SPEND, self._spend, 1.0), (CALLS, self._calls, self._cost.usual)):
            sums, edge = self._sums(envelope, minute), self._edge(envelope, minute)
            scores = envelope.scores(sums, edge, self.days)
            beyond = np.where(np.isfinite(edge), sums - edge, 0) * worth
            may_be_odd = (scores > _FLOORS[signal]) & (beyond > LEAST_USD)
            for place in np.flatnonzero(may_be_odd.any(axis=1)).tolist():
                real = more[place] > PARENTS_SHARE * beyond[place]
                yield from self._odd(minute, signal, MINUTES[place], scores[place], np.where(real, beyond[place], 0))
        models = len(leaves.models)
        paid, due = self._prices.amounts(LONGEST)  # of six hours, as prices stay
        beyond = summed(paid - due, leaves.model_of_account, models)
        prices = self._prices.scores(leaves.model_of_account, models)
        yield from self._odd(minute, PRICE, MINUTES[QUARTER], prices, beyond)
        if minute % EVERY == EVERY - 1:
            rates = self._input_rates()
            for window, score, tokens in zip(HOURS, *self._input.look(hour), strict=True):
                yield from self._odd(minute, TOKENS, window, score, tokens * rates)

    def _sums(self, envelope: Envelope, minute: int) -> Floats:
        """(windows, leaves) what is compared with these."""
        sums = envelope.windows.sums
        cold = self.days < LEAST_DAYS and bool(self.leaves.keys)
        return cold_sums(sums, minute - self._began, self.leaves) if cold else sums

    def _edge(self, envelope: Envelope, minute: int) -> Floats:
        """(windows, leaves) from which on windows are odd."""
        if self.days >= KNOWN_DAYS or not self.leaves.keys:
            return envelope.edge
        if self.days < LEAST_DAYS:
            edge = cold_edge(envelope.edge, minute - self._began, self.leaves)
        else:
            edge = young_edge(envelope.edge, self.leaves)
        return edge * common_rise(envelope.windows.sums, edge, self.leaves)

    def _odd(self, minute: int, signal: str, window: int, score: Floats, excess: Floats) -> Iterator[Odd]:
        series = np.flatnonzero((score > FLOORS[signal, window]) & (excess > LEAST_USD))
        if not series.size:
            return
        past = self._past.get((signal, window))
        new, kin = self._newness(series) if past else (np.zeros(series.size, np.bool_),) * 2
        yield Odd(
            minute=minute,
            signal=signal,
            window=window,
            series=series,
            score=score[series],
            past=past.note(minute, series, score[series]) if past else np.zeros(series.size),
            new=new,
            kin=kin,
            excess_usd=excess[series],
        )

    def _newness(self, series: Numbers) -> tuple[Bools, Bools]:
        """Which have had nothing in such hours of the last week, and which of these have kin that had something."""
        most, use = self._spend.edge[-1], self.leaves.use
        new = most[series] == 0
        return new, new & (summed(most, use, len(self.leaves.uses))[use[series]] > 0)
