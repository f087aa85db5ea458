"""Is this more than this series' own history allows? One pass over minutes, all series at once, no look-ahead.

``watch_minutes`` folds a grid of minute spend into the states and says of each minute what was expected, whether a window
that ends there is *hot* and whether it is *calm*. The same function trains on history and judges the present: whoever
replays the same minutes reaches the same states and the same verdicts, however the minutes are cut into grids.

**Expectation.** Hour-of-week profile, interpolated between the middles of hours, times a short-memory level (how the last
hours compared with their profile, shrunk towards 1 while they hold few calls). A *young* series, whose profile has nothing
about this hour, is expected to go on as in its last hours and is compared with its own maximum so far.

**Scale.** Spend is a compound Poisson sum, so its variance is ``dispersion x mean``; the dispersion is learned from the
series' own errors (quasi-likelihood: McCullagh & Nelder, Generalized Linear Models, 2nd ed. 1989, section 9.2), and a
share of the mean is added for what moves all calls at once.

**Threshold.** A standardised excess above ``SCORE`` and above the series' own decayed maximum, times a margin; where the
window holds few calls, also above its own largest spend. Then the gates in USD and percent.

**The minute that is still filling** may be judged: spend only grows, so a window that is hot with part of its last minute
is hot with all of it. It must not be trained on, so the last minutes are kept apart and folded again (``alerts.record``).

Cost: about 60 array operations a minute, 0.2 ms for 200 series.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from alerts.state import HOUR, NEVER, SPAN, WINDOWS, Bools, Floats, States, close_hour, profile

SCORE = 5.0
"""Standardised excess from which a window can be hot."""
PEAK_MARGIN = 1.25
"""… and this many times the largest one of the series' recent past."""
SPARSE_CALLS = 8.0
"""Windows of fewer expected calls are also compared with the largest spend of the recent past …"""
SPARSE_MARGIN = 1.5
YOUNG_MARGIN = 3.0
"""… and young series with nothing but that."""
YOUNG_MINUTES = 30
"""A series that is younger is only trained."""
COMMON_SHARE = 0.15
"""Part of the mean that moves all calls at once, as a standard deviation."""
HOT_WEIGHT = 3.0
"""A hot minute trains as at most this many times its expectation: a spike is not learned, a new level is, in hours."""
COOL_SCORE = 8.0
"""Any other minute trains as at most this many scales above its expectation."""
PROFILE_WEIGHT = 0.3
LEAST_HOUR_MINUTES = 10
LEVEL_PRIOR_CALLS = 10.0
LEVEL_RANGE = 4.0
LEVEL_DECAY = 0.5 ** (1 / 180)  # half-life 3 h
NOISE_DECAY = 0.5 ** (1 / 2880)  # 2 d
PEAK_DECAY = 0.5 ** (1 / 4320)  # 3 d
PEAK_GROWTH_ODD = 1.05
PEAK_GROWTH_HOT = 1.005
TINY = 1e-12
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
    season = _Season(states)
    for row in range(minutes):
        minute = first_minute + row
        np.copyto(states["first_minute"], minute, where=(states["first_minute"] == NEVER) & (spend[row] > 0))
        _train(states, minute - SPAN, season)
        rate, seasoned = _expect(states, season.at(minute))
        bar = _raise_bar(states, minute, spend[row], rate, seasoned, gates)
        heat = bar.spend / np.maximum(bar.hot, TINY)
        hottest = heat.argmax(axis=1)
        is_hot = heat.max(axis=1) > 1
        expected[row] = rate
        hot[row] = np.where(is_hot, WIDTHS[hottest], 0)
        calm[row] = (bar.spend - bar.expected)[:, 0] * 2 <= (bar.hot - bar.expected)[:, 0]
        _remember(states, minute, rate, is_hot, bar)
    return states, Verdicts(expected=expected, hot=hot, calm=calm)


