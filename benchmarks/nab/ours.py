"""Our detector on NAB: its scores, its cost, and how it does on series that its constants were not chosen on."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from alerts.metric.constants import DEFAULT, Constants
from alerts.metric.kernel import blank, score_series, score_values
from benchmarks.clock import cost_of, median
from benchmarks.nab.corpus import Floats, Profile, Series
from benchmarks.nab.score import best, points, score_at

SEED = 7
FACTORS = (0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0)
BEYOND = (0.0, 0.02, 0.04, 0.06, 0.1)
"""Logarithms of what is beyond the envelope; the alarm is chosen from these."""
MANY, MINUTES = 100_000, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Halves:
    """Scores of the constants that are best on some series: on these, and on the others with the same threshold."""

    chosen_on: float
    shown_on: float
    default_on: float
    constants: Constants


def scores_of(series: Series, constants: Constants = DEFAULT) -> Floats:
    """(n,) scores of a series by itself."""
    return score_series(blank(1)[0], series.times, series.values, constants)


def judged(many: Sequence[Series], constants: Constants) -> Floats:
    """Scores of the judged points of several series, as ``points`` has them."""
    return np.concatenate([scores_of(series, constants)[series.probation :] for series in many])


def many_us(rounds: int) -> float:
    """CPU microseconds a value, minute by minute of 100,000 series at once."""
    values = np.random.default_rng(SEED).normal(size=(MINUTES, MANY))
    states = blank(MANY)

    def run() -> None:
        for minute, row in enumerate(values):
            score_values(states, minute * 60.0, row, DEFAULT)

    run()
    return median(cost_of(run) for _ in range(rounds)).cpu_s / values.size * 1e6


def halves(many: Sequence[Series], profile: Profile, tries: int) -> Iterator[Halves]:
    """Constants chosen at random around the defaults, the best on every other series; then the other way round."""
    candidates = list(_candidates(tries))
    for chosen, shown in ((many[::2], many[1::2]), (many[1::2], many[::2])):
        where, other = points(chosen), points(shown)
        found = [best(where, judged(chosen, constants), profile) for constants in candidates]
        top = max(range(tries), key=lambda place: found[place].value)
        default = best(where, judged(chosen, DEFAULT), profile)
        yield Halves(
            chosen_on=found[top].value,
            shown_on=score_at(other, judged(shown, candidates[top]), profile, found[top].threshold),
            default_on=score_at(other, judged(shown, DEFAULT), profile, default.threshold),
            constants=candidates[top],
        )


def _candidates(tries: int) -> Iterator[Constants]:
    """Every constant up to three times as large or as small, each drawn by itself."""
    draw = random.Random(SEED)
    for _ in range(tries):
        drawn = Constants(*(value * draw.choice(FACTORS) for value in DEFAULT))
        alarm = 1 / (1 + np.exp(-draw.choice(BEYOND)))
        yield drawn._replace(learn=min(drawn.learn, 1.0), rest=round(drawn.rest), alarm=float(alarm))
