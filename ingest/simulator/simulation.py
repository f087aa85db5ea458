"""A whole simulation: back-dated parts (copied, played) as fast as they go, then a live part at the pace of the clock.

The same seed and the same start give the same spans, ids included. Where no time is set, the live part lasts until it
is stopped. Spans leave when they have ended: at once in the history, within a second in the live part.
"""

from __future__ import annotations

import heapq
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from opentelemetry.sdk.metrics.export import MetricExporter
from opentelemetry.sdk.trace import ReadableSpan

from ingest.simulator.backfill import DAY_NS, MINUTE_NS, Batch, fill
from ingest.simulator.catalog import FEATURES, MOVED, features_on_gpus
from ingest.simulator.dispatch import Dispatch, Exporters
from ingest.simulator.exporting import SampleSender
from ingest.simulator.fleet import EVERY_NS, Fleet
from ingest.simulator.incidents import Incident, IncidentSpec
from ingest.simulator.mechanisms import change, extra_tasks
from ingest.simulator.playback import Clock, Playback, WallClock
from ingest.simulator.tally import Tally
from ingest.simulator.tasks import SECOND_NS, Task
from ingest.simulator.tracing import Tracers
from ingest.simulator.traffic import Traffic
from ingest.simulator.truth import Truth

FOREVER_S = 10 * 365 * 86_400.0
GPU_DAYS = 7
"""So long before its end a backfill tells of GPUs, each minute: a fleet that is new, and 300 thousand points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What to play. ``live_s`` None = until stopped; ``history_s`` lies before the start, ``backfill_s`` before that.

    Raises ValueError.
    """

    calls_per_s: float
    seed: str
    backfill_s: float = 0.0
    history_s: float = 0.0
    live_s: float | None = None
    incidents: tuple[IncidentSpec, ...] = ()
    gpus: bool = False  # with a fleet of GPUs, which some features' calls run on

    def __post_init__(self) -> None:
        times_s = (self.backfill_s, self.history_s, 0.0 if self.live_s is None else self.live_s)
        if not all(map(math.isfinite, (self.calls_per_s, *times_s))) or self.calls_per_s <= 0 or min(times_s) < 0:
            raise ValueError("the rate must be more than 0, times must not be negative, and all of them finite")
        for spec in self.incidents:
            if not -self.history_s <= spec.start_s < (FOREVER_S if self.live_s is None else self.live_s):
                raise ValueError(f"{spec.kind}@{spec.start_s:g} lies outside of the history and the live part")
            if self.gpus and (spec.feature.tenant, spec.feature.name) in MOVED:
                raise ValueError(f"{spec.feature.tenant}/{spec.feature.name} runs on GPUs here: let another one fail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a simulation is: ``part`` is history or live, ``done`` the share of it, None where it has no end."""

    part: str
    done: float | None
    elapsed_s: float
    spans: int  # acknowledged so far


class Simulation:
    """One run. ``stop`` may be set from anywhere; ``truth()`` may be asked at any time."""

    def __init__(
        self,
        workload: Workload,
        exporters: Exporters[Sequence[ReadableSpan]],
        *,
        stop: threading.Event,
        clock: Clock | None = None,
        on_progress: Callable[[Progress], None] = lambda _: None,
        patience_s: float = 60.0,
        metrics: Callable[[], MetricExporter] | None = None,
        batches: Exporters[Batch] | None = None,
    ) -> None:
        """``metrics`` makes what sends samples of GPUs, ``batches`` what sends a backfill; without, there is none."""
        self._workload = workload
        self._stop = stop
        self._clock = clock or WallClock(stop)
        self._on_progress = on_progress
        self._incidents: list[Incident] = []
        self._tally = Tally()
        self._fleet = Fleet(workload.calls_per_s) if workload.gpus and metrics else None
        self._samples = SampleSender(metrics, patience_s=patience_s) if self._fleet and metrics else None
        self._seen_ns = 0
        self._batches, self._patience_s = batches, patience_s
        self._dispatch = Dispatch(exporters, self._acknowledge, patience_s=patience_s)
        self._tracers = Tracers(Random(f"{workload.seed}/ids"), self._dispatch.hand_over)  # noqa: S311 - no secret

    def run(self) -> Truth:
        """Play both parts and wait until everything has arrived. Raises GatewayUnreachable."""
        try:
            history_ns = self._clock.now_ns() - int(self._workload.history_s * SECOND_NS)
            self._fill(history_ns)
            now_ns = self._clock.now_ns()
            self._play("history", history_ns, now_ns, origin_ns=now_ns)
            now_ns = self._clock.now_ns()
            live_s = FOREVER_S if self._workload.live_s is None else self._workload.live_s
            self._play("live", now_ns, now_ns + int(live_s * SECOND_NS), origin_ns=now_ns)
        finally:
            self._dispatch.close()
            if self._samples:
                self._samples.close()
        return self.truth()

    def truth(self) -> Truth:
        """What was acknowledged up to now."""
        truth = self._tally.truth()
        return replace(truth, gpus=self._fleet.truth()) if self._fleet else truth

    def _fill(self, end_ns: int) -> None:
        """Send the part before the history, up to ``end_ns``, and wait until it has arrived."""
        start_ns = end_ns - int(self._workload.backfill_s * SECOND_NS)
        if start_ns == end_ns or self._batches is None:
            return

        def goes_on(at_ns: int) -> bool:
            self._on_progress(self._progress("backfill", start_ns, end_ns, at_ns))
            return not self._stop.is_set()

        gpus_ns = max(start_ns, end_ns - GPU_DAYS * DAY_NS)
        dispatch = Dispatch(self._batches, self._acknowledge_copies, patience_s=self._patience_s)

        def send(tenant: str, batch: Batch) -> None:
            if self._fleet:
                for task, starts_ns in batch.copies:
                    self._fleet.watch(task, starts_ns[starts_ns >= gpus_ns].tolist())
            dispatch.hand_over(tenant, batch)

        def sample(last_ns: int) -> None:
            self._sample(last_ns, MINUTE_NS)

        try:
            self._sample(gpus_ns)
            fill(self._traffic("backfill"), start_ns, end_ns, send, goes_on=goes_on, day_sent=sample)
            dispatch.drain()
        finally:
            dispatch.close()

    def _play(self, part: str, start_ns: int, end_ns: int, *, origin_ns: int) -> None:
        """Play one part and wait until it has arrived."""
        if start_ns == end_ns or self._stop.is_set():
            return
        self._schedule(part, origin_ns, end_ns)
        self._seen_ns = start_ns
        self._sample(start_ns)
        playback = Playback(
            self._tracers,
            self._tally,
            clock=self._clock if part == "live" else None,
            stopped=self._stop.is_set,
            on_tick=lambda at_ns: self._tick(at_ns, self._progress(part, start_ns, end_ns, at_ns)),
        )
        playback.play(self._tasks(part, start_ns, end_ns), end_ns)
        if not self._stop.is_set():
            self._sample(end_ns)
        self._tracers.flush()
        self._dispatch.drain()

    def _schedule(self, part: str, origin_ns: int, end_ns: int) -> None:
        """Give the incidents of this part their times, within it."""
        for spec in self._workload.incidents:
            if (spec.start_s < 0) is (part == "history"):
                self._incidents.append(spec.at(origin_ns, index=len(self._incidents), until_ns=end_ns))
                self._tally.watch(self._incidents[-1])

    def _tasks(self, part: str, start_ns: int, end_ns: int) -> Iterator[Task]:
        """Ordinary tasks as the incidents change them, and those that the incidents add, by start."""
        traffic = self._traffic(part)
        incidents = [incident for incident in self._incidents if start_ns <= incident.started_at_ns < end_ns]
        extra = [extra_tasks(incident, traffic) for incident in incidents]
        for task in heapq.merge(traffic.tasks(start_ns, end_ns), *extra, key=lambda task: task.started_at_ns):
            changed = task
            for incident in incidents:
                changed = change(changed, incident)
            if changed.ended_at_ns < end_ns:
                self._seen_ns = task.started_at_ns
                if self._fleet:
                    self._fleet.watch(changed)
                yield changed

    def _traffic(self, part: str) -> Traffic:
        features = features_on_gpus() if self._fleet else FEATURES
        seed = f"{self._workload.seed}/{part}"
        return Traffic(calls_per_s=self._workload.calls_per_s, seed=seed, features=features)

    def _tick(self, at_ns: int, progress: Progress) -> None:
        self._sample(min(at_ns, self._seen_ns))
        self._on_progress(progress)

    def _sample(self, at_ns: int, every_ns: int = EVERY_NS) -> None:
        """Let the fleet come to a time up to which all its tasks are known."""
        if self._fleet and self._samples:
            self._fleet.advance(at_ns, every_ns)
            if samples := self._fleet.take_samples():
                self._samples.send(samples)

    def _acknowledge(self, spans: Sequence[ReadableSpan]) -> None:
        self._tally.acknowledge(span.context.span_id for span in spans if span.context)

    def _acknowledge_copies(self, batch: Batch) -> None:
        for task, starts_ns in batch.copies:
            self._tally.acknowledge_copies(task, starts_ns.tolist())

    def _progress(self, part: str, start_ns: int, end_ns: int, at_ns: int) -> Progress:
        endless = part == "live" and self._workload.live_s is None
        done = None if endless else min(1.0, (at_ns - start_ns) / (end_ns - start_ns))
        return Progress(part=part, done=done, elapsed_s=(at_ns - start_ns) / SECOND_NS, spans=self._tally.spans)