class _Season:
    """The weekly profile at a minute, read from the states once an hour and after each hour that is closed."""

    def __init__(self, states: States) -> None:
        self._states = states
        self._hours: dict[int, Floats] = {}

    def at(self, minute: int) -> Floats:
        """USD a minute, interpolated between the middles of hours; NaN where the profile is silent."""
        earlier = (minute - HOUR // 2) // HOUR
        share = (minute - HOUR // 2 - earlier * HOUR + 0.5) / HOUR
        before, after = self._hour(earlier), self._hour(earlier + 1)
        blend = before * (1 - share) + after * share
        return np.where(np.isnan(blend), np.where(np.isnan(before), after, before), blend)

    def _hour(self, hour: int) -> Floats:
        if hour not in self._hours:
            if len(self._hours) > SPAN:
                self._hours.clear()
            self._hours[hour] = profile(self._states, hour)
        return self._hours[hour]

    def forget(self) -> None:
        self._hours.clear()


def _train(states: States, minute: int, season: _Season) -> None:
    """Learn from the minute that leaves the longest window."""
    grown = states["first_minute"] <= minute
    slot = minute % SPAN
    rate = states["expected"][:, slot].astype(np.float64)
    raw = states["spend"][:, slot].astype(np.float64)
    noise = _dispersion(states)
    known = states["noise_mean"] > 0
    cool = np.where(known, rate + COOL_SCORE * _scale(noise, np.maximum(rate, noise)), np.inf)
    spend = np.minimum(raw, np.where(states["hot"][:, slot], HOT_WEIGHT * rate, cool))
    weight = states["level_weight"]
    told = grown & (weight > 0)  # the very first minute had no expectation to err from
    states["noise_square"] = states["noise_square"] * NOISE_DECAY + np.where(told, (spend - rate) ** 2, 0)
    states["noise_mean"] = states["noise_mean"] * NOISE_DECAY + np.where(told, rate, 0)
    usual = season.at(minute)
    _age(states, "level_usd", np.where(grown, spend, 0))
    _age(states, "level_season", np.where(grown, np.where(np.isnan(usual), spend, usual), 0))
    _age(states, "level_weight", grown.astype(np.float64))
    states["hour_usd"] += np.where(grown, spend, 0)
    states["hour_minutes"] += grown
    if minute % HOUR == HOUR - 1:
        close_hour(states, minute // HOUR, least_minutes=LEAST_HOUR_MINUTES, weight=PROFILE_WEIGHT)
        season.forget()


def _age(states: States, name: str, added: Floats) -> None:
    states[name] = states[name] * LEVEL_DECAY + added


def _dispersion(states: States) -> Floats:
    """Variance over mean, USD: the cost of a typical call, weighted by cost."""
    return states["noise_square"] / np.maximum(states["noise_mean"], TINY)  # type: ignore[no-any-return]


def _scale(noise: Floats, mean: Floats) -> Floats:
    return np.sqrt(noise * mean + (COMMON_SHARE * mean) ** 2)


def _expect(states: States, usual: Floats) -> tuple[Floats, Bools]:
    """USD expected of a minute, and whether the profile had a say in it."""
    seasoned = ~np.isnan(usual)
    prior = LEVEL_PRIOR_CALLS * _dispersion(states) + TINY
    level = np.clip(
        (states["level_usd"] + prior) / (states["level_season"] + prior), 1 / LEVEL_RANGE, LEVEL_RANGE
    )
    recent = states["level_usd"] / np.maximum(states["level_weight"], TINY)
    return np.where(seasoned, np.where(seasoned, usual, 0) * level, recent), seasoned


def _raise_bar(states: States, minute: int, spend: Floats, rate: Floats, seasoned: Bools, gates: Gates) -> _Bar:
    states["spend"][:, minute % SPAN] = spend
    windows = _window_sums(states, minute)
    expected = rate[:, None] * WIDTHS
    noise = _dispersion(states)[:, None]
    scale = np.maximum(_scale(noise, expected), TINY)
    score = np.where(seasoned[:, None], (windows - expected) / scale, 0)
    usual = expected + np.maximum(SCORE, PEAK_MARGIN * states["peak_score"]) * scale
    sparse = expected < SPARSE_CALLS * noise
    usual = np.where(sparse, np.maximum(usual, SPARSE_MARGIN * states["peak_usd"]), usual)
    old_enough = (minute - states["first_minute"] >= YOUNG_MINUTES)[:, None]
    young = np.where(old_enough, np.maximum(YOUNG_MARGIN * states["peak_usd"], expected), np.inf)
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
    growth = np.where(is_hot[:, None], PEAK_GROWTH_HOT, np.where(bar.spend > bar.odd, PEAK_GROWTH_ODD, math.inf))
    for name, seen, least in (("peak_usd", bar.spend, 0.0), ("peak_score", bar.score, SCORE / PEAK_MARGIN)):
        limit = np.maximum(states[name], least) * np.where(np.isinf(growth), 1, growth)
        allowed = np.where(np.isinf(growth), seen, np.minimum(seen, limit))
        states[name] = np.maximum(states[name] * PEAK_DECAY, allowed)
