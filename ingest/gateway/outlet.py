"""The way out: records go to Kafka, and each has a future that Kafka's acknowledgement resolves.

kafka-python is thread based and may block: ``send`` waits for metadata and for the sender thread's locks. So one thread
of our own hands records over, in order, and the sender thread's callbacks wake the event loop.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from ingest.errors import BrokerUnavailable
from ingest.gateway.refusals import Reason, Refused
from ingest.kafka import make_producer
from ingest.settings import KafkaSettings

KAFKA_RETRY_S = 2.0
BATCH_BYTES = 512 * 1024  # under the 1 MiB that a cluster takes by default, compressed or not
RECORD_OVERHEAD_BYTES = 64 * 1024  # key, headers and framing beside the largest body


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One Kafka record to be."""

    topic: str
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


class Outlet(Protocol):
    """Where records go."""

    def send(self, record: Record) -> asyncio.Future[None]:
        """Hand a record over; the future resolves when it is stored, or fails with Refused (kafka, too_large).

        It is settled in any case, however late, and nobody may cancel it.
        """

    async def close(self, timeout_s: float) -> None:
        """Send what is left, for so long, and end."""


class MemoryOutlet:
    """Keeps records in a list; ``hold`` makes it slow, ``fail`` makes it refuse, ``arrived`` tells of the first."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.held: list[asyncio.Future[None]] = []
        self.hold = False
        self.fail: Refused | None = None
        self.arrived = threading.Event()

    def send(self, record: Record) -> asyncio.Future[None]:
        """Store at once, or when ``let_go`` is called."""
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.fail:
            settled.set_exception(self.fail)
            return settled
        self.records.append(record)
        self.arrived.set()
        if self.hold:
            self.held.append(settled)
        else:
            settled.set_result(None)
        return settled

    def let_go(self) -> None:
        """Acknowledge all that is held."""
        while self.held:
            self.held.pop().set_result(None)

    async def close(self, timeout_s: float) -> None:
        """Nothing is left."""


class KafkaOutlet:
    """Sends to Kafka with an idempotent producer, ``acks=all``."""

    def __init__(self, producer: Any, *, ack_timeout_s: float) -> None:
        self._producer = producer
        self._ack_timeout_s = ack_timeout_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gateway-outlet")

    @classmethod
    async def connect(
        cls, kafka: KafkaSettings, *, topics: list[str], ack_timeout_s: float, max_record_bytes: int
    ) -> KafkaOutlet:
        """Open a producer that knows the topics' partitions; raises BrokerUnavailable."""
        timeout_ms = int(ack_timeout_s * 1000)
        overrides = {
            "delivery_timeout_ms": timeout_ms,
            "request_timeout_ms": timeout_ms,
            "max_block_ms": timeout_ms,
            "max_request_size": max_record_bytes + RECORD_OVERHEAD_BYTES,
            "batch_size": BATCH_BYTES,
            "linger_ms": 0,
            "metrics_enabled": False,
        }
        return await asyncio.to_thread(cls._connect, kafka, topics, ack_timeout_s, overrides)

    @classmethod
    def _connect(
        cls, kafka: KafkaSettings, topics: list[str], ack_timeout_s: float, overrides: dict[str, Any]
    ) -> KafkaOutlet:
        producer = make_producer(kafka, **overrides)
        try:
            for topic in topics:
                producer.partitions_for(topic)
        except KafkaError as error:
            producer.close(timeout=0)
            raise BrokerUnavailable(f"Kafka at {kafka.bootstrap} does not describe its topics: {error}") from error
        return cls(producer, ack_timeout_s=ack_timeout_s)

    def send(self, record: Record) -> asyncio.Future[None]:
        """Queue for the outlet's thread; what waited there longer than the client would is not sent any more."""
        loop = asyncio.get_running_loop()
        settled: asyncio.Future[None] = loop.create_future()
        deadline = loop.time() + self._ack_timeout_s

        def settle(refused: Refused | None) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, settled, refused)

        self._thread.submit(self._hand_over, record, lambda: loop.time() > deadline, settle)
        return settled

    def _hand_over(self, record: Record, is_late: Callable[[], bool], settle: Callable[[Refused | None], None]) -> None:
        if is_late():
            settle(_unavailable())
            return
        try:
            sent = self._producer.send(record.topic, value=record.value, key=record.key, headers=record.headers)
        except KafkaError as error:
            settle(_refusal(error))
            return
        sent.add_callback(lambda _: settle(None))
        sent.add_errback(lambda error: settle(_refusal(error)))

    async def close(self, timeout_s: float) -> None:
        """Flush for so long, then close the producer."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, functools.partial(self._producer.close, timeout=timeout_s))
        self._thread.shutdown(wait=False)


def _settle(settled: asyncio.Future[None], refused: Refused | None) -> None:
    if refused is None:
        settled.set_result(None)
    else:
        settled.set_exception(refused)


def _refusal(error: BaseException) -> Refused:
    if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError):
        return Refused(Reason.TOO_LARGE, "Kafka does not take a record of this size: send smaller batches")
    return _unavailable()


def _unavailable() -> Refused:
    return Refused(Reason.KAFKA, "Kafka did not acknowledge the data in time", retry_after_s=KAFKA_RETRY_S)
