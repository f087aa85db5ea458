"""Days to come: a level that is as unsure as history leaves it, times weekdays, times what days were off it before.

Spend is looked at in logarithms, so a level is never below nothing and a wild day moves it little. A path of the future
takes one of the views of the past (``levels.py``) as often as it is likely, with a level, a slope and weekdays drawn
from what they are known to. A slope that is all but proven goes on and fades; one that is not moves the level of today,
and from there on makes the future less sure and not higher or lower. What days are off comes again in any order,
smoothed and with a spread as unsure as so many days leave it (Efron 1979, doi 10.1214/aos/1176344552; Duan 1983, doi
10.1080/01621459.1983.10478017), days that were off together again together (Politis and Romano 1994, doi
10.1080/01621459.1994.10476870). Where weeks differ by more than their days explain the level wanders on. No day to come
is above a few times the dearest one.

Pure: the same days give the same paths, of fixed draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from warehouse.planning.levels import Levels, levels_of
from warehouse.planning.weekdays import NORMAL, WEEK, Reals, calm, median, week_of

LEAST_DAYS = 2 * WEEK
MOST_DAYS = 26 * WEEK
PATHS = 400
FADES = 0.05
"""Of a slope is lost a day, at most; on a path from nothing to that, rather little."""
DEAREST = np.log(4.0)
"""A day to come is at most four times the dearest one, weekdays and a slope aside."""
SMOOTH, LEAST_SMOOTH = 0.3, 0.1
"""How far a day may be from one that was, in standard deviations: robust ones, and of those with wild days."""
LEAST_FREE, WIDEST = 3, 2.0
"""Free days that a spread is taken to be known of, at least, and how many times what is seen it may be."""
LARGEST_STEP, MOST_LINKED = 0.3, 0.9
"""By how much a level wanders in a day, and how much a day tells of the next, at most."""
PROVEN, UNPROVEN = 0.9, 1.75
"""How likely a line must be to go on; else slopes are as unsure as 1.75 times what it is."""
SLOPED = 0.5
"""How much of what a slope is unsure counts where none shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draws:
    """Fixed random numbers, uniform ones of [0, 1) and normal ones: (PATHS, horizon) or (PATHS, …)."""

    spent: Reals
    linked: Reals
    day: Reals
    near: Reals
    walk: Reals
    view: Reals
    level: Reals
    slope: Reals
    weekdays: Reals
    faded: Reals


