"""What a series is expected to spend, and how far it usually strays from that.

**Expectation.** Hour-of-week profile, interpolated between the middles of hours, times a short-memory level (how the
last hours compared with their profile, shrunk towards 1 while they hold few calls). A *young* series, whose profile has
nothing about this hour, is expected to go on as in its last hours.

**Scale.** Spend is a compound Poisson sum, so its variance is ``dispersion x mean``; the dispersion is learned from the
series' own errors (quasi-likelihood: McCullagh & Nelder, Generalized Linear Models, 2nd ed. 1989, section 9.2), and a
share of the mean is added for what moves all calls at once. Few large calls make a longer tail than the variance says,
so one typical call is added too, as in Bernstein's inequality (Boucheron, Lugosi & Massart, Concentration Inequalities,
2013, theorem 2.10).

**Training** is robust: a hot minute teaches at most a multiple of its expectation, so a spike is not learned while a
new level is, in hours; any other minute teaches at most some scales above it.
"""

from __future__ import annotations

import numpy as np

from alerts.state import HOUR, SPAN, Bools, Floats, States, close_hour, profile

COMMON_SHARE = 0.15
"""Part of the mean that moves all calls at once, as a standard deviation."""
HOT_WEIGHT = 3.0
"""A hot minute trains as at most this many times its expectation."""
COOL_SCORE = 8.0
"""Any other minute trains as at most this many scales above its expectation."""
PROFILE_WEIGHT = 0.3
"""Of the newest week in the profile."""
LEAST_HOUR_MINUTES = 10
LEVEL_PRIOR_CALLS = 10.0
LEVEL_RANGE = 4.0
LEVEL_DECAY = 0.5 ** (1 / 180)  # half-life 3 h
NOISE_DECAY = 0.5 ** (1 / 2880)  # 2 d
TINY = 1e-12


class Season:
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
        """Read the profile anew: an hour has been closed."""
        self._hours.clear()


def train(states: States, minute: int, season: Season) -> None:
    """Learn from the minute that leaves the longest window."""
    grown = states["first_minute"] <= minute
    slot = minute % SPAN
    rate = states["expected"][:, slot].astype(np.float64)
    raw = states["spend"][:, slot].astype(np.float64)
    noise = dispersion(states)
    known = states["noise_mean"] > 0
    cool = np.where(known, rate + COOL_SCORE * scale(noise, np.maximum(rate, noise)), np.inf)
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


def dispersion(states: States) -> Floats:
    """Variance over mean, USD: the cost of a typical call, weighted by cost."""
    return states["noise_square"] / np.maximum(states["noise_mean"], TINY)  # type: ignore[no-any-return]


def scale(noise: Floats, mean: Floats) -> Floats:
    """Spread of spend whose expectation is ``mean``: its standard deviation, and one typical call for the skew."""
    return np.sqrt(noise * mean + (COMMON_SHARE * mean) ** 2) + noise


def expect(states: States, usual: Floats) -> tuple[Floats, Bools]:
    """USD expected of a minute, and whether the profile had a say in it."""
    seasoned = ~np.isnan(usual)
    prior = LEVEL_PRIOR_CALLS * dispersion(states) + TINY
    level = np.clip((states["level_usd"] + prior) / (states["level_season"] + prior), 1 / LEVEL_RANGE, LEVEL_RANGE)
    recent = states["level_usd"] / np.maximum(states["level_weight"], TINY)
    return np.where(seasoned, np.where(seasoned, usual, 0) * level, recent), seasoned
