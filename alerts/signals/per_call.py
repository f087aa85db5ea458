"""Tokens a call: the mean of the last hours against that of the last days, by how far such means stray.

Spend alone does not see a prompt that has grown by half among calls that come and go. A mean of many calls does: it
strays by the spread of one call over the root of their number. The last six hours are kept apart from what is usual, so
that a change does not hide itself.
"""

from __future__ import annotations

import numpy as np

from alerts.signals.arrays import Floats, grown

HOURS = (2, 7, 24)
"""The last hours that a mean is taken of, the present one among them: an hour and more, six, a day."""
KEPT = 24
LAG = 6
FORGET = 0.5 ** (1 / 96)  # of hours: four days
DRIFT = 0.03
"""Means stray by as much for no reason."""
LEAST_CALLS = 5
USUAL_CALLS = 100
COUNTED_CALLS = 30
LEAST_SPREAD = 0.01
LARGEST_ERROR = 37.5
"""Squared errors of an hour count at most as so many means squared a call."""


class PerCall:
    """Tokens of one kind."""

    def __init__(self) -> None:
        self.usual: Floats = np.zeros(0)
        self.spread: Floats = np.zeros(0)
        self._calls: Floats = np.zeros((KEPT, 0))
        self._tokens: Floats = np.zeros((KEPT, 0))
        self._old_calls: Floats = np.zeros(0)
        self._old_tokens: Floats = np.zeros(0)
        self._errors: Floats = np.zeros(0)
        self._weights: Floats = np.zeros(0)

    def grow(self, series: int) -> None:
        """Make room."""
        for name in ("usual", "spread", "_calls", "_tokens", "_old_calls", "_old_tokens", "_errors", "_weights"):
            setattr(self, name, grown(getattr(self, name), series))

    def begin_hour(self, hour: int) -> None:
        """Open the hour."""
        self._calls[hour % KEPT], self._tokens[hour % KEPT] = 0, 0

    def push(self, hour: int, calls: Floats, tokens: Floats) -> None:
        """Calls and tokens (series,) of a minute of the hour."""
        self._calls[hour % KEPT] += calls
        self._tokens[hour % KEPT] += tokens

    def end_hour(self, hour: int) -> None:
        """Learn from the hour that ended six hours ago."""
        calls, tokens = self._calls[(hour - LAG) % KEPT], self._tokens[(hour - LAG) % KEPT]
        usual = np.maximum(self.usual, 1.0)
        error = np.minimum((tokens - calls * self.usual) ** 2 / usual**2, LARGEST_ERROR * calls)
        counts = self._old_calls > COUNTED_CALLS
        self._errors = self._errors * FORGET + np.where(counts, error, 0)
        self._weights = self._weights * FORGET + np.where(counts, calls, 0)
        self._old_calls = self._old_calls * FORGET + calls
        self._old_tokens = self._old_tokens * FORGET + tokens
        self.usual = self._old_tokens / np.maximum(self._old_calls, 1)
        self.spread = self._errors / np.maximum(self._weights, 1) + LEAST_SPREAD

    def held(self, hour: int, back: int) -> tuple[Floats, Floats]:
        """(series,) calls and tokens of the last ``back`` hours, the present one among them."""
        slots = [(hour - one) % KEPT for one in range(back)]
        return self._calls[slots].sum(axis=0), self._tokens[slots].sum(axis=0)

    def look(self, hour: int) -> tuple[Floats, Floats]:
        """(means, series) scores, and tokens more than usual; 0 where too little is known."""
        scores, beyond = np.zeros((len(HOURS), self.usual.size)), np.zeros((len(HOURS), self.usual.size))
        for place, back in enumerate(HOURS):
            calls, tokens = self.held(hour, back)
            enough = (self._old_calls > USUAL_CALLS) & (calls >= LEAST_CALLS)
            ratio = tokens / np.maximum(calls, 1) / np.maximum(self.usual, 1)
            strays = np.sqrt(self.spread / np.maximum(calls, 1) + DRIFT**2)
            scores[place] = np.where(enough, (ratio - 1) / strays, 0)
            beyond[place] = np.where(enough, tokens - calls * self.usual, 0)
        return scores, beyond
