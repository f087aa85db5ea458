"""Steps through blocks of minutes: what is usual of each share, how much it varies, and how odd the last minutes are.

Sums of the last minutes fade (``SPANS``: after so many minutes to a third), so nothing of single minutes is kept; all
that is known of a series is some 50 bytes a signal. What is odd teaches a tenth of what else does, until it has lasted
a day: then it is the new usual. Nothing here looks ahead, and whoever steps through the same blocks comes to the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.health.counts import Block, Index
from alerts.health.speeds import Speeds
from alerts.health.table import Family, Signal, signals_of
from alerts.health.tails import bounded, score_of
from alerts.signals.arrays import Bools, Floats, grown
from alerts.young import KNOWN_DAYS

SPANS = (4.0, 20.0, 90.0)
"""Minutes."""
LEARN_EVERY = 5
DAY = 1440
ODD_WEIGHT = 0.1
SHIFT_MINUTES = DAY
"""What was odd for so long is the new usual."""
USUAL_DAYS, SPREAD_DAYS, PAST_DAYS = 4.0, 7.0, 21.0  # half forgotten
KNOWN_RHO, KNOWN_RHO_WEIGHT = 0.005, 50.0
MOST_RHO = 0.5
OUTLIER = 36.0
"""A squared deviation counts as so many times the variance that is known, at most."""
STILL = 0.3
"""Part of what is beyond the usual share by which shorter spans must be as well."""
GAP = 180
"""Minutes between two episodes."""
OWN_LEAST, OWN_MINUTES = 300.0, DAY
"""Calls and age from which a series is compared with itself alone."""
BEGIN_MINUTES = 120
"""Before, nothing is odd: nobody knows anything."""
PAST_TIMES = 1.25
"""A series must beat what it has scored before by so much …"""
PAST_BARS = 2
"""… which counts up to so many bars; in full until a week and a day are known: it may be a habit of every night."""


class Fold:
    """State of one family; arrays are (signals, series).

    ``part whole``: (spans, signals, series) of the last minutes; ``last``: both, of the last block. ``score span``: how
    odd each is, and by which span.
    """

    def __init__(self, family: Family, bar: float) -> None:
        self.index = Index(family)
        self.signals = signals_of(family.name)
        self.bar = bar
        self.minutes = 0
        self.part, self.whole = (np.zeros((len(SPANS), len(self.signals), 0), np.float32) for _ in range(2))
        self.speeds = {one.quantile: Speeds(one.ahead, one.least_bin) for one in self.signals if one.quantile}
        blank = np.zeros((len(self.signals), 0), np.float32)
        self._parts, self._wholes = blank.copy(), blank.copy()
        self._squares, self._weights = self.part.copy(), self.part.copy()
        self._new_part, self._new_whole = blank.copy(), blank.copy()
        self._past, self._peak, self._held = (blank.copy() for _ in range(3))
        self._last = np.zeros((len(self.signals), 0), np.int64)
        self._new_bins: dict[str, Floats] = {}
        self._born = np.zeros(0, np.int64)
        self._limits, self._shares = _Limits.of(self.signals), _Shares.of(self.signals)
        self._first: int | None = None
        self._usual: Floats | None = None  # as long as nothing is learnt
        self._rho: Floats | None = None
        self.score: Floats = np.zeros((len(self.signals), 0))
        self.last: tuple[Floats, Floats] = (self.score, self.score)
        self.span = np.zeros((len(self.signals), 0), np.int64)

    @property
    def began(self) -> int:
        """The first minute of all."""
        return self._first or 0

    def step(self, block: Block) -> Bools:
        """Take a block in; (signals, series) what is odd at its end. Blocks do not reach over ``LEARN_EVERY``."""
        if self._first is None:
            self._first = block.minute
        self._grow()
        end = block.minute + block.width
        self.minutes = end - self._first
        if not self.index.keys:
            return self.score > 0
        part, whole = self.last = self._read(block)
        for place, span in enumerate(SPANS):
            keep = np.float32(np.exp(-block.width / span))
            self.part[place] = self.part[place] * keep + part
            self.whole[place] = self.whole[place] * keep + whole
        self._new_part += part.astype(np.float32)
        self._new_whole += whole.astype(np.float32)
        for name, bins in block.bins.items():
            before = self._new_bins.get(name)
            self._new_bins[name] = bins if before is None else grown(before, bins.shape[-1]) + bins
        due = self.due(self.whole)
        odd = self._judge(end, due)
        if end % LEARN_EVERY == 0:
            self._learn(end, due)
        return odd

    def _read(self, block: Block) -> tuple[Floats, Floats]:
        """(signals, series) part and whole of a block."""
        series = len(self.index.keys)
        part, whole = np.zeros((2, len(self.signals), series))
        shares = self._shares
        part[shares.rows] = np.add.reduceat([grown(block.counts[name], series) for name in shares.parts], shares.begins)
        whole[shares.rows] = [grown(block.counts[name], series) for name in shares.wholes]
        for row, one in enumerate(self.signals):
            if one.quantile:
                bins = grown(block.bins[one.quantile], series)
                part[row] = self.index.add_up(self.speeds[one.quantile].slow(bins))
                whole[row] = self.index.add_up(bins.sum(axis=0))
        return np.minimum(part, whole), whole

    def usual(self) -> Floats:
        """(signals, series) usual shares; of the young ones mixed with everybody's."""
        if self._usual is None:
            self._usual = self._find_usual()
        return self._usual

    def rho(self) -> Floats:
        """(spans, signals, series) how much more than by chance shares vary, as of a beta-binomial."""
        if self._rho is None:
            self._rho = self._find_rho()
        return self._rho

    def _find_usual(self) -> Floats:
        leaf = self.index.is_leaf
        kin = self._parts[:, leaf].sum(axis=1) / np.maximum(self._wholes[:, leaf].sum(axis=1), 1e-9)
        like = self._limits.kin
        found = (self._parts + like * kin[:, None]) / np.maximum(self._wholes + like, 1e-9)
        for row, one in enumerate(self.signals):
            if one.quantile:
                found[row] = self.speeds[one.quantile].share()
        return bounded(found)

    def due(self, whole: NDArray[Any]) -> Floats:
        """(…, signals, series) the share that is usual: of a sum that of its leaves, as they are mixed in ``whole``."""
        return np.where(
            self.index.is_leaf, self.usual(), bounded(self.index.add_up(whole * self.usual()) / np.maximum(whole, 1e-9))
        )

    def _judge(self, end: int, due: Floats) -> Bools:
        least = self._limits
        share = self.part / np.maximum(self.whole, 1e-9)
        beyond = (share - due) * least.sign
        fresh = np.ones(beyond.shape, np.bool_)
        for place in range(1, len(SPANS)):
            for shorter in range(place):  # what is long over is not odd now
                still = beyond[shorter] >= np.maximum(least.points / 2, STILL * beyond[place])
                fresh[place] &= still | (self.whole[shorter] < least.least)
        times = np.where(least.sign > 0, share >= least.times * due, share <= due / least.times)
        enough = (self.whole >= least.least) & (beyond * self.whole >= least.least_part) & (beyond >= least.points)
        known = (least.kin > 0) | ((self._wholes >= OWN_LEAST) & (end - self._born >= OWN_MINUTES))
        may = enough & fresh & times & (self.minutes > BEGIN_MINUTES)
        scores = np.zeros(may.shape)
        if may.any():
            rho = self.rho() + 1 / (self._wholes + least.kin + 1)
            scores = np.where(may, score_of(self.part, self.whole, due, rho), 0.0)
        self.span = scores.argmax(axis=0)
        highest = scores.max(axis=0)
        self.score = np.where(known, highest, 0.0)
        return self._note(end, highest)

    def _note(self, end: int, highest: Floats) -> Bools:
        """Remember what scores came before this episode, also of who is too young; what is odd now beats them."""
        raised = highest >= self.bar / 2
        begins = raised & (end - self._last > GAP)
        limit = PAST_BARS * self.bar if self.minutes >= KNOWN_DAYS * DAY else np.inf
        self._past = np.minimum(np.where(begins, np.maximum(self._past, self._peak), self._past), limit)
        self._peak = np.where(begins, 0, self._peak)
        self._peak = np.where(raised, np.maximum(self._peak, highest), self._peak).astype(np.float32)
        self._last = np.where(raised, end, self._last)
        return np.asarray(self.score >= np.maximum(self.bar, PAST_TIMES * self._past))

    def _learn(self, end: int, due: Floats) -> None:
        odd = self.score >= self.bar
        self._held = np.where(odd, self._held + LEARN_EVERY, np.maximum(self._held - LEARN_EVERY, 0))
        shifted = self._held >= SHIFT_MINUTES
        weight = np.where(odd & ~shifted, ODD_WEIGHT, 1.0)
        keep = _keep(USUAL_DAYS) * np.where(shifted, 0.02, 1.0)
        self._held = np.where(shifted, 0, self._held)
        self._parts = (self._parts * keep + weight * self._new_part).astype(np.float32)
        self._wholes = (self._wholes * keep + weight * self._new_whole).astype(np.float32)
        single = due * (1 - due)
        pairs = self.whole * np.maximum(self.whole - 1, 0) * single
        chance = self.whole * single
        square = np.minimum((self.part - self.whole * due) ** 2, OUTLIER * (chance + pairs * self.rho())) - chance
        keep_spread = _keep(SPREAD_DAYS)
        self._squares = (self._squares * keep_spread + weight * square).astype(np.float32)
        self._weights = (self._weights * keep_spread + weight * pairs).astype(np.float32)
        self._past = (self._past * _keep(PAST_DAYS)).astype(np.float32)
        for row, one in enumerate(self.signals):
            if one.quantile and (bins := self._new_bins.get(one.quantile)) is not None:
                speeds = self.speeds[one.quantile]
                speeds.learn(grown(bins, len(self.index.keys)), weight[row], _keep(USUAL_DAYS))
                if end % 60 == 0:
                    speeds.settle()
        self._usual = self._rho = None
        self._new_bins = {}
        self._new_part, self._new_whole = np.zeros_like(self._new_part), np.zeros_like(self._new_whole)

    def _find_rho(self) -> Floats:
        leaf = self.index.is_leaf
        squares, weights = self._squares[..., leaf].sum(axis=-1), self._weights[..., leaf].sum(axis=-1)
        kin = np.clip(squares / np.maximum(weights, 1e-9), 0, MOST_RHO) * (weights > KNOWN_RHO_WEIGHT) + KNOWN_RHO
        own = self._squares + KNOWN_RHO_WEIGHT * kin[..., None]
        return np.asarray(np.clip(own / (self._weights + KNOWN_RHO_WEIGHT), KNOWN_RHO / 10, MOST_RHO))

    def _grow(self) -> None:
        series, known = len(self.index.keys), self._born.size
        if series == known:
            return
        self._usual = self._rho = None
        for name in (
            *("part", "whole", "_parts", "_wholes", "_squares", "_weights", "_new_part", "_new_whole"),
            *("_past", "_peak", "_last", "_held", "_born"),
        ):
            setattr(self, name, grown(getattr(self, name), series))
        for speeds in self.speeds.values():
            speeds.grow(series)
        self._born[known:] = self.began + self.minutes


