"""A fleet of GPUs that the calls of self-hosted models run on, sampled as exporters would, and the truth of its time.

Two GPUs of one pod serve Orion together, a third runs a batch that no span tells of, a fourth idles. A call works on
its server's GPUs evenly over its time, in proportion to its weighted tokens; where all calls of a moment would take
more than a whole GPU, each gets its part. Samples are shares of the time since the one before.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ingest.simulator.catalog import ORION
from ingest.simulator.tasks import SECOND_NS, Call, Task
from ingest.simulator.truth import GpuLine

EVERY_NS = 15 * SECOND_NS
WORK_S = 2e-4
"""Seconds of each GPU that a weighted token takes where the fleet serves a simulation of one call a second.

One of more calls has a faster model, so that the GPUs are as busy.
"""
OUTPUT_WEIGHT, CACHED_WEIGHT = 3.0, 0.125
KV_TOKENS = 400_000
"""Tokens that the server has room for."""
_BATCH_SHARE, _BATCH_SWING, _BATCH_PERIOD_S = 0.4, 0.2, 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU; ``does``: ``serve``, ``batch`` or nothing."""

    uuid: str
    index: int
    host: str
    pod: str
    does: str
    model: str = "NVIDIA H100 80GB HBM3"
    memory_mib: int = 81_559


GPUS = (
    Gpu(uuid="GPU-51a0c0de-0000-4000-8000-000000000000", index=0, host="gpu-node-1", pod="orion-0", does="serve"),
    Gpu(uuid="GPU-51a0c0de-0000-4000-8000-000000000001", index=1, host="gpu-node-1", pod="orion-0", does="serve"),
    Gpu(uuid="GPU-51a0c0de-0000-4000-8000-000000000002", index=0, host="gpu-node-2", pod="reindex-0", does="batch"),
    Gpu(uuid="GPU-51a0c0de-0000-4000-8000-000000000003", index=1, host="gpu-node-2", pod="", does=""),
)

Key = tuple[str, str, str]
"""Tenant, feature and model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What exporters tell at ``at_ns``: ``busy`` by GPU since the sample before, and what the server does."""

    at_ns: int
    since_ns: int  # when the first sample was taken
    busy: tuple[float, ...]
    running: int
    kv_share: float
    prompt_tokens: int
    generation_tokens: int