@lru_cache(maxsize=16)
def _draws(horizon: int) -> _Draws:
    random = np.random.default_rng(3)
    shape = (PATHS, horizon)
    return _Draws(
        spent=random.random(shape),
        linked=random.random(shape),
        day=random.random(shape),
        near=random.standard_normal(shape),
        walk=_mirrored(random.standard_normal((PATHS // 2, horizon)).cumsum(axis=1)),
        view=np.tile((random.permutation(PATHS // 2) + 0.5) / (PATHS // 2), 2),
        level=_mirrored(random.standard_normal(PATHS // 2)),
        slope=_mirrored(random.standard_normal(PATHS // 2)),
        weekdays=random.standard_normal((PATHS, WEEK)),
        faded=((1 - FADES * random.random((PATHS, 1)) ** 2) ** np.arange(horizon)).cumsum(axis=1),
    )


def _mirrored(normal: Reals) -> Reals:
    """The same and their negatives, whose median is 0."""
    return np.concatenate([normal, -normal])


@lru_cache(maxsize=MOST_DAYS)
def _wide(free: int) -> Reals:
    """(PATHS, 1): by what a standard deviation is off that so many free days tell."""
    known = max(free, LEAST_FREE)
    drawn = np.random.default_rng(4).chisquare(known, (PATHS, 1))
    return np.asarray(np.minimum(np.sqrt(known / drawn), WIDEST))


def draw_days(spend: Reals, first_weekday: int, horizon: int) -> Reals:
    """(PATHS, horizon): days after these (days,), at least one, that have spend on all days that a weekday does."""
    weekday = (first_weekday + np.arange(spend.size)) % WEEK
    sizes = draw_sizes(spend, first_weekday, horizon)
    counts, spending = np.bincount(weekday, minlength=WEEK), np.bincount(weekday, spend > 0, WEEK)
    if spending.sum() == spend.size:
        return sizes
    is_open = 2 * spending >= counts
    share = np.array([spending[is_open == one].sum() / max(counts[is_open == one].sum(), 1) for one in (False, True)])
    chance = share[is_open.astype(np.int64)][(first_weekday + spend.size + np.arange(horizon)) % WEEK]
    return np.where(_draws(horizon).spent < chance, sizes, 0.0)


def draw_sizes(spend: Reals, first_weekday: int, horizon: int) -> Reals:
    """(PATHS, horizon): what days after these would spend if they do; 0 where none ever did."""
    days = np.flatnonzero(spend > 0)
    if not days.size:
        return np.zeros((PATHS, horizon))
    draws = _draws(horizon)
    unit = median(spend[days])
    logs, weekday = np.log(spend[days] / unit), (first_weekday + days) % WEEK
    week = week_of(logs, days, weekday)
    plain = logs - week.effects[weekday]
    levels = levels_of(plain, calm(plain), (spend.size - days).astype(np.float64))
    level, rise = _draw_levels(levels, draws)
    weekdays = week.effects + week.unsure * draws.weekdays
    found = level + _draw_errors(levels, horizon, draws)
    np.minimum(found, plain.max() + DEAREST + np.maximum(rise, 0), out=found)
    found += weekdays[:, (first_weekday + spend.size + np.arange(horizon)) % WEEK]
    return np.multiply(np.exp(found, out=found), unit, out=found)


def _noise(levels: Levels) -> tuple[float, int]:
    """Standard deviation of a day, and of how many free days it is known."""
    free = max(levels.errors.size - levels.fitted, 1)
    return float(np.sqrt(np.sum(levels.errors**2) / free)), free


def _linked(levels: Levels) -> float:
    """How much of what a day is off the next one is too, above what chance makes of so few."""
    errors = levels.errors
    squares = float(np.sum(errors**2))
    if not squares:
        return 0.0
    plain = float(np.sum(errors[1:] * errors[:-1])) / squares
    return float(min(max(plain - 1 / np.sqrt(errors.size), 0.0), MOST_LINKED))


def _draw_levels(levels: Levels, draws: _Draws) -> tuple[Reals, Reals]:
    """(PATHS, horizon): logarithms of levels, and what of them a slope adds."""
    linked = _linked(levels)
    noise = _noise(levels)[0] * np.sqrt((1 + linked) / (1 - linked))
    line = levels.chance.size - 1
    taken = np.minimum(np.searchsorted(levels.chance.cumsum(), draws.view), line)
    unsure = noise * levels.slope_unsure
    is_line = taken == line
    so_far = np.where(is_line, levels.slope + unsure * draws.slope, 0.0)
    from_now = np.where(is_line, so_far, SLOPED * unsure * draws.slope * (not levels.jumps.size))
    if levels.chance[line] < PROVEN:
        from_now = np.where(is_line, UNPROVEN * np.hypot(levels.slope, unsure) * draws.slope, from_now)
    middle = levels.middle[taken] + noise * levels.unsure[taken] * draws.level + so_far * levels.age
    rise = from_now[:, None] * draws.faded
    found = middle[:, None] + rise
    if levels.wander:
        found += min(levels.wander, LARGEST_STEP) * draws.walk
    return found, rise


def _draw_errors(levels: Levels, horizon: int, draws: _Draws) -> Reals:
    """(PATHS, horizon): what days are off."""
    noise, free = _noise(levels)
    if not noise:
        return np.zeros((PATHS, horizon))
    count = levels.errors.size
    errors = (levels.errors - levels.errors.mean()) * np.sqrt(count / free)
    drawn = (draws.day * count).astype(np.int64)
    linked = _linked(levels)
    if linked:
        days = np.arange(horizon)
        since = np.maximum.accumulate(np.where(draws.linked >= linked, days, 0), axis=1)
        drawn = (np.take_along_axis(drawn, since, axis=1) + days - since) % count
    near = max(SMOOTH * NORMAL * median(np.abs(errors)), LEAST_SMOOTH * noise)
    found = errors[drawn] * _wide(free)
    found += near * draws.near
    return np.asarray(found)
