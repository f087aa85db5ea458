"""What other processes cost, from /proc: CPU seconds and memory of a process and its children."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pids: Sequence[int]) -> float:
    """User and system seconds of processes, their threads and their children, also of children that have ended."""
    return sum(_ticks(pid) for root in pids for pid in (root, *children(root))) / TICKS_PER_S


def peak_mib(pid: int) -> float:
    """The most memory in RAM that a process itself has had."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def children(pid: int) -> list[int]:
    """All descendants that run."""
    try:
        found = [int(c) for t in Path(f"/proc/{pid}/task").iterdir() for c in (t / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [one for child in found for one in (child, *children(child))]


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(ticks) for ticks in fields[11:15])  # utime stime cutime cstime


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """How processes have worked off what waited: from their start, and between their first and last progress."""

    spans: int
    wall_s: float
    cpu_s: float
    steady_spans: int
    steady_wall_s: float
    steady_cpu_s: float
    peak_mib: tuple[float, ...]

    def as_object(self) -> dict[str, object]:
        """Rates in spans; steady ones are None where all progress was seen at once."""
        steady = self.steady_spans or None
        return {
            "spans": self.spans,
            "wall_s": round(self.wall_s, 2),
            "cpu_s": round(self.cpu_s, 2),
            "spans_per_cpu_s": round(self.spans / self.cpu_s),
            "steady_spans_per_cpu_s": steady and round(steady / self.steady_cpu_s),
            "steady_spans_per_s": steady and round(steady / self.steady_wall_s),
            "peak_mib": [round(mib) for mib in self.peak_mib],
        }


def watch_drain(
    pids: Sequence[int], progress: Callable[[], int], spans: int, *, within_s: float, poll_s: float = 0.25
) -> Drained:
    """Sample until ``progress`` (spans that are done) is at ``spans``. Raises TimeoutError."""
    began = time.monotonic()
    seen: list[tuple[float, float, int]] = []
    while not seen or seen[-1][2] < spans:
        done = progress()
        if not seen or done != seen[-1][2]:
            seen.append((time.monotonic() - began, cpu_s(pids), done))
        if time.monotonic() - began > within_s:
            raise TimeoutError(f"{done:,} of {spans:,} spans after {within_s:.0f} s")
        time.sleep(poll_s)
    moved = [one for one in seen if one[2] > 0]
    first, last = moved[0], moved[-1]
    return Drained(
        spans=spans,
        wall_s=last[0],
        cpu_s=last[1],
        steady_spans=last[2] - first[2],
        steady_wall_s=last[0] - first[0],
        steady_cpu_s=last[1] - first[1],
        peak_mib=tuple(peak_mib(pid) for pid in pids),
    )


@dataclass(slots=True)
class Sampled:
    """Calls a function again and again in a thread, and keeps when it was called and what it said."""

    look: Callable[[], object]
    every_s: float
    seen: list[tuple[float, object]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            said = self.look()
            self.seen.append((time.monotonic(), said))
            self._stop.wait(self.every_s)
