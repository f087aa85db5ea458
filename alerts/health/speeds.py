"""How long calls usually take, or how many steps tasks have, in coarse bins, and which edge nine in ten stay below."""

from __future__ import annotations

import numpy as np

from alerts.health.counts import BINS
from alerts.signals.arrays import Floats, Numbers, grown
from warehouse.schemas.kinds import HISTOGRAM_GAMMA

SLOW = 0.1
"""At most this share of the calls is beyond the edge."""
STEP = HISTOGRAM_GAMMA**20
"""From one bin to the next."""


class Speeds:
    """Usual histogram (BINS, series) and its edge (series,), a bin; 150 bytes a series.

    Slow is what is ``ahead`` bins beyond the edge, and beyond the bin ``least``.
    """

    def __init__(self, ahead: int = 0, least: int = 0) -> None:
        self._ahead, self._least = ahead, least
        self.usual: Floats = np.zeros((BINS, 0))
        self.edge: Numbers = np.zeros(0, np.int64)

    def grow(self, series: int) -> None:
        """Make room; of what is not known nothing is slow."""
        known = self.edge.size
        self.usual = grown(self.usual.astype(np.float32), series)
        self.edge = grown(self.edge, series)
        self.edge[known:] = BINS - 1

    def slow(self, bins: Floats) -> Floats:
        """(series,) how many of the calls are slow."""
        beyond = np.arange(BINS)[:, None] > np.maximum(self.edge + self._ahead, self._least)
        return np.asarray((bins * beyond).sum(axis=0))

    def learn(self, bins: Floats, weight: Floats, keep: float) -> None:
        """Take in what came, by weight (series,); what was known counts ``keep`` times as much."""
        self.usual = (self.usual * keep + bins * weight).astype(np.float32)

    def settle(self) -> None:
        """Look for the edge anew; every hour is enough."""
        above = self.usual[::-1].cumsum(axis=0)[::-1]  # of this bin and beyond
        total = np.maximum(above[0], 1e-9)
        self.edge = np.where(above[0] > 0, (above > SLOW * total).sum(axis=0) - 1, BINS - 1)

    def share(self) -> Floats:
        """(series,) usual share of slow calls."""
        return np.asarray(self.slow(self.usual) / np.maximum(self.usual.sum(axis=0), 1e-9))


def quantile_ms(bins: Floats, part: float = 0.95) -> float:
    """A quantile of a histogram (BINS,), between the edges of its bin; NaN of none."""
    upto = bins.cumsum()
    if not len(upto) or upto[-1] <= 0:
        return float("nan")
    place = int(np.searchsorted(upto, part * upto[-1]))
    before = upto[place - 1] if place else 0.0
    inside = (part * upto[-1] - before) / bins[place]
    return float(STEP ** (place - 1 + inside))
