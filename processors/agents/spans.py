"""The agents of spans and of logs: gather Kafka messages, flush them in a thread, acknowledge what is durable.

Both topics share one ``FlushLoop``, so one commit takes what has come of either; each has a stream, and so a buffer, of
its own: a flood of logs does not stand before the spans.

``noack_take`` hands over messages unacknowledged; they are acknowledged in order after the lake has them. A poison
message never crashes the agent (it is dead-lettered inside the flush); a lake or broker that is away makes it back off
and try again, without acknowledging anything, until that clears. Anything else crashes the worker, and its supervisor
restarts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import faust
from faust.types import TP

from ingest.errors import BrokerUnavailable
from processors.flush import Flushed, Flusher
from processors.intake import Intake
from processors.messages import Message
from processors.pending import Pending, Stream
from warehouse.errors import LakeUnavailable
from warehouse.lake import PartlyCommitted

log = logging.getLogger("spanledger.worker")

TAKE_MESSAGES = 64
TAKE_WITHIN_S = 0.1
TICK_S = 0.1
BACK_OFF_S = (0.5, 1.0, 2.0, 5.0, 10.0)


def as_message(event: faust.EventT[Any]) -> Message:
    """One Kafka record as the engine knows it."""
    record = event.message
    headers = {name: bytes(value) for name, value in _pairs(record.headers) if value is not None}
    tenants = _text(headers.get("spanledger-tenants"))
    return Message(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        received_at_us=round(record.timestamp * 1000) * 1000,
        value=record.value or b"",
        tenant=_text(headers.get("spanledger-tenant")),
        principal=_text(headers.get("spanledger-principal")),
        tenants=tuple(tenants.split(",")) if tenants is not None else None,
        content_type=_text(headers.get("content-type")),
        gpus="spanledger-gpus" in headers,
    )


@dataclass(slots=True, kw_only=True)
class FlushLoop:
    """Pending messages, and the one flush at a time that takes them to the lake.

    All in one thread: allocators keep memory for each thread, and the next flush uses what the last one has freed.
    """

    app: faust.App
    flusher: Flusher
    pending: Pending[faust.EventT[Any]]
    intake: Intake[Any]
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="flush"))

    async def arrive(self, events: Iterable[faust.EventT[Any]]) -> None:
        """Take in events, also while a flush runs: the intake holds the consumer back."""
        arrived = [(as_message(event), event) for event in events]
        sizes: dict[str, list[int]] = {}
        for message, _ in arrived:
            sizes.setdefault(message.topic, []).append(len(message.value))
        for topic, each in sizes.items():  # once for all of them: a call costs as much as a tenth of a message
            self.flusher.metrics.count("received_messages", len(each), topic=topic)
            self.flusher.metrics.count("received_bytes", sum(each), topic=topic)
        self.pending.add(arrived)
        self._show()
        if self.pending.full:
            self.wake.set()

    async def tick(self) -> None:
        """Flush what is enough or has waited long enough.

        All of it where the intake is closed, since nothing more would come, and when the worker stops, since Faust
        waits for the acknowledgements.
        """
        self.wake.clear()
        if self.pending.due or (self.pending.count and (self.intake.closed or self.app.should_stop)):
            await self.flush()
        self._show()

    async def flush(self) -> None:
        """Flush what waits now, until no more of it can be committed; back off while lake or broker are away.

        As much at a time as makes a flush. Where nothing of that could be taken, all that waits: a range that a crash
        left is taken whole or not at all. What arrives meanwhile goes along where it can, else it waits for the next
        flush: steady traffic must not make one flush follow on another.
        """
        attempt, ends, choose = 0, self.pending.ends(), self.pending.enough
        while self.pending.has_before(ends):
            try:
                flushed = await self._flush_once(choose())
            except PartlyCommitted as error:
                log.info("another worker came in between: %s", error)
                continue
            except (LakeUnavailable, BrokerUnavailable) as error:
                if not await self._back_off(error, attempt):
                    return
                attempt += 1
                continue
            if self._acknowledge(flushed):
                choose = self.pending.enough
            elif choose == self.pending.enough:
                choose = self.pending.everything
            else:
                self._make_room()
                return

    async def _flush_once(self, batches: Mapping[Stream, list[Message]]) -> Flushed:
        ends = {stream: self._end(stream) for stream in batches}
        loop = asyncio.get_running_loop()
        flushed = await loop.run_in_executor(self.thread, self.flusher.flush, batches, ends)
        self._measure(batches, flushed, ends)
        return flushed

    def _acknowledge(self, flushed: Flushed) -> bool:
        """Step 5: acknowledge in order, and say whether anything was."""
        events = [e for stream, before in flushed.released.items() for e in self.pending.release(stream, before)]
        for event in events:
            event.ack()
        self._show()
        if flushed.ranges:
            log.info(
                "flushed spans=%d billable=%d partitions=%d seconds=%.3f",
                flushed.spans, flushed.billable, flushed.ranges, flushed.duration_s,
            )  # fmt: skip
        return bool(events)

    def _make_room(self) -> None:
        """Where nothing could be taken: a range that a crash left has not arrived whole, and it must."""
        if self.intake.closed:
            log.warning("a range is larger than what is held, taking more held_bytes=%d", self.intake.held)
            self.intake.widen()

    def _show(self) -> None:
        self.flusher.metrics.gauge("pending_bytes", self.pending.bytes)
        self.flusher.metrics.gauge("held_bytes", self.intake.held)

    async def _back_off(self, error: Exception, attempt: int) -> bool:
        """Wait before the next try; False = the worker is stopping, and Kafka will deliver again."""
        wait_s = BACK_OFF_S[min(attempt, len(BACK_OFF_S) - 1)]
        log.warning("cannot commit, nothing is lost, trying again in %.1f s: %s", wait_s, error)
        self.flusher.metrics.count("flushes", 1, outcome="unavailable")
        until = time.monotonic() + wait_s
        while time.monotonic() < until:
            if self.app.should_stop or self.app.consumer.should_stop:
                self.pending.clear()
                return False
            await asyncio.sleep(TICK_S)
        return True

    def _end(self, stream: Stream) -> int:
        highwater = self.app.consumer.highwater(TP(*stream))
        return int(highwater) if highwater is not None else 0

    def _measure(self, batches: Mapping[Stream, list[Message]], flushed: Flushed, ends: Mapping[Stream, int]) -> None:
        for stream, messages in batches.items():
            labels = {"topic": stream[0], "partition": str(stream[1])}
            before = flushed.released.get(stream, 0)
            self.flusher.metrics.gauge("lag_messages", max(0, ends[stream] - before), **labels)
            done = [m.received_at_us for m in messages if m.offset < before]
            if done:
                self.flusher.metrics.gauge("freshness_seconds", time.time() - max(done) / 1e6, **labels)


def add_otlp_agent(app: faust.App, topic: faust.TopicT, loop: FlushLoop, *, name: str) -> None:
    """Register an agent that hands the messages of a topic to the loop."""

    @app.agent(topic, name=name)
    async def gather(stream: Any) -> AsyncIterator[None]:
        async for events in stream.noack_take(TAKE_MESSAGES, within=TAKE_WITHIN_S):
            await loop.arrive(events)
            yield


def add_flush_ticker(app: faust.App, loop: FlushLoop) -> None:
    """Register the clock of the loop on the app: all flushes run here, one at a time."""

    async def flush_ticker() -> None:
        while True:  # until it is cancelled, after the consumer has been drained
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(loop.wake.wait(), TICK_S)
            await loop.tick()

    app.task(flush_ticker)


def _pairs(headers: Any) -> Iterable[tuple[str, bytes | None]]:
    if not headers:
        return ()
    pairs: Iterable[tuple[str, bytes | None]] = headers.items() if isinstance(headers, Mapping) else headers
    return pairs


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")
