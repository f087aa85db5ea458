"""Steps through minutes of usage and says what is odd.

Minutes come in order, each once. What is odd of a minute depends on it and on earlier ones alone, so whoever steps
through the same minutes again comes to the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from alerts.signals.arrays import Floats, Numbers, summed
from alerts.signals.envelope import Envelope
from alerts.signals.leaves import Leaves
from alerts.signals.per_call import HOURS, PerCall
from alerts.signals.unit_prices import MILLION, UnitPrices
from alerts.signals.usual import Usual
from alerts.signals.windows import MINUTES

HOUR = 60
DAY_HOURS = 24
EVERY = 5
"""Minutes after which tokens a call are looked at again."""
PARENTS_SHARE = 0.4
"""Part of a leaf's excess by which tenant and feature must exceed what is usual: else traffic has only moved."""
CALL_VARIANCE = 1.5
"""Variance over mean of the calls of a window."""
LEAST_USD = 0.05
"""Of an excess that is odd at all."""

SPEND, CALLS, TOKENS, PRICE = "spend", "calls", "tokens_per_call", "unit_price"
FLOORS = {
    **{(SPEND, width): 0.3 for width in MINUTES},
    **{(CALLS, width): 0.5 for width in MINUTES},
    **{(TOKENS, hours): 4.0 for hours in HOURS},
    (PRICE, MINUTES[0]): 0.05,
}
"""Signal and window (minutes; hours of tokens a call) -> the score below which nothing is odd."""


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
    """What is odd at the end of a minute: ``series`` numbers leaves, of a price models; equal lengths."""

    minute: int
    signal: str
    window: int
    series: Numbers
    score: Floats
    excess_usd: Floats


class Fold:
    """The state of all series, some 6 kB each."""

    def __init__(self, leaves: Leaves) -> None:
        self.leaves = leaves
        self._first_hour: int | None = None
        self._spend, self._calls = Envelope(), Envelope(unit=CALL_VARIANCE)
        self._parents, self._prices, self._input = Usual(), UnitPrices(), PerCall()
        self._cost = PerCall()

    def step(self, usage: Minute) -> Iterator[Odd]:
        """Take a minute in; every minute, also those in which nothing was used."""
        hour, minute = usage.minute // HOUR, usage.minute
        if self._first_hour is None:
            self._first_hour = hour
        days = (hour - self._first_hour) / DAY_HOURS
        self._grow()
        if minute % HOUR == 0 or self._parents.windows.sums.size == 0:
            self._begin_hour(hour, days)
        self._push(usage, hour)
        yield from self._look(usage.minute, hour, days)
        if minute % HOUR == HOUR - 1:
            self._end_hour(hour)

    def _grow(self) -> None:
        leaves = len(self.leaves.keys)
        for part in (self._spend, self._calls, self._input, self._cost):
            part.grow(leaves)
        self._parents.grow(len(self.leaves.parents))
        self._prices.grow(len(self.leaves.accounts), len(self.leaves.models))

    def _begin_hour(self, hour: int, days: float) -> None:
        for envelope in (self._spend, self._calls):
            envelope.begin_hour(hour)
        for tokens in (self._input, self._cost):
            tokens.begin_hour(hour)
        self._parents.begin_hour(hour, days)

    def _end_hour(self, hour: int) -> None:
        for part in (self._spend, self._calls, self._parents, self._input, self._cost):
            part.end_hour(hour)
        self._prices.end_hour()

    def _push(self, usage: Minute, hour: int) -> None:
        leaves = self.leaves
        fresh = usage.input_tokens - usage.cached_tokens
        kinds = (fresh, usage.cached_tokens, usage.output_tokens)
        accounts = len(leaves.accounts)
        tokens = np.stack([summed(kind, leaves.account, accounts) for kind in kinds])
        paid = summed(usage.usd, leaves.account, accounts)
        share = self._prices.push(usage.minute, tokens, paid, leaves.model_of_account)
        spend: Floats = usage.usd * share[leaves.account]
        self._spend.push(usage.minute, spend)
        self._calls.push(usage.minute, usage.calls)
        self._parents.push(usage.minute, summed(spend, leaves.parent, len(leaves.parents)))
        self._input.push(hour, usage.calls, usage.input_tokens)
        self._cost.push(hour, usage.calls, spend)

    def _look(self, minute: int, hour: int, days: float) -> Iterator[Odd]:
        parents = self._parents.beyond()[:, self.leaves.parent]
        of_calls = self._calls.beyond() * self._cost.usual
        for signal, envelope, beyond in ((SPEND, self._spend, self._spend.beyond()), (CALLS, self._calls, of_calls)):
            scores, real = envelope.scores(days), parents > PARENTS_SHARE * beyond
            for place, window in enumerate(MINUTES):
                yield from _odd(minute, signal, window, scores[place], np.where(real[place], beyond[place], 0))
        yield from _odd(minute, PRICE, MINUTES[0], self._prices.scores(), self._prices.beyond())
        if minute % EVERY == EVERY - 1:
            rates = self._prices.per_million[0, self.leaves.account] * MILLION
            for window, score, tokens in zip(HOURS, *self._input.look(hour), strict=True):
                yield from _odd(minute, TOKENS, window, score, tokens * rates)


def _odd(minute: int, signal: str, window: int, score: Floats, excess: Floats) -> Iterator[Odd]:
    series = np.flatnonzero((score > FLOORS[signal, window]) & (excess > LEAST_USD))
    if series.size:
        yield Odd(
            minute=minute, signal=signal, window=window, series=series, score=score[series], excess_usd=excess[series]
        )
