"""The alerts agent: commit notices wake the watcher, and so does a clock, because a notice is only a hint."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import faust

from alerts.watch import Watcher
from warehouse.errors import LakeUnavailable

log = logging.getLogger("spanledger.alerts")

WAKE_EVERY_S = 5.0
REST_S = 1.0  # between two looks, however many notices come


def add_alerts_agent(app: faust.App, topic: faust.TopicT, watcher: Watcher) -> None:
    """Register the agent and its clock; only the worker that owns the notices' one partition judges."""
    wake = asyncio.Event()

    @app.agent(topic, name="alerts")
    async def notices(stream: Any) -> AsyncIterator[None]:
        async for _ in stream:
            wake.set()
            yield

    async def watch() -> None:
        while not app.should_stop:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), timeout=WAKE_EVERY_S)
            wake.clear()
            if faust.types.TP(topic.get_topic_name(), 0) in app.consumer.assignment():
                await look(watcher)
            await asyncio.sleep(REST_S)

    app.task(watch)


async def look(watcher: Watcher) -> None:
    """One step of the watcher; while the lake is away the next step tries again."""
    try:
        await asyncio.to_thread(watcher.step, datetime.now(UTC))
    except LakeUnavailable as error:
        log.warning("cannot judge now, trying again: %s", error)
