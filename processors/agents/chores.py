"""What one worker does for all: the lake's upkeep and its settlements, at low priority in a thread of their own.

It is the worker that reads partition 0 of the spans' topic. Nothing breaks where two do it at once, as they may while
partitions move: see ``warehouse.lake.upkeep`` and ``warehouse.settle``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import faust

from warehouse.errors import WarehouseError

log = logging.getLogger("spanledger.chores")

NICE = 10
Stop = Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """What to do again and again; where it raises WarehouseError, the next time tries again.

    ``do`` is given the time and a question to ask now and then: whether to leave off, because the worker stops.
    """

    what: str
    every_s: float
    do: Callable[[datetime, Stop], object]


def add_chores(app: faust.App, topic: faust.TopicT, chores: Sequence[Chore]) -> None:
    """Register a clock for each chore on the app; one is done at a time."""
    first = faust.types.TP(topic.get_topic_name(), 0)
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chores", initializer=_be_nice)
    for chore in chores:
        app.task(_clock(app, first, thread, chore))


def _clock(app: faust.App, first: object, thread: ThreadPoolExecutor, chore: Chore) -> Callable[[], object]:
    async def keep() -> None:
        while not app.should_stop:
            await asyncio.sleep(chore.every_s)
            if first in app.consumer.assignment():
                await attempt(chore, thread, lambda: bool(app.should_stop))

    return keep


async def attempt(chore: Chore, thread: ThreadPoolExecutor, stop: Stop) -> None:
    """Do it once; while the lake is away the next time tries again."""
    try:
        await asyncio.get_running_loop().run_in_executor(thread, chore.do, datetime.now(UTC), stop)
    except WarehouseError as error:
        log.warning("cannot %s now, trying again: %s", chore.what, error)


def _be_nice() -> None:
    """Let the flushes go first; on Linux a thread has a priority of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
