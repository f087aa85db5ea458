"""The lake's upkeep in the worker: a thread of its own, at low priority, where the spans' partition 0 is read.

Nothing breaks where two workers do it at once, as they may while partitions move: see ``warehouse.lake.upkeep``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import faust

from warehouse.errors import WarehouseError
from warehouse.lake.upkeep import Upkeep

log = logging.getLogger("spanledger.upkeep")

NICE = 10


def add_upkeep(app: faust.App, topic: faust.TopicT, upkeep: Upkeep) -> None:
    """Register the clock of the upkeep on the app; what a stop interrupts is an orphan file, no more."""
    first = faust.types.TP(topic.get_topic_name(), 0)
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="upkeep", initializer=_be_nice)
    upkeep.stop = lambda: bool(app.should_stop)

    async def keep() -> None:
        while not app.should_stop:
            await asyncio.sleep(upkeep.settings.upkeep_seconds)
            if first in app.consumer.assignment():
                await look_after(upkeep, thread)

    app.task(keep)


async def look_after(upkeep: Upkeep, thread: ThreadPoolExecutor) -> None:
    """One pass; while the lake is away the next one tries again."""
    try:
        await asyncio.get_running_loop().run_in_executor(thread, upkeep.step, datetime.now(UTC))
    except WarehouseError as error:
        log.warning("cannot look after the lake now, trying again: %s", error)


def _be_nice() -> None:
    """Let the flushes go first; on Linux a thread has a priority of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