class Fleet:
    """``watch`` all tasks by start, ``advance`` to times that all watched tasks reach, and take the ``samples``."""

    def __init__(self, calls_per_s: float) -> None:
        """``calls_per_s``: of the whole simulation."""
        self._work_s = WORK_S / calls_per_s
        self._began_ns: int | None = None
        self._at_ns = 0
        self._sampled_ns = 0
        self._coming: list[tuple[int, int, int, Key, float, Call]] = []
        self._active: list[tuple[int, int, Key, float, Call]] = []
        self._number = 0
        self._interval: defaultdict[Key, float] = defaultdict(float)
        self._served: defaultdict[Key, float] = defaultdict(float)
        self._batched_s = 0.0
        self._tokens: Counter[str] = Counter()
        self._samples: list[Sample] = []

    def watch(self, task: Task, starts_ns: Iterable[int] | None = None) -> None:
        """Calls of this task, or of its copies that start then, will run: none before what was advanced to."""
        starts_ns = [task.started_at_ns] if starts_ns is None else starts_ns
        for step in task.steps:
            if step.call and step.call.model == ORION and step.call.usage:
                lasts_ns = step.ended_at_ns - step.started_at_ns
                work = self._work_s * _weighted(step.call) * SECOND_NS / max(lasts_ns, 1)
                key = (task.feature.tenant, task.feature.name, step.call.billed_model)
                for start_ns in starts_ns:
                    at_ns = start_ns + step.started_at_ns - task.started_at_ns
                    heapq.heappush(self._coming, (at_ns, at_ns + lasts_ns, self._number, key, work, step.call))
                    self._number += 1

    def advance(self, at_ns: int, every_ns: int = EVERY_NS) -> None:
        """Let the time come to ``at_ns``, and sample on the way; the first time it is the beginning."""
        if self._began_ns is None:
            self._began_ns = self._at_ns = self._sampled_ns = at_ns
            self._sample(0)
        while self._sampled_ns + every_ns <= at_ns:
            end_ns = self._sampled_ns + every_ns
            self._work_until(end_ns)
            self._sample(end_ns - self._sampled_ns)

    def take_samples(self) -> list[Sample]:
        """The samples since this was last asked."""
        taken, self._samples = self._samples, []
        return taken

    def truth(self) -> tuple[GpuLine, ...]:
        """Whose the time of each GPU was, up to the last sample."""
        if self._began_ns is None:
            return ()
        whole_s = (self._sampled_ns - self._began_ns) / SECOND_NS
        served_s = sum(self._served.values())
        lines = []
        for gpu in GPUS:
            busy_s = {"serve": served_s, "batch": self._batched_s}.get(gpu.does, 0.0)
            if gpu.does == "serve":
                lines += [
                    GpuLine(gpu=gpu.uuid, line="used", tenant=tenant, feature=feature, model=model, seconds=seconds)
                    for (tenant, feature, model), seconds in sorted(self._served.items())
                ]
            elif gpu.does == "batch":
                lines.append(GpuLine(gpu=gpu.uuid, line="unattributed", seconds=busy_s))
            lines.append(GpuLine(gpu=gpu.uuid, line="idle", seconds=whole_s - busy_s))
        return tuple(lines)

    def _work_until(self, end_ns: int) -> None:
        """Give each call its part of the time, from one beginning or end of a call to the next."""
        while self._at_ns < end_ns:
            while self._coming and self._coming[0][0] <= self._at_ns:
                _, ended_ns, number, key, work, call = heapq.heappop(self._coming)
                heapq.heappush(self._active, (ended_ns, number, key, work, call))
                self._tokens["prompt"] += call.usage.input_tokens if call.usage else 0
            while self._active and self._active[0][0] <= self._at_ns:
                call = heapq.heappop(self._active)[-1]
                self._tokens["generation"] += call.usage.output_tokens if call.usage else 0
            events = [end_ns, *(queue[0][0] for queue in (self._coming, self._active) if queue)]
            next_ns = max(self._at_ns + 1, min(events))
            wanted = sum(entry[3] for entry in self._active)
            seconds = (next_ns - self._at_ns) / SECOND_NS / max(wanted, 1.0)
            for _, _, key, work, _ in self._active:
                self._interval[key] += work * seconds
            self._at_ns = next_ns

    def _sample(self, took_ns: int) -> None:
        """One sample of the interval, whose time is in the truth from now on."""
        self._sampled_ns += took_ns
        took_s = took_ns / SECOND_NS
        busy = min(1.0, sum(self._interval.values()) / took_s) if took_s else 0.0
        phase = math.sin(2 * math.pi * self._sampled_ns / SECOND_NS / _BATCH_PERIOD_S)
        batch = _BATCH_SHARE + _BATCH_SWING * phase if took_s else 0.0
        for key, seconds in self._interval.items():
            self._served[key] += seconds
        self._interval.clear()
        self._batched_s += batch * took_s
        held = sum(_held(entry[4]) for entry in self._active)
        self._samples.append(
            Sample(
                at_ns=self._sampled_ns,
                since_ns=self._began_ns or self._sampled_ns,
                busy=tuple({"serve": busy, "batch": batch}.get(gpu.does, 0.0) for gpu in GPUS),
                running=len(self._active),
                kv_share=min(1.0, held / KV_TOKENS),
                prompt_tokens=self._tokens["prompt"],
                generation_tokens=self._tokens["generation"],
            )
        )


def _weighted(call: Call) -> float:
    usage = call.usage
    if usage is None:
        return 0.0
    plain = usage.input_tokens - usage.cached_input_tokens
    return plain + CACHED_WEIGHT * usage.cached_input_tokens + OUTPUT_WEIGHT * usage.output_tokens


def _held(call: Call) -> int:
    return call.usage.input_tokens + call.usage.output_tokens if call.usage else 0
