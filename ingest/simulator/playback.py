"""Plays tasks against a clock: spans start with their task and end when their step does."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterable
from itertools import count
from typing import Protocol

from opentelemetry.trace import Span

from ingest.simulator.tally import Tally
from ingest.simulator.tasks import SECOND_NS, Task
from ingest.simulator.tracing import Tracers

LINGER_NS = SECOND_NS
"""Longest time that an ended span of the live part waits for its batch to fill."""


class Clock(Protocol):
    """The time, and how to wait for it."""

    def now_ns(self) -> int:
        """UTC nanoseconds."""

    def wait(self, seconds: float) -> None:
        """Return after ``seconds``, or earlier when the simulation is stopped."""


class WallClock:
    """The real time; ``stop`` cuts waits short."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def now_ns(self) -> int:
        """UTC nanoseconds."""
        return time.time_ns()

    def wait(self, seconds: float) -> None:
        """Sleep, unless stopped."""
        self._stop.wait(seconds)


class Playback:
    """One part of a simulation; no ``clock`` = as fast as it goes."""

    def __init__(
        self,
        tracers: Tracers,
        tally: Tally,
        *,
        clock: Clock | None,
        stopped: Callable[[], bool],
        on_tick: Callable[[int], None],
    ) -> None:
        self._tracers = tracers
        self._tally = tally
        self._clock = clock
        self._stopped = stopped
        self._on_tick = on_tick
        self._open: list[tuple[int, int, Span]] = []
        self._order = count()
        self._flushed_at_ns = 0

    def play(self, tasks: Iterable[Task], end_ns: int) -> None:
        """Play ``tasks`` (by start, all over before ``end_ns``); what is open when stopped is not sent."""
        for task in tasks:
            self._end_until(task.started_at_ns)
            if self._stopped():
                return
            self._begin(task)
        self._end_until(end_ns)

    def _begin(self, task: Task) -> None:
        for index, span in enumerate(self._tracers.start(task)):
            self._tally.expect(span.get_span_context().span_id, task, index)
            heapq.heappush(self._open, (task.steps[index].ended_at_ns, next(self._order), span))

    def _end_until(self, at_ns: int) -> None:
        while self._open and self._open[0][0] <= at_ns:
            ended_at_ns, _, span = heapq.heappop(self._open)
            self._reach(ended_at_ns)
            if self._stopped():
                return
            span.end(ended_at_ns)
        self._reach(at_ns)

    def _reach(self, at_ns: int) -> None:
        """Let the clock come to ``at_ns``; meanwhile batches leave that have waited long enough."""
        if self._clock is None:
            self._on_tick(at_ns)
            return
        while not self._stopped():
            now_ns = self._clock.now_ns()
            if now_ns - self._flushed_at_ns >= LINGER_NS:
                self._flushed_at_ns = now_ns
                self._tracers.flush()
                self._on_tick(now_ns)
            if now_ns >= at_ns:
                return
            self._clock.wait(min(LINGER_NS, at_ns - now_ns) / SECOND_NS)
