"""Estimates with intervals that hold the truth 95 times in 100, by closed forms; and what two of them tell together.

* A share: E. B. Wilson, "Probable inference", JASA 22 (1927), without correction for continuity.
* A mean: Student's t; its quantile by Abramowitz and Stegun 26.7.5, within 0.5 % from 5 degrees of freedom on.
* A difference: G. Y. Zou and A. Donner, "Construction of confidence limits", Statistics in Medicine 27 (2008), their
  MOVER, from the limits of each side. Of shares it is R. G. Newcombe's method 10 (Statistics in Medicine 17, 1998), of
  means nearly Welch's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import hypot, sqrt

Z = 1.959964
"""The normal distribution's 97.5 %."""
FEWEST = 30
"""With fewer on a side nothing is said: the forms above lean on many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number made from ``n`` observations, and between which limits it lies; None = unknown."""

    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None

    def suffices(self) -> bool:
        """Whether something can be said."""
        return self.n >= FEWEST and None not in (self.value, self.low, self.high)


def share(hits: int, n: int) -> Estimate:
    """``hits`` of ``n``."""
    if n <= 0:
        return Estimate(n=0)
    centre = (hits + Z * Z / 2) / (n + Z * Z)
    half = Z / (n + Z * Z) * sqrt(max(0.0, hits * (n - hits) / n) + Z * Z / 4)
    return Estimate(n=n, value=hits / n, low=max(0.0, centre - half), high=min(1.0, centre + half))


def mean(n: int, value: float | None, deviation: float | None) -> Estimate:
    """A mean of ``n`` values with this standard deviation."""
    if value is None or deviation is None or n < 2:  # noqa: PLR2004 - one value has no deviation
        return Estimate(n=n, value=value)
    half = student(n - 1) * deviation / sqrt(n)
    return Estimate(n=n, value=value, low=value - half, high=value + half)


def student(freedom: int) -> float:
    """The 97.5 % of Student's t."""
    z = Z
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def difference(one: Estimate, other: Estimate) -> Estimate:
    """``other`` - ``one``; of as many as the smaller side has."""
    n = min(one.n, other.n)
    if one.value is None or other.value is None:
        return Estimate(n=n)
    value = other.value - one.value
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return Estimate(n=n, value=value)
    return Estimate(
        n=n,
        value=value,
        low=value - hypot(other.value - other.low, one.high - one.value),
        high=value + hypot(other.high - other.value, one.value - one.low),
    )


def weighted(parts: Iterable[tuple[float, Estimate]]) -> Estimate:
    """The sum of independent estimates, each times its weight, over the sum of the weights; unknown where one is."""
    kept = [(weight, part) for weight, part in parts if weight]
    whole = sum(weight for weight, _ in kept)
    n = min((part.n for _, part in kept), default=0)
    value = down = up = 0.0
    for weight, part in kept:
        if part.value is None or part.low is None or part.high is None:
            return Estimate(n=n)
        value += weight * part.value / whole
        down = hypot(down, weight * (part.value - part.low) / whole)
        up = hypot(up, weight * (part.high - part.value) / whole)
    return Estimate(n=n, value=value, low=value - down, high=value + up) if kept else Estimate(n=0)


def relative(found: Estimate, base: float | None, *, lower_is_better: bool) -> Estimate:
    """A difference as a change for the better, as a share of ``base``, which is taken as it was measured."""
    if found.value is None or found.low is None or found.high is None or not base:
        return Estimate(n=found.n)
    sign = -1 / base if lower_is_better else 1 / base
    ends = sorted((sign * found.low, sign * found.high))
    return Estimate(n=found.n, value=sign * found.value, low=ends[0], high=ends[1])
