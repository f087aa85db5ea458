"""What a model's tokens cost its tenants, learned from what they paid; and when that changes.

For each tenant and model three prices (uncached input, cached input, output) are fitted to the minutes of the last days
by least squares. Prices are exact, so are the fits: what is paid beyond them is a price that rose, not noise. The same
prices tell what spend would have been without it, so that a price is one incident and not one of every feature.
"""

from __future__ import annotations

import numpy as np

from alerts.signals.arrays import TINY, Floats, Numbers, grown, summed
from alerts.signals.windows import QUARTER, Windows

FORGET = 0.5 ** (1 / 48)  # of hours: two days
LEAST_MINUTES = 20.0
"""Of usage, until prices are believed."""
PRIOR = 1e-3
"""Weight of the prices known before, of that of the minutes: tokens that always come in one ratio tell no prices."""
MILLION = 1e-6
WEEK_HOURS, RECENT_HOURS = 168, 12


class UnitPrices:
    """Of accounts: tenant and model. ``due``: (accounts,) USD that the last minute would have cost before."""

    def __init__(self) -> None:
        self.per_million: Floats = np.zeros((3, 0))
        self.due: Floats = np.zeros(0)
        self._known: Floats = np.zeros(0)
        self._fitted: Floats = np.zeros(0)
        self._products: Floats = np.zeros((3, 3, 0))
        self._paid: Floats = np.zeros((3, 0))
        self._first: Floats = np.zeros((3, 0))
        self._paid_windows, self._due_windows, self._first_windows = Windows(), Windows(), Windows()
        self._levels: Floats = np.zeros((WEEK_HOURS, 0))
        self._level: Floats = np.zeros(0)
        self._usual_level: Floats = np.zeros(0)

    def grow(self, accounts: int) -> None:
        """Make room."""
        for name in ("per_million", "_known", "_fitted", "_products", "_paid", "_first"):
            setattr(self, name, grown(getattr(self, name), accounts))
        self._paid_windows.grow(accounts)
        self._due_windows.grow(accounts)
        self._first_windows.grow(accounts)

    def push(self, minute: int, tokens: Floats, usd: Floats) -> Floats:
        """Tokens (3, accounts), USD (accounts,) of a minute; gives what they would have cost before, over that USD."""
        millions = tokens * MILLION
        due = np.einsum("ka,ka->a", millions, self.per_million)
        share = np.where((self._fitted > 0) & (usd > 0), due / np.maximum(usd, TINY), 1.0)
        self.due = usd * share
        self._paid_windows.push(minute, usd)
        self._due_windows.push(minute, self.due)
        self._first_windows.push(minute, np.where(self._fitted > 0, np.einsum("ka,ka->a", millions, self._first), usd))
        self._products += millions[:, None] * millions[None]
        self._paid += millions * usd
        self._known += usd > 0
        return np.asarray(share)

    def end_hour(self) -> None:
        """Fit the prices anew."""
        known = np.flatnonzero(self._known >= LEAST_MINUTES)
        if known.size:
            products = np.moveaxis(self._products[:, :, known], 2, 0).copy()
            before = np.einsum("akk->ak", products) * PRIOR + TINY**2
            paid = self._paid[:, known].T + before * self.per_million[:, known].T
            np.einsum("akk->ak", products)[...] += before
            self.per_million[:, known] = np.maximum(np.linalg.solve(products, paid[:, :, None])[:, :, 0], 0).T
            self._first[:, known] = np.where(self._fitted[known] > 0, self._first[:, known], self.per_million[:, known])
            self._fitted[known] = 1
        for name in ("_products", "_paid", "_known"):
            setattr(self, name, getattr(self, name) * FORGET)
        self._levels = np.concatenate([self._levels[1:], self._level[None]])
        self._usual_level = self._levels[:-RECENT_HOURS].max(axis=0)
        self._level = np.zeros_like(self._level)

    def scores(self, model_of: Numbers, models: int) -> Floats:
        """(models,) by which share more than before is paid in the last quarter of an hour: prices are exact."""
        windows = (self._paid_windows, self._due_windows, self._first_windows)
        paid, due, first = (summed(one.sums[QUARTER], model_of, models) for one in windows)
        if self._level.size < models:
            for name in ("_levels", "_level", "_usual_level"):
                setattr(self, name, grown(getattr(self, name), models))
        level = np.where(first > 0, paid / np.maximum(first, TINY), 0)
        self._level = np.maximum(self._level, level)
        more = np.where(due > 0, paid / np.maximum(due, TINY) - 1, 0)
        beyond = np.where(self._usual_level > 0, level / np.maximum(self._usual_level, TINY) - 1, more)
        return np.asarray(np.minimum(more, beyond))

    def amounts(self, place: int) -> tuple[Floats, Floats]:
        """(accounts,) USD paid in the window at the place, and USD that this would have cost before."""
        return self._paid_windows.sums[place], self._due_windows.sums[place]

    def since(self, first: int) -> tuple[Floats, Floats]:
        """Likewise of the minutes from ``windows.since_start(first, …)`` on."""
        return self._paid_windows.since(first), self._due_windows.since(first)
