"""How high spend is and where it goes: as it always was, as since a day, or along a line, as likely as it explains.

Of logarithms of spend without their weekdays. Three kinds of *views* of the same days: one level; another level since a
day, of any day; a line whose slope is small unless the days prove it. Each has its Bayes factor against the one level
(normal errors of unknown size; for a new level with the unit-information g-prior, Liang et al. 2008, doi
10.1198/016214507000001337; for the slope with a normal prior), so more freedom must earn its place. A new level that is
all but certain cuts off what was before, and the rest is looked at again: the shorter it is, the less a line. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from warehouse.planning.weekdays import WEEK, Indices, Reals

LEAST = 4
"""Days of a level."""
CERTAIN = 0.95
PRIOR_STEP, PRIOR_LINE = 0.15, 0.7
"""Odds of another level since some day, and of a line, before anything is known; of days, late ones rather."""
SLOPE = 0.015
"""Standard deviation of slopes before anything is known: a day, of a logarithm."""
UNLIKELY = 2.0
"""How much more weeks must differ than by chance, in standard deviations of that of so few."""
MOST = 9.0
"""A difference counts no more than so many times the typical one: what jumped once does not wander."""
APART = (2 * WEEK**2 + 1) / (3 * WEEK)
"""Variance of the difference of two weeks' means, of a level that wanders by 1 a day."""
EXACT = 1e-18
"""Squared errors, on average, that are rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What may be, and how likely. (views,): no slope but for the last view.

    ``middle``: logarithm in the middle of a view's days, ``age`` days before the first one to come; ``unsure``: its
    standard deviation over that of a day. ``slope`` and ``slope_unsure``: of the last view. ``errors``: (days,) off the
    likeliest view; ``fitted``: how many values that view has; ``jumps``: sizes of levels' changes; ``wander``: by how
    much the level moves in a day besides.
    """

    chance: Reals
    middle: Reals
    unsure: Reals
    age: float
    slope: float
    slope_unsure: float
    errors: Reals
    fitted: int
    jumps: Reals
    wander: float


def levels_of(logs: Reals, held: Reals, ages: Reals) -> Levels:
    """Of days with spend, at least one: ``logs``, the same ``held`` near their neighbours, and their ``ages``."""
    errors = np.empty_like(logs)
    jumps: list[float] = []
    begin = 0
    while True:
        values, age = held[begin:], ages[begin:]
        count, mean, spread = values.size, float(values.mean()), _squares(values)
        since, after, explained = _steps(values, spread)
        recent = 1 / (count - since)
        steps = PRIOR_STEP * _step_odds(explained, count) * recent / max(float(recent.sum()), 1e-9)
        slope, slope_unsure, line = _line(values, age, spread)
        odds = np.array([1.0, *steps, PRIOR_LINE * line * count / logs.size])
        chance = odds / odds.sum()
        best = int(chance.argmax())
        if 0 < best < chance.size - 1 and chance[1:-1].sum() > CERTAIN:
            cut = int(since[best - 1])
            errors[begin : begin + cut] = logs[begin : begin + cut] - values[:cut].mean()
            jumps.append(float(after[best - 1] - values[:cut].mean()))
            begin += cut
            continue
        break
    view = np.full(count, mean)
    if best == chance.size - 1:
        view = mean + slope * (float(age.mean()) - age)
    elif best:
        cut = int(since[best - 1])
        before = float(values[:cut].mean())
        view = np.where(np.arange(count) < cut, before, after[best - 1])
        jumps.append(float(after[best - 1]) - before)
    errors[begin:] = logs[begin:] - view
    return Levels(
        chance=chance,
        middle=np.array([mean, *after, mean]),
        unsure=1 / np.sqrt(np.array([count, *(count - since), count], float)),
        age=float(age.mean()),
        slope=slope,
        slope_unsure=slope_unsure,
        errors=errors,
        fitted=1 + len(jumps) + (best == chance.size - 1),
        jumps=np.array(jumps),
        wander=_wander(held - logs + errors if len(jumps) <= 1 else held),
    )


def _wander(values: Reals) -> float:
    """By how much the level moves in a day (standard deviation), where weeks differ by more than their days explain.

    Of a level that wanders by w and days that are off by s, the means of two weeks differ by 2/7 s² + 4.9 w² on
    average, a day from the next by 2 s² + w².
    """
    count = values.size
    if count < 2 * WEEK:
        return 0.0
    sums = np.append(0.0, values.cumsum())
    weeks = (sums[WEEK:] - sums[:-WEEK]) / WEEK
    far = (weeks[WEEK:] - weeks[:-WEEK]) ** 2
    between = float(np.minimum(far, MOST * np.median(far)).mean())
    days = float(np.mean(np.diff(values) ** 2))
    by_chance = days / WEEK * (1 + np.sqrt(2 * WEEK / count) * UNLIKELY)
    return float(np.sqrt(max(between - by_chance, 0.0) / (APART - 1 / WEEK)))


def _squares(values: Reals) -> float:
    """Squared errors of one level; 0 where they are rounding."""
    found = float(np.sum((values - values.mean()) ** 2))
    return found if found > EXACT * values.size else 0.0


def _steps(values: Reals, spread: float) -> tuple[Indices, Reals, Reals]:
    """New levels: the first day of each, its level, and how much of the squares it explains."""
    count = values.size
    since = np.arange(LEAST, count - LEAST + 1, dtype=np.int64)
    sums = values.cumsum()
    before = sums[since - 1] / since
    after = np.asarray((sums[-1] - sums[since - 1]) / (count - since))
    gained = since * (count - since) / count * (after - before) ** 2
    return since, after, np.clip(gained / spread, 0, 1) if spread else np.zeros(since.size)


def _step_odds(explained: Reals, count: int) -> Reals:
    """Bayes factors of one more value against none."""
    logs = (count - 2) * np.log1p(count) - (count - 1) * np.log1p(count * (1 - explained))
    return np.asarray(np.exp(np.minimum(logs / 2, 500)))


def _line(values: Reals, ages: Reals, spread: float) -> tuple[float, float, float]:
    """Slope a day, its standard deviation over that of a day, and the Bayes factor."""
    count = values.size
    off = ages.mean() - ages
    width = float(np.sum(off**2))
    if count < LEAST or not spread:
        return 0.0, 0.0, 0.0
    plain = float(np.sum(off * values)) / width
    explained = min(plain**2 * width / spread, 1.0)
    noise = max(spread * (1 - explained) / (count - 2), EXACT)
    prior = noise / SLOPE**2
    sure = width / (width + prior)
    log = (np.log1p(-sure) - (count - 1) * np.log(max(1 - sure * explained, EXACT))) / 2
    return plain * sure, 1 / np.sqrt(width + prior), float(np.exp(min(log, 500.0)))
