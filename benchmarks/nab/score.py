"""NAB's score: what alarms gain that come early in labelled windows, and what those outside of them cost.

In a window the first alarm gains the more the earlier it comes, each alarm outside costs the more the farther it is
behind the last window, a window without an alarm costs a fixed amount. One threshold holds for all series together, the
best one. 0 is who never alarms, 100 who alarms at the first point of every window and nowhere else.

Source: Lavin & Ahmad, Evaluating Real-time Anomaly Detection Algorithms, ICMLA 2015 (arXiv 1510.03336), section II C;
where the paper leaves room (which point is at which position of its window, what no window precedes), as the programme
does that made the published figures (numenta/NAB at ea702d7, ``nab/sweeper.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.nab.corpus import Floats, Profile, Series

FAR = 3.0
"""Widths of a window, behind which an alarm has nothing to do with it."""
OUTSIDE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Judged points: ``window`` (n,) the number of theirs or ``OUTSIDE``, ``gain`` (n,) of alarms there, -1 to 1."""

    window: NDArray[np.int64]
    gain: Floats
    windows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Normalised; alarms are the points whose scores reach the threshold."""

    value: float
    threshold: float


def sigmoid(position: Floats) -> Floats:
    """Gain at a position in units of the window's width: 0 at its end, towards 1 before and towards -1 behind."""
    return np.where(position >= FAR, -1.0, 2 / (1 + np.exp(5 * np.minimum(position, FAR))) - 1)


def points(many: Sequence[Series]) -> Points:
    """The points of all series but those in probation, one series after the other."""
    parts = [_points(series) for series in many]
    before = np.cumsum([0, *(len(series.windows) for series in many)])
    shifted = [np.where(one.window == OUTSIDE, OUTSIDE, one.window + b) for one, b in zip(parts, before, strict=False)]
    return Points(
        window=np.concatenate(shifted), gain=np.concatenate([one.gain for one in parts]), windows=int(before[-1])
    )


def _points(series: Series) -> Points:
    at = np.arange(len(series.values), dtype=np.float64)
    window, gain = np.full(at.size, OUTSIDE, np.int64), np.full(at.size, -1.0)
    for number, (first, last) in enumerate(series.windows):
        width = last - first + 1
        inside, behind = slice(first, last + 1), slice(last + 1, None)
        window[inside] = number
        gain[inside] = sigmoid((at[inside] - last - 1) / width) / sigmoid(np.array(-1.0))
        gain[behind] = sigmoid((at[behind] - last) / max(width - 1, 1))
    return Points(window=window[series.probation :], gain=gain[series.probation :], windows=len(series.windows))


def best(where: Points, scores: Floats, profile: Profile) -> Score:
    """The highest score that one threshold reaches; ``scores`` (n,) are those of the judged points."""
    order = np.argsort(-scores, kind="stable")
    reached = np.cumsum(_steps(where, order, profile))
    ends = np.append(np.flatnonzero(np.diff(scores[order])), order.size - 1)
    at = ends[np.argmax(reached[ends])]
    nobody = Score(value=0.0, threshold=np.inf)
    return max(nobody, Score(value=_normal(reached[at], where, profile), threshold=scores[order][at]), key=_value)


def score_at(where: Points, scores: Floats, profile: Profile, threshold: float) -> float:
    """The score that a threshold reaches."""
    alarms = np.flatnonzero(scores >= threshold)
    return _normal(float(_steps(where, alarms, profile).sum()), where, profile)


def _steps(where: Points, alarms: NDArray[np.int64], profile: Profile) -> Floats:
    """What each alarm adds to those before it, in the given order."""
    window, gain = where.window[alarms], where.gain[alarms]
    steps = gain * profile.false
    for number in range(where.windows):
        [inside] = np.nonzero(window == number)
        steps[inside] = np.diff(np.maximum.accumulate(gain[inside] * profile.found), prepend=-profile.missed)
    return steps


def _normal(gained: float, where: Points, profile: Profile) -> float:
    """Per cent of what there is between missing everything, where ``gained`` is 0, and finding everything at once."""
    return float(100 * gained / (where.windows * (profile.found + profile.missed)))


def _value(score: Score) -> float:
    return score.value
