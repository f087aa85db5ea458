"""When tasks arrive: each feature's own Poisson stream, thinned to the season of its tenant, merged by start."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from random import Random

from ingest.simulator.catalog import FEATURES, UTC_OFFSET_H, Feature
from ingest.simulator.prices import cost_of
from ingest.simulator.scripts import play
from ingest.simulator.seasons import busiest, busyness
from ingest.simulator.tasks import SECOND_NS, Call, Task

SAMPLE_TASKS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The ordinary workload: ``calls_per_s`` over all features, as the mean of a week; ``seed`` fixes everything."""

    calls_per_s: float
    seed: str
    features: tuple[Feature, ...] = FEATURES

    def tasks(self, start_ns: int, end_ns: int) -> Iterator[Task]:
        """Tasks that start and end within ``[start_ns, end_ns)``, by start."""
        streams = [self._stream(feature, start_ns, end_ns) for feature in self.features]
        return heapq.merge(*streams, key=lambda task: task.started_at_ns)

    def tasks_per_s(self, feature: Feature, at_ns: int) -> float:
        """Expected arrivals of one feature at that time."""
        mean = self.calls_per_s * feature.share / calls_per_task(feature)
        return mean * busyness(at_ns, UTC_OFFSET_H[feature.tenant])

    def peak_tasks_per_s(self, feature: Feature) -> float:
        """The same in its busiest hour; incidents are paced by it: a loop does not know what time it is."""
        return self.calls_per_s * feature.share / calls_per_task(feature) * busiest()

    def peak_usd_per_s(self, feature: Feature) -> float:
        """Expected spend of one feature in its busiest hour."""
        return self.peak_tasks_per_s(feature) * usd_per_task(feature)

    def _stream(self, feature: Feature, start_ns: int, end_ns: int) -> Iterator[Task]:
        rng = Random(f"{self.seed}/{feature.tenant}/{feature.name}")  # noqa: S311 - a workload, no secret
        peak = self.peak_tasks_per_s(feature)
        at_ns = float(start_ns)
        while (at_ns := at_ns + rng.expovariate(peak) * SECOND_NS) < end_ns:
            if rng.random() * peak >= self.tasks_per_s(feature, int(at_ns)):
                continue
            task = play(feature, rng, int(at_ns))
            if task.ended_at_ns < end_ns:
                yield task


@cache
def calls_per_task(feature: Feature) -> float:
    """Mean number of model calls of one ordinary task."""
    return len(_sampled_calls(feature)) / SAMPLE_TASKS


@cache
def usd_per_task(feature: Feature) -> float:
    """Mean price of one ordinary task; 0.0 where no price is known."""
    calls = _sampled_calls(feature)
    costs = [cost_of(call, _PRICED_AT_NS) for call in calls[:SAMPLE_TASKS]]
    return float(sum((cost or Decimal(0) for cost in costs), Decimal(0))) / len(costs) * calls_per_task(feature)


@cache
def _sampled_calls(feature: Feature) -> tuple[Call, ...]:
    rng = Random(f"expect/{feature.tenant}/{feature.name}")  # noqa: S311 - a workload, no secret
    tasks = [play(feature, rng, 0) for _ in range(SAMPLE_TASKS)]
    return tuple(step.call for task in tasks for step in task.steps if step.call)


_PRICED_AT_NS = 1_790_000_000 * SECOND_NS  # September 2026: all prices of the catalog are known on that day
