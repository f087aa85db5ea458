"""What goes wrong in a world, and which signals may say so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DAY, WEEK = 1440, 10080
FIRST = 29_500_000 - 29_500_000 % WEEK + 4 * DAY
"""A Monday, 00:00 UTC: the epoch was a Thursday."""
SIGNALS = {
    "error burst": ("errors_rate_limit",),
    "small error burst": ("errors_rate_limit",),
    "provider outage": ("errors_provider",),
    "context length": ("errors_context_length",),
    "slow drift": ("ttft_p95", "duration_p95"),
    "cache collapse": ("cache_share",),
    "injection wave": ("injections", "safety_triggers", "safety_blocks"),
    "tools fail": ("tool_failures",),
    "silence": ("silence",),
}
LEAST_CALLS = 20.0
"""An incident of fewer calls that are wrong is no incident."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """``lanes``: of whom (tenant, feature, provider, model); of an outage of everybody's at that model."""

    kind: str
    start: int
    end: int
    size: float
    lane: Any

    def hits(self, lane: Any) -> bool:
        """Whether it is about this lane."""
        if self.kind == "provider outage":
            return bool((lane.provider, lane.model) == (self.lane.provider, self.lane.model))
        if self.kind == "silence":
            return bool(lane.tenant == self.lane.tenant)
        return bool(lane == self.lane)

    def holds(self, at: NDArray[np.int64]) -> NDArray[np.bool_]:
        """In which minutes."""
        return (at >= self.start) & (at < self.end)

    def share_of(self, measure: str, at: NDArray[np.int64], share: Floats) -> Floats:
        """The share as it is with the incident."""
        if MEASURE.get(self.kind) != measure:
            return share
        return np.where(self.holds(at), self.size, share)

    def slowed(self, at: NDArray[np.int64], slow: Floats) -> Floats:
        """Times the usual; a drift takes two hours to be there."""
        if self.kind != "slow drift":
            return slow
        there = np.clip((at - self.start) / 120, 0, 1)
        return np.where(self.holds(at), slow * self.size**there, slow)


MEASURE = {
    "error burst": "error rate_limit",
    "small error burst": "error rate_limit",
    "provider outage": "error overloaded",
    "context length": "error context_length_exceeded",
    "cache collapse": "cached",
    "injection wave": "injections",
    "tools fail": "tool_failures",
}
_Draw = Callable[[np.random.Generator], tuple[float, int]]
DRAWS: dict[str, _Draw] = {
    "error burst": lambda rng: (rng.uniform(0.3, 0.8), int(rng.integers(15, 90))),
    "small error burst": lambda rng: (rng.uniform(0.08, 0.15), int(rng.integers(60, 180))),
    "provider outage": lambda rng: (rng.uniform(0.3, 1.0), int(rng.integers(15, 60))),
    "context length": lambda rng: (rng.uniform(0.1, 0.3), int(rng.integers(120, 480))),
    "slow drift": lambda rng: (2.0, int(rng.integers(300, 480))),
    "cache collapse": lambda rng: (0.02, int(rng.integers(360, 1440))),
    "injection wave": lambda rng: (rng.uniform(0.1, 0.4), int(rng.integers(30, 120))),
    "tools fail": lambda rng: (rng.uniform(0.3, 0.9), int(rng.integers(30, 120))),
    "silence": lambda rng: (0.0, int(rng.integers(90, 240))),
}
"""Size and minutes."""
EACH = 3


def plan(rng: np.random.Generator, lanes: Sequence[Any], weeks: int) -> tuple[Incident, ...]:
    """Some of each kind, six hours apart, in the second week and after, of lanes large enough to notice."""
    slots = list(rng.permutation(np.arange(FIRST + WEEK + DAY, FIRST + weeks * WEEK - 2 * DAY, 360)))
    found = []
    for kind, draw in DRAWS.items():
        for _ in range(EACH):
            size, length = draw(rng)
            fit = [lane for lane in lanes if _fits(kind, lane, size * length if size else length)]
            if not fit or not slots:
                continue
            lane = fit[int(rng.integers(len(fit)))]
            start = int(slots.pop()) + int(rng.integers(0, 120))
            found.append(Incident(kind=kind, start=start, end=start + length, size=size, lane=lane))
    return tuple(sorted(found, key=lambda one: one.start))


def _fits(kind: str, lane: Any, minutes: float) -> bool:
    if lane.is_batch:
        return False
    if kind == "silence":
        return bool(lane.rate >= 2 and lane.weekend >= 0.6)
    if kind == "cache collapse" and lane.cached < 0.3:
        return False
    night = 0.2
    return bool(lane.rate * night * lane.weekend * minutes * (0.4 if kind == "tools fail" else 1) >= LEAST_CALLS)
