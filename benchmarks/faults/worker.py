"""A worker on a bad machine: ``python -m benchmarks.faults.worker`` is ``spanledger worker`` with these variables.

``TORTURE_SLOW_S``    a disk that takes up to so many seconds longer for every step of a flush
``TORTURE_DIE_AT``    the step of a flush after which the process kills itself with signal 9
``TORTURE_SHUFFLE``   what the consumer hands over comes in any order, and some of it twice
``TORTURE_CLOCK``     a file with seconds: the wall clock is wrong by that much; it may change at any time. Python's
                      clock only: libfaketime, which would reach Rust too, breaks the event loop (EINVAL; 0.9.10)
"""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from processors.agents.spans import FlushLoop
from processors.run import run_worker
from spanledger.settings import load

WALL, WALL_NS = time.time, time.time_ns
OURS = ("processors", "warehouse", "alerts", "ingest", "spanledger")


class _Named(type(dt.datetime)):  # type: ignore[misc]
    """Real datetimes are instances of the wrong clock's class, so that nothing else changes."""

    def __instancecheck__(cls, one: object) -> bool:
        return isinstance(one, dt.datetime)


def set_clock(file: Path) -> None:
    """Let ``time.time``, ``time.time_ns`` and, in our modules, ``datetime.now`` be wrong by the seconds in the file."""

    def shift_s() -> float:
        return float(file.read_text(encoding="utf-8") or 0)

    class Wrong(dt.datetime, metaclass=_Named):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return dt.datetime.fromtimestamp(WALL() + shift_s(), tz)

    time.time = lambda: WALL() + shift_s()
    time.time_ns = lambda: WALL_NS() + round(shift_s() * 1e9)
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in OURS and getattr(module, "datetime", None) is dt.datetime:
            module.datetime = Wrong  # type: ignore[attr-defined]


def shuffle_arrivals(chance: random.Random) -> None:
    """What one take of the stream gives arrives in another order, with repeats."""
    arrive = FlushLoop.arrive

    async def shuffled(self: FlushLoop, events: Iterable[Any]) -> None:
        given = list(events)
        given += chance.sample(given, len(given) // 4)
        chance.shuffle(given)
        await arrive(self, given)

    FlushLoop.arrive = shuffled  # type: ignore[method-assign]


def on_step(name: str) -> None:
    """Be slow, or die."""
    time.sleep(random.uniform(0, float(os.environ.get("TORTURE_SLOW_S", "0"))))
    if name == os.environ.get("TORTURE_DIE_AT"):
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    """Run until SIGTERM, a crash, or the step to die at."""
    settings = load()
    if "TORTURE_CLOCK" in os.environ:
        set_clock(Path(os.environ["TORTURE_CLOCK"]))
    if "TORTURE_SHUFFLE" in os.environ:
        shuffle_arrivals(random.Random(os.environ["TORTURE_SHUFFLE"]))
    return run_worker(
        kafka=settings.kafka,
        worker=settings.worker,
        lake=settings.lake,
        alerts=settings.alerts,
        data=settings.data,
        metrics_port=0,
        on_step=on_step,
    )


if __name__ == "__main__":
    sys.exit(main())
