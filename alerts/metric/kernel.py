"""Compiled steps of the detector of metrics: a value goes into the state of its series, a score comes out.

A state is a row of ``WIDTH`` numbers. Every function releases the GIL; the machine code is kept beside this file, or in
the user's cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from alerts.metric.constants import Constants

Function = TypeVar("Function", bound=Callable[..., Any])
Floats: TypeAlias = NDArray[np.float64]

HOUR_S = 3600.0
HOURS = 24
MEASURES = 3
USUAL, SPREAD, ENVELOPE = 0, HOURS, 2 * HOURS  # by hour: mean and mean deviation, NaN = not known; largest measures
SEEN, RESTS, MEAN, VARIANCE, UNREST = range(ENVELOPE + MEASURES, ENVELOPE + MEASURES + 5)
HOUR, HOUR_VALUES, HOUR_SUM, HOUR_DEVIATIONS = range(UNREST + 1, UNREST + 5)  # the hour that has not ended
WIDTH = HOUR_DEVIATIONS + 1
_RESOLUTION = 1e-9  # shares of a value below are those of rounding
_LEAST, _MOST = 1e-300, 1e150  # what has a logarithm, what has a square


def blank(series: int) -> Floats:
    """(series, WIDTH) states of series of which nothing is known."""
    states = np.zeros((series, WIDTH))
    states[:, USUAL:ENVELOPE] = np.nan
    states[:, ENVELOPE : ENVELOPE + MEASURES] = -np.inf
    return states


def compiled(function: Function) -> Function:
    """The function as machine code, from its first call on."""
    made: Any = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    return cast("Function", made)


@compiled
def score_values(states: Floats, time_s: float, values: Floats, constants: Constants) -> Floats:
    """(series,) scores of one value of each series, all of them at a time (POSIX seconds); the states go on.

    What is no number, or beyond 1e150, scores 0 and teaches nothing.
    """
    scores = np.zeros(len(values))
    for place in range(len(values)):
        scores[place] = _score(states[place], time_s, values[place], constants)
    return scores


@compiled
def score_series(state: Floats, times_s: Floats, values: Floats, constants: Constants) -> Floats:
    """(n,) scores of values (n,) of one series in order of time; the state (WIDTH,) goes on."""
    scores = np.zeros(len(values))
    for place in range(len(values)):
        scores[place] = _score(state, times_s[place], values[place], constants)
    return scores


@compiled
def _score(state: Floats, time_s: float, value: float, constants: Constants) -> float:
    if not abs(value) < _MOST:  # nor is NaN
        return 0.0
    hours = time_s / HOUR_S
    if state[SEEN] == 0:
        state[HOUR], state[MEAN] = math.floor(hours), value
    elif math.floor(hours) != state[HOUR]:
        _end_hour(state, math.floor(hours), constants)
    state[SEEN] += 1
    weight = max(1 / constants.spread, 1 / state[SEEN])
    state[VARIANCE] += weight * ((value - state[MEAN]) ** 2 - state[VARIANCE])
    floor = constants.floor * math.sqrt(state[VARIANCE]) + _RESOLUTION * abs(state[MEAN]) + _LEAST
    usual, spread = _expect(state, hours)
    deviation = abs(value - usual)
    state[MEAN] += weight * (value - state[MEAN])
    state[UNREST] += max(1 / constants.unrest, 1 / state[SEEN]) * (deviation - state[UNREST])
    state[HOUR_VALUES] += 1
    state[HOUR_SUM] += value
    state[HOUR_DEVIATIONS] += deviation
    beyond = max(
        _exceed(state, 0, deviation + floor, floor, constants),
        _exceed(state, 1, state[UNREST] + floor, floor, constants),
        _exceed(state, 2, deviation / (spread + floor) + constants.floor, constants.floor, constants),
    )
    return _tell(state, 1 / (1 + math.exp(-beyond)), constants)


@compiled
def _end_hour(state: Floats, hour: float, constants: Constants) -> None:
    """Learn what the hour that has ended held, and begin another."""
    place = int(state[HOUR]) % HOURS
    for profile, total in ((USUAL, HOUR_SUM), (SPREAD, HOUR_DEVIATIONS)):
        mean = state[total] / state[HOUR_VALUES]
        known = state[profile + place]
        state[profile + place] = mean if math.isnan(known) else known + constants.learn * (mean - known)
    state[HOUR], state[HOUR_VALUES], state[HOUR_SUM], state[HOUR_DEVIATIONS] = hour, 0, 0, 0


@compiled
def _expect(state: Floats, hours: float) -> tuple[float, float]:
    """Value and deviation that are usual at a time, between the middles of hours."""
    share = hours - math.floor(hours) - 0.5
    here = math.floor(hours) % HOURS
    near = (here + (1 if share >= 0 else -1)) % HOURS
    if math.isnan(state[USUAL + here]):
        return state[MEAN], 0.0
    if math.isnan(state[USUAL + near]):
        return state[USUAL + here], state[SPREAD + here]
    far = abs(share)
    usual = state[USUAL + here] * (1 - far) + state[USUAL + near] * far
    return usual, state[SPREAD + here] * (1 - far) + state[SPREAD + near] * far


@compiled
def _exceed(state: Floats, number: int, measure: float, least: float, constants: Constants) -> float:
    """By how much a measure exceeds its envelope, in logarithms; the envelope goes on."""
    size, before = math.log(measure), state[ENVELOPE + number]
    top = size if state[SEEN] <= constants.young else before + constants.rise
    state[ENVELOPE + number] = max(before - 1 / constants.forget, min(size, top), math.log(least))
    return size - float(before)


@compiled
def _tell(state: Floats, score: float, constants: Constants) -> float:
    """The score, as the series' age and its last alarm allow."""
    if state[SEEN] <= constants.young:
        return 0.0
    if state[RESTS] > 0:
        state[RESTS] -= 1
        return min(score, 0.5)
    if score >= constants.alarm:
        state[RESTS] = constants.rest
    return score