@dataclass(frozen=True, slots=True)
class _Shares:
    """The ``rows`` of signals that are shares of counts: whose ``parts`` begin where, in one list, and ``wholes``."""

    rows: list[int]
    parts: list[str]
    begins: list[int]
    wholes: list[str]

    @classmethod
    def of(cls, signals: tuple[Signal, ...]) -> _Shares:
        """Of the signals of a family."""
        rows = [row for row, one in enumerate(signals) if not one.quantile]
        own = [signals[row].parts for row in rows]
        begins = [sum(map(len, own[:place])) for place in range(len(own))]
        return cls(rows, [name for parts in own for name in parts], begins, [signals[row].whole for row in rows])


class _Limits:
    """Columns of the table as (signals, 1)."""

    def __init__(self, signals: tuple[Signal, ...]) -> None:
        self.least, self.least_part, self.points, self.times, self.kin = (
            np.array([[getattr(one, name)] for one in signals], np.float64)
            for name in ("least", "least_part", "points", "times", "kin")
        )
        self.sign = np.array([[-1.0 if one.falls else 1.0] for one in signals])

    @classmethod
    def of(cls, signals: tuple[Signal, ...]) -> _Limits:
        """Of the signals of a family."""
        return cls(signals)


def _keep(days: float) -> float:
    return float(0.5 ** (LEARN_EVERY / (days * DAY)))
