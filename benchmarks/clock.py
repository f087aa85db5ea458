"""What something costs: CPU seconds of this whole process, all its threads, and wall seconds; and where it ran."""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds of CPU (user and system, all threads) and of the wall clock."""

    cpu_s: float
    wall_s: float


def cost_of(act: Callable[[], object]) -> Cost:
    """Run once and measure. Garbage of whoever ran before is collected first."""
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return Cost(cpu_s=time.process_time() - cpu, wall_s=time.perf_counter() - wall)


def median(costs: Iterable[Cost]) -> Cost:
    """The medians of both clocks."""
    kept = list(costs)
    return Cost(
        cpu_s=statistics.median(one.cpu_s for one in kept), wall_s=statistics.median(one.wall_s for one in kept)
    )


def machine() -> str:
    """One line for a result's head: processor, cores, load before the measurement, Python."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    where = f"{next(names, platform.machine())}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    return f"{where}, Python {platform.python_version()}"
