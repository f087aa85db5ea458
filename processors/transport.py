"""Faust's Kafka transport with a shorter fetch, and with an intake that is counted in bytes.

aiokafka keeps one fetch per broker in flight, and a partition whose records were just handed over is not part of it: a
record that comes there waits until that fetch has ended, which takes ``fetch_max_wait_ms`` where the other partitions
are silent. Faust has 1500 ms of that written into its code; a span must be visible within 5 s.

Faust counts messages, and its ``pause_partitions`` takes partitions out of the set that a waiting fetch looks at: where
the set becomes empty, that fetch returns the records of all partitions, which are then thrown away while the position
has passed them. So the partitions are paused in aiokafka itself, which then fetches nothing, keeps what it has fetched
and goes on with its heartbeats; and Faust asks for no records until they are resumed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver

from processors.intake import OVERHEAD_BYTES, Intake

FETCH_WAIT_MS = 250
FETCH_BYTES = 16 * 1024 * 1024
"""Of one answer of a broker; a larger message comes alone."""

BATCH_BYTES = 8 * 1024 * 1024
"""Unpacked messages that Faust gets at once; the last one may go beyond."""

RECOUNT_S = 0.5


class FetchThread(driver.AIOKafkaConsumerThread):
    """Creates the consumer as Faust does, with our wait and our sizes."""

    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001 -- it has no setting; a test holds its effect
        consumer._fetch_max_bytes = FETCH_BYTES  # noqa: SLF001 -- the same
        return consumer

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: set[faust.types.TP],
        timeout: float | None = None,  # noqa: ASYNC109 -- Faust's name
        max_records: int | None = None,  # noqa: ARG002 -- bytes count here
    ) -> Mapping[faust.types.TP, list[Any]]:
        """Records of BATCH_BYTES, unpacked one by one: compressed ones may be many times what was fetched."""
        batch: dict[faust.types.TP, list[Any]] = {}
        size = 0
        while size < BATCH_BYTES:
            found = await super()._fetch_records(
                consumer, active_partitions, timeout=0 if batch else timeout, max_records=1
            )
            if not found:
                break
            for partition, records in found.items():
                batch.setdefault(partition, []).extend(records)
                size += sum(len(record.value or b"") + OVERHEAD_BYTES for record in records)
        return batch

    def pause(self, *, paused: bool) -> None:
        """Pause or resume all partitions that are assigned, in the thread of the consumer; returns at once."""
        with contextlib.suppress(RuntimeError):  # its loop is closed: the worker has stopped
            self.thread_loop.call_soon_threadsafe(self._pause, paused)

    def _pause(self, paused: bool) -> None:
        consumer = self._consumer
        if consumer is not None:
            (consumer.pause if paused else consumer.resume)(*consumer.assignment())


class Consumer(driver.Consumer):
    """Runs a FetchThread; counts what it hands over and what is acknowledged, and waits while the intake is closed."""

    _thread: FetchThread

    def __init__(self, transport: Transport, *args: Any, **options: Any) -> None:
        self._intake = transport.intake
        self._paused = False
        self._open = asyncio.Event()
        super().__init__(transport, *args, **options)

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return FetchThread(self, loop=self.loop, beacon=self.beacon)

    def _to_message(self, tp: faust.types.TP, record: Any) -> Any:
        message = super()._to_message(tp, record)
        self._intake.take(message)
        self._follow()
        return message

    def ack(self, message: Any) -> bool:
        """Acknowledge a message, which is then no longer in hand."""
        done = super().ack(message)
        self._intake.give(message)
        self._follow()
        return done

    async def on_partitions_assigned(self, assigned: set[faust.types.TP], generation_id: int = 0) -> None:
        """Take partitions over; new ones are not paused yet."""
        await super().on_partitions_assigned(assigned, generation_id)
        if self._paused:
            self._thread.pause(paused=True)

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109 -- Faust's name
        while self._paused and not self.should_stop:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._open.wait(), RECOUNT_S)
            self._intake.recount()
            self._follow()
        return await super()._wait_next_records(timeout)

    def _follow(self) -> None:
        """Pause or resume the partitions where the intake has closed or opened."""
        if self._intake.closed != self._paused:
            self._paused = self._intake.closed
            self._thread.pause(paused=self._paused)  # before anyone is woken: a paused partition gives no records
            (self._open.clear if self._paused else self._open.set)()


class Transport(driver.Transport):
    """Makes such consumers."""

    Consumer = Consumer
    intake: Intake[Any]


def transport(app: faust.App, intake: Intake[Any]) -> Transport:
    """The transport of an app; set it as ``app.transport`` before anything uses it."""
    made = Transport(app.conf.broker_consumer, app, loop=app.loop)
    made.intake = intake
    return made
