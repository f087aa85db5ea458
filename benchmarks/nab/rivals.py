"""NAB's windowedGaussian, written anew: its published figures show that our scorer counts as NAB does.

A value's score is 1 - Q(z), z its distance to the mean of the last 6,400 values in their standard deviations. The
window grows by single values until it is full, then it moves by 100 at a time (numenta/NAB at ea702d7,
``windowedGaussian_detector.py``). Published scores have twelve digits, so that all beyond seven deviations are 1; ours
are rounded likewise, without that it would be 40.1 in place of 39.6.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from benchmarks.nab.corpus import Floats

WINDOW, STEP = 6400, 100
LEAST = 1e-6
DIGITS = 12


def windowed_gaussian(values: Floats) -> Floats:
    """(n,) scores; the first is 0."""
    z = np.concatenate([np.abs(part - mean) / deviation for part, mean, deviation in _windows(values)])
    scores = [round(1 - 0.5 * math.erfc(one / math.sqrt(2)), DIGITS) for one in z.tolist()]
    return np.array([0.0, *scores])


def _windows(values: Floats) -> Iterator[tuple[Floats, float, float]]:
    """Values from the second on, with mean and standard deviation of the window before them."""
    mean = squares = 0.0
    for place, value in enumerate(values[:WINDOW].tolist()):
        if place:
            yield values[place : place + 1], mean, math.sqrt(squares / place) or LEAST
        ahead = value - mean
        mean += ahead / (place + 1)
        squares += ahead * (value - mean)
    for first in range(WINDOW, len(values), STEP):
        window = values[first - WINDOW : first]
        yield values[first : first + STEP], float(window.mean()), float(window.std()) or LEAST
