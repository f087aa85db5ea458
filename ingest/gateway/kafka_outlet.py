"""The way out to Kafka: an idempotent producer, its acknowledgements as futures, and another one when it is stuck.

kafka-python is thread based and may block: ``send`` waits for metadata and for the sender thread's locks. So one thread
of our own hands records over, in order, and the sender thread's callbacks wake the event loop.

A producer that has given up a batch it had sent before never gets a producer id again (kafka-python 3.0.12: in state
READY, ``init_producer_id`` does nothing after ``reset_producer_id``), and one that meets a wiped cluster is fenced for
good. So a producer without any acknowledgement for longer than a client waits is dropped, which fails what it still
holds, and a new one is made. Until that succeeds, records are refused at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from ingest.delivery import end_producer
from ingest.errors import IngestError
from ingest.gateway.outlet import Record
from ingest.gateway.refusals import Reason, Refused

RETRY_AFTER_S = 2.0
WATCH_S = 0.5
RECONNECT_S = 1.0

log = logging.getLogger(__name__)


class KafkaOutlet:
    """Sends to Kafka. ``connect`` opens a producer, blocking, or raises an IngestError."""

    def __init__(self, connect: Callable[[], Any], *, ack_timeout_s: float) -> None:
        self._connect = connect
        self._ack_timeout_s = ack_timeout_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gateway-outlet")
        self._producer: Any = None
        self._pending = 0
        self._unanswered_since: float | None = None
        self._watching: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect for the first time; raises an IngestError."""
        self._producer = await asyncio.to_thread(self._connect)
        self._watching = asyncio.create_task(self._watch())

    def send(self, record: Record) -> asyncio.Future[None]:
        """Queue for the outlet's thread; what waited there longer than the client would is not sent any more."""
        loop = asyncio.get_running_loop()
        settled: asyncio.Future[None] = loop.create_future()
        if self._producer is None:
            settled.set_exception(unavailable())
            return settled
        sent_at = loop.time()
        self._pending += 1
        self._unanswered_since = self._unanswered_since or sent_at

        def settle(refused: Refused | None) -> None:
            loop.call_soon_threadsafe(self._settle, settled, refused)

        def is_late() -> bool:
            return loop.time() > sent_at + self._ack_timeout_s

        self._thread.submit(_hand_over, self._producer, record, is_late, settle)
        return settled

    async def close(self, timeout_s: float) -> None:
        """Send what is left, for so long, then end the producer."""
        if self._watching is not None:
            self._watching.cancel()
        producer, self._producer = self._producer, None
        if producer is not None:
            await asyncio.to_thread(end_producer, producer, timeout_s)
        self._thread.shutdown(wait=False)

    def _settle(self, settled: asyncio.Future[None], refused: Refused | None) -> None:
        self._pending -= 1
        if refused is None or refused.reason is Reason.TOO_LARGE:  # either way Kafka has answered
            self._unanswered_since = asyncio.get_running_loop().time() if self._pending else None
        if refused is None:
            settled.set_result(None)
        else:
            settled.set_exception(refused)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(WATCH_S)
            since = self._unanswered_since
            if since is not None and loop.time() - since > self._ack_timeout_s + WATCH_S:
                await self._replace()

    async def _replace(self) -> None:
        log.warning("kafka does not acknowledge, new producer pending=%s", self._pending)
        producer, self._producer = self._producer, None
        await asyncio.to_thread(end_producer, producer, 0.0)
        while self._producer is None:
            try:
                self._producer = await asyncio.to_thread(self._connect)
            except IngestError as error:
                log.warning("kafka is away: %s", error)
                await asyncio.sleep(RECONNECT_S)
        self._unanswered_since = None
        log.warning("kafka is back")


def unavailable() -> Refused:
    """Refuse for Kafka's sake; the client may come again."""
    return Refused(Reason.KAFKA, "Kafka did not acknowledge the data in time", retry_after_s=RETRY_AFTER_S)


def _hand_over(
    producer: Any, record: Record, is_late: Callable[[], bool], settle: Callable[[Refused | None], None]
) -> None:
    if is_late():
        settle(unavailable())
        return
    try:
        sent = producer.send(record.topic, value=record.value, key=record.key, headers=record.headers)
    except KafkaError as error:
        settle(_refusal(error))
        return
    sent.add_callback(lambda _: settle(None))
    sent.add_errback(lambda error: settle(_refusal(error)))


def _refusal(error: BaseException) -> Refused:
    if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError):
        return Refused(Reason.TOO_LARGE, "Kafka does not take a record of this size: send smaller batches")
    return unavailable()
