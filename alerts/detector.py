"""Is this more than the series' own history allows? One pass over minutes, all series at once, no look-ahead.

``watch_minutes`` folds a grid of minute spend into the states and says of each minute what was expected, whether a
window that ends there is *hot* and whether it is *calm*. The same function trains on history and judges the present:
whoever replays the same minutes reaches the same states and the same verdicts, however the minutes are cut into grids.

**Threshold.** Expectation and scale are those of ``alerts.expectation``. A standardised excess above ``SCORE`` and
above the series' own decayed maximum, times a margin; where the window holds few calls, also above its own largest
spend. A young series is compared with its own maximum so far, a very young one is only trained. Then the gates in USD
and percent.

**The minute that is still filling** may be judged: spend only grows, so a window that is hot with part of its last
minute is hot with all of it. It must not be trained on, so the last minutes are kept apart and folded again
(``alerts.record``).

Cost: about 60 array operations a minute, 0.2 ms for 200 series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alerts.expectation import TINY, Season, dispersion, expect, scale, train
from alerts.state import LAST_QUARTER, NEVER, PEAK, QUARTER, SPAN, THIS_QUARTER, WINDOWS, Bools, Floats, States

SCORE = 5.0
"""Standardised excess from which a window can be hot."""
PEAK_MARGIN = 1.5
"""… and this many times the largest one of the series' recent past."""
SPARSE_CALLS = 8.0
"""Windows of fewer expected calls are also compared with the largest spend of the recent past …"""
SPARSE_MARGIN = 1.2
YOUNG_MARGIN = 3.0
"""… and young series with nothing but that."""
YOUNG_MINUTES = 45
"""A series that is younger is only trained."""
PEAK_DECAY = 0.5 ** (1 / 4320)  # 3 d
PEAK_GROWTH_ODD = 1.5
"""How much higher the maximum may be after a quarter of an hour of odd spend …"""
PEAK_GROWTH_HOT = 1.05
"""… and of hot spend."""
WIDTHS = np.array(WINDOWS, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """The smallest excess over expectation that matters."""

    usd: float
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """Judgement of each minute of a grid; all arrays are (minutes, series).

    ``expected``: USD expected of the minute. ``hot``: minutes of the hottest hot window that ends with it, 0 = none.
    ``calm``: the shortest window's excess is less than half of what would make it hot.
    """

    expected: Floats
    hot: np.ndarray[tuple[int, ...], np.dtype[np.int16]]
    calm: Bools


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bar:
    """What the windows that end now hold, and how much is too much; arrays are (series, windows)."""

    spend: Floats
    expected: Floats
    score: Floats
    odd: Floats  # spend from which a window is odd for this series
    hot: Floats  # … and matters


def watch_minutes(states: States, first_minute: int, spend: Floats, gates: Gates) -> tuple[States, Verdicts]:
    """Fold ``spend`` ((minutes, series) USD, from ``first_minute`` on) into a copy of ``states``; return both."""
    states = states.copy()
    minutes, series = spend.shape
    expected = np.zeros((minutes, series))
    hot = np.zeros((minutes, series), dtype=np.int16)
    calm = np.ones((minutes, series), dtype=np.bool_)
    season = Season(states)
    for row in range(minutes):
        minute = first_minute + row
        np.copyto(states["first_minute"], minute, where=(states["first_minute"] == NEVER) & (spend[row] > 0))
        train(states, minute - SPAN, season)
        rate, seasoned = expect(states, season.at(minute))
        bar = _raise_bar(states, minute, spend[row], rate, seasoned, gates=gates)
        heat = bar.spend / np.maximum(bar.hot, TINY)
        hottest = heat.argmax(axis=1)
        is_hot = heat.max(axis=1) > 1
        expected[row] = rate
        hot[row] = np.where(is_hot, WIDTHS[hottest], 0)
        calm[row] = (bar.spend - bar.expected)[:, 0] * 2 <= (bar.hot - bar.expected)[:, 0]
        _remember(states, minute, rate, is_hot, bar)
    return states, Verdicts(expected=expected, hot=hot, calm=calm)


def _raise_bar(states: States, minute: int, spend: Floats, rate: Floats, seasoned: Bools, *, gates: Gates) -> _Bar:
    states["spend"][:, minute % SPAN] = spend
    windows = _window_sums(states, minute)
    expected = rate[:, None] * WIDTHS
    noise = dispersion(states)[:, None]
    spread = np.maximum(scale(noise, expected), TINY)
    old_enough = (minute - states["first_minute"] >= YOUNG_MINUTES)[:, None]
    score = np.where(old_enough, (windows - expected) / spread, 0)
    usual = expected + np.maximum(SCORE, PEAK_MARGIN * states["peak_score"][:, PEAK]) * spread
    sparse = expected < SPARSE_CALLS * noise
    usual = np.where(sparse, np.maximum(usual, SPARSE_MARGIN * states["peak_usd"][:, PEAK]), usual)
    young = np.where(old_enough, YOUNG_MARGIN * np.maximum(states["peak_usd"][:, PEAK], expected), np.inf)
    odd = np.where(seasoned[:, None], usual, young)
    gate = expected + np.maximum(gates.usd, expected * gates.percent / 100)
    return _Bar(spend=windows, expected=expected, score=score, odd=odd, hot=np.maximum(odd, gate))


def _window_sums(states: States, minute: int) -> Floats:
    sums = np.empty((len(states), len(WINDOWS)))
    for index, width in enumerate(WINDOWS):
        slots = [(minute - back) % SPAN for back in range(width)]
        sums[:, index] = states["spend"][:, slots].sum(axis=1, dtype=np.float64)
    return sums


def _remember(states: States, minute: int, rate: Floats, is_hot: Bools, bar: _Bar) -> None:
    """Keep the minute for training, and the peaks: freely while usual, slowly while odd, hardly while hot."""
    states["expected"][:, minute % SPAN] = rate
    states["hot"][:, minute % SPAN] = is_hot
    odd = bar.spend > bar.odd
    growth = np.where(is_hot[:, None], PEAK_GROWTH_HOT, PEAK_GROWTH_ODD)
    for name, seen, least in (("peak_usd", bar.spend, 0.0), ("peak_score", bar.score, SCORE / PEAK_MARGIN)):
        peaks = states[name]
        limit = np.where(odd, np.maximum(peaks[:, PEAK], least) * growth, np.inf)
        peaks[:, THIS_QUARTER] = np.maximum(peaks[:, THIS_QUARTER], np.minimum(seen, limit))
        peaks[:, PEAK] *= PEAK_DECAY
        if minute % QUARTER == QUARTER - 1:
            peaks[:, PEAK] = np.maximum(peaks[:, PEAK], peaks[:, LAST_QUARTER])
            peaks[:, LAST_QUARTER] = peaks[:, THIS_QUARTER]
            peaks[:, THIS_QUARTER] = 0
